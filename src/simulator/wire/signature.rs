//! AWS Signature Version 4, verified.
//!
//! Takes a request and where it must be meant for, gives the principal whose key signed it or AWS's refusal. Refusals carry the
//! codes Query clients know; `service` renames them for other protocols. It never signs, and takes no presigned URL. No operation
//! simulated here may be sent with an unsigned payload (botocore's models have no `v4-unsigned-body`), so the body always counts.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. AWS documents neither the order of
//! the checks nor most of their words; they are those recorded from DynamoDB in github.com/mhart/dynalite, `index.js`.

mod canonical;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use sha2::{Digest, Sha256};
use time::{Date, Month, OffsetDateTime, Time};

use self::canonical::canonical_request;
use super::super::call::{Millis, Refusal};
use super::text;
use crate::secret::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// "In most cases, a request must reach AWS within five minutes of the time stamp in the request" (IAM User Guide).
const SKEW_MINUTES: u64 = 5;
const SKEW: Millis = SKEW_MINUTES * 60 * 1000;
/// What a request must be scoped to.
pub(super) struct Meant<'a> {
    pub region: &'a str,
    pub service: &'a str,
    pub now: Millis,
}

/// An access key, and whose it is.
pub(super) struct Key {
    pub secret: Secret<String>,
    /// The token that must come with it, when it is a session's.
    pub token: Option<Secret<String>>,
    /// Whether its session has ended.
    pub expired: bool,
    pub principal: String,
}

/// Whose key, out of those `find` knows, signed `request`.
pub(super) fn verify(
    request: &Request<Bytes>,
    meant: &Meant<'_>,
    find: impl FnOnce(&str) -> Option<Key>,
) -> Result<String, Refusal> {
    let headers = request.headers();
    let claim = Claim::read(headers)?;
    claim.in_time(meant.now)?;
    if !claim.signed_headers.split(';').any(|name| name == "host") {
        return Err(mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    claim.in_scope(meant)?;
    let invalid = || {
        refuse(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
    };
    let key = find(claim.key_id).ok_or_else(invalid)?;
    let canonical = canonical_request(request, claim.signed_headers);
    let expected = signature(key.secret.expose(), &claim, &canonical);
    let given = hex::decode(claim.signature).unwrap_or_default();
    if expected.verify_slice(&given).is_err() {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
        ));
    }
    // A long-lived key goes without a token, and a session's only with its own.
    let token = key.token.as_ref().map(|token| token.expose().as_str());
    if token != text(headers, "x-amz-security-token") {
        return Err(invalid());
    }
    if key.expired {
        return Err(refuse(
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        ));
    }
    Ok(key.principal)
}

/// What an `Authorization` header says, not yet believed.
struct Claim<'a> {
    key_id: &'a str,
    /// `20260801/us-east-1/ecs/aws4_request`, and its parts.
    scope: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    /// `20260801T000000Z`, and the instant that is.
    time: &'a str,
    at: Millis,
}

