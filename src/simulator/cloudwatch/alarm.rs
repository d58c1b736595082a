//! One alarm of either kind: what all alarms have, its state, and how DescribeAlarms shows it.
//!
//! Pure. What a metric alarm watches is `metric`'s, what a composite one combines is `composite`'s and `rule`'s.

pub(super) mod check;
pub(super) mod composite;
pub(super) mod evaluate;
pub(super) mod metric;
pub(super) mod reason;
pub(super) mod rule;

use serde_json::{Value, json};

use self::check::actions;
use self::composite::Composite;
use self::metric::Watch;
use super::super::call::{Call, Millis, Refusal, timestamp};
use super::super::tag::Tags;

#[derive(Debug)]
pub(super) struct Alarm {
    pub common: Common,
    pub kind: Kind,
    pub configured: Millis,
    pub state: State,
    pub tags: Tags,
}

#[derive(Debug)]
pub(super) enum Kind {
    Metric(Watch),
    Composite(Composite),
}

/// What alarms of both kinds have.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub description: Option<String>,
    pub actions_enabled: bool,
    ok_actions: Vec<String>,
    alarm_actions: Vec<String>,
    insufficient_data_actions: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub value: &'static str,
    pub reason: String,
    pub reason_data: Option<String>,
    pub updated: Millis,
    pub transitioned: Millis,
}

impl State {
    /// The state of an alarm just made.
    pub(super) fn initial(now: Millis) -> State {
        State {
            value: "INSUFFICIENT_DATA",
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            updated: now,
            transitioned: now,
        }
    }

    /// The state set after this one: the same value again is an update and no transition.
    pub(super) fn followed_by(
        &self,
        value: &'static str,
        reason: String,
        reason_data: Option<String>,
        now: Millis,
    ) -> State {
        let transitioned = if self.value == value {
            self.transitioned
        } else {
            now
        };
        State {
            value,
            reason,
            reason_data,
            updated: now,
            transitioned,
        }
    }
}

impl Common {
    pub(super) fn of(call: &Call) -> Result<Common, Refusal> {
        Ok(Common {
            description: call.optional_text("AlarmDescription")?.map(str::to_owned),
            actions_enabled: call.optional_boolean("ActionsEnabled")?.unwrap_or(true),
            ok_actions: actions(call, "OKActions")?,
            alarm_actions: actions(call, "AlarmActions")?,
            insufficient_data_actions: actions(call, "InsufficientDataActions")?,
        })
    }

    /// The actions an alarm would take in a state.
    pub(super) fn actions_of(&self, state: &str) -> &[String] {
        match state {
            "OK" => &self.ok_actions,
            "ALARM" => &self.alarm_actions,
            _ => &self.insufficient_data_actions,
        }
    }

    /// The actions it takes in a state: none while they are switched off.
    pub(super) fn actions_in(&self, state: &str) -> &[String] {
        if self.actions_enabled {
            self.actions_of(state)
        } else {
            &[]
        }
    }

    /// Whether one of the actions begins with `prefix`.
    pub(super) fn acts_on(&self, prefix: &str) -> bool {
        let all = [
            &self.ok_actions,
            &self.alarm_actions,
            &self.insufficient_data_actions,
        ];
        all.into_iter()
            .flatten()
            .any(|action| action.starts_with(prefix))
    }
}

impl Alarm {
    /// The word AlarmTypes filters by.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Metric(_) => "MetricAlarm",
            Kind::Composite(_) => "CompositeAlarm",
        }
    }

    /// The alarm as DescribeAlarms writes it.
    pub(super) fn shown(&self, name: &str, arn: &str) -> Value {
        let Alarm {
            common,
            kind,
            configured,
            state,
            tags: _,
        } = self;
        let Common {
            description,
            actions_enabled,
            ok_actions,
            alarm_actions,
            insufficient_data_actions,
        } = common;
        let State {
            value,
            reason,
            reason_data,
            updated,
            transitioned,
        } = state;
        let mut shown = match kind {
            Kind::Metric(watch) => watch.shown(),
            Kind::Composite(composite) => composite.shown(),
        };
        let members = json!({
            "AlarmName": name, "AlarmArn": arn, "AlarmDescription": description,
            "AlarmConfigurationUpdatedTimestamp": timestamp(*configured), "ActionsEnabled": actions_enabled,
            "OKActions": ok_actions, "AlarmActions": alarm_actions, "InsufficientDataActions": insufficient_data_actions,
            "StateValue": value, "StateReason": reason, "StateReasonData": reason_data,
            "StateUpdatedTimestamp": timestamp(*updated), "StateTransitionedTimestamp": timestamp(*transitioned),
        });
        if let (Value::Object(shown), Value::Object(members)) = (&mut shown, members) {
            shown.extend(members);
        }
        shown
    }
}
