//! Making, changing and deleting clusters.
//!
//! Takes the calls, gives the cluster as AWS then reads it back. A default namespace for Service Connect is not modelled.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::account_setting;
use super::super::input::{self, invalid, parse};
use super::super::service::Launch;
use super::super::tags::{Tag, Tags};
use super::super::task_definition::is_identifier;
use super::providers::{self, Provider, ProviderItem};
use super::{Cluster, Include, Insights, describe_one, find};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// AWS's quota per region (amazon-ecs quotas: "Clusters").
const CLUSTERS_MAX: usize = 10_000;
/// Deleted clusters remembered.
const INACTIVE_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    name: SettingName,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum SettingName {
    ContainerInsights,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    cluster_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    settings: Vec<Setting>,
    configuration: Option<Value>,
    #[serde(default)]
    capacity_providers: Vec<Provider>,
    #[serde(default)]
    default_capacity_provider_strategy: Vec<ProviderItem>,
}

/// Creating a cluster that is there gives it back, when the request is the one that made it.
pub(in super::super) fn create(world: &mut World, call: &Call) -> Answer {
    let Create {
        cluster_name,
        tags,
        settings,
        configuration,
        capacity_providers,
        default_capacity_provider_strategy: strategy,
    } = parse(call)?;
    let name = cluster_name.unwrap_or_else(|| input::DEFAULT_CLUSTER.into());
    if !is_identifier(&name) {
        return Err(invalid("Cluster name contains invalid characters."));
    }
    check_providers(&capacity_providers, &strategy)?;
    let fresh = Cluster {
        name: name.clone(),
        is_active: true,
        tags: Tags::new(tags)?,
        insights: insights(&settings)?.unwrap_or(default_insights(world)),
        configuration,
        providers: capacity_providers,
        strategy,
        request: Value::Object(call.input.clone()),
    };
    let clusters = &mut world.ecs.clusters;
    if let Some(known) = clusters
        .iter()
        .find(|known| known.name == name && known.is_active)
    {
        // A request that says nothing but the name agrees with any cluster.
        let bare = call.input.keys().all(|member| member == "clusterName");
        if !bare && known.request != fresh.request {
            return Err(invalid(
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ));
        }
        return shown(world, &name);
    }
    if clusters.len() >= CLUSTERS_MAX {
        return Err(invalid("The maximum number of clusters has been reached."));
    }
    clusters.retain(|known| known.name != name);
    clusters.push(fresh);
    shown(world, &name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    cluster: String,
    settings: Option<Vec<Setting>>,
    configuration: Option<Value>,
}

pub(in super::super) fn update(world: &mut World, call: &Call) -> Answer {
    let Update {
        cluster,
        settings,
        configuration,
    } = parse(call)?;
    let insights = settings.map(|settings| insights(&settings)).transpose()?;
    change(world, &cluster, |cluster| {
        cluster.insights = insights.flatten().unwrap_or(cluster.insights);
        cluster.configuration = configuration.or(cluster.configuration.take());
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateSettings {
    cluster: String,
    settings: Vec<Setting>,
}

pub(in super::super) fn update_settings(world: &mut World, call: &Call) -> Answer {
    let UpdateSettings { cluster, settings } = parse(call)?;
    let insights = insights(&settings)?.ok_or_else(|| invalid("settings cannot be empty."))?;
    change(world, &cluster, |cluster| cluster.insights = insights)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutProviders {
    cluster: String,
    capacity_providers: Vec<Provider>,
    default_capacity_provider_strategy: Vec<ProviderItem>,
}

/// "You can only disassociate an existing capacity provider from a cluster if it's not being used by any existing tasks"
/// (API_PutClusterCapacityProviders).
pub(in super::super) fn put_providers(world: &mut World, call: &Call) -> Answer {
    let PutProviders {
        cluster,
        capacity_providers,
        default_capacity_provider_strategy: strategy,
    } = parse(call)?;
    let name = find(world, Some(&cluster))?;
    check_providers(&capacity_providers, &strategy)?;
    let mut services = world.ecs.services.iter();
    let used = services.any(|service| {
        let Launch::Providers(items) = &service.settings.launch else {
            return false;
        };
        let gone = |item: &ProviderItem| !capacity_providers.contains(&item.capacity_provider);
        service.cluster == name && service.is_active() && items.iter().any(gone)
    });
    if used {
        return Err(Refusal::new(
            "ResourceInUseException",
            "The specified capacity provider is in use and cannot be removed.",
        ));
    }
    change(world, &name, |cluster| {
        cluster.providers = capacity_providers;
        cluster.strategy = strategy;
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    cluster: String,
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Answer {
    let Delete { cluster } = parse(call)?;
    let name = find(world, Some(&cluster))?;
    let mut services = world.ecs.services.iter();
    if services.any(|service| service.cluster == name && !service.is_inactive()) {
        return Err(Refusal::new(
            "ClusterContainsServicesException",
            "The Cluster cannot be deleted while Services are active.",
        ));
    }
    let mut tasks = world.ecs.tasks.iter();
    if tasks.any(|task| task.cluster == name && !task.is_over()) {
        return Err(Refusal::new(
            "ClusterContainsTasksException",
            "The Cluster cannot be deleted while Tasks are active.",
        ));
    }
    let answer = change(world, &name, |cluster| cluster.is_active = false)?;
    let clusters = &mut world.ecs.clusters;
    let inactive = clusters.iter().filter(|cluster| !cluster.is_active).count();
    if inactive > INACTIVE_MAX
        && let Some(oldest) = clusters.iter().position(|cluster| !cluster.is_active)
    {
        clusters.remove(oldest);
    }
    Ok(answer)
}

fn change(world: &mut World, reference: &str, act: impl FnOnce(&mut Cluster)) -> Answer {
    let name = find(world, Some(reference))?;
    let mut clusters = world.ecs.clusters.iter_mut();
    if let Some(cluster) = clusters.find(|cluster| cluster.name == name) {
        act(cluster);
    }
    shown(world, &name)
}

/// A changed cluster reads back with settings and tags without being asked.
fn shown(world: &World, name: &str) -> Answer {
    let mut clusters = world.ecs.clusters.iter();
    let cluster = clusters.find(|cluster| cluster.name == name);
    let include = [Include::Settings, Include::Tags, Include::Configurations];
    let shown = cluster.map(|cluster| describe_one(world, cluster, &include));
    Ok(json!({ "cluster": shown }))
}

/// "If this value is specified, it overrides the containerInsights value set with PutAccountSetting" (API_CreateCluster).
fn default_insights(world: &World) -> Insights {
    let set = account_setting::value(world, "containerInsights");
    set.and_then(Insights::read).unwrap_or(Insights::Disabled)
}

fn insights(settings: &[Setting]) -> Result<Option<Insights>, Refusal> {
    let Some(Setting {
        name: SettingName::ContainerInsights,
        value,
    }) = settings.last()
    else {
        return Ok(None);
    };
    Insights::read(value).map(Some).ok_or_else(|| {
        invalid(format!(
            "Invalid value for setting containerInsights: {value}."
        ))
    })
}

fn check_providers(known: &[Provider], strategy: &[ProviderItem]) -> Result<(), Refusal> {
    let twice = |provider: &Provider| known.iter().filter(|other| *other == provider).count() > 1;
    if known.iter().any(twice) {
        return Err(invalid("A capacity provider can only be specified once."));
    }
    providers::check(strategy, known)
}
