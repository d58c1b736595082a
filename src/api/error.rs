//! What a client is told when something is wrong: one JSON shape for every error.
//!
//! Takes what happened, gives a response. The text for the client is public; the error underneath goes into the request's log line only
//! ([`Internal`] in the response's extensions) and never into the body. The body has the existing service's envelope and, beside it, the
//! members of RFC 9457; it stays `application/json`, which is what the clients of the existing service look for.

use super::auth::{Refused, Scope};
use super::rate_limit::Permit;
use super::reply::{self, Response};
use crate::deployment::chain::{Address, checksummed};
use crate::deployment::request::{FieldProblem, ModelId};
use crate::telemetry;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use std::borrow::Cow;
use uuid::Uuid;
use warp::Reply as _;

/// The internal text of an error, for the log line of its request.
#[derive(Debug, Clone)]
pub struct Internal(pub String);

/// What is wrong, for programs. Its status and title never vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request breaks a rule.
    Validation,
    /// No key, or one that is not configured.
    InvalidToken,
    /// The key is not for this.
    InsufficientPermissions,
    /// Unknown, forgotten, or another caller's.
    DeploymentNotFound,
    /// The model has no token.
    TokenNotFound,
    /// No such route.
    NotFound,
    /// The route does not take the method.
    MethodNotAllowed,
    /// The body was too slow.
    Timeout,
    /// The model has a token.
    TokenAlreadyExists,
    /// The model has a deployment that is under way.
    DuplicateDeployment,
    /// There is nothing left to cancel.
    NotCancellable,
    /// The body is too large.
    PayloadTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// The idempotency key was used with another body.
    IdempotencyKeyReused,
    /// The caller asks too much.
    RateLimitExceeded,
    /// A defect.
    Internal,
    /// Something this service needs does not answer.
    ServiceUnavailable,
}

impl Code {
    /// All of them, by status.
    #[cfg(test)]
    pub const ALL: [Self; 17] = [
        Self::Validation,
        Self::InvalidToken,
        Self::InsufficientPermissions,
        Self::DeploymentNotFound,
        Self::TokenNotFound,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::TokenAlreadyExists,
        Self::DuplicateDeployment,
        Self::NotCancellable,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::RateLimitExceeded,
        Self::Internal,
        Self::ServiceUnavailable,
    ];

    /// Its status, its name in bodies and its title.
    pub fn facts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as Is;
        match self {
            Self::Validation => (
                Is::BAD_REQUEST,
                "VALIDATION_ERROR",
                "The request breaks a rule",
            ),
            Self::InvalidToken => (
                Is::UNAUTHORIZED,
                "INVALID_TOKEN",
                "There is no valid API key",
            ),
            Self::InsufficientPermissions => (
                Is::FORBIDDEN,
                "INSUFFICIENT_PERMISSIONS",
                "The API key is not for this",
            ),
            Self::DeploymentNotFound => (
                Is::NOT_FOUND,
                "DEPLOYMENT_NOT_FOUND",
                "There is no such deployment",
            ),
            Self::TokenNotFound => (Is::NOT_FOUND, "TOKEN_NOT_FOUND", "The model has no token"),
            Self::NotFound => (Is::NOT_FOUND, "NOT_FOUND", "There is no such route"),
            Self::MethodNotAllowed => (
                Is::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "The route does not take this method",
            ),
            Self::Timeout => (
                Is::REQUEST_TIMEOUT,
                "TIMEOUT_ERROR",
                "The request was too slow",
            ),
            Self::TokenAlreadyExists => (
                Is::CONFLICT,
                "TOKEN_ALREADY_EXISTS",
                "The model has a token",
            ),
            Self::DuplicateDeployment => (
                Is::CONFLICT,
                "DUPLICATE_DEPLOYMENT",
                "The model has a deployment that is under way",
            ),
            Self::NotCancellable => (Is::CONFLICT, "NOT_CANCELLABLE", "The deployment has ended"),
            Self::PayloadTooLarge => (
                Is::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                "The body is too large",
            ),
            Self::UnsupportedMediaType => (
                Is::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "The body is not JSON",
            ),
            Self::IdempotencyKeyReused => (
                Is::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "The idempotency key stands for another request",
            ),
            Self::RateLimitExceeded => (
                Is::TOO_MANY_REQUESTS,
                "RATE_LIMIT_EXCEEDED",
                "Too many requests",
            ),
            Self::Internal => (
                Is::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "Internal server error",
            ),
            Self::ServiceUnavailable => (
                Is::SERVICE_UNAVAILABLE,
                "SERVICE_UNAVAILABLE",
                "The service is temporarily unavailable",
            ),
        }
    }
}

