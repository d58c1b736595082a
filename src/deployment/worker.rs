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

use super::chain::{Chain, Estimate, Sent, U256, rpc::RpcError};
use super::economics::Economics;
use super::signer::{SignError, Signer};
use super::store::{Lease, Store, StoreError, Stored};
use super::transaction::{self, Fees, Ours, Sighting, Unsigned, block_of};
use super::{Deployment, Event, Failure, State};
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

/// What is to be done with one queued deployment.
enum Prepared {
    Send {
        gas_limit: U256,
        data: Vec<u8>,
    },
    Decided(Event),
    /// Not now, but others may go.
    Later,
    /// Nobody's turn: the account cannot pay.
    Unaffordable,
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

    /// Reads receipts once per new block and saves what they prove. Gives what is still in flight.
    async fn confirm(
        &self,
        memory: &mut Memory,
        shutdown: &Shutdown,
        jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        if jobs.is_empty() {
            return Ok(jobs);
        }
        let head = self.chain.head().await?;
        if memory.head == Some(head) {
            return Ok(jobs);
        }
        // Read before the receipts: a nonce used this deep has had its receipt for several blocks, so its absence means something.
        let nonces_used = self
            .chain
            .nonce_at(head.saturating_sub(self.policy.confirmations))
            .await?;
        let mut in_flight = Vec::new();
        for job in jobs {
            if shutdown.requested() {
                return Ok(Vec::new());
            }
            let job = self.confirm_one(memory, job, head, nonces_used).await?;
            if job.deployment.state.in_flight().is_some() {
                in_flight.push(job);
            }
        }
        memory.head = Some(head);
        Ok(in_flight)
    }

    async fn confirm_one(
        &self,
        memory: &mut Memory,
        mut job: Stored,
        head: u64,
        nonces_used: u64,
    ) -> Result<Stored, TurnError> {
        let id = job.deployment.id;
        let receipt = self.receipt_of(&job.deployment).await?;
        let block = receipt.as_ref().and_then(block_of);
        let at_height = match block {
            Some(block)
                if head.saturating_add(1)
                    >= block.number.saturating_add(self.policy.confirmations) =>
            {
                self.chain.header(block.number).await?
            }
            Some(_) | None => None,
        };
        let nonce = job
            .deployment
            .state
            .in_flight()
            .map(|transaction| transaction.nonce);
        let suspect = block.is_none() && nonce.is_some_and(|nonce| nonce < nonces_used);
        // The first look only raises the suspicion: another node may simply have been behind.
        let displaced = suspect && !memory.suspects.insert(id);
        if !suspect {
            memory.suspects.remove(&id);
        }
        let sighting = Sighting {
            head,
            receipt,
            at_height,
            displaced,
        };
        let model = job.deployment.request.model_id.clone();
        let ours = Ours {
            manager: self.chain.manager(),
            deployer: self.chain.deployer(),
            model: &model,
        };
        // At most three events: mined, mined in another block, its outcome.
        for _ in 0..3 {
            match transaction::decide(
                &job.deployment.state,
                &sighting,
                self.policy.confirmations,
                ours,
            ) {
                None => break,
                Some(event) => job = self.save(memory, job, event).await?,
            }
        }
        let forgotten = memory
            .sent_at
            .get(&id)
            .is_none_or(|sent| sent.elapsed() >= REBROADCAST);
        if forgotten && matches!(job.deployment.state, State::Broadcast { .. }) {
            job = self.broadcast(memory, job).await?;
        }
        Ok(job)
    }

