//! Lifecycle hooks: functions to call and pauses to make at the stages of a deployment.
//!
//! Takes `lifecycleHooks`, checks AWS's rules, gives AWS's read-back. Pure; `rollout::hooks` runs them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::super::input::invalid;
use crate::simulator::call::{Millis, Refusal};

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super::super) struct Hook {
    #[serde(default)]
    pub(in super::super::super) target_type: TargetType,
    pub(in super::super::super) hook_target_arn: Option<String>,
    pub(in super::super::super) role_arn: Option<String>,
    #[serde(default)]
    lifecycle_stages: Vec<Stage>,
    /// Handed to the function; any JSON.
    hook_details: Option<Value>,
    timeout_configuration: Option<Timeout>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in super::super::super) enum TargetType {
    #[default]
    AwsLambda,
    Pause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Stage {
    ReconcileService,
    PreScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
}

/// Defaults: API_DeploymentLifecycleHookTimeoutConfiguration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Timeout {
    timeout_in_minutes: u32,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in super::super::super) enum Action {
    Rollback,
    Continue,
}

impl Default for Timeout {
    fn default() -> Self {
        Timeout {
            timeout_in_minutes: 1_440,
            action: Action::Rollback,
        }
    }
}

impl Hook {
    /// Whether it is for the stage of that name.
    pub(in super::super::super) fn is_at(&self, stage: &str) -> bool {
        self.lifecycle_stages
            .iter()
            .any(|own| own.as_str() == stage)
    }

    /// How long to wait for it, and what to do then.
    pub(in super::super::super) fn timeout(&self) -> (Millis, Action) {
        let Timeout {
            timeout_in_minutes,
            action,
        } = self.timeout_configuration.clone().unwrap_or_default();
        (Millis::from(timeout_in_minutes) * 60_000, action)
    }

    /// API_DeploymentLifecycleHook.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.lifecycle_stages.is_empty() {
            return Err(invalid(
                "A lifecycle hook must name at least one lifecycle stage.",
            ));
        }
        let complete = self.hook_target_arn.is_some() && self.role_arn.is_some();
        if self.target_type == TargetType::AwsLambda && !complete {
            return Err(invalid(
                "A lifecycle hook of the type AWS_LAMBDA needs a hookTargetArn and a roleArn.",
            ));
        }
        let shifting = |stage: &Stage| {
            matches!(
                stage,
                Stage::TestTrafficShift | Stage::ProductionTrafficShift
            )
        };
        if self.target_type == TargetType::Pause
            && (self.hook_target_arn.is_some() || self.lifecycle_stages.iter().any(shifting))
        {
            return Err(invalid(
                "A lifecycle hook of the type PAUSE has no hookTargetArn and cannot be configured at TEST_TRAFFIC_SHIFT or \
                 PRODUCTION_TRAFFIC_SHIFT.",
            ));
        }
        let timeout = self.timeout_configuration.as_ref();
        if timeout.is_some_and(|timeout| !(1..=20_160).contains(&timeout.timeout_in_minutes)) {
            return Err(invalid("timeoutInMinutes must be between 1 and 20160."));
        }
        Ok(())
    }

    pub(super) fn to_value(&self) -> Value {
        let Hook {
            target_type,
            hook_target_arn,
            role_arn,
            lifecycle_stages,
            hook_details,
            timeout_configuration,
        } = self;
        let stages: Vec<&str> = lifecycle_stages
            .iter()
            .map(|stage| stage.as_str())
            .collect();
        let timeout = match (target_type, timeout_configuration) {
            (TargetType::AwsLambda, None) => None,
            (TargetType::Pause, None) => Some(Timeout::default()),
            (_, Some(timeout)) => Some(timeout.clone()),
        };
        let timeout = timeout.map(|timeout| {
            json!({ "timeoutInMinutes": timeout.timeout_in_minutes, "action": timeout.action.as_str() })
        });
        let members = [
            ("targetType", Some(json!(target_type.as_str()))),
            (
                "hookTargetArn",
                hook_target_arn.as_ref().map(|arn| json!(arn)),
            ),
            ("roleArn", role_arn.as_ref().map(|arn| json!(arn))),
            ("lifecycleStages", Some(json!(stages))),
            ("hookDetails", hook_details.clone()),
            ("timeoutConfiguration", timeout),
        ];
        let members = members.into_iter();
        Value::Object(Map::from_iter(
            members.filter_map(|(name, member)| Some((name.to_owned(), member?))),
        ))
    }
}

impl TargetType {
    pub(in super::super::super) fn as_str(self) -> &'static str {
        match self {
            TargetType::AwsLambda => "AWS_LAMBDA",
            TargetType::Pause => "PAUSE",
        }
    }
}

impl Action {
    pub(in super::super::super) fn as_str(self) -> &'static str {
        match self {
            Action::Rollback => "ROLLBACK",
            Action::Continue => "CONTINUE",
        }
    }
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Stage::ReconcileService => "RECONCILE_SERVICE",
            Stage::PreScaleUp => "PRE_SCALE_UP",
            Stage::PostScaleUp => "POST_SCALE_UP",
            Stage::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Stage::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Stage::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Stage::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Stage::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
        }
    }
}
