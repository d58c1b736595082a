//! What holds for every request, whatever its route: its id, browser rules, security headers, its one log line and that it is counted.
//!
//! Takes a request from the wire, gives the response to write. It logs the route's template and never the path, the query, a header or
//! a body.

use super::App;
use super::RequestId;
use super::auth::Caller;
use super::docs;
use super::error::{self, Internal};
use super::reply::Response;
use super::route;
use crate::telemetry::metrics::Answered;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    CACHE_CONTROL, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use uuid::Uuid;
use warp::Reply as _;

/// On every response. None but those of `/docs`, which say for themselves what they may do, is ever to be shown as a page; none framed, or
/// guessed to be of another type.
const SECURITY_HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers one request through `routes`.
pub async fn answer<B, F>(
    app: &App,
    mut request: Request<B>,
    routes: impl FnOnce(Request<B>) -> F,
) -> Response
where
    F: Future<Output = Result<Response, Infallible>>,
{
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = route::template(request.uri().path());
    let origin = allowed_origin(request.headers(), &app.cors_origins);
    let preflight = method == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    request.extensions_mut().insert(RequestId(id.clone()));

    let mut response = if preflight {
        let mut response = StatusCode::NO_CONTENT.into_response();
        response.headers_mut().remove(http::header::CONTENT_TYPE);
        if origin.is_some() {
            allow_preflight(response.headers_mut());
        }
        response
    } else {
        match routes(request).await {
            Ok(response) => error::written(response, &id),
            Err(never) => match never {},
        }
    };

    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        let header = headers.entry(HeaderName::from_static(name));
        header.or_insert(HeaderValue::from_static(value));
    }
    // Not left to whoever made the response: warp gives event streams a `Cache-Control` of its own.
    if headers.get(CACHE_CONTROL) != Some(&docs::KEPT) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if !app.cors_origins.is_empty() {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        allow_origin(headers, origin);
    }
    let took = started.elapsed();
    let caller = response.extensions().get::<Caller>();
    app.metrics.answered(Answered {
        route,
        method: &method,
        status: response.status(),
        caller: caller.map(|caller| (caller.name.as_str(), caller.key.as_str())),
        took,
    });
    log(&method, route, &id, &response, took);
    response
}

fn log(
    method: &Method,
    route: &'static str,
    request_id: &str,
    response: &Response,
    took: Duration,
) {
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let caller = response.extensions().get::<Caller>();
    let key = caller.map(|caller| caller.key.as_str());
    let caller = caller.map(|caller| caller.name.as_str());
    let error = response
        .extensions()
        .get::<Internal>()
        .map(|Internal(error)| error.as_str());
    let method = method.as_str();
    if error.is_some() {
        tracing::error!(
            method,
            route,
            status,
            duration_ms,
            request_id,
            caller,
            key,
            error,
            "request"
        );
    } else if route.starts_with("/health") {
        // Probes come every few seconds and say nothing while they succeed.
        tracing::debug!(method, route, status, duration_ms, request_id, "request");
    } else {
        tracing::info!(
            method,
            route,
            status,
            duration_ms,
            request_id,
            caller,
            key,
            "request"
        );
    }
}

/// The inbound id if it is harmless, else a new one in the existing service's form.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    let inbound = headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(sane);
    inbound.map_or_else(
        || format!("req_{}", Uuid::new_v4().simple()),
        ToString::to_string,
    )
}

fn allowed_origin(headers: &HeaderMap, allowed: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    allowed
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        .then(|| origin.clone())
}

/// Without `Allow-Credentials`: the key is in a header that scripts set, and no cookie means anything here.
fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue) {
    let exposed = "Location, X-Request-Id, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotent-Replayed";
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(exposed),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
}

fn allow_preflight(headers: &mut HeaderMap) {
    let names =
        "Content-Type, X-API-Key, Authorization, Idempotency-Key, Last-Event-ID, X-Request-Id";
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(names),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_inbound_request_id_is_kept_only_when_it_is_harmless() {
        let id = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(text).unwrap());
            request_id(&headers)
        };
        assert_eq!(id("trace.1_a-B"), "trace.1_a-B");
        for wild in ["", "a b", "a\"b", "{}", &"x".repeat(65)] {
            assert!(id(wild).starts_with("req_"), "{wild}");
        }
    }
}
