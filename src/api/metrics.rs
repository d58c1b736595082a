//! Once a minute: what this process has counted, and, from the replica that carries deployments through, how the queue and
//! the account stand. Written to standard output, where CloudWatch finds it.
//!
//! Takes the store and the chain, asks the store once a minute, and the chain as often only while there is work: calls to nodes are paid for, and a
//! service that does nothing makes few (at most 12 an hour are promised; this makes 6). A question without an answer is a value left out, never
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
/// Without work, how old what is known of the account may be. Ticks come a little late, never early, so a little less than ten minutes.
const BALANCE_AGE_MAX: Duration = Duration::from_secs(595);
/// For the store, and for the chain.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Until shutdown; without a name to emit under, nothing is written.
pub async fn run(app: &App, mut shutdown: Shutdown) {
    // Soon after the start, so that a task that does not live for a minute has said something as well.
    let mut minute = tokio::time::interval_at(Instant::now() + FIRST, EVERY);
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut balance = None;
    loop {
        tokio::select! {
            _ = minute.tick() => {}
            () = shutdown.wait() => return,
        }
        let gauges = gauges(app, &mut balance).await;
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

/// A balance as it was answered or not, and when it was asked for.
type Asked = Option<(Instant, Option<f64>)>;

/// Absent from a replica that does not carry deployments through, and while Redis is away.
async fn gauges(app: &App, balance: &mut Asked) -> Option<Gauges> {
    let oldest_age = app.metrics.oldest_age(now_ms())?;
    let depth = tokio::time::timeout(TIMEOUT, app.store.depth()).await;
    let depth = depth.ok()?.ok()?;
    let idle = depth.queued == 0 && depth.in_flight == 0;
    if asks_balance(idle, balance.map(|(at, _)| at.elapsed())) {
        let answer = tokio::time::timeout(TIMEOUT, app.chain.balance()).await;
        *balance = Some((Instant::now(), answer.ok().and_then(Result::ok).map(coins)));
    }
    Some(Gauges {
        queued: depth.queued,
        in_flight: depth.in_flight,
        parked: depth.parked,
        oldest_age,
        balance: balance.and_then(|(_, balance)| balance),
    })
}

/// Whether the account is looked at again. Without work it can only be topped up.
fn asks_balance(idle: bool, age: Option<Duration>) -> bool {
    !idle || age.is_none_or(|age| age >= BALANCE_AGE_MAX)
}

/// 10^18 wei are a coin. Fifteen digits of it are exact, which is plenty for an alarm.
fn coins(wei: crate::deployment::chain::U256) -> f64 {
    wei.to_string().parse::<f64>().unwrap_or(0.0) / 1e18
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_hour_costs_few_calls_and_a_busy_one_a_call_each_minute() {
        let calls = |idle| {
            let (mut asked_at, mut calls) = (None, 0);
            for minute in 0..60_u64 {
                let age = asked_at.map(|at| EVERY * u32::try_from(minute - at).unwrap_or(0));
                if asks_balance(idle, age) {
                    (asked_at, calls) = (Some(minute), calls + 1);
                }
            }
            calls
        };
        assert_eq!((calls(true), calls(false)), (6, 60));
    }
}
