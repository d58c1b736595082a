//! Faults as written: YAML (so JSON too) into rules.
//!
//! Takes the text of a file or request, gives [`Faults`] or what is wrong and where: line and column for what does not read,
//! the rule's number for what cannot be meant. Bounded: so many rules, so large a script.
//!
//! ```yaml
//! seed: 7
//! faults:
//!   - { on: "ecs.CreateService", fault: lost-reply }                    # the first such call
//!   - { on: "iam.*", nth: 3, times: 2, fault: throttle }                # the third and the fourth
//!   - { on: "*", probability: 0.05, fault: unavailable }                # one call in twenty, for ever
//!   - { on: "ecs.DescribeServices", seconds: 5, fault: stale-read }
//!   - on: "monitoring.PutMetricAlarm"
//!     fault: foreign-write-after
//!     call: { service: monitoring, operation: DeleteAlarms, input: { AlarmNames: [x] } }
//! ```

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::call::{Call, Millis};
use super::super::wire;
use super::{Fault, Faults, Loss, Rule, When};

/// Why faults were refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not YAML, or an unknown, missing or ill-typed key. The source says where (line and column).
    #[error("the faults do not read")]
    Unreadable(#[source] serde_yaml::Error),
    /// A rule that reads and cannot be meant.
    #[error("faults[{index}]: {reason}")]
    Senseless {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// More rules than are kept.
    #[error("there are {0} faults; at most {RULES_MAX} are taken")]
    TooMany(usize),
}

/// A scenario has a few.
const RULES_MAX: usize = 100;
/// A day: longer ago than anything is kept.
const STALE_SECONDS_MAX: u64 = 86_400;
/// A name of the account's, for whoever writes without saying who they are.
const SOMEBODY_ELSE: &str = "user/somebody-else";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    seed: u64,
    faults: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    on: String,
    nth: Option<u64>,
    probability: Option<f64>,
    times: Option<u64>,
    fault: Kind,
    seconds: Option<u64>,
    call: Option<Foreign>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Throttle,
    InternalError,
    Unavailable,
    /// Nothing comes back, and nothing happened.
    Timeout,
    /// Nothing comes back, and the effect is there.
    TimeoutAfter,
    /// The connection closes, and nothing happened.
    Disconnect,
    /// The connection closes, and the effect is there.
    LostReply,
    StaleRead,
    ForeignWriteBefore,
    ForeignWriteAfter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Foreign {
    service: String,
    operation: String,
    #[serde(default)]
    input: Map<String, Value>,
    principal: Option<String>,
}

/// Reads a script.
pub fn parse(text: &str) -> Result<Faults, Error> {
    let script: Script = serde_yaml::from_str(text).map_err(Error::Unreadable)?;
    if script.faults.len() > RULES_MAX {
        return Err(Error::TooMany(script.faults.len()));
    }
    let rules = script.faults.into_iter().enumerate();
    let rules = rules
        .map(|(index, written)| rule(written).map_err(|reason| Error::Senseless { index, reason }));
    Ok(Faults {
        rules: rules.collect::<Result<_, _>>()?,
        random: fastrand::Rng::with_seed(script.seed),
    })
}

fn rule(written: Written) -> Result<Rule, String> {
    let Written {
        on,
        nth,
        probability,
        times,
        fault,
        seconds,
        call,
    } = written;
    let (service, operation) = place(&on)?;
    let (when, times_default) = match (nth, probability) {
        (Some(_), Some(_)) => return Err("nth and probability exclude each other".to_owned()),
        (Some(0), None) => return Err("nth counts from 1".to_owned()),
        (nth, None) => (When::Nth(nth.unwrap_or(1)), 1),
        (None, Some(chance)) if (0.0..=1.0).contains(&chance) => (When::Chance(chance), u64::MAX),
        (None, Some(chance)) => return Err(format!("probability {chance} is not between 0 and 1")),
    };
    let needs = |kind: Kind, name: &str, there: bool| match (fault == kind, there) {
        (true, false) => Err(format!("{name} is missing")),
        _ => Ok(()),
    };
    needs(Kind::StaleRead, "seconds", seconds.is_some())?;
    needs(Kind::ForeignWriteBefore, "call", call.is_some())?;
    needs(Kind::ForeignWriteAfter, "call", call.is_some())?;
    if seconds.is_some() && fault != Kind::StaleRead {
        return Err("seconds belong to stale-read".to_owned());
    }
    if call.is_some() && !matches!(fault, Kind::ForeignWriteBefore | Kind::ForeignWriteAfter) {
        return Err("a call belongs to foreign-write-before and foreign-write-after".to_owned());
    }
    let lost = |effect, loss| Fault::Lost { effect, loss };
    let fault = match fault {
        Kind::Throttle => Fault::Throttle,
        Kind::InternalError => Fault::Internal,
        Kind::Unavailable => Fault::Unavailable,
        Kind::Timeout => lost(false, Loss::Hung),
        Kind::TimeoutAfter => lost(true, Loss::Hung),
        Kind::Disconnect => lost(false, Loss::Closed),
        Kind::LostReply => lost(true, Loss::Closed),
        Kind::StaleRead => Fault::Stale(age(seconds.unwrap_or_default())?),
        Kind::ForeignWriteBefore | Kind::ForeignWriteAfter => {
            let before = fault == Kind::ForeignWriteBefore;
            let call = call.map(foreign).transpose()?.ok_or("call is missing")?;
            Fault::Foreign {
                before,
                call: Box::new(call),
            }
        }
    };
    Ok(Rule {
        service,
        operation,
        when,
        left: times.unwrap_or(times_default),
        fault,
    })
}

/// `*`, `ecs.*`, `ecs.CreateService`.
fn place(on: &str) -> Result<(Option<String>, Option<String>), String> {
    if on == "*" {
        return Ok((None, None));
    }
    let (service, operation) = on
        .split_once('.')
        .ok_or_else(|| format!("on: {on} is not service.Operation, service.* or *"))?;
    let service = known(service)?.to_owned();
    let operation = (operation != "*").then(|| operation.to_owned());
    Ok((Some(service), operation))
}

fn known(service: &str) -> Result<&'static str, String> {
    wire::service_named(service).ok_or_else(|| {
        format!(
            "there is no service {service}; there are: {}",
            wire::service_names()
        )
    })
}

fn age(seconds: u64) -> Result<Millis, String> {
    if seconds > STALE_SECONDS_MAX {
        return Err(format!("seconds: {seconds} is over {STALE_SECONDS_MAX}"));
    }
    Ok(seconds * 1000)
}

fn foreign(written: Foreign) -> Result<Call, String> {
    let Foreign {
        service,
        operation,
        input,
        principal,
    } = written;
    Ok(Call {
        service: known(&service)?,
        operation,
        input,
        principal: Some(principal.unwrap_or_else(|| SOMEBODY_ELSE.to_owned())),
        now: 0,
    })
}
