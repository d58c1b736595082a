//! Once a minute: what this process has counted, and, from the replica that carries deployments through, how the queue and
//! the account stand. Written to standard output, where CloudWatch finds it; and told to Prometheus on a port of its own.
//!
//! Takes the store and the chain, asks the store once a minute, and the chain as often only while there is work: calls to nodes are paid for, and a
//! service that does nothing makes few (at most 12 an hour are promised; this makes 6). A question without an answer is a value left out, never
//! a zero.

use super::App;
use crate::deployment::worker::now_ms;
use crate::server;
use crate::shutdown::Shutdown;
use crate::telemetry::exposition;
use crate::telemetry::metrics::Gauges;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);
/// Time enough for the lease to be taken.
const FIRST: Duration = Duration::from_secs(5);
/// Without work, how old what is known of the account may be. Ticks come a little late, never early, so a little less than ten minutes.
const BALANCE_AGE_MAX: Duration = Duration::from_secs(595);
/// Connections to the port for Prometheus.
const SCRAPERS_MAX: usize = 16;
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
        app.metrics.stands(gauges);
        write(app);
    }
}

/// What was counted since the last line; for a process that ends.
pub fn write(app: &App) {
    let Some(service) = &app.service_name else {
        return;
    };
    count_failures(app);
    let mut output = std::io::stdout().lock();
    for line in app.metrics.lines(service, now_ms()) {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(output, "{line}");
    }
}

/// Endpoints count for themselves.
fn count_failures(app: &App) {
    let endpoints = app.chain.endpoints();
    let counts = endpoints
        .iter()
        .flat_map(|endpoint| endpoint.counts.values());
    app.metrics
        .rpc_failures(counts.map(|count| count.faults).sum());
}

/// Answers whoever scrapes, until shutdown. It asks nobody who they are: the port belongs on loopback or where only the scraper gets, and what it
/// tells holds no secret.
pub async fn serve(app: Arc<App>, listener: TcpListener, shutdown: Shutdown) {
    let answer = move |request: Request<Incoming>| {
        let response = scraped(&app, request.method(), request.uri().path());
        async move { response.map(Full::<Bytes>::from) }
    };
    server::serve(listener, SCRAPERS_MAX, answer, shutdown).await;
}

fn scraped(app: &App, method: &Method, path: &str) -> Response<String> {
    let (status, body) = match path {
        "/metrics" if method == Method::GET || method == Method::HEAD => {
            count_failures(app);
            (StatusCode::OK, app.metrics.exposition())
        }
        "/metrics" => (
            StatusCode::METHOD_NOT_ALLOWED,
            "this is for reading: GET or HEAD\n".into(),
        ),
        _ => (StatusCode::NOT_FOUND, "there is /metrics\n".into()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(exposition::MEDIA_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
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
