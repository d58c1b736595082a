//! A task's targets and registry entries: made when it runs, taken away before it stops.
//!
//! Takes a task and its service, calls the load balancer and Cloud Map, logs the service's events.

use std::collections::BTreeMap;

use super::super::service::{Registry, Service};
use super::super::task::Task;
use crate::simulator::call::Millis;
use crate::simulator::world::World;
use crate::simulator::{elbv2, servicediscovery};

fn registries(service: &Service, task: &Task) -> Vec<Registry> {
    service
        .revision(&task.revision)
        .map_or(Vec::new(), |revision| revision.settings.registries.clone())
}

pub(super) fn register(world: &mut World, service: &mut Service, task: &Task, now: Millis) {
    for (target_group_arn, container_port) in service.targets(&task.revision) {
        match elbv2::register_target(world, &target_group_arn, task.address, container_port, now) {
            Ok(()) => service.say(
                now,
                &format!("registered 1 targets in (target-group {target_group_arn})"),
            ),
            // The group can be deleted under a running service (aws/containers-roadmap#1884): the task then never
            // becomes healthy and the rollout hangs, as on AWS.
            Err(refusal) => service.say(
                now,
                &format!(
                    "failed to register targets in (target-group {target_group_arn}) with (error {})",
                    refusal.message
                ),
            ),
        }
    }
    for registry in registries(service, task) {
        let attributes = registry_attributes(world, service, task, &registry);
        let registered = servicediscovery::register_instance(
            world,
            &registry.registry_arn,
            &task.id,
            attributes,
        );
        if let Err(refusal) = registered {
            service.say(
                now,
                &format!(
                    "was unable to register instances in (service-registry {}): {}",
                    registry.registry_arn, refusal.message
                ),
            );
        }
    }
}

/// The attributes ECS gives its instances (AmazonECS/latest/developerguide/service-discovery.html).
fn registry_attributes(
    world: &World,
    service: &Service,
    task: &Task,
    registry: &Registry,
) -> BTreeMap<String, String> {
    let Registry {
        registry_arn: _,
        port,
        container_name: _,
        container_port,
    } = registry;
    let mut attributes: BTreeMap<String, String> = [
        ("AWS_INSTANCE_IPV4", task.address.to_string()),
        ("AWS_INIT_HEALTH_STATUS", "HEALTHY".into()),
        (
            "AVAILABILITY_ZONE",
            task.interface.availability_zone.clone(),
        ),
        ("REGION", world.region.clone()),
        ("ECS_CLUSTER_NAME", service.cluster.clone()),
        ("ECS_SERVICE_NAME", service.name.clone()),
        ("ECS_TASK_DEFINITION_FAMILY", task.blueprint.family.clone()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if let Some(port) = container_port.or(*port) {
        attributes.insert("AWS_INSTANCE_PORT".into(), port.to_string());
    }
    attributes
}

pub(super) fn deregister(world: &mut World, service: &mut Service, task: &Task, now: Millis) {
    let targets = service.targets(&task.revision);
    if !targets.is_empty() {
        service.say(now, "has begun draining connections on 1 tasks.");
    }
    for (target_group_arn, container_port) in targets {
        elbv2::deregister_target(world, &target_group_arn, task.address, container_port, now);
        service.say(
            now,
            &format!("deregistered 1 targets in (target-group {target_group_arn})"),
        );
    }
    for registry in registries(service, task) {
        servicediscovery::deregister_instance(world, &registry.registry_arn, &task.id);
    }
}

pub(super) fn has_drained(world: &World, service: &Service, task: &Task) -> bool {
    let mut targets = service.targets(&task.revision).into_iter();
    targets.all(|(target_group, port)| {
        elbv2::target_health(world, &target_group, task.address, port).is_none()
    })
}
