//! What posts the changes of one caller's deployments to its endpoint.
//!
//! Takes an endpoint and the store, runs until shutdown. Any number of replicas may run it: only the holder of the endpoint's lease sends. It remembers
//! nothing: how far a deployment was told of is written down after each attempt, so whoever dies in between leaves the same event, under the same
//! id, to the next one. That id is made from the deployment, the change's number and its time, so that a change after a loss of data in Redis is never
//! taken for the one that had its number before.
//!
//! ```text
//! lead:  lease → due → attempt (record → change → body → sign → POST) → next → tell       at most AT_ONCE deployments at a time
//! ```

use super::endpoint::Endpoint;
use super::guard::{Guard, Reach};
use super::schedule::{Next, Outcome, RETRY_AFTER_MAX, next};
use super::signature::sign;
use crate::api::view;
use crate::backoff;
use crate::crash;
use crate::deployment::store::outbox::{Due, Left, Told};
use crate::deployment::store::{Lease, Store, StoreError};
use crate::deployment::worker::now_ms;
use crate::deployment::{Change, Deployment};
use crate::shutdown::Shutdown;
use crate::telemetry;
use crate::timestamp::iso;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// One attempt, connection and TLS included: the least that Standard Webhooks recommends.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Deployments of one endpoint that are told of at the same time.
const AT_ONCE: usize = 8;
/// How soon a change is found. Costs one script.
const POLL: Duration = Duration::from_millis(400);
/// How often a replica that does not send looks whether it is to.
const ELSEWHERE: Duration = Duration::from_secs(1);
/// After Redis was away, doubling.
const FAILED_PAUSE: Duration = Duration::from_millis(400);
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(10);
/// For the attempts in hand when the process ends; what takes longer is tried again by the next one.
const DRAIN: Duration = Duration::from_secs(5);

/// Posts to one endpoint.
pub struct Sender {
    /// Where to.
    pub endpoint: Endpoint,
    /// From [`client`].
    pub client: reqwest::Client,
    /// Where the changes are.
    pub store: Store,
    /// As replies name it.
    pub network: String,
    /// How long the lease lasts without being renewed.
    pub lease_ttl: Duration,
}

/// Why a sender stopped sending, without a fault of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// Another replica sends, or did.
    Elsewhere,
    /// The process ends.
    Ending,
    /// The receiver wants nothing more.
    Gone,
}

/// What one attempt means for the others.
enum After {
    GoOn,
    Rest(Duration),
    Gone,
}