/// An answer that is not the one asked for.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: Code,
    message: Cow<'static, str>,
    /// Boxed, since most results carry none and every result carries the space.
    details: Option<Box<Value>>,
    suggestions: &'static [&'static str],
    retryable: bool,
    header: Option<Box<(&'static str, String)>>,
    internal: Option<Box<str>>,
}

/// What a client shows of a path it got wrong; longer ones are cut.
const PATH_CHARS_MAX: usize = 200;
/// What a `type` is made of. A name, not an address: nothing is served there (RFC 9457, 3.1.1).
pub const TYPE_PREFIX: &str = "tag:hokus.ai,2026:contracts/errors/";

impl ApiError {
    fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
            suggestions: &[],
            retryable: false,
            header: None,
            internal: None,
        }
    }

    fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    /// 401: no key, or one that is not configured.
    pub fn unauthenticated(refused: Refused) -> Self {
        let details = match refused {
            Refused::Absent => "Authentication token is required",
            Refused::Wrong => "Invalid API key",
            Refused::Expired => "The API key has expired",
        };
        Self {
            details: Some(Box::new(details.into())),
            suggestions: &["Send a valid API key in X-API-Key or Authorization: Bearer"],
            ..Self::new(Code::InvalidToken, "Invalid authentication token")
        }
        .with_header("www-authenticate", "Bearer")
    }

    /// 403: the key is not for this.
    pub fn out_of_scope(needed: Scope) -> Self {
        let details = format!("The API key has no scope \"{}\"", needed.word());
        Self {
            details: Some(Box::new(details.into())),
            suggestions: &["Use a key with this scope"],
            ..Self::new(Code::InsufficientPermissions, "Insufficient permissions")
        }
    }

    /// 400: the body breaks these rules.
    pub fn invalid(problems: Vec<FieldProblem>) -> Self {
        Self {
            details: Some(Box::new(json!(problems))),
            suggestions: &["Check the request format and required fields"],
            ..Self::new(Code::Validation, "Request validation failed")
        }
    }

    /// 400: not JSON. The parser says where and what it expected, not what it found.
    pub fn malformed(error: &serde_json::Error) -> Self {
        let message = format!(
            "Malformed JSON at line {} column {}",
            error.line(),
            error.column()
        );
        Self::invalid(vec![FieldProblem { field: "", message }])
    }

    /// 400: `:id` is not a version 4 UUID.
    pub fn invalid_id() -> Self {
        let message = "Invalid deployment ID format. Must be a valid UUID.".to_string();
        Self::invalid(vec![FieldProblem {
            field: "requestId",
            message,
        }])
    }

    /// 400: a header that cannot be used.
    pub fn invalid_idempotency_key() -> Self {
        let message =
            "Idempotency-Key must be 1-255 printable ASCII characters, sent once".to_string();
        Self::invalid(vec![FieldProblem {
            field: "Idempotency-Key",
            message,
        }])
    }

    /// 404: unknown, forgotten, or another caller's; all the same to the client.
    pub fn no_deployment(id: Uuid) -> Self {
        Self {
            details: Some(Box::new(
                format!("Deployment with ID \"{id}\" does not exist").into(),
            )),
            suggestions: &["Verify the deployment ID is correct"],
            ..Self::new(Code::DeploymentNotFound, "Deployment not found")
        }
    }

    /// 404: nobody has made a token for this model; `own` is the caller's deployment that may.
    pub fn no_token(model: &ModelId, own: Option<Uuid>) -> Self {
        let message = format!("Model \"{}\" has no token", model.as_str());
        let mut details = json!({ "message": message });
        if let Some(id) = own {
            details["requestId"] = json!(id);
            details["status"] = json!(status_path(id));
        }
        Self {
            details: Some(Box::new(details)),
            ..Self::new(Code::TokenNotFound, "The model has no token")
        }
    }

    /// 404: no such route.
    pub fn no_route(method: &Method, path: &str) -> Self {
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        Self::new(Code::NotFound, format!("Route {method} {path} not found"))
    }

    /// 405: the route exists, not with this method.
    pub fn wrong_method(method: &Method, path: &str, allow: String) -> Self {
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        Self {
            ..Self::new(
                Code::MethodNotAllowed,
                format!("Route {path} does not take {method}; it takes {allow}"),
            )
        }
        .with_header("allow", allow)
    }

    /// 408: the body did not arrive in time.
    pub fn slow_body() -> Self {
        Self {
            retryable: true,
            ..Self::new(Code::Timeout, "The request body did not arrive in time")
        }
        .with_header("connection", "close")
    }

    /// 413: the body is larger than `bytes_max`.
    pub fn too_large(bytes_max: usize) -> Self {
        Self {
            ..Self::new(
                Code::PayloadTooLarge,
                format!("The request body is larger than {bytes_max} bytes"),
            )
        }
        .with_header("connection", "close")
    }

    /// 415: not `application/json`, or compressed.
    pub fn not_json() -> Self {
        Self::new(
            Code::UnsupportedMediaType,
            "Send the body as Content-Type: application/json without Content-Encoding",
        )
    }

    /// 429: the caller's bucket is empty.
    pub fn too_many() -> Self {
        Self {
            retryable: true,
            suggestions: &["Wait for the time in Retry-After"],
            ..Self::new(Code::RateLimitExceeded, "Too many requests")
        }
    }

    /// 400: it is not the number of an event.
    pub fn invalid_last_event_id() -> Self {
        Self::invalid(vec![FieldProblem {
            field: "Last-Event-ID",
            message: "Last-Event-ID must be the id of an event of this stream".to_string(),
        }])
    }

    /// 429: the caller has as many event streams open as it may.
    pub fn too_many_streams() -> Self {
        Self {
            suggestions: &["Close event streams that are no longer needed, or ask for the status"],
            message: "Too many event streams are open".into(),
            ..Self::too_many()
        }
        .with_header("retry-after", "5")
    }

    /// 503: this process has as many event streams open as it may.
    pub fn streams_full() -> Self {
        Self {
            internal: Some("no event stream is free".into()),
            ..Self::away("Too many event streams are open")
        }
    }

    /// 503: this process is about to end; another answers.
    pub fn draining() -> Self {
        Self::away("This task is about to end")
    }

    /// 429: the key has had what it may have in a day.
    pub fn day_is_full(seconds: u64) -> Self {
        let details =
            "The API key has had its contract deployments, or their gas, of this day (UTC)";
        Self {
            details: Some(Box::new(details.into())),
            ..Self::too_many()
        }
        .with_header("retry-after", seconds.to_string())
    }

    /// 409: the model has a token.
    pub fn token_exists(model: &ModelId, token: Address) -> Self {
        let details = format!(
            "Model \"{}\" has the token {}",
            model.as_str(),
            checksummed(token)
        );
        Self {
            details: Some(Box::new(
                json!({ "message": details, "tokenAddress": checksummed(token) }),
            )),
            suggestions: &["Use the existing token", "Check deployment status"],
            ..Self::new(
                Code::TokenAlreadyExists,
                "Token already exists for this model",
            )
        }
    }

    /// 409: a deployment of the model is under way; `own` is its id if it is the caller's.
    pub fn duplicate(model: &ModelId, own: Option<Uuid>) -> Self {
        let message = format!(
            "Deployment already in progress for model {}",
            model.as_str()
        );
        let details = match own {
            Some(id) => json!({ "message": message, "requestId": id, "status": status_path(id) }),
            None => json!({ "message": message }),
        };
        Self {
            details: Some(Box::new(details)),
            suggestions: &["Follow the deployment that is in progress"],
            ..Self::new(Code::DuplicateDeployment, message)
        }
    }

    /// 422: the idempotency key was used with another body.
    pub fn idempotency_mismatch() -> Self {
        Self {
            suggestions: &["Use a new Idempotency-Key for a new request"],
            ..Self::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key was used with another request body",
            )
        }
    }

    /// 409: there is nothing left to cancel.
    pub fn not_cancellable(status: &str) -> Self {
        Self {
            suggestions: &["Check deployment status"],
            ..Self::new(
                Code::NotCancellable,
                format!("The deployment is {status} and cannot be cancelled"),
            )
        }
    }

    /// 503: data was lost, and what the chain knows of this model is being found out.
    pub fn settling() -> Self {
        Self {
            internal: Some("the records are being reconciled with the chain".into()),
            ..Self::away("The service is temporarily unavailable")
        }
    }

    /// 503: too many deployments are waiting.
    pub fn full() -> Self {
        Self {
            internal: Some("the queue is full".into()),
            ..Self::away("Too many deployments are waiting")
        }
    }

    /// 503: something this service depends on does not answer.
    pub fn unavailable(error: &dyn std::error::Error) -> Self {
        Self {
            internal: Some(telemetry::chain(error).into()),
            ..Self::away("The service is temporarily unavailable")
        }
    }

    /// 500: a defect.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        Self {
            retryable: true,
            internal: Some(telemetry::chain(error).into()),
            suggestions: &["Try again later", "Contact support if the issue persists"],
            ..Self::new(Code::Internal, "Internal server error")
        }
    }

    fn away(message: &'static str) -> Self {
        Self {
            retryable: true,
            suggestions: &["Try again later"],
            ..Self::new(Code::ServiceUnavailable, message)
        }
        .with_header("retry-after", "5")
    }

    /// The response, with what is left of the caller's bucket if one was touched. Its body is written last, by [`written`], where the request's id
    /// is known.
    pub fn into_response(self, permit: Option<&Permit>) -> Response {
        let mut response = self.code.facts().0.into_response();
        if let Some((name, value)) = self.header.as_deref()
            && let Ok(value) = HeaderValue::from_str(value)
        {
            response.headers_mut().insert(*name, value);
        }
        if let Some(permit) = permit {
            permit.stamp(response.headers_mut());
        }
        response.extensions_mut().insert(self);
        response
    }

    fn body(self, request_id: &str) -> (Value, Option<Internal>) {
        let Self {
            code,
            message,
            details,
            suggestions,
            retryable,
            header: _,
            internal,
        } = self;
        let (status, name, title) = code.facts();
        let told = details.as_deref();
        let told = told.and_then(|details| details.as_str().or(details["message"].as_str()));
        let mut body = json!({
            "success": false,
            "type": format!("{TYPE_PREFIX}{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": told.unwrap_or(&message),
            "error": { "code": name, "message": message, "timestamp": reply::timestamp(), "retryable": retryable },
            "meta": reply::meta(request_id),
        });
        if let Some(details) = details {
            body["error"]["details"] = *details;
        }
        if !suggestions.is_empty() {
            body["error"]["suggestions"] = json!(suggestions);
        }
        (body, internal.map(|text| Internal(text.into())))
    }
}

/// The response with its body, if it is an error that has none yet.
pub fn written(mut response: Response, request_id: &str) -> Response {
    let Some(error) = response.extensions_mut().remove::<ApiError>() else {
        return response;
    };
    let (body, internal) = error.body(request_id);
    let mut written = reply::json(response.status(), &body);
    for (name, value) in response.headers() {
        if name != http::header::CONTENT_TYPE {
            written.headers_mut().insert(name, value.clone());
        }
    }
    *written.extensions_mut() = std::mem::take(response.extensions_mut());
    if let Some(internal) = internal {
        written.extensions_mut().insert(internal);
    }
    written
}

/// Where a deployment's status is.
pub fn status_path(id: Uuid) -> String {
    format!("/api/deployments/{id}/status")
}

/// Where it is cancelled.
pub fn cancel_path(id: Uuid) -> String {
    format!("/api/deployments/{id}/cancel")
}
