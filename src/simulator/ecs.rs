//! Replaced by the `sim-ecs` branch: only the names the other modules call.

use super::call::{Answer, Call};
use super::world::World;

/// Clusters by name.
#[derive(Debug, Default)]
pub struct State {
    clusters: Vec<String>,
    /// Desired counts by `service/<cluster>/<service>`.
    pub services: std::collections::BTreeMap<String, u32>,
}

/// Adds an existing cluster.
pub fn add_cluster(world: &mut World, name: &str) {
    world.ecs.clusters.push(name.to_owned());
}

/// Whether a scalable target may name it: `resource_id` is `service/<cluster>/<service>`.
pub fn service_exists(world: &World, resource_id: &str) -> bool {
    world.ecs.services.contains_key(resource_id)
}

/// The desired count of that service.
pub fn desired_count(world: &World, resource_id: &str) -> Option<u32> {
    world.ecs.services.get(resource_id).copied()
}

/// Sets the desired count, as UpdateService by Application Auto Scaling does.
pub fn set_desired_count(world: &mut World, cluster: &str, service: &str, count: u32) {
    world
        .ecs
        .services
        .insert(format!("service/{cluster}/{service}"), count);
}

/// No operation yet.
pub fn answer(_world: &mut World, call: &Call) -> Answer {
    Err(call.unknown_operation())
}
