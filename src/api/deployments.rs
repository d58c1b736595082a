//! `POST /api/deployments`, `GET /api/deployments/:id` and `POST /api/deployments/:id/cancel`.
//!
//! Takes a request's parts, gives the response. The order of checks is the order of the lines: caller, rate limit, body, fields, chain,
//! submission. Nothing unauthenticated touches Redis, and nothing is answered with 202 that is not stored.

use super::App;
use super::auth::Caller;
use super::body;
use super::error::{ApiError, cancel_path, status_path};
use super::rate_limit::{Kind, Permit};
use super::reply::{self, Response, iso};
use crate::crash;
use crate::deployment::chain::checksummed;
use crate::deployment::request::{self, ModelId, Parsed};
use crate::deployment::store::{Idempotency, StoreError, Submitted, Wish};
use crate::deployment::worker::now_ms;
use crate::deployment::{Deployment, Failure, Registration, State, Token};
use bytes::Buf;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use warp::Stream;

/// What the existing service promises, in seconds.
const ESTIMATED_SECONDS: u64 = 300;
/// How long a POST waits to hear from the chain whether the model has a token. Without an answer it is accepted: the worker asks again before it pays.
const CHAIN_TIMEOUT: Duration = Duration::from_millis(800);

/// Identifies one request in replies and logs.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A caller that may go on, and what its bucket says.
struct Admitted {
    caller: Caller,
    permit: Permit,
}

/// `POST /api/deployments`
pub async fn submit(
    app: Arc<App>,
    headers: HeaderMap,
    request_id: RequestId,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    let admitted = match admit(&app, &headers, Kind::Deploy).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = accept(&app, &admitted.caller, &headers, &request_id, body).await;
    admitted.answer(outcome)
}

/// `GET /api/deployments/:id` and `/:id/status`
pub async fn status(
    id: String,
    app: Arc<App>,
    headers: HeaderMap,
    request_id: RequestId,
) -> Response {
    let admitted = match admit(&app, &headers, Kind::Read).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = look_up(&app, &admitted.caller, &id, &request_id).await;
    admitted.answer(outcome)
}

/// `POST /api/deployments/:id/cancel`
pub async fn cancel(
    id: String,
    app: Arc<App>,
    headers: HeaderMap,
    request_id: RequestId,
) -> Response {
    let admitted = match admit(&app, &headers, Kind::Deploy).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = wish_cancelled(&app, &admitted.caller, &id, &request_id).await;
    admitted.answer(outcome)
}

async fn admit(app: &App, headers: &HeaderMap, kind: Kind) -> Result<Admitted, Response> {
    let caller = app
        .api_keys
        .caller(headers)
        .map_err(|refused| ApiError::unauthenticated(refused).into_response(None))?;
    match app.rate_limit.take(&caller, kind).await {
        Ok(permit) => {
            let admitted = Admitted { caller, permit };
            if permit.allowed {
                Ok(admitted)
            } else {
                Err(admitted.answer(Err(ApiError::too_many())))
            }
        }
        Err(error) => {
            let mut response = ApiError::unavailable(&error).into_response(None);
            response.extensions_mut().insert(caller);
            Err(response)
        }
    }
}

impl Admitted {
    fn answer(self, outcome: Result<Response, ApiError>) -> Response {
        let mut response = match outcome {
            Ok(mut response) => {
                self.permit.stamp(response.headers_mut());
                response
            }
            Err(error) => error.into_response(Some(&self.permit)),
        };
        // For the log line.
        response.extensions_mut().insert(self.caller);
        response
    }
}

