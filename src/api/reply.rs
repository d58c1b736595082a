//! The outside of every answer: JSON bodies and timestamps.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
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
    let meta = json!({ "requestId": request_id, "timestamp": timestamp(), "version": "1.0" });
    json(
        status,
        &json!({ "success": true, "data": data, "meta": meta }),
    )
}

/// Now, as ISO 8601 with milliseconds.
pub fn timestamp() -> String {
    iso(crate::deployment::worker::now_ms())
}

/// Milliseconds since 1970 as ISO 8601 with milliseconds, UTC: what JavaScript's `toISOString` gives.
pub fn iso(ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::iso;

    #[test]
    fn times_look_as_javascript_writes_them() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(1_757_500_000_123), "2025-09-10T10:26:40.123Z");
    }
}
