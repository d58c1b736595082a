//! The simulated AWS: one account in memory that speaks AWS's own wire protocols.
//!
//! Takes an HTTP request as an AWS client sends it, gives the reply AWS would give. It imports nothing
//! from `reconciler`, so that agreement between the two is evidence and not a shared opinion.
//!
//! ```text
//! HTTP ─wire→ Call ─answer→ Value | Refusal ─wire→ HTTP        (one lock, no await while it is held)
//! clock ─ecs::step, elbv2::step→ effects ─live→ processes, probes ─→ back into the World
//! ```
//!
//! A service module owns its state and its operations. What one service does to another goes through
//! a named function of the owner (`elbv2::register_target`), never through its fields.

pub mod account;
pub mod address;
pub mod autoscaling;
pub mod balancer;
pub mod call;
pub mod certificate;
pub mod client;
pub mod cloudwatch;
mod defaults;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod iam;
pub mod live;
pub mod logs;
mod page;
pub mod process;
pub mod serve;
pub mod servicediscovery;
pub mod ssm;
pub mod sts;
pub mod tag;
pub mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::call::{Answer, Millis};
/// An HTTP-independent request to one AWS operation.
pub use call::{Call, Refusal};
/// Everything the simulated account holds.
pub use world::World;

/// A running simulation; clones are handles to the same one.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    region: String,
    started: Millis,
    clock: Instant,
    speed: u64,
    world: Mutex<World>,
    calls: Mutex<BTreeMap<String, Calls>>,
    requests: AtomicU64,
    changed: Notify,
}

/// How often an operation was called since the log was last cleared; refused calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Number of calls.
    pub calls: u64,
    /// Whether the operation changes anything in AWS.
    pub mutating: bool,
}

impl Simulator {
    /// A simulation of `world` whose clock shows `now` and runs on with tokio's, so that a paused clock pauses it.
    pub fn new(world: World, now: Millis) -> Self {
        Simulator::at_speed(world, now, 1)
    }

    /// The same with a clock that is `speed` times as fast as tokio's: what AWS waits for takes less time. Processes and
    /// connections know nothing of it.
    pub fn at_speed(world: World, now: Millis, speed: u64) -> Self {
        let inner = Inner {
            region: world.region.clone(),
            started: now,
            clock: Instant::now(),
            speed,
            world: Mutex::new(world),
            calls: Mutex::default(),
            requests: AtomicU64::new(0),
            changed: Notify::new(),
        };
        Simulator {
            inner: Arc::new(inner),
        }
    }

    /// The time in the simulation.
    pub fn now(&self) -> Millis {
        let elapsed = self.inner.clock.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.inner
            .started
            .saturating_add(elapsed.saturating_mul(self.inner.speed))
    }

    /// Looks at or changes the world at the present time. The world is locked meanwhile: `act` must not block.
    pub fn with<T>(&self, act: impl FnOnce(&mut World, Millis) -> T) -> T {
        let now = self.now();
        act(&mut locked(&self.inner.world), now)
    }

    /// Answers one call to any service, counts it, and wakes whoever waits on [`Simulator::changed`] when it mutates.
    pub fn answer(&self, call: &Call) -> Answer {
        let answer = self.with(|world, _| match call.service {
            "ecs" => ecs::answer(world, call),
            "elasticloadbalancing" => elbv2::answer(world, call),
            "application-autoscaling" => autoscaling::answer(world, call),
            "ssm" => ssm::answer(world, call),
            "monitoring" => cloudwatch::answer(world, call),
            "logs" => logs::answer(world, call),
            "servicediscovery" => servicediscovery::answer(world, call),
            "iam" => iam::answer(world, call),
            "sts" => sts::answer(world, call),
            "ecr" => ecr::answer(world, call),
            _ => Err(call.unknown_operation()),
        });
        let known = !matches!(
            &answer,
            Err(Refusal {
                code: call::UNKNOWN_OPERATION,
                ..
            })
        );
        if known {
            self.count(call);
        }
        answer
    }

    /// Completes after a mutating call: what runs the world need not wait for its next tick.
    pub async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// Calls by `service.Operation` since the last [`Simulator::clear_calls`].
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        locked(&self.inner.calls).clone()
    }

    /// Starts counting anew.
    pub fn clear_calls(&self) {
        locked(&self.inner.calls).clear();
    }

    /// The one region simulated.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// Request ids number the requests: shaped like AWS's, the same in every run.
    fn next_request_id(&self) -> String {
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        format!("00000000-0000-4000-8000-{number:012x}")
    }

    /// Only operations some module knows are counted, so the log is as bounded as the code.
    fn count(&self, call: &Call) {
        let mutating = mutates(&call.operation);
        let name = format!("{}.{}", call.service, call.operation);
        locked(&self.inner.calls)
            .entry(name)
            .or_insert(Calls { calls: 0, mutating })
            .calls += 1;
        if mutating {
            self.inner.changed.notify_one();
        }
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Simulator")
            .field("region", &self.inner.region)
            .finish_non_exhaustive()
    }
}

/// AWS names every read of these services with one of five verbs.
fn mutates(operation: &str) -> bool {
    !["Describe", "List", "Get", "Discover", "Filter"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// A panic elsewhere must not turn into one here: the data is taken as it is.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
