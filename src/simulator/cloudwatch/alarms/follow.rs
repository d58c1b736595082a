//! Changes of state: one alarm's, and of the composite alarms above it.

use serde_json::json;
use time::OffsetDateTime;

use super::super::alarm::{Alarm, Kind};
use super::super::history::Subject;
use super::super::{action, arn};
use super::{children, name_of};
use crate::simulator::call::Millis;
use crate::simulator::world::World;

/// Composite alarms above one another that are still followed; AWS documents no bound, the stack has one.
const DEPTH_MAX: usize = 100;

/// Sets one alarm's state, notes a transition, and lets the composite alarms above follow. `path` holds the alarms whose
/// change led here: a composite alarm among them is part of a cycle, and evaluation stops there.
pub(in super::super) fn set(
    world: &mut World,
    name: &str,
    value: &'static str,
    reason: String,
    data: Option<String>,
    now: Millis,
    path: &mut Vec<String>,
) {
    let cloudwatch = &mut world.cloudwatch;
    let Some(alarm) = cloudwatch.alarms.get_mut(name) else {
        return;
    };
    let old = alarm.state.clone();
    alarm.state = old.followed_by(value, reason, data, now);
    if old.value == value {
        return;
    }
    let subject = Subject {
        name,
        alarm_type: alarm.type_name(),
    };
    cloudwatch.history.transition(subject, &old, &alarm.state);
    action::changed(world, name, &old, now);
    if path.len() >= DEPTH_MAX {
        return;
    }
    let above: Vec<String> = world
        .cloudwatch
        .alarms
        .iter()
        .filter(|(_, alarm)| children(world, alarm).contains(&name))
        .map(|(parent, _)| parent.clone())
        .filter(|parent| !path.contains(parent))
        .collect();
    let child = arn(world, name);
    let at = OffsetDateTime::from_unix_timestamp((now / 1000) as i64)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let words = format!(
        "{child} transitioned to {value} at {} {} {}, {} {:02}:{:02}:{:02} UTC",
        at.weekday(),
        at.day(),
        at.month(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    );
    let reason_data = json!({ "triggeringAlarms": [{ "arn": child, "state": { "value": value, "timestamp": now } }] });
    for parent in above {
        path.push(parent.clone());
        follow(
            world,
            &parent,
            &|_| words.clone(),
            Some(reason_data.to_string()),
            now,
            path,
        );
        path.pop();
    }
}

/// Evaluates one composite alarm's rule and sets what it says.
pub(super) fn follow(
    world: &mut World,
    name: &str,
    reason: &dyn Fn(&str) -> String,
    data: Option<String>,
    now: Millis,
    path: &mut Vec<String>,
) {
    let alarms = &world.cloudwatch.alarms;
    let Some(Alarm {
        kind: Kind::Composite(composite),
        state,
        ..
    }) = alarms.get(name)
    else {
        return;
    };
    let state_of = |child: &str| {
        alarms
            .get(name_of(world, child))
            .map_or("INSUFFICIENT_DATA", |alarm| alarm.state.value)
    };
    let value = if composite.rule.holds(&state_of) {
        "ALARM"
    } else {
        "OK"
    };
    if state.value != value {
        set(world, name, value, reason(value), data, now, path);
    }
}
