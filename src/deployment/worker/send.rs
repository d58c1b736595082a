//! The sending part of a turn: what is queued is looked at, gets its nonce, is signed, saved and broadcast, in this order and many at once.

use super::preflight::{Call, Prepared};
use super::settle::Settling;
use super::{Memory, REQUESTS_MAX, TurnError, Worker, now_ms, stage};
use crate::crash;
use crate::deployment::chain::U256;
use crate::deployment::fees::{self, Fees};
use crate::deployment::store::{Lease, Stored};
use crate::deployment::transaction::Unsigned;
use crate::deployment::{Deployment, Event, Failure, ParkReason, REBINDS_MAX, Stage, State};
use futures_util::future::{join_all, try_join4};
use futures_util::stream::{self, StreamExt as _};

/// How often a node may refuse to estimate a deployment, for no reason that is known, before it is put aside.
const UNESTIMATED_MAX: u32 = 10;

impl Worker {
    /// Takes nonces for queued deployments, signs, saves and sends, while nothing saved is in doubt.
    pub(super) async fn send(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        in_flight: &[Stored],
        queued: Vec<Stored>,
        next_nonce: u64,
    ) -> Result<(), TurnError> {
        let (queued, ended) = self.without_ended(queued);
        self.save_all(lease, ended).await?;
        let unmined = in_flight
            .iter()
            .filter(|job| {
                job.deployment
                    .state
                    .flight()
                    .is_some_and(|flight| !flight.is_mined())
            })
            .count();
        let in_doubt = in_flight
            .iter()
            .any(|job| stage(&job.deployment) == Some(Stage::Signed));
        let room = self.policy.in_flight_max.saturating_sub(unmined);
        if in_doubt || queued.is_empty() || room == 0 {
            return Ok(());
        }
        let (facts, value_wei, balance, pending) = try_join4(
            self.chain.fee_facts(),
            self.chain.deployment_fee(),
            self.chain.balance(),
            self.chain.nonce_pending(),
        )
        .await?;
        // Nonces that the store gave out are never given out again. One that nodes know of and the store does not: data was lost, or a
        // stranger has our key.
        if pending > next_nonce {
            tracing::error!(
                pending,
                next_nonce,
                "nodes know of transactions of our account that are not in the records"
            );
            memory.settling = Some(Settling::default());
            return Ok(());
        }
        // Nothing lies between what nodes know of and what is held: what did is undone.
        let held = in_flight
            .iter()
            .filter_map(|job| super::nonce(&job.deployment));
        let expected = held.min().unwrap_or(next_nonce);
        self.restore(memory, pending..expected).await?;
        let fees = match fees::offer(facts, self.policy.fee_cap_wei) {
            Ok(fees) => fees,
            Err(above) => {
                tracing::warn!(error = %above, "deployments wait for gas to become cheaper");
                return Ok(());
            }
        };
        let committed = in_flight.iter().fold(U256::zero(), |sum, job| {
            sum.saturating_add(job.deployment.committed_wei())
        });
        let funds = balance.saturating_sub(committed);
        let prepared: Vec<(Stored, Result<Prepared, TurnError>)> =
            stream::iter(queued.into_iter().take(room))
                .map(async |job| {
                    let prepared = self.prepare(&job.deployment, value_wei).await;
                    (job, prepared)
                })
                .buffered(REQUESTS_MAX)
                .collect()
                .await;
        crash::at("after-preflight");
        let calls = self.sort_out(lease, memory, prepared, fees, funds).await?;
        self.sign_and_send(lease, memory, calls, fees, next_nonce)
            .await
    }

    /// Those that can go on, and those that are ended before anything is asked: too late, or their nonce lost to a stranger too often.
    fn without_ended(&self, queued: Vec<Stored>) -> (Vec<Stored>, Vec<(Stored, Option<Event>)>) {
        let deadline_ms = u64::try_from(self.policy.deadline.as_millis()).unwrap_or(u64::MAX);
        let mut ended = Vec::new();
        let mut rest = Vec::with_capacity(queued.len());
        for job in queued {
            let waited_ms = now_ms().saturating_sub(job.deployment.submitted_at_ms);
            let unsent = matches!(job.deployment.state, State::Queued);
            if unsent && waited_ms > deadline_ms {
                ended.push((job, Some(Event::Refused(Failure::Expired))));
            } else if unsent && job.deployment.displacements > REBINDS_MAX {
                let reason = ParkReason::NonceUsedByAnother;
                ended.push((job, Some(Event::Parked(reason))));
            } else {
                rest.push(job);
            }
        }
        (rest, ended)
    }

