//! The existing service's queue as a second way in.
//!
//! Takes entries from a Redis list, submits each into the same store as HTTP does, and tells of the token, or of the failure, when the deployment
//! has come to its end. Any number of replicas may listen. It signs nothing and keeps nothing: a replica that dies leaves its entry in the
//! processing list, from where any other takes it up, and a deployment's id is made from its message, so that doing it again is the same deployment.
//!
//! ```text
//! inbound ──take──► processing ──believed, submitted──► awaited ──deployed──► outbound
//!    ▲                  │ │ └─ nothing to do (the model has a token or another deployment): forgotten
//!    └── later ─────────┘ └──refused──► dead letters ◄──failed──┘
//! ```
//!
//! An event is pushed in the script that ends the waiting for it, hence once; where a reply is lost, the next turn finds it done.

pub mod message;
mod queue;

pub use queue::Queues;

use super::chain::{Chain, rpc::RpcError};
use super::store::connection::{Connection, Unavailable};
use super::store::{Idempotency, Store, StoreError, Submitted};
use super::worker::now_ms;
use super::{Deployment, Failure, Registration, State};
use crate::backoff;
use crate::shutdown::Shutdown;
use crate::telemetry::chain as print_chain;
use crate::timestamp::iso;
use message::{Believed, Message, Origin, Trust};
use queue::Queue;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// Whose deployments they are. No API key can have this name, so no client reads them.
const CALLER: &str = "queue:model-ready";
/// With nothing to take: how soon a message is noticed. Costs three Redis commands, no RPC.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// After a failed turn, doubling.
const FAILED_PAUSE: Duration = Duration::from_secs(1);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Entries per turn, before what has ended is told.
const ENTRIES_MAX: usize = 50;
/// How often the processing list is looked at.
const REAP_PERIOD: Duration = Duration::from_secs(5);
/// An entry that has been there for so long belongs to nobody any more: carrying one takes two requests to nodes and three to Redis at most.
const LEFT_BEHIND: Duration = Duration::from_secs(20);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How the queue is listened to.
#[derive(Debug, Clone)]
pub struct Config {
    /// The lists.
    pub queues: Queues,
    /// Whose messages are believed.
    pub trust: Trust,
    /// Unsigned messages per day, all replicas together.
    pub unsigned_per_day: u64,
}

