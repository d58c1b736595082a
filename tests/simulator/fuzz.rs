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
        // What is refused changes nothing.
        let simulator = simulator();
        for operation in known(&model) {
            let Some(input) = model.input(&operation) else {
                continue;
            };
            for (member, shape) in model.members(input) {
                for value in &wrong {
                    let fits = match model.kind(&shape) {
                        "string" | "character" | "blob" => value.is_string(),
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
                        if matches!(protocol, Protocol::Query | Protocol::Ec2) {
                            continue;
                        }
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

/// A request that was valid once: any operation, any service, right types.
fn valid(models: &[Model], random: &mut Rng) -> (&'static str, Request<Bytes>) {
    if random.u8(0..20) == 0 {
        // Route 53's operations are methods and paths.
        let paths = [
            "hostedzone",
            "hostedzonesbyname?dnsname=a%2e",
            "hostedzone/Z05060718293A4B5C6D7E",
            "hostedzone/%2F/rrset?name=%ff&maxitems=x",
        ];
        let uri = format!("/2013-04-01/{}", pick(random, &paths));
        return ("route53", Request::get(uri).body(Bytes::new()).unwrap());
    }
    let model = pick(random, models);
    let operations = model.operations();
    let operation = pick(random, &operations);
    let protocol = *pick(random, &model.protocols());
    let input = model
        .input(operation)
        .map_or(json!({}), |shape| model.random(shape, random, 0));
    (model.signing, model.request(protocol, operation, &input))
}

/// Bytes changed, lost, doubled, or replaced by some that mean something to a parser.
fn mutated(body: &[u8], random: &mut Rng) -> Vec<u8> {
    let pieces: [&[u8]; 20] = [
        b"",
        b"{",
        b"}",
        b"[",
        b"\"",
        b"\\ud800",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"1e999",
        b"-",
        b"null",
        b"&",
        b"=",
        b"%",
        b"%ff",
        b".member.4294967295",
        b".member.0",
        b"\xbf",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    let mut bytes = body.to_vec();
    for _ in 0..random.usize(1..5) {
        let from = random.usize(0..=bytes.len());
        let to = (from + random.usize(0..12)).min(bytes.len());
        match random.u8(0..4) {
            0 if from < bytes.len() => bytes[from] = random.u8(..),
            1 => drop(bytes.drain(from..to)),
            2 => bytes.extend_from_within(from..to),
            _ => drop(bytes.splice(from..from, pick(random, &pieces).iter().copied())),
        }
    }
    bytes
}

#[test]
fn mutated_bodies_and_mixed_protocols_are_refused() {
    let base = number("FUZZ_SEED", 1);
    let models: Vec<Model> = Model::all().collect();
    let names = [
        "x-amz-target",
        "content-type",
        "content-encoding",
        "smithy-protocol",
        "host",
        "x-amz-date",
        "authorization",
    ];
    for seed in base..base + number("FUZZ_ROUNDS", 4) {
        let mut random = Rng::with_seed(seed);
        let simulator = simulator();
        for _ in 0..500 {
            let (service, mut request) = valid(&models, &mut random);
            if random.u8(0..3) > 0 {
                *request.body_mut() = mutated(request.body(), &mut random).into();
            }
            if random.u8(0..4) == 0 {
                // The head of one protocol, the body of another.
                *request.body_mut() = valid(&models, &mut random).1.into_body();
            }
            if random.u8(0..6) == 0 {
                let paths = [
                    "//",
                    "/service/",
                    "/service/x/operation/",
                    "/service/Logs_20140328/operation/x/y",
                    "/2013-04-01/hostedzone",
                ];
                *request.uri_mut() = pick(&mut random, &paths).parse().unwrap();
            }
            if random.u8(0..6) == 0 {
                *request.method_mut() = pick(
                    &mut random,
                    &[Method::GET, Method::PUT, Method::DELETE, Method::HEAD],
                )
                .clone();
            }
            let other = valid(&models, &mut random).0;
            let mut request = signed(
                &simulator,
                if random.u8(0..8) == 0 { other } else { service },
                request,
            );
            if random.u8(0..4) == 0 {
                let name: HeaderName = pick(&mut random, &names).parse().unwrap();
                let old = request
                    .headers()
                    .get(&name)
                    .map_or(Vec::new(), |value| value.as_bytes().to_vec());
                if let Ok(value) = HeaderValue::from_bytes(&mutated(&old, &mut random)) {
                    request.headers_mut().insert(name, value);
                }
            }
            answered(&simulator, &request, &format!("seed {seed}"));
        }
    }
}

#[test]
fn depth_size_and_odd_text_are_refused_by_name() {
    let nested =
        |open: &str, close: &str, depth| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let digits = "9".repeat(10_000);
    let cases: [(&str, Protocol, Vec<u8>, &str); 16] = [
        (
            "ssm",
            Protocol::Json,
            format!("{{\"Name\":{}}}", nested("[", "]", 100_000)).into(),
            "SerializationException",
        ),
        (
            "ssm",
            Protocol::Json,
            nested("{\"Name\":", "}", 100_000).into(),
            "SerializationException",
        ),
        (
            "ssm",
            Protocol::Json,
            format!("{{\"MaxResults\":{digits}}}").into(),
            "SerializationException",
        ),
        (
            "ssm",
            Protocol::Json,
            b"{\"MaxResults\":1e999}".to_vec(),
            "SerializationException",
        ),
        (
            "ssm",
            Protocol::Json,
            b"{\"Name\":\"\xff\"}".to_vec(),
            "SerializationException",
        ),
        (
            "ssm",
            Protocol::Json,
            b"\xef\xbb\xbf{}".to_vec(),
            "SerializationException",
        ),
        (
            "monitoring",
            Protocol::Cbor,
            [&[0x81; 100_000][..], &[0]].concat(),
            "SerializationException",
        ),
        (
            "monitoring",
            Protocol::Cbor,
            b"\xa1\x61x\x9b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "SerializationException",
        ),
        (
            "monitoring",
            Protocol::Cbor,
            b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "SerializationException",
        ),
        // An integer past what JSON's 64 bits hold, a big number, not a number, bytes that are no UTF-8.
        (
            "monitoring",
            Protocol::Cbor,
            b"\xa1\x61x\x1b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "SerializationException",
        ),
        (
            "monitoring",
            Protocol::Cbor,
            b"\xa1\x61x\xc2\x49\x01\0\0\0\0\0\0\0\0".to_vec(),
            "SerializationException",
        ),
        (
            "monitoring",
            Protocol::Cbor,
            b"\xa1\x61x\xf9\x7e\x00".to_vec(),
            "SerializationException",
        ),
        (
            "monitoring",
            Protocol::Cbor,
            b"\xa1\x61x\x61\xff".to_vec(),
            "SerializationException",
        ),
        (
            "iam",
            Protocol::Query,
            format!("{}=1", nested("a.", "", 50_000)).into(),
            "MalformedQueryString",
        ),
        (
            "iam",
            Protocol::Query,
            b"Tags.member.99999999999=1".to_vec(),
            "MalformedInput",
        ),
        (
            "monitoring",
            Protocol::Query,
            b"MaxRecords=99999999999999999999".to_vec(),
            "MalformedInput",
        ),
    ];
    for (service, protocol, body, expected) in cases {
        let model = Model::all().find(|model| model.signing == service).unwrap();
        let operation = match service {
            "ssm" => "DescribeParameters",
            "monitoring" => "DescribeAlarms",
            _ => "TagRole",
        };
        let simulator = simulator();
        let mut request = model.request(protocol, operation, &json!({}));
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        *request.body_mut() = match protocol {
            Protocol::Query => [request.body(), b"&RoleName=r&".as_slice(), &body]
                .concat()
                .into(),
            _ => body.into(),
        };
        let reply = answered(&simulator, &signed(&simulator, service, request), &shown);
        assert_eq!(
            code(&reply),
            expected,
            "{service} {shown}: {}",
            String::from_utf8_lossy(reply.body())
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_http_do_not_take_the_server_down() {
    let seed = number("FUZZ_SEED", 1);
    let mut random = Rng::with_seed(seed);
    let server = Server::start().await;
    let starts: [&[u8]; 8] = [
        b"", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST / HTTP/1.1\r\n", b"GET /", b"POST /_simulator/faults HTTP/1.1\r\n",
        b"PUT /_simulator/faults HTTP/1.1\r\ncontent-length: 9\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ];
    for round in 0..200 {
        let mut bytes = pick(&mut random, &starts).to_vec();
        let noise = random.usize(0..300);
        bytes.extend((0..noise).map(|_| random.u8(..)));
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // The server may have closed already.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut reply = Vec::new();
        let read = tokio::time::timeout(SLOW, stream.read_to_end(&mut reply)).await;
        assert!(
            read.is_ok(),
            "seed {seed}, round {round}: no end to {bytes:x?}"
        );
        assert!(
            reply.is_empty() || reply.starts_with(b"HTTP/1.1 4"),
            "{}",
            String::from_utf8_lossy(&reply)
        );
    }
    assert_eq!(
        server.admin("GET", "ready").await.1,
        json!({ "ready": true })
    );
    server.stop().await;
}
