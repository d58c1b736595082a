//! Deployments in Redis: what is accepted and what is wished. What is read is in `read`, what the holder of the lease writes in `write`.
//!
//! Takes records and events' results, gives records back. Every change is one Lua script, so it happens wholly or not at all; every change by
//! the worker carries the [`Lease`]'s fencing token and the revision that was read, so that a replica that was paused past its lease cannot
//! write over its successor. Records carry a [`Seal`]. There is no WATCH, no read from a replica and no second store. It decides nothing about
//! states. All keys share one hash tag, `{chain:account}`, hence one slot.
//!
//! | key | type | content | lives |
//! |---|---|---|---|
//! | `cd:{s}:job:<id>` | hash | `revision`, `record` (JSON), `mac`, `fingerprint` of the request's body | 30 days after it is final |
//! | `cd:{s}:queue` | zset | ids by time of acceptance: what waits for a nonce | |
//! | `cd:{s}:inflight` | zset | ids by nonce: the nonces that are held | |
//! | `cd:{s}:parked` | zset | ids put aside, by time | until an operator decides |
//! | `cd:{s}:wishes` | hash | id → `cancel`, `close` or `retry`: for the holder of the lease | until answered |
//! | `cd:{s}:spent` | zset | ids by nonce: the last that our transactions used | the last 1000 |
//! | `cd:{s}:model:<model id>` | string | the model's live or deployed id | like its job; deleted when it fails |
//! | `cd:{s}:by:<caller>` | zset | the caller's ids by time of acceptance: the list it may ask for | 60 days; the newest 10000 |
//! | `cd:{s}:changed` | stream | ids of the records that were changed, for whoever follows them | the last 10,000 or so |
//! | `cd:{s}:next` | string | the next nonce | for ever |
//! | `cd:{s}:epoch` | string | there since the data was last reconciled with the chain; its absence means that data was lost | for ever |
//! | `cd:{s}:known` | set | hashes of the models whose token we made, from the chain's logs, after a loss | 30 days |
//! | `cd:{s}:hook:<caller>:due`, `…:since` | zset | ids of which something is untold, by when it is to be told, and by since when | until told; 10000 |
//! | `cd:{s}:hook:<caller>:told` | hash | id → number of the last change that is told, and failures since | until it can change no more |
//! | `cd:{s}:hook:<caller>:forgotten` | counter | how many of too many were not told | until counted |
//! | `cd:{s}:hook:<caller>:teller` | string | the token of whoever tells | `LEASE_MS` |
//! | `cd:{s}:lease`, `cd:{s}:fence` | string, counter | the holder's token; the last token given out | `LEASE_MS`; for ever |

pub mod connection;
pub mod follow;
pub mod outbox;
mod read;
mod seal;
mod write;

use super::chain::{Address, checksummed};
use super::request::ModelId;
use super::{Deployment, Illegal};
use connection::{Connection, Unavailable};
use redis::Script;
pub use seal::Seal;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Beyond it a request is refused rather than left waiting for hours.
const WAITING_MAX: usize = 10_000;
/// Unanswered wishes; each is answered within a turn of the worker.
const WISHES_MAX: usize = 1_000;
/// How long a final record is kept, and with it what its idempotency key stands for.
const RETENTION_SECONDS: u64 = 30 * 24 * 60 * 60;

/// How many of its deployments a caller can list, and for how long: what is not parked is final and forgotten within that time.
const LISTED_MAX: usize = 10_000;
const LISTED_SECONDS: u64 = 60 * 24 * 60 * 60;

/// The deployments of one account on one chain.
#[derive(Clone)]
pub struct Store {
    connection: Connection,
    prefix: String,
    seal: Seal,
    lease_ttl: Duration,
    /// The callers that are told of changes.
    told: Arc<HashSet<String>>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    submit: Script,
    wish: Script,
    lease: Script,
    release: Script,
    bind: Script,
    save: Script,
    park: Script,
    settle: Script,
    due: Script,
    told: Script,
}

