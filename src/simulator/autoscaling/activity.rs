//! Scaling activities: what moved a service's count, and why.

use serde_json::json;

use super::super::call::{Answer, Call, Millis, timestamp};
use super::super::world::World;
use super::{DIMENSION, check_dimension_of_resource, size};

/// Kept at most. AWS keeps those of the last six weeks.
const ACTIVITIES_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Activity {
    id: String,
    resource: String,
    count: u32,
    cause: String,
    at: Millis,
}

/// Notes that a service's desired count was set. ECS takes it up at once, so every activity has succeeded.
pub(super) fn note(world: &mut World, resource: &str, count: u32, cause: String, now: Millis) {
    let id = world.uuid();
    let activities = &mut world.autoscaling.activities;
    activities.push_front(Activity {
        id,
        resource: resource.to_owned(),
        count,
        cause,
        at: now,
    });
    activities.truncate(ACTIVITIES_MAX);
}

/// Newest first. The sentences are those of the user guide's examples
/// (autoscaling/application/userguide/application-auto-scaling-scaling-activities.html).
pub(super) fn describe(world: &World, call: &Call) -> Answer {
    let resource = check_dimension_of_resource(call)?;
    call.optional_boolean("IncludeNotScaledActivities")?;
    let activities = world.autoscaling.activities.iter();
    let wanted = activities.filter(|activity| resource.is_none_or(|id| activity.resource == id));
    let entries = wanted.enumerate().map(|(number, activity)| {
        let Activity {
            id,
            resource,
            count,
            cause,
            at,
        } = activity;
        let entry = json!({
            "ActivityId": id, "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION,
            "Description": format!("Setting desired count to {count}."), "Cause": cause,
            "StartTime": timestamp(*at), "EndTime": timestamp(*at), "StatusCode": "Successful",
            "StatusMessage": format!(
                "Successfully set desired count to {count}. Change successfully fulfilled by ecs."
            ),
        });
        (format!("{number:06}"), entry)
    });
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call)?,
        "InvalidNextTokenException",
    )?;
    Ok(json!({ "ScalingActivities": page.items, "NextToken": page.next }))
}
