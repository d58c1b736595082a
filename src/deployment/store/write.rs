//! What the holder of the lease writes, and the lease itself.
//!
//! Every script compares the fencing token first. After an unknown outcome the record is read back: what is there at the next revision, and is
//! ours, was saved.

use super::{Lease, RETENTION_SECONDS, Store, StoreError, Stored, print};
use crate::deployment::chain::H256;
use crate::deployment::{Deployment, Registration, State};
use uuid::Uuid;

/// Tokens written down per script, so that no script holds Redis up.
const KNOWN_PER_SCRIPT: usize = 200;

/// Nonces whose records are found again after a reorganisation deeper than the depth that was taken for final.
const SPENT_MAX: usize = 1_000;

/// The nonce that was held before and is not any more, because a transaction of ours used it.
fn spent_by(before: &Deployment, after: &Deployment) -> Option<u64> {
    let nonce = |deployment: &Deployment| deployment.state.flight().map(|flight| flight.nonce);
    let lost = before.displacements != after.displacements;
    nonce(before).filter(|_| nonce(after).is_none() && !lost)
}

/// In which list a state is looked for.
fn place(state: &State) -> &'static str {
    match state {
        State::Queued => "queue",
        State::InFlight(_) => "inflight",
        State::Parked { reason: _ } => "parked",
        State::Failed { failure: _ } => "failed",
        State::Deployed {
            token: _,
            registration,
        } => match registration {
            Registration::Wanted => "queue",
            Registration::InFlight(_) => "inflight",
            Registration::Done {
                transaction_hash: _,
            }
            | Registration::Not { reason: _ } => "deployed",
        },
    }
}

