//! What is remembered of a unit's conditions: since when each holds, the newest transitions, and which publications were stable.
//!
//! Pure. One document, written whole, and only when it says something new. Two reconcilers that write it in the same instant may lose
//! one of the other's transitions (PutParameter knows no expected version); each sees the same unit and writes what is
//! missing at its next look, so nothing but a line of history is at stake.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::packed::{pack, unpack};
use super::publication::{VALUE_BYTES_MAX, readable, short};
use crate::reconciler::status::Conditions;
use crate::timestamp;

const FORMAT: u32 = 1;
/// Transitions that are kept, if so many fit.
const TRANSITIONS_MAX: usize = 100;

/// The document, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// By the condition's name; absent before the first look.
    pub conditions: BTreeMap<String, Standing>,
    /// Numbers of the publications that AWS once was equal to, every task healthy.
    pub stable: BTreeSet<u64>,
    /// Oldest first.
    pub transitions: Vec<Transition>,
}

/// One condition as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it holds.
    pub holds: bool,
    /// Milliseconds since 1970.
    #[serde(with = "timestamp::text")]
    pub since: u64,
    /// Why, or why not.
    pub reason: String,
}

/// One condition that became true, false, or so for another reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Milliseconds since 1970.
    #[serde(with = "timestamp::text")]
    pub at: u64,
    /// Which publication was in force.
    pub publication: u64,
    /// The condition's name.
    pub condition: String,
    /// Whether it holds from then on.
    pub holds: bool,
    /// Why, or why not.
    pub reason: String,
}

/// The parameter's value.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    conditions: BTreeMap<String, Standing>,
    stable: BTreeSet<u64>,
    /// Packed JSON.
    transitions: String,
}

impl Record {
    /// The record after a look at a unit while `publication` was in force: the same, if nothing changed. Publications older
    /// than `oldest` are forgotten.
    pub fn after(
        &self,
        publication: u64,
        oldest: u64,
        conditions: &Conditions,
        now: u64,
    ) -> Record {
        let mut record = self.clone();
        for (name, condition) in conditions.named() {
            let before = record.conditions.get(name);
            let reason = short(&condition.reason);
            if before.is_some_and(|it| it.holds == condition.holds && it.reason == reason) {
                continue;
            }
            // That nothing is wrong is no news at the first look.
            let news = before.is_some() || condition.holds || !reason.is_empty();
            // It holds since it began to, whatever the reason has become.
            let since = before.filter(|it| it.holds == condition.holds);
            let standing = Standing {
                holds: condition.holds,
                since: since.map_or(now, |it| it.since),
                reason: reason.clone(),
            };
            record.conditions.insert(name.to_owned(), standing);
            if news {
                record.transitions.push(Transition {
                    at: now,
                    publication,
                    condition: name.to_owned(),
                    holds: condition.holds,
                    reason,
                });
            }
        }
        let Conditions {
            applied,
            stable,
            degraded,
            not_converging: _,
        } = conditions;
        if applied.holds && stable.holds && !degraded.holds {
            record.stable.insert(publication);
        }
        record.stable.retain(|number| *number >= oldest);
        record
    }

    /// What goes into the parameter: as many transitions as fit, the newest of them.
    pub fn write(&self) -> String {
        let Record {
            conditions,
            stable,
            transitions,
        } = self;
        let mut left = transitions.len().saturating_sub(TRANSITIONS_MAX);
        loop {
            let kept = transitions.get(left..).unwrap_or_default();
            let packed = serde_json::to_string(kept).ok().map(|text| pack(&text));
            let written = Written {
                format: FORMAT,
                conditions: conditions.clone(),
                stable: stable.clone(),
                // Plain data written to memory.
                transitions: packed.and_then(Result::ok).unwrap_or_default(),
            };
            let value = serde_json::to_string(&written).unwrap_or_default();
            if value.len() <= VALUE_BYTES_MAX || kept.is_empty() {
                return value;
            }
            // A tenth at a time: each try packs anew.
            left += kept.len().div_ceil(10);
        }
    }

    /// The parameter's value read back. One that cannot be read is as none: it is derived, and the next look writes it anew.
    pub fn read(value: &str) -> Record {
        if readable(value) != Ok(FORMAT) {
            return Record::default();
        }
        let Ok(written) = serde_json::from_str::<Written>(value) else {
            return Record::default();
        };
        let Written {
            format: _,
            conditions,
            stable,
            transitions,
        } = written;
        let transitions = unpack(&transitions).ok();
        let transitions = transitions.and_then(|text| serde_json::from_str(&text).ok());
        Record {
            conditions,
            stable,
            transitions: transitions.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciler::status::Condition;

    fn look(applied: bool, reason: &str) -> Conditions {
        let condition = |holds, reason: &str| Condition {
            holds,
            reason: reason.to_owned(),
        };
        Conditions {
            applied: condition(applied, reason),
            stable: condition(true, "healthy"),
            degraded: condition(false, ""),
            not_converging: condition(false, ""),
        }
    }

    #[test]
    fn only_what_changed_is_a_transition_and_since_is_kept_while_it_holds() {
        let first = Record::default().after(1, 1, &look(true, "equal"), 10);
        let names: Vec<&str> = first
            .transitions
            .iter()
            .map(|it| it.condition.as_str())
            .collect();
        assert_eq!(names, ["Applied", "Stable"]);
        assert_eq!(first.after(1, 1, &look(true, "equal"), 20), first);
        assert_eq!(first.stable, BTreeSet::from([1]));
        let drift = first.after(1, 1, &look(false, "alarm x"), 30);
        let other = drift.after(1, 1, &look(false, "alarm y"), 40);
        assert_eq!(other.transitions.len(), 4);
        assert_eq!(other.conditions["Applied"].since, 30);
        assert_eq!(other.conditions["Applied"].reason, "alarm y");
        assert_eq!(other.conditions["Stable"].since, 10);
        let later = other.after(60, 11, &look(true, "equal"), 50);
        assert_eq!(later.stable, BTreeSet::from([60]));
        assert_eq!(Record::read(&later.write()), later);
    }

    #[test]
    fn years_of_transitions_fit_the_newest_of_them() {
        let mut record = Record::default();
        for n in 0..300_u64 {
            use sha2::Digest as _;
            // Reasons that deflate badly.
            let noise = hex::encode(sha2::Sha256::digest(n.to_be_bytes())).repeat(4);
            record = Record::read(&record.after(n, n, &look(n % 2 == 0, &noise), n).write());
        }
        let value = record.write();
        assert!(value.len() <= VALUE_BYTES_MAX);
        assert_eq!(record.transitions.last().unwrap().at, 299);
        assert!(record.transitions.len() > 5);
    }

    #[test]
    fn a_document_of_another_program_is_as_none() {
        for value in [
            "",
            "{}",
            "{\"format\":2}",
            "{\"format\":1,\"conditions\":[]}",
        ] {
            assert_eq!(Record::read(value), Record::default(), "{value}");
        }
    }
}
