//! Carries deployments through: the one loop that signs and sends.
//!
//! Takes the store, the chain and the key; runs until shutdown. Any number of replicas may run it: only the holder of the lease works,
//! and every write proves it still holds. Each turn reads everything again, so a turn can stop anywhere, by an error, a
//! signal or `kill -9`, and the next one goes on:
//!
//! ```text
//! turn:  lease → read the work → wishes (cancel, close, retry)
//!          → recover (send what was signed) → confirm (receipts) → replace (raise, or spend by a no-op)
//!          → send (preflight, sign, SAVE all at once, broadcast)       or, after a loss of data, settle (ask the chain what was done)
//! ```
//!
//! What dies between signing and saving was never sent. What dies after saving is sent again: the same bytes, the same hash, at most once.
//! A nonce is given to one record and never to another; what will not be mined with it is replaced by a no-op of the same record. It never
//! signs for a model that has a token. Time is measured by this process' own clock, and the lease by Redis': no wall clock decides.

mod confirm;
mod preflight;
mod replace;
mod restore;
mod send;
mod settle;
mod wishes;

use super::chain::{Chain, H256, ProofError, Sent, rpc::RpcError};
use super::economics::Economics;
use super::signer::{SignError, Signer};
use super::store::{Lease, Store, StoreError, Stored};
use super::transaction::Refusal;
use super::{Deployment, Event, Flight, Stage, State};
use crate::backoff;
use crate::crash;
use crate::shutdown::Shutdown;
use crate::telemetry::chain as print_chain;
use crate::telemetry::metrics::Metrics;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use uuid::Uuid;

/// With work in hand: how often the head is asked for. Receipts are read only when it has moved.
const BUSY_PAUSE: Duration = Duration::from_millis(400);
/// Without: how soon a request accepted by another replica is found, or a free lease is taken. Costs one or two Redis scripts, no RPC.
const IDLE_PAUSE: Duration = Duration::from_millis(500);
/// After a failed turn, doubling up to [`FAILED_PAUSE_MAX`].
const FAILED_PAUSE: Duration = Duration::from_millis(400);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(10);
/// A transaction not yet mined is sent again this often, since a node may have forgotten it.
const REBROADCAST: Duration = Duration::from_secs(15);
/// Requests to nodes at once.
const REQUESTS_MAX: usize = 32;

/// What every deployment is made with.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The network signed for.
    pub chain_id: u64,
    /// Blocks that make a result final, the one it is in included.
    pub confirmations: u64,
    /// Above it nothing is signed, in wei per gas.
    pub fee_cap_wei: super::chain::U256,
    /// Allocations and parameters.
    pub economics: Economics,
    /// Unmined transactions at once.
    pub in_flight_max: usize,
    /// The lowest unmined transaction is raised after this long.
    pub replace_after: Duration,
    /// What is not mined this long after its acceptance is given up.
    pub deadline: Duration,
    /// How far back the chain's logs are read after a loss of data, in blocks.
    pub lookback_blocks: u64,
    /// The performance metric a token is registered with.
    pub registry_metric: String,
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
    /// How long the lease lasts without being renewed.
    pub lease_ttl: Duration,
    /// Rung when this process has accepted one.
    pub wake: Arc<Notify>,
    /// Told what becomes of deployments.
    pub metrics: Arc<Metrics>,
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

/// What is known between turns. Losing it costs some requests and some patience, never correctness.
#[derive(Default)]
struct Memory {
    /// The head receipts were last read at.
    head: Option<u64>,
    /// Transactions of ours that are in the chain, as last seen.
    used: u64,
    /// Deployments whose nonce looked used by a stranger, and the head they did at.
    suspects: HashMap<Uuid, u64>,
    /// When a transaction was last taken by a node.
    sent_at: HashMap<H256, Instant>,
    /// What nodes said when they last refused a transaction, and how often in a row.
    refused: HashMap<H256, (Refusal, u32)>,
    /// The lowest unmined transaction, and since when it is that.
    lowest: Option<(H256, Instant)>,
    /// When what a deep reorganisation undid was last sent again.
    restored_at: Option<Instant>,
    /// When a nonce that is to be spent otherwise was last tried.
    tried: HashMap<Uuid, Instant>,
    /// Deployments that could not be estimated, and how often.
    unestimated: HashMap<Uuid, u32>,
    /// Set while nonces are known to be used that the store does not know.
    settling: Option<settle::Settling>,
}

enum Pace {
    Busy,
    Idle,
}

