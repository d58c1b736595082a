//! The text of `WEBHOOKS`: who is told, where, and what it is signed with.
//!
//! ```text
//! web https://app.example.com/hooks whsec_C2FV…            the caller's owner, the address, its secret
//! web https://app.example.com/hooks whsec_new… whsec_old…  two secrets while they are exchanged: each signs
//! ```
//!
//! Takes entries separated by commas, gives [`Endpoint`]s or every entry's problem. Pure. What is wrong is told by the entry's number; nothing of its
//! text is, for secrets are in it, and addresses often hold one as well.

use super::guard::Reach;
use crate::api::auth;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use std::fmt;

/// Each is a task and a lease.
const ENDPOINTS_MAX: usize = 100;
/// The new one and the old one.
const SECRETS_MAX: usize = 2;
/// Standard Webhooks' own bounds: 192 and 512 bits.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Where one caller is told.
#[derive(Clone)]
pub struct Endpoint {
    /// The owner of the deployments that are told of.
    pub caller: String,
    /// Where to; the path may hold a token, so it is in no log.
    pub url: Secret<String>,
    /// As logs name it.
    pub host: String,
    /// The newest first.
    pub secrets: Vec<Secret<Vec<u8>>>,
}

/// What is wrong with the list. Entries are counted from 1 and never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointProblem {
    /// Not three or four words.
    #[error(
        "entry {0} must be a caller, a URL and one or two secrets, separated by spaces; entries are separated by commas"
    )]
    Entry(usize),
    /// Nobody could have this name.
    #[error(
        "entry {0} must begin with a caller: the owner, or else the id, of an entry of API_KEYS"
    )]
    Caller(usize),
    /// An address that webhooks may not go to.
    #[error(
        "entry {0} must have an https:// URL at port 443, without user, password and fragment, that does not name a private address"
    )]
    Url(usize),
    /// Not a secret, or one that could be guessed.
    #[error(
        "entry {0} must have secrets of whsec_ and the base64 of 24 to 64 random bytes, not the same twice"
    )]
    Secret(usize),
    /// Two entries for one caller.
    #[error("entry {0} must not be for the caller of an earlier one")]
    Repeated(usize),
    /// Too many.
    #[error("must be at most {ENDPOINTS_MAX} entries")]
    TooMany,
}

/// Every entry of a list.
///
/// # Errors
/// Every entry's [`EndpointProblem`].
pub fn parse(text: &str, reach: Reach) -> Result<Vec<Endpoint>, Vec<EndpointProblem>> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut problems = Vec::new();
    for (number, entry) in (1..).zip(text.split(',')) {
        if number > ENDPOINTS_MAX {
            problems.push(EndpointProblem::TooMany);
            break;
        }
        match endpoint(number, entry, reach) {
            Ok(new) if endpoints.iter().any(|other| other.caller == new.caller) => {
                problems.push(EndpointProblem::Repeated(number));
            }
            Ok(new) => endpoints.push(new),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(endpoints)
    } else {
        Err(problems)
    }
}

fn endpoint(number: usize, entry: &str, reach: Reach) -> Result<Endpoint, EndpointProblem> {
    let mut words = entry.split_whitespace();
    let (Some(caller), Some(url)) = (words.next(), words.next()) else {
        return Err(EndpointProblem::Entry(number));
    };
    let words: Vec<&str> = words.collect();
    if !(1..=SECRETS_MAX).contains(&words.len()) {
        return Err(EndpointProblem::Entry(number));
    }
    if !auth::is_name(caller) {
        return Err(EndpointProblem::Caller(number));
    }
    let url = target(url, reach).ok_or(EndpointProblem::Url(number))?;
    let secrets: Option<Vec<_>> = words.iter().copied().map(secret).collect();
    let secrets = secrets.ok_or(EndpointProblem::Secret(number))?;
    if matches!(words[..], [new, old] if new == old) {
        return Err(EndpointProblem::Secret(number));
    }
    Ok(Endpoint {
        caller: caller.to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        url: Secret::new(url.into()),
        secrets,
    })
}

