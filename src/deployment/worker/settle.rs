//! After a loss of data: nothing is signed until the chain has said what was done.
//!
//! Data was lost when the epoch is missing (everything: FLUSHALL, an empty Redis), or when nodes know of a nonce that the store never gave out
//! (the tail: a failover of Redis; or a stranger with our key, which looks the same). What may have been sent is waited for: every nonce that
//! nodes know of must be in a block, or be held by a record, at two looks. Then the tokens that we made are read from the chain's logs, so that a
//! client that asks again learns of its token. A model that has one is never deployed again in any case: the contract is asked before every
//! signature, and refuses.

use super::{Memory, TurnError, Worker, nonce};
use crate::crash;
use crate::deployment::chain::{H256, logs::Made, rpc::RpcError};
use crate::deployment::store::{Lease, Stored};
use crate::telemetry::chain as print_chain;
use futures_util::future::try_join;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Between the two looks: a transaction on its way to a node has arrived by then.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
/// Blocks per request for logs; halved as often as a node finds it too much.
const LOGS_BLOCKS: u64 = 2_000;
/// Fewer blocks per request than this would take for ever.
const LOGS_BLOCKS_MIN: u64 = 8;

/// How far the looks have come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settling {
    /// When nothing unknown was first seen to be under way.
    quiet_since: Option<Instant>,
}

impl Worker {
    /// Looks, and when it has looked twice in vain for something unknown, writes down what the chain says.
    pub(super) async fn settle(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        in_flight: &[Stored],
        next_nonce: u64,
    ) -> Result<(), TurnError> {
        let (latest, pending) =
            try_join(self.chain.nonce_latest(), self.chain.nonce_pending()).await?;
        let held: BTreeSet<u64> = in_flight
            .iter()
            .filter_map(|job| nonce(&job.deployment))
            .collect();
        let unknown = (latest..pending).find(|nonce| !held.contains(nonce));
        let settling = memory.settling.get_or_insert_default();
        if let Some(nonce) = unknown {
            tracing::warn!(
                nonce,
                latest,
                pending,
                "nothing is signed: a transaction that is not in the records may still be mined"
            );
            settling.quiet_since = None;
            return Ok(());
        }
        let since = *settling.quiet_since.get_or_insert_with(Instant::now);
        if since.elapsed() < SETTLE_PAUSE {
            return Ok(());
        }
        let made = self.tokens_made(None).await?;
        let known: Vec<H256> = made.iter().map(|made| made.model).collect();
        crash::at("before-settle");
        let next_nonce = next_nonce.max(pending);
        self.store.settle(lease, next_nonce, &known).await?;
        crash::at("after-settle");
        tracing::info!(
            next_nonce,
            tokens = known.len(),
            "the records agree with the chain"
        );
        memory.settling = None;
        Ok(())
    }

    /// The tokens of the last blocks: of one model by anybody, or of all models by our account. A node that gives no logs costs the recognition of them, not safety.
    pub(super) async fn tokens_made(&self, model: Option<H256>) -> Result<Vec<Made>, RpcError> {
        let head = self.chain.head().await?;
        let mut from = head.saturating_sub(self.policy.lookback_blocks);
        let mut blocks = LOGS_BLOCKS;
        let mut made = Vec::new();
        while from <= head {
            let to = from.saturating_add(blocks - 1).min(head);
            match self.chain.tokens_made(from, to, model).await {
                Ok(some) => {
                    made.extend(some);
                    from = to + 1;
                }
                Err(RpcError::Refused { .. }) if blocks > LOGS_BLOCKS_MIN => blocks /= 2,
                Err(error @ RpcError::Refused { .. }) => {
                    tracing::error!(
                        error = print_chain(&error),
                        from,
                        "tokens made before a loss of data are not recognised: no node gives their logs"
                    );
                    return Ok(made);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }
}
