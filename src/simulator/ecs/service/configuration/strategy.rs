//! Deployment strategies with what belongs to each: traffic steps, criteria of early success.
//!
//! Takes members of `deploymentConfiguration`, fills in AWS's defaults, checks AWS's ranges. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::super::input::invalid;
use crate::simulator::call::{Millis, Refusal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Name {
    Rolling,
    BlueGreen,
    Linear,
    Canary,
}

impl Name {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Name::Rolling => "ROLLING",
            Name::BlueGreen => "BLUE_GREEN",
            Name::Linear => "LINEAR",
            Name::Canary => "CANARY",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Strategy {
    Rolling,
    BlueGreen,
    Linear(Linear),
    Canary(Canary),
}

/// Defaults: API_LinearConfiguration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Linear {
    step_percent: f64,
    step_bake_time_in_minutes: u32,
}

/// Defaults: API_CanaryConfiguration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Canary {
    canary_percent: f64,
    canary_bake_time_in_minutes: u32,
}

impl Default for Linear {
    fn default() -> Self {
        Linear {
            step_percent: 10.0,
            step_bake_time_in_minutes: 6,
        }
    }
}

impl Default for Canary {
    fn default() -> Self {
        Canary {
            canary_percent: 5.0,
            canary_bake_time_in_minutes: 10,
        }
    }
}

/// A share of production traffic that has moved, and how long it stays so before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super::super) struct Step {
    /// Tenths of a percent.
    pub(in super::super::super) permille: u32,
    pub(in super::super::super) bake: Millis,
}

impl Strategy {
    /// The shares that production traffic moves by; the last is all of it, and has no bake time of its own.
    pub(super) fn steps(&self) -> Option<Vec<Step>> {
        let permille = |percent: f64| (percent * 10.0).round() as u32;
        let (first, minutes) = match self {
            Strategy::Rolling => return None,
            Strategy::BlueGreen => (1_000, 0),
            Strategy::Linear(linear) => (
                permille(linear.step_percent),
                linear.step_bake_time_in_minutes,
            ),
            Strategy::Canary(canary) => (
                permille(canary.canary_percent),
                canary.canary_bake_time_in_minutes,
            ),
        };
        let bake = Millis::from(minutes) * 60_000;
        let shares: Vec<u32> = match self {
            Strategy::Linear(_) => (1..)
                .map(|step| step * first)
                .take_while(|share| *share < 1_000)
                .collect(),
            _ => vec![first],
        };
        let steps = shares.into_iter().filter(|share| *share < 1_000);
        let mut steps: Vec<Step> = steps.map(|permille| Step { permille, bake }).collect();
        steps.push(Step {
            permille: 1_000,
            bake: 0,
        });
        Some(steps)
    }

    pub(super) fn name(&self) -> Name {
        match self {
            Strategy::Rolling => Name::Rolling,
            Strategy::BlueGreen => Name::BlueGreen,
            Strategy::Linear(_) => Name::Linear,
            Strategy::Canary(_) => Name::Canary,
        }
    }

    /// The strategy of that name, with its configuration: the given one, its own before, or AWS's default.
    pub(super) fn with(
        self,
        name: Name,
        linear: Option<Linear>,
        canary: Option<Canary>,
    ) -> Result<Strategy, Refusal> {
        if linear.is_some() && name != Name::Linear {
            return Err(invalid(
                "linearConfiguration is only valid for the LINEAR strategy.",
            ));
        }
        if canary.is_some() && name != Name::Canary {
            return Err(invalid(
                "canaryConfiguration is only valid for the CANARY strategy.",
            ));
        }
        match (name, self) {
            (Name::Rolling, _) => Ok(Strategy::Rolling),
            (Name::BlueGreen, _) => Ok(Strategy::BlueGreen),
            (Name::Linear, before) => {
                let before = match before {
                    Strategy::Linear(before) => before,
                    _ => Linear::default(),
                };
                let linear = linear.unwrap_or(before);
                tenths("stepPercent", linear.step_percent, 3.0)?;
                minutes("stepBakeTimeInMinutes", linear.step_bake_time_in_minutes)?;
                Ok(Strategy::Linear(linear))
            }
            (Name::Canary, before) => {
                let before = match before {
                    Strategy::Canary(before) => before,
                    _ => Canary::default(),
                };
                let canary = canary.unwrap_or(before);
                tenths("canaryPercent", canary.canary_percent, 0.1)?;
                minutes(
                    "canaryBakeTimeInMinutes",
                    canary.canary_bake_time_in_minutes,
                )?;
                Ok(Strategy::Canary(canary))
            }
        }
    }