impl Worker {
    /// Runs until shutdown is requested, finishes the step in hand and gives the lease back.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut lease: Option<Lease> = None;
        let mut memory = Memory::default();
        let mut failures = 0;
        while !shutdown.requested() {
            let (pause, idle) = match self.lead(&mut lease, &mut memory, &shutdown).await {
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
                    memory = Memory::default();
                    if matches!(error, TurnError::Store(StoreError::LeaseLost)) {
                        lease = None;
                    }
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
        crash::at("before-release");
        if let Some(lease) = lease
            && let Err(error) = self.store.release(&lease).await
        {
            tracing::warn!(error = print_chain(&error), "the lease is left to expire");
        }
    }

    /// Takes or prolongs the lease, and does one turn under it while it is kept alive.
    async fn lead(
        &self,
        lease: &mut Option<Lease>,
        memory: &mut Memory,
        shutdown: &Shutdown,
    ) -> Result<Pace, TurnError> {
        let taken = self.store.lease(lease.as_ref()).await?;
        let before = std::mem::replace(lease, taken);
        let Some(held) = lease else {
            self.metrics.follows();
            return Ok(Pace::Idle);
        };
        if before.is_none_or(|before| before != *held) {
            tracing::info!(lease = ?held, "this replica now carries deployments through");
            *memory = Memory::default();
        }
        // It ends with the turn. Should the lease be lost meanwhile, every write of the turn is refused by itself.
        let keep = async {
            loop {
                tokio::time::sleep(self.lease_ttl / 3).await;
                let _ = self.store.renew(held).await;
            }
        };
        tokio::select! {
            outcome = self.turn(held, memory, shutdown) => outcome,
            () = keep => Ok(Pace::Idle),
        }
    }

    async fn turn(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        shutdown: &Shutdown,
    ) -> Result<Pace, TurnError> {
        let mut work = self.store.work(self.policy.in_flight_max).await?;
        let jobs = work.in_flight.iter().chain(&work.queued);
        let unfinished = jobs.filter(|job| !matches!(job.deployment.state, State::Deployed { .. }));
        self.metrics
            .leads(unfinished.map(|job| job.deployment.submitted_at_ms).min());
        for (id, error) in work.unreadable {
            tracing::error!(deployment = %id, error = print_chain(&error), "the record cannot be used; parked");
            self.store.park(lease, id, now_ms(), false).await?;
        }
        if !work.wishes.is_empty() {
            self.answer(lease, memory, work.wishes).await?;
            work = self.store.work(self.policy.in_flight_max).await?;
        }
        let settled = lease.epoch.is_some() && memory.settling.is_none();
        if work.in_flight.is_empty() && work.queued.is_empty() && settled {
            return Ok(Pace::Idle);
        }
        if shutdown.requested() {
            return Ok(Pace::Busy);
        }
        let in_flight = self.recover(lease, memory, work.in_flight).await?;
        let in_flight = self.confirm(lease, memory, in_flight).await?;
        if shutdown.requested() {
            return Ok(Pace::Busy);
        }
        let in_flight = self.replace(lease, memory, in_flight).await?;
        if settled {
            self.send(lease, memory, &in_flight, work.queued, work.next_nonce)
                .await?;
        } else {
            self.settle(lease, memory, &in_flight, work.next_nonce)
                .await?;
        }
        Ok(Pace::Busy)
    }

    /// Sends what was signed and saved, but not known to be sent.
    async fn recover(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        let (unsent, mut seen): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| stage(&job.deployment) == Some(Stage::Signed));
        seen.extend(self.broadcast(lease, memory, unsent).await?);
        seen.sort_by_key(|job| nonce(&job.deployment));
        Ok(seen)
    }

    /// Sends the newest bytes of each. Takes only what is stored, so nothing can be sent that a restart would not find.
    async fn broadcast(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        let sent: Vec<(Stored, Option<Sent>)> = stream::iter(jobs)
            .map(async |job| {
                let Some(attempt) = job.deployment.newest() else {
                    return (job, None);
                };
                crash::at("before-send");
                let sent = self.chain.broadcast(&attempt.transaction.raw).await;
                crash::at("after-send");
                (job, Some(sent))
            })
            .buffered(REQUESTS_MAX)
            .collect()
            .await;
        let mut events = Vec::with_capacity(sent.len());
        for (job, sent) in sent {
            let accepted = sent.is_some_and(|sent| note(memory, &job.deployment, sent));
            let unsaved = stage(&job.deployment) == Some(Stage::Signed);
            events.push((job, (accepted && unsaved).then_some(Event::Accepted)));
        }
        self.save_all(lease, events).await
    }

