//! After a reorganisation deeper than what was taken for final: the bytes that were undone are sent again.
//!
//! A final deployment stays final, and nothing new is ever signed for it. But its nonce must be used again, or nothing behind it can be mined.

use super::{Memory, REBROADCAST, TurnError, Worker};
use crate::deployment::chain::Sent;
use std::ops::Range;
use std::time::Instant;

impl Worker {
    /// Sends again what used these nonces, if there are any: they were spent, and the chain has them no more.
    pub(super) async fn restore(
        &self,
        memory: &mut Memory,
        missing: Range<u64>,
    ) -> Result<(), TurnError> {
        let recently = memory
            .restored_at
            .is_some_and(|at| at.elapsed() < REBROADCAST);
        if missing.is_empty() || recently {
            return Ok(());
        }
        memory.restored_at = Some(Instant::now());
        tracing::error!(
            ?missing,
            "the chain has lost transactions of ours that were final: a reorganisation deeper than CONFIRMATION_BLOCKS"
        );
        let mut found = 0;
        for deployment in self.store.spent(missing.clone()).await? {
            let undone = deployment
                .attempts
                .iter()
                .filter(|attempt| missing.contains(&attempt.transaction.nonce));
            for attempt in undone {
                found += 1;
                let (id, nonce) = (deployment.id, attempt.transaction.nonce);
                match self.chain.broadcast(&attempt.transaction.raw).await {
                    Sent::Accepted => {
                        tracing::error!(deployment = %id, nonce, "a final deployment was undone; its transaction is sent again");
                    }
                    outcome @ (Sent::NonceUsed | Sent::NotSent(_) | Sent::Unknown(_)) => {
                        tracing::warn!(deployment = %id, nonce, ?outcome, "a final deployment was undone; its transaction is not taken");
                    }
                }
            }
        }
        if found == 0 {
            tracing::error!(
                ?missing,
                "nothing is known of what used these nonces: an operator must spend them"
            );
        }
        Ok(())
    }
}
