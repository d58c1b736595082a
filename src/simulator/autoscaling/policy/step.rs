//! Step scaling: by how much to scale for how far an alarm's metric is beyond its threshold.
//!
//! Takes StepScalingPolicyConfiguration, checks AWS's rules for its steps (API_StepAdjustment). The alarms are the caller's.

use serde_json::{Map, Value, json};

use super::super::super::call::{Call, Refusal};
use super::super::{VALIDATION, invalid, limit};

/// AWS's quota per policy.
const STEPS_MAX: usize = 20;

#[derive(Debug)]
pub(super) struct Stepping {
    pub adjustment: &'static str,
    pub steps: Vec<Step>,
    pub magnitude_min: Option<i64>,
    pub cooldown_seconds: Option<i64>,
    pub aggregation: &'static str,
}

/// A range of the metric's distance from the threshold, open where a bound is absent.
#[derive(Debug)]
pub(super) struct Step {
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    pub adjustment: i64,
}

impl Stepping {
    pub(super) fn of(call: &Call) -> Result<Stepping, Refusal> {
        let kinds = [
            "ChangeInCapacity",
            "PercentChangeInCapacity",
            "ExactCapacity",
        ];
        let aggregations = ["Average", "Minimum", "Maximum"];
        let adjustment = word(call, "AdjustmentType", &kinds)?
            .ok_or_else(|| invalid("AdjustmentType must be specified"))?;
        let magnitude_min = call.optional_integer("MinAdjustmentMagnitude")?;
        if magnitude_min.is_some() && adjustment != "PercentChangeInCapacity" {
            return Err(invalid(
                "MinAdjustmentMagnitude can only be used with the adjustment type PercentChangeInCapacity",
            ));
        }
        let cooldown_seconds = call.optional_integer("Cooldown")?;
        if cooldown_seconds.is_some_and(|seconds| seconds < 0) {
            return Err(invalid("Cooldown cannot be negative"));
        }
        let steps = call.structures("StepAdjustments")?;
        let steps = steps.iter().map(Step::of).collect::<Result<Vec<_>, _>>()?;
        check(&steps)?;
        Ok(Stepping {
            adjustment,
            steps,
            magnitude_min,
            cooldown_seconds,
            aggregation: word(call, "MetricAggregationType", &aggregations)?.unwrap_or("Average"),
        })
    }

    pub(super) fn shown(&self) -> Value {
        let Stepping {
            adjustment,
            steps,
            magnitude_min,
            cooldown_seconds,
            aggregation,
        } = self;
        let step = |step: &Step| {
            let mut shown = Map::from_iter([("ScalingAdjustment".into(), json!(step.adjustment))]);
            let bounds = [
                ("MetricIntervalLowerBound", step.lower),
                ("MetricIntervalUpperBound", step.upper),
            ];
            shown.extend(
                bounds
                    .into_iter()
                    .filter_map(|(name, bound)| Some((name.to_owned(), json!(bound?)))),
            );
            Value::Object(shown)
        };
        json!({
            "AdjustmentType": adjustment, "StepAdjustments": steps.iter().map(step).collect::<Value>(),
            "MinAdjustmentMagnitude": magnitude_min, "Cooldown": cooldown_seconds,
            "MetricAggregationType": aggregation,
        })
    }
}

impl Step {
    fn of(call: &Call) -> Result<Step, Refusal> {
        let adjustment = call.optional_integer("ScalingAdjustment")?;
        Ok(Step {
            lower: call.optional_number("MetricIntervalLowerBound")?,
            upper: call.optional_number("MetricIntervalUpperBound")?,
            adjustment: adjustment
                .ok_or_else(|| invalid("ScalingAdjustment must be specified for every step"))?,
        })
    }
}

fn check(steps: &[Step]) -> Result<(), Refusal> {
    if steps.is_empty() {
        return Err(invalid("At least one StepAdjustment must be specified"));
    }
    if steps.len() > STEPS_MAX {
        return Err(limit(format!(
            "A policy has at most {STEPS_MAX} step adjustments"
        )));
    }
    let mut ordered: Vec<(f64, f64)> = Vec::new();
    for step in steps {
        let bounds = (
            step.lower.unwrap_or(f64::NEG_INFINITY),
            step.upper.unwrap_or(f64::INFINITY),
        );
        if step.lower.is_none() && step.upper.is_none() {
            return Err(invalid("A step adjustment needs a lower or an upper bound"));
        }
        if bounds.0 >= bounds.1 {
            return Err(invalid(
                "A step adjustment's upper bound must be greater than its lower bound",
            ));
        }
        ordered.push(bounds);
    }
    ordered.sort_by(|left, right| left.0.total_cmp(&right.0));
    if ordered
        .windows(2)
        .any(|pair| matches!(pair, [left, right] if left.1 != right.0))
    {
        return Err(invalid(
            "Step adjustment ranges can't overlap or have a gap",
        ));
    }
    let (first, last) = (ordered.first(), ordered.last());
    if first.is_some_and(|(lower, _)| *lower < 0.0 && lower.is_finite()) {
        return Err(invalid(
            "With a negative lower bound there must be a step adjustment without one",
        ));
    }
    if last.is_some_and(|(_, upper)| *upper > 0.0 && upper.is_finite()) {
        return Err(invalid(
            "With a positive upper bound there must be a step adjustment without one",
        ));
    }
    Ok(())
}

fn word(
    call: &Call,
    member: &str,
    words: &[&'static str],
) -> Result<Option<&'static str>, Refusal> {
    let Some(given) = call.optional_text(member)? else {
        return Ok(None);
    };
    let known = words.iter().find(|word| **word == given).copied();
    known.map(Some).ok_or_else(|| {
        let text = format!(
            "1 validation error detected: Value '{given}' at '{member}' failed to satisfy constraint: Member must satisfy \
             enum value set: [{}]",
            words.join(", ")
        );
        Refusal::new(VALIDATION, text)
    })
}
