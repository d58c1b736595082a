//! The text that keys are kept as, in SSM or in `API_KEYS`: entries separated by commas.
//!
//! ```text
//! id:sha256hex                              preferred: the key itself is nowhere but with its client
//! id:sha256hex;owner=web;scopes=deploy+read+admin;expires=2027-01-01T00:00:00Z;deploy=20/1;read=100/20;deployments-per-day=50;gas-per-day=200000000
//! plain-text-key                            as the old service had them; hashed here, at once
//! ```
//!
//! Takes the text, gives [`ApiKey`]s or every entry's problem. Pure. What is wrong is told by the entry's number; nothing of its text
//! is, for it may be a key.

use super::{ApiKey, digest_of, is_name};
use crate::api::rate_limit::Bucket;
use crate::timestamp;

/// More are a mistake in the list. Two of each client's may live at once.
pub(super) const KEYS_MAX: usize = 100;
pub(super) const NAME_CHARS_MAX: usize = 32;
/// A key in plain text that is shorter is too easily guessed, or is something else.
const PLAIN_CHARS_MIN: usize = 16;
/// Of the digest of a plain key, in its id. They tell keys apart and say nothing about one that cannot be guessed.
const PLAIN_ID_HEX: usize = 8;
const NUMBER_MAX: u64 = 1_000_000;
/// Redis' scripts count exactly as far as this, and a day of full blocks of any chain is less.
const GAS_MAX: u64 = 1 << 50;

/// What is wrong with the list of keys. Entries are counted from 1 and never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysProblem {
    /// Neither a hashed entry nor a key.
    #[error(
        "entry {0} must be id:sha256hex with its options, as `contracts-api keys hash` prints it, or a key in plain text of {PLAIN_CHARS_MIN} or more visible ASCII characters without , : and ;"
    )]
    Entry(usize),
    /// The id or the owner breaks the rule.
    #[error(
        "entry {0} must have an id, and an owner if any, of 1 to {NAME_CHARS_MAX} characters a-z, 0-9 and -"
    )]
    Name(usize),
    /// An option that is not one, or has another form.
    #[error(
        "entry {0} has an option that is not one of owner=NAME, scopes=deploy+read+admin, expires=2027-01-01T00:00:00Z, deploy=BURST/PER_SECOND, read=BURST/PER_SECOND, deployments-per-day=NUMBER, gas-per-day=NUMBER, each at most once"
    )]
    Option(usize),
    /// Two entries with one id, or with one key.
    #[error("entry {0} must not have the id or the key of an earlier one")]
    Repeated(usize),
    /// Too many.
    #[error("must be at most {KEYS_MAX} entries")]
    TooMany,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Asking for contract deployments and taking them back.
    Deploy,
    /// Following them.
    Read,
    /// Both, for every owner's.
    Admin,
}

impl Scope {
    const ALL: [(&'static str, Self); 3] = [
        ("deploy", Self::Deploy),
        ("read", Self::Read),
        ("admin", Self::Admin),
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// What a key is limited to where its entry says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limited {
    /// Instead of the setting for POST.
    pub deploy: Option<Bucket>,
    /// Instead of the setting for GET.
    pub read: Option<Bucket>,
    /// Contract deployments accepted in a day (UTC).
    pub deployments_per_day: Option<u64>,
    /// The gas that those are estimated to use.
    pub gas_per_day: Option<u64>,
}

impl Limited {
    /// Whether days are counted.
    pub fn by_day(&self) -> bool {
        self.deployments_per_day.is_some() || self.gas_per_day.is_some()
    }
}

/// Every entry of a list.
pub(super) fn parse(text: &str) -> Result<Vec<ApiKey>, Vec<KeysProblem>> {
    let mut keys: Vec<ApiKey> = Vec::new();
    let mut problems = Vec::new();
    for (number, entry) in (1..).zip(text.split(',')) {
        if number > KEYS_MAX {
            problems.push(KeysProblem::TooMany);
            break;
        }
        match key(number, entry.trim()) {
            Ok(key) if keys.iter().any(|other| same(other, &key)) => {
                problems.push(KeysProblem::Repeated(number));
            }
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(keys)
    } else {
        Err(problems)
    }
}

/// Digests are no secrets: comparing two of the list's own says nothing to a client.
fn same(one: &ApiKey, other: &ApiKey) -> bool {
    one.id == other.id || one.digest == other.digest
}

fn key(number: usize, entry: &str) -> Result<ApiKey, KeysProblem> {
    let Some((id, rest)) = entry.split_once(':') else {
        return plain(entry).ok_or(KeysProblem::Entry(number));
    };
    let mut options = rest.split(';');
    let mut digest = [0; 32];
    let hex_digest = options.next().unwrap_or_default();
    hex::decode_to_slice(hex_digest, &mut digest).map_err(|_| KeysProblem::Entry(number))?;
    let mut key = ApiKey {
        id: id.to_owned(),
        owner: id.to_owned(),
        digest,
        scopes: vec![Scope::Deploy, Scope::Read],
        limited: Limited::default(),
        expires_ms: None,
        is_plain: false,
    };
    let mut seen = Vec::new();
    for option in options {
        let (name, value) = option.split_once('=').ok_or(KeysProblem::Option(number))?;
        if seen.contains(&name) {
            return Err(KeysProblem::Option(number));
        }
        seen.push(name);
        key.option(name, value).ok_or(KeysProblem::Option(number))?;
    }
    if is_name(&key.id) && is_name(&key.owner) {
        Ok(key)
    } else {
        Err(KeysProblem::Name(number))
    }
}

/// A key as the old service had it. It owns what it asks for by itself, since nothing says whose it is.
fn plain(text: &str) -> Option<ApiKey> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() < PLAIN_CHARS_MIN || !visible || text.contains(';') {
        return None;
    }
    let digest = digest_of(text.as_bytes());
    let id = format!("plain-{}", hex::encode(digest).get(..PLAIN_ID_HEX)?);
    Some(ApiKey {
        owner: id.clone(),
        id,
        digest,
        scopes: vec![Scope::Deploy, Scope::Read],
        limited: Limited::default(),
        expires_ms: None,
        is_plain: true,
    })
}

impl ApiKey {
    fn option(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "owner" => self.owner = value.to_owned(),
            "scopes" => self.scopes = scopes(value)?,
            "expires" => self.expires_ms = Some(timestamp::parse(value)?),
            "deploy" => self.limited.deploy = Some(bucket(value)?),
            "read" => self.limited.read = Some(bucket(value)?),
            "deployments-per-day" => self.limited.deployments_per_day = Some(number(value)?),
            "gas-per-day" => self.limited.gas_per_day = Some(gas(value)?),
            _ => return None,
        }
        Some(())
    }
}

fn scopes(text: &str) -> Option<Vec<Scope>> {
    let scope = |word: &str| Scope::ALL.into_iter().find(|(name, _)| *name == word);
    text.split('+')
        .map(|word| scope(word).map(|(_, scope)| scope))
        .collect()
}

fn bucket(text: &str) -> Option<Bucket> {
    let (burst, per_second) = text.split_once('/')?;
    Some(Bucket {
        burst: number(burst)?,
        per_second: number(per_second)?,
    })
}

fn number(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (1..=NUMBER_MAX).contains(&number).then_some(number)
}

fn gas(text: &str) -> Option<u64> {
    let gas = text.parse().ok()?;
    (1..=GAS_MAX).contains(&gas).then_some(gas)
}
