//! The lists in Redis that the old queue is made of, and what moves between them.
//!
//! Takes entries, moves them whole: every move takes an entry out of one place and puts it into another in one script, and only if it was still there,
//! so that two replicas that have the same entry in hand do nothing twice. The names are the existing service's. Keys are in several slots: this
//! needs a Redis that is not a cluster.

use crate::deployment::store::connection::{Connection, Unavailable};
use redis::Script;
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// Dead letters kept; older ones are dropped.
const DEAD_MAX: usize = 10_000;
/// Entries looked at for having been left behind.
const TAKEN_MAX: isize = 100;
/// A day's unsigned messages are remembered this long, so that no clock skew forgets today's.
const UNSIGNED_SECONDS: u64 = 2 * 24 * 60 * 60;

/// KEYS: from to. ARGV: entry, push command, what is pushed, most that are kept (0: all).
const MOVE: &str = "
if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then return 0 end
redis.call(ARGV[2], KEYS[2], ARGV[3])
if ARGV[4] ~= '0' then redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1) end
return 1";
/// KEYS: awaited processing. ARGV: id, message, entry.
const AWAIT: &str = "
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('LREM', KEYS[2], -1, ARGV[3])";
/// KEYS: awaited to. ARGV: id, what is pushed, most that are kept (0: all).
const TELL: &str = "
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[2])
if ARGV[3] ~= '0' then redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1) end
return 1";
/// KEYS: the day's set. ARGV: hash, most, seconds. Asking again for the same one costs nothing.
const ADMIT: &str = "
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1";

/// The lists' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queues {
    /// What comes in, the oldest at the right.
    pub inbound: String,
    /// What was taken and is not yet a deployment.
    pub processing: String,
    /// What is told of tokens that were made.
    pub outbound: String,
    /// What could not be carried out.
    pub dead: String,
}

/// The lists.
#[derive(Clone)]
pub struct Queue {
    connection: Connection,
    names: Queues,
    /// Hash: ids of deployments whose end is to be told, and their messages.
    awaited: String,
    /// Prefix of the sets of a day's unsigned messages.
    unsigned: String,
    scripts: Arc<[Script; 4]>,
}

impl Queue {
    /// `prefix` is that of the account's keys.
    pub fn new(connection: Connection, names: Queues, prefix: &str) -> Self {
        Self {
            connection,
            names,
            awaited: format!("{prefix}:awaited"),
            unsigned: format!("{prefix}:unsigned"),
            scripts: [MOVE, AWAIT, TELL, ADMIT].map(Script::new).into(),
        }
    }

    /// The name of the list things come in by.
    pub fn inbound(&self) -> &str {
        &self.names.inbound
    }

    /// Takes the oldest entry; it is in the processing list until one of the methods below is called with it.
    ///
    /// # Errors
    /// [`Unavailable`], here and below; what was asked for may have been done, and can be asked for again.
    pub async fn take(&self) -> Result<Option<String>, Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("RPOPLPUSH")
            .arg(&self.names.inbound)
            .arg(&self.names.processing);
        let (entry,): (Option<String>,) = self.connection.pipeline(&pipeline).await?;
        Ok(entry)
    }

    /// The entries that were taken longest ago.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn taken(&self) -> Result<Vec<String>, Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline.lrange(&self.names.processing, -TAKEN_MAX, -1);
        let (entries,): (Vec<String>,) = self.connection.pipeline(&pipeline).await?;
        Ok(entries)
    }

    /// Puts an entry aside with its reason.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn bury(&self, entry: &str, letter: &Value) -> Result<(), Unavailable> {
        let letter = letter.to_string();
        self.shift(entry, &self.names.dead, "LPUSH", &letter, DEAD_MAX)
            .await
    }

    /// Puts an entry back, to be the next one taken.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn give_back(&self, entry: &str) -> Result<(), Unavailable> {
        self.shift(entry, &self.names.inbound, "RPUSH", entry, 0)
            .await
    }

    async fn shift(
        &self,
        entry: &str,
        to: &str,
        push: &str,
        what: &str,
        most: usize,
    ) -> Result<(), Unavailable> {
        let [script, _, _, _] = &*self.scripts;
        let mut call = script.key(&self.names.processing);
        call.key(to).arg(entry).arg(push).arg(what).arg(most);
        let _: u64 = self.connection.run(&call).await?;
        Ok(())
    }

    /// Forgets an entry for which there is nothing to do.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn forget(&self, entry: &str) -> Result<(), Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline.lrem(&self.names.processing, -1, entry);
        let _: (u64,) = self.connection.pipeline(&pipeline).await?;
        Ok(())
    }

    /// An entry has become a deployment, whose end is to be told.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn await_end(&self, entry: &str, id: Uuid, message: &str) -> Result<(), Unavailable> {
        let [_, script, _, _] = &*self.scripts;
        let mut call = script.key(&self.awaited);
        call.key(&self.names.processing);
        call.arg(id.to_string()).arg(message).arg(entry);
        let _: u64 = self.connection.run(&call).await?;
        Ok(())
    }

    /// Some of the deployments whose end is to be told, and where to go on; 0 begins, and is given at the end.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn awaited(&self, cursor: u64) -> Result<(u64, Vec<(Uuid, String)>), Unavailable> {
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("HSCAN")
            .arg(&self.awaited)
            .arg(cursor)
            .arg("COUNT")
            .arg(50);
        type Scanned = ((u64, Vec<(String, String)>),);
        let ((next, found),): Scanned = self.connection.pipeline(&pipeline).await?;
        let found = found
            .into_iter()
            .filter_map(|(id, message)| Some((Uuid::parse_str(&id).ok()?, message)))
            .collect();
        Ok((next, found))
    }

    /// Tells of a token that was made: once, whichever replica gets here first.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn tell(&self, id: Uuid, event: &Value) -> Result<(), Unavailable> {
        self.end(id, &self.names.outbound, event, 0).await
    }

    /// Puts the message of a deployment that came to nothing aside.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn tell_failed(&self, id: Uuid, letter: &Value) -> Result<(), Unavailable> {
        self.end(id, &self.names.dead, letter, DEAD_MAX).await
    }

    async fn end(&self, id: Uuid, to: &str, what: &Value, most: usize) -> Result<(), Unavailable> {
        let [_, _, script, _] = &*self.scripts;
        let mut call = script.key(&self.awaited);
        call.key(to)
            .arg(id.to_string())
            .arg(what.to_string())
            .arg(most);
        let _: u64 = self.connection.run(&call).await?;
        Ok(())
    }

    /// Whether one more unsigned message may be taken on this day; the same one may be asked for again.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn admits_unsigned(
        &self,
        day: u64,
        hash: &str,
        most: u64,
    ) -> Result<bool, Unavailable> {
        let [_, _, _, script] = &*self.scripts;
        let mut call = script.key(format!("{}:{day}", self.unsigned));
        call.arg(hash).arg(most).arg(UNSIGNED_SECONDS);
        let admitted: u64 = self.connection.run(&call).await?;
        Ok(admitted == 1)
    }
}
