//! The sending part of a turn: what is queued gets its nonce, is signed, saved and broadcast, in this order.

use super::{Memory, QUEUED_SECONDS_MAX, TurnError, UNMINED_MAX, Worker, now_ms};
use crate::deployment::chain::agree::Sight;
use crate::deployment::chain::{Estimate, U256, rpc::RpcError};
use crate::deployment::fees::{self, Fees};
use crate::deployment::store::Stored;
use crate::deployment::transaction::{self, Ours, Unsigned, block_of};
use crate::deployment::{Address, Deployment, Event, Failure, State};
use crate::shutdown::Shutdown;
use crate::telemetry::chain as print_chain;

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
    /// Takes nonces for queued deployments, signs, saves and sends, while nothing saved is in doubt.
    pub(super) async fn send(
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
        let fees = match fees::offer(self.chain.fee_facts().await?, self.policy.fee_cap_wei) {
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
                    let signed = self
                        .signer
                        .sign(Unsigned {
                            chain_id,
                            nonce,
                            to,
                            value_wei,
                            gas_limit,
                            fees,
                            data,
                        })
                        .await?;
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
        let economics = &self.policy.economics;
        let data = self
            .chain
            .deploy_call(request, allocations, economics)
            .await?;
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
            .saturating_mul(fees.per_gas_wei_max())
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
        token: Address,
    ) -> Result<Prepared, TurnError> {
        let receipt = match self.sight_of(deployment).await? {
            Sight::Here(receipt) => receipt,
            Sight::Nowhere => {
                return Ok(Prepared::Decided(Event::Refused(Failure::ModelTaken {
                    token,
                })));
            }
            Sight::Unclear => return Ok(Prepared::Later),
        };
        let Some(block) = block_of(&receipt) else {
            return Ok(Prepared::Later);
        };
        let head = self.chain.head().await?;
        let mut headers = self.chain.headers(&[block.number]).await?;
        let header = headers.pop().flatten();
        let header = header.filter(|header| header.hash == block.hash);
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
}
