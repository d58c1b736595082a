//! The count a policy asks for when one of its alarms triggers it. Pure.

use super::step::Stepping;
use super::tracking::Tracking;
use super::{Configuration, Policy};
use crate::simulator::autoscaling::Trigger;
use crate::simulator::call::Millis;

/// "If not specified, the default value is 300" for ECS, in both kinds of policy.
const COOLDOWN_SECONDS: i64 = 300;
/// More than any service can have.
const COUNT_MAX: f64 = 1e6;

/// What a policy asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulator::autoscaling) struct Wanted {
    pub count: u32,
    /// Whether it is for scaling out: a count that rounding leaves as it was is still of one side.
    pub out: bool,
    pub cooldown_millis: Millis,
}

impl Policy {
    /// What it asks for, reckoned from `base`; nothing when it has nothing to reckon with.
    pub(in crate::simulator::autoscaling) fn wanted(
        &self,
        base: u32,
        trigger: &Trigger,
    ) -> Option<Wanted> {
        match &self.configuration {
            Configuration::Stepping(stepping) => stepping.wanted(base, trigger),
            Configuration::Tracking { tracking, alarms } => {
                let out = alarms.first() == Some(&trigger.alarm);
                let known = out || alarms.get(1) == Some(&trigger.alarm);
                let value = trigger.recent.first().filter(|_| known)?;
                Some(tracking.wanted(base, *value, out))
            }
        }
    }

    /// The alarm that must be in ALARM before anything scales in.
    pub(in crate::simulator::autoscaling) fn low_alarm(&self) -> Option<&str> {
        match &self.configuration {
            Configuration::Tracking { alarms, .. } => alarms.get(1).map(String::as_str),
            Configuration::Stepping(_) => None,
        }
    }
}

impl Tracking {
    /// The capacity at which the metric would be at its target, rounded up: availability before cost. AWS publishes no formula;
    /// it promises to come near the target, and to scale in "more gradually", which here is its alarm's fifteen minutes.
    fn wanted(&self, base: u32, value: f64, out: bool) -> Wanted {
        let count = rounded((f64::from(base) * value / self.target).ceil());
        let cooldown = if out {
            self.out_cooldown_seconds
        } else {
            self.in_cooldown_seconds
        };
        Wanted {
            count,
            out,
            cooldown_millis: millis(cooldown),
        }
    }
}

impl Stepping {
    fn wanted(&self, base: u32, trigger: &Trigger) -> Option<Wanted> {
        let values = trigger.recent.iter().copied();
        // Without data, as when an alarm's state was set by hand, it is at its threshold.
        let value = match (trigger.recent.len(), self.aggregation) {
            (0, _) => trigger.threshold,
            (_, "Minimum") => values.fold(f64::INFINITY, f64::min),
            (_, "Maximum") => values.fold(f64::NEG_INFINITY, f64::max),
            (number, _) => values.sum::<f64>() / number as f64,
        };
        let adjustment = self.adjustment_at(value - trigger.threshold)?;
        let base_exact = f64::from(base);
        let count = match self.adjustment {
            "ExactCapacity" => adjustment,
            "ChangeInCapacity" => base_exact + adjustment,
            _ => base_exact + self.share(base_exact * adjustment / 100.0),
        };
        let count = rounded(count);
        Some(Wanted {
            count,
            out: match self.adjustment {
                "ExactCapacity" => count >= base,
                _ => adjustment > 0.0,
            },
            cooldown_millis: millis(self.cooldown_seconds),
        })
    }

    /// Above the threshold "the lower bound is inclusive and the upper exclusive", below it the other way round.
    fn adjustment_at(&self, distance: f64) -> Option<f64> {
        let bounds = |lower: Option<f64>, upper: Option<f64>| {
            (
                lower.unwrap_or(f64::NEG_INFINITY),
                upper.unwrap_or(f64::INFINITY),
            )
        };
        let above = |(lower, upper): (f64, f64)| lower <= distance && distance < upper;
        let below = |(lower, upper): (f64, f64)| lower < distance && distance <= upper;
        let find = |holds: &dyn Fn((f64, f64)) -> bool| {
            let mut steps = self.steps.iter();
            steps.find(|step| holds(bounds(step.lower, step.upper)))
        };
        let step = if distance >= 0.0 {
            find(&above).or(find(&below))
        } else {
            find(&below)
        };
        step.map(|step| step.adjustment as f64)
    }

