//! What is known of a queued deployment before anything is paid for it: whether its model has a token and whose, what the call is and what gas it takes.

use super::{TurnError, Worker};
use crate::deployment::chain::agree::Sight;
use crate::deployment::chain::registry::Registrable;
use crate::deployment::chain::{Address, Estimate, H256, ProofError, U256, abi, rpc::RpcError};
use crate::deployment::transaction;
use crate::deployment::verdict::{self, block_of, is_deep};
use crate::deployment::{Deployment, Event, Failure, Purpose, Registration, State};
use crate::telemetry::chain as print_chain;

/// What is to be done with one queued deployment.
#[derive(Debug)]
pub(super) enum Prepared {
    Send(Call),
    Decided(Event),
    /// Not now, but others may go.
    Later,
    /// A node refuses to estimate it and does not say why.
    NotEstimated,
}

/// A transaction but for its nonce.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) purpose: Purpose,
    pub(super) to: Address,
    pub(super) value_wei: U256,
    pub(super) gas_limit: U256,
    pub(super) data: Vec<u8>,
}

impl Worker {
    /// Everything that can be known before paying.
    pub(super) async fn prepare(
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
