//! Smithy RPC v2 CBOR: the operation in the path, a CBOR map in, a CBOR map out.
//!
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>. CloudWatch's Rust client speaks nothing else,
//! and newer boto3 prefers it for Cloud Map too. Timestamps are tag 1 over a float.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ciborium::Value as Cbor;
use http::{HeaderValue, Response};
use serde_json::{Map, Number, Value, json};

use super::super::call::{Refusal, SERIALIZATION, marked_map};
use super::json::marked_time;

const CONTENT_TYPE: &str = "application/cbor";
const EPOCH_TAG: u64 = 1;
/// Deeper than any AWS shape, and shallow enough for any stack.
const DEPTH_MAX: usize = 64;

/// An operation without input has an empty body.
pub(super) fn input(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let refuse =
        |error: String| Refusal::new(SERIALIZATION, format!("The body is not CBOR: {error}"));
    let mut rest = body;
    let parsed: Cbor = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX)
        .map_err(|error| refuse(error.to_string()))?;
    if !rest.is_empty() {
        return Err(refuse(format!("{} bytes follow the map", rest.len())));
    }
    match read(parsed) {
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(Refusal::new(SERIALIZATION, "The body is not a map.")),
        None => Err(refuse(
            "a key is not text, or a number has no place in JSON".to_owned(),
        )),
    }
}

pub(super) fn answer(output: Value, request_id: &str) -> Response<Bytes> {
    respond(
        200,
        if output.is_null() { json!({}) } else { output },
        request_id,
    )
}

pub(super) fn refuse(refusal: &Refusal, request_id: &str) -> Response<Bytes> {
    let Refusal {
        code,
        message,
        status,
    } = refusal;
    respond(
        *status,
        json!({ "__type": code, "message": message }),
        request_id,
    )
}

fn respond(status: u16, body: Value, request_id: &str) -> Response<Bytes> {
    let mut bytes = Vec::new();
    // Writing to a Vec fails only for a value that cannot be written, and `write` makes none.
    if ciborium::into_writer(&write(body), &mut bytes).is_err() {
        return super::response(500, CONTENT_TYPE, request_id, Vec::new());
    }
    let mut response = super::response(status, CONTENT_TYPE, request_id, bytes);
    // Clients refuse a reply without it.
    response
        .headers_mut()
        .insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    response
}

fn read(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(word) => Value::Bool(word),
        Cbor::Integer(integer) => Value::Number(i64::try_from(integer).ok()?.into()),
        Cbor::Float(float) => Value::Number(Number::from_f64(float)?),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bytes(bytes) => Value::String(STANDARD.encode(bytes)),
        Cbor::Array(items) => Value::Array(items.into_iter().map(read).collect::<Option<_>>()?),
        Cbor::Map(members) => Value::Object(
            members
                .into_iter()
                .map(|(key, member)| Some((key.into_text().ok()?, read(member)?)))
                .collect::<Option<_>>()?,
        ),
        // A timestamp reads as JSON's would: epoch seconds.
        Cbor::Tag(EPOCH_TAG, content) => read(*content)?,
        _ => return None,
    })
}

fn write(value: Value) -> Cbor {
    if let Some(at) = marked_time(&value) {
        return Cbor::Tag(EPOCH_TAG, Box::new(Cbor::Float(at as f64 / 1000.0)));
    }
    if let Some(entries) = marked_map(&value) {
        return write(Value::Object(entries.clone()));
    }
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(word) => Cbor::Bool(word),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Cbor::Integer(integer.into()),
            (None, Some(float)) => Cbor::Float(float),
            (None, None) => Cbor::Null,
        },
        Value::String(text) => Cbor::Text(text),
        Value::Array(items) => Cbor::Array(items.into_iter().map(write).collect()),
        Value::Object(members) => Cbor::Map(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(key, member)| (Cbor::Text(key), write(member)))
                .collect(),
        ),
    }
}