async fn accept(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    request_id: &RequestId,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Response, ApiError> {
    let key = idempotency_key(headers)?;
    let bytes = body::read(headers, body).await?;
    let body: Value =
        serde_json::from_slice(&bytes).map_err(|error| ApiError::malformed(&error))?;
    let Parsed {
        request,
        fingerprint,
    } = request::parse(&body, &app.economics).map_err(ApiError::invalid)?;

    let model = request.model_id.clone();
    let token = match tokio::time::timeout(CHAIN_TIMEOUT, app.chain.token_of(&model)).await {
        Ok(Ok(token)) => token,
        Ok(Err(_)) | Err(_) => None,
    };
    let idempotency = key.map(|key| Idempotency { key, fingerprint });
    let id = app.store.id_for(&caller.name, idempotency.as_ref());
    let deployment = Deployment::submitted(id, caller.name.clone(), request, now_ms());
    crash::at("before-accept");
    let submitted = app
        .store
        .submit(&deployment, idempotency.as_ref(), token.is_some())
        .await
        .map_err(store_error)?;
    crash::at("after-accept");
    match (submitted, token) {
        (Submitted::New, _) => {
            app.wake.notify_one();
            app.metrics.submitted();
            tracing::info!(deployment = %deployment.id, caller = caller.name, model = model.as_str(), "deployment accepted");
            Ok(accepted(&deployment, request_id))
        }
        (Submitted::Existing(id), _) => {
            let known = app.store.read(id).await.map_err(store_error)?;
            known
                .map(|known| accepted(&known, request_id))
                .ok_or_else(|| ApiError::no_deployment(id))
        }
        (Submitted::Mismatch, _) => Err(ApiError::idempotency_mismatch()),
        (Submitted::HasToken, Some(token)) => Err(ApiError::token_exists(&model, token)),
        (Submitted::Settling, _) => Err(ApiError::settling()),
        (Submitted::HasToken, None) => Err(ApiError::internal(&StoreError::Confused)),
        (Submitted::Busy(id), _) => Err(busy(app, caller, &model, id).await?),
        (Submitted::Full, _) => Err(ApiError::full()),
    }
}

/// The model's other deployment, as far as this caller may know of it. A token is public, whose deployment it was is not.
async fn busy(app: &App, caller: &Caller, model: &ModelId, id: Uuid) -> Result<ApiError, ApiError> {
    let known = app.store.read(id).await.map_err(store_error)?;
    Ok(match known {
        Some(Deployment {
            state: State::Deployed { token, .. },
            ..
        }) => ApiError::token_exists(model, token.address),
        Some(other) if other.caller == caller.name => ApiError::duplicate(model, Some(id)),
        Some(_) | None => ApiError::duplicate(model, None),
    })
}

async fn look_up(
    app: &App,
    caller: &Caller,
    id: &str,
    request_id: &RequestId,
) -> Result<Response, ApiError> {
    let deployment = own(app, caller, id).await?;
    Ok(reply::success(
        StatusCode::OK,
        &request_id.0,
        &status_body(&deployment, &app.network),
    ))
}

/// Leaves the wish for whoever holds the lease: it alone knows what was sent. The status tells what came of it.
async fn wish_cancelled(
    app: &App,
    caller: &Caller,
    id: &str,
    request_id: &RequestId,
) -> Result<Response, ApiError> {
    let deployment = own(app, caller, id).await?;
    let status = deployment.state.progress().status;
    if matches!(
        deployment.state,
        State::Deployed { .. } | State::Failed { .. }
    ) {
        return Err(ApiError::not_cancellable(status));
    }
    let wished = app.store.wish(deployment.id, Wish::Cancel).await;
    if !wished.map_err(store_error)? {
        return Err(ApiError::full());
    }
    app.wake.notify_one();
    tracing::info!(deployment = %deployment.id, caller = caller.name, "cancellation asked for");
    let data = json!({
        "requestId": deployment.id,
        "status": status,
        "message": "Cancellation requested; what is mined decides",
        "links": { "status": status_path(deployment.id) },
    });
    Ok(reply::success(StatusCode::ACCEPTED, &request_id.0, &data))
}

/// A deployment of this caller; another's does not exist for it.
async fn own(app: &App, caller: &Caller, id: &str) -> Result<Deployment, ApiError> {
    let id = parse_id(id).ok_or_else(ApiError::invalid_id)?;
    let deployment = app.store.read(id).await.map_err(store_error)?;
    deployment
        .filter(|deployment| deployment.caller == caller.name)
        .ok_or_else(|| ApiError::no_deployment(id))
}

/// A version 4 UUID in its usual form only, as the existing service checks it.
fn parse_id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    (id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122).then_some(id)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut keys = headers.get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => match key.to_str() {
            Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_string())),
            Ok(_) | Err(_) => Err(ApiError::invalid_idempotency_key()),
        },
        (Some(_), Some(_)) => Err(ApiError::invalid_idempotency_key()),
    }
}

fn store_error(error: StoreError) -> ApiError {
    match &error {
        StoreError::Unavailable(_) => ApiError::unavailable(&error),
        StoreError::LeaseLost
        | StoreError::Stale(_)
        | StoreError::NonceTaken(_)
        | StoreError::Unsettled
        | StoreError::Missing(_)
        | StoreError::Forged(_)
        | StoreError::Unreadable { id: _, source: _ }
        | StoreError::Confused
        | StoreError::Illegal(_) => ApiError::internal(&error),
    }
}

fn accepted(deployment: &Deployment, request_id: &RequestId) -> Response {
    let path = status_path(deployment.id);
    let data = json!({
        "requestId": deployment.id,
        "status": deployment.state.progress().status,
        "estimatedCompletionTime": ESTIMATED_SECONDS,
        "message": "Deployment request queued successfully",
        "links": { "status": path, "cancel": cancel_path(deployment.id) },
    });
    let mut response = reply::success(StatusCode::ACCEPTED, &request_id.0, &data);
    if let Ok(location) = HeaderValue::from_str(&path) {
        response
            .headers_mut()
            .insert(http::header::LOCATION, location);
    }
    response
}

