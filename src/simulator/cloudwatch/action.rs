//! Alarm actions: a message to a topic when a state changes, held back while a composite alarm's suppressor says so.
//!
//! Takes a transition; publishes AWS's alarm message and notes the action in the history. Scaling policies are triggered at
//! every evaluation, by `evaluation`. Actions of other kinds (EC2, Lambda, Systems Manager) are noted and go nowhere.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html>

use serde_json::json;

use super::alarm::composite::Held;
use super::alarm::{Kind, State as AlarmState, reason};
use super::alarms::name_of;
use super::arn;
use super::history::Subject;
use crate::simulator::call::Millis;
use crate::simulator::sns;
use crate::simulator::world::World;

/// SNS refuses longer ones.
const SUBJECT_CHARACTERS_MAX: usize = 100;

/// An alarm went from `old` to its present state: its actions are taken, or held back by its suppressor.
pub(super) fn changed(world: &mut World, name: &str, old: &AlarmState, now: Millis) {
    let suppressing = is_suppressing(world, name);
    let Some(alarm) = world.cloudwatch.alarms.get_mut(name) else {
        return;
    };
    let value = alarm.state.value;
    if let Kind::Composite(composite) = &mut alarm.kind
        && let Some(suppressor) = &composite.suppressor
    {
        let was_held = composite.held.take();
        if suppressing {
            composite.held = Some(Held::by_alarm(old));
            return;
        }
        if value == "ALARM" {
            let until = now + suppressor.wait();
            composite.held = Some(Held::waiting(old, until));
        } else if was_held.is_some() {
            // What was held back has passed: neither the alarm nor its end is told.
            return;
        }
    }
    if !is_held(world, name) {
        take(world, name, old, now);
    }
    release(world, now);
}

/// Takes the actions whose wait or extension has ended, and lets suppressors begin and end theirs.
pub(super) fn release(world: &mut World, now: Millis) {
    let held: Vec<String> = world
        .cloudwatch
        .alarms
        .iter()
        .filter(|(_, alarm)| matches!(&alarm.kind, Kind::Composite(composite) if composite.held.is_some()))
        .map(|(name, _)| name.clone())
        .collect();
    for name in held {
        let suppressing = is_suppressing(world, &name);
        let Some(alarm) = world.cloudwatch.alarms.get_mut(&name) else {
            continue;
        };
        let Kind::Composite(composite) = &mut alarm.kind else {
            continue;
        };
        let extension = composite
            .suppressor
            .as_ref()
            .map_or(0, |suppressor| suppressor.extension());
        let Some(held) = &mut composite.held else {
            continue;
        };
        match held.until {
            _ if suppressing => held.until = None,
            None => {
                held.until = Some(now + extension);
                held.extended = true;
            }
            Some(_) => {}
        }
        if held.until.is_some_and(|until| until <= now) {
            let old = held.old.clone();
            composite.held = None;
            take(world, &name, &old, now);
        }
    }
}

fn is_held(world: &World, name: &str) -> bool {
    let alarm = world.cloudwatch.alarms.get(name);
    matches!(alarm.map(|alarm| &alarm.kind), Some(Kind::Composite(composite)) if composite.held.is_some())
}

fn is_suppressing(world: &World, name: &str) -> bool {
    let alarms = &world.cloudwatch.alarms;
    let Some(Kind::Composite(composite)) = alarms.get(name).map(|alarm| &alarm.kind) else {
        return false;
    };
    composite.suppressor.as_ref().is_some_and(|suppressor| {
        let suppressor = alarms.get(name_of(world, &suppressor.alarm));
        suppressor.is_some_and(|suppressor| suppressor.state.value == "ALARM")
    })
}

fn take(world: &mut World, name: &str, old: &AlarmState, now: Millis) {
    let arn = arn(world, name);
    let Some(alarm) = world.cloudwatch.alarms.get(name) else {
        return;
    };
    let state = &alarm.state;
    let subject = Subject {
        name,
        alarm_type: alarm.type_name(),
    };
    let region = region_name(&world.region);
    let title = format!("{}: \"{name}\" in {region}", state.value);
    let title: String = title.chars().take(SUBJECT_CHARACTERS_MAX).collect();
    let mut message = json!({
        "AlarmName": name, "AlarmDescription": alarm.common.description, "AWSAccountId": world.account,
        "AlarmConfigurationUpdatedTimestamp": reason::long(alarm.configured), "NewStateValue": state.value,
        "NewStateReason": state.reason, "StateChangeTime": reason::long(state.transitioned), "Region": region,
        "AlarmArn": arn, "OldStateValue": old.value, "OKActions": alarm.common.actions_of("OK"),
        "AlarmActions": alarm.common.actions_of("ALARM"),
        "InsufficientDataActions": alarm.common.actions_of("INSUFFICIENT_DATA"),
    });
    match &alarm.kind {
        Kind::Metric(watch) => message["Trigger"] = watch.trigger(),
        Kind::Composite(composite) => message["AlarmRule"] = json!(composite.text),
    }
    let topics: Vec<String> = alarm
        .common
        .actions_in(state.value)
        .iter()
        .filter(|action| !action.starts_with("arn:aws:autoscaling:"))
        .cloned()
        .collect();
    let body = message.to_string();
    for action in topics {
        let done = !action.starts_with("arn:aws:sns:")
            || sns::publish(world, &action, Some(&title), &body, now).is_some();
        world.cloudwatch.history.action(subject, &action, done, now);
    }
}

/// The region as messages name it.
fn region_name(region: &str) -> &str {
    match region {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-west-1" => "EU (Ireland)",
        other => other,
    }
}
