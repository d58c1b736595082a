//! Deployments as clients see them.
//!
//! Takes records, gives JSON; a total function of the record, so that two ways to ask can never disagree. Texts, names and numbers are the
//! existing service's; what it lacked is added and nothing is renamed.

use super::error::{cancel_path, status_path};
use super::reply::iso;
use crate::deployment::chain::checksummed;
use crate::deployment::{Deployment, Failure, Registration, State, Token};
use serde_json::{Value, json};
use uuid::Uuid;

/// What the existing service promises, in seconds.
const ESTIMATED_SECONDS: u64 = 300;

/// What the 202 says: a function of the id alone, so that a repeated request is answered with the very same whatever became of it since.
pub fn accepted(id: Uuid) -> Value {
    json!({
        "requestId": id,
        "status": "pending",
        "estimatedCompletionTime": ESTIMATED_SECONDS,
        "message": "Deployment request queued successfully",
        "links": { "status": status_path(id), "cancel": cancel_path(id) },
    })
}

/// A deployment as it stands.
pub fn deployment(deployment: &Deployment, network: &str) -> Value {
    let progress = deployment.state.progress();
    let mut body = json!({
        "requestId": deployment.id,
        "modelId": deployment.request.model_id.as_str(),
        "userAddress": checksummed(deployment.request.recipient),
        "createdAt": iso(deployment.submitted_at_ms),
        "status": progress.status,
        "progress": progress.percent,
        "currentStep": progress.step,
        "lastUpdated": iso(deployment.updated_at_ms),
        "estimatedCompletion": iso(deployment.submitted_at_ms + ESTIMATED_SECONDS * 1000),
        "links": { "status": status_path(deployment.id), "cancel": cancel_path(deployment.id) },
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
