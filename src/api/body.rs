//! Reading a request's body within bounds.
//!
//! Takes the headers and the stream, gives the bytes or the error to answer with. Never holds more than [`BYTES_MAX`]; what is
//! beyond is read and thrown away for a while, because a client that is still sending when its connection closes sees a reset
//! instead of the answer.

use super::error::ApiError;
use bytes::Buf;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use std::time::Duration;
use warp::Stream;

/// The largest request is a few kilobytes; this leaves room.
pub const BYTES_MAX: usize = 64 << 10;
/// How much of a body that is too large is read and thrown away.
const DISCARD_BYTES_MAX: usize = 16 << 20;
/// For the whole body, discarded bytes included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The whole body.
///
/// # Errors
/// 415, 413, 408; 400 when the connection breaks inside the body.
pub async fn read(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Vec<u8>, ApiError> {
    if !is_json(headers) || headers.contains_key(CONTENT_ENCODING) {
        return Err(ApiError::not_json());
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // The client asks before it sends: it need not send at all.
    if headers.contains_key(EXPECT) && length.is_some_and(|length| length > BYTES_MAX as u64) {
        return Err(ApiError::too_large(BYTES_MAX));
    }
    tokio::time::timeout(TIMEOUT, collect(body))
        .await
        .unwrap_or_else(|_| Err(ApiError::slow_body()))
}

async fn collect(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Vec<u8>, ApiError> {
    let mut body = std::pin::pin!(body);
    let (mut bytes, mut total) = (Vec::new(), 0_usize);
    while let Some(chunk) = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await {
        let Ok(mut chunk) = chunk else {
            return Err(ApiError::slow_body());
        };
        total = total.saturating_add(chunk.remaining());
        if total > DISCARD_BYTES_MAX {
            break;
        }
        if total <= BYTES_MAX {
            bytes.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
        }
    }
    if total > BYTES_MAX {
        Err(ApiError::too_large(BYTES_MAX))
    } else {
        Ok(bytes)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
