//! What an operator sees of deployments that are not finished, and what can be done about them: the `jobs` commands.
//!
//! Takes settings, gives text. It reads records, and leaves wishes for the holder of the lease, who alone changes records; so it can be used while
//! everything runs, and a wish that comes too late does nothing.

use super::settings::Settings;
use crate::deployment::store::connection::Connection;
use crate::deployment::store::{Store, StoreError, Wish};
use crate::deployment::worker::now_ms;
use crate::deployment::{Deployment, ParkReason, State};
use crate::telemetry;
use std::time::Duration;
use uuid::Uuid;

/// How long a wish is waited for. The holder of the lease looks at least twice a second; after its death another does within `LEASE_MS`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_PAUSE: Duration = Duration::from_millis(100);

/// One line per unfinished deployment, at most `max` of each kind.
///
/// # Errors
/// A text for the operator, here and below.
pub async fn list(settings: Settings, max: usize) -> Result<String, String> {
    let store = store(settings)?;
    let listing = store.listing(max).await.map_err(printed)?;
    let mut lines = vec![line([
        "ID",
        "STATE",
        "NONCE",
        "SENT",
        "AGE",
        "MODEL",
        "ATTENTION",
    ])];
    for (id, record) in listing {
        let id = id.to_string();
        lines.push(match record {
            Ok(deployment) => of(&id, &deployment),
            Err(error) => line([&id, "unusable", "-", "-", "-", "-", &error.to_string()]),
        });
    }
    Ok(lines.join("\n"))
}

/// A record as JSON, without the signed bytes.
///
/// # Errors
/// It is unknown, or cannot be read.
pub async fn show(settings: Settings, id: Uuid) -> Result<String, String> {
    let mut deployment = found(&store(settings)?, id).await?;
    for attempt in &mut deployment.attempts {
        attempt.transaction.raw.clear();
    }
    serde_json::to_string_pretty(&deployment).map_err(|error| error.to_string())
}

/// Leaves a wish and waits for what comes of it.
///
/// # Errors
/// There is no such deployment, or nobody holds the lease.
pub async fn wish(settings: Settings, id: Uuid, wish: Wish) -> Result<String, String> {
    let store = store(settings)?;
    if !store.wish(id, wish).await.map_err(printed)? {
        return Err(format!(
            "there is no deployment {id}, or too much is wished for already"
        ));
    }
    let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT;
    while store.is_wished(id).await.map_err(printed)? {
        if tokio::time::Instant::now() >= deadline {
            return Ok(format!(
                "{id}: left for the holder of the lease, who has not answered yet; see `contracts-api jobs show {id}`"
            ));
        }
        tokio::time::sleep(ANSWER_PAUSE).await;
    }
    match store.read(id).await {
        Ok(Some(deployment)) => Ok(format!("{id}: {}", deployment.state.name())),
        Ok(None) => Ok(format!("{id}: forgotten")),
        Err(error) => Ok(format!("{id}: {error}; put out of the way")),
    }
}

fn store(settings: Settings) -> Result<Store, String> {
    let Settings {
        policy,
        deployer,
        redis_url,
        seal,
        lease_ttl,
        ..
    } = settings;
    let connection = Connection::lazy(&redis_url).map_err(|error| telemetry::chain(&error))?;
    let (chain_id, account) = (policy.chain_id, deployer.address());
    Ok(Store::new(connection, chain_id, account, seal, lease_ttl))
}

async fn found(store: &Store, id: Uuid) -> Result<Deployment, String> {
    let found = store.read(id).await.map_err(printed)?;
    found.ok_or_else(|| format!("there is no deployment {id}"))
}

fn printed(error: StoreError) -> String {
    telemetry::chain(&error)
}

fn of(id: &str, deployment: &Deployment) -> String {
    let flight = deployment.state.flight();
    let nonce = flight.map_or("-".into(), |flight| flight.nonce.to_string());
    let age_seconds = now_ms().saturating_sub(deployment.submitted_at_ms) / 1000;
    let attention = match (&deployment.state, deployment.attention) {
        (State::Parked { reason }, _) => match reason {
            ParkReason::NonceUsedByAnother => "somebody else uses the account's key".into(),
            ParkReason::NotEstimated => "no node would estimate it".into(),
        },
        (_, Some(attention)) => format!("{attention:?}"),
        (_, None) => "-".into(),
    };
    line([
        id,
        deployment.state.name(),
        &nonce,
        &deployment.attempts.len().to_string(),
        &format!("{age_seconds} s"),
        deployment.request.model_id.as_str(),
        &attention,
    ])
}

fn line([id, state, nonce, sent, age, model, attention]: [&str; 7]) -> String {
    format!("{id:<36}  {state:<12}  {nonce:>7}  {sent:>4}  {age:>9}  {model:<24}  {attention}")
}
