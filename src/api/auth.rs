//! Who is calling.
//!
//! Takes the configured keys (only their SHA-256) and a request's headers, gives a [`Caller`] or a refusal. Pure. A key is compared with
//! every configured one in constant time; neither it nor its hash is ever printed. The keys are expected to be random, so a
//! plain hash is enough: there is no dictionary to try.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// More are a mistake in the list.
const KEYS_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 32;
/// A presented key longer than this is not hashed at all.
const KEY_BYTES_MAX: usize = 512;

/// The name of the API key a request came with: the identity everything is kept under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As configured.
    pub name: String,
}

/// The configured keys.
#[derive(Clone)]
pub struct ApiKeys(Vec<ApiKey>);

#[derive(Clone)]
struct ApiKey {
    name: String,
    digest: [u8; 32],
}

/// What is wrong with the list of keys. Entries are counted from 1 and never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysProblem {
    /// Not `name:sha256hex`. A key in plain text is the usual reason.
    #[error(
        "entry {0} must be name:sha256hex; a key in plain text does not belong here: pipe it to `contracts-api hash-key --name NAME` and use what that prints"
    )]
    Entry(usize),
    /// The name breaks the rule.
    #[error("entry {0} must have a name of 1 to {NAME_CHARS_MAX} characters a-z, 0-9 and -")]
    Name(usize),
    /// Two entries with one name.
    #[error("entry {0} must not have the name of an earlier one")]
    Repeated(usize),
    /// Too many.
    #[error("must be at most {KEYS_MAX} entries")]
    TooMany,
}

/// Why nobody is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No key was sent.
    Absent,
    /// What was sent is not a configured key.
    Wrong,
}

impl ApiKeys {
    /// From `name:sha256hex` entries separated by commas.
    ///
    /// # Errors
    /// Every entry's [`KeysProblem`].
    pub fn parse(text: &str) -> Result<Self, Vec<KeysProblem>> {
        let mut keys: Vec<ApiKey> = Vec::new();
        let mut problems = Vec::new();
        for (number, entry) in (1..).zip(text.split(',')) {
            if number > KEYS_MAX {
                problems.push(KeysProblem::TooMany);
                break;
            }
            match ApiKey::parse(number, entry.trim(), &keys) {
                Ok(key) => keys.push(key),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Self(keys))
        } else {
            Err(problems)
        }
    }

    /// The caller whose key the headers carry: `X-API-Key`, or else `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refused> {
        let key = presented(headers)?;
        let digest: [u8; 32] = Sha256::digest(key).into();
        // Every key is compared, whether or not one has matched: the time taken says nothing about which.
        let mut matched = u64::MAX;
        for (index, key) in (0_u64..).zip(&self.0) {
            let equal: Choice = key.digest.ct_eq(&digest);
            matched.conditional_assign(&index, equal);
        }
        let key = usize::try_from(matched)
            .ok()
            .and_then(|index| self.0.get(index))
            .ok_or(Refused::Wrong)?;
        Ok(Caller {
            name: key.name.clone(),
        })
    }
}

impl ApiKey {
    fn parse(number: usize, entry: &str, earlier: &[ApiKey]) -> Result<Self, KeysProblem> {
        let (name, hex_digest) = entry.split_once(':').ok_or(KeysProblem::Entry(number))?;
        let mut digest = [0; 32];
        hex::decode_to_slice(hex_digest, &mut digest).map_err(|_| KeysProblem::Entry(number))?;
        if !is_name(name) {
            return Err(KeysProblem::Name(number));
        }
        if earlier.iter().any(|key| key.name == name) {
            return Err(KeysProblem::Repeated(number));
        }
        Ok(ApiKey {
            name: name.to_string(),
            digest,
        })
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.0.iter().map(|key| &key.name))
            .finish()
    }
}

/// Whether a key may have this name: `[a-z0-9-]{1,32}`.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The entry of `API_KEYS` for a key.
pub fn entry(name: &str, key: &[u8]) -> String {
    format!("{name}:{}", hex::encode(Sha256::digest(key)))
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
mod tests {
    use super::*;

    fn keys() -> ApiKeys {
        ApiKeys::parse(&format!(
            "{}, {}",
            entry("frontend", b"key-one"),
            entry("backend", b"key-two")
        ))
        .unwrap()
    }

    fn caller(headers: &[(&'static str, &'static str)]) -> Result<String, Refused> {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<http::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            })
            .collect();
        keys().caller(&map).map(|caller| caller.name)
    }

    #[test]
    fn a_configured_key_names_its_caller_in_either_header() {
        assert_eq!(caller(&[("x-api-key", "key-one")]), Ok("frontend".into()));
        assert_eq!(
            caller(&[("authorization", "Bearer key-two")]),
            Ok("backend".into())
        );
        assert_eq!(
            caller(&[("authorization", "bearer key-two")]),
            Ok("backend".into())
        );
        assert_eq!(
            caller(&[
                ("x-api-key", "key-one"),
                ("authorization", "Bearer nonsense")
            ]),
            Ok("frontend".into())
        );
    }

    #[test]
    fn anything_else_names_nobody() {
        assert_eq!(caller(&[]), Err(Refused::Absent));
        for headers in [
            &[("x-api-key", "key-three")][..],
            &[("x-api-key", "")],
            &[("x-api-key", "key-one"), ("x-api-key", "key-two")],
            &[
                ("x-api-key", "nonsense"),
                ("authorization", "Bearer key-two"),
            ],
            &[("authorization", "Bearer any-token")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Basic a2V5LW9uZQ==")],
            &[("authorization", "key-one")],
        ] {
            assert_eq!(caller(headers), Err(Refused::Wrong), "{headers:?}");
        }
    }

    #[test]
    fn a_list_with_a_mistake_is_refused_by_entry_number() {
        let digest = "0".repeat(64);
        for (text, problem) in [
            (format!("a:{digest},plain-text-key"), KeysProblem::Entry(2)),
            ("a:0123".into(), KeysProblem::Entry(1)),
            (format!("A:{digest}"), KeysProblem::Name(1)),
            (format!(":{digest}"), KeysProblem::Name(1)),
            (format!("a:{digest},a:{digest}"), KeysProblem::Repeated(2)),
            (format!("a:{digest},"), KeysProblem::Entry(2)),
            (
                (0..101)
                    .map(|n| format!("k{n}:{digest}"))
                    .collect::<Vec<_>>()
                    .join(","),
                KeysProblem::TooMany,
            ),
        ] {
            assert_eq!(ApiKeys::parse(&text).unwrap_err(), [problem]);
        }
        let both = ApiKeys::parse(&format!("plain-text-key,a:{digest},B:{digest}"));
        let all = [KeysProblem::Entry(1), KeysProblem::Name(3)];
        assert_eq!(both.unwrap_err(), all, "all of them at once");
    }
}
