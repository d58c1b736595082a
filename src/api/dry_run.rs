//! `POST /api/dry-run`: what a contract deployment would cost, and whether its model is free.
//!
//! Takes the body of `POST /api/deployments`, gives what would become of it. It reads Redis and the chain as the real one does and writes to neither:
//! no id, no nonce, nothing signed. What it finds can be otherwise a moment later.

use super::App;
use super::Asked;
use super::admit::admit;
use super::auth::Caller;
use super::deployments::{parsed, store_error, token_of};
use super::error::{ApiError, Code};
use super::rate_limit::Kind;
use super::reply::{self, Response};
use crate::deployment::State;
use crate::deployment::chain::rpc::RpcError;
use crate::deployment::chain::{Estimate, ProofError, checksummed};
use crate::deployment::economics::Allocations;
use crate::deployment::fees::{self, FeeAboveCap};
use crate::deployment::request::{DeploymentRequest, Parsed};
use crate::deployment::transaction;
use bytes::Buf;
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use warp::Stream;

/// For each of the two questions to the chain: is the model free, what does it cost.
const CHAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// `POST /api/dry-run`
pub async fn dry_run(
    asked: Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Deploy).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = tell(&asked, &admitted.caller, body).await;
    admitted.answer(outcome)
}

async fn tell(
    asked: &Asked,
    caller: &Caller,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Response, ApiError> {
    let app = &asked.app;
    let Parsed {
        request,
        fingerprint: _,
    } = parsed(asked, body).await?;
    // `parse` has let pass only supplies that can be divided.
    let allocations = app.economics.allocations(request.supply_wei);
    let allocations = allocations.map_err(|problem| ApiError::internal(&problem))?;
    let mut data = json!({
        "modelId": request.model_id.as_str(),
        "userAddress": checksummed(request.recipient),
        "tokenName": request.token_name.as_str(),
        "tokenSymbol": request.token_symbol.as_str(),
        "modelSupplierAllocation": allocations.supplier_wei.get().to_string(),
        "investorAllocation": allocations.investor_wei.get().to_string(),
        "available": true,
    });
    match taken(app, caller, &request).await? {
        Some(taken) => {
            data["available"] = json!(false);
            for (name, value) in taken {
                data[name] = value;
            }
        }
        None => {
            let costs = tokio::time::timeout(CHAIN_TIMEOUT, cost(app, &request, allocations));
            match costs.await {
                Ok(Ok(Ok(cost))) => data["cost"] = cost,
                Ok(Ok(Err(reason))) => data["notEstimatedBecause"] = json!(reason),
                Ok(Err(error)) => return Err(ApiError::unavailable(&error)),
                Err(late) => return Err(ApiError::unavailable(&late)),
            }
        }
    }
    Ok(reply::success(StatusCode::OK, &asked.request_id.0, &data))
}

/// Why the model is not free, as members of the answer; its deployment's id only for whose it is.
async fn taken(
    app: &App,
    caller: &Caller,
    request: &DeploymentRequest,
) -> Result<Option<Vec<(&'static str, Value)>>, ApiError> {
    let because = |code: Code| ("unavailableBecause", json!(code.facts().1));
    let on_chain = |token| {
        let address = ("tokenAddress", json!(checksummed(token)));
        Some(vec![because(Code::TokenAlreadyExists), address])
    };
    let live = app.store.of_model(&request.model_id).await;
    let Some(live) = live.map_err(store_error)? else {
        let token = token_of(app, &request.model_id, CHAIN_TIMEOUT).await?;
        return Ok(token.and_then(on_chain));
    };
    let under_way = because(Code::DuplicateDeployment);
    Ok(match live.state {
        State::Deployed { token, .. } => on_chain(token.address),
        _ if live.caller == caller.name => Some(vec![under_way, ("requestId", json!(live.id))]),
        _ => Some(vec![under_way]),
    })
}

/// The gas a deployment is estimated to use; 0 for what the contract would refuse, which is never sent.
///
/// # Errors
/// No node says so in time.
pub async fn gas(app: &App, request: &DeploymentRequest) -> Result<u64, ApiError> {
    let allocations = app.economics.allocations(request.supply_wei);
    let allocations = allocations.map_err(|problem| ApiError::internal(&problem))?;
    let estimate = async {
        let data = app.chain.deploy_call(request, allocations, &app.economics);
        let fee = async { Ok(app.chain.deployment_fee().await?) };
        let (data, fee_wei) = tokio::try_join!(data, fee)?;
        let manager = app.chain.manager();
        Ok::<_, ProofError>(app.chain.estimate(manager, &data, fee_wei).await?)
    };
    match tokio::time::timeout(CHAIN_TIMEOUT, estimate).await {
        Ok(Ok(Estimate::Gas(gas))) => Ok(u64::try_from(gas).unwrap_or(u64::MAX)),
        Ok(Ok(Estimate::Reverts(_))) => Ok(0),
        Ok(Ok(Estimate::InsufficientFunds)) => Err(ApiError::settling()),
        Ok(Err(error)) => Err(ApiError::unavailable(&error)),
        Err(late) => Err(ApiError::unavailable(&late)),
    }
}

/// What it costs at most, or why nobody can say now, in public words.
async fn cost(
    app: &App,
    request: &DeploymentRequest,
    allocations: Allocations,
) -> Result<Result<Value, &'static str>, ProofError> {
    let data = app.chain.deploy_call(request, allocations, &app.economics);
    let (data, fee_wei, facts) = tokio::try_join!(
        data,
        async { Ok(app.chain.deployment_fee().await?) },
        async { Ok(app.chain.fee_facts().await?) },
    )?;
    let gas = match app
        .chain
        .estimate(app.chain.manager(), &data, fee_wei)
        .await
    {
        Ok(Estimate::Gas(gas)) => gas,
        Ok(Estimate::Reverts(_)) => return Ok(Err("the contract would refuse the deployment")),
        Ok(Estimate::InsufficientFunds) => {
            return Ok(Err("the service's account cannot pay for it now"));
        }
        Err(RpcError::Refused { .. }) => return Ok(Err("no node estimates it")),
        Err(error) => return Err(error.into()),
    };
    let offer = match fees::offer(facts, app.fee_cap_wei) {
        Ok(offer) => offer,
        Err(FeeAboveCap { .. }) => {
            return Ok(Err("gas costs more than MAX_GAS_PRICE_GWEI allows now"));
        }
    };
    let (limit, price_wei) = (transaction::gas_limit(gas), offer.per_gas_wei_max());
    let total_wei = limit.saturating_mul(price_wei).saturating_add(fee_wei);
    Ok(Ok(json!({
        "gas": gas.to_string(),
        "gasLimit": limit.to_string(),
        "gasPriceMax": price_wei.to_string(),
        "deploymentFee": fee_wei.to_string(),
        "totalMax": total_wei.to_string(),
    })))
}