    /// Its configuration, as a member of the read-back.
    pub(super) fn member(&self) -> Option<(&'static str, Value)> {
        match self {
            Strategy::Rolling | Strategy::BlueGreen => None,
            Strategy::Linear(Linear {
                step_percent,
                step_bake_time_in_minutes,
            }) => Some((
                "linearConfiguration",
                json!({ "stepPercent": step_percent, "stepBakeTimeInMinutes": step_bake_time_in_minutes }),
            )),
            Strategy::Canary(Canary {
                canary_percent,
                canary_bake_time_in_minutes,
            }) => Some((
                "canaryConfiguration",
                json!({ "canaryPercent": canary_percent, "canaryBakeTimeInMinutes": canary_bake_time_in_minutes }),
            )),
        }
    }
}

/// When a rolling deployment counts as successful before the service is stable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EarlySuccess {
    enable: bool,
    healthy_percent: Option<u32>,
    source_service_revision_cleanup: Option<Cleanup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Cleanup {
    Blocking,
    Deferred,
}

impl EarlySuccess {
    /// How many healthy tasks are enough, and whether older ones must have gone.
    pub(super) fn tasks(&self, desired: u32) -> Option<(u32, bool)> {
        let percent = self.healthy_percent.filter(|_| self.enable)?;
        let blocking = self.source_service_revision_cleanup == Some(Cleanup::Blocking);
        Some(((desired * percent).div_ceil(100), blocking))
    }

    /// API_DeploymentEarlySuccessCriteria.
    pub(super) fn check(&self, strategy: Name, minimum_healthy: u32) -> Result<(), Refusal> {
        let EarlySuccess {
            enable,
            healthy_percent,
            source_service_revision_cleanup,
        } = self;
        if *enable && strategy != Name::Rolling {
            return Err(invalid(
                "earlySuccessCriteria is only valid for the ROLLING strategy.",
            ));
        }
        if *enable && (healthy_percent.is_none() || source_service_revision_cleanup.is_none()) {
            return Err(invalid(
                "earlySuccessCriteria needs healthyPercent and sourceServiceRevisionCleanup when it is enabled.",
            ));
        }
        if healthy_percent.is_some_and(|percent| !(minimum_healthy..=100).contains(&percent)) {
            return Err(invalid(
                "earlySuccessCriteria.healthyPercent must be between minimumHealthyPercent and 100.",
            ));
        }
        Ok(())
    }

    pub(super) fn to_value(&self) -> Value {
        let EarlySuccess {
            enable,
            healthy_percent,
            source_service_revision_cleanup,
        } = self;
        let mut value = Map::from_iter([("enable".to_owned(), json!(enable))]);
        value.extend(healthy_percent.map(|percent| ("healthyPercent".to_owned(), json!(percent))));
        value.extend(source_service_revision_cleanup.map(|cleanup| {
            let word = match cleanup {
                Cleanup::Blocking => "BLOCKING",
                Cleanup::Deferred => "DEFERRED",
            };
            ("sourceServiceRevisionCleanup".to_owned(), json!(word))
        }));
        Value::Object(value)
    }
}

/// "Valid values are 0 to 1440 minutes (24 hours)", everywhere.
pub(super) fn minutes(member: &str, value: u32) -> Result<u32, Refusal> {
    if value > 1_440 {
        return Err(invalid(format!("{member} must be between 0 and 1440.")));
    }
    Ok(value)
}

/// "Valid values are multiples of 0.1 from … to 100.0."
fn tenths(member: &str, value: f64, least: f64) -> Result<(), Refusal> {
    let tenths = value * 10.0;
    if (least..=100.0).contains(&value) && (tenths - tenths.round()).abs() < 1e-6 {
        return Ok(());
    }
    Err(invalid(format!(
        "{member} must be a multiple of 0.1 between {least} and 100."
    )))
}