fn status_body(deployment: &Deployment, network: &str) -> Value {
    let progress = deployment.state.progress();
    let mut body = json!({
        "requestId": deployment.id,
        "status": progress.status,
        "progress": progress.percent,
        "currentStep": progress.step,
        "lastUpdated": iso(deployment.updated_at_ms),
        "estimatedCompletion": iso(deployment.submitted_at_ms + ESTIMATED_SECONDS * 1000),
    });
    match &deployment.state {
        State::Deployed {
            token,
            registration,
        } => body["tokenDetails"] = token_body(deployment, token, registration, network),
        State::Failed { failure } => {
            body["error"] = failure_body(failure, deployment.updated_at_ms)
        }
        State::Queued | State::InFlight(_) | State::Parked { .. } => {}
    }
    body
}

/// `registryTransactionHash` is there only when this service registered the token; the existing service repeated the other hash there.
fn token_body(
    deployment: &Deployment,
    token: &Token,
    registration: &Registration,
    network: &str,
) -> Value {
    let Token {
        address,
        transaction_hash,
        block_number,
        gas_used,
        gas_price_wei,
        deployed_at_ms,
    } = token;
    let mut body = json!({
        "tokenAddress": checksummed(*address),
        "tokenName": deployment.request.token_name.as_str(),
        "tokenSymbol": deployment.request.token_symbol.as_str(),
        "transactionHash": transaction_hash,
        "blockNumber": block_number,
        "gasUsed": gas_used.to_string(),
        "gasPrice": gas_price_wei.to_string(),
        "deploymentTime": iso(*deployed_at_ms),
        "network": network,
        "registered": matches!(registration, Registration::Done { .. }),
    });
    match registration {
        Registration::Done { transaction_hash } => {
            if let Some(hash) = transaction_hash {
                body["registryTransactionHash"] = json!(hash);
            }
        }
        Registration::Wanted | Registration::InFlight(_) => {
            body["notRegisteredBecause"] = json!("the registration is under way");
        }
        Registration::Not { reason } => body["notRegisteredBecause"] = json!(reason),
    }
    body
}

/// Public words for each failure, and whether the same request may succeed if it is sent again.
fn failure_body(failure: &Failure, at_ms: u64) -> Value {
    let (code, message, retryable, suggestion) = match failure {
        Failure::ModelTaken { token } => {
            let message = format!(
                "The model already has the token {}, which this request did not make",
                checksummed(*token)
            );
            (
                "TOKEN_ALREADY_EXISTS",
                message,
                false,
                "Use the existing token",
            )
        }
        Failure::WouldRevert => (
            "DEPLOYMENT_FAILED",
            "The contract would refuse the deployment; nothing was sent".into(),
            false,
            "Check the request's values",
        ),
        Failure::Reverted { transaction_hash } => {
            let message =
                format!("The transaction {transaction_hash:?} was reverted by the contract");
            (
                "TRANSACTION_FAILED",
                message,
                true,
                "Try again; if the model got a token meanwhile, nothing will be sent",
            )
        }
        Failure::WithoutToken { transaction_hash } => {
            let message =
                format!("The transaction {transaction_hash:?} succeeded without making a token");
            ("DEPLOYMENT_FAILED", message, false, "Contact support")
        }
        Failure::OutsidePolicy => {
            let message =
                "The supply asked for is no longer within the configured limits; nothing was sent"
                    .into();
            (
                "DEPLOYMENT_FAILED",
                message,
                false,
                "Ask for a smaller supply",
            )
        }
        Failure::Expired => (
            "TIMEOUT_ERROR",
            "The deployment was not mined in time and was given up; it will never be".into(),
            true,
            "Try again later",
        ),
        Failure::Cancelled => (
            "DEPLOYMENT_CANCELLED",
            "The deployment was cancelled before it was mined; it will never be".into(),
            true,
            "Send the request again if the token is wanted after all",
        ),
        Failure::Rejected => (
            "TRANSACTION_FAILED",
            "The network does not take the transaction; nothing was deployed".into(),
            false,
            "Contact support",
        ),
        Failure::Closed => (
            "DEPLOYMENT_FAILED",
            "The deployment was given up by an operator; nothing was deployed".into(),
            true,
            "Contact support",
        ),
    };
    json!({ "code": code, "message": message, "timestamp": iso(at_ms), "retryable": retryable, "suggestions": [suggestion] })
}
