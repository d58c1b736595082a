//! Clusters: given by the account, described and listed, never created or deleted.
//!
//! Takes Describe/List calls, gives the counts of what runs in each cluster. Fargate only: no container instances.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{self, page, parse};
use super::tags::Tags;
use super::task::LastStatus;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// One cluster.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) tags: Tags,
}

impl Cluster {
    pub(super) fn new(name: &str) -> Cluster {
        Cluster {
            name: name.to_owned(),
            tags: Tags::default(),
        }
    }
}

/// The cluster a call names, which must exist.
pub(super) fn find(world: &World, reference: Option<&str>) -> Result<String, Refusal> {
    input::cluster(world, reference)
        .filter(|name| {
            world
                .ecs
                .clusters
                .iter()
                .any(|cluster| cluster.name == *name)
        })
        .map(str::to_owned)
        .ok_or_else(|| Refusal::new("ClusterNotFoundException", "Cluster not found."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeClusters {
    #[serde(default)]
    clusters: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let DescribeClusters { clusters, include } = parse(call)?;
    let references: Vec<Option<&str>> = if clusters.is_empty() {
        vec![None]
    } else {
        clusters.iter().map(|name| Some(name.as_str())).collect()
    };
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in references {
        let name = input::cluster(world, reference);
        match name.and_then(|name| {
            world
                .ecs
                .clusters
                .iter()
                .find(|cluster| cluster.name == name)
        }) {
            Some(cluster) => found.push(describe_one(world, cluster, &include)),
            None => failures.push(input::missing(match reference {
                Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
                _ => world.arn("ecs", &format!("cluster/{}", name.unwrap_or_default())),
            })),
        }
    }
    Ok(json!({ "clusters": found, "failures": failures }))
}

fn describe_one(world: &World, cluster: &Cluster, include: &[String]) -> Value {
    let Cluster { name, tags } = cluster;
    let tasks = || world.ecs.tasks.iter().filter(|task| task.cluster == *name);
    let services = world
        .ecs
        .services
        .iter()
        .filter(|service| service.cluster == *name && service.is_active());
    json!({
        "clusterArn": world.arn("ecs", &format!("cluster/{name}")),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": tasks().filter(|task| task.last_status() == LastStatus::Running).count(),
        "pendingTasksCount": tasks().filter(|task| task.last_status().is_pending()).count(),
        "activeServicesCount": services.count(),
        "statistics": [],
        "tags": if include.iter().any(|field| field == "TAGS") { tags.to_value() } else { json!([]) },
        "settings": [],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListClusters {}

pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let ListClusters {} = parse(call)?;
    let clusters = world.ecs.clusters.iter();
    let arns = clusters
        .map(|cluster| json!(world.arn("ecs", &format!("cluster/{}", cluster.name))))
        .collect();
    page(call, "clusterArns", arns, 100)
}
