//! The outside of every answer: JSON bodies and timestamps.

pub use crate::timestamp::iso;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use warp::Reply as _;

/// What every route gives.
pub type Response = warp::reply::Response;

/// A JSON body.
pub fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = body.to_string().into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

/// `data` in the envelope of a success.
pub fn success(status: StatusCode, request_id: &str, data: &Value) -> Response {
    let body = json!({ "success": true, "data": data, "meta": meta(request_id) });
    json(status, &body)
}

/// What every body in an envelope says of its request.
pub fn meta(request_id: &str) -> Value {
    json!({ "requestId": request_id, "timestamp": timestamp(), "version": "1.0" })
}

/// Now, as ISO 8601 with milliseconds.
pub fn timestamp() -> String {
    iso(crate::deployment::worker::now_ms())
}
