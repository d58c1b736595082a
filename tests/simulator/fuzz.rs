//! Requests nobody should send. None takes the simulator down; each is answered, soon, by an error AWS has, in its own protocol.
//!
//! Every failure names its seed; `FUZZ_SEED` tries another, `FUZZ_ROUNDS` more of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use contracts::simulator::{Simulator, wire};
use fastrand::Rng;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::Server;
use crate::model::{Model, Protocol, pick};
use crate::sign::Signer;
use crate::simulator;

/// A debug build on a busy machine; a request answered in seconds would be held up by something that grows.
const SLOW: Duration = Duration::from_secs(5);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Answers `request`, and fails with `why` on a panic, a server error, a reply that is none, or one that came late.
fn answered(simulator: &Simulator, request: &Request<Bytes>, why: &str) -> Response<Bytes> {
    let shown = || {
        let body = String::from_utf8_lossy(request.body());
        let body: String = body.chars().take(2_000).collect();
        format!(
            "{why}: {} {} {:?} {body}",
            request.method(),
            request.uri(),
            request.headers()
        )
    };
    let begun = Instant::now();
    let answer = catch_unwind(AssertUnwindSafe(|| wire::reply(simulator, request)));
    let reply = answer
        .unwrap_or_else(|_| panic!("a panic at {}", shown()))
        .unwrap();
    assert!(
        begun.elapsed() < SLOW,
        "{:?} for {}",
        begun.elapsed(),
        shown()
    );
    if let Err(wrong) = well_formed(&reply) {
        panic!(
            "{wrong}: {} {:?} for {}",
            reply.status(),
            String::from_utf8_lossy(reply.body()),
            shown()
        );
    }
    reply
}

/// A reply is a success or names its error, in the protocol it says it is in.
fn well_formed(reply: &Response<Bytes>) -> Result<(), String> {
    let status = reply.status().as_u16();
    if status != 200 && !(400..500).contains(&status) {
        return Err("a status AWS would not give".to_owned());
    }
    let kind = reply.headers()["content-type"].to_str().unwrap();
    let named = |document: &Value| {
        let code = document["__type"]
            .as_str()
            .is_some_and(|code| !code.is_empty());
        status == 200 || code && document["message"].is_string()
    };
    let right = match kind {
        "application/x-amz-json-1.0" | "application/x-amz-json-1.1" => {
            named(&serde_json::from_slice(reply.body()).map_err(|error| error.to_string())?)
        }
        "application/cbor" => {
            let value = cbor(reply).ok_or("no CBOR map")?;
            named(&value) && reply.headers()["smithy-protocol"] == "rpc-v2-cbor"
        }
        "text/xml" => {
            let text = std::str::from_utf8(reply.body()).map_err(|error| error.to_string())?;
            nests(text)?
                && (status == 200 || text.contains("<Code>") && !text.contains("<Code></Code>"))
        }
        other => return Err(format!("content type {other}")),
    };
    right
        .then_some(())
        .ok_or_else(|| "an error that does not name itself".to_owned())
}

/// Whether elements close in order and nothing else stands in angle brackets.
fn nests(xml: &str) -> Result<bool, String> {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, rest) = tag.split_once('>').ok_or("a tag that does not end")?;
        if rest.contains('>') {
            return Err("a bare >".to_owned());
        }
        match tag.strip_prefix('/') {
            Some(name) if open.pop() != Some(name) => {
                return Err(format!("</{name}> closes nothing"));
            }
            Some(_) => {}
            None if tag.ends_with('/') || tag.starts_with('?') => {}
            None => open.push(tag.split(' ').next().unwrap_or_default()),
        }
    }
    Ok(open.is_empty())
}

/// The texts of a CBOR map.
fn cbor(reply: &Response<Bytes>) -> Option<Value> {
    let map: ciborium::Value = ciborium::from_reader(reply.body().as_ref()).ok()?;
    let pairs = map.into_map().ok()?.into_iter();
    pairs
        .map(|(key, value)| {
            Some((
                key.into_text().ok()?,
                Value::String(value.into_text().unwrap_or_default()),
            ))
        })
        .collect()
}

