//! Scalable targets: between which counts a service may be moved.
//!
//! Takes RegisterScalableTarget, keeps the service's desired count within the bounds it names, and notes the activity.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::super::defaults::scaling::target as default;
use super::super::ecs;
use super::super::tag::{self, Tags};
use super::super::world::World;
use super::policy::Policy;
use super::scale::{self, Cooling};
use super::scheduled_action::ScheduledAction;
use super::{
    DIMENSION, VALIDATION, capacity, check_bounds, check_dimension, check_names, check_namespace,
    in_place, invalid, limit, listing, named_resource,
};

#[derive(Debug)]
pub(super) struct Target {
    /// The last part of its ARN.
    id: String,
    pub minimum: u32,
    pub maximum: u32,
    pub suspended: Suspended,
    pub cooling: Option<Cooling>,
    created: Millis,
    pub tags: Tags,
    pub policies: BTreeMap<String, Policy>,
    pub scheduled: BTreeMap<String, ScheduledAction>,
}

/// Which kinds of scaling are off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspended {
    pub dynamic_in: bool,
    pub dynamic_out: bool,
    pub scheduled: bool,
}

impl Default for Suspended {
    fn default() -> Self {
        Suspended {
            dynamic_in: default::DYNAMIC_IN_SUSPENDED,
            dynamic_out: default::DYNAMIC_OUT_SUSPENDED,
            scheduled: default::SCHEDULED_SUSPENDED,
        }
    }
}

/// AWS's default quota for ECS.
const TARGETS_MAX: usize = 3_000;

pub(super) fn register(world: &mut World, call: &Call) -> Answer {
    let resource = named_resource(call)?.to_owned();
    let (minimum, maximum) = (
        capacity(call, "MinCapacity")?,
        capacity(call, "MaxCapacity")?,
    );
    let tags = tags(call)?;
    if in_place(&resource).is_none() {
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
    check_bounds(minimum, maximum)?;
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
        return Err(limit(format!(
            "The account has {TARGETS_MAX} scalable targets"
        )));
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
            cooling: None,
            created: call.now,
            tags,
            policies: BTreeMap::new(),
            scheduled: BTreeMap::new(),
        });
    target.minimum = minimum;
    target.maximum = maximum;
    target.suspended = suspended;
    let id = target.id.clone();
    scale::clamp(world, &resource, call.now);
    Ok(json!({ "ScalableTargetARN": arn(world, &id) }))
}

pub(super) fn describe(world: &World, call: &Call) -> Answer {
    check_namespace(call)?;
    check_dimension(call)?;
    let wanted = check_names(call, "ResourceIds")?;
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
            cooling: _,
            created,
            tags: _,
            policies: _,
            scheduled: _,
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
            "ScalableTargetARN": arn(world, id),
        });
        (resource.clone(), entry)
    });
    listing(call, "ScalableTargets", entries)
}

/// Whatever role a caller sets, this one reads back: <https://github.com/pulumi/pulumi-aws/issues/718>.
fn role_arn(world: &World) -> String {
    format!(
        "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_ECSService",
        world.account
    )
}

fn arn(world: &World, id: &str) -> String {
    world.arn("application-autoscaling", &format!("scalable-target/{id}"))
}

pub(super) fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Target, Refusal> {
    let asked = call.required("ResourceARN", VALIDATION)?;
    let id = asked.strip_prefix(&arn(world, "")).unwrap_or_default();
    let unknown = || {
        Refusal::new(
            "ResourceNotFoundException",
            format!("The resource {asked} was not found."),
        )
    };
    world
        .autoscaling
        .targets
        .values_mut()
        .find(|target| target.id == id)
        .ok_or_else(unknown)
}

pub(super) fn tags(call: &Call) -> Result<Tags, Refusal> {
    match call.get("Tags") {
        None => Ok(Tags::new()),
        Some(Value::Object(map)) => tag::from_map(map).map_err(invalid),
        Some(_) => Err(invalid("Tags is not a map of String to String")),
    }
}