/// `None`: no webhook may go there. An address in any notation is one of numbers by now, as the parser writes it.
fn target(text: &str, reach: Reach) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok();
    let here = reach == Reach::Loopback;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let scheme = url.scheme() == "https" || here && url.scheme() == "http";
    let port = here || url.port_or_known_default() == Some(443);
    let address = address.is_none_or(|address| reach.allows(address));
    (plain && scheme && port && address).then_some(url)
}

fn secret(text: &str) -> Option<Secret<Vec<u8>>> {
    let bytes = Secret::new(STANDARD.decode(text.strip_prefix("whsec_")?).ok()?);
    SECRET_BYTES
        .contains(&bytes.expose().len())
        .then_some(bytes)
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.caller, self.host)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OLD: &str = "whsec_c2Vjb25kIHNlY3JldCBvZiAyNCBieXRlcyE=";

    fn problems(text: &str, reach: Reach) -> Vec<EndpointProblem> {
        parse(text, reach).err().unwrap_or_default()
    }

    #[test]
    fn an_entry_is_a_caller_an_address_and_one_or_two_secrets() {
        let text = format!(
            " web https://app.example.com/hooks?token=t {SECRET} {OLD},\n back-end https://b.example {SECRET}"
        );
        let endpoints = parse(&text, Reach::Public).unwrap();
        let brief: Vec<_> = endpoints
            .iter()
            .map(|endpoint| (endpoint.caller.as_str(), endpoint.secrets.len()))
            .collect();
        assert_eq!(brief, [("web", 2), ("back-end", 1)]);
        assert_eq!(
            endpoints[0].url.expose(),
            "https://app.example.com/hooks?token=t"
        );
        assert_eq!(
            format!("{endpoints:?}"),
            "[web at app.example.com, back-end at b.example]"
        );
    }

    #[test]
    fn every_wrong_entry_is_told_by_its_number() {
        use EndpointProblem::{Caller, Entry, Repeated, Secret, Url};
        let good = format!("web https://app.example.com/ {SECRET}");
        for (entry, problem) in [
            (String::new(), Entry as fn(usize) -> EndpointProblem),
            ("web https://a.example".into(), Entry),
            (
                format!("web https://a.example {SECRET} {OLD} {SECRET}"),
                Entry,
            ),
            (format!("Web https://a.example {SECRET}"), Caller),
            (format!("web {SECRET} https://a.example"), Url),
            ("back https://a.example whsec_short".into(), Secret),
            ("back https://a.example whsec_c2hvcnQ=".into(), Secret),
            (format!("back https://a.example {}", &SECRET[6..]), Secret),
            (format!("back https://a.example {SECRET} {SECRET}"), Secret),
            (format!("web https://b.example {SECRET}"), Repeated),
        ] {
            let text = format!("{good},{entry}");
            let found = problems(&text, Reach::Public);
            assert_eq!(found, [problem(2)], "{entry}");
            assert!(!found[0].to_string().contains("example"), "{found:?}");
        }
        let many = vec![good.as_str(); 101].join(",");
        assert_eq!(
            problems(&many, Reach::Public).last(),
            Some(&EndpointProblem::TooMany)
        );
    }

    #[test]
    fn an_address_must_be_public_in_whatever_notation() {
        for refused in [
            "http://a.example/",
            "ftp://a.example/",
            "https://a.example:8443/",
            "https://a.example:80/",
            "https://user@a.example/",
            "https://a.example/#part",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[fd00:ec2::254]/",
        ] {
            assert_eq!(target(refused, Reach::Public), None, "{refused}");
        }
        for allowed in [
            "https://a.example/",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/x",
        ] {
            assert!(target(allowed, Reach::Public).is_some(), "{allowed}");
        }
        for (url, allowed) in [
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]:8080/", true),
            ("https://10.1.2.3/", false),
            ("http://169.254.169.254/", false),
        ] {
            assert_eq!(target(url, Reach::Loopback).is_some(), allowed, "{url}");
        }
    }
}
