//! What a client is told when something is wrong: one JSON shape for every error.
//!
//! Takes what happened, gives a response. The text for the client is public; the error underneath goes into the request's log line only
//! ([`Internal`] in the response's extensions) and never into the body.

use super::auth::Refused;
use super::rate_limit::Permit;
use super::reply::{self, Response};
use crate::deployment::chain::{Address, checksummed};
use crate::deployment::request::{FieldProblem, ModelId};
use crate::telemetry;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// The internal text of an error, for the log line of its request.
#[derive(Debug, Clone)]
pub struct Internal(pub String);

/// An answer that is not the one asked for.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Boxed, since most results carry none and every result carries the space.
    details: Option<Box<Value>>,
    suggestions: &'static [&'static str],
    retryable: bool,
    header: Option<(&'static str, &'static str)>,
    internal: Option<Box<str>>,
}

/// What a client shows of a path it got wrong; longer ones are cut.
const PATH_CHARS_MAX: usize = 200;

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: None,
            suggestions: &[],
            retryable: false,
            header: None,
            internal: None,
        }
    }

    /// 401: no key, or one that is not configured.
    pub fn unauthenticated(refused: Refused) -> Self {
        let details = match refused {
            Refused::Absent => "Authentication token is required",
            Refused::Wrong => "Invalid API key",
        };
        Self {
            details: Some(Box::new(details.into())),
            suggestions: &["Send a valid API key in X-API-Key or Authorization: Bearer"],
            header: Some(("www-authenticate", "Bearer")),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "INVALID_TOKEN",
                "Invalid authentication token",
            )
        }
    }

    /// 400: the body breaks these rules.
    pub fn invalid(problems: Vec<FieldProblem>) -> Self {
        Self {
            details: Some(Box::new(json!(problems))),
            suggestions: &["Check the request format and required fields"],
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "VALIDATION_ERROR",
                "Request validation failed",
            )
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
            ..Self::new(
                StatusCode::NOT_FOUND,
                "DEPLOYMENT_NOT_FOUND",
                "Deployment not found",
            )
        }
    }

    /// 404: no such route.
    pub fn no_route(method: &Method, path: &str) -> Self {
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        Self::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            format!("Route {method} {path} not found"),
        )
    }

    /// 405: the route exists, not with this method.
    pub fn wrong_method(method: &Method, path: &str, allow: &'static str) -> Self {
        let path: String = path.chars().take(PATH_CHARS_MAX).collect();
        Self {
            header: Some(("allow", allow)),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                format!("Route {path} does not take {method}; it takes {allow}"),
            )
        }
    }

    /// 408: the body did not arrive in time.
    pub fn slow_body() -> Self {
        Self {
            retryable: true,
            header: Some(("connection", "close")),
            ..Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "TIMEOUT_ERROR",
                "The request body did not arrive in time",
            )
        }
    }

    /// 413: the body is larger than `bytes_max`.
    pub fn too_large(bytes_max: usize) -> Self {
        Self {
            header: Some(("connection", "close")),
            ..Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                format!("The request body is larger than {bytes_max} bytes"),
            )
        }
    }

    /// 415: not `application/json`, or compressed.
    pub fn not_json() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "Send the body as Content-Type: application/json without Content-Encoding",
        )
    }

    /// 429: the caller's bucket is empty.
    pub fn too_many() -> Self {
        Self {
            retryable: true,
            suggestions: &["Wait for the time in Retry-After"],
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMIT_EXCEEDED",
                "Too many requests",
            )
        }
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
                StatusCode::CONFLICT,
                "TOKEN_ALREADY_EXISTS",
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
            ..Self::new(StatusCode::CONFLICT, "DUPLICATE_DEPLOYMENT", message)
        }
    }

    /// 422: the idempotency key was used with another body.
    pub fn idempotency_mismatch() -> Self {
        Self {
            suggestions: &["Use a new Idempotency-Key for a new request"],
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "This Idempotency-Key was used with another request body",
            )
        }
    }

    /// 409: there is nothing left to cancel.
    pub fn not_cancellable(status: &str) -> Self {
        Self {
            suggestions: &["Check deployment status"],
            ..Self::new(
                StatusCode::CONFLICT,
                "NOT_CANCELLABLE",
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
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "Internal server error",
            )
        }
    }

    fn away(message: &str) -> Self {
        Self {
            retryable: true,
            suggestions: &["Try again later"],
            header: Some(("retry-after", "5")),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "SERVICE_UNAVAILABLE",
                message,
            )
        }
    }

    /// The response, with what is left of the caller's bucket if one was touched.
    pub fn into_response(self, permit: Option<&Permit>) -> Response {
        let Self {
            status,
            code,
            message,
            details,
            suggestions,
            retryable,
            header,
            internal,
        } = self;
        let mut error = json!({ "code": code, "message": message, "timestamp": reply::timestamp(), "retryable": retryable });
        if let Some(details) = details {
            error["details"] = *details;
        }
        if !suggestions.is_empty() {
            error["suggestions"] = json!(suggestions);
        }
        let mut response = reply::json(status, &json!({ "success": false, "error": error }));
        if let Some((name, value)) = header {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        if let Some(permit) = permit {
            permit.stamp(response.headers_mut());
        }
        if let Some(internal) = internal {
            response.extensions_mut().insert(Internal(internal.into()));
        }
        response
    }
}

/// Where a deployment's status is.
pub fn status_path(id: Uuid) -> String {
    format!("/api/deployments/{id}/status")
}

/// Where it is cancelled.
pub fn cancel_path(id: Uuid) -> String {
    format!("/api/deployments/{id}/cancel")
}
