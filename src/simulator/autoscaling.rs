//! Application Auto Scaling of ECS services: scalable targets and target-tracking policies.
//!
//! Takes its calls; makes the alarms AWS makes for a policy. Nothing moves a desired count by itself but a minimum above
//! it: alarms are not evaluated. Only `ecs:service:DesiredCount` is simulated, and no step or scheduled scaling.

mod policy;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::ecs;
use super::tag::{self, Tags};
use super::world::World;

/// Scalable targets by resource id (`service/<cluster>/<service>`), each with its policies.
#[derive(Debug, Default)]
pub struct State {
    targets: BTreeMap<String, Target>,
}

#[derive(Debug)]
struct Target {
    /// The last part of its ARN.
    id: String,
    minimum: u32,
    maximum: u32,
    suspended: Suspended,
    created: Millis,
    tags: Tags,
    policies: BTreeMap<String, policy::Policy>,
}

/// Which kinds of scaling are off.
#[derive(Debug, Clone, Copy, Default)]
struct Suspended {
    dynamic_in: bool,
    dynamic_out: bool,
    scheduled: bool,
}

const VALIDATION: &str = "ValidationException";
const DIMENSION: &str = "ecs:service:DesiredCount";
/// AWS's default quota for ECS.
const TARGETS_MAX: usize = 3_000;

/// Answers an Application Auto Scaling call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "RegisterScalableTarget" => register_scalable_target(world, call),
        "DescribeScalableTargets" => describe_scalable_targets(world, call),
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
        "DescribeScalingActivities" => {
            check_namespace(call)?;
            Ok(json!({ "ScalingActivities": [] }))
        }
        "ListTagsForResource" => Ok(json!({ "Tags": tag::to_map(&tagged(world, call)?.tags) })),
        "TagResource" => {
            let more = tags(call)?;
            let merged = tag::merge(&mut tagged(world, call)?.tags, more);
            merged.map_err(|text| Refusal::new("TooManyTagsException", text))?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            tagged(world, call)?
                .tags
                .retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(call.unknown_operation()),
    }
}

/// Drops a service's scalable target with its policies and their alarms. AWS does so, silently, when the service goes:
/// <https://github.com/hashicorp/terraform-provider-aws/issues/10432>.
pub fn forget_service(world: &mut World, resource_id: &str) {
    let Some(target) = world.autoscaling.targets.remove(resource_id) else {
        return;
    };
    for policy in target.policies.values() {
        policy.delete_alarms(world);
    }
}

fn register_scalable_target(world: &mut World, call: &Call) -> Answer {
    let resource = named_resource(call)?.to_owned();
    let capacity = |member: &str| -> Result<Option<u32>, Refusal> {
        let Some(value) = call.optional_integer(member)? else {
            return Ok(None);
        };
        u32::try_from(value)
            .map(Some)
            .map_err(|_| invalid(format!("{member} cannot be negative: {value}")))
    };
    let (minimum, maximum) = (capacity("MinCapacity")?, capacity("MaxCapacity")?);
    let tags = tags(call)?;
    let Some((cluster, service)) = resource
        .strip_prefix("service/")
        .and_then(|rest| rest.split_once('/'))
    else {
        return Err(invalid(format!(
            "Unsupported service namespace, resource type or scalable dimension: {resource}"
        )));
    };
    if !ecs::service_exists(world, &resource) {
        return Err(invalid(format!("ECS service doesn't exist: {resource}")));
    }
    let existing = world.autoscaling.targets.get(&resource);
    if existing.is_some() && !tags.is_empty() {
        // <https://github.com/hashicorp/terraform-provider-aws/issues/31839>
        return Err(invalid(
            "Tags can only be specified for a new scalable target: use TagResource for an existing one.",
        ));
    }
    let Some(minimum) = minimum.or(existing.map(|target| target.minimum)) else {
        return Err(invalid("A new scalable target needs a MinCapacity"));
    };
    let Some(maximum) = maximum.or(existing.map(|target| target.maximum)) else {
        return Err(invalid("A new scalable target needs a MaxCapacity"));
    };
    if minimum > maximum {
        return Err(invalid(
            "Maximum capacity cannot be less than minimum capacity",
        ));
    }
    let before = existing.map(|target| target.suspended).unwrap_or_default();
    let suspended = match call.structure("SuspendedState")? {
        None => before,
        Some(asked) => Suspended {
            dynamic_in: asked
                .optional_boolean("DynamicScalingInSuspended")?
                .unwrap_or(before.dynamic_in),
            dynamic_out: asked
                .optional_boolean("DynamicScalingOutSuspended")?
                .unwrap_or(before.dynamic_out),
            scheduled: asked
                .optional_boolean("ScheduledScalingSuspended")?
                .unwrap_or(before.scheduled),
        },
    };
    if existing.is_none() && world.autoscaling.targets.len() >= TARGETS_MAX {
        return Err(Refusal::new(
            "LimitExceededException",
            format!("The account has {TARGETS_MAX} scalable targets"),
        ));
    }
    let fresh = world.hex(32);
    let target = world
        .autoscaling
        .targets
        .entry(resource.clone())
        .or_insert_with(|| Target {
            id: format!("0ec5{fresh}"),
            minimum,
            maximum,
            suspended,
            created: call.now,
            tags,
            policies: BTreeMap::new(),
        });
    target.minimum = minimum;
    target.maximum = maximum;
    target.suspended = suspended;
    let id = target.id.clone();
    if ecs::desired_count(world, &resource).is_some_and(|desired| desired < minimum) {
        ecs::set_desired_count(world, cluster, service, minimum);
    }
    Ok(json!({ "ScalableTargetARN": target_arn(world, &id) }))
}

