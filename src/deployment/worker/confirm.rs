//! The confirming part of a turn: what receipts prove is saved, and what no node seems to know is sent again.
//!
//! One look at the head serves all. Receipts are asked only of what can be in a block: the account's nonce tells. What was mined is asked again when
//! its block is no longer the one at its height, and at depth.

use super::{Memory, REBROADCAST, TurnError, Worker, nonce, stage};
use crate::deployment::chain::agree::Sight;
use crate::deployment::chain::{H256, Header, rpc::RpcError};
use crate::deployment::store::{Lease, Stored};
use crate::deployment::verdict::{self, Ours, Sighting, block_of, is_deep};
use crate::deployment::{Block, Deployment, Stage};
use futures_util::future::{join_all, try_join};
use std::collections::{BTreeSet, HashMap};

/// The blocks now at some heights.
type Headers = HashMap<u64, Option<Header>>;

impl Worker {
    /// Reads receipts once per new block and saves what they prove. Gives what is still in flight.
    pub(super) async fn confirm(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        if jobs.is_empty() {
            return Ok(jobs);
        }
        let head = self.chain.head().await?;
        if memory.head != Some(head) {
            let jobs = self.look(lease, memory, jobs, head).await?;
            memory.head = Some(head);
            return self.send_again(lease, memory, jobs).await;
        }
        self.send_again(lease, memory, jobs).await
    }

    async fn look(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        jobs: Vec<Stored>,
        head: u64,
    ) -> Result<Vec<Stored>, TurnError> {
        // Read before the receipts: a nonce used this deep has had its receipt for several blocks, so its absence means something.
        let deep = head.saturating_sub(self.policy.confirmations);
        let (used_deep, used) =
            try_join(self.chain.nonce_at(deep), self.chain.nonce_latest()).await?;
        memory.used = used;
        let lowest = jobs.iter().filter_map(|job| nonce(&job.deployment)).min();
        if let Some(lowest) = lowest {
            self.restore(memory, used..lowest).await?;
        }
        let mut headers = Headers::new();
        let mined = jobs.iter().filter_map(|job| mined_in(&job.deployment));
        self.read_headers(&mut headers, mined.map(|block| block.number))
            .await?;
        let asked: Vec<H256> = jobs
            .iter()
            .flat_map(|job| {
                to_ask(
                    &job.deployment,
                    used,
                    head,
                    self.policy.confirmations,
                    &headers,
                )
            })
            .collect();
        let sights = self.chain.receipts(&asked).await?;
        let sights: HashMap<H256, Sight> = asked.iter().copied().zip(sights).collect();
        let found = sights.values().filter_map(|sight| match sight {
            Sight::Here(receipt) => block_of(receipt),
            Sight::Nowhere | Sight::Unclear => None,
        });
        let deep = found.filter(|block| is_deep(head, *block, self.policy.confirmations));
        self.read_headers(&mut headers, deep.map(|block| block.number))
            .await?;

        let mut sightings = Vec::with_capacity(jobs.len());
        for job in jobs {
            let asked = to_ask(
                &job.deployment,
                used,
                head,
                self.policy.confirmations,
                &headers,
            );
            let sight = together(asked.iter().filter_map(|hash| sights.get(hash)).cloned());
            let gone = sight == Sight::Nowhere && !asked.is_empty();
            // The block is there and nobody has a receipt for what is in it: they are behind, and that proves nothing.
            let contradicts = gone && is_in_place(&job.deployment, &headers);
            let proves = !asked.is_empty() && sight != Sight::Unclear && !contradicts;
            let receipt = match sight {
                Sight::Here(receipt) => Some(receipt),
                Sight::Nowhere | Sight::Unclear => None,
            };
            let id = job.deployment.id;
            let suspect = gone && nonce(&job.deployment).is_some_and(|nonce| nonce < used_deep);
            // The first look only raises the suspicion: another node may simply have been behind.
            let displaced = suspect && memory.suspects.get(&id).is_some_and(|at| *at < head);
            if suspect {
                memory.suspects.entry(id).or_insert(head);
            } else {
                memory.suspects.remove(&id);
            }
            let at_height = receipt
                .as_ref()
                .and_then(block_of)
                .and_then(|block| headers.get(&block.number).copied().flatten());
            let sighting = Sighting {
                head,
                receipt,
                at_height,
                displaced,
            };
            sightings.push((job, proves.then_some(sighting)));
        }
        let decided = sightings
            .into_iter()
            .map(|(job, sighting)| self.conclude(lease, job, sighting));
        let jobs: Result<Vec<Stored>, TurnError> = join_all(decided).await.into_iter().collect();
        let jobs = jobs?;
        let live: BTreeSet<H256> = jobs
            .iter()
            .flat_map(|job| job.deployment.competing())
            .map(|attempt| attempt.transaction.hash)
            .collect();
        memory.sent_at.retain(|hash, _| live.contains(hash));
        memory.refused.retain(|hash, _| live.contains(hash));
        Ok(jobs
            .into_iter()
            .filter(|job| job.deployment.state.flight().is_some())
            .collect())
    }

