//! One multiplexed connection to Redis that reconnects by itself, with a deadline on every command.
//!
//! Takes a URL; a process starts without Redis and recovers without a restart. Commands are never sent twice: what failed half-way has an
//! unknown outcome, which the scripts make harmless. Errors carry Redis' own error kind and never the URL, which holds a password.

use crate::secret::Secret;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, RedisError, RedisResult, ScriptInvocation};
use std::time::Duration;

/// No caller waits longer than this; a healthy Redis in the same region answers in a few milliseconds.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(900);

/// A shared connection; clones are cheap.
#[derive(Clone)]
pub struct Connection(ConnectionManager);

/// Redis did not do it, or nobody knows whether it did.
#[derive(Debug, thiserror::Error)]
#[error("Redis is unavailable ({0})")]
pub struct Unavailable(String);

impl Connection {
    /// Connects when first used. Must be called within the runtime.
    ///
    /// # Errors
    /// The URL is not one Redis' client understands.
    pub fn lazy(url: &Secret<String>) -> Result<Self, Unavailable> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(250));
        let client =
            redis::Client::open(url.expose().as_str()).map_err(|error| unavailable(&error))?;
        Ok(Self(
            client
                .get_connection_manager_lazy(config)
                .map_err(|error| unavailable(&error))?,
        ))
    }

    /// Runs a script.
    ///
    /// # Errors
    /// [`Unavailable`]; the script may have run.
    pub async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Unavailable> {
        let mut connection = self.0.clone();
        within_deadline(script.invoke_async(&mut connection)).await
    }

    /// Runs several commands in one round trip.
    ///
    /// # Errors
    /// [`Unavailable`]; some may have run.
    pub async fn pipeline<T: FromRedisValue>(
        &self,
        pipeline: &redis::Pipeline,
    ) -> Result<T, Unavailable> {
        let mut connection = self.0.clone();
        within_deadline(pipeline.query_async(&mut connection)).await
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ping(&self) -> Result<(), Unavailable> {
        let mut connection = self.0.clone();
        within_deadline(redis::cmd("PING").query_async(&mut connection)).await
    }
}

/// Whether Redis keeps what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeping {
    /// It refuses new data when it is full (`noeviction`).
    All,
    /// It drops data by this policy when it is full.
    Evicts(String),
    /// It does not say: its access rules forbid the question.
    Unknown,
}

impl Connection {
    /// What becomes of data when memory is short. `INFO` is asked, since managed Redis forbids `CONFIG`.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn keeping(&self) -> Result<Keeping, Unavailable> {
        let mut connection = self.0.clone();
        let mut command = redis::cmd("INFO");
        let answer = command.arg("memory").query_async::<String>(&mut connection);
        match tokio::time::timeout(COMMAND_TIMEOUT, answer).await {
            Ok(Ok(info)) => Ok(keeping(&info)),
            Ok(Err(error)) if error.code() == Some("NOPERM") => Ok(Keeping::Unknown),
            Ok(Err(error)) => Err(unavailable(&error)),
            Err(_) => Err(Unavailable("no answer to INFO in time".into())),
        }
    }
}

fn keeping(info: &str) -> Keeping {
    let policy = info
        .lines()
        .find_map(|line| line.trim().strip_prefix("maxmemory_policy:"));
    match policy {
        Some("noeviction") => Keeping::All,
        Some(policy) => Keeping::Evicts(policy.to_string()),
        None => Keeping::Unknown,
    }
}

async fn within_deadline<T>(
    command: impl Future<Output = RedisResult<T>>,
) -> Result<T, Unavailable> {
    match tokio::time::timeout(COMMAND_TIMEOUT, command).await {
        Ok(answer) => answer.map_err(|error| unavailable(&error)),
        Err(_) => Err(Unavailable(format!(
            "no answer within {} ms",
            COMMAND_TIMEOUT.as_millis()
        ))),
    }
}

fn unavailable(error: &RedisError) -> Unavailable {
    Unavailable(match error.code() {
        Some(code) => code.to_string(),
        None => format!("{:?}", error.kind()),
    })
}

#[cfg(test)]
mod tests {
    use super::{Keeping, keeping};

    #[test]
    fn only_noeviction_keeps_everything() {
        let info = |policy| format!("# Memory\r\nused_memory:1\r\nmaxmemory_policy:{policy}\r\n");
        assert_eq!(keeping(&info("noeviction")), Keeping::All);
        // It drops only what has an end, which finished records have, and the lease.
        let volatile = keeping(&info("volatile-lru"));
        assert_eq!(volatile, Keeping::Evicts("volatile-lru".into()));
        assert_eq!(keeping("# Memory\r\n"), Keeping::Unknown);
    }
}