    /// Saves what is decided, and gives what can be paid.
    async fn sort_out(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        prepared: Vec<(Stored, Result<Prepared, TurnError>)>,
        fees: Fees,
        mut funds: U256,
    ) -> Result<Vec<(Stored, Call)>, TurnError> {
        let (mut calls, mut decided, mut failed, mut poor) = (Vec::new(), Vec::new(), None, false);
        for (job, prepared) in prepared {
            let id = job.deployment.id;
            match prepared {
                Ok(Prepared::Send(call)) => {
                    memory.unestimated.remove(&id);
                    let gas_wei = call.gas_limit.saturating_mul(fees.per_gas_wei_max());
                    let cost_wei_max = gas_wei.saturating_add(call.value_wei);
                    if poor || cost_wei_max > funds {
                        // In the order of acceptance: a cheaper one behind does not overtake.
                        poor = true;
                    } else {
                        funds = funds.saturating_sub(cost_wei_max);
                        calls.push((job, call));
                    }
                }
                Ok(Prepared::Decided(event)) => decided.push((job, Some(event))),
                Ok(Prepared::Later) => {}
                Ok(Prepared::NotEstimated) => {
                    let times = memory.unestimated.entry(id).or_insert(0);
                    *times = times.saturating_add(1);
                    if *times >= UNESTIMATED_MAX {
                        memory.unestimated.remove(&id);
                        let event = match &job.deployment.state {
                            State::Deployed { .. } => Event::Unregistered(
                                "no node would estimate the registration".into(),
                            ),
                            State::Queued
                            | State::InFlight(_)
                            | State::Failed { .. }
                            | State::Parked { .. } => Event::Parked(ParkReason::NotEstimated),
                        };
                        decided.push((job, Some(event)));
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        if poor {
            tracing::error!(account = ?self.chain.deployer(), balance_wei = %funds, "deployments wait: the account cannot pay");
        }
        self.save_all(lease, decided).await?;
        match failed {
            // Some could be asked about: they go on. The error comes again next turn if it stays.
            Some(error) if calls.is_empty() => Err(error),
            Some(_) | None => Ok(calls),
        }
    }

    async fn sign_and_send(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        calls: Vec<(Stored, Call)>,
        fees: Fees,
        first_nonce: u64,
    ) -> Result<(), TurnError> {
        if calls.is_empty() {
            return Ok(());
        }
        let signing = (first_nonce..)
            .zip(calls)
            .map(async |(nonce, (job, call))| {
                let Call {
                    purpose,
                    to,
                    value_wei,
                    gas_limit,
                    data,
                } = call;
                let unsigned = Unsigned {
                    chain_id: self.policy.chain_id,
                    nonce,
                    to,
                    value_wei,
                    gas_limit,
                    fees,
                    data,
                };
                let attempt = self.signed(unsigned, purpose).await?;
                let next = job
                    .deployment
                    .after(Event::Prepared(attempt), now_ms())
                    .map_err(crate::deployment::store::StoreError::from)?;
                Ok::<_, TurnError>((job, next))
            });
        let signed: Result<Vec<_>, TurnError> = join_all(signing).await.into_iter().collect();
        let signed = signed?;
        let before: Vec<Deployment> = signed
            .iter()
            .map(|(job, _)| job.deployment.clone())
            .collect();
        crash::at("before-save-signed");
        let bound = self.store.bind(lease, first_nonce, signed).await?;
        crash::at("after-save-signed");
        for (before, job) in before.iter().zip(&bound) {
            super::log(before, &job.deployment);
        }
        self.broadcast(lease, memory, bound).await?;
        Ok(())
    }
}
