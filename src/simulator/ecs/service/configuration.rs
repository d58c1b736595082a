//! How a service rolls out: its percentages and its circuit breaker.
//!
//! Takes `deploymentConfiguration`, gives a checked [`Configuration`] and AWS's read-back. Pure. Rolling updates only.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::input::invalid;
use crate::simulator::call::Refusal;
use crate::simulator::defaults::ecs::service as default;

/// A service's deployment configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Configuration {
    maximum_percent: u32,
    minimum_healthy_percent: u32,
    pub(in super::super) breaker: Breaker,
    alarms: Alarms,
}

/// The deployment circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Breaker {
    pub(in super::super) enable: bool,
    pub(in super::super) rollback: bool,
    pub(in super::super) reset_on_healthy_task: bool,
    pub(in super::super) threshold: Threshold,
}

/// How many failed tasks trip the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Threshold {
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

/// Rollback alarms: kept and read back; the alarms' states do not yet end a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Alarms {
    #[serde(default)]
    alarm_names: Vec<String>,
    enable: bool,
    rollback: bool,
}

/// The member as a caller gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Given {
    maximum_percent: Option<u32>,
    minimum_healthy_percent: Option<u32>,
    deployment_circuit_breaker: Option<GivenBreaker>,
    alarms: Option<Alarms>,
    strategy: Option<Strategy>,
    bake_time_in_minutes: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenBreaker {
    enable: bool,
    rollback: bool,
    reset_on_healthy_task: Option<bool>,
    threshold_configuration: Option<Threshold>,
}

#[derive(Debug, Deserialize)]
enum Strategy {
    #[serde(rename = "ROLLING")]
    Rolling,
}

impl Default for Configuration {
    /// What AWS reads back for a service that was given none.
    fn default() -> Self {
        Configuration {
            maximum_percent: default::MAXIMUM_PERCENT,
            minimum_healthy_percent: default::MINIMUM_HEALTHY_PERCENT,
            breaker: Breaker {
                enable: default::BREAKER_ENABLE,
                rollback: default::BREAKER_ROLLBACK,
                reset_on_healthy_task: default::BREAKER_RESET,
                threshold: Threshold {
                    kind: ThresholdKind::of(default::BREAKER_KIND),
                    value: default::BREAKER_VALUE,
                },
            },
            alarms: Alarms {
                alarm_names: Vec::new(),
                enable: default::ALARMS_ENABLE,
                rollback: default::ALARMS_ROLLBACK,
            },
        }
    }
}

impl Configuration {
    /// This configuration with the given members in place of its own.
    pub(super) fn with(mut self, given: Option<Given>) -> Result<Configuration, Refusal> {
        let Some(given) = given else { return Ok(self) };
        let Given {
            maximum_percent,
            minimum_healthy_percent,
            deployment_circuit_breaker,
            alarms,
            strategy: None | Some(Strategy::Rolling),
            bake_time_in_minutes,
        } = given;
        if bake_time_in_minutes.is_some_and(|minutes| minutes > 0) {
            return Err(invalid(
                "bakeTimeInMinutes is not supported for the ROLLING strategy by this simulator.",
            ));
        }
        self.maximum_percent = maximum_percent.unwrap_or(self.maximum_percent);
        self.minimum_healthy_percent =
            minimum_healthy_percent.unwrap_or(self.minimum_healthy_percent);
        self.alarms = alarms.unwrap_or(self.alarms);
        if let Some(given) = deployment_circuit_breaker {
            let GivenBreaker {
                enable,
                rollback,
                reset_on_healthy_task,
                threshold_configuration,
            } = given;
            let default = Configuration::default().breaker;
            self.breaker = Breaker {
                enable,
                rollback,
                reset_on_healthy_task: reset_on_healthy_task
                    .unwrap_or(default.reset_on_healthy_task),
                threshold: threshold_configuration.unwrap_or(default.threshold),
            };
        }
        let Configuration {
            maximum_percent,
            minimum_healthy_percent,
            ..
        } = &self;
        if !(0..=100).contains(minimum_healthy_percent) {
            return Err(invalid("minimumHealthyPercent must be between 0 and 100."));
        }
        if !(100..=1_000).contains(maximum_percent) {
            return Err(invalid("maximumPercent must be between 100 and 1000."));
        }
        // Both at 100 leave the scheduler nothing it may do.
        if maximum_percent == minimum_healthy_percent {
            return Err(invalid(
                "maximumPercent must be greater than minimumHealthyPercent.",
            ));
        }
        Ok(self)
    }

    /// The most tasks that may be running or starting, rounded down as AWS does.
    pub(in super::super) fn tasks_max(&self, desired: u32) -> u32 {
        desired * self.maximum_percent / 100
    }

    /// The fewest tasks that must stay healthy, rounded up as AWS does.
    pub(in super::super) fn tasks_min(&self, desired: u32) -> u32 {
        (desired * self.minimum_healthy_percent).div_ceil(100)
    }

    pub(in super::super) fn to_value(&self) -> Value {
        let Configuration {
            maximum_percent,
            minimum_healthy_percent,
            breaker,
            alarms,
        } = self;
        let Breaker {
            enable,
            rollback,
            reset_on_healthy_task,
            threshold,
        } = breaker;
        let Threshold { kind, value } = threshold;
        let kind = match kind {
            ThresholdKind::Count => "COUNT",
            ThresholdKind::BoundedPercent => "BOUNDED_PERCENT",
            ThresholdKind::UnboundedPercent => "UNBOUNDED_PERCENT",
        };
        json!({
            "strategy": default::STRATEGY,
            "bakeTimeInMinutes": default::BAKE_MINUTES,
            "maximumPercent": maximum_percent,
            "minimumHealthyPercent": minimum_healthy_percent,
            "deploymentCircuitBreaker": {
                "enable": enable,
                "rollback": rollback,
                "resetOnHealthyTask": reset_on_healthy_task,
                "thresholdConfiguration": { "type": kind, "value": value },
            },
            "alarms": {
                "alarmNames": alarms.alarm_names,
                "enable": alarms.enable,
                "rollback": alarms.rollback,
            },
        })
    }
}

impl ThresholdKind {
    fn of(word: &str) -> ThresholdKind {
        match word {
            "COUNT" => ThresholdKind::Count,
            "UNBOUNDED_PERCENT" => ThresholdKind::UnboundedPercent,
            _ => ThresholdKind::BoundedPercent,
        }
    }
}

impl Threshold {
    /// The number of failed tasks at which the breaker trips, for the service's present desired count
    /// (deployment-circuit-breaker.html: half the desired count, at least 3 and at most 200).
    pub(in super::super) fn tasks(self, desired: u32) -> u32 {
        let share = (desired * self.value).div_ceil(100);
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
        let threshold = Configuration::default().breaker.threshold;
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

    #[test]
    fn percentages_round_against_downtime_and_against_overshoot() {
        let configuration = Configuration {
            maximum_percent: 150,
            minimum_healthy_percent: 50,
            ..Default::default()
        };
        assert_eq!(
            (configuration.tasks_min(3), configuration.tasks_max(3)),
            (2, 4)
        );
    }
}
