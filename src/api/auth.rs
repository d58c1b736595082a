//! Who is calling, and what for.
//!
//! Takes the configured keys (only their SHA-256), a request's headers and the time, gives a [`Caller`] or a refusal. Pure. A key is compared with
//! every configured one in constant time; neither it nor its hash is ever printed. The keys are expected to be random, so a
//! plain hash is enough: there is no dictionary to try. Where the keys come from, and how they are read again, is in [`ring`].

mod entry;
pub mod ring;
mod source;

pub use entry::{KeysProblem, Limited, Scope};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
pub use source::Source;
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// A presented key longer than this is not hashed at all.
const KEY_BYTES_MAX: usize = 512;

/// Whose request it is, and by which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's owner: the identity everything is kept under. Two keys of one owner see the same contract deployments.
    pub name: String,
    /// The key's id: what is limited, and what the log names.
    pub key: String,
    /// What the key is limited to, where that is not the settings'.
    pub limited: Limited,
    scopes: Vec<Scope>,
}

impl Caller {
    /// Whether its key may be used for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Whether it may know of what was asked for under this name.
    pub fn sees(&self, owner: &str) -> bool {
        self.name == owner || self.scopes.contains(&Scope::Admin)
    }
}

/// The configured keys.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeys(Vec<ApiKey>);

#[derive(Clone, PartialEq, Eq)]
struct ApiKey {
    id: String,
    owner: String,
    digest: [u8; 32],
    scopes: Vec<Scope>,
    limited: Limited,
    /// In milliseconds since 1970.
    expires_ms: Option<u64>,
    is_plain: bool,
}

/// Why nobody is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No key was sent.
    Absent,
    /// What was sent is not a configured key.
    Wrong,
    /// It was one.
    Expired,
}

impl ApiKeys {
    /// From entries separated by commas; their forms are `entry`'s.
    ///
    /// # Errors
    /// Every entry's [`KeysProblem`].
    pub fn parse(text: &str) -> Result<Self, Vec<KeysProblem>> {
        entry::parse(text).map(Self)
    }

    /// The caller whose key the headers carry: `X-API-Key`, or else `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn caller(&self, headers: &HeaderMap, now_ms: u64) -> Result<Caller, Refused> {
        let digest = digest_of(presented(headers)?);
        let key = self.matching(|stored| stored.ct_eq(&digest));
        let ApiKey {
            id,
            owner,
            digest: _,
            scopes,
            limited,
            expires_ms,
            is_plain: _,
        } = key.ok_or(Refused::Wrong)?;
        if expires_ms.is_some_and(|at| at <= now_ms) {
            return Err(Refused::Expired);
        }
        Ok(Caller {
            name: owner.clone(),
            key: id.clone(),
            limited: *limited,
            scopes: scopes.clone(),
        })
    }

    /// Every key is compared, whether or not one has matched: the time taken says nothing about which.
    fn matching(&self, mut equal: impl FnMut(&[u8; 32]) -> Choice) -> Option<&ApiKey> {
        let mut matched = u64::MAX;
        for (index, key) in (0_u64..).zip(&self.0) {
            matched.conditional_assign(&index, equal(&key.digest));
        }
        usize::try_from(matched)
            .ok()
            .and_then(|index| self.0.get(index))
    }

    /// The ids, in the list's order.
    pub fn ids(&self) -> Vec<&str> {
        self.0.iter().map(|key| key.id.as_str()).collect()
    }

    /// How many were given in plain text.
    pub fn plain(&self) -> usize {
        self.0.iter().filter(|key| key.is_plain).count()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.ids()).finish()
    }
}

/// Whether a key or an owner may have this name: `[a-z0-9-]{1,32}`.
pub fn is_name(name: &str) -> bool {
    (1..=entry::NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The shortest entry for a key.
pub fn entry(id: &str, key: &[u8]) -> String {
    format!("{id}:{}", hex::encode(digest_of(key)))
}

fn digest_of(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn presented(headers: &HeaderMap) -> Result<&[u8], Refused> {
    let mut keys = headers.get_all("x-api-key").iter();
    let key = match (keys.next(), keys.next()) {
        (Some(_), Some(_)) => return Err(Refused::Wrong),
        (Some(key), None) => key.as_bytes(),
        (None, _) => {
            let authorization = headers
                .get(AUTHORIZATION)
                .ok_or(Refused::Absent)?
                .as_bytes();
            let (scheme, key) = authorization
                .split_at_checked("Bearer ".len())
                .ok_or(Refused::Wrong)?;
            if !scheme.eq_ignore_ascii_case(b"Bearer ") {
                return Err(Refused::Wrong);
            }
            key.trim_ascii()
        }
    };
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        Err(Refused::Wrong)
    } else {
        Ok(key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
