//! The simulated AWS: one account in memory that speaks AWS's own wire protocols.
//!
//! Takes an HTTP request as an AWS client sends it, gives the reply AWS would give. It imports nothing
//! from `reconciler`, so that agreement between the two is evidence and not a shared opinion.
//!
//! ```text
//! HTTP ─wire→ Call ─front→ service ─→ Value | Refusal ─wire→ HTTP        (no await while a lock is held)
//! clock ─signals::step→ metrics, alarms, counts
//! clock ─ecs::step, elbv2::step→ effects ─live→ processes, probes ─→ back into the World
//!                                       └─play→ virtual tasks ────┘
//! ```
//!
//! A service module owns its state and its operations. What one service does to another goes through
//! a named function of the owner (`elbv2::register_target`), never through its fields.

pub mod account;
pub mod acm;
pub mod address;
mod authorize;
pub mod autoscaling;
pub mod balancer;
pub mod call;
pub mod certificate;
pub mod client;
pub mod cloudwatch;
mod defaults;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod fault;
mod front;
pub mod iam;
pub mod image;
pub mod journal;
mod lag;
pub mod live;
pub mod load;
pub mod logs;
mod page;
pub mod play;
pub mod process;
pub mod route53;
pub mod secretsmanager;
pub mod serve;
pub mod servicediscovery;
pub mod signals;
pub mod sns;
pub mod ssm;
pub mod sts;
pub mod tag;
pub mod throttle;
pub mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::call::{Answer, Millis};
use self::fault::{Faults, Loss};
use self::front::Front;
use self::journal::Entry;
use self::throttle::Throttle;
/// One question to IAM about a call.
pub use authorize::Asked;
/// An HTTP-independent request to one AWS operation.
pub use call::{Call, Refusal};
/// How often an operation was called.
pub use front::Calls;
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
    /// What its clients took for the time then.
    clients_started: Millis,
    clock: Instant,
    speed: u64,
    /// The time, as long as somebody holds the clock; [`FREE`] otherwise.
    held: AtomicU64,
    world: Mutex<World>,
    /// Locked before the world by whoever needs both.
    front: Mutex<Front>,
    requests: AtomicU64,
    changed: Notify,
}

/// Nobody holds the clock: no time is this late.
const FREE: Millis = Millis::MAX;

impl Simulator {
    /// A simulation of `world` whose clock shows `now` and runs on with tokio's, so that a paused clock pauses it.
    pub fn new(world: World, now: Millis) -> Self {
        Simulator::at_speed(world, now, 1)
    }

    /// The same with a clock that is `speed` times as fast as tokio's: what AWS waits for takes less time. Processes and
    /// connections know nothing of it.
    pub fn at_speed(world: World, now: Millis, speed: u64) -> Self {
        Simulator::apart(world, now, speed, now)
    }

    /// The same for clients whose clocks show another time than the simulation's, `clients_now`, and sign by it.
    pub fn apart(world: World, now: Millis, speed: u64, clients_now: Millis) -> Self {
        let inner = Inner {
            region: world.region.clone(),
            started: now,
            clients_started: clients_now,
            clock: Instant::now(),
            speed,
            held: AtomicU64::new(FREE),
            world: Mutex::new(world),
            front: Mutex::default(),
            requests: AtomicU64::new(0),
            changed: Notify::new(),
        };
        Simulator {
            inner: Arc::new(inner),
        }
    }

    /// The time in the simulation.
    pub fn now(&self) -> Millis {
        match self.inner.held.load(Ordering::Relaxed) {
            FREE => self.due(),
            held => held,
        }
    }

    /// The time there would be if nobody held the clock.
    fn due(&self) -> Millis {
        let elapsed = self.elapsed().saturating_mul(self.inner.speed);
        self.inner.started.saturating_add(elapsed)
    }

    /// The time of its clients, whose signatures show it: it goes at its own speed.
    fn client_now(&self) -> Millis {
        self.inner.clients_started.saturating_add(self.elapsed())
    }

