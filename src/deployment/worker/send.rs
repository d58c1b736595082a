//! The sending part of a turn: what is queued is looked at, gets its nonce, is signed, saved and broadcast, in this order and many at once.

use super::settle::Settling;
use super::{Memory, REQUESTS_MAX, TurnError, Worker, now_ms, stage};
use crate::crash;
use crate::deployment::chain::abi;
use crate::deployment::chain::agree::Sight;
use crate::deployment::chain::registry::Registrable;
use crate::deployment::chain::{Address, Estimate, H256, ProofError, U256, rpc::RpcError};
use crate::deployment::fees::{self, Fees};
use crate::deployment::store::{Lease, Stored};
use crate::deployment::transaction::{self, Unsigned};
use crate::deployment::verdict::{self, block_of, is_deep};
use crate::deployment::{
    Deployment, Event, Failure, ParkReason, Purpose, REBINDS_MAX, Registration, Stage, State,
};
use crate::telemetry::chain as print_chain;
use futures_util::future::{join_all, try_join4};
use futures_util::stream::{self, StreamExt as _};

/// How often a node may refuse to estimate a deployment, for no reason that is known, before it is put aside.
const UNESTIMATED_MAX: u32 = 10;

/// What is to be done with one queued deployment.
#[derive(Debug)]
enum Prepared {
    Send(Call),
    Decided(Event),
    /// Not now, but others may go.
    Later,
    /// A node refuses to estimate it and does not say why.
    NotEstimated,
}

