//! `/health`, `/health/ready`, `/health/detailed` and `/`.
//!
//! `/health` is about this process only and never asks anybody: it is 503 until the process has proved once that it can serve (settings, Redis,
//! chain id, contracts), then 200, then 503 while it drains. So a task that never could serve takes no traffic, and one that
//! could is not killed by an outage it shares with all others. `/health/ready` and `/health/detailed` ask Redis and the chain now, within a
//! deadline, at most once per second however often they are called. None shows a URL, a key or an account.

use super::App;
use super::Asked;
use super::error::ApiError;
use super::reply::{self, Response};
use crate::backoff;
use crate::deployment::chain::rpc::{self, Rank, RpcError};
use crate::deployment::chain::{ProofError, U256};
use crate::deployment::store::Depth;
use crate::deployment::store::connection::Keeping;
use crate::shutdown::Shutdown;
use crate::telemetry;
use http::StatusCode;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// For everything a probe asks, together.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer is good for.
const REPORT_AGE_MAX: Duration = Duration::from_secs(1);
/// Between attempts to prove that the process can serve.
const PROOF_PAUSE: Duration = Duration::from_millis(300);
const PROOF_PAUSE_MAX: Duration = Duration::from_secs(10);
/// The existing service's thresholds for "degraded".
const QUEUED_MAX: usize = 100;
/// 0.1 of the chain's coin, in wei.
const FUNDS_WEI_MIN: u64 = 100_000_000_000_000_000;

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has not yet proved that it can serve.
    Starting,
    /// It has.
    Serving,
    /// It is going to end.
    Draining,
}

/// What the process knows about itself.
pub struct Health {
    started: Instant,
    phase: AtomicU8,
    git_sha: String,
    report: Mutex<Option<(Instant, Report)>>,
}

/// What was found when everything was asked.
#[derive(Debug, Clone)]
struct Report {
    redis: Finding<Depth>,
    rpc: Finding<u64>,
    contracts: Finding<()>,
    funds: Finding<bool>,
}

/// One component: what it said and how long it took, or why not, in public words.
#[derive(Debug, Clone)]
struct Finding<T> {
    outcome: Result<T, Cow<'static, str>>,
    milliseconds: u64,
}

impl Health {
    /// A process that starts now.
    pub fn starting(git_sha: String) -> Self {
        Self {
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Starting as u8),
            git_sha,
            report: Mutex::new(None),
        }
    }

    /// Where it is now.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            phase if phase == Phase::Starting as u8 => Phase::Starting,
            phase if phase == Phase::Serving as u8 => Phase::Serving,
            _ => Phase::Draining,
        }
    }

    /// The process has proved that it can serve. Too late once it drains.
    fn serve(&self) {
        let (starting, serving) = (Phase::Starting as u8, Phase::Serving as u8);
        // A failure means that it drains already, which stands.
        let _ = self
            .phase
            .compare_exchange(starting, serving, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The process is going to end.
    pub fn drain(&self) {
        self.phase.store(Phase::Draining as u8, Ordering::Release);
    }

    fn identity(&self, status: &str) -> Value {
        json!({
            "status": status,
            "timestamp": reply::timestamp(),
            "uptime": self.started.elapsed().as_secs_f64(),
            "version": env!("CARGO_PKG_VERSION"),
            "gitSha": self.git_sha,
        })
    }
}

/// Proves, again and again until it succeeds, that the process can serve. The reason of each failure is logged, not shown.
pub async fn prove(app: &App, mut shutdown: Shutdown) {
    for failures in 0.. {
        let proofs = tokio::join!(
            app.connection.keeping(),
            app.chain.prove(),
            app.signer.prove()
        );
        let reason = match proofs {
            // What was accepted must not disappear because memory is short.
            (Ok(Keeping::Evicts(policy)), _, _) => format!(
                "Redis evicts data when it is full (maxmemory-policy {policy}); it must be noeviction"
            ),
            (Ok(keeping @ (Keeping::All | Keeping::Unknown)), Ok(head), Ok(())) => {
                if keeping == Keeping::Unknown {
                    tracing::warn!(
                        "Redis does not say what it evicts; its maxmemory-policy must be noeviction"
                    );
                }
                app.health.serve();
                tracing::info!(head, network = app.network, "this process can serve");
                return;
            }
            (Err(error), _, _) => telemetry::chain(&error),
            (Ok(Keeping::All | Keeping::Unknown), Err(error), _) => telemetry::chain(&error),
            (Ok(Keeping::All | Keeping::Unknown), Ok(_), Err(error)) => telemetry::chain(&error),
        };
        tracing::warn!(reason, "not ready to serve yet");
        let pause = backoff::delay(failures, PROOF_PAUSE, PROOF_PAUSE_MAX, fastrand::f64());
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.wait() => return,
        }
    }
}

