//! Carries deployments through: the one loop that signs and sends.
//!
//! Takes the store, the chain and the key; runs until shutdown. Any number of replicas may run it: only the holder of the lease works,
//! and every write proves it still holds. Each turn reads everything again, so a turn can stop anywhere, by an error, a
//! signal or `kill -9`, and the next one goes on:
//!
//! ```text
//! turn:  lease → read the work → recover (send what was signed) → confirm (receipts) → send (sign, SAVE, broadcast, save)
//! ```
//!
//! What dies between signing and saving was never sent. What dies after saving is sent again: the same bytes, the same hash, at most once.
//! It never takes a new nonce while the fate of saved bytes is in doubt, and never signs for a model that has a token.

mod confirm;
mod send;

use super::chain::{Chain, ProofError, Sent, U256, rpc::RpcError};
use super::economics::Economics;
use super::signer::{SignError, Signer};
use super::store::{Lease, Store, StoreError, Stored};
use super::{Deployment, Event, State};
use crate::backoff;
use crate::shutdown::Shutdown;
use crate::telemetry::chain as print_chain;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use uuid::Uuid;

/// How long a request may wait for gas to become cheap enough or for funds, before it fails. Only what was never sent expires.
pub const QUEUED_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Unmined transactions at once: geth guarantees an account 16 executable slots in its pool.
const UNMINED_MAX: usize = 16;
/// With work in hand: how often the head is asked for. Receipts are read only when it has moved.
const BUSY_PAUSE: Duration = Duration::from_millis(400);
/// Without: how soon a request accepted by another replica is found, or a free lease is taken. Costs one Redis script, no RPC.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// After a failed turn, doubling up to [`FAILED_PAUSE_MAX`].
const FAILED_PAUSE: Duration = Duration::from_millis(400);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(10);
/// The lease is prolonged between steps when it is older than this, a third of its length.
const LEASE_AGE_MAX: Duration = Duration::from_secs(2);
/// A transaction not yet mined is sent again this often, since a node may have forgotten it.
const REBROADCAST: Duration = Duration::from_secs(15);

/// What every deployment is made with.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The network signed for.
    pub chain_id: u64,
    /// Blocks that make a result final, the one it is in included.
    pub confirmations: u64,
    /// Above it nothing is signed, in wei per gas.
    pub fee_cap_wei: U256,
    /// Allocations and parameters.
    pub economics: Economics,
}