fn code(reply: &Response<Bytes>) -> String {
    let body = String::from_utf8_lossy(reply.body());
    match reply.headers()["content-type"].to_str().unwrap() {
        "text/xml" => body
            .split_once("<Code>")
            .map_or("", |(_, rest)| rest.split('<').next().unwrap())
            .to_owned(),
        "application/cbor" => {
            let value = cbor(reply).unwrap();
            value["__type"].as_str().unwrap_or_default().to_owned()
        }
        _ => {
            let value: Value = serde_json::from_slice(reply.body()).unwrap();
            value["__type"].as_str().unwrap_or_default().to_owned()
        }
    }
}

fn signed(simulator: &Simulator, service: &str, request: Request<Bytes>) -> Request<Bytes> {
    Signer::of(simulator, service).sign(request)
}

/// The operations the simulator has of a service.
fn known(model: &Model) -> Vec<String> {
    let simulator = simulator();
    let protocol = model.protocols()[0];
    let mut operations = model.operations();
    operations.retain(|operation| {
        let request = model.request(protocol, operation, &json!({}));
        let reply = answered(
            &simulator,
            &signed(&simulator, model.signing, request),
            operation,
        );
        !matches!(
            code(&reply).as_str(),
            "UnknownOperationException" | "InvalidAction"
        )
    });
    operations
}

#[test]
fn inputs_of_the_right_types_and_any_values_are_answered() {
    let base = number("FUZZ_SEED", 1);
    for model in Model::all() {
        let operations = known(&model);
        assert!(!operations.is_empty(), "{}", model.signing);
        for seed in base..base + number("FUZZ_ROUNDS", 4) {
            let mut random = Rng::with_seed(seed);
            // One account for a whole round: what one request made, the next may meet.
            let simulator = simulator();
            for _ in 0..250 {
                let operation = pick(&mut random, &operations).clone();
                let protocol = *pick(&mut random, &model.protocols());
                let input = model
                    .input(&operation)
                    .map_or(json!({}), |shape| model.random(shape, &mut random, 0));
                let request = signed(
                    &simulator,
                    model.signing,
                    model.request(protocol, &operation, &input),
                );
                answered(
                    &simulator,
                    &request,
                    &format!("seed {seed}, {operation} by {protocol:?}"),
                );
            }
        }
    }
}

#[test]
fn a_member_of_a_wrong_type_is_refused_as_such() {
    let wrong = [
        json!("x"),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!([[]]),
        json!({ "x": {} }),
    ];
    let mut accepted = Vec::new();
    for model in Model::all() {
        for operation in known(&model) {
            let Some(input) = model.input(&operation) else {
                continue;
            };
            for (member, shape) in model.members(input) {
                for value in &wrong {
                    let fits = match model.kind(&shape) {
                        "string" | "character" => value.is_string(),
                        // A Base64 text, which `x` is not.
                        "blob" => false,
                        "integer" | "long" | "float" | "double" => value.is_number(),
                        // Either way of writing a time; which texts are one is not a matter of type.
                        "timestamp" => value.is_number() || value.is_string(),
                        "boolean" => value.is_boolean(),
                        "list" => value == &json!([]) || value == &json!([[]]),
                        _ => value.is_object(),
                    };
                    if fits {
                        continue;
                    }
                    for protocol in model.protocols() {
                        // Query knows only text and structures, and an empty one of those is not written at all.
                        if protocol == Protocol::Query {
                            continue;
                        }
                        let simulator = simulator();
                        let request =
                            model.request(protocol, &operation, &json!({ member.as_str(): value }));
                        let why = format!("{operation} with {member} {value}");
                        let reply = answered(
                            &simulator,
                            &signed(&simulator, model.signing, request),
                            &why,
                        );
                        if code(&reply) != "SerializationException" {
                            accepted.push(format!("{} {why}: {}", model.signing, code(&reply)));
                        }
                    }
                }
            }
        }
    }
    assert!(
        accepted.is_empty(),
        "{} accepted, such as\n{}",
        accepted.len(),
        accepted[..accepted.len().min(30)].join("\n")
    );
}
