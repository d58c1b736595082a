//! Replaced by the `sim-elb` branch: only the names the other modules call.

use super::account;
use super::call::{Answer, Call, Millis};
use super::world::World;

/// Load balancers.
#[derive(Debug, Default)]
pub struct State {
    balancers: Vec<String>,
}

/// Adds an existing load balancer with its listeners. Its availability zones are those of its subnets
/// (`World::subnet`); both have been checked to exist.
pub fn add_load_balancer(world: &mut World, balancer: &account::LoadBalancer, _now: Millis) {
    world.elbv2.balancers.push(balancer.name.clone());
}

/// No operation yet.
pub fn answer(_world: &mut World, call: &Call) -> Answer {
    Err(call.unknown_operation())
}
