//! Scaling activities: what moved a service's count or its bounds, and why; or why nothing did.

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Millis, timestamp};
use super::super::world::World;
use super::{DIMENSION, check_dimension_of_resource, listing};

/// Kept at most. AWS keeps those of the last six weeks.
const ACTIVITIES_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Activity {
    id: String,
    resource: String,
    what: What,
    cause: String,
    at: Millis,
}

#[derive(Debug, PartialEq)]
enum What {
    /// ECS takes a count up at once, so it has succeeded.
    Count(u32),
    Bounds {
        minimum: u32,
        maximum: u32,
    },
    /// Bounds that would cross, with the message.
    Refused(String),
    Nothing(NotScaled),
}

/// Why a trigger scaled nothing: the count is already there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NotScaled {
    Maximum(u32),
    Minimum(u32),
    Desired(u32),
}

/// Notes that a service's desired count was set.
pub(super) fn note(world: &mut World, resource: &str, count: u32, cause: String, now: Millis) {
    push(world, resource, What::Count(count), cause, now);
}

/// Notes that a schedule set a target's bounds, or could not.
pub(super) fn note_bounds(
    world: &mut World,
    resource: &str,
    bounds: Result<(u32, u32), String>,
    cause: String,
    now: Millis,
) {
    let what = match bounds {
        Ok((minimum, maximum)) => What::Bounds { minimum, maximum },
        Err(message) => What::Refused(message),
    };
    push(world, resource, what, cause, now);
}

/// Notes that a trigger changed nothing. An alarm goes on triggering: the same again is not noted twice in a row.
pub(super) fn note_not_scaled(
    world: &mut World,
    resource: &str,
    reason: NotScaled,
    cause: String,
    now: Millis,
) {
    let what = What::Nothing(reason);
    let activities = &world.autoscaling.activities;
    let last = activities
        .iter()
        .find(|activity| activity.resource == resource);
    if last.is_none_or(|last| last.what != what || last.cause != cause) {
        push(world, resource, what, cause, now);
    }
}

fn push(world: &mut World, resource: &str, what: What, cause: String, now: Millis) {
    let id = world.uuid();
    let activities = &mut world.autoscaling.activities;
    activities.push_front(Activity {
        id,
        resource: resource.to_owned(),
        what,
        cause,
        at: now,
    });
    activities.truncate(ACTIVITIES_MAX);
}

/// Newest first. The sentences are those of the user guide's examples
/// (autoscaling/application/userguide/application-auto-scaling-scaling-activities.html).
pub(super) fn describe(world: &World, call: &Call) -> Answer {
    let resource = check_dimension_of_resource(call)?;
    let not_scaled = call
        .optional_boolean("IncludeNotScaledActivities")?
        .unwrap_or(false);
    let activities = world.autoscaling.activities.iter();
    let wanted = activities.filter(|activity| {
        resource.is_none_or(|id| activity.resource == id)
            && (not_scaled || !matches!(activity.what, What::Nothing(_)))
    });
    let entries = wanted
        .enumerate()
        .map(|(number, activity)| (format!("{number:06}"), shown(activity)));
    listing(call, "ScalingActivities", entries)
}

fn shown(activity: &Activity) -> Value {
    let Activity {
        id,
        resource,
        what,
        cause,
        at,
    } = activity;
    let (description, status, message) = match what {
        What::Count(count) => (
            format!("Setting desired count to {count}."),
            "Successful",
            Some(format!(
                "Successfully set desired count to {count}. Change successfully fulfilled by ecs."
            )),
        ),
        What::Bounds { minimum, maximum } => (
            format!("Setting min capacity to {minimum} and max capacity to {maximum}"),
            "Successful",
            Some(format!(
                "Successfully set min capacity to {minimum} and max capacity to {maximum}"
            )),
        ),
        What::Refused(message) => (
            "Setting min and max capacity".to_owned(),
            "Failed",
            Some(message.clone()),
        ),
        What::Nothing(_) => (
            "Attempting to scale due to alarm triggered".to_owned(),
            "Failed",
            None,
        ),
    };
    let mut entry = json!({
        "ActivityId": id, "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION,
        "Description": description, "Cause": cause, "StartTime": timestamp(*at), "EndTime": timestamp(*at),
        "StatusCode": status, "StatusMessage": message,
    });
    if let What::Nothing(reason) = what {
        entry["EndTime"] = Value::Null;
        entry["NotScaledReasons"] = json!([match reason {
            NotScaled::Maximum(count) =>
                json!({ "Code": "AlreadyAtMaxCapacity", "MaxCapacity": count }),
            NotScaled::Minimum(count) =>
                json!({ "Code": "AlreadyAtMinCapacity", "MinCapacity": count }),
            NotScaled::Desired(count) =>
                json!({ "Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": count }),
        }]);
    }
    entry
}