    /// Saves what follows from a sighting: at most three events, mined, mined in another block, its outcome.
    async fn conclude(
        &self,
        lease: &Lease,
        mut job: Stored,
        sighting: Option<Sighting>,
    ) -> Result<Stored, TurnError> {
        let Some(sighting) = sighting else {
            return Ok(job);
        };
        for _ in 0..3 {
            let decided = verdict::decide(
                &job.deployment,
                &sighting,
                self.policy.confirmations,
                self.ours(),
            );
            match decided {
                None => break,
                Some(event) => job = self.save(lease, job, event, false).await?,
            }
        }
        Ok(job)
    }

    /// Sends again what was sent long ago and is not in a block.
    async fn send_again(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        jobs: Vec<Stored>,
    ) -> Result<Vec<Stored>, TurnError> {
        let (forgotten, mut rest): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| {
            let sent_at = job
                .deployment
                .newest()
                .and_then(|attempt| memory.sent_at.get(&attempt.transaction.hash));
            stage(&job.deployment) == Some(Stage::Broadcast)
                && sent_at.is_none_or(|sent| sent.elapsed() >= REBROADCAST)
        });
        rest.extend(self.broadcast(lease, memory, forgotten).await?);
        rest.sort_by_key(|job| nonce(&job.deployment));
        Ok(rest)
    }

    async fn read_headers(
        &self,
        headers: &mut Headers,
        numbers: impl Iterator<Item = u64>,
    ) -> Result<(), RpcError> {
        let missing: BTreeSet<u64> = numbers
            .filter(|number| !headers.contains_key(number))
            .collect();
        let missing: Vec<u64> = missing.into_iter().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let read = self.chain.headers(&missing).await?;
        headers.extend(missing.into_iter().zip(read));
        Ok(())
    }

    pub(super) fn ours(&self) -> Ours {
        Ours {
            manager: self.chain.manager(),
            deployer: self.chain.deployer(),
        }
    }

    /// What is known of whichever attempt is in a block; of none only if that is known of all.
    pub(super) async fn sight_of(&self, deployment: &Deployment) -> Result<Sight, RpcError> {
        let attempts = deployment.attempts.iter();
        let hashes: Vec<H256> = attempts.map(|attempt| attempt.transaction.hash).collect();
        Ok(together(self.chain.receipts(&hashes).await?.into_iter()))
    }
}

/// What is known of several transactions of which at most one can be in a block: nowhere only if that is known of all.
fn together(sights: impl Iterator<Item = Sight>) -> Sight {
    sights.fold(Sight::Nowhere, |known, sight| match (known, sight) {
        (Sight::Here(receipt), _) | (_, Sight::Here(receipt)) => Sight::Here(receipt),
        (Sight::Unclear, _) | (_, Sight::Unclear) => Sight::Unclear,
        (Sight::Nowhere, Sight::Nowhere) => Sight::Nowhere,
    })
}

/// The transactions whose receipts have to be read: none when they can say nothing new.
fn to_ask(
    deployment: &Deployment,
    used: u64,
    head: u64,
    confirmations: u64,
    headers: &Headers,
) -> Vec<H256> {
    let competing = || {
        deployment
            .competing()
            .map(|attempt| attempt.transaction.hash)
            .collect()
    };
    match (stage(deployment), nonce(deployment)) {
        (Some(Stage::Signed | Stage::Broadcast), Some(nonce)) if nonce < used => competing(),
        (Some(Stage::Mined { block, hash }), _) => {
            if !is_in_place(deployment, headers) {
                competing()
            } else if is_deep(head, block, confirmations) {
                vec![hash]
            } else {
                Vec::new()
            }
        }
        (Some(Stage::Signed | Stage::Broadcast) | None, _) => Vec::new(),
    }
}

fn mined_in(deployment: &Deployment) -> Option<Block> {
    match stage(deployment)? {
        Stage::Mined { block, hash: _ } => Some(block),
        Stage::Signed | Stage::Broadcast => None,
    }
}

/// Whether the block it was mined in is the one at its height.
fn is_in_place(deployment: &Deployment, headers: &Headers) -> bool {
    mined_in(deployment).is_some_and(|block| {
        headers
            .get(&block.number)
            .copied()
            .flatten()
            .is_some_and(|header| header.hash == block.hash)
    })
}
