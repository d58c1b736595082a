//! What one key may have carried out in a day, where its entry limits that: contract deployments, and the gas they are estimated to use.
//!
//! Takes a caller and its request, counts in one Redis script on Redis' own clock and day (UTC), shared by all replicas. What turns out to be no new
//! deployment is given back; a process that dies in between has counted one too many, never one too few. A key without such limits costs nothing here.

use super::App;
use super::auth::{Caller, Limited};
use super::dry_run;
use super::error::ApiError;
use crate::deployment::request::DeploymentRequest;
use redis::Script;

/// What was counted, to be given back if it was for nothing.
pub struct Counted(Option<u64>);

/// Counts one deployment of the caller's key.
///
/// # Errors
/// 429 with the time until the next day; 503: Redis does not answer, or no node says what gas it takes.
pub async fn count(
    app: &App,
    caller: &Caller,
    request: &DeploymentRequest,
) -> Result<Counted, ApiError> {
    let Limited {
        deploy: _,
        read: _,
        deployments_per_day,
        gas_per_day,
    } = caller.limited;
    if !caller.limited.by_day() {
        return Ok(Counted(None));
    }
    let gas = match gas_per_day {
        Some(_) => dry_run::gas(app, request).await?,
        None => 0,
    };
    let max = |limit: Option<u64>| limit.unwrap_or(0);
    let (allowed, seconds) = run(
        app,
        caller,
        1,
        gas,
        max(deployments_per_day),
        max(gas_per_day),
    )
    .await?;
    if allowed {
        Ok(Counted(Some(gas)))
    } else {
        Err(ApiError::day_is_full(seconds))
    }
}

impl Counted {
    /// It was no new deployment. Failing costs the key one of its day.
    pub async fn give_back(self, app: &App, caller: &Caller) {
        let Self(counted) = self;
        if let Some(gas) = counted
            && run(app, caller, -1, gas, 0, 0).await.is_err()
        {
            tracing::warn!(
                key = caller.key,
                "what was counted for nothing stays counted"
            );
        }
    }
}

async fn run(
    app: &App,
    caller: &Caller,
    deployments: i64,
    gas: u64,
    deployments_max: u64,
    gas_max: u64,
) -> Result<(bool, u64), ApiError> {
    let script = Script::new(include_str!("day.lua"));
    let mut call = script.key(format!("cd:day:{}", caller.key));
    call.arg(deployments)
        .arg(gas)
        .arg(deployments_max)
        .arg(gas_max);
    let (allowed, seconds): (u8, u64) = app
        .connection
        .run(&call)
        .await
        .map_err(|error| ApiError::unavailable(&error))?;
    Ok((allowed == 1, seconds))
}
