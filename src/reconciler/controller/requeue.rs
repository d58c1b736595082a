//! When a unit is looked at again: what its last look found → how long to leave it alone.
//!
//! Pure: randomness and the number of failures are arguments.

use std::time::Duration;

use crate::backoff::delay;
use crate::reconciler::aws::AwsError;
use crate::reconciler::plan::{Plan, Waiting};

/// After a pass that changed something: AWS shows most effects within a second.
const AFTER_STEPS: Duration = Duration::from_secs(1);
/// While only time will tell: a rollout takes minutes.
const WHILE_WAITING: Duration = Duration::from_secs(15);
/// The longest pause after failures in a row, unless units are looked at more often than that anyway.
const BACKOFF_MAX: Duration = Duration::from_secs(120);

/// What one look at a unit found, and what was done about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Passed {
    /// Nothing new is wanted, and AWS was not looked at: it is not time yet.
    Unchanged,
    /// Somebody wants the unit left alone.
    Paused,
    /// Nothing is wanted of it: it was destroyed, or not published yet.
    Nothing,
    /// What is wanted makes no sense.
    Invalid {
        /// All of it.
        problems: Vec<String>,
    },
    /// AWS could not be read.
    Unreadable {
        /// Why.
        error: String,
        /// Whether another try may fare better.
        retryable: bool,
    },
    /// A decision was made, and carried out unless `stopped`.
    Planned {
        /// The decision.
        plan: Plan,
        /// What AWS said no to.
        errors: Vec<AwsError>,
        /// The watchdog has seen these steps too often: none was tried.
        stopped: bool,
    },
    /// ECS gave up on what was wanted, and an older publication is in force again.
    RolledBack {
        /// Its number.
        publication: u64,
    },
}

impl Passed {
    /// In one word, for a label.
    pub fn word(&self) -> &'static str {
        match self {
            Passed::Unchanged => "unchanged",
            Passed::Paused => "paused",
            Passed::Nothing => "nothing",
            Passed::Invalid { .. } => "invalid",
            Passed::Unreadable { .. } => "unreadable",
            Passed::Planned { stopped: true, .. } => "stopped",
            Passed::Planned { errors, .. } if !errors.is_empty() => "refused",
            Passed::Planned { plan, .. } if !plan.steps.is_empty() => "changed",
            Passed::Planned { plan, .. } if !plan.blocked.is_empty() => "blocked",
            Passed::Planned { plan, .. } if !plan.waiting.is_empty() => "waiting",
            Passed::Planned { .. } => "settled",
            Passed::RolledBack { .. } => "rolledBack",
        }
    }

    /// Whether it is one more failure in a row.
    pub fn failed(&self) -> bool {
        match self {
            Passed::Unreadable { retryable, .. } => *retryable,
            Passed::Planned { errors, .. } => !errors.is_empty(),
            Passed::Unchanged
            | Passed::Paused
            | Passed::Nothing
            | Passed::Invalid { .. }
            | Passed::RolledBack { .. } => false,
        }
    }
}

/// How long until AWS is looked at again; `None`: only once something else is wanted. `failures` counts those in a row, this
/// one among them; `random` is in 0..1; `interval` is between two looks at a unit that is well.
pub fn requeue(
    passed: &Passed,
    failures: u32,
    interval: Duration,
    random: f64,
) -> Option<Duration> {
    if passed.failed() {
        let ceiling = BACKOFF_MAX.min(interval);
        return Some(delay(failures, AFTER_STEPS, ceiling, random).max(AFTER_STEPS));
    }
    match passed {
        Passed::Invalid { .. } | Passed::Nothing => None,
        Passed::RolledBack { .. } => Some(AFTER_STEPS),
        Passed::Unchanged | Passed::Paused | Passed::Unreadable { .. } => Some(interval),
        Passed::Planned { stopped: true, .. } => Some(interval),
        Passed::Planned { plan, .. } if !plan.steps.is_empty() => Some(AFTER_STEPS),
        Passed::Planned { plan, .. } if is_moving(plan) => Some(WHILE_WAITING.min(interval)),
        // Also where something needs a person: one foreign alarm must not keep the rest from being healed.
        Passed::Planned { .. } => Some(interval),
    }
}

