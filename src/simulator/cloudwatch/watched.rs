//! What other AWS services ask of alarms they watch: the present state, and how long one takes to judge.
//!
//! Reads only.

use super::alarm::Kind;
use crate::simulator::call::Millis;
use crate::simulator::world::World;

/// Whether an alarm of that name is in ALARM now; one that does not exist is not.
pub fn is_in_alarm(world: &World, name: &str) -> bool {
    let alarm = world.cloudwatch.alarms.get(name);
    alarm.is_some_and(|alarm| alarm.state.value == "ALARM")
}

/// How far back a metric alarm looks: its periods, one after the other. A composite alarm has none of its own.
pub fn alarm_span(world: &World, name: &str) -> Millis {
    match world.cloudwatch.alarms.get(name).map(|alarm| &alarm.kind) {
        Some(Kind::Metric(watch)) => watch.span_millis(),
        Some(Kind::Composite(_)) | None => 0,
    }
}
