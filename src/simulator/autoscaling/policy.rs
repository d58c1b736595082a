//! Target-tracking policies, and the two alarms AWS makes for each.
//!
//! The alarms' shape is AWS's for ECS: three minutes above the target scale out, fifteen below nine tenths of it scale in.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::super::cloudwatch::{self, Generated};
use super::super::world::World;
use super::{
    DIMENSION, VALIDATION, check_dimension, check_namespace, invalid, named_resource, no_target,
    size,
};

#[derive(Debug)]
pub(super) struct Policy {
    arn: String,
    created: Millis,
    configuration: Configuration,
    /// The alarm that scales out, and the one that scales in unless that is off.
    alarms: Vec<String>,
}

#[derive(Debug)]
struct Configuration {
    target: f64,
    metric: Metric,
    out_cooldown_seconds: Option<i64>,
    in_cooldown_seconds: Option<i64>,
    scale_in_disabled: bool,
}

#[derive(Debug)]
enum Metric {
    Cpu,
    Memory,
    RequestsPerTarget {
        /// `app/<balancer>/<id>/targetgroup/<group>/<id>`
        label: String,
    },
    Custom {
        namespace: String,
        name: String,
        statistic: String,
        unit: Option<String>,
        dimensions: Vec<(String, String)>,
    },
}

/// AWS's quota per scalable target.
const POLICIES_MAX: usize = 50;
const HIGH_PERIODS: i64 = 3;
const LOW_PERIODS: i64 = 15;
/// How far below the target scaling in begins.
const LOW_SHARE: f64 = 0.9;

impl Policy {
    pub(super) fn delete_alarms(&self, world: &mut World) {
        for alarm in &self.alarms {
            cloudwatch::delete_generated_alarm(world, alarm);
        }
    }
}

pub(super) fn put_scaling_policy(world: &mut World, call: &Call) -> Answer {
    let name = call.required("PolicyName", VALIDATION)?.to_owned();
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        return Err(invalid(
            "1 validation error detected: Value at 'policyName' must have 1 to 256 printable characters",
        ));
    }
    let resource = named_resource(call)?.to_owned();
    if let Some(kind) = call.optional_text("PolicyType")?
        && kind != "TargetTrackingScaling"
    {
        return Err(invalid(format!(
            "Only the policy type TargetTrackingScaling is simulated, not {kind}"
        )));
    }
    let configuration = call.structure("TargetTrackingScalingPolicyConfiguration")?;
    let configuration = configuration.ok_or_else(|| {
        invalid("TargetTrackingScalingPolicyConfiguration must be specified for the policy type TargetTrackingScaling")
    })?;
    let configuration = Configuration::of(&configuration)?;
    let target = world
        .autoscaling
        .targets
        .get_mut(&resource)
        .ok_or_else(|| no_target(&resource))?;
    let earlier = target.policies.remove(&name);
    if earlier.is_none() && target.policies.len() >= POLICIES_MAX {
        return Err(Refusal::new(
            "LimitExceededException",
            format!("A scalable target has at most {POLICIES_MAX} policies"),
        ));
    }
    // A policy put again keeps its ARN and its creation time; its alarms are made anew.
    let (arn, created) = match &earlier {
        Some(earlier) => {
            earlier.delete_alarms(world);
            (earlier.arn.clone(), earlier.created)
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
    let alarms = configuration.put_alarms(world, &resource, &arn, call.now);
    let shown: Value = shown_alarms(world, &alarms);
    let policy = Policy {
        arn: arn.clone(),
        created,
        configuration,
        alarms,
    };
    if let Some(target) = world.autoscaling.targets.get_mut(&resource) {
        target.policies.insert(name, policy);
    }
    Ok(json!({ "PolicyARN": arn, "Alarms": shown }))
}

pub(super) fn describe_scaling_policies(world: &World, call: &Call) -> Answer {
    check_namespace(call)?;
    check_dimension(call)?;
    let resource = call.optional_text("ResourceId")?;
    let names = call.optional_texts("PolicyNames")?;
    let targets = world
        .autoscaling
        .targets
        .iter()
        .filter(|(id, _)| resource.is_none_or(|wanted| *id == wanted));
    let policies = targets.flat_map(|(id, target)| {
        target
            .policies
            .iter()
            .map(move |(name, policy)| (id, name, policy))
    });
    let entries = policies
        .filter(|(_, name, _)| names.is_empty() || names.contains(name))
        .map(|(id, name, policy)| {
            let Policy {
                arn,
                created,
                configuration,
                alarms,
            } = policy;
            let entry = json!({
                "PolicyARN": arn, "PolicyName": name, "ServiceNamespace": "ecs", "ResourceId": id,
                "ScalableDimension": DIMENSION, "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": configuration.shown(),
                "Alarms": shown_alarms(world, alarms), "CreationTime": timestamp(*created),
            });
            (format!("{id} {name}"), entry)
        });
    // Keys sort as the nested maps do only if they are sorted as written.
    let entries: std::collections::BTreeMap<String, Value> = entries.collect();
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call)?,
        "InvalidNextTokenException",
    )?;
    Ok(json!({ "ScalingPolicies": page.items, "NextToken": page.next }))
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

