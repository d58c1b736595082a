//! Signals in time: load becomes metrics, metrics move alarms, alarms and schedules move desired counts.
//!
//! Takes the world and the time. Whoever steps ECS calls this before it, at any interval: everything here happens at full
//! minutes or ten seconds by the given clock, and nothing in between.

use super::call::Millis;
use super::world::World;
use super::{autoscaling, cloudwatch, load};

/// Moves metrics, alarms and scaling to `now`.
pub fn step(world: &mut World, now: Millis) {
    load::step(world, now);
    cloudwatch::step(world, now);
    autoscaling::step(world, now);
}
