//! `GET /api/tokens/:modelId`: the token of a model.
//!
//! Takes a model's id, gives what the chain says, whoever made the token, and the caller's own deployment of it as long as that is known. The
//! chain is the truth here: without its answer there is none.

use super::Asked;
use super::admit::admit;
use super::auth::Caller;
use super::deployments::{store_error, token_of};
use super::error::{ApiError, status_path};
use super::rate_limit::Kind;
use super::reply::{self, Response};
use crate::deployment::chain::checksummed;
use crate::deployment::request::{FieldProblem, ModelId};
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

const CHAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /api/tokens/:modelId`
pub async fn token(asked: Asked, model: &str) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Read).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = look_up(&asked, &admitted.caller, model).await;
    admitted.answer(outcome)
}

async fn look_up(asked: &Asked, caller: &Caller, model: &str) -> Result<Response, ApiError> {
    let app = &asked.app;
    let model = ModelId::try_from(model.to_string()).map_err(|_| {
        let message = "must be 1-64 of letters, digits, - and _".into();
        let field = "modelId";
        ApiError::invalid(vec![FieldProblem { field, message }])
    })?;
    let token = token_of(app, &model, CHAIN_TIMEOUT).await?;
    let known = app.store.of_model(&model).await.map_err(store_error)?;
    let own = known.filter(|known| known.caller == caller.name);
    let Some(token) = token else {
        return Err(ApiError::no_token(&model, own.map(|own| own.id)));
    };
    let mut data = json!({
        "modelId": model.as_str(),
        "tokenAddress": checksummed(token),
        "chainId": app.chain_id,
        "network": app.network,
    });
    if let Some(own) = own {
        data["deployment"] = json!({
            "requestId": own.id,
            "status": own.state.progress().status,
            "links": { "status": status_path(own.id) },
        });
    }
    Ok(reply::success(StatusCode::OK, &asked.request_id.0, &data))
}
