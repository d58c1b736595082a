//! One look at one unit and what is done about it. [I/O]
//!
//! Takes what is wanted and what is remembered of the unit, gives how it went ([`Passed`]); writes to AWS what the plan says and
//! to the store how the unit stands. Never spans two publications: what is in force is read first. Waits for nothing but
//! AWS, and after a shutdown ends with the call in its hand.

use std::sync::Arc;
use std::time::Duration;

use super::Clock;
use super::board::{Board, step};
use super::regions::Regions;
use super::requeue::Passed;
use super::source::Wanted;
use crate::reconciler::apply::apply;
use crate::reconciler::aws::{Aws, AwsError};
use crate::reconciler::observe::look;
use crate::reconciler::plan::{Blocked, Plan, plan};
use crate::reconciler::rollback;
use crate::reconciler::spec::Spec;
use crate::reconciler::status::conditions;
use crate::reconciler::store::{Error, Published, Store, whose};
use crate::reconciler::watchdog::Watchdog;
use crate::shutdown::Shutdown;

/// What all passes share.
#[derive(Clone)]
pub struct Context {
    pub(super) regions: Regions,
    pub(super) board: Board,
    pub(super) clock: Clock,
    pub(super) shutdown: Shutdown,
}

/// What is remembered of a unit between two looks; all of it may be lost.
#[derive(Debug)]
pub struct Unit {
    pub(super) name: String,
    /// When AWS is to be looked at again; `None`: not before something else is wanted.
    pub(super) due: Option<Duration>,
    pub(super) failures: u32,
    watchdog: Watchdog,
    /// What was wanted at the last look at AWS.
    seen: Option<Wanted>,
    published: Option<Published>,
}

impl Unit {
    /// One that was never looked at.
    pub fn new(name: &str) -> Unit {
        Unit {
            name: name.to_owned(),
            due: None,
            failures: 0,
            watchdog: Watchdog::default(),
            seen: None,
            published: None,
        }
    }

    /// What is wanted of it, for people.
    pub(super) fn says(&self, wanted: &Wanted) -> String {
        let current = self.published.as_ref().and_then(|it| it.current.as_ref());
        match (wanted, current) {
            (Wanted::File { file, .. }, _) => file.clone(),
            (Wanted::Published { .. }, Some(current)) => {
                format!("publication {} {}", current.number, whose(current))
            }
            (Wanted::Published { .. }, None) => "what is published".to_owned(),
        }
    }
}

/// The whole flow. One I/O phase a line that is marked so; the rest is pure.
pub async fn pass(context: &Context, unit: &mut Unit, wanted: &Wanted) -> Passed {
    let region = match wanted {
        Wanted::File {
            spec: Err(problems),
            ..
        } => {
            let problems = problems.clone();
            return Passed::Invalid { problems };
        }
        Wanted::File { spec: Ok(spec), .. } => &spec.region,
        Wanted::Published { region } => region,
    };
    let aws = context.regions.aws(region).await;
    let store = Store::of(&aws, &unit.name);
    let before = unit.published.take();
    let published = match in_force(&store, before.as_ref(), context).await /* I/O: reads */ {
        Ok(published) => published,
        Err(error) => {
            unit.published = before;
            return unreadable(error);
        }
    };
    context
        .board
        .recorded(&unit.name, &published.record, published.paused.as_ref());
    let news = before.as_ref().is_none_or(|before| {
        before.current != published.current || before.paused.is_some() != published.paused.is_some()
    });
    let due = unit.due.is_some_and(|due| due <= context.clock.elapsed());
    let same = unit.seen.as_ref() == Some(wanted);
    let published = unit.published.insert(published).clone();
    if same && !news && !due {
        return Passed::Unchanged;
    }
    if published.paused.is_some() {
        return Passed::Paused;
    }
    let spec = match believed(&unit.name, wanted, &published) {
        Ok(Some(spec)) => spec,
        Ok(None) => return Passed::Nothing,
        Err(problems) => return Passed::Invalid { problems },
    };
    unit.seen = Some(wanted.clone());
    let (desired, observed) = match look(&aws.read, &spec).await /* I/O: reads */ {
        Ok(both) => both,
        Err(error) => return unreadable(Error::Aws(error)),
    };
    context.board.observed(&unit.name, &observed);
    let plan = plan(&spec, &desired, &observed);
    let now = context.clock.elapsed();
    unit.watchdog.wants(&desired);
    let stopped = !plan.steps.is_empty() && unit.watchdog.stops(&plan, now);
    let mut errors = Vec::new();
    if !stopped {
        errors = carried_out(context, &aws, &spec, &plan).await /* I/O: one call a step */;
        // What failed for a reason that passes says nothing about whether the steps converge.
        if errors.is_empty() || errors.iter().any(|error| !error.retryable) {
            unit.watchdog.tried(&plan, now);
        }
    }
    let refused: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let standing = conditions(&plan, &refused, stopped);
    match store.record(&published, &standing, context.clock.now_ms()).await /* I/O: at most one call */ {
        Ok(record) => {
            context.board.recorded(&unit.name, &record, None);
            unit.published = Some(Published { record, ..published.clone() });
        }
        // The next look writes what is missing.
        Err(error) => tracing::warn!(unit = unit.name, error = %error, "how the unit stands was not written down"),
    }
    if let Some(reason) = given_up(&plan)
        && let (Wanted::Published { .. }, Some(failed)) = (wanted, &published.current)
    {
        match rollback::automatic(&store, failed, &reason, context.clock.now_ms()).await /* I/O */ {
            Ok(Some(back)) => {
                tracing::warn!(unit = unit.name, publication = failed.number, back = back.number, reason, "rolled back");
                return Passed::RolledBack { publication: back.number };
            }
            Ok(None) => {}
            // Somebody else did the same, or published something else.
            Err(Error::Lost { winner }) => return Passed::RolledBack { publication: winner.number },
            Err(error) => return unreadable(error),
        }
    }
    Passed::Planned {
        plan,
        errors,
        stopped,
    }
}

