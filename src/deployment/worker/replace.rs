//! The replacing part of a turn: the lowest unmined transaction is raised when it is not mined in time, and what is given up is replaced by a no-op
//! with the same nonce.
//!
//! Only the lowest: what follows it cannot be mined before it, whatever it offers. A replacement belongs to the same record, so that whichever of
//! them is mined, the record knows of it.

use super::{Memory, TurnError, Worker, nonce, now_ms};
use crate::deployment::chain::{Estimate, U256};
use crate::deployment::fees::{self, Fees};
use crate::deployment::store::{Lease, Stored};
use crate::deployment::transaction::{Refusal, Unsigned, reread};
use crate::deployment::{
    ATTEMPTS_MAX, Attempt, Attention, Closing, Deployment, Event, Purpose, State,
};
use std::time::{Duration, Instant};

/// What a transfer of nothing to ourselves takes where no node says otherwise; some L2s ask for more.
const NO_OP_GAS: u64 = 21_000;
/// Between two tries to spend a nonce, when the first came to nothing.
const SPEND_PAUSE: Duration = Duration::from_secs(5);
/// How often nodes have to refuse a transaction for good, turn after turn, before its nonce is spent otherwise.
const REFUSALS_MAX: u32 = 5;

impl Worker {
    /// Raises or spends what is stuck.
    pub(super) async fn replace(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        mut jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        let mut changed = Vec::new();
        for index in 0..jobs.len() {
            let Some(job) = jobs.get(index) else { break };
            if let Some(closing) = self.given_up(memory, &job.deployment)
                && let Some(job) = self
                    .spend(lease, memory, job.clone(), closing, false)
                    .await?
            {
                changed.push(job.deployment.id);
                jobs[index] = job;
            }
        }
        for job in &mut jobs {
            if let Some(attention) = refusal(memory, &job.deployment) {
                *job = self.notice(lease, job.clone(), attention).await?;
            }
        }
        let lowest = jobs.iter().position(|job| {
            let unmined = job
                .deployment
                .state
                .flight()
                .is_some_and(|flight| !flight.is_mined());
            unmined && nonce(&job.deployment).is_some_and(|nonce| nonce >= memory.used)
        });
        if let Some(index) = lowest
            && let Some(job) = jobs.get(index)
            && let Some(newest) = job.deployment.newest()
        {
            let hash = newest.transaction.hash;
            let since = match memory.lowest {
                Some((lowest, since)) if lowest == hash => since,
                Some(_) | None => Instant::now(),
            };
            memory.lowest = Some((hash, since));
            let cheap = matches!(memory.refused.get(&hash), Some((Refusal::FeeTooLow, _)));
            if cheap || since.elapsed() >= self.policy.replace_after {
                // Whatever comes of it, the next try is not at once.
                memory.lowest = Some((hash, Instant::now()));
                let (id, raised) = (job.deployment.id, self.raise(lease, job.clone()).await?);
                changed.push(id);
                jobs[index] = raised;
            }
        }
        let (send, mut rest): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| changed.contains(&job.deployment.id));
        rest.extend(self.broadcast(lease, memory, send).await?);
        rest.sort_by_key(|job| nonce(&job.deployment));
        Ok(rest)
    }

    /// Whether a nonce is to be spent without a result.
    fn given_up(&self, memory: &Memory, deployment: &Deployment) -> Option<Closing> {
        let flight = deployment.state.flight()?;
        if flight.is_mined() || flight.closing.is_some() {
            return None;
        }
        let hash = deployment.newest()?.transaction.hash;
        match memory.refused.get(&hash) {
            Some((Refusal::Invalid, times)) if *times >= REFUSALS_MAX => {
                return Some(Closing::Rejected);
            }
            Some(_) | None => {}
        }
        let late = now_ms().saturating_sub(deployment.submitted_at_ms)
            > u64::try_from(self.policy.deadline.as_millis()).unwrap_or(u64::MAX);
        // The token is there: its registration has no client who waits.
        (late && matches!(deployment.state, State::InFlight(_))).then_some(Closing::Expired)
    }

    /// Signs and saves a no-op for the nonce; `None` when no replacement may be signed now.
    pub(super) async fn spend(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        job: Stored,
        closing: Closing,
        answers_wish: bool,
    ) -> Result<Option<Stored>, TurnError> {
        let id = job.deployment.id;
        let tried = memory.tried.get(&id);
        if tried.is_some_and(|at| at.elapsed() < SPEND_PAUSE) {
            return Ok(None);
        }
        memory.tried.insert(id, Instant::now());
        let Some(attempt) = self.replacement(&job.deployment, true).await? else {
            self.notice(lease, job, Attention::FeeCapReached).await?;
            return Ok(None);
        };
        tracing::info!(deployment = %job.deployment.id, ?closing, "the nonce is spent by a no-op");
        let event = Event::Closing(closing, attempt);
        Ok(Some(self.save(lease, job, event, answers_wish).await?))
    }

    /// Signs and saves the same with higher fees. At the cap the old bytes stand, and are sent again.
    async fn raise(&self, lease: &Lease, job: Stored) -> Result<Stored, TurnError> {
        let closing = job
            .deployment
            .state
            .flight()
            .is_some_and(|flight| flight.closing.is_some());
        match self.replacement(&job.deployment, closing).await? {
            Some(attempt) => self.save(lease, job, Event::Replaced(attempt), false).await,
            None => self.notice(lease, job, Attention::FeeCapReached).await,
        }
    }

    /// Writes down what an operator should know, once.
    pub(super) async fn notice(
        &self,
        lease: &Lease,
        job: Stored,
        attention: Attention,
    ) -> Result<Stored, TurnError> {
        if job.deployment.attention == Some(attention) {
            return Ok(job);
        }
        self.save(lease, job, Event::Noticed(attention), false)
            .await
    }

    /// A transaction that takes the place of the newest at its nonce: the same one, or a no-op. `None` at the fee cap or when too many were signed.
    async fn replacement(
        &self,
        deployment: &Deployment,
        no_op: bool,
    ) -> Result<Option<Attempt>, TurnError> {
        let Some(newest) = deployment.newest() else {
            return Ok(None);
        };
        if deployment.competing().count() >= ATTEMPTS_MAX {
            return Ok(None);
        }
        let facts = self.chain.fee_facts().await?;
        let Ok(fees) = fees::replacement(newest.fees, facts, self.policy.fee_cap_wei) else {
            return Ok(None);
        };
        let unsigned = if no_op {
            Some(self.no_op(newest.transaction.nonce, fees).await)
        } else {
            reread(&newest.transaction.raw, self.policy.chain_id, fees)
        };
        let Some(unsigned) = unsigned else {
            return Ok(None);
        };
        let purpose = if no_op { Purpose::NoOp } else { newest.purpose };
        Ok(Some(self.signed(unsigned, purpose).await?))
    }

    async fn no_op(&self, nonce: u64, fees: Fees) -> Unsigned {
        let (to, value_wei) = (self.chain.deployer(), U256::zero());
        let gas_limit = match self.chain.estimate(to, &[], value_wei).await {
            Ok(Estimate::Gas(gas)) => gas.max(NO_OP_GAS.into()),
            Ok(Estimate::Reverts(_) | Estimate::InsufficientFunds) | Err(_) => NO_OP_GAS.into(),
        };
        Unsigned {
            chain_id: self.policy.chain_id,
            nonce,
            to,
            value_wei,
            gas_limit,
            fees,
            data: Vec::new(),
        }
    }

    /// Signs; nothing is saved or sent by it.
    pub(super) async fn signed(
        &self,
        unsigned: Unsigned,
        purpose: Purpose,
    ) -> Result<Attempt, TurnError> {
        let (fees, gas_limit) = (unsigned.fees, unsigned.gas_limit);
        let transaction = self.signer.sign(unsigned).await?;
        crate::crash::at("after-sign");
        Ok(Attempt {
            purpose,
            transaction,
            fees,
            gas_limit,
            at_ms: now_ms(),
        })
    }
}

/// What an operator should know of a transaction that nodes refuse.
fn refusal(memory: &Memory, deployment: &Deployment) -> Option<Attention> {
    let (refusal, times) = memory.refused.get(&deployment.newest()?.transaction.hash)?;
    match refusal {
        // One node may not have seen the funds yet.
        _ if *times < 2 => None,
        Refusal::InsufficientFunds => Some(Attention::InsufficientFunds),
        Refusal::Invalid | Refusal::Reverts => Some(Attention::RefusedByNodes),
        // The first two are no refusals; the third is raised.
        Refusal::AlreadyKnown | Refusal::NonceUsed | Refusal::FeeTooLow => None,
    }
}