    /// From now on it is `now` until told otherwise.
    fn hold(&self, now: Millis) {
        self.inner.held.store(now, Ordering::Relaxed);
    }

    /// How much faster than tokio's the clock is.
    fn speed(&self) -> u64 {
        self.inner.speed
    }

    fn elapsed(&self) -> Millis {
        u64::try_from(self.inner.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Looks at or changes the world at the present time. The world is locked meanwhile: `act` must not block.
    pub fn with<T>(&self, act: impl FnOnce(&mut World, Millis) -> T) -> T {
        let now = self.now();
        act(&mut locked(&self.inner.world), now)
    }

    /// Answers one call of a client, by way of limits, faults and lag where they are on.
    pub(super) fn receive(&self, call: &Call, request_id: String) -> Result<Answer, Loss> {
        let passed = self.with_front(|front, world| front.pass(world, call, request_id, route));
        self.wake(call);
        passed
    }

    /// Answers one call whatever is on, as a test or somebody else makes it.
    pub fn answer(&self, call: &Call) -> Answer {
        let request_id = self.next_request_id();
        let answer = self.with_front(|front, world| front.direct(world, call, request_id, route));
        self.wake(call);
        answer
    }

    /// A step of the scheduler, which knows of roles as late as ECS does.
    pub fn step<T>(&self, step: impl FnOnce(&mut World, Millis) -> T) -> T {
        let now = self.now();
        self.with_front(|front, world| {
            let late = ("iam", now, front.lag.age);
            front.lag.with_past(world, late, |world| step(world, now))
        })
    }

    /// Whether AWS's documented request limits hold; they do not at first.
    pub fn set_limits(&self, on: bool) {
        locked(&self.inner.front).limits = on.then(Throttle::new);
    }

    /// How late reads of ECS, Elastic Load Balancing and IAM are; not at all at first.
    pub fn set_lag(&self, lag: Duration) {
        locked(&self.inner.front).lag.age = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
    }

    /// What goes wrong from now on, instead of what was set before.
    pub fn set_faults(&self, faults: Faults) {
        locked(&self.inner.front).faults = faults;
    }

    /// The newest requests, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        locked(&self.inner.front).journal.entries()
    }

    /// So many of the newest requests, the newest first.
    fn newest_requests(&self, count: usize) -> Vec<Entry> {
        locked(&self.inner.front).journal.newest(count)
    }

    /// Forgets all requests.
    pub fn clear_journal(&self) {
        locked(&self.inner.front).journal.clear();
    }

    /// Completes after a mutating call: what runs the world need not wait for its next tick.
    pub async fn changed(&self) {
        self.inner.changed.notified().await;
    }

    /// Calls by `service.Operation` since the last [`Simulator::clear_calls`].
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        locked(&self.inner.front).calls.clone()
    }

    /// Starts counting anew.
    pub fn clear_calls(&self) {
        locked(&self.inner.front).calls.clear();
    }

    /// What IAM was asked about calls of roles' sessions.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.inner.front).asked.iter().cloned().collect()
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

    /// A request that never became a call is noted too.
    fn note_unread(&self, entry: Entry) {
        locked(&self.inner.front).journal.note(entry);
    }

    fn with_front<T>(&self, act: impl FnOnce(&mut Front, &mut World) -> T) -> T {
        let mut front = locked(&self.inner.front);
        act(&mut front, &mut locked(&self.inner.world))
    }

    fn wake(&self, call: &Call) {
        if front::mutates(&call.operation) {
            self.inner.changed.notify_one();
        }
    }
}

/// The service a call is for answers it.
fn route(world: &mut World, call: &Call) -> Answer {
    match call.service {
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
        "secretsmanager" => secretsmanager::answer(world, call),
        "sns" => sns::answer(world, call),
        "ec2" => ec2::answer(world, call),
        "route53" => route53::answer(world, call),
        "acm" => acm::answer(world, call),
        _ => Err(call.unknown_operation()),
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

/// A panic elsewhere must not turn into one here: the data is taken as it is.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