/// `GET /health`
pub fn live(app: &App) -> Response {
    let (status, word) = match app.health.phase() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Serving => (StatusCode::OK, "healthy"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    reply::json(status, &app.health.identity(word))
}

/// `GET /health/ready`
pub async fn ready(asked: &Asked) -> Response {
    let app = &asked.app;
    let Report {
        redis,
        rpc,
        contracts,
        funds: _,
    } = report(app).await;
    let proved = app.health.phase() == Phase::Serving;
    let ready = proved && redis.outcome.is_ok() && rpc.outcome.is_ok() && contracts.outcome.is_ok();
    let check = |outcome: Result<(), Cow<'static, str>>| match outcome {
        Ok(()) => json!({ "ok": true }),
        Err(error) => json!({ "ok": false, "error": error }),
    };
    let rpc = match rpc.outcome {
        Ok(head) => json!({ "ok": true, "chainId": app.chain_id, "blockNumber": head }),
        Err(error) => check(Err(error)),
    };
    let checks = json!({ "redis": check(redis.outcome.map(|_| ())), "rpc": rpc, "contracts": check(contracts.outcome) });
    let status = if ready { "ready" } else { "not_ready" };
    let body = json!({ "status": status, "timestamp": reply::timestamp(), "checks": checks });
    reply::json(
        if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        &body,
    )
}