fn describe_scalable_targets(world: &World, call: &Call) -> Answer {
    check_namespace(call)?;
    check_dimension(call)?;
    let wanted = call.optional_texts("ResourceIds")?;
    let entries = world
        .autoscaling
        .targets
        .iter()
        .filter(|(id, _)| wanted.is_empty() || wanted.contains(id));
    let entries = entries.map(|(resource, target)| {
        let Target {
            id,
            minimum,
            maximum,
            suspended,
            created,
            tags: _,
            policies: _,
        } = target;
        let Suspended {
            dynamic_in,
            dynamic_out,
            scheduled,
        } = suspended;
        let entry = json!({
            "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION,
            "MinCapacity": minimum, "MaxCapacity": maximum, "RoleARN": role_arn(world),
            "CreationTime": timestamp(*created),
            "SuspendedState": {
                "DynamicScalingInSuspended": dynamic_in, "DynamicScalingOutSuspended": dynamic_out,
                "ScheduledScalingSuspended": scheduled,
            },
            "ScalableTargetARN": target_arn(world, id),
        });
        (resource.clone(), entry)
    });
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call)?,
        "InvalidNextTokenException",
    )?;
    Ok(json!({ "ScalableTargets": page.items, "NextToken": page.next }))
}

/// Whatever role a caller sets, this one reads back: <https://github.com/pulumi/pulumi-aws/issues/718>.
fn role_arn(world: &World) -> String {
    format!(
        "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_ECSService",
        world.account
    )
}

fn target_arn(world: &World, id: &str) -> String {
    world.arn("application-autoscaling", &format!("scalable-target/{id}"))
}

fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Target, Refusal> {
    let arn = call.required("ResourceARN", VALIDATION)?;
    let id = arn.strip_prefix(&target_arn(world, "")).unwrap_or_default();
    let unknown = || {
        Refusal::new(
            "ResourceNotFoundException",
            format!("The resource {arn} was not found."),
        )
    };
    world
        .autoscaling
        .targets
        .values_mut()
        .find(|target| target.id == id)
        .ok_or_else(unknown)
}

fn tags(call: &Call) -> Result<Tags, Refusal> {
    match call.get("Tags") {
        None => Ok(Tags::new()),
        Some(Value::Object(map)) => tag::from_map(map).map_err(invalid),
        Some(_) => Err(invalid("Tags is not a map of String to String")),
    }
}

/// The resource id of a call that must name namespace, resource and dimension.
fn named_resource(call: &Call) -> Result<&str, Refusal> {
    check_namespace(call)?;
    call.required("ScalableDimension", VALIDATION)?;
    check_dimension(call)?;
    call.required("ResourceId", VALIDATION)
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
fn size(call: &Call) -> Result<usize, Refusal> {
    let size = call.optional_integer("MaxResults")?.unwrap_or(50);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=50).contains(size));
    size.ok_or_else(|| {
        invalid("1 validation error detected: Value at 'maxResults' must be between 1 and 50")
    })
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}

fn no_target(resource: &str) -> Refusal {
    let text = format!(
        "No scalable target found for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}"
    );
    Refusal::new("ObjectNotFoundException", text)
}
