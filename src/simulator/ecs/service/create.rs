//! CreateService.
//!
//! Takes what a service shall be, gives the service with its first rollout pending, or AWS's refusal; the same request
//! again gives the same service.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::cluster::{self, providers::ProviderItem};
use super::super::input::{invalid, parse};
use super::super::rollout::Ids;
use super::super::tags::{Tag, Tags};
use super::super::task_definition::is_identifier;
use super::{
    Configuration, DeploymentController, LoadBalancer, Propagate, Registry, SchedulingStrategy,
    Service, Settings, Status, Tagging, Throttle, ZoneRebalancing, check_strategy, configuration,
    count, describe, position, seconds, settings,
};
use crate::simulator::call::{Answer, Call};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    service_name: String,
    task_definition: Option<String>,
    desired_count: Option<i64>,
    client_token: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: Option<bool>,
    propagate_tags: Option<Propagate>,
    enable_execute_command: Option<bool>,
    health_check_grace_period_seconds: Option<i64>,
    availability_zone_rebalancing: Option<ZoneRebalancing>,
    deployment_configuration: Option<configuration::Given>,
    #[serde(rename = "deploymentController")]
    _deployment_controller: Option<DeploymentController>,
    scheduling_strategy: Option<SchedulingStrategy>,
    load_balancers: Option<Vec<LoadBalancer>>,
    service_registries: Option<Vec<Registry>>,
    network_configuration: Option<settings::NetworkConfiguration>,
    launch_type: Option<String>,
    capacity_provider_strategy: Option<Vec<ProviderItem>>,
    platform_version: Option<String>,
    role: Option<String>,
    placement_constraints: Option<Vec<Value>>,
    placement_strategy: Option<Vec<Value>>,
}

pub(in super::super) fn create(world: &mut World, call: &Call) -> Answer {
    let Create {
        _cluster: _,
        service_name,
        task_definition,
        desired_count,
        client_token,
        tags,
        enable_ecs_managed_tags,
        propagate_tags,
        enable_execute_command,
        health_check_grace_period_seconds,
        availability_zone_rebalancing,
        deployment_configuration,
        _deployment_controller: _,
        scheduling_strategy: None | Some(SchedulingStrategy::Replica),
        load_balancers,
        service_registries,
        network_configuration,
        launch_type,
        capacity_provider_strategy,
        platform_version,
        role,
        placement_constraints,
        placement_strategy,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    if !is_identifier(&service_name) {
        return Err(invalid(
            "Service name can contain only letters, numbers, hyphens and underscores.",
        ));
    }
    if client_token.as_ref().is_some_and(|token| token.len() > 36) {
        return Err(invalid("clientToken must be at most 36 characters."));
    }
    if role.is_some() {
        return Err(invalid(
            "You cannot specify an IAM role for services that require a service linked role.",
        ));
    }
    settings::refuse_placement(
        placement_constraints.as_deref(),
        placement_strategy.as_deref(),
    )?;
    let request = Value::Object(call.input.clone());
    if let Some(index) = position(world, &cluster, &service_name) {
        return match world.ecs.services.get(index) {
            Some(service) if service.status == Status::Draining => {
                Err(invalid("Unable to Start a service that is still Draining."))
            }
            // The same request again gives the service that the first one made.
            Some(service) if service.request == request => {
                Ok(json!({ "service": describe::one(world, service, true) }))
            }
            _ => Err(invalid("Creation of service was not idempotent.")),
        };
    }
    let task_definition =
        task_definition.ok_or_else(|| invalid("TaskDefinition cannot be empty."))?;
    let settings = Settings::new(
        world,
        &cluster,
        settings::Given {
            task_definition: &task_definition,
            load_balancers: load_balancers.unwrap_or_default(),
            service_registries: service_registries.unwrap_or_default(),
            network_configuration,
            launch_type,
            capacity_provider_strategy,
            platform_version,
        },
    )?;
    let configuration = Configuration::default().with(deployment_configuration)?;
    check_strategy(world, &settings, configuration.steps().is_some())?;
    let ids = Ids::new(world);
    world.ecs.services_ever += 1;
    let mut service = Service {
        number: world.ecs.services_ever,
        cluster,
        name: service_name,
        status: Status::Active,
        // Required by the API model only for REPLICA services created by hand; ECS takes its absence as zero.
        desired: count("desiredCount", desired_count.unwrap_or(0))?,
        settings,
        configuration,
        grace_seconds: seconds(
            "healthCheckGracePeriodSeconds",
            health_check_grace_period_seconds.unwrap_or(0),
        )?,
        tags: Tags::new(tags)?,
        tagging: Tagging {
            managed: enable_ecs_managed_tags.unwrap_or(false),
            propagate: propagate_tags.unwrap_or(Propagate::None),
        },
        execute_command: enable_execute_command.unwrap_or(false),
        zone_rebalancing: availability_zone_rebalancing.unwrap_or(ZoneRebalancing::Enabled),
        created_at: call.now,
        deployments: Vec::new(),
        revisions: Vec::new(),
        history: Vec::new(),
        completed: None,
        throttle: Throttle::default(),
        steady: None,
        events: VecDeque::new(),
        events_ever: 0,
        request,
    };
    service.begin_rollout(ids, &[], call.now);
    let output = json!({ "service": describe::one(world, &service, true) });
    world.ecs.services.push(service);
    Ok(output)
}