/// A transaction but for its nonce.
#[derive(Debug)]
struct Call {
    purpose: Purpose,
    to: Address,
    value_wei: U256,
    gas_limit: U256,
    data: Vec<u8>,
}

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

    /// Everything that can be known before paying.
    async fn prepare(
        &self,
        deployment: &Deployment,
        value_wei: U256,
    ) -> Result<Prepared, TurnError> {
        let request = &deployment.request;
        match &deployment.state {
            State::Queued => {}
            State::Deployed {
                token,
                registration: Registration::Wanted,
            } => return self.prepare_registration(deployment, token.address).await,
            State::InFlight(_)
            | State::Deployed { .. }
            | State::Failed { .. }
            | State::Parked { .. } => return Ok(Prepared::Later),
        }
        if let Some(token) = self.chain.token_of(&request.model_id).await? {
            return self.settle_taken(deployment, token).await;
        }
        let Some(data) = self.deploy_call(deployment).await? else {
            return Ok(Prepared::Decided(Event::Refused(Failure::OutsidePolicy)));
        };
        let to = self.chain.manager();
        Ok(
            match self.estimate(deployment, to, &data, value_wei).await? {
                Ok(gas_limit) => Prepared::Send(Call {
                    purpose: Purpose::Deploy,
                    to,
                    value_wei,
                    gas_limit,
                    data,
                }),
                Err(Some(_)) => Prepared::Decided(Event::Refused(Failure::WouldRevert)),
                Err(None) => Prepared::NotEstimated,
            },
        )
    }

    async fn prepare_registration(
        &self,
        deployment: &Deployment,
        token: Address,
    ) -> Result<Prepared, TurnError> {
        let (model, metric) = (&deployment.request.model_id, &self.policy.registry_metric);
        let data = match self.chain.registrable(model, token, metric).await? {
            Registrable::Done => return Ok(Prepared::Decided(Event::Registered(None))),
            Registrable::No(reason) => {
                return Ok(Prepared::Decided(Event::Unregistered(reason.into())));
            }
            Registrable::Call(data) => data,
        };
        let (to, value_wei) = (self.chain.registry(), U256::zero());
        Ok(
            match self.estimate(deployment, to, &data, value_wei).await? {
                Ok(gas_limit) => Prepared::Send(Call {
                    purpose: Purpose::Register,
                    to,
                    value_wei,
                    gas_limit,
                    data,
                }),
                Err(Some(_)) => {
                    let reason = "the ModelRegistry would refuse it".into();
                    Prepared::Decided(Event::Unregistered(reason))
                }
                Err(None) => Prepared::NotEstimated,
            },
        )
    }

    /// The gas limit; `Err` with the contract's words when it would refuse, without when no node says.
    async fn estimate(
        &self,
        deployment: &Deployment,
        to: Address,
        data: &[u8],
        value_wei: U256,
    ) -> Result<Result<U256, Option<String>>, TurnError> {
        match self.chain.estimate(to, data, value_wei).await {
            Ok(Estimate::Gas(gas)) => Ok(Ok(transaction::gas_limit(gas))),
            // What it costs is then not known: the protocol's limit is more than enough, and what is there is too little anyway.
            Ok(Estimate::InsufficientFunds) => Ok(Ok(transaction::gas_limit(U256::MAX))),
            Ok(Estimate::Reverts(reason)) => {
                tracing::warn!(deployment = %deployment.id, reason, "the contract would refuse the call");
                Ok(Err(Some(reason)))
            }
            // A node that refuses to estimate this one says nothing about the others.
            Err(error @ RpcError::Refused { .. }) => {
                tracing::warn!(deployment = %deployment.id, error = print_chain(&error), "not estimated");
                Ok(Err(None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `None` when the configured limits no longer allow the supply.
    async fn deploy_call(&self, deployment: &Deployment) -> Result<Option<Vec<u8>>, ProofError> {
        let (request, economics) = (&deployment.request, &self.policy.economics);
        let Ok(allocations) = economics.allocations(request.supply_wei) else {
            return Ok(None);
        };
        let call = self.chain.deploy_call(request, allocations, economics);
        call.await.map(Some)
    }

    /// A queued deployment whose model has a token: ours if one of its transactions made it (one that was thought displaced, or one that was
    /// signed before the records were lost), else a stranger's.
    async fn settle_taken(
        &self,
        deployment: &Deployment,
        token: Address,
    ) -> Result<Prepared, TurnError> {
        let sight = match self.sight_of(deployment).await? {
            Sight::Nowhere => match self.made_by(deployment).await? {
                Maker::Us(hash) => self.chain.receipts(&[hash]).await?.pop(),
                // It was ours to make, and no node says who did: they may be behind.
                Maker::Unknown if !deployment.attempts.is_empty() => None,
                Maker::Unknown | Maker::Another => {
                    let failure = Failure::ModelTaken { token };
                    return Ok(Prepared::Decided(Event::Refused(failure)));
                }
            },
            sight @ (Sight::Here(_) | Sight::Unclear) => Some(sight),
        };
        let Some(Sight::Here(receipt)) = sight else {
            return Ok(Prepared::Later);
        };
        let Some(block) = block_of(&receipt) else {
            return Ok(Prepared::Later);
        };
        let head = self.chain.head().await?;
        let header = self.chain.headers(&[block.number]).await?.pop().flatten();
        let in_place = header.filter(|header| {
            header.hash == block.hash && is_deep(head, block, self.policy.confirmations)
        });
        Ok(match in_place {
            Some(header) => {
                let model = &deployment.request.model_id;
                let event = verdict::outcome(&receipt, block, header, model, self.ours());
                Prepared::Decided(event)
            }
            None => Prepared::Later,
        })
    }

    /// Who made the model's token, when none of the attempts in the record did. We, if it was the very call that this request asks for: its
    /// record was lost.
    async fn made_by(&self, deployment: &Deployment) -> Result<Maker, TurnError> {
        let model = abi::model_topic(&deployment.request.model_id);
        let made = self.tokens_made(Some(model)).await?;
        // The contract makes one per model.
        let Some(made) = made.first() else {
            return Ok(Maker::Unknown);
        };
        let hash = made.transaction_hash;
        let attempts = &mut deployment.attempts.iter();
        if attempts.any(|attempt| attempt.transaction.hash == hash) {
            return Ok(Maker::Us(hash));
        }
        if made.deployer != self.chain.deployer() {
            return Ok(Maker::Another);
        }
        let Some(input) = self.chain.input_of(hash).await? else {
            return Ok(Maker::Unknown);
        };
        let call = self.deploy_call(deployment).await?.map(hex::encode);
        Ok(if call.as_deref() == Some(input.trim_start_matches("0x")) {
            Maker::Us(hash)
        } else {
            Maker::Another
        })
    }
}

/// Who made a token.
enum Maker {
    /// This transaction of ours, by the call that is asked for.
    Us(H256),
    /// Another account, or we for another request.
    Another,
    /// No log of the last blocks tells.
    Unknown,
}