/// A script that writes records, with what it marks them by.
macro_rules! marking {
    ($file:literal) => {
        Script::new(concat!(include_str!("store/mark.lua"), include_str!($file)))
    };
}

/// The right to change deployments, valid while Redis says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    token: String,
    /// `None` means that the data is new or was lost: it has to be reconciled with the chain before a nonce is given out.
    pub epoch: Option<String>,
}

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
    /// The model has a token on chain, and whether we made it is being found out after a loss of data.
    Settling,
    /// The model has this live or deployed deployment.
    Busy(Uuid),
    /// Too many are waiting.
    Full,
}

/// A place in a caller's list: at this deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// When it was accepted, milliseconds since 1970.
    pub submitted_at_ms: u64,
    /// Which one.
    pub id: Uuid,
}

/// What somebody wants of a deployment; the holder of the lease does it, or finds it too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// The client no longer wants the token.
    Cancel,
    /// An operator gives it up.
    Close,
    /// An operator wants what was parked tried again.
    Retry,
}

/// How much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Without a nonce.
    pub queued: usize,
    /// With one.
    pub in_flight: usize,
    /// Put aside for an operator.
    pub parked: usize,
    /// When the oldest of those without a nonce was accepted, milliseconds since 1970.
    pub oldest_queued_at_ms: Option<u64>,
}

