//! AWS JSON 1.0 and 1.1: a JSON object in, a JSON object out.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>. Timestamps leave as epoch seconds with milliseconds.

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};

use super::super::call::{Millis, Refusal, SERIALIZATION, marked_map};

/// The two differ in nothing but their content type.
#[derive(Clone, Copy)]
pub(super) enum Version {
    V1_0,
    V1_1,
}

impl Version {
    fn content_type(self) -> &'static str {
        match self {
            Version::V1_0 => "application/x-amz-json-1.0",
            Version::V1_1 => "application/x-amz-json-1.1",
        }
    }
}

pub(super) fn input(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Refusal::new(
            SERIALIZATION,
            "Start of structure or map found where not expected.",
        )),
        Err(error) => Err(Refusal::new(
            SERIALIZATION,
            format!("The body is not JSON: {error}"),
        )),
    }
}

pub(super) fn answer(version: Version, output: Value, request_id: &str) -> Response<Bytes> {
    let mut output = if output.is_null() { json!({}) } else { output };
    write_timestamps(&mut output);
    super::response(
        200,
        version.content_type(),
        request_id,
        output.to_string().into_bytes(),
    )
}

pub(super) fn refuse(version: Version, refusal: &Refusal, request_id: &str) -> Response<Bytes> {
    let Refusal {
        code,
        message,
        status,
    } = refusal;
    let body = json!({ "__type": code, "message": message }).to_string();
    let mut response = super::response(
        *status,
        version.content_type(),
        request_id,
        body.into_bytes(),
    );
    response
        .headers_mut()
        .insert("x-amzn-errortype", HeaderValue::from_static(code));
    response
}

/// The time in a `call::timestamp` marker.
pub(super) fn marked_time(value: &Value) -> Option<Millis> {
    let object = value.as_object()?;
    (object.len() == 1)
        .then(|| object.get("$timestamp")?.as_u64())
        .flatten()
}

fn write_timestamps(value: &mut Value) {
    if let Some(at) = marked_time(value) {
        *value = if at % 1000 == 0 {
            json!(at / 1000)
        } else {
            json!(at as f64 / 1000.0)
        };
        return;
    }
    if let Some(entries) = marked_map(value) {
        *value = Value::Object(entries.clone());
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(write_timestamps),
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(write_timestamps);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
