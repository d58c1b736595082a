//! The one list of the program's metrics: what CloudWatch calls each, what Prometheus does, and under which dimensions it has data.
//!
//! Pure. Emission takes its units and dimensions from here, `/metrics` its names, the runbook its table, and tests hold alarms, the dashboard
//! and what a process really says against it.

use crate::telemetry::exposition::Kind;

/// CloudWatch's namespace for them.
pub const NAMESPACE: &str = "Hokusai/Contracts";
/// Which service, so that two in an account are two.
pub const SERVICE: &str = "Service";
/// Method and path, the path's parameters by their names.
pub const ROUTE: &str = "Route";
/// The id of the API key.
pub const CALLER: &str = "Caller";

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As CloudWatch has it.
    pub name: &'static str,
    /// As Prometheus has it; two of CloudWatch's may be one of Prometheus', told apart by a label.
    pub prometheus: &'static str,
    /// What Prometheus calls it.
    pub kind: Kind,
    /// One of CloudWatch's.
    pub unit: &'static str,
    /// The sets of dimensions it is emitted under.
    pub dimensions: &'static [&'static [&'static str]],
    /// What one value says; a counter's is what was counted since the last line, and for Prometheus since the start.
    pub meaning: &'static str,
}

const BY_SERVICE: &[&[&str]] = &[&[SERVICE]];
const BY_ROUTE: &[&[&str]] = &[&[SERVICE, ROUTE]];
const BY_ROUTE_AND_CALLER: &[&[&str]] = &[&[SERVICE, ROUTE], &[SERVICE, CALLER]];

/// All of them. The first five are said by the replica that carries deployments through, the others by each for itself.
pub const METRICS: [Metric; 14] = [
    gauge(
        "QueueDepth",
        "contracts_queue_depth",
        "Count",
        "deployments that wait for a nonce",
    ),
    gauge(
        "InFlight",
        "contracts_in_flight",
        "Count",
        "deployments with a transaction that is not final",
    ),
    gauge("Parked", "contracts_parked", "Count", "records put aside"),
    gauge(
        "OldestAgeSeconds",
        "contracts_oldest_age_seconds",
        "Seconds",
        "since the oldest unfinished deployment was accepted; 0 without one",
    ),
    gauge(
        "DeployerBalance",
        "contracts_deployer_balance",
        "None",
        "the account's coins; unknown while no node answers",
    ),
    counter(
        "DeploymentsSubmitted",
        "contracts_deployments_submitted_total",
        "deployments accepted",
    ),
    counter(
        "DeploymentsDeployed",
        "contracts_deployments_deployed_total",
        "deployments that ended with a token",
    ),
    counter(
        "DeploymentsFailed",
        "contracts_deployments_failed_total",
        "deployments that ended without one",
    ),
    Metric {
        kind: Kind::Histogram,
        unit: "Seconds",
        ..counter(
            "DeploymentSeconds",
            "contracts_deployment_seconds",
            "from a deployment's acceptance to its token",
        )
    },
    counter(
        "RpcFailures",
        "contracts_rpc_failures_total",
        "requests that an RPC endpoint did not answer",
    ),
    counter(
        "KeysNotRead",
        "contracts_keys_not_read_total",
        "attempts to read the API keys again that gave none to use",
    ),
    Metric {
        dimensions: BY_ROUTE_AND_CALLER,
        ..counter(
            "Requests",
            "contracts_requests_total",
            "requests answered; health checks are for Prometheus only",
        )
    },
    Metric {
        dimensions: BY_ROUTE_AND_CALLER,
        ..counter(
            "RequestsFailed",
            "contracts_requests_total",
            "those of them that were answered with 5xx",
        )
    },
    Metric {
        kind: Kind::Histogram,
        unit: "Seconds",
        dimensions: BY_ROUTE,
        ..counter(
            "RequestSeconds",
            "contracts_request_seconds",
            "until the head of the answer; for CloudWatch at most 100 requests a route and minute, evenly picked",
        )
    },
];

const fn gauge(
    name: &'static str,
    prometheus: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Metric {
    Metric {
        name,
        prometheus,
        kind: Kind::Gauge,
        unit,
        dimensions: BY_SERVICE,
        meaning,
    }
}

const fn counter(name: &'static str, prometheus: &'static str, meaning: &'static str) -> Metric {
    Metric {
        kind: Kind::Counter,
        ..gauge(name, prometheus, "Count", meaning)
    }
}

/// A table for documents.
pub fn markdown() -> String {
    let mut text =
        "| CloudWatch | dimensions | unit | Prometheus | meaning |\n|---|---|---|---|---|\n"
            .to_owned();
    for Metric {
        name,
        prometheus,
        kind: _,
        unit,
        dimensions,
        meaning,
    } in METRICS
    {
        let sets: Vec<String> = dimensions.iter().map(|set| set.join(", ")).collect();
        let sets = sets.join("; ");
        text.push_str(&format!(
            "| `{name}` | {sets} | {unit} | `{prometheus}` | {meaning} |\n"
        ));
    }
    text
}