impl Configuration {
    fn of(call: &Call) -> Result<Configuration, Refusal> {
        let target = call.optional_number("TargetValue")?;
        let target = target
            .filter(|target| *target > 0.0)
            .ok_or_else(|| invalid("TargetValue must be above 0"))?;
        let predefined = call.structure("PredefinedMetricSpecification")?;
        let custom = call.structure("CustomizedMetricSpecification")?;
        let metric = match (predefined, custom) {
            (Some(predefined), None) => Metric::predefined(&predefined)?,
            (None, Some(custom)) => Metric::custom(&custom)?,
            _ => {
                return Err(invalid(
                    "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified",
                ));
            }
        };
        let cooldown = |member: &str| -> Result<Option<i64>, Refusal> {
            let seconds = call.optional_integer(member)?;
            if seconds.is_some_and(|seconds| seconds < 0) {
                return Err(invalid(format!("{member} cannot be negative")));
            }
            Ok(seconds)
        };
        Ok(Configuration {
            target,
            metric,
            out_cooldown_seconds: cooldown("ScaleOutCooldown")?,
            in_cooldown_seconds: cooldown("ScaleInCooldown")?,
            scale_in_disabled: call.optional_boolean("DisableScaleIn")?.unwrap_or(false),
        })
    }

    fn shown(&self) -> Value {
        let Configuration {
            target,
            metric,
            out_cooldown_seconds,
            in_cooldown_seconds,
            scale_in_disabled,
        } = self;
        let mut shown = json!({
            "TargetValue": target, "ScaleOutCooldown": out_cooldown_seconds, "ScaleInCooldown": in_cooldown_seconds,
            "DisableScaleIn": scale_in_disabled,
        });
        let predefined = match metric {
            Metric::Cpu => json!({ "PredefinedMetricType": "ECSServiceAverageCPUUtilization" }),
            Metric::Memory => {
                json!({ "PredefinedMetricType": "ECSServiceAverageMemoryUtilization" })
            }
            Metric::RequestsPerTarget { label } => {
                json!({ "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label })
            }
            Metric::Custom {
                namespace,
                name,
                statistic,
                unit,
                dimensions,
            } => {
                let dimensions: Vec<Value> = dimensions
                    .iter()
                    .map(|(name, value)| json!({ "Name": name, "Value": value }))
                    .collect();
                shown["CustomizedMetricSpecification"] = json!({
                    "MetricName": name, "Namespace": namespace, "Dimensions": dimensions, "Statistic": statistic,
                    "Unit": unit,
                });
                return shown;
            }
        };
        shown["PredefinedMetricSpecification"] = predefined;
        shown
    }

    /// Makes this policy's alarms and gives their names.
    fn put_alarms(
        &self,
        world: &mut World,
        resource: &str,
        policy_arn: &str,
        now: Millis,
    ) -> Vec<String> {
        let high = ("High", HIGH_PERIODS, self.target, "GreaterThanThreshold");
        let low = (
            "Low",
            LOW_PERIODS,
            self.target * LOW_SHARE,
            "LessThanThreshold",
        );
        let wanted = if self.scale_in_disabled {
            vec![high]
        } else {
            vec![high, low]
        };
        let mut names = Vec::new();
        for (side, periods, threshold, comparison) in wanted {
            let name = format!("TargetTracking-{resource}-Alarm{side}-{}", world.uuid());
            let (namespace, metric, statistic, unit, dimensions) = self.metric.alarmed(resource);
            let generated = Generated {
                description: format!(
                    "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}."
                ),
                action: policy_arn.to_owned(),
                namespace,
                metric,
                statistic,
                unit,
                dimensions,
                periods,
                threshold,
                comparison: comparison.to_owned(),
            };
            cloudwatch::put_generated_alarm(world, &name, &generated, now);
            names.push(name);
        }
        names
    }
}

/// Namespace, name, statistic, unit, dimensions.
type Alarmed = (
    String,
    String,
    String,
    Option<String>,
    Vec<(String, String)>,
);

impl Metric {
    fn predefined(call: &Call) -> Result<Metric, Refusal> {
        let label = call.optional_text("ResourceLabel")?;
        match (call.required("PredefinedMetricType", VALIDATION)?, label) {
            ("ECSServiceAverageCPUUtilization", None) => Ok(Metric::Cpu),
            ("ECSServiceAverageMemoryUtilization", None) => Ok(Metric::Memory),
            ("ALBRequestCountPerTarget", Some(label)) => {
                let parts: Vec<&str> = label.split('/').collect();
                if matches!(parts.as_slice(), ["app", _, _, "targetgroup", _, _]) {
                    return Ok(Metric::RequestsPerTarget {
                        label: label.to_owned(),
                    });
                }
                Err(invalid(format!(
                    "Resource label {label} must have the form app/<name>/<id>/targetgroup/<name>/<id>"
                )))
            }
            ("ALBRequestCountPerTarget", None) => Err(invalid(
                "ResourceLabel must be specified for the predefined metric type ALBRequestCountPerTarget",
            )),
            (kind, Some(_)) => Err(invalid(format!(
                "ResourceLabel cannot be specified for the predefined metric type {kind}"
            ))),
            (kind, None) => Err(invalid(format!(
                "Predefined metric type {kind} is not one for the service namespace ecs"
            ))),
        }
    }

    fn custom(call: &Call) -> Result<Metric, Refusal> {
        if call.get("Metrics").is_some() {
            return Err(invalid("Metric math in a scaling policy is not simulated"));
        }
        let text = |member| call.required(member, VALIDATION).map(str::to_owned);
        let pairs = call.structures("Dimensions")?;
        let pair = |pair: &Call| {
            let side = |name| pair.required(name, VALIDATION).map(str::to_owned);
            Ok((side("Name")?, side("Value")?))
        };
        Ok(Metric::Custom {
            namespace: text("Namespace")?,
            name: text("MetricName")?,
            statistic: text("Statistic")?,
            unit: call.optional_text("Unit")?.map(str::to_owned),
            dimensions: pairs.iter().map(pair).collect::<Result<_, Refusal>>()?,
        })
    }

    fn alarmed(&self, resource: &str) -> Alarmed {
        let of_service = |metric: &str| {
            let (cluster, service) = resource
                .trim_start_matches("service/")
                .split_once('/')
                .unwrap_or((resource, resource));
            let dimensions = vec![
                ("ClusterName".to_owned(), cluster.to_owned()),
                ("ServiceName".to_owned(), service.to_owned()),
            ];
            (
                "AWS/ECS".to_owned(),
                metric.to_owned(),
                "Average".to_owned(),
                Some("Percent".to_owned()),
                dimensions,
            )
        };
        match self {
            Metric::Cpu => of_service("CPUUtilization"),
            Metric::Memory => of_service("MemoryUtilization"),
            Metric::RequestsPerTarget { label } => {
                let group = label.find("targetgroup/").map_or("", |at| &label[at..]);
                let dimensions = vec![("TargetGroup".to_owned(), group.to_owned())];
                let metric = "RequestCountPerTarget".to_owned();
                (
                    "AWS/ApplicationELB".to_owned(),
                    metric,
                    "Sum".to_owned(),
                    None,
                    dimensions,
                )
            }
            Metric::Custom {
                namespace,
                name,
                statistic,
                unit,
                dimensions,
            } => (
                namespace.clone(),
                name.clone(),
                statistic.clone(),
                unit.clone(),
                dimensions.clone(),
            ),
        }
    }
}

fn shown_alarms(world: &World, names: &[String]) -> Value {
    let shown = |name: &String| json!({ "AlarmName": name, "AlarmARN": world.arn("cloudwatch", &format!("alarm:{name}")) });
    names.iter().map(shown).collect()
}
