//! How a service rolls out: strategy, percentages, circuit breaker, alarms.
//!
//! Takes `deploymentConfiguration`, gives a checked [`Configuration`] and AWS's read-back. Pure.

mod breaker;
mod hook;
mod strategy;

use serde::Deserialize;
use serde_json::{Value, json};

pub(in super::super) use self::breaker::Breaker;
use self::breaker::GivenBreaker;
pub(in super::super) use self::hook::{Action, Hook, TargetType};
pub(in super::super) use self::strategy::Step;
use self::strategy::{EarlySuccess, Strategy};
use super::super::input::invalid;
use crate::simulator::call::{Millis, Refusal};

/// A service's deployment configuration.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Configuration {
    strategy: Strategy,
    bake_minutes: u32,
    maximum_percent: u32,
    minimum_healthy_percent: u32,
    pub(in super::super) breaker: Breaker,
    pub(in super::super) alarms: Alarms,
    pub(in super::super) hooks: Vec<Hook>,
    early_success: Option<EarlySuccess>,
}

/// Alarms that end a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct Alarms {
    #[serde(default)]
    pub(in super::super) alarm_names: Vec<String>,
    pub(in super::super) enable: bool,
    pub(in super::super) rollback: bool,
}

/// The member as a caller gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Given {
    maximum_percent: Option<u32>,
    minimum_healthy_percent: Option<u32>,
    deployment_circuit_breaker: Option<GivenBreaker>,
    alarms: Option<Alarms>,
    strategy: Option<strategy::Name>,
    bake_time_in_minutes: Option<u32>,
    lifecycle_hooks: Option<Vec<Hook>>,
    linear_configuration: Option<strategy::Linear>,
    canary_configuration: Option<strategy::Canary>,
    early_success_criteria: Option<EarlySuccess>,
}

impl Default for Configuration {
    /// What AWS reads back for a service that was given none.
    fn default() -> Self {
        Configuration {
            strategy: Strategy::Rolling,
            bake_minutes: 0,
            maximum_percent: 200,
            minimum_healthy_percent: 100,
            breaker: Breaker::default(),
            alarms: Alarms {
                alarm_names: Vec::new(),
                enable: false,
                rollback: false,
            },
            hooks: Vec::new(),
            early_success: None,
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
            strategy,
            bake_time_in_minutes,
            lifecycle_hooks,
            linear_configuration,
            canary_configuration,
            early_success_criteria,
        } = given;
        let before = self.strategy.name();
        let name = strategy.unwrap_or(before);
        // "You must provide this parameter when you use the BLUE_GREEN deployment strategy" (API_DeploymentConfiguration).
        if name == strategy::Name::BlueGreen && before != name && bake_time_in_minutes.is_none() {
            return Err(invalid(
                "bakeTimeInMinutes must be specified for the BLUE_GREEN strategy.",
            ));
        }
        self.strategy = self
            .strategy
            .with(name, linear_configuration, canary_configuration)?;
        self.bake_minutes = strategy::minutes(
            "bakeTimeInMinutes",
            bake_time_in_minutes.unwrap_or(self.bake_minutes),
        )?;
        self.maximum_percent = maximum_percent.unwrap_or(self.maximum_percent);
        self.minimum_healthy_percent =
            minimum_healthy_percent.unwrap_or(self.minimum_healthy_percent);
        self.alarms = alarms.unwrap_or(self.alarms);
        if let Some(given) = deployment_circuit_breaker {
            self.breaker = Breaker::of(given)?;
        }
        self.hooks = lifecycle_hooks.unwrap_or(self.hooks);
        self.early_success = early_success_criteria.or(self.early_success);
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Refusal> {
        let Configuration {
            strategy,
            bake_minutes: _,
            maximum_percent,
            minimum_healthy_percent,
            breaker: _,
            alarms: _,
            hooks,
            early_success,
        } = self;
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
        hooks.iter().try_for_each(Hook::check)?;
        match early_success {
            None => Ok(()),
            Some(criteria) => criteria.check(strategy.name(), *minimum_healthy_percent),
        }
    }

    /// How traffic moves to a new revision; none for a rolling update, which moves tasks.
    pub(in super::super) fn steps(&self) -> Option<Vec<Step>> {
        self.strategy.steps()
    }

    /// How long a rollout is watched after it is through.
    pub(in super::super) fn bake_millis(&self) -> Millis {
        Millis::from(self.bake_minutes) * 60_000
    }

    /// The healthy tasks that are enough for success, and whether those of older revisions must be gone.
    pub(in super::super) fn early_success(&self, desired: u32) -> Option<(u32, bool)> {
        self.early_success.as_ref()?.tasks(desired)
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
            strategy,
            bake_minutes,
            maximum_percent,
            minimum_healthy_percent,
            breaker,
            alarms,
            hooks,
            early_success,
        } = self;
        let mut value = json!({
            "strategy": strategy.name().as_str(),
            "bakeTimeInMinutes": bake_minutes,
            "maximumPercent": maximum_percent,
            "minimumHealthyPercent": minimum_healthy_percent,
            "deploymentCircuitBreaker": breaker.to_value(),
            "alarms": {
                "alarmNames": alarms.alarm_names,
                "enable": alarms.enable,
                "rollback": alarms.rollback,
            },
        });
        let hooks = (!hooks.is_empty()).then(|| hooks.iter().map(Hook::to_value).collect());
        let early = early_success.as_ref().map(EarlySuccess::to_value);
        let members = [
            strategy.member(),
            hooks.map(|hooks| ("lifecycleHooks", hooks)),
            early.map(|early| ("earlySuccessCriteria", early)),
        ];
        if let Some(value) = value.as_object_mut() {
            let members = members.into_iter().flatten();
            value.extend(members.map(|(name, member)| (name.to_owned(), member)));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