impl<'a> Claim<'a> {
    fn read(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let authorization =
            text(headers, AUTHORIZATION.as_str()).filter(|value| value.starts_with("AWS4-"));
        let authorization = authorization.ok_or_else(unsigned)?;
        let (algorithm, parameters) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let parameter = |name: &str| {
            let parts = parameters.split([',', ' ']);
            parts
                .filter_map(|part| part.split_once('='))
                .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
        };
        let time = text(headers, "x-amz-date").or_else(|| text(headers, "date"));
        let (credential, signature, signed_headers) = (
            parameter("Credential"),
            parameter("Signature"),
            parameter("SignedHeaders"),
        );
        let (Some(credential), Some(signature), Some(signed_headers), Some(time)) =
            (credential, signature, signed_headers, time)
        else {
            let mut lacks = String::new();
            for (name, value) in [
                ("Credential", credential),
                ("Signature", signature),
                ("SignedHeaders", signed_headers),
            ] {
                if value.is_none() {
                    lacks += &format!("Authorization header requires '{name}' parameter. ");
                }
            }
            if time.is_none() {
                lacks += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
            }
            // AWS repeats the header; a signature is no secret, but nothing is lost by leaving it out.
            return Err(incomplete(&format!("{lacks}Authorization={algorithm}")));
        };
        if algorithm != ALGORITHM {
            return Err(incomplete(&format!(
                "Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). "
            )));
        }
        let at = instant(time).ok_or_else(|| {
            incomplete(&format!(
                "Date must be in ISO-8601 'basic format'. Got '{time}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        let parts: Vec<&str> = credential.split('/').collect();
        let [key_id, date, region, service, terminator] = parts[..] else {
            return Err(incomplete(&format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        let scope = &credential[key_id.len() + 1..];
        Ok(Claim {
            key_id,
            scope,
            date,
            region,
            service,
            terminator,
            signed_headers,
            signature,
            time,
            at,
        })
    }

    fn in_time(&self, now: Millis) -> Result<(), Refusal> {
        let (time, shown) = (self.time, basic(now));
        if self.at.saturating_add(SKEW) < now {
            let limit = basic(now - SKEW);
            return Err(mismatch(&format!(
                "Signature expired: {time} is now earlier than {limit} ({shown} - {SKEW_MINUTES} min.)"
            )));
        }
        if self.at > now.saturating_add(SKEW) {
            let limit = basic(now + SKEW);
            return Err(mismatch(&format!(
                "Signature not yet current: {time} is still later than {limit} ({shown} + {SKEW_MINUTES} min.)"
            )));
        }
        Ok(())
    }

    /// Everything that is wrong with the scope, in one message.
    fn in_scope(&self, meant: &Meant<'_>) -> Result<(), Refusal> {
        let mut wrong = Vec::new();
        if self.region != meant.region {
            wrong.push(format!(
                "Credential should be scoped to a valid region, not '{}'.",
                self.region
            ));
        }
        if self.service != meant.service {
            wrong.push(format!(
                "Credential should be scoped to correct service: '{}'.",
                meant.service
            ));
        }
        if self.terminator != TERMINATOR {
            wrong.push(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                self.terminator
            ));
        }
        let day = self.time.get(..8).unwrap_or_default();
        if self.date != day {
            wrong.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{}'.",
                self.date, self.time
            ));
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(mismatch(&wrong.join(" ")))
        }
    }
}

fn signature(secret: &str, claim: &Claim<'_>, canonical_request: &str) -> Hmac<Sha256> {
    let hash = hex::encode(Sha256::digest(canonical_request));
    let to_sign = format!("{ALGORITHM}\n{}\n{}\n{hash}", claim.time, claim.scope);
    let first = format!("AWS4{secret}").into_bytes();
    let key = [claim.date, claim.region, claim.service, claim.terminator]
        .iter()
        .fold(first, |key, part| {
            keyed(&key, part).finalize().into_bytes().to_vec()
        });
    keyed(&key, &to_sign)
}

fn keyed(key: &[u8], text: &str) -> Hmac<Sha256> {
    // A key of any length will do, so this cannot fail; the empty one never verifies anything of use.
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(text.as_bytes());
    mac
}

/// `20260801T000000Z`.
fn instant(text: &str) -> Option<Millis> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if date.len() != 8 || time.len() != 6 || !digits(date) || !digits(time) {
        return None;
    }
    let month = Month::try_from(date[4..6].parse::<u8>().ok()?).ok()?;
    let day =
        Date::from_calendar_date(date[..4].parse().ok()?, month, date[6..].parse().ok()?).ok()?;
    let [hour, minute, second] =
        [&time[..2], &time[2..4], &time[4..]].map(|part| part.parse().unwrap_or(u8::MAX));
    let moment = day
        .with_time(Time::from_hms(hour, minute, second).ok()?)
        .assume_utc();
    u64::try_from(moment.unix_timestamp())
        .ok()?
        .checked_mul(1000)
}

fn basic(at: Millis) -> String {
    let seconds = i64::try_from(at / 1000).unwrap_or(i64::MAX);
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    format!(
        "{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z",
        u8::from(month)
    )
}

/// The refusal of a request nobody signed.
pub(super) fn unsigned() -> Refusal {
    refuse(
        403,
        "MissingAuthenticationToken",
        "Request is missing Authentication Token",
    )
}

fn incomplete(message: &str) -> Refusal {
    refuse(400, "IncompleteSignature", message)
}

fn mismatch(message: &str) -> Refusal {
    refuse(403, "SignatureDoesNotMatch", message)
}

fn refuse(status: u16, code: &'static str, message: &str) -> Refusal {
    Refusal {
        code,
        message: message.to_owned(),
        status,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::canonical::{canonical_path, canonical_query};
    use super::*;

    /// AWS's own test suite, whose requests are not all ones an HTTP library would build: paths and headers are taken as they are.
    #[test]
    fn the_published_test_suite_verifies() {
        let suite: Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/sigv4.json")).unwrap();
        let secret = suite["secret_access_key"].as_str().unwrap();
        for case in suite["cases"].as_array().unwrap() {
            let part = |name: &str| case[name].as_str().unwrap();
            let (path, query) = part("target")
                .split_once('?')
                .unwrap_or((part("target"), ""));
            let mut request = Request::builder().method(part("method")).uri("/");
            for header in case["headers"].as_array().unwrap() {
                // No HTTP library folds a header over lines any more.
                request = request.header(
                    header[0].as_str().unwrap(),
                    header[1].as_str().unwrap().replace('\n', " "),
                );
            }
            let request = request.header("authorization", part("authorization"));
            let request = request
                .body(Bytes::copy_from_slice(part("body").as_bytes()))
                .unwrap();
            let claim = Claim::read(request.headers()).unwrap();
            let canonical = canonical_request(&request, claim.signed_headers).replacen(
                "\n/\n\n",
                &format!("\n{}\n{}\n", canonical_path(path), canonical_query(query)),
                1,
            );
            let signature = hex::encode(
                signature(secret, &claim, &canonical)
                    .finalize()
                    .into_bytes(),
            );
            assert_eq!(signature, claim.signature, "{}:\n{canonical}", part("name"));
        }
    }

    #[test]
    fn a_time_that_is_none_is_not_read() {
        assert_eq!(instant("20260801T000000Z"), Some(1_785_542_400_000));
        assert_eq!(basic(1_785_542_400_000), "20260801T000000Z");
        for text in [
            "",
            "T",
            "Z",
            "20260801",
            "20261301T000000Z",
            "20260230T000000Z",
            "20260801T240000Z",
            "２０２６0801T000000Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