    /// Stores what follows from each event, all at once. What has no event stays as it is.
    async fn save_all(
        &self,
        lease: &Lease,
        jobs: Vec<(Stored, Option<Event>)>,
    ) -> Result<Vec<Stored>, TurnError> {
        let saved = join_all(jobs.into_iter().map(async |(job, event)| match event {
            None => Ok(job),
            Some(event) => self.save(lease, job, event, false).await,
        }))
        .await;
        saved.into_iter().collect()
    }

    /// Stores what follows from `event`.
    async fn save(
        &self,
        lease: &Lease,
        job: Stored,
        event: Event,
        answers_wish: bool,
    ) -> Result<Stored, TurnError> {
        let next = job
            .deployment
            .after(event, now_ms())
            .map_err(StoreError::from)?;
        let (before, after) = match &next.state {
            State::InFlight(Flight {
                stage: Stage::Signed,
                ..
            }) => ("before-save-replacement", "after-save-replacement"),
            State::InFlight(Flight {
                stage: Stage::Broadcast,
                ..
            }) => ("before-save-broadcast", "after-save-broadcast"),
            State::InFlight(Flight {
                stage: Stage::Mined { .. },
                ..
            }) => ("before-save-mined", "after-save-mined"),
            State::Deployed { .. } => ("before-save-deployed", "after-save-deployed"),
            State::Queued | State::Failed { .. } | State::Parked { .. } => {
                ("before-save-ended", "after-save-ended")
            }
        };
        crash::at(before);
        let saved = self.store.save(lease, &job, next, answers_wish).await?;
        crash::at(after);
        log(&job.deployment, &saved.deployment);
        self.count(&job.deployment, &saved.deployment);
        Ok(saved)
    }
}

impl Worker {
    /// Tells the metrics what a deployment has become, once: its registration changes the record of a deployed one again.
    fn count(&self, before: &Deployment, after: &Deployment) {
        match (&before.state, &after.state) {
            (State::Deployed { .. }, _) | (State::Failed { .. }, State::Failed { .. }) => {}
            (_, State::Deployed { .. }) => {
                let milliseconds = after.updated_at_ms.saturating_sub(after.submitted_at_ms);
                self.metrics.deployed(Duration::from_millis(milliseconds));
            }
            (_, State::Failed { .. }) => self.metrics.failed(),
            (_, State::Queued | State::InFlight(_) | State::Parked { .. }) => {}
        }
    }
}

/// Remembers what a node said of a deployment's newest transaction; whether it has it.
fn note(memory: &mut Memory, deployment: &Deployment, sent: Sent) -> bool {
    let (id, Some(attempt)) = (deployment.id, deployment.newest()) else {
        return false;
    };
    let (hash, nonce) = (attempt.transaction.hash, attempt.transaction.nonce);
    let before = memory.refused.remove(&hash);
    match sent {
        Sent::Accepted => {
            memory.sent_at.insert(hash, Instant::now());
            return true;
        }
        Sent::NonceUsed => {
            tracing::info!(deployment = %id, nonce, "the nonce is used; receipts will tell by whom");
        }
        Sent::NotSent(refusal) => {
            tracing::error!(deployment = %id, nonce, ?refusal, "a node refuses the transaction");
            let times = before
                .filter(|(last, _)| *last == refusal)
                .map_or(1, |(_, times)| times.saturating_add(1));
            memory.refused.insert(hash, (refusal, times));
        }
        Sent::Unknown(error) => {
            tracing::warn!(deployment = %id, nonce, error = print_chain(&error), "not known whether it was sent");
        }
    }
    false
}

fn log(before: &Deployment, after: &Deployment) {
    let Deployment {
        id,
        caller,
        request,
        attempts,
        state,
        attention,
        submitted_at_ms: _,
        updated_at_ms: _,
        displacements: _,
        changes: _,
    } = after;
    let (from, to) = (before.state.name(), state.name());
    let transaction = attempts
        .last()
        .map(|attempt| format!("{:?}", attempt.transaction.hash));
    let (model, nonce) = (request.model_id.as_str(), nonce(after));
    let parked = matches!(state, State::Parked { .. });
    if parked || (attention.is_some() && *attention != before.attention) {
        tracing::error!(deployment = %id, caller, model, from, to, nonce, transaction, ?attention, "deployment needs attention");
    } else {
        tracing::info!(deployment = %id, caller, model, from, to, nonce, transaction, "deployment advanced");
    }
}

fn stage(deployment: &Deployment) -> Option<Stage> {
    deployment.state.flight().map(|flight| flight.stage)
}

fn nonce(deployment: &Deployment) -> Option<u64> {
    deployment.state.flight().map(|flight| flight.nonce)
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
