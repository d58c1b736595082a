//! AWS's wire protocols, taken off a request and put onto a reply.
//!
//! Takes one HTTP request with its body read, gives one HTTP response; sees no socket, so the in-process client and the
//! server share every byte of it. Which service is meant is what the request is signed for; which protocol, what its
//! headers say. `signature` says who asks.
//!
//! ```text
//! headers ─Dialect::of→ service + protocol      body ─read→ operation + input ─Simulator::receive→ ─write→ reply
//! ```

mod cbor;
mod json;
mod query;
mod rest;
mod service;
mod shape;
mod signature;
mod xml;

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value};

use self::service::{Service, Style};
use self::signature::{Key, Meant};
use super::call::{Answer, Call, Millis, Refusal, SERIALIZATION, UNKNOWN_OPERATION};
use super::fault::Loss;
use super::journal::Entry;
use super::{Simulator, World, sts};

/// The largest body read. AWS takes 1 MiB for PutLogEvents and PutMetricData, less elsewhere.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Answers one request, or says how its reply was lost.
pub fn reply(simulator: &Simulator, request: &Request<Bytes>) -> Result<Response<Bytes>, Loss> {
    let request_id = simulator.next_request_id();
    let unread = |service, refusal: &Refusal| {
        simulator.note_unread(Entry {
            at: simulator.now(),
            input: Value::Null,
            operation: String::new(),
            outcome: refusal.code.to_owned(),
            principal: None,
            request_id: request_id.clone(),
            service,
        });
    };
    let dialect = match Dialect::of(request.method(), request.uri().path(), request.headers()) {
        Ok(dialect) => dialect,
        Err(refusal) => {
            unread("", &refusal);
            return Ok(json::refuse(json::Version::V1_1, &refusal, &request_id));
        }
    };
    let (operation, answer) = match read(simulator, &dialect, request) {
        Ok(call) => {
            let answer = simulator.receive(&call, request_id.clone())?;
            (call.operation, answer)
        }
        Err(refusal) => {
            unread(dialect.service.name, &refusal);
            (String::new(), Err(refusal))
        }
    };
    Ok(write(&dialect, &operation, answer, &request_id))
}

/// The signing name spelt so, when there is such a service.
pub(super) fn service_named(name: &str) -> Option<&'static str> {
    service::named(name).map(|service| service.name)
}

/// All signing names.
pub(super) fn service_names() -> String {
    service::names()
}

/// The reply to a request whose body is not read because it is longer than [`BODY_BYTES_MAX`].
pub fn too_large(simulator: &Simulator, head: &Parts) -> Response<Bytes> {
    let refusal = over_bound();
    let request_id = simulator.next_request_id();
    match Dialect::of(&head.method, head.uri.path(), &head.headers) {
        Ok(dialect) => write(&dialect, "", Err(refusal), &request_id),
        Err(_) => json::refuse(json::Version::V1_1, &refusal, &request_id),
    }
}

enum Protocol {
    /// The operation is in `X-Amz-Target`, the input in a JSON body.
    Json {
        version: json::Version,
        operation: String,
    },
    /// The operation is in the path, the input in a CBOR body (Smithy RPC v2).
    Cbor { operation: String },
    /// Operation and input are form fields, or (REST-XML) method and path; the reply is XML.
    Query,
}

/// To whom a request speaks, and how: known from its head alone, so that even a refusal is in the client's language.
struct Dialect {
    service: &'static Service,
    protocol: Protocol,
}

impl Dialect {
    fn of(method: &Method, path: &str, headers: &HeaderMap) -> Result<Dialect, Refusal> {
        let (shape, mut protocol) = if let Some(rest) = path.strip_prefix("/service/") {
            let (shape, operation) = rest.split_once("/operation/").unwrap_or((rest, ""));
            (
                Some(shape.to_owned()),
                Protocol::Cbor {
                    operation: operation.to_owned(),
                },
            )
        } else if let Some(target) = text(headers, "x-amz-target") {
            let (shape, operation) = target.split_once('.').unwrap_or((target, ""));
            let content_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
            let version = if content_type.ends_with("json-1.0") {
                json::Version::V1_0
            } else {
                json::Version::V1_1
            };
            (
                Some(shape.to_owned()),
                Protocol::Json {
                    version,
                    operation: operation.to_owned(),
                },
            )
        } else {
            (None, Protocol::Query)
        };
        let host = text(headers, HOST.as_str()).unwrap_or_default();
        // What is asked for counts before what it is signed for: the signature must match it.
        let shaped = shape.as_deref().and_then(service::with_shape);
        let service = shaped.or_else(|| match signed_for(headers) {
            Some(name) => service::named(name),
            None => service::named(host.split('.').next().unwrap_or_default()),
        });
        // A prefix of no service here names none of its operations either.
        if shape.is_some()
            && shaped.is_none()
            && let Protocol::Json { operation, .. } | Protocol::Cbor { operation } = &mut protocol
        {
            operation.clear();
        }
        if service.is_none() && !headers.contains_key(AUTHORIZATION) {
            return Err(signature::unsigned());
        }
        let unknown = || Refusal {
            code: "UnknownServiceException",
            message: format!(
                "{method} {path} names no simulated service; there are: {}",
                service::names()
            ),
            status: 404,
        };
        Ok(Dialect {
            service: service.ok_or_else(unknown)?,
            protocol,
        })
    }
}