/// `GET /health/detailed`: 200 when healthy or degraded, 503 when not. For callers with a key, and uncounted: it is asked when Redis is away.
pub async fn detailed(asked: &Asked) -> Response {
    let app = &asked.app;
    if let Err(refused) = app.api_keys.caller(&asked.headers) {
        return ApiError::unauthenticated(refused).into_response(None);
    }
    let Report {
        redis,
        rpc,
        contracts,
        funds,
    } = report(app).await;
    let crowded = |depth: &Depth| depth.queued > QUEUED_MAX || depth.parked > 0;
    let queue = redis.outcome.as_ref().map_or(
        Value::Null,
        |Depth {
             queued,
             in_flight,
             parked,
             oldest_queued_at_ms: _,
         }| { json!({ "queued": queued, "inFlight": in_flight, "parked": parked }) },
    );
    let states = [
        (
            "redis",
            state(&redis, |depth| !crowded(depth)),
            redis.milliseconds,
        ),
        ("blockchain", state(&rpc, |_| true), rpc.milliseconds),
        (
            "contracts",
            state(&contracts, |()| true),
            contracts.milliseconds,
        ),
        // An unknown balance is the chain's trouble, already counted.
        (
            "signer",
            if matches!(funds.outcome, Ok(false)) {
                "degraded"
            } else {
                "healthy"
            },
            funds.milliseconds,
        ),
    ];
    let mut components: serde_json::Map<String, Value> = states
        .iter()
        .map(|(name, state, latency)| {
            (
                (*name).to_string(),
                json!({ "status": state, "latency": latency }),
            )
        })
        .collect();
    if let Some(redis) = components.get_mut("redis") {
        redis["queues"] = queue;
    }
    if let Some(blockchain) = components.get_mut("blockchain") {
        blockchain["network"] = json!(app.network);
        blockchain["chainId"] = json!(app.chain_id);
        blockchain["blockNumber"] = json!(rpc.outcome.ok());
        blockchain["endpoints"] = app.chain.endpoints().iter().map(endpoint).collect();
    }
    let any = |wanted: &str| states.iter().any(|(_, state, _)| *state == wanted);
    let overall = match app.health.phase() {
        Phase::Draining => "draining",
        Phase::Starting => "starting",
        Phase::Serving if any("unhealthy") => "unhealthy",
        Phase::Serving if any("degraded") => "degraded",
        Phase::Serving => "healthy",
    };
    let mut body = app.health.identity(overall);
    body["components"] = Value::Object(components);
    body["memory"] = json!({ "residentBytes": resident_bytes() });
    let good = matches!(overall, "healthy" | "degraded");
    reply::json(
        if good {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        &body,
    )
}

/// One RPC endpoint by its number in `RPC_URL`: how it stands and how often it was called since the start. The calls by method are in the log.
fn endpoint(report: &rpc::Report) -> Value {
    let rpc::Report {
        number,
        rank,
        head,
        counts,
    } = report;
    let state = match rank {
        Rank::Healthy => "healthy",
        Rank::Lagging => "lagging",
        Rank::Due | Rank::Open => "broken",
    };
    let sum = |part: fn(&rpc::Count) -> u64| counts.values().map(part).sum::<u64>();
    json!({
        "endpoint": number,
        "state": state,
        "blockNumber": head,
        "calls": sum(|count| count.calls),
        "faults": sum(|count| count.faults),
    })
}

/// `GET /`: which service this is.
pub fn identity(app: &App) -> Response {
    let body = json!({
        "name": "Hokusai Contract Deployer API",
        "version": env!("CARGO_PKG_VERSION"),
        "status": "running",
        "timestamp": reply::timestamp(),
        "gitSha": app.health.git_sha,
        "endpoints": { "deployments": "/api/deployments", "health": "/health" },
    });
    reply::json(StatusCode::OK, &body)
}

fn state<T>(finding: &Finding<T>, good: impl FnOnce(&T) -> bool) -> &'static str {
    match &finding.outcome {
        Ok(value) if good(value) => "healthy",
        Ok(_) => "degraded",
        Err(_) => "unhealthy",
    }
}

/// The last report if it is young, else a new one. Callers wait for one another, so a flood of probes asks once.
async fn report(app: &App) -> Report {
    let mut last = app.health.report.lock().await;
    if let Some((at, report)) = last.as_ref()
        && at.elapsed() < REPORT_AGE_MAX
    {
        return report.clone();
    }
    let (redis, rpc, contracts, funds) = tokio::join!(
        ask(async {
            let depth = app.store.depth().await;
            depth.map_err(|_| "Redis does not answer".into())
        }),
        ask(async { app.chain.head().await.map_err(away) }),
        ask(async {
            let proof = app.chain.prove().await;
            proof.map(|_| ()).map_err(|error| error.public().into())
        }),
        ask(async {
            let enough = |balance| balance >= U256::from(FUNDS_WEI_MIN);
            app.chain.balance().await.map(enough).map_err(away)
        }),
    );
    let report = Report {
        redis,
        rpc,
        contracts,
        funds,
    };
    *last = Some((Instant::now(), report.clone()));
    report
}

/// What an error of the nodes says to the public.
fn away(error: RpcError) -> Cow<'static, str> {
    ProofError::Rpc(error).public().into()
}

async fn ask<T>(question: impl Future<Output = Result<T, Cow<'static, str>>>) -> Finding<T> {
    let started = Instant::now();
    let outcome = tokio::time::timeout(PROBE_TIMEOUT, question)
        .await
        .unwrap_or(Err("no answer in time".into()));
    Finding {
        outcome,
        milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

/// The process' resident memory, as the kernel counts it; `None` where there is no /proc.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(
        kilobytes
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}
