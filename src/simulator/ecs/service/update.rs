//! UpdateService.
//!
//! Takes what shall change, gives the changed service; starts a rollout where AWS does.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::cluster::providers::{self, ProviderItem};
use super::super::input::parse;
use super::super::rollout::Ids;
use super::{
    DeploymentController, LoadBalancer, Propagate, Registry, Tagging, ZoneRebalancing,
    check_strategy, configuration, count, describe_at, find, not_found, running_revisions, seconds,
    settings,
};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    service: String,
    desired_count: Option<i64>,
    task_definition: Option<String>,
    force_new_deployment: Option<bool>,
    #[serde(rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: Option<bool>,
    propagate_tags: Option<Propagate>,
    enable_execute_command: Option<bool>,
    health_check_grace_period_seconds: Option<i64>,
    availability_zone_rebalancing: Option<ZoneRebalancing>,
    deployment_configuration: Option<configuration::Given>,
    #[serde(rename = "deploymentController")]
    _deployment_controller: Option<DeploymentController>,
    load_balancers: Option<Vec<LoadBalancer>>,
    service_registries: Option<Vec<Registry>>,
    network_configuration: Option<settings::NetworkConfiguration>,
    capacity_provider_strategy: Option<Vec<ProviderItem>>,
    platform_version: Option<String>,
    placement_constraints: Option<Vec<Value>>,
    placement_strategy: Option<Vec<Value>>,
}

/// Changes what is given and leaves the rest. A rollout starts when the settings change or one is forced: count, health
/// grace, deployment configuration and tagging act on the service as it is ("doesn't trigger a new service deployment",
/// API_UpdateService).
pub(in super::super) fn update(world: &mut World, call: &Call) -> Answer {
    let Update {
        _cluster: _,
        service: reference,
        desired_count,
        task_definition,
        force_new_deployment,
        enable_ecs_managed_tags,
        propagate_tags,
        enable_execute_command,
        health_check_grace_period_seconds,
        availability_zone_rebalancing,
        deployment_configuration,
        _deployment_controller: _,
        load_balancers,
        service_registries,
        network_configuration,
        capacity_provider_strategy,
        platform_version,
        placement_constraints,
        placement_strategy,
    } = parse(call)?;
    settings::refuse_placement(
        placement_constraints.as_deref(),
        placement_strategy.as_deref(),
    )?;
    let (cluster, index) = find(world, call, &reference)?;
    let current = world
        .ecs
        .services
        .get(index)
        .filter(|service| service.is_active());
    let current = current
        .ok_or_else(|| Refusal::new("ServiceNotActiveException", "Service was not ACTIVE."))?;
    if let Some(items) = &capacity_provider_strategy {
        providers::check_in(world, &cluster, items)?;
    }
    let settings = current.settings.updated(
        world,
        settings::Changes {
            task_definition: task_definition.as_deref(),
            load_balancers,
            service_registries,
            network_configuration,
            capacity_provider_strategy,
            platform_version,
        },
    )?;
    let changed = settings != current.settings || force_new_deployment.unwrap_or(false);
    let configuration = current
        .configuration
        .clone()
        .with(deployment_configuration)?;
    if settings != current.settings || configuration != current.configuration {
        check_strategy(world, &settings, configuration.steps().is_some())?;
    }
    let desired = desired_count
        .map(|value| count("desiredCount", value))
        .transpose()?;
    let grace = health_check_grace_period_seconds
        .map(|value| seconds("healthCheckGracePeriodSeconds", value))
        .transpose()?;
    let running = running_revisions(world, current.number);
    let ids = Ids::new(world);

    let service = world.ecs.services.get_mut(index).ok_or_else(not_found)?;
    service.settings = settings;
    service.configuration = configuration;
    service.grace_seconds = grace.unwrap_or(service.grace_seconds);
    service.execute_command = enable_execute_command.unwrap_or(service.execute_command);
    service.zone_rebalancing = availability_zone_rebalancing.unwrap_or(service.zone_rebalancing);
    service.tagging = Tagging {
        managed: enable_ecs_managed_tags.unwrap_or(service.tagging.managed),
        propagate: propagate_tags.unwrap_or(service.tagging.propagate),
    };
    if let Some(desired) = desired {
        service.set_desired(desired);
    }
    if changed {
        service.begin_rollout(ids, &running, call.now);
    }
    let service = describe_at(world, &cluster, index)?;
    Ok(json!({ "service": service }))
}