/// The service in `Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260801/us-east-1/ecs/aws4_request, …`.
fn signed_for(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = text(headers, AUTHORIZATION.as_str())?.split_once("Credential=")?;
    credential.split([',', ' ']).next()?.split('/').nth(3)
}

/// The call a request makes. Refuses in AWS's order: who is asking, then what.
fn read(
    simulator: &Simulator,
    dialect: &Dialect,
    request: &Request<Bytes>,
) -> Result<Call, Refusal> {
    let headers = request.headers();
    let meant = Meant {
        region: dialect.service.region().unwrap_or(simulator.region()),
        service: dialect.service.name,
        now: simulator.client_now(),
    };
    let principal = signature::verify(request, &meant, |id| {
        simulator.with(|world, now| key(world, id, now))
    })?;
    let rest = dialect.service.style() == Some(Style::Rest);
    if request.method() != Method::POST && !rest {
        let message = format!(
            "{} is not a method of this endpoint: use POST.",
            request.method()
        );
        return Err(Refusal {
            code: "MethodNotAllowed",
            message,
            status: 405,
        });
    }
    let body = plain(headers, request.body())?;
    let body = body.as_ref();
    let (operation, input): (String, Map<String, Value>) = match &dialect.protocol {
        Protocol::Json { operation, .. } => (operation.clone(), json::input(body)?),
        Protocol::Cbor { operation } => (operation.clone(), cbor::input(body)?),
        Protocol::Query if rest => rest::input(request.method(), request.uri())?,
        Protocol::Query => query::input(body, dialect.service)?,
    };
    let is_name = !operation.is_empty()
        && operation
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric());
    if !is_name {
        return Err(Refusal::new(
            UNKNOWN_OPERATION,
            "The request names no operation.",
        ));
    }
    let text = matches!(dialect.protocol, Protocol::Query);
    shape::check(dialect.service.name, &operation, &input, text)?;
    Ok(Call {
        service: dialect.service.name,
        operation,
        input,
        principal: Some(principal),
        now: simulator.now(),
    })
}

/// The key of this id: a user's, or a session's.
fn key(world: &World, id: &str, now: Millis) -> Option<Key> {
    if let Some(key) = world.access_keys.iter().find(|key| key.id == id) {
        return Some(Key {
            secret: key.secret.clone(),
            token: None,
            expired: false,
            principal: key.principal.clone(),
        });
    }
    let session = sts::session(world, id)?;
    Some(Key {
        secret: session.secret.clone(),
        token: Some(session.token.clone()),
        expired: session.expires <= now,
        principal: session.principal.clone(),
    })
}

/// The body without the compression a client may put on a large one, as the SDKs do for PutMetricData from 10 KiB on.
/// <https://smithy.io/2.0/spec/behavior-traits.html#requestcompression-trait>
fn plain<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
    let body = match text(headers, CONTENT_ENCODING.as_str()) {
        None => Cow::Borrowed(body),
        Some("gzip") => {
            let mut unpacked = Vec::new();
            // One byte more than is taken shows that there are more.
            let mut reader = GzDecoder::new(body).take(BODY_BYTES_MAX as u64 + 1);
            let read = reader.read_to_end(&mut unpacked);
            read.map_err(|error| {
                Refusal::new(SERIALIZATION, format!("The body is not gzip: {error}"))
            })?;
            Cow::Owned(unpacked)
        }
        Some(other) => {
            return Err(Refusal::new(
                SERIALIZATION,
                format!("The content encoding {other} is not known"),
            ));
        }
    };
    if body.len() > BODY_BYTES_MAX {
        Err(over_bound())
    } else {
        Ok(body)
    }
}

fn over_bound() -> Refusal {
    Refusal {
        code: "RequestEntityTooLargeException",
        message: format!("The body is longer than {BODY_BYTES_MAX} bytes."),
        status: 413,
    }
}

fn write(dialect: &Dialect, operation: &str, answer: Answer, request_id: &str) -> Response<Bytes> {
    let service = dialect.service;
    match (&dialect.protocol, answer) {
        (Protocol::Json { version, .. }, Ok(output)) => json::answer(*version, output, request_id),
        (Protocol::Json { version, .. }, Err(refusal)) => {
            let shape = service.shape_of(&refusal);
            query_compatible(
                service,
                &refusal,
                json::refuse(*version, &shape, request_id),
            )
        }
        (Protocol::Cbor { .. }, Ok(output)) => cbor::answer(output, request_id),
        (Protocol::Cbor { .. }, Err(refusal)) => {
            let shape = service.shape_of(&refusal);
            query_compatible(service, &refusal, cbor::refuse(&shape, request_id))
        }
        (Protocol::Query, Ok(output)) => xml::answer(service, operation, &output, request_id),
        (Protocol::Query, Err(refusal)) => xml::refuse(service, &refusal, request_id),
    }
}

/// A service that moved from Query to another protocol repeats the code its older clients branch on.
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>
fn query_compatible(
    service: &Service,
    refusal: &Refusal,
    mut response: Response<Bytes>,
) -> Response<Bytes> {
    if service.query_compatible {
        let fault = if refusal.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", refusal.code)) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
    }
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A response of this body; the content type is one of the codecs' own, so the builder cannot fail.
fn response(
    status: u16,
    content_type: &'static str,
    request_id: &str,
    body: Vec<u8>,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
