//! The deployment circuit breaker: when failed tasks end a rollout.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::super::input::invalid;
use crate::simulator::call::Refusal;
use crate::simulator::defaults::ecs::service as default;

/// The deployment circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super::super) struct Breaker {
    pub(in super::super::super) enable: bool,
    pub(in super::super::super) rollback: bool,
    pub(in super::super::super) reset_on_healthy_task: bool,
    pub(in super::super::super) threshold: Threshold,
}

/// How many failed tasks trip the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super::super) struct Threshold {
    #[serde(rename = "type")]
    kind: ThresholdKind,
    value: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ThresholdKind {
    Count,
    BoundedPercent,
    UnboundedPercent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GivenBreaker {
    enable: bool,
    rollback: bool,
    reset_on_healthy_task: Option<bool>,
    threshold_configuration: Option<Threshold>,
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker {
            enable: default::BREAKER_ENABLE,
            rollback: default::BREAKER_ROLLBACK,
            reset_on_healthy_task: default::BREAKER_RESET,
            threshold: Threshold {
                kind: match default::BREAKER_KIND {
                    "COUNT" => ThresholdKind::Count,
                    "UNBOUNDED_PERCENT" => ThresholdKind::UnboundedPercent,
                    _ => ThresholdKind::BoundedPercent,
                },
                value: default::BREAKER_VALUE,
            },
        }
    }
}

impl Breaker {
    /// What a caller gives, with AWS's defaults for what he leaves out.
    pub(super) fn of(given: GivenBreaker) -> Result<Breaker, Refusal> {
        let GivenBreaker {
            enable,
            rollback,
            reset_on_healthy_task,
            threshold_configuration,
        } = given;
        let default = Breaker::default();
        let threshold = threshold_configuration.unwrap_or(default.threshold);
        if threshold.value == 0 {
            return Err(invalid(
                "thresholdConfiguration.value must be greater than 0.",
            ));
        }
        Ok(Breaker {
            enable,
            rollback,
            reset_on_healthy_task: reset_on_healthy_task.unwrap_or(default.reset_on_healthy_task),
            threshold,
        })
    }

    pub(super) fn to_value(self) -> Value {
        let Breaker {
            enable,
            rollback,
            reset_on_healthy_task,
            threshold: Threshold { kind, value },
        } = self;
        let kind = match kind {
            ThresholdKind::Count => "COUNT",
            ThresholdKind::BoundedPercent => "BOUNDED_PERCENT",
            ThresholdKind::UnboundedPercent => "UNBOUNDED_PERCENT",
        };
        json!({
            "enable": enable,
            "rollback": rollback,
            "resetOnHealthyTask": reset_on_healthy_task,
            "thresholdConfiguration": { "type": kind, "value": value },
        })
    }
}

impl Threshold {
    /// The number of failed tasks at which the breaker trips, for the service's present desired count
    /// (deployment-circuit-breaker.html: half the desired count, at least 3 and at most 200).
    pub(in super::super::super) fn tasks(self, desired: u32) -> u32 {
        let share = desired.saturating_mul(self.value).div_ceil(100);
        match self.kind {
            ThresholdKind::Count => self.value.max(1),
            ThresholdKind::BoundedPercent => share.clamp(3, 200),
            ThresholdKind::UnboundedPercent => share.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_trips_at_half_the_desired_count_between_3_and_200() {
        let threshold = Breaker::default().threshold;
        for (desired, want) in [
            (0, 3),
            (2, 3),
            (6, 3),
            (7, 4),
            (10, 5),
            (400, 200),
            (5_000, 200),
        ] {
            assert_eq!(threshold.tasks(desired), want, "{desired}");
        }
        assert_eq!(
            Threshold {
                kind: ThresholdKind::Count,
                value: 1
            }
            .tasks(10),
            1
        );
        assert_eq!(
            Threshold {
                kind: ThresholdKind::UnboundedPercent,
                value: 50
            }
            .tasks(2),
            1
        );
    }
}
