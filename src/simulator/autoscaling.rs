//! Application Auto Scaling of ECS services: scalable targets, their policies, scheduled actions and activities.
//!
//! Takes its calls, the triggers of alarms ([`triggered`]) and the time ([`step`]); makes the alarms AWS makes for a policy,
//! and moves desired counts by policies, schedules and bounds. Only `ecs:service:DesiredCount` is simulated.

mod activity;
mod policy;
mod scale;
mod schedule;
mod scheduled_action;
mod target;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::call::{Answer, Call, Millis, Refusal};
use super::tag;
use super::world::World;

/// Scalable targets by resource id (`service/<cluster>/<service>`), each with what belongs to it.
#[derive(Debug, Default)]
pub struct State {
    targets: BTreeMap<String, target::Target>,
    /// The newest activities, newest first; they outlive their target.
    activities: VecDeque<activity::Activity>,
    /// What alarms asked for since the last step.
    triggers: Vec<Trigger>,
}

/// An alarm that acts through a scaling policy, at one evaluation.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The policy's ARN.
    pub policy: String,
    /// The alarm's name.
    pub alarm: String,
    /// The alarm's state.
    pub state: &'static str,
    /// What its data are compared with.
    pub threshold: f64,
    /// The datapoints it was judged by, newest first; none when its state was set by hand.
    pub recent: Vec<f64>,
}

const VALIDATION: &str = "ValidationException";
const DIMENSION: &str = "ecs:service:DesiredCount";

/// Answers an Application Auto Scaling call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "RegisterScalableTarget" => target::register(world, call),
        "DescribeScalableTargets" => target::describe(world, call),
        "DeregisterScalableTarget" => {
            let resource = named_resource(call)?;
            if !world.autoscaling.targets.contains_key(resource) {
                return Err(no_target(resource));
            }
            forget_service(world, resource);
            Ok(json!({}))
        }
        "PutScalingPolicy" => policy::put_scaling_policy(world, call),
        "DescribeScalingPolicies" => policy::describe_scaling_policies(world, call),
        "DeleteScalingPolicy" => policy::delete_scaling_policy(world, call),
        "PutScheduledAction" => scheduled_action::put(world, call),
        "DescribeScheduledActions" => scheduled_action::describe(world, call),
        "DeleteScheduledAction" => scheduled_action::delete(world, call),
        "DescribeScalingActivities" => activity::describe(world, call),
        "ListTagsForResource" => {
            Ok(json!({ "Tags": tag::to_map(&target::tagged(world, call)?.tags) }))
        }
        "TagResource" => {
            let more = target::tags(call)?;
            let merged = tag::merge(&mut target::tagged(world, call)?.tags, more);
            merged.map_err(|text| Refusal::new("TooManyTagsException", text))?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            let tags = &mut target::tagged(world, call)?.tags;
            tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(call.unknown_operation()),
    }
}

/// Takes an alarm's trigger; the next step acts on all of one moment together. Of one alarm only the last counts.
pub fn triggered(world: &mut World, trigger: Trigger) {
    let triggers = &mut world.autoscaling.triggers;
    triggers.retain(|other| other.policy != trigger.policy || other.alarm != trigger.alarm);
    triggers.push(trigger);
}

/// Carries out what is due by schedule, then what alarms have asked for.
pub fn step(world: &mut World, now: Millis) {
    scheduled_action::step(world, now);
    scale::step(world, now);
}

/// Cluster and service of a resource id.
fn in_place(resource: &str) -> Option<(&str, &str)> {
    resource.strip_prefix("service/")?.split_once('/')
}

/// Drops a service's scalable target with its scheduled actions, its policies and their alarms. AWS does so, silently,
/// when the service goes: <https://github.com/hashicorp/terraform-provider-aws/issues/10432>.
pub fn forget_service(world: &mut World, resource_id: &str) {
    let Some(target) = world.autoscaling.targets.remove(resource_id) else {
        return;
    };
    for policy in target.policies.values() {
        policy.delete_alarms(world);
    }
}

/// The resource id of a call that must name namespace, resource and dimension.
fn named_resource(call: &Call) -> Result<&str, Refusal> {
    check_namespace(call)?;
    call.required("ScalableDimension", VALIDATION)?;
    check_dimension(call)?;
    call.required("ResourceId", VALIDATION)
}

/// The resource id of a call that may name one. "If you specify a scalable dimension, you must also specify a resource
/// ID" (API_DescribeScalingPolicies and its siblings).
fn check_dimension_of_resource(call: &Call) -> Result<Option<&str>, Refusal> {
    check_namespace(call)?;
    check_dimension(call)?;
    let resource = call.optional_text("ResourceId")?;
    if resource.is_none() && call.get("ScalableDimension").is_some() {
        return Err(invalid(
            "A resource ID must be specified with a scalable dimension",
        ));
    }
    Ok(resource)
}

/// A list of names to describe, at most fifty.
fn check_names(call: &Call, member: &str) -> Result<Vec<String>, Refusal> {
    let names = call.optional_texts(member)?;
    if names.len() > 50 {
        return Err(invalid(format!(
            "1 validation error detected: Value at '{member}' must have at most 50 members"
        )));
    }
    Ok(names)
}

fn check_namespace(call: &Call) -> Result<(), Refusal> {
    match call.required("ServiceNamespace", VALIDATION)? {
        "ecs" => Ok(()),
        other => Err(invalid(format!(
            "Only the service namespace ecs is simulated, not {other}"
        ))),
    }
}

fn check_dimension(call: &Call) -> Result<(), Refusal> {
    match call.optional_text("ScalableDimension")? {
        None | Some(DIMENSION) => Ok(()),
        Some(other) => Err(invalid(format!(
            "Unsupported scalable dimension for ecs: {other}"
        ))),
    }
}

/// The `MaxResults` member: 1 to 50, which is also the default.
/// One page of `entries`, as the output's `member`.
fn listing(
    call: &Call,
    member: &str,
    entries: impl IntoIterator<Item = (String, Value)>,
) -> Answer {
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size(call)?, "InvalidNextTokenException")?;
    Ok(json!({ (member): page.items, "NextToken": page.next }))
}

fn size(call: &Call) -> Result<usize, Refusal> {
    let size = call.optional_integer("MaxResults")?.unwrap_or(50);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=50).contains(size));
    size.ok_or_else(|| {
        invalid("1 validation error detected: Value at 'maxResults' must be between 1 and 50")
    })
}

fn capacity(call: &Call, member: &str) -> Result<Option<u32>, Refusal> {
    let Some(value) = call.optional_integer(member)? else {
        return Ok(None);
    };
    u32::try_from(value)
        .map(Some)
        .map_err(|_| invalid(format!("{member} cannot be negative: {value}")))
}

fn check_bounds(minimum: u32, maximum: u32) -> Result<(), Refusal> {
    if minimum > maximum {
        return Err(invalid(
            "Maximum capacity cannot be less than minimum capacity",
        ));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}

fn limit(message: impl Into<String>) -> Refusal {
    Refusal::new("LimitExceededException", message)
}

fn no_target(resource: &str) -> Refusal {
    let text = format!(
        "No scalable target found for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}"
    );
    Refusal::new("ObjectNotFoundException", text)
}
