//! How much one key may be used for: GCRA per key and kind of request, shared by all replicas through one Redis script on Redis' own clock.
//!
//! Takes a caller, gives a [`Permit`] that says what is left. It never counts unauthenticated traffic or probes (they do not
//! reach it). When Redis is away or slower than a command's deadline nothing is permitted: the request is answered 503 within that second, for
//! without Redis it could not be carried out either.

use super::auth::Caller;
use crate::deployment::store::connection::{Connection, Unavailable};
use http::{HeaderMap, HeaderValue};
use redis::Script;

/// A bucket's size and how fast it fills again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Requests at once.
    pub burst: u64,
    /// Requests regained per second.
    pub per_second: u64,
}

/// One bucket per kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For POST.
    pub deploy: Bucket,
    /// For GET.
    pub read: Bucket,
}

/// The kinds of request that are counted apart: a client that polls cannot use up its deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// POST.
    Deploy,
    /// GET.
    Read,
}

/// What a request took from its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    bucket: Bucket,
    /// Whether the request may go on.
    pub allowed: bool,
    remaining: u64,
    full_in_ms: u64,
    next_in_ms: u64,
}

/// Counts requests.
pub struct RateLimit {
    connection: Connection,
    script: Script,
    limits: Limits,
}

impl RateLimit {
    /// Counts in Redis.
    pub fn new(connection: Connection, limits: Limits) -> Self {
        Self {
            connection,
            script: Script::new(include_str!("rate_limit.lua")),
            limits,
        }
    }

    /// Takes one request from the bucket of the caller's key.
    ///
    /// # Errors
    /// Redis did not answer in time; it may have been counted.
    pub async fn take(&self, caller: &Caller, kind: Kind) -> Result<Permit, Unavailable> {
        let (name, bucket) = match kind {
            Kind::Deploy => (
                "deploy",
                caller.limited.deploy.unwrap_or(self.limits.deploy),
            ),
            Kind::Read => ("read", caller.limited.read.unwrap_or(self.limits.read)),
        };
        let mut script = self.script.key(format!("cd:gcra:{}:{name}", caller.key));
        let (allowed, remaining, full_in_ms, next_in_ms): (u8, u64, u64, u64) = self
            .connection
            .run(script.arg(bucket.burst).arg(bucket.per_second))
            .await?;
        Ok(Permit {
            bucket,
            allowed: allowed == 1,
            remaining,
            full_in_ms,
            next_in_ms,
        })
    }
}

impl Permit {
    /// The headers of draft-ietf-httpapi-ratelimit-headers-06, which the existing service sends, and `Retry-After` on a refusal.
    pub fn stamp(&self, headers: &mut HeaderMap) {
        let Self {
            bucket: Bucket { burst, per_second },
            allowed,
            remaining,
            full_in_ms,
            next_in_ms,
        } = *self;
        let policy = format!("{burst};w={}", burst.div_ceil(per_second));
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert("ratelimit-policy", policy);
        }
        headers.insert("ratelimit-limit", burst.into());
        headers.insert("ratelimit-remaining", remaining.into());
        headers.insert("ratelimit-reset", full_in_ms.div_ceil(1000).into());
        if !allowed {
            headers.insert("retry-after", next_in_ms.div_ceil(1000).max(1).into());
        }
    }
}