/// What is published; all of its history, for the board, where that is news.
async fn in_force(
    store: &Store,
    before: Option<&Published>,
    context: &Context,
) -> Result<Published, Error> {
    let known = before.and_then(|before| before.current.as_ref());
    if let Some(known) = known {
        let published = store.current(Some(known)).await?;
        if published.current.as_ref() == Some(known) {
            return Ok(published);
        }
    }
    let history = store.history().await?;
    context.board.published(store.unit(), &history.publications);
    Ok(history.into())
}

/// What the unit is to be, by this version of the program; `None`: there is nothing it is to be.
fn believed(
    unit: &str,
    wanted: &Wanted,
    published: &Published,
) -> Result<Option<Arc<Spec>>, Vec<String>> {
    match wanted {
        Wanted::File { spec, .. } => spec.clone().map(Some),
        Wanted::Published { .. } => {
            let believed = published.current.as_ref().and_then(|it| it.believe(unit));
            match believed {
                None => Ok(None),
                Some(Ok((_, spec))) => Ok(Some(Arc::new(spec))),
                Some(Err(problems)) => Err(problems.iter().map(ToString::to_string).collect()),
            }
        }
    }
}

/// Every step, tried once and told; AWS's refusals.
async fn carried_out(context: &Context, aws: &Aws, spec: &Spec, plan: &Plan) -> Vec<AwsError> {
    let mut errors = Vec::new();
    for one in &plan.steps {
        if context.shutdown.requested() {
            break;
        }
        let outcome = apply(aws, spec, one).await;
        let (unit, step) = (&spec.name, step(one));
        match outcome {
            Ok(()) => tracing::info!(unit, step, "applied"),
            Err(error) => {
                tracing::warn!(unit, step, error = %error, "refused");
                errors.push(error);
            }
        }
    }
    errors
}

/// ECS's words, when it went back from exactly what is wanted.
fn given_up(plan: &Plan) -> Option<String> {
    plan.blocked.iter().find_map(|blocked| match blocked {
        Blocked::RolloutFailed {
            rolled_back: true,
            reason,
            ..
        } => Some(reason.clone()),
        _ => None,
    })
}

fn unreadable(error: Error) -> Passed {
    let retryable = match &error {
        Error::Aws(error) => error.retryable,
        Error::Lost { .. } => true,
        Error::TooLarge { .. } | Error::Unreadable { .. } => false,
    };
    Passed::Unreadable {
        error: error.to_string(),
        retryable,
    }
}
