//! Clusters as AWS reads them back, and the one a call means. Fargate only: no container instances.
//!
//! Takes Describe/List calls, gives the counts of what runs in each cluster. A deleted cluster stays describable as
//! INACTIVE.

mod change;
pub(super) mod providers;

use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use change::{create, delete, put_providers, update, update_settings};

use self::providers::{Provider, ProviderItem};
use super::input::{self, invalid, page, parse};
use super::tags::Tags;
use super::task::LastStatus;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// One cluster.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) name: String,
    is_active: bool,
    pub(super) tags: Tags,
    insights: Insights,
    /// Where `execute-command` logs and what encrypts storage: kept as given, used by nothing here.
    configuration: Option<Value>,
    providers: Vec<Provider>,
    pub(super) strategy: Vec<ProviderItem>,
    /// The members it was created with, to tell a repeated request from another.
    request: Value,
}

/// The one cluster setting there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Insights {
    Enabled,
    Enhanced,
    Disabled,
}

impl Insights {
    fn read(text: &str) -> Option<Insights> {
        let all = [Insights::Enabled, Insights::Enhanced, Insights::Disabled];
        all.into_iter().find(|word| word.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Insights::Enabled => "enabled",
            Insights::Enhanced => "enhanced",
            Insights::Disabled => "disabled",
        }
    }
}

impl Cluster {
    /// A cluster of the account file, as `create-cluster --capacity-providers FARGATE FARGATE_SPOT` leaves it.
    pub(super) fn new(name: &str) -> Cluster {
        Cluster {
            name: name.to_owned(),
            is_active: true,
            tags: Tags::default(),
            insights: Insights::Disabled,
            configuration: None,
            providers: vec![Provider::Fargate, Provider::FargateSpot],
            strategy: Vec::new(),
            request: Value::Null,
        }
    }
}

/// The cluster a call names, which must exist.
pub(super) fn find(world: &World, reference: Option<&str>) -> Result<String, Refusal> {
    Ok(get(world, reference)?.name.clone())
}

pub(super) fn get<'a>(world: &'a World, reference: Option<&str>) -> Result<&'a Cluster, Refusal> {
    let missing = |text| Refusal::new("ClusterNotFoundException", text);
    let name = input::cluster(world, reference);
    let mut clusters = world.ecs.clusters.iter();
    match clusters.find(|cluster| Some(cluster.name.as_str()) == name) {
        None => Err(missing("Cluster not found.")),
        Some(cluster) if !cluster.is_active => Err(missing("The referenced cluster was inactive.")),
        Some(cluster) => Ok(cluster),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeClusters {
    #[serde(default)]
    clusters: Vec<String>,
    #[serde(default)]
    include: Vec<Include>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Include {
    Attachments,
    Configurations,
    Settings,
    Statistics,
    Tags,
}

/// AWS's limit of names in one call.
const CLUSTERS_MAX: usize = 100;

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let DescribeClusters { clusters, include } = parse(call)?;
    if clusters.len() > CLUSTERS_MAX {
        return Err(invalid(format!(
            "Clusters can have at most {CLUSTERS_MAX} entries."
        )));
    }
    let references: Vec<Option<&str>> = if clusters.is_empty() {
        vec![None]
    } else {
        clusters.iter().map(|name| Some(name.as_str())).collect()
    };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in references {
        let name = input::cluster(world, reference);
        let mut clusters = world.ecs.clusters.iter();
        match clusters.find(|cluster| Some(cluster.name.as_str()) == name) {
            Some(cluster) => found.push(describe_one(world, cluster, &include)),
            None => failures.push(input::missing(match reference {
                Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
                _ => world.arn("ecs", &format!("cluster/{}", name.unwrap_or_default())),
            })),
        }
    }
    Ok(json!({ "clusters": found, "failures": failures }))
}

/// Members that are not included read back empty.
fn describe_one(world: &World, cluster: &Cluster, include: &[Include]) -> Value {
    let Cluster {
        name,
        is_active,
        tags,
        insights,
        configuration,
        providers,
        strategy,
        request: _,
    } = cluster;
    let tasks = || world.ecs.tasks.iter().filter(|task| task.cluster == *name);
    let running = tasks().filter(|task| task.last_status() == LastStatus::Running);
    let pending = tasks().filter(|task| task.last_status().is_pending());
    let services = world.ecs.services.iter();
    let active = || {
        let services = services.clone();
        services.filter(|service| service.cluster == *name && service.is_active())
    };
    let with = |member: Include, value: Value| {
        if include.contains(&member) {
            value
        } else {
            json!([])
        }
    };
    let statistic = |name: &str, count: usize| json!({ "name": name, "value": count.to_string() });
    let statistics = json!([
        statistic("runningFargateTasksCount", running.clone().count()),
        statistic("pendingFargateTasksCount", pending.clone().count()),
        statistic("activeFargateServiceCount", active().count()),
    ]);
    let mut value = json!({
        "clusterArn": world.arn("ecs", &format!("cluster/{name}")),
        "clusterName": name,
        "status": if *is_active { "ACTIVE" } else { "INACTIVE" },
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running.count(),
        "pendingTasksCount": pending.count(),
        "activeServicesCount": active().count(),
        "statistics": with(Include::Statistics, statistics),
        "tags": with(Include::Tags, tags.to_value()),
        "settings": with(
            Include::Settings,
            json!([{ "name": "containerInsights", "value": insights.as_str() }]),
        ),
        "capacityProviders": providers.iter().map(|provider| provider.as_str()).collect::<Vec<_>>(),
        "defaultCapacityProviderStrategy": providers::to_value(strategy),
    });
    if include.contains(&Include::Configurations)
        && let (Some(configuration), Some(members)) = (configuration, value.as_object_mut())
    {
        members.insert("configuration".into(), configuration.clone());
    }
    value
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListClusters {}

pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let ListClusters {} = parse(call)?;
    let clusters = world.ecs.clusters.iter();
    let arns = clusters
        .filter(|cluster| cluster.is_active)
        .map(|cluster| json!(world.arn("ecs", &format!("cluster/{}", cluster.name))))
        .collect();
    page(call, "clusterArns", arns, 100)
}