/// Everything the loop needs.
pub struct Worker {
    /// Where deployments are kept.
    pub store: Store,
    /// Where they are made.
    pub chain: Arc<Chain>,
    /// What signs for them.
    pub signer: Signer,
    /// What they are made with.
    pub policy: Policy,
    /// Rung when this process has accepted one.
    pub wake: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error("the turn stopped at the store")]
    Store(#[from] StoreError),
    #[error("the turn stopped at the chain")]
    Chain(#[from] RpcError),
    #[error("the turn stopped at the contract")]
    Proof(#[from] ProofError),
    #[error("the turn stopped at the key")]
    Sign(#[from] SignError),
}

/// What is known between turns. Losing it costs some requests, never correctness.
struct Memory {
    lease: Option<Lease>,
    leased_at: Instant,
    /// The head receipts were last read at.
    head: Option<u64>,
    /// Deployments whose nonce looked used by a stranger at the last look.
    suspects: HashSet<Uuid>,
    sent_at: HashMap<Uuid, Instant>,
}

impl Memory {
    fn holding(lease: Option<Lease>) -> Self {
        Self {
            lease,
            leased_at: Instant::now(),
            head: None,
            suspects: HashSet::new(),
            sent_at: HashMap::new(),
        }
    }
}

enum Pace {
    Busy,
    Idle,
}

impl Worker {
    /// Runs until shutdown is requested, finishes the step in hand and gives the lease back.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut memory = Memory::holding(None);
        let mut failures = 0;
        while !shutdown.requested() {
            let (pause, idle) = match self.turn(&mut memory, &shutdown).await {
                Ok(pace) => {
                    failures = 0;
                    match pace {
                        Pace::Busy => (BUSY_PAUSE, false),
                        Pace::Idle => (IDLE_PAUSE, true),
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = print_chain(&error),
                        "deployments wait: a turn failed"
                    );
                    let lost = matches!(error, TurnError::Store(StoreError::LeaseLost));
                    memory = Memory::holding(memory.lease.filter(|_| !lost));
                    let pause =
                        backoff::delay(failures, FAILED_PAUSE, FAILED_PAUSE_MAX, fastrand::f64());
                    failures += 1;
                    (pause, false)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified(), if idle => {}
                () = shutdown.wait() => {}
            }
        }
        if let Some(lease) = memory.lease
            && let Err(error) = self.store.release(lease).await
        {
            tracing::warn!(error = print_chain(&error), "the lease is left to expire");
        }
    }

    async fn turn(&self, memory: &mut Memory, shutdown: &Shutdown) -> Result<Pace, TurnError> {
        let Some(lease) = self.take_lease(memory).await? else {
            return Ok(Pace::Idle);
        };
        let work = self.store.work(UNMINED_MAX).await?;
        for id in work.unreadable {
            tracing::error!(deployment = %id, "the record cannot be read; parked");
            self.store.park(lease, id, now_ms()).await?;
        }
        if work.in_flight.is_empty() && work.queued.is_empty() {
            return Ok(Pace::Idle);
        }
        let in_flight = self.recover(memory, shutdown, work.in_flight).await?;
        let in_flight = self.confirm(memory, shutdown, in_flight).await?;
        self.send(memory, shutdown, &in_flight, work.queued).await?;
        Ok(Pace::Busy)
    }

    /// Sends what was signed and saved, but not known to be sent.
    async fn recover(
        &self,
        memory: &mut Memory,
        shutdown: &Shutdown,
        jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        let mut seen = Vec::with_capacity(jobs.len());
        for job in jobs {
            let unsent = matches!(job.deployment.state, State::Signed { .. });
            seen.push(if unsent && !shutdown.requested() {
                self.broadcast(memory, job).await?
            } else {
                job
            });
        }
        Ok(seen)
    }

    /// Sends saved bytes. Takes only what is stored, so nothing can be sent that a restart would not find.
    async fn broadcast(&self, memory: &mut Memory, job: Stored) -> Result<Stored, TurnError> {
        let id = job.deployment.id;
        let Some(transaction) = job.deployment.state.in_flight() else {
            return Ok(job);
        };
        match self.chain.broadcast(&transaction.raw).await {
            Sent::Accepted => {
                memory.sent_at.insert(id, Instant::now());
                if matches!(job.deployment.state, State::Signed { .. }) {
                    return self.save(memory, job, Event::Accepted).await;
                }
            }
            Sent::NonceUsed => {
                tracing::info!(deployment = %id, nonce = transaction.nonce, "the nonce is used; receipts will tell by whom")
            }
            Sent::NotSent(refusal) => {
                tracing::error!(deployment = %id, nonce = transaction.nonce, ?refusal, "a node refuses the transaction")
            }
            Sent::Unknown(error) => {
                tracing::warn!(deployment = %id, nonce = transaction.nonce, error = print_chain(&error), "not known whether it was sent");
            }
        }
        Ok(job)
    }

    /// Stores what follows from `event`.
    async fn save(
        &self,
        memory: &mut Memory,
        job: Stored,
        event: Event,
    ) -> Result<Stored, TurnError> {
        let lease = self.still_leased(memory).await?;
        let from = job.deployment.state.name();
        let next = job
            .deployment
            .after(event, now_ms())
            .map_err(StoreError::from)?;
        let saved = self.store.save(lease, &job, next).await?;
        let Deployment {
            id,
            caller,
            attempts,
            state,
            request,
            submitted_at_ms: _,
            updated_at_ms: _,
        } = &saved.deployment;
        let nonce = state.in_flight().map(|transaction| transaction.nonce);
        let transaction = attempts.last().map(|hash| format!("{hash:?}"));
        let model = request.model_id.as_str();
        tracing::info!(deployment = %id, caller, model, from, to = state.name(), nonce, transaction, "deployment advanced");
        if state.in_flight().is_none() {
            memory.suspects.remove(id);
            memory.sent_at.remove(id);
        }
        Ok(saved)
    }

    /// Takes the lease if it is free, keeps it if it is ours.
    async fn take_lease(&self, memory: &mut Memory) -> Result<Option<Lease>, StoreError> {
        let before = memory.lease;
        memory.lease = self.store.lease(before).await?;
        memory.leased_at = Instant::now();
        if memory.lease.is_some() && memory.lease != before {
            tracing::info!(lease = ?memory.lease, "this replica now carries deployments through");
            memory.head = None;
        }
        Ok(memory.lease)
    }

    /// The lease this turn began with, prolonged when it has aged. Another one would not do: what the turn has read may be outdated.
    async fn still_leased(&self, memory: &mut Memory) -> Result<Lease, StoreError> {
        let lease = memory.lease.ok_or(StoreError::LeaseLost)?;
        if memory.leased_at.elapsed() >= LEASE_AGE_MAX
            && self.take_lease(memory).await? != Some(lease)
        {
            return Err(StoreError::LeaseLost);
        }
        Ok(lease)
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
