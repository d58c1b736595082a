//! One shot: passes until nothing is left to do, or until going on is pointless.
//!
//! Takes a believed Spec and AWS, gives how it ended; says what happens on the way through one callback. Every pass
//! observes and decides anew, so being killed at any point costs nothing but the next run. The waits between passes
//! are the only ones, and the deadline bounds them all.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::apply::apply;
use super::aws::{Aws, AwsError, ecs};
use super::diagnosis::Diagnosis;
use super::observe::{look, look_at_all};
use super::plan::{Blocked, Plan, Step, Waiting, destroy, plan};
use super::proof::{Doubt, Verdict};
use super::spec::Spec;
use super::watchdog::Watchdog;
use crate::backoff::delay;

/// After a pass that changed something: AWS shows most effects within a second.
const AFTER_STEPS: Duration = Duration::from_secs(1);
/// While only time will tell.
const WHILE_WAITING: Duration = Duration::from_secs(3);
/// The longest pause after failures in a row.
const BACKOFF_MAX: Duration = Duration::from_secs(20);

/// What is going on, as it happens.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Progress<'a> {
    /// A pass has decided; `pass` counts from 1.
    Planned {
        /// From 1.
        pass: u32,
        /// The decision.
        plan: &'a Plan,
    },
    /// A step was tried.
    Applied {
        /// Which.
        step: &'a Step,
        /// AWS's answer when it was no.
        error: Option<String>,
    },
    /// All is stable, and what was seen beside AWS does not say so, or not yet.
    Doubted {
        /// Why.
        doubt: &'a Doubt,
    },
    /// A proof was asked for, and this came of it.
    Proved {
        /// The proof, or why there is none.
        #[serde(flatten)]
        verdict: &'a Verdict,
    },
    /// AWS could not be read.
    Unreadable {
        /// Why.
        error: String,
        /// Until the next try.
        retry_seconds: f64,
    },
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// AWS equals the manifest, and every task is healthy; or the unit is gone, where that was the aim.
    Settled,
    /// ECS gave up on the wanted revision, by itself or told so here, and runs the one before.
    RolledBack {
        /// ECS's words.
        reason: String,
        /// Why the tasks failed; absent where it no longer shows.
        #[serde(skip_serializing_if = "Option::is_none")]
        diagnosis: Option<Diagnosis>,
    },
    /// AWS equals the manifest, and what answers at the host is not the new build, or cannot be asked.
    Unproved {
        /// Why.
        doubt: Doubt,
    },
    /// What is left needs a person.
    Blocked {
        /// With everything else that was left.
        plan: Plan,
    },
    /// The same steps were tried again and again.
    NotConverging {
        /// With those steps.
        plan: Plan,
        /// What AWS last said to them.
        errors: Vec<String>,
    },
    /// Time ran out.
    DeadlinePassed {
        /// What was left; absent when AWS could never be read.
        plan: Option<Plan>,
        /// What AWS last said.
        errors: Vec<String>,
    },
    /// AWS could not be read, and trying again will not help.
    Unreadable {
        /// Why.
        error: String,
    },
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// AWS equals the manifest.
    Converged,
    /// AWS has nothing of the unit.
    Destroyed,
}

/// The newest revisions of the family that are looked at when a unit is destroyed: each is a read, and older ones are
/// left, which cost nothing and start nothing by themselves.
const REVISIONS_MAX: i32 = 50;

/// One look at AWS and what follows from it.
async fn decide(aws: &Aws, spec: &Spec, aim: Aim) -> Result<Plan, AwsError> {
    match aim {
        Aim::Converged => {
            let (wanted, observed) = look(&aws.read, spec).await?;
            Ok(plan(spec, &wanted, &observed))
        }
        Aim::Destroyed => {
            let (wanted, observed) = look_at_all(&aws.read, spec).await?;
            // They are in the way of nothing: read once the service is gone, not in every pass that waits for that.
            let revisions = match &observed.service {
                Some(_) => BTreeSet::new(),
                None => {
                    let family = &spec.task.family;
                    ecs::owned_revisions(&aws.read, family, &spec.name, REVISIONS_MAX).await?
                }
            };
            Ok(destroy(spec, &wanted, &observed, &revisions))
        }
    }
}