/// The client for all endpoints: it goes only where `reach` allows, through no proxy (which would resolve names by itself), and follows nobody.
///
/// # Errors
/// The TLS roots could not be set up.
pub fn client(reach: Reach) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(Guard(reach)))
        .user_agent(concat!("hokusai-contracts/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Sender {
    /// Sends until shutdown is requested, or the receiver has said that it is gone.
    pub async fn run(self, mut shutdown: Shutdown) {
        let (caller, host) = (&self.endpoint.caller, &self.endpoint.host);
        let mut failures = 0;
        while !shutdown.requested() {
            let pause = match self.lead(&mut shutdown).await {
                Ok(Stopped::Elsewhere) => {
                    failures = 0;
                    ELSEWHERE
                }
                Ok(Stopped::Ending) => return,
                Ok(Stopped::Gone) => {
                    tracing::error!(
                        caller,
                        host,
                        "the webhook's receiver answered 410: nothing more is sent to it until the process is started again"
                    );
                    return;
                }
                Err(error) => {
                    tracing::warn!(
                        caller,
                        error = telemetry::chain(&error),
                        "webhooks wait for the store"
                    );
                    failures += 1;
                    backoff::delay(
                        failures - 1,
                        FAILED_PAUSE,
                        FAILED_PAUSE_MAX,
                        fastrand::f64(),
                    )
                }
            };
            shutdown.sleep(pause).await;
        }
    }

    /// Takes the lease, if it is free, and sends as long as it is kept.
    async fn lead(&self, shutdown: &mut Shutdown) -> Result<Stopped, StoreError> {
        let caller = &self.endpoint.caller;
        let Some(lease) = self.store.teller(caller, None).await? else {
            return Ok(Stopped::Elsewhere);
        };
        tracing::info!(
            caller,
            host = self.endpoint.host,
            ?lease,
            "this replica now sends the webhooks"
        );
        // Should Redis be away, what is written under a lost lease is refused by itself.
        let lost = async {
            loop {
                tokio::time::sleep(self.lease_ttl / 3).await;
                if let Ok(None) = self.store.teller(caller, Some(&lease)).await {
                    return Ok(Stopped::Elsewhere);
                }
            }
        };
        let stopped = tokio::select! {
            stopped = self.send(&lease, shutdown) => stopped,
            lost = lost => lost,
        };
        if !matches!(stopped, Ok(Stopped::Elsewhere))
            && let Err(error) = self.store.release_teller(caller, &lease).await
        {
            tracing::warn!(
                caller,
                error = telemetry::chain(&error),
                "the webhooks' lease is left to expire"
            );
        }
        stopped
    }

    /// Attempts what is due, several deployments at a time and never one twice at a time.
    async fn send(&self, lease: &Lease, shutdown: &mut Shutdown) -> Result<Stopped, StoreError> {
        let mut in_hand: HashSet<Uuid> = HashSet::new();
        let mut attempts = FuturesUnordered::new();
        let mut rested_at = Instant::now();
        while !shutdown.requested() {
            let free = AT_ONCE - in_hand.len();
            if free > 0 && Instant::now() >= rested_at {
                // Those in hand are still due.
                let outbox = self
                    .store
                    .outbox(&self.endpoint.caller, lease, AT_ONCE * 2)
                    .await?;
                if outbox.forgotten > 0 {
                    tracing::error!(
                        caller = self.endpoint.caller,
                        deployments = outbox.forgotten,
                        "too many webhooks wait: the oldest were forgotten"
                    );
                }
                let mut due = outbox.due;
                due.retain(|due| !in_hand.contains(&due.id));
                due.truncate(free);
                for due in due {
                    in_hand.insert(due.id);
                    attempts.push(async move { (due.id, self.attempt(lease, due).await) });
                }
            }
            tokio::select! {
                Some((id, after)) = attempts.next() => {
                    in_hand.remove(&id);
                    match after? {
                        After::GoOn => {}
                        After::Rest(duration) => rested_at = Instant::now() + duration,
                        After::Gone => return Ok(Stopped::Gone),
                    }
                }
                () = tokio::time::sleep(POLL), if in_hand.len() < AT_ONCE => {}
                () = shutdown.wait() => {}
            }
        }
        let drained = async {
            while let Some((_, after)) = attempts.next().await {
                after?;
            }
            Ok(Stopped::Ending)
        };
        tokio::time::timeout(DRAIN, drained)
            .await
            .unwrap_or(Ok(Stopped::Ending))
    }

    /// Tells of the oldest untold change of one deployment, and writes down what came of it.
    async fn attempt(&self, lease: &Lease, due: Due) -> Result<After, StoreError> {
        let Endpoint {
            caller,
            host,
            url: _,
            secrets: _,
        } = &self.endpoint;
        let write = async |told, left| self.store.tell(caller, lease, &due, told, left).await;
        let record = match &due.stored {
            Ok(stored) if stored.deployment.caller == *caller => &stored.deployment,
            Ok(_) => {
                tracing::error!(deployment = %due.id, caller, "a webhook of another caller's deployment is not sent");
                write(due.told, Left::Over).await?;
                return Ok(After::GoOn);
            }
            Err(error) => {
                tracing::error!(deployment = %due.id, caller, error = telemetry::chain(error), "its webhooks are not sent");
                write(due.told, Left::Over).await?;
                return Ok(After::GoOn);
            }
        };
        let Some(change) = record.change_after(due.told.number) else {
            write(due.told, left(record, due.told.number)).await?;
            return Ok(After::GoOn);
        };
        let id = event_id(record, change);
        let body = self.body(record, change);
        crash::at("before-webhook");
        let answer = self.post(&id, body).await;
        crash::at("after-webhook");
        let (outcome, why) = match &answer {
            Ok((outcome, status)) => (*outcome, format!("answered with HTTP status {status}")),
            Err(error) => (Outcome::Failed { retry_after: None }, error.clone()),
        };
        let age = Duration::from_millis(now_ms().saturating_sub(change.at_ms));
        let Told {
            number: _,
            failures,
        } = due.told;
        let told = Told {
            number: change.number,
            failures: 0,
        };
        match next(outcome, failures, age, fastrand::f64()) {
            Next::Done => {
                tracing::info!(webhook = id, caller, host, failures, "webhook delivered");
                write(told, left(record, change.number)).await?;
            }
            Next::Retry(delay) => {
                let (failures, seconds) = (failures.saturating_add(1), delay.as_secs());
                tracing::warn!(
                    webhook = id,
                    caller,
                    host,
                    failures,
                    why,
                    seconds,
                    "webhook not delivered; tried again"
                );
                write(
                    Told {
                        failures,
                        ..due.told
                    },
                    Left::More(delay),
                )
                .await?;
            }
            Next::GiveUp => {
                tracing::error!(
                    webhook = id,
                    caller,
                    host,
                    failures,
                    why,
                    "webhook given up"
                );
                write(told, left(record, change.number)).await?;
            }
            // What is untold stays so, for the process that is started next.
            Next::Disable => return Ok(After::Gone),
        }
        Ok(match outcome {
            Outcome::Failed {
                retry_after: Some(duration),
            } => After::Rest(duration.min(RETRY_AFTER_MAX)),
            Outcome::Delivered | Outcome::Gone | Outcome::Failed { retry_after: None } => {
                After::GoOn
            }
        })
    }

    /// What is posted: the type is the status' name, the time the change's, the data what a GET answered then.
    fn body(&self, record: &Deployment, change: &Change) -> String {
        let data = view::deployment(&record.at(change), &self.network);
        let status = change.state.progress().status;
        let event = json!({
            "type": format!("deployment.{status}"),
            "timestamp": iso(change.at_ms),
            "data": data,
        });
        event.to_string()
    }

    /// One request. The status is all that is read of the answer; an error is why there is none, without the URL.
    async fn post(&self, id: &str, body: String) -> Result<(Outcome, u16), String> {
        let Endpoint { url, secrets, .. } = &self.endpoint;
        let timestamp_seconds = now_ms() / 1000;
        let request = self
            .client
            .post(url.expose())
            .header("content-type", "application/json");
        let request = request
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_seconds)
            .header(
                "webhook-signature",
                sign(id, timestamp_seconds, &body, secrets),
            )
            .body(body);
        let answer = request.send().await;
        let answer = answer.map_err(|error| telemetry::chain(&error.without_url()))?;
        let status = answer.status();
        let outcome = match status.as_u16() {
            410 => Outcome::Gone,
            200..=299 => Outcome::Delivered,
            _ => {
                let seconds = answer.headers().get("retry-after");
                let seconds = seconds.and_then(|text| text.to_str().ok()?.trim().parse().ok());
                Outcome::Failed {
                    retry_after: seconds.map(Duration::from_secs),
                }
            }
        };
        Ok((outcome, status.as_u16()))
    }
}

/// The same for every attempt at a change, and for no other change. Without a full stop, which would be ambiguous in what is signed.
fn event_id(record: &Deployment, change: &Change) -> String {
    format!("{}_{}_{}", record.id, change.number, change.at_ms)
}

/// What is left to tell of a deployment after the change of that number.
fn left(record: &Deployment, number: u32) -> Left {
    if record.change_after(number).is_some() {
        Left::More(Duration::ZERO)
    } else if record.state.is_settled() {
        Left::Over
    } else {
        Left::Nothing
    }
}