    /// The receipt of whichever attempt is in a block, the newest first.
    async fn receipt_of(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<super::chain::Receipt>, RpcError> {
        for hash in deployment.attempts.iter().rev() {
            if let Some(receipt) = self.chain.receipt(*hash).await?
                && block_of(&receipt).is_some()
            {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// Takes nonces for queued deployments, signs, saves and sends, while nothing saved is in doubt.
    async fn send(
        &self,
        memory: &mut Memory,
        shutdown: &Shutdown,
        in_flight: &[Stored],
        queued: Vec<Stored>,
    ) -> Result<(), TurnError> {
        let held = || {
            in_flight
                .iter()
                .filter_map(|job| job.deployment.state.in_flight())
        };
        let unmined: Vec<_> = in_flight
            .iter()
            .filter(|job| !matches!(job.deployment.state, State::Mined { .. }))
            .collect();
        let in_doubt = unmined
            .iter()
            .any(|job| matches!(job.deployment.state, State::Signed { .. }));
        if in_doubt || queued.is_empty() || unmined.len() >= UNMINED_MAX || shutdown.requested() {
            return Ok(());
        }
        let fees = match transaction::fees(self.chain.fee_facts().await?, self.policy.fee_cap_wei) {
            Ok(fees) => fees,
            Err(above) => {
                tracing::warn!(error = %above, "deployments wait for gas to become cheaper");
                return Ok(());
            }
        };
        let value_wei = self.chain.deployment_fee().await?;
        let committed = held().fold(U256::zero(), |sum, transaction| {
            sum.saturating_add(transaction.cost_wei_max)
        });
        let mut funds = self.chain.balance().await?.saturating_sub(committed);
        // Nonces held here are never given out again; those the node knows of may be a stranger's with the same key.
        let after_held = held()
            .map(|transaction| transaction.nonce + 1)
            .max()
            .unwrap_or(0);
        let mut nonce = self.chain.nonce_pending().await?.max(after_held);

        for job in queued.into_iter().take(UNMINED_MAX - unmined.len()) {
            if shutdown.requested() {
                return Ok(());
            }
            self.still_leased(memory).await?;
            match self
                .prepare(&job.deployment, value_wei, fees, funds)
                .await?
            {
                Prepared::Later => {}
                Prepared::Unaffordable => {
                    tracing::error!(account = ?self.chain.deployer(), balance_wei = %funds, "deployments wait: the account cannot pay");
                    return Ok(());
                }
                Prepared::Decided(event) => {
                    self.save(memory, job, event).await?;
                }
                Prepared::Send { gas_limit, data } => {
                    let (chain_id, to) = (self.policy.chain_id, self.chain.manager());
                    let signed = self.signer.sign(Unsigned {
                        chain_id,
                        nonce,
                        to,
                        value_wei,
                        gas_limit,
                        fees,
                        data,
                    })?;
                    funds = funds.saturating_sub(signed.cost_wei_max);
                    nonce += 1;
                    let job = self.save(memory, job, Event::Signed(signed)).await?;
                    let job = self.broadcast(memory, job).await?;
                    if matches!(job.deployment.state, State::Signed { .. }) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Everything that can be known before paying.
    async fn prepare(
        &self,
        deployment: &Deployment,
        value_wei: U256,
        fees: Fees,
        funds: U256,
    ) -> Result<Prepared, TurnError> {
        let request = &deployment.request;
        if now_ms().saturating_sub(deployment.submitted_at_ms) > QUEUED_SECONDS_MAX * 1000 {
            return Ok(Prepared::Decided(Event::Refused(Failure::Expired)));
        }
        if let Some(token) = self.chain.token_of(&request.model_id).await? {
            return self.settle_taken(deployment, token).await;
        }
        let Ok(allocations) = self.policy.economics.allocations(request.supply_wei) else {
            return Ok(Prepared::Decided(Event::Refused(Failure::OutsidePolicy)));
        };
        let data = super::chain::abi::deploy_call(request, allocations, &self.policy.economics);
        let gas_limit = match self.chain.estimate(&data, value_wei).await {
            Ok(Estimate::Gas(gas)) => transaction::gas_limit(gas),
            Ok(Estimate::InsufficientFunds) => return Ok(Prepared::Unaffordable),
            Ok(Estimate::Reverts(reason)) => {
                tracing::warn!(deployment = %deployment.id, reason, "the contract would refuse the deployment");
                return Ok(Prepared::Decided(Event::Refused(Failure::WouldRevert)));
            }
            // A node that refuses to estimate this one says nothing about the others.
            Err(error @ RpcError::Refused { .. }) => {
                tracing::warn!(deployment = %deployment.id, error = print_chain(&error), "not estimated");
                return Ok(Prepared::Later);
            }
            Err(error) => return Err(error.into()),
        };
        let cost_wei_max = gas_limit
            .saturating_mul(fees.fee_cap_wei)
            .saturating_add(value_wei);
        if cost_wei_max > funds {
            return Ok(Prepared::Unaffordable);
        }
        Ok(Prepared::Send { gas_limit, data })
    }

    /// A queued deployment whose model has a token: ours if an attempt thought displaced made it after all, else a stranger's.
    async fn settle_taken(
        &self,
        deployment: &Deployment,
        token: super::Address,
    ) -> Result<Prepared, TurnError> {
        let Some(receipt) = self.receipt_of(deployment).await? else {
            return Ok(Prepared::Decided(Event::Refused(Failure::ModelTaken {
                token,
            })));
        };
        let Some(block) = block_of(&receipt) else {
            return Ok(Prepared::Later);
        };
        let head = self.chain.head().await?;
        let header = self
            .chain
            .header(block.number)
            .await?
            .filter(|header| header.hash == block.hash);
        match header {
            Some(header)
                if head.saturating_add(1)
                    >= block.number.saturating_add(self.policy.confirmations) =>
            {
                let model = &deployment.request.model_id;
                let ours = Ours {
                    manager: self.chain.manager(),
                    deployer: self.chain.deployer(),
                    model,
                };
                Ok(Prepared::Decided(transaction::outcome(
                    &receipt, block, header, ours,
                )))
            }
            Some(_) | None => Ok(Prepared::Later),
        }
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
