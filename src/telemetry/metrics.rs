//! What the process counts: log lines in CloudWatch's embedded metric format, and Prometheus' text.
//!
//! Takes counts from wherever something happens, gives lines, some a minute and process, which CloudWatch Logs turns into metrics without an agent or
//! a call; and the same numbers since the start for whoever scrapes them. [`METRICS`] is the one list of names; alarms and the dashboard are held against it by
//! a test. Nothing holds a key, an address, a URL or a model's name.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

pub mod table;
mod traffic;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::exposition::{self, Histogram, Labels};
pub use table::{METRICS, NAMESPACE};
pub use traffic::Answered;
use traffic::Traffic;

/// The format takes no longer array.
const VALUES_MAX: usize = 100;
/// Durations kept between two lines; a minute's are far fewer.
const DURATIONS_MAX: usize = 10_000;

/// In seconds: a deployment is a few blocks where all is well, and given up after a day.
const DEPLOYMENT_BOUNDS: &[f64] = &[
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0,
];

/// What has happened, and what the last turn saw.
#[derive(Debug, Default)]
pub struct Metrics {
    submitted: Counter,
    deployed: Counter,
    failed: Counter,
    keys_not_read: Counter,
    rpc_failures: Counter,
    durations: Mutex<Durations>,
    traffic: Mutex<Traffic>,
    /// When the oldest unfinished deployment was accepted, in milliseconds since 1970; 0: there is none. Absent from a
    /// replica that does not carry deployments through.
    leading: Mutex<Option<u64>>,
    gauges: Mutex<Option<Gauges>>,
}

/// Grows; a line says by how much it has since the one before.
#[derive(Debug, Default)]
struct Counter {
    total: AtomicU64,
    said: AtomicU64,
}

impl Counter {
    fn add_one(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    fn grown(&self) -> u64 {
        let total = self.total();
        total.saturating_sub(self.said.swap(total, Ordering::Relaxed))
    }
}

/// Of deployments that ended with a token, in seconds.
#[derive(Debug)]
struct Durations {
    /// Since the last line.
    recent: Vec<f64>,
    histogram: Histogram,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            recent: Vec::new(),
            histogram: Histogram::new(DEPLOYMENT_BOUNDS),
        }
    }
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
        self.submitted.add_one();
    }

    /// A deployment ended with a token, so long after it was accepted.
    pub fn deployed(&self, after: Duration) {
        self.deployed.add_one();
        let mut durations = lock(&self.durations);
        durations.histogram.add(after.as_secs_f64());
        if durations.recent.len() < DURATIONS_MAX {
            durations.recent.push(after.as_secs_f64());
        }
    }

    /// A deployment ended without one.
    pub fn failed(&self) {
        self.failed.add_one();
    }

    /// The API keys could not be read again, or what was read is malformed.
    pub fn keys_not_read(&self) {
        self.keys_not_read.add_one();
    }

    /// A request was answered.
    pub fn answered(&self, answered: Answered<'_>) {
        lock(&self.traffic).add(answered);
    }

    /// So many requests to RPC endpoints were not answered since the start.
    pub fn rpc_failures(&self, total: u64) {
        self.rpc_failures.total.store(total, Ordering::Relaxed);
    }

    /// How the queue and the account stand; absent: unknown, or another replica's matter.
    pub fn stands(&self, gauges: Option<Gauges>) {
        *lock(&self.gauges) = gauges;
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

    /// The lines for what has happened since the last ones, and for how things stand.
    pub fn lines(&self, service: &str, now_ms: u64) -> Vec<String> {
        let mut values = vec![
            ("DeploymentsSubmitted", json!(self.submitted.grown())),
            ("DeploymentsDeployed", json!(self.deployed.grown())),
            ("DeploymentsFailed", json!(self.failed.grown())),
            ("KeysNotRead", json!(self.keys_not_read.grown())),
            ("RpcFailures", json!(self.rpc_failures.grown())),
        ];
        let gauges = lock(&self.gauges).as_ref().map(Gauges::values);
        let gauges = gauges.into_iter().flatten();
        values.extend(gauges.map(|(name, value)| (name, json!(value))));
        let durations = std::mem::take(&mut lock(&self.durations).recent);
        let mut durations = durations.chunks(VALUES_MAX);
        values.extend(
            durations
                .next()
                .map(|first| ("DeploymentSeconds", json!(first))),
        );
        let further = durations.map(|further| vec![("DeploymentSeconds", json!(further))]);
        let own = std::iter::once(values).chain(further);
        let own = own.map(|values| (Vec::new(), values));
        let traffic = lock(&self.traffic).take();
        own.chain(traffic)
            .map(|(dimensions, values)| line(service, now_ms, dimensions, values))
            .collect()
    }

    /// Everything since the start, as Prometheus reads it.
    pub fn exposition(&self) -> String {
        let gauges = lock(&self.gauges).as_ref().map(Gauges::values);
        let gauges = gauges.unwrap_or_default();
        let (durations, traffic) = (lock(&self.durations), lock(&self.traffic));
        let mut text = String::new();
        let mut written = BTreeSet::new();
        for metric in METRICS {
            if !written.insert(metric.prometheus) {
                continue;
            }
            let head = (metric.prometheus, metric.kind, metric.meaning);
            let total = |counter: &Counter| vec![(Labels::new(), counter.total() as f64)];
            let values = match metric.name {
                "DeploymentsSubmitted" => total(&self.submitted),
                "DeploymentsDeployed" => total(&self.deployed),
                "DeploymentsFailed" => total(&self.failed),
                "KeysNotRead" => total(&self.keys_not_read),
                "RpcFailures" => total(&self.rpc_failures),
                "Requests" => traffic.counts(),
                "RequestSeconds" => {
                    exposition::write_histograms(&mut text, (head.0, head.2), &traffic.durations());
                    continue;
                }
                "DeploymentSeconds" => {
                    let all = [(Labels::new(), &durations.histogram)];
                    exposition::write_histograms(&mut text, (head.0, head.2), &all);
                    continue;
                }
                gauge => {
                    let found = gauges.iter().filter(|(name, _)| *name == gauge);
                    found.map(|(_, value)| (Labels::new(), *value)).collect()
                }
            };
            exposition::write(&mut text, head, &values);
        }
        text
    }
}

impl Gauges {
    /// By name.
    fn values(&self) -> Vec<(&'static str, f64)> {
        let Self {
            queued,
            in_flight,
            parked,
            oldest_age,
            balance,
        } = *self;
        let mut values = vec![
            ("QueueDepth", queued as f64),
            ("InFlight", in_flight as f64),
            ("Parked", parked as f64),
            ("OldestAgeSeconds", oldest_age.as_secs_f64()),
        ];
        values.extend(balance.map(|balance| ("DeployerBalance", balance)));
        values
    }
}

/// One document, with the members every log line has.
fn line(
    service: &str,
    now_ms: u64,
    dimensions: Vec<(&'static str, String)>,
    values: Vec<(&'static str, Value)>,
) -> String {
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
    ]);
    let dimensions = std::iter::once((table::SERVICE, service.to_owned())).chain(dimensions);
    let mut set = Vec::new();
    for (name, value) in dimensions {
        set.push(name);
        document.insert(name.to_owned(), json!(value));
    }
    document.extend(
        values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    let metadata = json!({
        "Timestamp": now_ms,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE, "Dimensions": [set], "Metrics": definitions,
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
