//! Deployments in Redis, and the lease that says who may change them.
//!
//! Takes records and events' results, gives records back. Every change is one Lua script, so it happens wholly or not at all; every change by
//! the worker carries the [`Lease`]'s fencing token, so that a replica that was paused past its lease cannot write over its
//! successor. It decides nothing about states. All keys share one hash tag, `{chain:account}`, hence one slot.
//!
//! | key | type | content | lives |
//! |---|---|---|---|
//! | `cd:{s}:job:<id>` | hash | `revision`, `record` (JSON) | 30 days after it is final |
//! | `cd:{s}:queue` | zset | ids by time of acceptance | |
//! | `cd:{s}:inflight` | zset | ids by nonce: the nonces that are held | |
//! | `cd:{s}:model:<model id>` | string | the model's live or deployed id | like its job; deleted when it fails |
//! | `cd:{s}:idem:<caller>:<sha256 of key>` | hash | `id`, `fingerprint` | 24 h |
//! | `cd:{s}:lease`, `cd:{s}:fence` | string, counter | the holder's token; the last token given out | 6 s; for ever |
//! | `cd:{s}:parked` | zset | ids whose record cannot be read | for ever |

pub mod connection;

use super::chain::checksummed;
use super::request::ModelId;
use super::{Address, Deployment, Illegal, State};
use connection::{Connection, Unavailable};
use redis::Script;
use sha2::{Digest, Sha256};
use std::time::Duration;
use uuid::Uuid;

/// How long a dead holder keeps the others waiting. Longer than one RPC request with one failover.
pub const LEASE: Duration = Duration::from_secs(6);
/// Beyond it a request is refused rather than left waiting for hours.
const QUEUE_MAX: usize = 10_000;
const IDEMPOTENCY_SECONDS: u64 = 24 * 60 * 60;
const RETENTION_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The deployments of one account on one chain.
#[derive(Clone)]
pub struct Store {
    connection: Connection,
    prefix: String,
    scripts: std::sync::Arc<Scripts>,
}

struct Scripts {
    submit: Script,
    lease: Script,
    release: Script,
    save: Script,
    park: Script,
}

/// The right to change deployments, valid while Redis says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(u64);

/// A record as read, and the revision a change of it must name.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The record.
    pub deployment: Deployment,
    revision: u64,
}

/// A client's `Idempotency-Key`, and what it was sent with.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The header's value.
    pub key: String,
    /// What identifies the body.
    pub fingerprint: String,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It is queued.
    New,
    /// The same request under the same idempotency key was accepted before, under this id.
    Existing(Uuid),
    /// The idempotency key was used with another body.
    Mismatch,
    /// The model has a token on chain.
    HasToken,
    /// The model has this live or deployed deployment.
    Busy(Uuid),
    /// Too many are waiting.
    Full,
}

/// How much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Without a nonce.
    pub queued: usize,
    /// With one.
    pub in_flight: usize,
    /// Unreadable records put aside.
    pub parked: usize,
}

