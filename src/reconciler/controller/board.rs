//! What the loop knows of its units, for whoever watches it: `/status`, `/metrics`, `/health` and the page.
//!
//! Takes what each look found, keeps the newest of it, gives it as values. Is never asked by the loop itself: what is here decides
//! nothing. Holds names, operations and reasons, no value of a setting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::requeue::Passed;
use crate::reconciler::observed::{Observed, Running};
use crate::reconciler::plan::Step;
use crate::reconciler::store::record::{Standing, Transition};
use crate::reconciler::store::{Cause, Paused, Publication, Record};
use crate::timestamp;

/// Publications and transitions shown of a unit, newest first.
const HISTORY_MAX: usize = 50;

/// The board, shared by the loop and its watchers.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<State>>);

/// All that is on it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Where units come from.
    pub source: String,
    /// When the loop last turned, in milliseconds since 1970.
    #[serde(with = "timestamp::text")]
    pub turned_at: u64,
    /// Why the source could not be read when it was last tried.
    pub source_error: Option<String>,
    /// By name.
    pub units: BTreeMap<String, Unit>,
}

/// One unit as it was last seen.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The file, or the publication's number and whose it is.
    pub wanted: String,
    /// How the last look ended, in a word.
    pub state: String,
    /// When that was.
    #[serde(with = "timestamp::text")]
    pub looked_at: u64,
    /// When the next look is due; absent: when something else is wanted.
    pub due: Option<String>,
    /// Who paused it, if somebody did.
    pub paused: Option<Paused>,
    /// By name, and since when.
    pub conditions: BTreeMap<String, Standing>,
    /// What ECS is doing.
    pub rollout: Option<Rollout>,
    /// What was decided to be done, as `operation subject`.
    pub steps: Vec<String>,
    /// What that waits for.
    pub waiting: Vec<String>,
    /// What needs a person, and what is wrong with the manifest.
    pub blocked: Vec<String>,
    /// What AWS said no to.
    pub errors: Vec<String>,
    /// Conditions that changed, newest first.
    pub transitions: Vec<Transition>,
    /// What was published, newest first.
    pub publications: Vec<Published>,
    /// Since the loop began.
    pub counts: Counts,
}

/// What ECS runs of a unit.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// As `observed` has it.
    pub state: Value,
    /// Family and number.
    pub revision: String,
    /// Tasks in RUNNING.
    pub running: i32,
    /// Tasks there should be.
    pub desired: i32,
    /// Targets the load balancer calls healthy.
    pub healthy: i32,
    /// ECS's newest event.
    pub event: Option<String>,
}

/// A publication without its manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// From 1.
    pub number: u64,
    /// Milliseconds since 1970.
    #[serde(with = "timestamp::text")]
    pub at: u64,
    /// Who.
    pub author: Option<String>,
    /// Of which commit.
    pub commit: Option<String>,
    /// Why.
    #[serde(flatten)]
    pub cause: Cause,
}

impl From<&Publication> for Published {
    fn from(publication: &Publication) -> Published {
        let Publication { number, at, draft } = publication;
        Published {
            number: *number,
            at: *at,
            author: draft.author.clone(),
            commit: draft.commit.clone(),
            cause: draft.cause.clone(),
        }
    }
}

/// What has happened to a unit since the loop began.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Looks by how they ended.
    pub looks: BTreeMap<&'static str, u64>,
    /// Calls that changed something.
    pub applied: u64,
    /// Calls AWS said no to.
    pub refused: u64,
    /// For all looks together.
    pub seconds: f64,
}

/// A step without any argument's value.
pub fn step(step: &Step) -> String {
    format!("{} {}", step.call.operation(), step.subject)
}

impl Board {
    /// A copy of all of it.
    pub fn read(&self) -> State {
        self.lock().clone()
    }

    /// The loop turns.
    pub fn turned(&self, now: u64) {
        self.lock().turned_at = now;
    }

    /// The source was looked at.
    pub fn listed(&self, source: &str, error: Option<String>) {
        let mut state = self.lock();
        source.clone_into(&mut state.source);
        state.source_error = error;
    }

    /// A unit is nobody's any more.
    pub fn forget(&self, unit: &str) {
        self.lock().units.remove(unit);
    }

    /// The service as it was seen.
    pub fn observed(&self, unit: &str, observed: &Observed) {
        let rollout = observed.service.as_ref().map(|service| {
            let Running {
                revision,
                desired_count,
                running_count,
                rollout,
                event,
                ..
            } = service;
            Rollout {
                state: serde_json::to_value(rollout).unwrap_or_default(),
                revision: revision.rsplit('/').next().unwrap_or_default().to_owned(),
                running: *running_count,
                desired: *desired_count,
                healthy: observed.healthy_targets,
                event: event.clone(),
            }
        });
        self.unit(unit, |unit| unit.rollout = rollout);
    }

    /// How it stands and what it was, by its store.
    pub fn recorded(&self, unit: &str, record: &Record, paused: Option<&Paused>) {
        self.unit(unit, |unit| {
            unit.conditions = record.conditions.clone();
            let newest = record.transitions.iter().rev().take(HISTORY_MAX);
            unit.transitions = newest.cloned().collect();
            unit.paused = paused.cloned();
        });
    }

    /// What was published of it, oldest first.
    pub fn published(&self, unit: &str, publications: &[Publication]) {
        let newest = publications.iter().rev().take(HISTORY_MAX);
        let newest = newest.map(Published::from).collect();
        self.unit(unit, |unit| unit.publications = newest);
    }

    /// A look ended, having taken so long; the next one is due at `due`.
    pub fn passed(
        &self,
        unit: &str,
        wanted: String,
        passed: &Passed,
        (now, took, due): (u64, Duration, Option<u64>),
    ) {
        self.unit(unit, |unit| {
            unit.counts.seconds += took.as_secs_f64();
            *unit.counts.looks.entry(passed.word()).or_default() += 1;
            unit.due = due.map(timestamp::iso);
            if *passed == Passed::Unchanged {
                return;
            }
            unit.wanted = wanted;
            passed.word().clone_into(&mut unit.state);
            unit.looked_at = now;
            let (steps, waiting, blocked, errors) = (
                &mut unit.steps,
                &mut unit.waiting,
                &mut unit.blocked,
                &mut unit.errors,
            );
            for list in [&mut *steps, &mut *waiting, &mut *blocked, &mut *errors] {
                list.clear();
            }
            match passed {
                Passed::Planned {
                    plan,
                    errors: refused,
                    stopped,
                } => {
                    *steps = plan.steps.iter().map(step).collect();
                    *waiting = plan.waiting.iter().map(ToString::to_string).collect();
                    *blocked = plan.blocked.iter().map(ToString::to_string).collect();
                    *errors = refused.iter().map(ToString::to_string).collect();
                    if !stopped {
                        let refused = errors.len() as u64;
                        unit.counts.refused += refused;
                        unit.counts.applied += (steps.len() as u64).saturating_sub(refused);
                    }
                }
                Passed::Invalid { problems } => blocked.clone_from(problems),
                Passed::Unreadable { error, .. } => errors.push(error.clone()),
                Passed::Unchanged
                | Passed::Paused
                | Passed::Nothing
                | Passed::RolledBack { .. } => {}
            }
        });
    }

    fn unit(&self, name: &str, change: impl FnOnce(&mut Unit)) {
        change(self.lock().units.entry(name.to_owned()).or_default());
    }

    /// A panic elsewhere leaves what was written as good as before.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