/// What the worker has to look at.
#[derive(Debug, Default)]
pub struct Work {
    /// With a nonce, lowest first.
    pub in_flight: Vec<Stored>,
    /// Without one, oldest first, at most as many as were asked for.
    pub queued: Vec<Stored>,
    /// What is wanted of which record (`None`: the record cannot be read).
    pub wishes: Vec<(Uuid, Wish, Option<Stored>)>,
    /// Ids whose record is missing, unreadable or not ours, and why.
    pub unreadable: Vec<(Uuid, StoreError)>,
    /// The next nonce, as far as the store knows.
    pub next_nonce: u64,
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
    /// Another deployment holds one of these nonces, or held it.
    #[error("a nonce from {0} on was given out before")]
    NonceTaken(u64),
    /// Data was lost since the lease was taken.
    #[error("the data has not been reconciled with the chain")]
    Unsettled,
    /// A record that this version does not understand.
    #[error("the record of {id} cannot be read")]
    Unreadable {
        /// Which one.
        id: Uuid,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A record that is not there although something refers to it.
    #[error("there is no record of {0}")]
    Missing(Uuid),
    /// A record that somebody else wrote, or that was sealed with another key.
    #[error("the record of {0} was not written by this service")]
    Forged(Uuid),
    /// A script gave an answer it cannot give.
    #[error("the store answered out of turn")]
    Confused,
    /// The event cannot happen in this state.
    #[error("a decision does not fit")]
    Illegal(#[from] Illegal),
}

impl Store {
    /// The deployments of `account` on `chain_id`.
    pub fn new(
        connection: Connection,
        chain_id: u64,
        account: Address,
        seal: Seal,
        lease_ttl: Duration,
    ) -> Self {
        let scripts = Scripts {
            submit: marking!("store/submit.lua"),
            wish: Script::new(include_str!("store/wish.lua")),
            lease: Script::new(include_str!("store/lease.lua")),
            release: Script::new(include_str!("store/release.lua")),
            bind: marking!("store/bind.lua"),
            save: marking!("store/save.lua"),
            park: Script::new(include_str!("store/park.lua")),
            settle: Script::new(include_str!("store/settle.lua")),
            due: Script::new(include_str!("store/due.lua")),
            told: Script::new(include_str!("store/told.lua")),
        };
        let prefix = format!("cd:{{{chain_id}:{}}}", checksummed(account));
        Self {
            connection,
            prefix,
            seal,
            lease_ttl,
            told: Arc::default(),
            scripts: scripts.into(),
        }
    }

    /// The id of what `caller` submits: made from the idempotency key if there is one, else new.
    pub fn id_for(&self, caller: &str, idempotency: Option<&Idempotency>) -> Uuid {
        match idempotency {
            Some(Idempotency {
                key,
                fingerprint: _,
            }) => self.seal.id_for(&self.prefix, caller, key),
            None => Uuid::new_v4(),
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
        let record = print(deployment)?;
        let mut script = self.scripts.submit.key(self.job(id));
        script
            .key(self.key("queue"))
            .key(self.model(&deployment.request.model_id))
            .key(self.key("known"))
            .key(self.key("epoch"))
            .key(self.key("parked"))
            .key(self.index(&deployment.caller))
            .arg(id.to_string())
            .arg(&record)
            .arg(self.seal.of(&self.prefix, id, 1, &record))
            .arg(deployment.submitted_at_ms)
            .arg(idempotency.map_or("", |idempotency| &idempotency.fingerprint))
            .arg(u8::from(idempotency.is_some()))
            .arg(u8::from(has_token))
            .arg(hash_of(&deployment.request.model_id))
            .arg(WAITING_MAX)
            .arg(LISTED_MAX)
            .arg(LISTED_SECONDS);
        self.mark(&mut script, deployment, 0);
        let answer: Result<(String, String), Unavailable> = self.connection.run(&script).await;
        let (answer, known) = match answer {
            Ok(answer) => answer,
            // Not known whether it was done: the record tells.
            Err(error) => {
                return match self.read_stored(id).await {
                    Ok(Some(stored)) if stored.deployment == *deployment => Ok(Submitted::New),
                    Ok(_) | Err(_) => Err(error.into()),
                };
            }
        };
        let known = || Uuid::parse_str(&known).map_err(|_| StoreError::Confused);
        match answer.as_str() {
            "new" => Ok(Submitted::New),
            "existing" => Ok(Submitted::Existing(known()?)),
            "mismatch" => Ok(Submitted::Mismatch),
            "token" => Ok(Submitted::HasToken),
            "settling" => Ok(Submitted::Settling),
            "busy" => Ok(Submitted::Busy(known()?)),
            "full" => Ok(Submitted::Full),
            _ => Err(StoreError::Confused),
        }
    }

    /// Asks the holder of the lease for something; `false` if there is no such deployment or too much is asked already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; asking twice does no harm.
    pub async fn wish(&self, id: Uuid, wish: Wish) -> Result<bool, StoreError> {
        let mut script = self.scripts.wish.key(self.key("wishes"));
        script
            .key(self.job(id))
            .arg(id.to_string())
            .arg(wish.name())
            .arg(WISHES_MAX);
        let answer: String = self.connection.run(&script).await?;
        Ok(answer == "saved")
    }

    /// Takes a wish back, or off: there is nothing left to do for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unwish(&self, id: Uuid) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.hdel(self.key("wishes"), id.to_string()).ignore();
        Ok(self.connection.pipeline(&pipeline).await?)
    }

    /// What all keys of this account begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    fn job(&self, id: Uuid) -> String {
        self.key(&format!("job:{id}"))
    }

    fn index(&self, caller: &str) -> String {
        self.key(&format!("by:{caller}"))
    }

    fn model(&self, model: &ModelId) -> String {
        self.key(&format!("model:{}", model.as_str()))
    }
}

impl Wish {
    fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Close => "close",
            Self::Retry => "retry",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Cancel, Self::Close, Self::Retry]
            .into_iter()
            .find(|wish| wish.name() == name)
    }
}

fn print(deployment: &Deployment) -> Result<String, StoreError> {
    let id = deployment.id;
    serde_json::to_string(deployment).map_err(|source| StoreError::Unreadable { id, source })
}

/// A model as the chain's logs name it.
fn hash_of(model: &ModelId) -> String {
    format!("{:?}", super::chain::abi::model_topic(model))
}
