//! What the process counts, as log lines in CloudWatch's embedded metric format.
//!
//! Takes counts from wherever something happens, gives lines: one a minute and process, which CloudWatch Logs turns into
//! metrics without an agent or a call. [`METRICS`] is the one list of names; alarms and the dashboard are held against it by
//! a test. No line holds a key, an address, a URL or a model's name.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// CloudWatch's namespace for them.
pub const NAMESPACE: &str = "Hokusai/Contracts";
/// The one dimension: which service, so that two in an account are two.
pub const DIMENSION: &str = "Service";

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As CloudWatch has it.
    pub name: &'static str,
    /// One of CloudWatch's.
    pub unit: &'static str,
    /// What one value says.
    pub meaning: &'static str,
}

/// All of them. The first five are said by the replica that carries deployments through, the others by each for itself.
pub const METRICS: [Metric; 11] = [
    metric("QueueDepth", "Count", "deployments that wait for a nonce"),
    metric(
        "InFlight",
        "Count",
        "deployments with a transaction that is not final",
    ),
    metric("Parked", "Count", "records put aside"),
    metric(
        "OldestAgeSeconds",
        "Seconds",
        "since the oldest unfinished deployment was accepted; 0 without one",
    ),
    metric(
        "DeployerBalance",
        "None",
        "the account's coins; unknown while no node answers",
    ),
    metric(
        "DeploymentsSubmitted",
        "Count",
        "accepted since the last line",
    ),
    metric(
        "DeploymentsDeployed",
        "Count",
        "ended with a token since the last line",
    ),
    metric(
        "DeploymentsFailed",
        "Count",
        "ended without one since the last line",
    ),
    metric(
        "DeploymentSeconds",
        "Seconds",
        "from acceptance to the token, of each of those",
    ),
    metric(
        "RpcFailures",
        "Count",
        "requests that an endpoint did not answer since the last line",
    ),
    metric(
        "KeysNotRead",
        "Count",
        "attempts to read the API keys again that gave none to use, since the last line",
    ),
];

const fn metric(name: &'static str, unit: &'static str, meaning: &'static str) -> Metric {
    Metric {
        name,
        unit,
        meaning,
    }
}

/// The format takes no longer array.
const VALUES_MAX: usize = 100;
/// Durations kept between two lines; a minute's are far fewer.
const DURATIONS_MAX: usize = 10_000;

/// What has happened since the last line, and what the last turn saw.
#[derive(Debug, Default)]
pub struct Metrics {
    submitted: AtomicU64,
    deployed: AtomicU64,
    failed: AtomicU64,
    keys_not_read: AtomicU64,
    durations: Mutex<Vec<f64>>,
    /// Of all time; a line says by how much it has grown.
    rpc_failures: AtomicU64,
    /// When the oldest unfinished deployment was accepted, in milliseconds since 1970; 0: there is none. Absent from a
    /// replica that does not carry deployments through.
    leading: Mutex<Option<u64>>,
}

/// What only the leading replica says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauges {
    /// Without a nonce.
    pub queued: usize,
    /// With one.
    pub in_flight: usize,
    /// Put aside.
    pub parked: usize,
    /// Of the oldest unfinished deployment.
    pub oldest_age: Duration,
    /// In the chain's coin; absent when no node answered.
    pub balance: Option<f64>,
}

impl Metrics {
    /// A deployment was accepted.
    pub fn submitted(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    /// A deployment ended with a token, so long after it was accepted.
    pub fn deployed(&self, after: Duration) {
        self.deployed.fetch_add(1, Ordering::Relaxed);
        let mut durations = lock(&self.durations);
        if durations.len() < DURATIONS_MAX {
            durations.push(after.as_secs_f64());
        }
    }

    /// A deployment ended without one.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The API keys could not be read again, or what was read is malformed.
    pub fn keys_not_read(&self) {
        self.keys_not_read.fetch_add(1, Ordering::Relaxed);
    }

    /// This replica carries deployments through; the oldest unfinished one was accepted then, in milliseconds since 1970.
    pub fn leads(&self, oldest_ms: Option<u64>) {
        *lock(&self.leading) = Some(oldest_ms.unwrap_or(0));
    }

    /// Another replica does.
    pub fn follows(&self) {
        *lock(&self.leading) = None;
    }

    /// The age of the oldest unfinished deployment, if this replica carries deployments through.
    pub fn oldest_age(&self, now_ms: u64) -> Option<Duration> {
        let leading = *lock(&self.leading);
        leading.map(|at| match at {
            0 => Duration::ZERO,
            at => Duration::from_millis(now_ms.saturating_sub(at)),
        })
    }

    /// The lines for what has happened since the last ones. `rpc_failures` are those of all time.
    pub fn lines(
        &self,
        service: &str,
        now_ms: u64,
        rpc_failures: u64,
        gauges: Option<Gauges>,
    ) -> Vec<String> {
        let taken = |counter: &AtomicU64| json!(counter.swap(0, Ordering::Relaxed));
        let before = self.rpc_failures.swap(rpc_failures, Ordering::Relaxed);
        let mut values = vec![
            ("DeploymentsSubmitted", taken(&self.submitted)),
            ("DeploymentsDeployed", taken(&self.deployed)),
            ("DeploymentsFailed", taken(&self.failed)),
            ("KeysNotRead", taken(&self.keys_not_read)),
            ("RpcFailures", json!(rpc_failures.saturating_sub(before))),
        ];
        if let Some(gauges) = gauges {
            let Gauges {
                queued,
                in_flight,
                parked,
                oldest_age,
                balance,
            } = gauges;
            values.extend([
                ("QueueDepth", json!(queued)),
                ("InFlight", json!(in_flight)),
                ("Parked", json!(parked)),
                ("OldestAgeSeconds", json!(oldest_age.as_secs_f64())),
            ]);
            values.extend(balance.map(|balance| ("DeployerBalance", json!(balance))));
        }
        let durations = std::mem::take(&mut *lock(&self.durations));
        let mut durations = durations.chunks(VALUES_MAX);
        values.extend(
            durations
                .next()
                .map(|first| ("DeploymentSeconds", json!(first))),
        );
        let further = durations.map(|further| vec![("DeploymentSeconds", json!(further))]);
        let lines = std::iter::once(values).chain(further);
        lines.map(|values| line(service, now_ms, values)).collect()
    }
}

/// One document, with the members every log line has.
fn line(service: &str, now_ms: u64, values: Vec<(&'static str, Value)>) -> String {
    let unit = |name: &str| {
        METRICS
            .iter()
            .find(|metric| metric.name == name)
            .map(|metric| metric.unit)
    };
    let definitions: Vec<Value> = values
        .iter()
        .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }))
        .collect();
    let mut document = Map::from_iter([
        ("level".to_owned(), json!("INFO")),
        ("message".to_owned(), json!("metrics")),
        (DIMENSION.to_owned(), json!(service)),
    ]);
    document.extend(
        values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    let metadata = json!({
        "Timestamp": now_ms,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions,
        }],
    });
    document.insert("_aws".to_owned(), metadata);
    Value::Object(document).to_string()
}

/// A panic elsewhere leaves a number that is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