/// Whether time alone will bring something: what only waits for what a person must clear does not move.
fn is_moving(plan: &Plan) -> bool {
    let needs = |waiting: &Waiting| matches!(waiting, Waiting::Needs { .. });
    let own = plan.waiting.iter().any(|waiting| !needs(waiting));
    own || (!plan.waiting.is_empty() && plan.blocked.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciler::plan::{Blocked, Call, Kind, Step, Subject};

    fn planned(steps: bool, waiting: &[Waiting], blocked: bool, refused: bool) -> Passed {
        let subject = || Subject::new(Kind::Alarm, "cpu");
        let step = || Step {
            subject: subject(),
            call: Call::DeleteAlarm {
                name: "cpu".to_owned(),
            },
            changes: Vec::new(),
        };
        let error = || AwsError {
            operation: "cloudwatch:DeleteAlarms",
            reason: "no".to_owned(),
            retryable: false,
        };
        let foreign = || Blocked::Missing { subject: subject() };
        Passed::Planned {
            plan: Plan {
                unit: "unit".to_owned(),
                steps: steps.then(step).into_iter().collect(),
                waiting: waiting.to_vec(),
                blocked: blocked.then(foreign).into_iter().collect(),
                notes: Vec::new(),
                diagnosis: None,
            },
            errors: refused.then(error).into_iter().collect(),
            stopped: false,
        }
    }

    #[test]
    fn a_unit_comes_back_by_what_was_found() {
        let interval = Duration::from_secs(300);
        let needs = [Waiting::Needs {
            subject: Subject::new(Kind::Service, "unit"),
            needs: Vec::new(),
        }];
        let unreadable = |retryable| Passed::Unreadable {
            error: String::new(),
            retryable,
        };
        let stopped = match planned(true, &[], false, false) {
            Passed::Planned { plan, errors, .. } => Passed::Planned {
                plan,
                errors,
                stopped: true,
            },
            other => other,
        };
        let problems = vec!["no".to_owned()];
        let rows = [
            (planned(true, &[], false, false), Some(1), "changed"),
            (
                planned(true, &[Waiting::Rollback], true, false),
                Some(1),
                "changed",
            ),
            (
                planned(false, &[Waiting::Rollback], false, false),
                Some(15),
                "waiting",
            ),
            (
                planned(false, &[Waiting::Rollback], true, false),
                Some(15),
                "blocked",
            ),
            (planned(false, &needs, false, false), Some(15), "waiting"),
            (planned(false, &needs, true, false), Some(300), "blocked"),
            (planned(false, &[], true, false), Some(300), "blocked"),
            (planned(false, &[], false, false), Some(300), "settled"),
            (stopped, Some(300), "stopped"),
            (Passed::Unchanged, Some(300), "unchanged"),
            (Passed::Paused, Some(300), "paused"),
            (Passed::Nothing, None, "nothing"),
            (Passed::Invalid { problems }, None, "invalid"),
            (Passed::RolledBack { publication: 3 }, Some(1), "rolledBack"),
            (unreadable(false), Some(300), "unreadable"),
        ];
        for (passed, expected, word) in rows {
            let after = requeue(&passed, 0, interval, 1.0).map(|after| after.as_secs());
            assert_eq!((after, passed.word()), (expected, word), "{passed:?}");
        }
        for passed in [unreadable(true), planned(true, &[], false, true)] {
            let after = |failures, random| requeue(&passed, failures, interval, random).unwrap();
            let longest: Vec<u64> = (1..9).map(|count| after(count, 1.0).as_secs()).collect();
            assert_eq!(longest, [2, 4, 8, 16, 32, 64, 120, 120]);
            assert_eq!(after(3, 0.0).as_secs(), 4, "jitter takes up to half of it");
        }
    }
}
