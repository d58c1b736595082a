//! Target tracking: a metric to hold at a value, and the two alarms AWS makes for it.
//!
//! The alarms' shape is AWS's for ECS: three minutes above the target scale out, fifteen below nine tenths of it scale in.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>

use serde_json::{Value, json};

use super::super::super::call::{Call, Millis, Refusal};
use super::super::super::cloudwatch::{self, Generated};
use super::super::super::world::World;
use super::super::invalid;
use super::metric::Metric;

const HIGH_PERIODS: i64 = 3;
const LOW_PERIODS: i64 = 15;
/// How far below the target scaling in begins.
const LOW_SHARE: f64 = 0.9;

#[derive(Debug)]
pub(super) struct Tracking {
    pub target: f64,
    metric: Metric,
    pub out_cooldown_seconds: Option<i64>,
    pub in_cooldown_seconds: Option<i64>,
    scale_in_disabled: bool,
}

impl Tracking {
    pub(super) fn of(call: &Call) -> Result<Tracking, Refusal> {
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
        Ok(Tracking {
            target,
            metric,
            out_cooldown_seconds: cooldown("ScaleOutCooldown")?,
            in_cooldown_seconds: cooldown("ScaleInCooldown")?,
            scale_in_disabled: call.optional_boolean("DisableScaleIn")?.unwrap_or(false),
        })
    }

    pub(super) fn shown(&self) -> Value {
        let Tracking {
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
    pub(super) fn put_alarms(
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
