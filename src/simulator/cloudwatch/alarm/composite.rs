//! What a composite alarm combines: its rule, and the alarm that silences it, as PutCompositeAlarm checks them.
//!
//! Pure. Whether actions are held back is decided in `action`; what is held is here.

use serde_json::{Value, json};

use super::super::{VALIDATION, invalid};
use super::State;
use super::rule::Rule;
use crate::simulator::call::{Call, Millis, Refusal};

const RULE_CHARACTERS_MAX: usize = 10_240;

#[derive(Debug)]
pub(in crate::simulator::cloudwatch) struct Composite {
    /// As written.
    pub text: String,
    pub rule: Rule,
    pub suppressor: Option<Suppressor>,
    /// Actions held back.
    pub held: Option<Held>,
}

/// Actions not taken yet.
#[derive(Debug)]
pub(in crate::simulator::cloudwatch) struct Held {
    /// The state before the change they are for.
    pub old: State,
    /// When they are taken, unless the suppressor is in ALARM before; not while it is.
    pub until: Option<Millis>,
    /// Whether `until` ends the extension and not the wait.
    pub extended: bool,
}

impl Held {
    pub(in crate::simulator::cloudwatch) fn by_alarm(old: &State) -> Held {
        Held {
            old: old.clone(),
            until: None,
            extended: false,
        }
    }

    pub(in crate::simulator::cloudwatch) fn waiting(old: &State, until: Millis) -> Held {
        Held {
            old: old.clone(),
            until: Some(until),
            extended: false,
        }
    }

    /// The word of `ActionsSuppressedBy`.
    fn by(&self) -> &'static str {
        match (self.until, self.extended) {
            (None, _) => "Alarm",
            (Some(_), false) => "WaitPeriod",
            (Some(_), true) => "ExtensionPeriod",
        }
    }
}

#[derive(Debug)]
pub(in crate::simulator::cloudwatch) struct Suppressor {
    /// A name or an ARN.
    pub alarm: String,
    wait_seconds: i64,
    extension_seconds: i64,
}

impl Suppressor {
    /// How long actions wait for it to go into ALARM.
    pub(in crate::simulator::cloudwatch) fn wait(&self) -> Millis {
        u64::try_from(self.wait_seconds).unwrap_or(0) * 1000
    }

    /// How long actions wait after it has left ALARM.
    pub(in crate::simulator::cloudwatch) fn extension(&self) -> Millis {
        u64::try_from(self.extension_seconds).unwrap_or(0) * 1000
    }
}

impl Composite {
    pub(in crate::simulator::cloudwatch) fn of(call: &Call) -> Result<Composite, Refusal> {
        let text = call.required("AlarmRule", VALIDATION)?.to_owned();
        if !(1..=RULE_CHARACTERS_MAX).contains(&text.chars().count()) {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'alarmRule' failed to satisfy constraint: Member must have length \
                 between 1 and {RULE_CHARACTERS_MAX}"
            )));
        }
        let rule = Rule::parse(&text).map_err(|problem| {
            invalid(format!("Could not parse the rule expression: {problem}"))
        })?;
        let wait = call.optional_integer("ActionsSuppressorWaitPeriod")?;
        let extension = call.optional_integer("ActionsSuppressorExtensionPeriod")?;
        let suppressor = match (call.optional_text("ActionsSuppressor")?, wait, extension) {
            (None, None, None) => None,
            (Some(alarm), Some(wait_seconds @ 0..), Some(extension_seconds @ 0..)) => {
                Some(Suppressor {
                    alarm: alarm.to_owned(),
                    wait_seconds,
                    extension_seconds,
                })
            }
            // The periods are required with a suppressor, and mean nothing without one.
            _ => {
                return Err(invalid(
                    "ActionsSuppressor, ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be \
                     specified together, the periods not negative",
                ));
            }
        };
        Ok(Composite {
            text,
            rule,
            suppressor,
            held: None,
        })
    }

    /// The members a composite alarm has beyond those every alarm has.
    pub(super) fn shown(&self) -> Value {
        let Composite {
            text,
            rule: _,
            suppressor,
            held,
        } = self;
        let mut shown = json!({ "AlarmRule": text });
        if let Some(suppressor) = suppressor {
            let Suppressor {
                alarm,
                wait_seconds,
                extension_seconds,
            } = suppressor;
            shown["ActionsSuppressor"] = json!(alarm);
            shown["ActionsSuppressorWaitPeriod"] = json!(wait_seconds);
            shown["ActionsSuppressorExtensionPeriod"] = json!(extension_seconds);
        }
        if let Some(held) = held {
            shown["ActionsSuppressedBy"] = json!(held.by());
        }
        shown
    }
}