    /// "Values greater than 1 are rounded down … between 0 and 1 to 1 … between 0 and -1 to -1 … less than -1 rounded up"; then
    /// no less than the least magnitude.
    fn share(&self, change: f64) -> f64 {
        let rounded = match change {
            0.0 => 0.0,
            change if change.abs() < 1.0 => change.signum(),
            change => change.trunc(),
        };
        let least = self.magnitude_min.unwrap_or(0) as f64;
        if rounded != 0.0 && rounded.abs() < least {
            least * rounded.signum()
        } else {
            rounded
        }
    }
}

fn rounded(count: f64) -> u32 {
    count.clamp(0.0, COUNT_MAX) as u32
}

fn millis(seconds: Option<i64>) -> Millis {
    u64::try_from(seconds.unwrap_or(COOLDOWN_SECONDS)).unwrap_or(0) * 1000
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::simulator::call::Call;

    fn stepping(configuration: Value) -> Stepping {
        let call = Call {
            service: "application-autoscaling",
            operation: String::new(),
            input: configuration.as_object().unwrap().clone(),
            principal: None,
            now: 0,
        };
        Stepping::of(&call).unwrap()
    }

    fn count(stepping: &Stepping, base: u32, value: f64) -> Option<u32> {
        let trigger = Trigger {
            policy: String::new(),
            alarm: String::new(),
            state: "ALARM",
            threshold: 50.0,
            recent: vec![value],
        };
        stepping.wanted(base, &trigger).map(|wanted| wanted.count)
    }

    /// The user guide's example: threshold 50, 60 and 70 above it; -10 and -20 below.
    #[test]
    fn steps_are_chosen_by_distance_and_percentages_rounded_as_documented() {
        let out = stepping(
            json!({ "AdjustmentType": "PercentChangeInCapacity", "StepAdjustments": [
                { "MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 0 },
                { "MetricIntervalLowerBound": 10.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 10 },
                { "MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 30 },
            ]}),
        );
        let inward = stepping(
            json!({ "AdjustmentType": "PercentChangeInCapacity", "StepAdjustments": [
                { "MetricIntervalLowerBound": -10.0, "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 0 },
                { "MetricIntervalLowerBound": -20.0, "MetricIntervalUpperBound": -10.0, "ScalingAdjustment": -10 },
                { "MetricIntervalUpperBound": -20.0, "ScalingAdjustment": -30 },
            ]}),
        );
        for (value, base, expected) in [
            (55.0, 10, 10),
            (60.0, 10, 11),
            (69.9, 10, 11),
            (70.0, 10, 13),
            (70.0, 11, 14),
            (60.0, 2, 3),
        ] {
            assert_eq!(
                count(&out, base, value),
                Some(expected),
                "{value} from {base}"
            );
        }
        for (value, base, expected) in [
            (45.0, 13, 13),
            (40.0, 13, 12),
            (31.0, 13, 12),
            (30.0, 13, 10),
            (10.0, 10, 7),
            (40.0, 2, 1),
        ] {
            assert_eq!(
                count(&inward, base, value),
                Some(expected),
                "{value} from {base}"
            );
        }
        assert_eq!(count(&out, 10, 45.0), None);
    }

    #[test]
    fn a_least_magnitude_and_exact_counts() {
        let least = stepping(json!({
            "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 2,
            "StepAdjustments": [{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 25 }],
        }));
        assert_eq!(count(&least, 4, 60.0), Some(6));
        assert_eq!(count(&least, 16, 60.0), Some(20));
        let exact = stepping(json!({
            "AdjustmentType": "ExactCapacity",
            "StepAdjustments": [{ "MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 7 }],
        }));
        assert_eq!(count(&exact, 4, 50.0), Some(7));
        let fewer = stepping(json!({
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": [{ "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -3 }],
        }));
        assert_eq!(count(&fewer, 2, 50.0), Some(0));
    }
}
