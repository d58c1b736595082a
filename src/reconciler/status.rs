//! How a unit stands, in four conditions: (plan, what AWS refused, the watchdog's word) → [`Conditions`].
//!
//! Pure, and computed anew at every look; since when a condition holds is [`store`](super::store)'s to remember. A reason says what, never how
//! far: it has no counts and no event of ECS, so that it changes only when something has happened.

use serde::Serialize;

use super::plan::{Blocked, Kind, Plan, Waiting};
use super::proof::Doubt;

/// Steps that are named in a reason; the others are counted.
const NAMED_MAX: usize = 3;

/// The four, after the conventions of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conditions {
    /// AWS has been told everything the manifest wants.
    pub applied: Condition,
    /// What runs is what is wanted, on every task, and no rollout is going on.
    pub stable: Condition,
    /// Something needs a person, or AWS refuses something.
    pub degraded: Condition,
    /// The same steps came back again and again: nothing is written any more.
    pub not_converging: Condition,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Whether it holds.
    pub holds: bool,
    /// Why, or why not; empty where nothing is to be said.
    pub reason: String,
}

impl Condition {
    fn holds(reason: impl Into<String>) -> Condition {
        let reason = reason.into();
        Condition {
            holds: true,
            reason,
        }
    }

    fn not(reason: impl Into<String>) -> Condition {
        let reason = reason.into();
        Condition {
            holds: false,
            reason,
        }
    }
}

impl Conditions {
    /// The same of a unit of which AWS says that all is well, and its own host does not.
    pub fn unproved(self, doubt: &Doubt) -> Conditions {
        Conditions {
            stable: Condition::not(format!("not proved: {}", doubt.name())),
            degraded: Condition::holds(doubt.to_string()),
            ..self
        }
    }

    /// All four by name, in the order they are printed.
    pub fn named(&self) -> [(&'static str, &Condition); 4] {
        let Conditions {
            applied,
            stable,
            degraded,
            not_converging,
        } = self;
        [
            ("Applied", applied),
            ("Stable", stable),
            ("Degraded", degraded),
            ("NotConverging", not_converging),
        ]
    }
}

/// How the unit stands. `errors` is what AWS said no to when the plan's steps were tried, none where they were not;
/// `not_converging` is whether the same steps have come back too often.
pub fn conditions(plan: &Plan, errors: &[String], not_converging: bool) -> Conditions {
    let Plan {
        unit: _,
        steps,
        waiting,
        blocked,
        notes: _,
        diagnosis,
    } = plan;
    let left = steps
        .iter()
        .map(|step| format!("{} {}", step.call.operation(), step.subject));
    let needs = waiting.iter().filter_map(|waiting| match waiting {
        Waiting::Needs { subject, needs: _ } => Some(format!("{subject} waits")),
        Waiting::Rollout { .. }
        | Waiting::Person { .. }
        | Waiting::Rollback
        | Waiting::Draining => None,
    });
    let left: Vec<String> = left.chain(needs).collect();
    let applied = match left.is_empty() {
        true if blocked.is_empty() => Condition::holds("AWS equals the manifest"),
        true => Condition::not("what is left needs a person"),
        false => Condition::not(first(&left)),
    };
    // The cause says more than ECS's words for what came of it.
    let cause = diagnosis.iter().filter(|_| !blocked.is_empty());
    let cause = cause.map(|diagnosis| diagnosis.cause.to_string());
    let refused = cause.chain(blocked.iter().map(ToString::to_string));
    let refused: Vec<String> = refused.chain(errors.iter().cloned()).collect();
    Conditions {
        applied,
        stable: stable(plan),
        degraded: match refused.is_empty() {
            true => Condition::not(""),
            false => Condition::holds(first(&refused)),
        },
        not_converging: match not_converging {
            true => Condition::holds(format!("came back again and again: {}", first(&left))),
            false => Condition::not(""),
        },
    }
}

/// Whether what runs is the wanted revision, everywhere.
fn stable(plan: &Plan) -> Condition {
    let rollout = plan.waiting.iter().find_map(|waiting| match waiting {
        Waiting::Person { .. } => Some("a rollout waits for a person: `reconciler continue`"),
        Waiting::Rollout { .. } => Some("ECS is replacing tasks"),
        Waiting::Rollback => Some("ECS is going back to the revision before"),
        Waiting::Draining => Some("a deleted service of this name still stops its tasks"),
        Waiting::Needs { .. } => None,
    });
    let failed = plan.blocked.iter().find_map(|blocked| match blocked {
        Blocked::RolloutFailed { .. } => Some("ECS gave up on the wanted revision"),
        Blocked::Foreign { .. }
        | Blocked::Missing { .. }
        | Blocked::Broken { .. }
        | Blocked::Immutable { .. }
        | Blocked::WrongAccount { .. } => None,
    });
    let subjects = plan.steps.iter().map(|step| &step.subject);
    let needs = plan.waiting.iter().filter_map(|waiting| match waiting {
        Waiting::Needs { subject, needs: _ } => Some(subject),
        Waiting::Rollout { .. }
        | Waiting::Person { .. }
        | Waiting::Rollback
        | Waiting::Draining => None,
    });
    let changing = subjects
        .chain(needs)
        .any(|subject| matches!(subject.kind, Kind::Service | Kind::TaskDefinition))
        .then_some("the service is not yet as wanted");
    rollout.or(failed).or(changing).map_or_else(
        || Condition::holds("every task is of the wanted revision and healthy"),
        Condition::not,
    )
}

/// The first few, and how many more.
fn first(all: &[String]) -> String {
    let named = all.get(..NAMED_MAX).unwrap_or(all).join(", ");
    match all.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