/// Passes until AWS equals the manifest, or [another end](Outcome).
pub async fn converge(
    aws: &Aws,
    spec: &Spec,
    deadline: Duration,
    report: impl FnMut(&Progress<'_>),
) -> Outcome {
    passes(aws, spec, Aim::Converged, deadline, report).await
}

/// Passes until AWS has nothing of the unit, or another end.
pub async fn remove(
    aws: &Aws,
    spec: &Spec,
    deadline: Duration,
    report: impl FnMut(&Progress<'_>),
) -> Outcome {
    passes(aws, spec, Aim::Destroyed, deadline, report).await
}

/// One function is the whole flow; the phases are pure but for the two marked.
async fn passes(
    aws: &Aws,
    spec: &Spec,
    aim: Aim,
    deadline: Duration,
    mut report: impl FnMut(&Progress<'_>),
) -> Outcome {
    let began = Instant::now();
    let ends = began + deadline;
    let mut watchdog = Watchdog::default();
    let mut failures = 0;
    let mut errors = Vec::new();
    let mut last = None;
    for pass in 1.. {
        let pause = match decide(aws, spec, aim).await /* I/O: reads */ {
            Err(AwsError { retryable: false, operation, reason }) => return Outcome::Unreadable { error: format!("{operation}: {reason}") },
            Err(error) => {
                failures += 1;
                let pause = backoff(failures);
                report(&Progress::Unreadable { error: error.to_string(), retry_seconds: pause.as_secs_f64() });
                errors = vec![error.to_string()];
                pause
            }
            Ok(decided) => {
                report(&Progress::Planned { pass, plan: &decided });
                if let Some(outcome) = end(&decided) {
                    return outcome;
                }
                if watchdog.stops(&decided, began.elapsed()) {
                    return Outcome::NotConverging { plan: decided, errors };
                }
                watchdog.tried(&decided, began.elapsed());
                errors.clear();
                for step in &decided.steps {
                    let error = apply(aws, spec, step).await /* I/O: one call */.err().map(|error| error.to_string());
                    report(&Progress::Applied { step, error: error.clone() });
                    errors.extend(error);
                }
                failures = if errors.is_empty() { 0 } else { failures + 1 };
                let pause = if decided.steps.is_empty() { WHILE_WAITING } else { AFTER_STEPS.max(backoff(failures)) };
                last = Some(decided);
                pause
            }
        };
        if Instant::now() + pause > ends {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    Outcome::DeadlinePassed { plan: last, errors }
}

/// How a plan ends the run, if it does: because nothing is left, or because nothing left will clear by itself.
fn end(plan: &Plan) -> Option<Outcome> {
    if plan.is_settled() {
        return Some(Outcome::Settled);
    }
    let moving = plan.waiting.iter().any(|waiting| match waiting {
        Waiting::Rollout { .. }
        | Waiting::Person { .. }
        | Waiting::Rollback
        | Waiting::Draining => true,
        Waiting::Needs { .. } => false,
    });
    if !plan.steps.is_empty() || moving || plan.blocked.is_empty() {
        return None;
    }
    let rolled_back = plan.blocked.iter().find_map(|blocked| match blocked {
        Blocked::RolloutFailed {
            rolled_back: true,
            reason,
        } => Some(reason.clone()),
        Blocked::RolloutFailed { .. }
        | Blocked::Foreign { .. }
        | Blocked::Missing { .. }
        | Blocked::Broken { .. }
        | Blocked::Immutable { .. }
        | Blocked::WrongAccount { .. } => None,
    });
    Some(rolled_back.map_or_else(
        || Outcome::Blocked { plan: plan.clone() },
        |reason| Outcome::RolledBack {
            reason,
            diagnosis: plan.diagnosis.clone(),
        },
    ))
}

/// 1, 2, 4 … seconds; the first failure of all is followed by 1. One run needs no jitter: the whole of each delay is waited.
fn backoff(failures: u32) -> Duration {
    delay(failures.saturating_sub(1), AFTER_STEPS, BACKOFF_MAX, 1.0)
}