/// What listens.
pub struct Listener {
    queue: Queue,
    trust: Trust,
    unsigned_per_day: u64,
    store: Store,
    chain: Arc<Chain>,
    /// As events name it.
    network: String,
    wake: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error("the queue did not answer")]
    Queue(#[from] Unavailable),
    #[error("the message could not be submitted")]
    Store(#[from] StoreError),
    #[error("the chain could not be asked for the model's token")]
    Chain(#[from] RpcError),
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It is this deployment; its end is to be told, with this message.
    Deployment(Uuid, String),
    /// There is nothing to do, and nothing to tell.
    Nothing(&'static str),
    /// It is refused.
    Dead(String),
    /// Not now.
    Later,
}

/// What is known between turns; losing it costs patience.
#[derive(Default)]
struct Memory {
    /// Where the telling goes on.
    cursor: u64,
    reaped_at: Option<Instant>,
    /// Entries of the processing list, and when they were first seen there.
    seen: HashMap<String, Instant>,
}

impl Listener {
    /// `network` and `chain_id` are what events say of the chain.
    pub fn new(
        config: Config,
        connection: Connection,
        store: Store,
        chain: Arc<Chain>,
        (chain_id, network): (u64, &str),
        wake: Arc<Notify>,
    ) -> Self {
        let Config {
            queues,
            trust,
            unsigned_per_day,
        } = config;
        Self {
            queue: Queue::new(connection, queues, store.prefix()),
            trust,
            unsigned_per_day,
            store,
            chain,
            network: message::network(chain_id, network).to_string(),
            wake,
        }
    }

    /// Listens until shutdown is requested, and finishes the entry in hand.
    pub async fn run(self, mut shutdown: Shutdown) {
        tracing::info!(queue = self.queue.inbound(), "listening to the queue");
        let mut memory = Memory::default();
        let mut failures = 0;
        while !shutdown.requested() {
            let pause = match self.turn(&mut memory, &shutdown).await {
                Ok(()) => {
                    failures = 0;
                    IDLE_PAUSE
                }
                Err(error) => {
                    tracing::warn!(
                        error = print_chain(&error),
                        "the queue waits: a turn failed"
                    );
                    failures += 1;
                    backoff::delay(
                        failures - 1,
                        FAILED_PAUSE,
                        FAILED_PAUSE_MAX,
                        fastrand::f64(),
                    )
                }
            };
            shutdown.sleep(pause).await;
        }
    }

    async fn turn(&self, memory: &mut Memory, shutdown: &Shutdown) -> Result<(), ListenError> {
        for entry in self.left_behind(memory).await? {
            tracing::warn!("an entry was left behind in the processing list; it is taken up again");
            self.carry(&entry).await?;
        }
        for _ in 0..ENTRIES_MAX {
            if shutdown.requested() {
                break;
            }
            let Some(entry) = self.queue.take().await? else {
                break;
            };
            if !self.carry(&entry).await? {
                break;
            }
        }
        self.tell(memory).await
    }

    /// Entries that nobody seems to carry any more.
    async fn left_behind(&self, memory: &mut Memory) -> Result<Vec<String>, ListenError> {
        let now = Instant::now();
        if memory.reaped_at.is_some_and(|at| now - at < REAP_PERIOD) {
            return Ok(Vec::new());
        }
        let taken = self.queue.taken().await?;
        memory.reaped_at = Some(now);
        memory.seen.retain(|entry, _| taken.contains(entry));
        let mut left = Vec::new();
        for entry in taken {
            let since = *memory.seen.entry(entry.clone()).or_insert(now);
            if now - since >= LEFT_BEHIND {
                left.push(entry);
            }
        }
        Ok(left)
    }

    /// Decides about one entry and moves it. `false`: it was put back, and the others have to wait too.
    async fn carry(&self, entry: &str) -> Result<bool, ListenError> {
        let fate = match self.decide(entry).await {
            Ok(fate) => fate,
            Err(error) => {
                // Failing here too leaves it to be found in the processing list.
                self.queue.give_back(entry).await?;
                return Err(error);
            }
        };
        match &fate {
            Fate::Deployment(id, message) => {
                tracing::info!(deployment = %id, "a message of the queue is a deployment");
                self.queue.await_end(entry, *id, message).await?;
            }
            Fate::Nothing(why) => {
                tracing::info!(why, "a message of the queue needs nothing");
                self.queue.forget(entry).await?;
            }
            Fate::Dead(reason) => {
                tracing::warn!(reason, "a message of the queue is put aside");
                let letter = self.letter(entry, reason);
                self.queue.bury(entry, &letter).await?;
            }
            Fate::Later => self.queue.give_back(entry).await?,
        }
        Ok(fate != Fate::Later)
    }

    async fn decide(&self, entry: &str) -> Result<Fate, ListenError> {
        let Believed {
            message,
            request,
            origin,
        } = match message::read(entry, &self.trust) {
            Ok(believed) => believed,
            Err(reason) => return Ok(Fate::Dead(reason)),
        };
        let Ok(text) = serde_json::to_string(&message) else {
            return Ok(Fate::Dead("Invalid JSON".into()));
        };
        // What the message asks for, whoever vouches for it and however often it was tried.
        let hash = hex::encode(Sha256::digest(&text));
        if origin == Origin::Unsigned {
            let (day, most) = (now_ms() / DAY_MS, self.unsigned_per_day);
            if !self.queue.admits_unsigned(day, &hash, most).await? {
                let reason = format!("not signed, and {most} unsigned messages were taken today");
                return Ok(Fate::Dead(reason));
            }
        }
        let token = self.chain.token_of(&request.model_id).await?;
        let idempotency = Idempotency {
            key: hash.clone(),
            fingerprint: hash,
        };
        let id = self.store.id_for(CALLER, Some(&idempotency));
        let deployment = Deployment::submitted(id, CALLER.into(), request, now_ms());
        let submitted = self
            .store
            .submit(&deployment, Some(&idempotency), token.is_some())
            .await?;
        Ok(match submitted {
            Submitted::New => {
                self.wake.notify_one();
                Fate::Deployment(id, text)
            }
            Submitted::Existing(id) => Fate::Deployment(id, text),
            Submitted::Busy(other) if other == id => Fate::Deployment(id, text),
            Submitted::Busy(_) => Fate::Nothing("its model has another deployment"),
            Submitted::HasToken => Fate::Nothing("its model has a token"),
            Submitted::Mismatch => Fate::Dead("its id is that of another message".into()),
            Submitted::Settling | Submitted::Full => Fate::Later,
        })
    }

    /// Tells of some of the deployments that have come to their end.
    async fn tell(&self, memory: &mut Memory) -> Result<(), ListenError> {
        let (next, awaited) = self.queue.awaited(memory.cursor).await?;
        memory.cursor = next;
        for (id, text) in awaited {
            let deployment = match self.store.read(id).await {
                Ok(deployment) => deployment,
                Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                // It is parked or forged, which is the operator's affair; the others go on.
                Err(error) => {
                    tracing::warn!(deployment = %id, error = print_chain(&error), "its end is not told yet");
                    continue;
                }
            };
            let message: Option<Message> = serde_json::from_str(&text).ok();
            let (Some(message), Some(deployment)) = (message, deployment) else {
                let letter = self.letter(&text, "the deployment is no longer known");
                self.queue.tell_failed(id, &letter).await?;
                continue;
            };
            match &deployment.state {
                State::Deployed {
                    token,
                    registration,
                } if is_over(registration) => {
                    let mut event =
                        message::token_deployed(&message, &deployment, token, registration);
                    event["deployer_address"] =
                        super::chain::checksummed(self.chain.deployer()).into();
                    event["network"] = self.network.as_str().into();
                    event["_metadata"]["publishedAt"] = iso(now_ms()).into();
                    self.queue.tell(id, &event).await?;
                    tracing::info!(deployment = %id, "the queue is told of a token");
                }
                State::Failed { failure } => {
                    let letter = self.letter(&text, &reason(failure));
                    self.queue.tell_failed(id, &letter).await?;
                    tracing::info!(deployment = %id, "the queue is told of a failure");
                }
                State::Deployed { .. }
                | State::Queued
                | State::InFlight(_)
                | State::Parked { .. } => {}
            }
        }
        Ok(())
    }

    fn letter(&self, entry: &str, reason: &str) -> serde_json::Value {
        message::dead_letter(entry, reason, &iso(now_ms()), self.queue.inbound())
    }
}

/// Whether the second step will change no more, so that the event can tell of it.
fn is_over(registration: &Registration) -> bool {
    match registration {
        Registration::Wanted | Registration::InFlight(_) => false,
        Registration::Done { .. } | Registration::Not { .. } => true,
    }
}

/// A failure by its name, as records have it.
fn reason(failure: &Failure) -> String {
    let value = serde_json::to_value(failure).unwrap_or_default();
    let name = value["because"].as_str().unwrap_or("failed");
    format!("the deployment failed: {name}")
}
