//! Once a minute: what this process has counted, and, from the replica that carries deployments through, how the queue and
//! the account stand. Written to standard output, where CloudWatch finds it.
//!
//! Takes the store and the chain, asks each once a minute at most. A question without an answer is a value left out, never
//! a zero.

use super::App;
use crate::deployment::worker::now_ms;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Gauges;
use std::io::Write as _;
use std::time::Duration;
use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);
/// Time enough for the lease to be taken.
const FIRST: Duration = Duration::from_secs(5);
/// For the store and the chain together.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Until shutdown; without a name to emit under, nothing is written.
pub async fn run(app: &App, mut shutdown: Shutdown) {
    // Soon after the start, so that a task that does not live for a minute has said something as well.
    let mut minute = tokio::time::interval_at(Instant::now() + FIRST, EVERY);
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = minute.tick() => {}
            () = shutdown.wait() => return,
        }
        let gauges = gauges(app).await;
        write(app, gauges);
    }
}

/// What was counted since the last line; for a process that ends.
pub fn write(app: &App, gauges: Option<Gauges>) {
    let Some(service) = &app.service_name else {
        return;
    };
    let endpoints = app.chain.endpoints();
    let counts = endpoints
        .iter()
        .flat_map(|endpoint| endpoint.counts.values());
    let failures = counts.map(|count| count.faults).sum();
    let mut output = std::io::stdout().lock();
    for line in app.metrics.lines(service, now_ms(), failures, gauges) {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(output, "{line}");
    }
}

/// Absent from a replica that does not carry deployments through, and while Redis is away.
async fn gauges(app: &App) -> Option<Gauges> {
    let oldest_age = app.metrics.oldest_age(now_ms())?;
    let answers = async { tokio::join!(app.store.depth(), app.chain.balance()) };
    let (depth, balance) = tokio::time::timeout(TIMEOUT, answers).await.ok()?;
    let depth = depth.ok()?;
    Some(Gauges {
        queued: depth.queued,
        in_flight: depth.in_flight,
        parked: depth.parked,
        oldest_age,
        balance: balance.ok().map(coins),
    })
}

/// 10^18 wei are a coin. Fifteen digits of it are exact, which is plenty for an alarm.
fn coins(wei: crate::deployment::chain::U256) -> f64 {
    wei.to_string().parse::<f64>().unwrap_or(0.0) / 1e18
}
