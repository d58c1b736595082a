//! The keys as they are now: read again every 30 s and at SIGHUP, without a restart.
//!
//! Takes the keys the process began with and the [`Source`] they are kept in, gives a [`Caller`] for each request by the last good list. What cannot be
//! read or believed is said in the log and counted, and changes nothing: keys are never lost to a slip of the hand or an outage of AWS's. The price is
//! that a revocation waits as long as the source cannot be read.

use super::{ApiKeys, Caller, Refused, Source};
use crate::deployment::worker::now_ms;
use crate::shutdown::Shutdown;
use crate::telemetry;
use crate::telemetry::metrics::Metrics;
use http::HeaderMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Within a minute a change is in force, even if one attempt fails.
const EVERY: Duration = Duration::from_secs(25);

/// The list in force.
pub struct KeyRing(RwLock<Arc<ApiKeys>>);

impl KeyRing {
    /// The list that the process began with.
    pub fn new(keys: ApiKeys) -> Self {
        warn_of_plain(&keys);
        Self(RwLock::new(Arc::new(keys)))
    }

    /// Who calls, by the list in force now.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refused> {
        self.current().caller(headers, now_ms())
    }

    fn current(&self) -> Arc<ApiKeys> {
        // A writer only ever puts a whole list in place.
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// Puts another list in force; whether it was another.
    fn replace(&self, keys: ApiKeys) -> bool {
        let before = self.current();
        if *before == keys {
            return false;
        }
        let (old, new) = (before.ids(), keys.ids());
        let only = |these: &[&str], those: &[&str]| {
            let only = these.iter().filter(|id| !those.contains(id));
            only.copied().collect::<Vec<_>>().join(" ")
        };
        tracing::info!(
            keys = new.len(),
            added = only(&new, &old),
            removed = only(&old, &new),
            "API keys changed"
        );
        warn_of_plain(&keys);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        true
    }
}

/// Reads the source until shutdown. SIGHUP is taken even without a source: it must not end the process.
pub async fn run(
    ring: &KeyRing,
    source: Option<Source>,
    metrics: &Metrics,
    mut shutdown: Shutdown,
) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::error!(error = %error, "SIGHUP cannot be received");
            return;
        }
    };
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = tick.tick() => false,
            hangup = hangup.recv() => hangup.is_some(),
            () = shutdown.wait() => return,
        };
        match &source {
            Some(source) => refresh(ring, source, metrics, asked).await,
            None if asked => {
                tracing::warn!("API keys are not read again: API_KEYS_SOURCE is not set");
            }
            None => {}
        }
    }
}

async fn refresh(ring: &KeyRing, source: &Source, metrics: &Metrics, asked: bool) {
    let read = source.read().await;
    let problem = match read.map(|text| ApiKeys::parse(text.expose().trim())) {
        Ok(Ok(keys)) => {
            if !ring.replace(keys) && asked {
                tracing::info!("API keys read again: nothing changed");
            }
            return;
        }
        Ok(Err(problems)) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            problems.join("; ")
        }
        Err(unread) => telemetry::chain(&unread),
    };
    metrics.keys_not_read();
    tracing::error!(
        ?source,
        problem,
        "API keys are not read again; the last good ones stay in force"
    );
}

fn warn_of_plain(keys: &ApiKeys) {
    let plain = keys.plain();
    if plain > 0 {
        tracing::warn!(
            plain,
            "API keys are kept in plain text; keep what `contracts-api keys hash` prints instead"
        );
    }
}