impl Store {
    /// Takes the lease if it is free, prolongs it if it is `held`; `None` if another replica has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn lease(&self, held: Option<&Lease>) -> Result<Option<Lease>, StoreError> {
        self.take(&self.key("lease"), held, true).await
    }

    /// Prolongs the lease, and never takes a new one: whatever was read under the old one may be outdated.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew(&self, held: &Lease) -> Result<(), StoreError> {
        let name = self.key("lease");
        let lease = self.take(&name, Some(held), false).await?;
        lease.map(|_| ()).ok_or(StoreError::LeaseLost)
    }

    pub(super) async fn take(
        &self,
        name: &str,
        held: Option<&Lease>,
        may_take: bool,
    ) -> Result<Option<Lease>, StoreError> {
        let milliseconds = u64::try_from(self.lease_ttl.as_millis()).unwrap_or(u64::MAX);
        let mut script = self.scripts.lease.key(name);
        script
            .key(self.key("fence"))
            .key(self.key("epoch"))
            .arg(held.map_or("", |lease| &lease.token))
            .arg(milliseconds)
            .arg(u8::from(may_take));
        let (token, epoch): (String, String) = self.connection.run(&script).await?;
        Ok((!token.is_empty()).then(|| Lease {
            token,
            epoch: Some(epoch).filter(|epoch| !epoch.is_empty()),
        }))
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it then ends by itself.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.give_back(&self.key("lease"), lease).await
    }

    pub(super) async fn give_back(&self, name: &str, lease: &Lease) -> Result<(), StoreError> {
        let mut script = self.scripts.release.key(name);
        let _: u64 = self.connection.run(script.arg(&lease.token)).await?;
        Ok(())
    }

    /// Stores `jobs`, each with the next nonce from `first_nonce` on: all or none.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` they may be stored, and everything must be read again.
    pub async fn bind(
        &self,
        lease: &Lease,
        first_nonce: u64,
        jobs: Vec<(Stored, Deployment)>,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut script = self.scripts.bind.key(self.key("lease"));
        for name in ["epoch", "next", "queue", "inflight", "changed"] {
            script.key(self.key(name));
        }
        script
            .arg(&lease.token)
            .arg(lease.epoch.as_deref().unwrap_or_default())
            .arg(first_nonce);
        let mut bound = Vec::with_capacity(jobs.len());
        for (stored, deployment) in jobs {
            let id = deployment.id;
            let record = print(&deployment)?;
            let revision = stored.revision + 1;
            script
                .key(self.job(id))
                .arg(id.to_string())
                .arg(stored.revision)
                .arg(&record)
                .arg(self.seal.of(&self.prefix, id, revision, &record));
            self.mark(&mut script, &deployment, stored.deployment.last_change());
            bound.push(Stored {
                deployment,
                revision,
            });
        }
        let answer: String = match self.connection.run(&script).await {
            Ok(answer) => answer,
            Err(error) => {
                // All or none: one of them tells of all.
                return match bound.first() {
                    Some(first) if self.has(first).await => Ok(bound),
                    Some(_) | None => Err(error.into()),
                };
            }
        };
        let id = bound.first().map_or(Uuid::nil(), |job| job.deployment.id);
        match answer.as_str() {
            "saved" => Ok(bound),
            "lease_lost" => Err(StoreError::LeaseLost),
            "unsettled" => Err(StoreError::Unsettled),
            "nonce_taken" => Err(StoreError::NonceTaken(first_nonce)),
            "stale" => Err(StoreError::Stale(id)),
            _ => Err(StoreError::Confused),
        }
    }

    /// Stores `deployment` in the place of what was read as `stored`, and moves it to where its state belongs. `answers_wish` says that what was
    /// wished of it is done with.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may be stored, and the record must be read again.
    pub async fn save(
        &self,
        lease: &Lease,
        stored: &Stored,
        deployment: Deployment,
        answers_wish: bool,
    ) -> Result<Stored, StoreError> {
        let id = deployment.id;
        let record = print(&deployment)?;
        let revision = stored.revision + 1;
        let score = match deployment.state.flight() {
            Some(flight) => flight.nonce,
            None => deployment.submitted_at_ms,
        };
        let spent = spent_by(&stored.deployment, &deployment);
        let mut script = self.scripts.save.key(self.key("lease"));
        script
            .key(self.job(id))
            .key(self.key("queue"))
            .key(self.key("inflight"))
            .key(self.key("parked"))
            .key(self.model(&deployment.request.model_id))
            .key(self.key("wishes"))
            .key(self.key("spent"))
            .key(self.key("changed"))
            .arg(&lease.token)
            .arg(id.to_string())
            .arg(stored.revision)
            .arg(&record)
            .arg(self.seal.of(&self.prefix, id, revision, &record))
            .arg(place(&deployment.state))
            .arg(score)
            .arg(RETENTION_SECONDS)
            .arg(u8::from(answers_wish))
            .arg(spent.map(|nonce| nonce.to_string()).unwrap_or_default())
            .arg(SPENT_MAX);
        self.mark(&mut script, &deployment, stored.deployment.last_change());
        let answer: Result<String, _> = self.connection.run(&script).await;
        let saved = Stored {
            deployment,
            revision,
        };
        match answer.as_deref() {
            Ok("saved") => Ok(saved),
            Ok("lease_lost") => Err(StoreError::LeaseLost),
            Ok("stale") => Err(StoreError::Stale(id)),
            Ok(_) => Err(StoreError::Confused),
            Err(_) if self.has(&saved).await => Ok(saved),
            Err(_) => answer.map(|_| saved).map_err(StoreError::from),
        }
    }

    /// Puts a record that cannot be used aside, or with `forget` out of all lists.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park(
        &self,
        lease: &Lease,
        id: Uuid,
        now_ms: u64,
        forget: bool,
    ) -> Result<(), StoreError> {
        let mut script = self.scripts.park.key(self.key("lease"));
        for name in ["queue", "inflight", "parked", "wishes"] {
            script.key(self.key(name));
        }
        script
            .arg(&lease.token)
            .arg(id.to_string())
            .arg(if forget { 0 } else { now_ms });
        self.answered(self.connection.run(&script).await?)
    }

    /// Writes down what the chain says after a loss: the models whose token we made and the next nonce. From then on nonces are given out again.
    ///
    /// # Errors
    /// [`StoreError`]; it can be done again.
    pub async fn settle(
        &self,
        lease: &Lease,
        next_nonce: u64,
        known: &[H256],
    ) -> Result<(), StoreError> {
        let epoch = lease.epoch.clone().unwrap_or(Uuid::new_v4().to_string());
        for some in known.chunks(KNOWN_PER_SCRIPT) {
            self.settle_part(lease, "", next_nonce, some).await?;
        }
        self.settle_part(lease, &epoch, next_nonce, &[]).await
    }

    async fn settle_part(
        &self,
        lease: &Lease,
        epoch: &str,
        next_nonce: u64,
        known: &[H256],
    ) -> Result<(), StoreError> {
        let mut script = self.scripts.settle.key(self.key("lease"));
        for name in ["epoch", "next", "known"] {
            script.key(self.key(name));
        }
        script
            .arg(&lease.token)
            .arg(epoch)
            .arg(next_nonce)
            .arg(RETENTION_SECONDS);
        for model in known {
            script.arg(format!("{model:?}"));
        }
        self.answered(self.connection.run(&script).await?)
    }

    /// Whether exactly this is stored.
    async fn has(&self, expected: &Stored) -> bool {
        let found = self.read_stored(expected.deployment.id).await;
        found.is_ok_and(|found| found.as_ref() == Some(expected))
    }

    pub(super) fn answered(&self, answer: String) -> Result<(), StoreError> {
        match answer.as_str() {
            "saved" => Ok(()),
            "lease_lost" => Err(StoreError::LeaseLost),
            _ => Err(StoreError::Confused),
        }
    }
}