/// What the worker has to look at.
#[derive(Debug)]
pub struct Work {
    /// With a nonce, lowest first.
    pub in_flight: Vec<Stored>,
    /// Without one, oldest first, at most as many as were asked for.
    pub queued: Vec<Stored>,
    /// Ids whose record is missing or unreadable.
    pub unreadable: Vec<Uuid>,
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis is away, or the outcome is unknown.
    #[error("the store did not answer")]
    Unavailable(#[from] Unavailable),
    /// Another replica holds the lease.
    #[error("the lease is lost")]
    LeaseLost,
    /// The record was changed since it was read.
    #[error("the record of {0} has changed")]
    Stale(Uuid),
    /// Another deployment holds this nonce.
    #[error("nonce {0} is held by another deployment")]
    NonceTaken(u64),
    /// A record that this version does not understand.
    #[error("the record of {id} cannot be read")]
    Unreadable {
        /// Which one.
        id: Uuid,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A script gave an answer it cannot give.
    #[error("the store answered out of turn")]
    Confused,
    /// The event cannot happen in this state.
    #[error("a decision does not fit")]
    Illegal(#[from] Illegal),
}

impl Store {
    /// The deployments of `account` on `chain_id`.
    pub fn new(connection: Connection, chain_id: u64, account: Address) -> Self {
        let scripts = Scripts {
            submit: Script::new(include_str!("store/submit.lua")),
            lease: Script::new(include_str!("store/lease.lua")),
            release: Script::new(include_str!("store/release.lua")),
            save: Script::new(include_str!("store/save.lua")),
            park: Script::new(include_str!("store/park.lua")),
        };
        let prefix = format!("cd:{{{chain_id}:{}}}", checksummed(account));
        Self {
            connection,
            prefix,
            scripts: scripts.into(),
        }
    }

    /// Queues a new deployment unless its model is busy, its idempotency key is known or too many are waiting: decided and done in one script.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may or may not be queued.
    pub async fn submit(
        &self,
        deployment: &Deployment,
        idempotency: Option<&Idempotency>,
        has_token: bool,
    ) -> Result<Submitted, StoreError> {
        let id = deployment.id;
        let record = serde_json::to_string(deployment)
            .map_err(|source| StoreError::Unreadable { id, source })?;
        let (key, fingerprint, seconds) = match idempotency {
            Some(Idempotency { key, fingerprint }) => (
                hex::encode(Sha256::digest(key)),
                fingerprint.as_str(),
                IDEMPOTENCY_SECONDS,
            ),
            None => (String::new(), "", 0),
        };
        let (answer, known): (String, String) = self
            .connection
            .run(
                self.scripts
                    .submit
                    .key(self.job(id))
                    .key(self.key("queue"))
                    .key(self.model(&deployment.request.model_id))
                    .key(self.key(&format!("idem:{}:{key}", deployment.caller)))
                    .arg(id.to_string())
                    .arg(record)
                    .arg(deployment.submitted_at_ms)
                    .arg(fingerprint)
                    .arg(u8::from(has_token))
                    .arg(QUEUE_MAX)
                    .arg(seconds),
            )
            .await?;
        let known = || Uuid::parse_str(&known).map_err(|_| StoreError::Confused);
        match answer.as_str() {
            "new" => Ok(Submitted::New),
            "existing" => Ok(Submitted::Existing(known()?)),
            "mismatch" => Ok(Submitted::Mismatch),
            "token" => Ok(Submitted::HasToken),
            "busy" => Ok(Submitted::Busy(known()?)),
            "full" => Ok(Submitted::Full),
            _ => Err(StoreError::Confused),
        }
    }

    /// One deployment, `None` if it is unknown or forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Unreadable`].
    pub async fn read(&self, id: Uuid) -> Result<Option<Deployment>, StoreError> {
        let mut records = self.records(&[id]).await?;
        match records.pop() {
            Some((_, Some((revision, record)))) => {
                stored(id, revision, &record).map(|stored| Some(stored.deployment))
            }
            Some((_, None)) | None => Ok(None),
        }
    }

    /// Takes the lease if it is free, prolongs it if it is `held`; `None` if another replica has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn lease(&self, held: Option<Lease>) -> Result<Option<Lease>, StoreError> {
        let held = held.map_or(0, |lease| lease.0);
        let milliseconds = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        let script = &self.scripts.lease;
        let token: u64 = self
            .connection
            .run(
                script
                    .key(self.key("lease"))
                    .key(self.key("fence"))
                    .arg(held)
                    .arg(milliseconds),
            )
            .await?;
        Ok((token > 0).then_some(Lease(token)))
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it then ends by itself.
    pub async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let script = &self.scripts.release;
        let _: u64 = self
            .connection
            .run(script.key(self.key("lease")).arg(lease.0))
            .await?;
        Ok(())
    }

    /// Stores `deployment` in the place of what was read as `stored`, and moves it to where its state belongs.
    ///
    /// # Errors
    /// [`StoreError`]; after `Unavailable` it may be stored, and the record must be read again.
    pub async fn save(
        &self,
        lease: Lease,
        stored: &Stored,
        deployment: Deployment,
    ) -> Result<Stored, StoreError> {
        let id = deployment.id;
        let record = serde_json::to_string(&deployment)
            .map_err(|source| StoreError::Unreadable { id, source })?;
        let nonce = deployment
            .state
            .in_flight()
            .map(|transaction| transaction.nonce);
        let place = match &deployment.state {
            State::Queued => "queue",
            State::Signed { .. } | State::Broadcast { .. } | State::Mined { .. } => "inflight",
            State::Deployed { .. } => "deployed",
            State::Failed { .. } => "failed",
        };
        let answer: String = self
            .connection
            .run(
                self.scripts
                    .save
                    .key(self.key("lease"))
                    .key(self.job(id))
                    .key(self.key("queue"))
                    .key(self.key("inflight"))
                    .key(self.model(&deployment.request.model_id))
                    .arg(lease.0)
                    .arg(id.to_string())
                    .arg(stored.revision)
                    .arg(record)
                    .arg(place)
                    .arg(nonce.unwrap_or(deployment.submitted_at_ms))
                    .arg(RETENTION_SECONDS),
            )
            .await?;
        match answer.as_str() {
            "saved" => Ok(Stored {
                deployment,
                revision: stored.revision + 1,
            }),
            "lease_lost" => Err(StoreError::LeaseLost),
            "stale" => Err(StoreError::Stale(id)),
            "nonce_taken" => Err(StoreError::NonceTaken(nonce.unwrap_or_default())),
            _ => Err(StoreError::Confused),
        }
    }

    /// Puts an unreadable record aside.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park(&self, lease: Lease, id: Uuid, now_ms: u64) -> Result<(), StoreError> {
        let mut script = self.scripts.park.key(self.key("lease"));
        script
            .key(self.key("queue"))
            .key(self.key("inflight"))
            .key(self.key("parked"));
        let answer: String = self
            .connection
            .run(script.arg(lease.0).arg(id.to_string()).arg(now_ms))
            .await?;
        if answer == "saved" {
            Ok(())
        } else {
            Err(StoreError::LeaseLost)
        }
    }

    /// Everything in flight, and the oldest `queued_max` of the queue.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn work(&self, queued_max: usize) -> Result<Work, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.zrange(self.key("inflight"), 0, -1);
        pipeline.zrange(
            self.key("queue"),
            0,
            isize::try_from(queued_max).unwrap_or(isize::MAX) - 1,
        );
        let (in_flight, queued): (Vec<String>, Vec<String>) =
            self.connection.pipeline(&pipeline).await?;
        let ids = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| Uuid::parse_str(name).ok())
                .collect::<Vec<_>>()
        };
        let mut work = Work {
            in_flight: Vec::new(),
            queued: Vec::new(),
            unreadable: Vec::new(),
        };
        for (names, readable) in [(in_flight, &mut work.in_flight), (queued, &mut work.queued)] {
            for (id, record) in self.records(&ids(&names)).await? {
                match record.and_then(|(revision, record)| stored(id, revision, &record).ok()) {
                    Some(stored) => readable.push(stored),
                    None => work.unreadable.push(id),
                }
            }
        }
        Ok(work)
    }

    /// How much is waiting.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn depth(&self) -> Result<Depth, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline
            .zcard(self.key("queue"))
            .zcard(self.key("inflight"))
            .zcard(self.key("parked"));
        let (queued, in_flight, parked) = self.connection.pipeline(&pipeline).await?;
        Ok(Depth {
            queued,
            in_flight,
            parked,
        })
    }

    async fn records(
        &self,
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Option<(u64, String)>)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for id in ids {
            pipeline
                .cmd("HMGET")
                .arg(self.job(*id))
                .arg("revision")
                .arg("record");
        }
        let records: Vec<(Option<u64>, Option<String>)> =
            self.connection.pipeline(&pipeline).await?;
        Ok(ids
            .iter()
            .zip(records)
            .map(|(id, (revision, record))| (*id, revision.zip(record)))
            .collect())
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    fn job(&self, id: Uuid) -> String {
        self.key(&format!("job:{id}"))
    }

    fn model(&self, model: &ModelId) -> String {
        self.key(&format!("model:{}", model.as_str()))
    }
}

fn stored(id: Uuid, revision: u64, record: &str) -> Result<Stored, StoreError> {
    let unreadable = |source| StoreError::Unreadable { id, source };
    let deployment: Deployment = serde_json::from_str(record).map_err(unreadable)?;
    if deployment.id != id {
        return Err(unreadable(serde::de::Error::custom(
            "it carries another id",
        )));
    }
    Ok(Stored {
        deployment,
        revision,
    })
}
