//! What is done with one contract deployment: asked for, looked at, taken back.
//!
//! Takes a request's parts, gives the response. The order of checks is the order of the lines: caller, rate limit, body, fields, chain,
//! submission. Nothing unauthenticated touches Redis, and nothing is answered with 202 that is not stored.

use super::App;
use super::Asked;
use super::admit::admit;
use super::auth::Caller;
use super::body;
use super::day;
use super::error::{ApiError, status_path};
use super::rate_limit::Kind;
use super::reply::{self, Response};
use super::view;
use crate::crash;
use crate::deployment::chain::Address;
use crate::deployment::request::{self, ModelId, Parsed};
use crate::deployment::store::{Idempotency, StoreError, Submitted, Wish};
use crate::deployment::worker::now_ms;
use crate::deployment::{Deployment, State};
use bytes::Buf;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;
use warp::Stream;

/// How long a POST waits to hear from the chain whether the model has a token. Without an answer it is accepted: the worker asks again before it pays.
const CHAIN_TIMEOUT: Duration = Duration::from_millis(800);
/// The longest `Idempotency-Key`, as Stripe's.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// `POST /api/deployments`
pub async fn submit(
    asked: Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Deploy).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = accept(&asked, &admitted.caller, body).await;
    admitted.answer(outcome)
}

/// `GET /api/deployments/:id` and `/:id/status`
pub async fn status(asked: Asked, id: &str) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Read).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = look_up(&asked, &admitted.caller, id).await;
    admitted.answer(outcome)
}

/// `POST /api/deployments/:id/cancel`
pub async fn cancel(asked: Asked, id: &str) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Deploy).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = wish_cancelled(&asked, &admitted.caller, id).await;
    admitted.answer(outcome)
}

async fn accept(
    asked: &Asked,
    caller: &Caller,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Response, ApiError> {
    let app = &asked.app;
    let key = idempotency_key(&asked.headers)?;
    let Parsed {
        request,
        fingerprint,
    } = parsed(asked, body).await?;

    let model = request.model_id.clone();
    let token = token_of(app, &model, CHAIN_TIMEOUT).await.unwrap_or(None);
    let idempotency = key.map(|key| Idempotency { key, fingerprint });
    let id = app.store.id_for(&caller.name, idempotency.as_ref());
    let deployment = Deployment::submitted(id, caller.name.clone(), request, now_ms());
    // What is only asked for again has been counted.
    let again = caller.limited.by_day()
        && idempotency.is_some()
        && app.store.read(id).await.map_err(store_error)?.is_some();
    let counted = match again {
        true => None,
        false => Some(day::count(app, caller, &deployment.request).await?),
    };
    crash::at("before-accept");
    let submitted = app
        .store
        .submit(&deployment, idempotency.as_ref(), token.is_some())
        .await
        .map_err(store_error)?;
    crash::at("after-accept");
    if let Some(counted) = counted.filter(|_| submitted != Submitted::New) {
        counted.give_back(app, caller).await;
    }
    match (submitted, token) {
        (Submitted::New, _) => {
            app.wake.notify_one();
            app.metrics.submitted();
            tracing::info!(deployment = %id, caller = caller.name, model = model.as_str(), "deployment accepted");
            Ok(accepted(id, asked))
        }
        (Submitted::Existing(id), _) => {
            let mut again = accepted(id, asked);
            let replayed = HeaderValue::from_static("true");
            again.headers_mut().insert("idempotent-replayed", replayed);
            Ok(again)
        }
        (Submitted::Mismatch, _) => Err(ApiError::idempotency_mismatch()),
        (Submitted::HasToken, Some(token)) => Err(ApiError::token_exists(&model, token)),
        (Submitted::Settling, _) => Err(ApiError::settling()),
        (Submitted::HasToken, None) => Err(ApiError::internal(&StoreError::Confused)),
        (Submitted::Busy(id), _) => Err(busy(app, caller, &model, id).await?),
        (Submitted::Full, _) => Err(ApiError::full()),
    }
}

/// The request in the body, believed.
pub async fn parsed(
    asked: &Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Parsed, ApiError> {
    let bytes = body::read(&asked.headers, body).await?;
    let body: Value =
        serde_json::from_slice(&bytes).map_err(|error| ApiError::malformed(&error))?;
    request::parse(&body, &asked.app.economics).map_err(ApiError::invalid)
}

/// The model's token on chain.
///
/// # Errors
/// The nodes did not say within `timeout`.
pub async fn token_of(
    app: &App,
    model: &ModelId,
    timeout: Duration,
) -> Result<Option<Address>, ApiError> {
    match tokio::time::timeout(timeout, app.chain.token_of(model)).await {
        Ok(token) => token.map_err(|error| ApiError::unavailable(&error)),
        Err(late) => Err(ApiError::unavailable(&late)),
    }
}

/// The model's other deployment, as far as this caller may know of it. A token is public, whose deployment it was is not.
pub async fn busy(
    app: &App,
    caller: &Caller,
    model: &ModelId,
    id: Uuid,
) -> Result<ApiError, ApiError> {
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

async fn look_up(asked: &Asked, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let deployment = own(&asked.app, caller, id).await?;
    let data = view::deployment(&deployment, &asked.app.network);
    Ok(reply::success(StatusCode::OK, &asked.request_id.0, &data))
}

/// Leaves the wish for whoever holds the lease: it alone knows what was sent. The status tells what came of it.
async fn wish_cancelled(asked: &Asked, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let app = &asked.app;
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
    let request_id = &asked.request_id.0;
    Ok(reply::success(StatusCode::ACCEPTED, request_id, &data))
}

/// A deployment of this caller; another's does not exist for it.
pub async fn own(app: &App, caller: &Caller, id: &str) -> Result<Deployment, ApiError> {
    let id = parse_id(id).ok_or_else(ApiError::invalid_id)?;
    let deployment = app.store.read(id).await.map_err(store_error)?;
    deployment
        .filter(|deployment| caller.sees(&deployment.caller))
        .ok_or_else(|| ApiError::no_deployment(id))
}

/// A version 4 UUID in its usual form only, as the existing service checks it.
pub fn parse_id(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
    (id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122).then_some(id)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut keys = headers.get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => match key.to_str() {
            // Not a tab, which `to_str` lets pass.
            Ok(key)
                if (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len())
                    && key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) =>
            {
                Ok(Some(key.to_string()))
            }
            Ok(_) | Err(_) => Err(ApiError::invalid_idempotency_key()),
        },
        (Some(_), Some(_)) => Err(ApiError::invalid_idempotency_key()),
    }
}

/// What a failure of the store is to the client.
pub fn store_error(error: StoreError) -> ApiError {
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

fn accepted(id: Uuid, asked: &Asked) -> Response {
    let data = view::accepted(id);
    let mut response = reply::success(StatusCode::ACCEPTED, &asked.request_id.0, &data);
    if let Ok(location) = HeaderValue::from_str(&status_path(id)) {
        response
            .headers_mut()
            .insert(http::header::LOCATION, location);
    }
    response
}
