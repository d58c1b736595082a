//! The confirming part of a turn: what receipts prove is saved, and what no node seems to know is sent again.

use super::{Memory, REBROADCAST, TurnError, Worker};
use crate::deployment::chain::agree::Sight;
use crate::deployment::chain::rpc::RpcError;
use crate::deployment::store::Stored;
use crate::deployment::transaction::{self, Ours, Sighting, block_of};
use crate::deployment::{Deployment, State};
use crate::shutdown::Shutdown;

impl Worker {
    /// Reads receipts once per new block and saves what they prove. Gives what is still in flight.
    pub(super) async fn confirm(
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
        let receipt = match self.sight_of(&job.deployment).await? {
            Sight::Here(receipt) => Some(receipt),
            Sight::Nowhere => None,
            Sight::Unclear => return Ok(job),
        };
        let block = receipt.as_ref().and_then(block_of);
        let at_height = match block {
            Some(block)
                if head.saturating_add(1)
                    >= block.number.saturating_add(self.policy.confirmations) =>
            {
                self.chain.headers(&[block.number]).await?.pop().flatten()
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

    /// What is known of whichever attempt is in a block; of none only if that is known of all.
    pub(super) async fn sight_of(&self, deployment: &Deployment) -> Result<Sight, RpcError> {
        let sights = self.chain.receipts(&deployment.attempts).await?;
        let unclear = sights.contains(&Sight::Unclear);
        let here = sights
            .into_iter()
            .find(|sight| matches!(sight, Sight::Here(_)));
        let otherwise = if unclear {
            Sight::Unclear
        } else {
            Sight::Nowhere
        };
        Ok(here.unwrap_or(otherwise))
    }
}
