//! `/health`, `/health/ready`, `/health/detailed` and `/`.
//!
//! `/health` is about this process only and never asks anybody: it is 503 until the process has proved once that it can serve (settings, Redis,
//! chain id, contracts), then 200, then 503 while it drains. So a task that never could serve takes no traffic, and one that
//! could is not killed by an outage it shares with all others. `/health/ready` and `/health/detailed` ask Redis and the chain now, within a
//! deadline, at most once per second however often they are called. None shows a URL or a key, and the account only to callers with a key.

use super::App;
use super::Asked;
use super::error::ApiError;
use super::reply::{self, Response};
use crate::backoff;
use crate::deployment::chain::rpc::{self, Rank, RpcError};
use crate::deployment::chain::{ProofError, U256, checksummed};
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
    funds: Finding<U256>,
    /// Asked when there is a DeltaVerifier.
    verifier: Option<Finding<bool>>,
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
        shutdown.sleep(pause).await;
        if shutdown.requested() {
            return;
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
    let mut body = app.health.identity(word);
    // Who asks through a load balancer sees by it which of several services has answered.
    body["service"] = json!(app.service_name);
    reply::json(status, &body)
}

/// `GET /health/ready`, in the existing service's shape, which its smoke scripts read. Only a caller with a key is shown the account, what it
/// has and how much is waiting.
pub async fn ready(asked: &Asked) -> Response {
    let app = &asked.app;
    let Report {
        redis,
        rpc,
        contracts,
        funds,
        verifier,
    } = report(app).await;
    let shown = app.api_keys.caller(&asked.headers).is_ok();
    let redis = redis.outcome.map(|depth| {
        let queues = if shown { queues(&depth) } else { json!({}) };
        json!({ "queues": queues })
    });
    let rpc = rpc
        .outcome
        .map(|head| json!({ "chainId": app.chain_id, "blockNumber": head }));
    let signer = funds.outcome.and_then(|wei| match (wei.is_zero(), shown) {
        (true, _) => Err("the account has nothing to pay with".into()),
        (false, false) => Ok(json!({})),
        (false, true) => Ok(json!({
            "address": checksummed(app.signer.address()),
            "balanceEth": ether(wei),
        })),
    });
    let mut checks = vec![
        ("redis", redis),
        ("rpc", rpc),
        ("signer", signer),
        ("contracts", contracts.outcome.map(|()| json!({}))),
    ];
    let mut has_role = None;
    if let Some(verifier) = verifier {
        has_role = verifier.outcome.as_ref().ok().copied();
        let outcome = verifier.outcome.and_then(|has_role| match has_role {
            true => Ok(json!({})),
            false => Err("the account does not have SUBMITTER_ROLE".into()),
        });
        checks.push(("deltaVerifier", outcome));
    }
    let good = checks.iter().all(|(_, outcome)| outcome.is_ok());
    let ready = app.health.phase() == Phase::Serving && good;
    let mut shown: serde_json::Map<String, Value> = checks
        .into_iter()
        .map(|(name, outcome)| (name.to_string(), check(outcome)))
        .collect();
    // The addresses of contracts are public, and whoever checks a deployment compares them. The last four are not this service's.
    let verifier = app.delta_verifier.map(checksummed);
    if let Some(Value::Object(contracts)) = shown.get_mut("contracts") {
        let addresses = json!({
            "tokenManager": checksummed(app.chain.manager()),
            "modelRegistry": checksummed(app.chain.registry()),
            "deltaVerifier": verifier,
            "factory": null, "usdc": null, "usageFeeRouter": null,
        });
        if let Value::Object(addresses) = addresses {
            contracts.extend(addresses);
        }
    }
    if let Some(check) = shown.get_mut("deltaVerifier") {
        check["address"] = json!(verifier);
        check["signerHasSubmitterRole"] = json!(has_role);
    }
    let (status, word) = match ready {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
    };
    let body = json!({ "status": word, "timestamp": reply::timestamp(), "checks": shown });
    reply::json(status, &body)
}

fn check(outcome: Result<Value, Cow<'static, str>>) -> Value {
    match outcome {
        Ok(mut facts) => {
            facts["ok"] = json!(true);
            facts
        }
        Err(error) => json!({ "ok": false, "error": error }),
    }
}

fn queues(depth: &Depth) -> Value {
    let Depth {
        queued,
        in_flight,
        parked,
        oldest_queued_at_ms: _,
    } = depth;
    json!({ "queued": queued, "inFlight": in_flight, "parked": parked })
}

/// As ethers writes it: at least one decimal place.
fn ether(wei: U256) -> String {
    let (whole, rest) = wei.div_mod(U256::exp10(18));
    let places = format!("{:0>18}", rest.to_string());
    let places = places.trim_end_matches('0');
    format!("{whole}.{}", if places.is_empty() { "0" } else { places })
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
        verifier: _,
    } = report(app).await;
    let crowded = |depth: &Depth| depth.queued > QUEUED_MAX || depth.parked > 0;
    let queue = redis.outcome.as_ref().map_or(Value::Null, queues);
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
            if matches!(funds.outcome, Ok(wei) if wei < U256::from(FUNDS_WEI_MIN)) {
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
        "endpoints": { "deployments": "/api/deployments", "tokens": "/api/tokens", "health": "/health", "openapi": "/openapi.json", "docs": "/docs" },
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
    let (redis, rpc, contracts, funds, verifier) = tokio::join!(
        ask(async {
            let depth = app.store.depth().await;
            depth.map_err(|_| "Redis does not answer".into())
        }),
        ask(async { app.chain.head().await.map_err(away) }),
        ask(async {
            let proof = app.chain.prove().await;
            proof.map(|_| ()).map_err(|error| error.public().into())
        }),
        ask(async { app.chain.balance().await.map_err(away) }),
        async {
            let verifier = app.delta_verifier?;
            let asked = async {
                let role = app.chain.is_submitter(verifier).await;
                role.map_err(|error| error.public().into())
            };
            Some(ask(asked).await)
        },
    );
    let report = Report {
        redis,
        rpc,
        contracts,
        funds,
        verifier,
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
