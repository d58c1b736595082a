//! The loop: many units, each kept as it is wanted, until it is told to stop.
//!
//! ```text
//! directory or store ─list→ units ─┐ (news)
//!                        timers ───┼→ queue ─take→ pass ─→ requeue
//!                                  └────────────────────────┘
//! pass:  what is published (pause, record) → believe → look → plan → watchdog → apply → record
//! ```
//!
//! [`run`] is the whole of it. Which unit is next ([`queue`]), when it comes back ([`requeue()`]), and when writing stops
//! ([`watchdog`](super::watchdog)) are decided purely; requests wait for their turn in [`limit`](super::aws::limit). A unit's memory is owned
//! by its pass while that runs, so two passes of one unit cannot be; another loop's or CI's may, and observation settles it.
//! Nothing here is needed after a restart: it begins by looking.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::Instant;

pub mod board;
pub mod http;
pub mod metrics;
pub mod pass;
pub mod queue;
pub mod regions;
pub mod requeue;
pub mod source;

use crate::shutdown::Shutdown;
use board::Board;
use pass::{Context, Unit, pass};
use queue::Queue;
use regions::Regions;
use requeue::{Passed, requeue};
use source::{Source, Wanted};

/// The longest that nothing happens, so that the board shows a loop that lives.
const TURN: Duration = Duration::from_secs(30);
/// How often a published unit is asked for a newer publication or a pause: one call each.
const GLANCE: Duration = Duration::from_secs(15);
/// Passes at once: each makes a dozen calls side by side, and more would only queue for the same buckets of AWS's.
const PASSES_MAX: usize = 4;
/// For the calls under way at shutdown; ECS kills after 30 s.
const DRAIN: Duration = Duration::from_secs(20);

/// What the loop is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Between two looks at a unit that is as wanted.
    pub interval: Duration,
    /// When the loop begins, in milliseconds since 1970; from then on its own clock counts.
    pub started_ms: u64,
}

/// The time since the loop began, and what that is by the calendar.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    started_ms: u64,
}

impl Clock {
    fn elapsed(self) -> Duration {
        self.began.elapsed()
    }

    fn ms(self, at: Duration) -> u64 {
        let elapsed = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(elapsed)
    }

    fn now_ms(self) -> u64 {
        self.ms(self.elapsed())
    }
}

type Units = BTreeMap<String, Wanted>;

/// What came to its end.
enum Ended {
    Listed(Result<Units, String>),
    Passed(Box<Look>),
}

/// One pass, with its unit's memory.
struct Look {
    unit: Unit,
    wanted: Wanted,
    passed: Passed,
    took: Duration,
}

/// Keeps every unit of the source as it is wanted, until shutdown; then finishes the calls under way and returns.
pub async fn run(
    source: Source,
    regions: Regions,
    settings: Settings,
    board: Board,
    mut shutdown: Shutdown,
) {
    let Settings {
        interval,
        started_ms,
    } = settings;
    let clock = Clock {
        began: Instant::now(),
        started_ms,
    };
    let context = Context {
        regions,
        board: board.clone(),
        clock,
        shutdown: shutdown.clone(),
    };
    let mut wanted = Units::new();
    let mut idle: BTreeMap<String, Unit> = BTreeMap::new();
    let mut queue = Queue::default();
    let mut under_way: FuturesUnordered<BoxFuture<'static, Ended>> = FuturesUnordered::new();
    let mut passes = 0;
    // When the source is looked at next; `None` while it is.
    let mut list = Some(Duration::ZERO);
    while !shutdown.requested() {
        let now = clock.elapsed();
        board.turned(clock.ms(now));
        if list.is_some_and(|at| at <= now) {
            list = None;
            under_way.push(listed(source.clone(), context.clone()).boxed());
        }
        while passes < PASSES_MAX
            && let Some(name) = queue.take(now)
        {
            let Some(wanted) = wanted.get(&name).cloned() else {
                queue.done(&name);
                continue;
            };
            let unit = idle.remove(&name).unwrap_or_else(|| Unit::new(&name));
            under_way.push(passed(context.clone(), unit, wanted).boxed());
            passes += 1;
        }
        let next = queue.next().filter(|_| passes < PASSES_MAX);
        let wake = [next, list].into_iter().flatten().min();
        let ended = tokio::select! {
            biased;
            () = shutdown.wait() => break,
            Some(ended) = under_way.next(), if !under_way.is_empty() => ended,
            () = tokio::time::sleep_until(clock.began + wake.unwrap_or(now + TURN)) => continue,
        };
        let now = clock.elapsed();
        match ended {
            Ended::Listed(units) => {
                list = Some(now + source.every());
                board.listed(&source.to_string(), units.as_ref().err().cloned());
                // A source that cannot be read says nothing about its units: they stay as they were.
                if let Ok(units) = units {
                    for gone in news(&wanted, &units, |name| queue.request(name, now)) {
                        queue.forget(&gone);
                        idle.remove(&gone);
                        board.forget(&gone);
                    }
                    wanted = units;
                }
            }
            Ended::Passed(look) => {
                let Look {
                    mut unit,
                    wanted: of,
                    passed,
                    took,
                } = *look;
                passes -= 1;
                queue.done(&unit.name);
                if !wanted.contains_key(&unit.name) {
                    continue;
                }
                if passed != Passed::Unchanged {
                    unit.failures = if passed.failed() {
                        unit.failures + 1
                    } else {
                        0
                    };
                    let after = requeue(&passed, unit.failures, interval, fastrand::f64());
                    unit.due = after.map(|after| now + after);
                }
                let glance = match of {
                    Wanted::Published { .. } => Some(now + GLANCE),
                    Wanted::File { .. } => None,
                };
                let due = unit.due.map(|at| clock.ms(at));
                board.passed(
                    &unit.name,
                    unit.says(&of),
                    &passed,
                    (clock.ms(now), took, due),
                );
                if let Some(at) = [unit.due, glance].into_iter().flatten().min() {
                    queue.request(&unit.name, at);
                }
                idle.insert(unit.name.clone(), unit);
            }
        }
    }
    // Each pass sees the shutdown after the call in its hand.
    let drained = async { while under_way.next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("calls under way are given up; the next look will see what became of them");
    }
}

/// Says which units are new or wanted otherwise; gives those that are gone.
fn news(before: &Units, now: &Units, mut request: impl FnMut(&str)) -> BTreeSet<String> {
    for (name, wanted) in now {
        if before.get(name) != Some(wanted) {
            request(name);
        }
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    gone.cloned().collect()
}

async fn listed(source: Source, context: Context) -> Ended {
    let units = match &source {
        Source::Directory(directory) => source::directory(directory),
        Source::Published { region, units } => {
            source::published(&context.regions.aws(region).await, region, units).await
        }
    };
    if let Err(error) = &units {
        tracing::error!(error, "the source of the units could not be read");
    }
    Ended::Listed(units)
}

async fn passed(context: Context, mut unit: Unit, wanted: Wanted) -> Ended {
    let began = Instant::now();
    let passed = pass(&context, &mut unit, &wanted).await;
    Ended::Passed(Box::new(Look {
        unit,
        wanted,
        passed,
        took: began.elapsed(),
    }))
}
