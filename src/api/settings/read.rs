//! Reading one setting at a time and keeping every problem.
//!
//! Takes names and rules, gives values; what is wrong is collected, not returned, so that the next setting is looked at too. Rules are
//! sentences that go after the setting's name and never contain its value.

use super::{Absent, Problem, TABLE};
use crate::deployment::chain::{Address, H256, U256};
use crate::deployment::economics::{TokenWei, parse_tokens};
use crate::deployment::request;
use crate::secret::Secret;
use std::collections::HashSet;
use std::net::IpAddr;

/// RPC endpoints beyond this are a mistake in the list.
const RPC_URLS_MAX: usize = 10;

pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<Result<String, ()>>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<Result<String, ()>>) -> Self {
        Self {
            lookup,
            problems: Vec::new(),
        }
    }

    pub(super) fn problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn refuse(&mut self, setting: &'static str, rule: impl Into<String>) {
        self.problems.push(Problem {
            setting,
            rule: rule.into(),
        });
    }

    /// The setting or its default; `None` leaves a problem behind.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let absent = TABLE
            .iter()
            .find(|setting| setting.name == name)
            .map(|setting| setting.absent);
        let text = match (self.text(name)?, absent) {
            (Some(text), _) => text,
            (None, Some(Absent::Default(default))) => default.to_string(),
            (None, Some(Absent::Refused | Absent::Derived(_)) | None) => {
                self.refuse(name, "is required");
                return None;
            }
        };
        parse(&text).map_err(|rule| self.refuse(name, rule)).ok()
    }

    /// The setting, `None` when absent; a wrong value leaves a problem behind as well.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name)??;
        parse(&text).map_err(|rule| self.refuse(name, rule)).ok()
    }

    pub(super) fn number(&mut self, name: &'static str, min: u64, max: u64) -> Option<u64> {
        let rule = || format!("must be a whole number from {min} to {max}");
        self.required(name, |text| {
            text.parse()
                .ok()
                .filter(|number| (min..=max).contains(number))
                .ok_or_else(rule)
        })
    }

    pub(super) fn one_of(&mut self, name: &'static str, choices: &[&str]) -> Option<String> {
        let rule = || format!("must be one of {}", choices.join(", "));
        self.required(name, |text| {
            choices
                .contains(&text)
                .then(|| text.to_string())
                .ok_or_else(rule)
        })
    }

    /// How many problems there are so far.
    pub(super) fn found(&self) -> usize {
        self.problems.len()
    }

    /// Outer `None`: unreadable, with a problem. Inner `None`: absent or empty.
    fn text(&mut self, name: &'static str) -> Option<Option<String>> {
        match (self.lookup)(name) {
            None => Some(None),
            Some(Ok(text)) => Some(Some(text.trim().to_string()).filter(|text| !text.is_empty())),
            Some(Err(())) => {
                self.refuse(name, "must be UTF-8 text");
                None
            }
        }
    }
}

/// Wei, as a decimal number small enough to be calculated with.
pub(super) fn amount(text: &str) -> Result<TokenWei, String> {
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let amount = digits
        .and_then(|digits| U256::from_dec_str(digits).ok())
        .filter(|wei| !wei.is_zero())
        .and_then(TokenWei::new);
    amount.ok_or_else(|| "must be wei: a decimal number from 1 to 2^127".into())
}

pub(super) fn tokens(text: &str) -> Result<TokenWei, String> {
    parse_tokens(text).map_err(|problem| problem.to_string())
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    let address = request::address(text).ok_or("must be an address, 0x and 40 hex digits")?;
    if address.is_zero() {
        Err("must not be the zero address".into())
    } else {
        Ok(address)
    }
}

pub(super) fn ip_address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "must be an IP address".into())
}

pub(super) fn hash(text: &str) -> Result<H256, String> {
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64);
    let decoded = digits.and_then(|digits| hex::decode_to_slice(digits, &mut bytes).ok());
    decoded
        .map(|()| H256::from(bytes))
        .ok_or_else(|| "must be 0x and 64 hex digits".into())
}

pub(super) fn printable(text: &str, chars_max: usize) -> Result<String, String> {
    if text.chars().count() <= chars_max && !text.chars().any(char::is_control) {
        Ok(text.to_string())
    } else {
        Err(format!("must be at most {chars_max} printable characters"))
    }
}

/// A key that cannot be guessed.
pub(super) fn long(text: &str, chars_min: usize) -> Result<&str, String> {
    let long = Some(text).filter(|text| text.chars().count() >= chars_min);
    long.ok_or_else(|| format!("must be {chars_min} or more characters"))
}

pub(super) fn rpc_urls(text: &str) -> Result<Vec<Secret<String>>, String> {
    let rule =
        || format!("must be 1 to {RPC_URLS_MAX} http:// or https:// URLs, separated by commas");
    let urls: Vec<&str> = text.split(',').map(str::trim).collect();
    let valid = |url: &&str| {
        reqwest::Url::parse(url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    if urls.len() <= RPC_URLS_MAX && urls.iter().all(valid) {
        Ok(urls
            .into_iter()
            .map(|url| Secret::new(url.to_string()))
            .collect())
    } else {
        Err(rule())
    }
}

pub(super) fn redis_url(text: &str) -> Result<Secret<String>, String> {
    let known = text.starts_with("redis://") || text.starts_with("rediss://");
    if known && redis::Client::open(text).is_ok() {
        Ok(Secret::new(text.to_string()))
    } else {
        Err("must be a redis:// or rediss:// URL".into())
    }
}

/// Exact origins, as browsers send them. `*` would let any page use a key that a user's browser holds.
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let rule = "must be origins like https://app.example.com, separated by commas, without * and without paths";
    let mut seen = HashSet::new();
    let origins = text
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty());
    let origins = origins.filter(|origin| seen.insert(origin.to_string()));
    origins
        .map(|origin| match reqwest::Url::parse(origin) {
            Ok(url)
                if matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == origin =>
            {
                Ok(origin.to_string())
            }
            Ok(_) | Err(_) => Err(rule.to_string()),
        })
        .collect()
}
