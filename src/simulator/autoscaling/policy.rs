//! Scaling policies of a target: target tracking and step scaling. Predictive scaling is not simulated.
//!
//! Takes the calls; makes and deletes the alarms AWS keeps for target tracking. `wanted` says what a trigger asks for.

mod metric;
mod step;
mod tracking;
mod wanted;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::step::Stepping;
use self::tracking::Tracking;
use super::super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::super::cloudwatch;
use super::super::world::World;
use super::{
    DIMENSION, VALIDATION, check_dimension_of_resource, check_names, invalid, limit, listing,
    named_resource, no_target,
};

#[derive(Debug)]
pub(super) struct Policy {
    pub arn: String,
    created: Millis,
    configuration: Configuration,
}

#[derive(Debug)]
enum Configuration {
    Tracking {
        tracking: Tracking,
        /// The alarm that scales out, and the one that scales in unless that is off.
        alarms: Vec<String>,
    },
    Stepping(Stepping),
}

/// AWS's quota per scalable target.
const POLICIES_MAX: usize = 50;
const TRACKING: &str = "TargetTrackingScaling";
const STEPPING: &str = "StepScaling";

impl Policy {
    pub(super) fn delete_alarms(&self, world: &mut World) {
        if let Configuration::Tracking { alarms, .. } = &self.configuration {
            for alarm in alarms {
                cloudwatch::delete_generated_alarm(world, alarm);
            }
        }
    }

    fn type_name(&self) -> &'static str {
        match self.configuration {
            Configuration::Tracking { .. } => TRACKING,
            Configuration::Stepping(_) => STEPPING,
        }
    }
}

enum Asked {
    Tracking(Tracking),
    Stepping(Stepping),
}

pub(super) fn put_scaling_policy(world: &mut World, call: &Call) -> Answer {
    let name = call.required("PolicyName", VALIDATION)?.to_owned();
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        return Err(invalid(
            "1 validation error detected: Value at 'policyName' must have 1 to 256 printable characters",
        ));
    }
    let resource = named_resource(call)?.to_owned();
    let target = world.autoscaling.targets.get(&resource);
    let earlier = target.and_then(|target| target.policies.get(&name));
    let asked = asked(call, earlier.map(Policy::type_name))?;
    let target = world.autoscaling.targets.get_mut(&resource);
    let target = target.ok_or_else(|| no_target(&resource))?;
    if target.policies.len() >= POLICIES_MAX && !target.policies.contains_key(&name) {
        return Err(limit(format!(
            "A scalable target has at most {POLICIES_MAX} policies"
        )));
    }
    // A policy put again keeps its ARN and its creation time; its alarms are made anew.
    let (arn, created) = match target.policies.remove(&name) {
        Some(earlier) => {
            earlier.delete_alarms(world);
            (earlier.arn, earlier.created)
        }
        None => {
            let id = world.uuid();
            let arn = world.arn(
                "autoscaling",
                &format!("scalingPolicy:{id}:resource/ecs/{resource}:policyName/{name}"),
            );
            (arn, call.now)
        }
    };
    let configuration = match asked {
        Asked::Stepping(stepping) => Configuration::Stepping(stepping),
        Asked::Tracking(tracking) => {
            let alarms = tracking.put_alarms(world, &resource, &arn, call.now);
            Configuration::Tracking { tracking, alarms }
        }
    };
    let policy = Policy {
        arn: arn.clone(),
        created,
        configuration,
    };
    let alarms = shown_alarms(world, &policy);
    if let Some(target) = world.autoscaling.targets.get_mut(&resource) {
        target.policies.insert(name, policy);
    }
    Ok(json!({ "PolicyARN": arn, "Alarms": alarms }))
}

/// "PolicyType … is required if you are creating a scaling policy" (API_PutScalingPolicy).
fn asked(call: &Call, earlier: Option<&str>) -> Result<Asked, Refusal> {
    let kind = call.optional_text("PolicyType")?.or(earlier);
    let kind = kind.ok_or_else(|| invalid("PolicyType must be specified for a new policy"))?;
    if earlier.is_some_and(|earlier| earlier != kind) {
        return Err(invalid(
            "The type of a policy cannot be changed; delete the policy first",
        ));
    }
    let tracking = call.structure("TargetTrackingScalingPolicyConfiguration")?;
    let stepping = call.structure("StepScalingPolicyConfiguration")?;
    match (kind, tracking, stepping) {
        (TRACKING, Some(tracking), None) => Ok(Asked::Tracking(Tracking::of(&tracking)?)),
        (STEPPING, None, Some(stepping)) => Ok(Asked::Stepping(Stepping::of(&stepping)?)),
        (TRACKING | STEPPING, _, _) => Err(invalid(format!(
            "{kind}PolicyConfiguration, and no other, must be specified for the policy type {kind}"
        ))),
        (other, _, _) => Err(invalid(format!(
            "Only the policy types {TRACKING} and {STEPPING} are simulated, not {other}"
        ))),
    }
}

pub(super) fn describe_scaling_policies(world: &World, call: &Call) -> Answer {
    let resource = check_dimension_of_resource(call)?;
    let names = check_names(call, "PolicyNames")?;
    let targets = world
        .autoscaling
        .targets
        .iter()
        .filter(|(id, _)| resource.is_none_or(|wanted| *id == wanted));
    let policies = targets.flat_map(|(id, target)| {
        let policies = target.policies.iter();
        policies.map(move |(name, policy)| (id, name, policy))
    });
    let entries = policies
        .filter(|(_, name, _)| names.is_empty() || names.contains(name))
        .map(|(id, name, policy)| {
            let Policy {
                arn,
                created,
                configuration,
            } = policy;
            let mut entry = json!({
                "PolicyARN": arn, "PolicyName": name, "ServiceNamespace": "ecs", "ResourceId": id,
                "ScalableDimension": DIMENSION, "PolicyType": policy.type_name(),
                "Alarms": shown_alarms(world, policy), "CreationTime": timestamp(*created),
            });
            match configuration {
                Configuration::Tracking { tracking, .. } => {
                    entry["TargetTrackingScalingPolicyConfiguration"] = tracking.shown();
                }
                Configuration::Stepping(stepping) => {
                    entry["StepScalingPolicyConfiguration"] = stepping.shown();
                }
            }
            (format!("{id} {name}"), entry)
        });
    // Keys sort as the nested maps do only if they are sorted as written.
    let entries: BTreeMap<String, Value> = entries.collect();
    listing(call, "ScalingPolicies", entries)
}

pub(super) fn delete_scaling_policy(world: &mut World, call: &Call) -> Answer {
    let resource = named_resource(call)?;
    let name = call.required("PolicyName", VALIDATION)?;
    let target = world.autoscaling.targets.get_mut(resource);
    let policy = target.and_then(|target| target.policies.remove(name)).ok_or_else(|| {
        let text = format!(
            "No scaling policy found for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}, \
             policy name: {name}"
        );
        Refusal::new("ObjectNotFoundException", text)
    })?;
    policy.delete_alarms(world);
    Ok(json!({}))
}

/// The alarms a tracking policy made, or those of the caller's that act through a step policy.
fn shown_alarms(world: &World, policy: &Policy) -> Value {
    let names = match &policy.configuration {
        Configuration::Tracking { alarms, .. } => alarms.clone(),
        Configuration::Stepping(_) => cloudwatch::alarms_that_act(world, &policy.arn),
    };
    let shown = |name: &String| json!({ "AlarmName": name, "AlarmARN": world.arn("cloudwatch", &format!("alarm:{name}")) });
    names.iter().map(shown).collect()
}
