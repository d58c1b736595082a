//! The dashboard: what product managers ask for on top, what whoever is paged looks at below.
//!
//! Every metric in it comes from `metric`, so it has the dimensions under which there are data.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>

use serde_json::{Value, json};

use super::alarms::{alarms, composite_alarms};
use super::burn::millionths;
use super::metric::{program, program_by, running_tasks, tasks, traffic};
use crate::reconciler::resource::{Dashboard, Measured};
use crate::reconciler::spec::Spec;

/// Columns of a dashboard, and of one widget.
const COLUMNS: usize = 24;
const WIDTH: usize = 8;
const HEIGHT: usize = 6;

/// It bears the unit's name.
pub fn dashboard(spec: &Spec) -> Option<Dashboard> {
    let widgets = [
        business(spec),
        service(spec),
        requests(spec),
        machinery(spec),
    ]
    .concat();
    let per_row = COLUMNS / WIDTH;
    let placed = widgets.into_iter().enumerate().map(|(at, (kind, properties))| {
        json!({
            "type": kind, "x": at % per_row * WIDTH, "y": at / per_row * HEIGHT, "width": WIDTH, "height": HEIGHT,
            "properties": properties,
        })
    });
    spec.dashboard.then(|| Dashboard {
        name: spec.name.clone(),
        body: json!({ "widgets": placed.collect::<Vec<_>>() }),
    })
}

/// Type and properties.
type Widget = (&'static str, Value);

/// Contract deployments and what users were promised.
fn business(spec: &Spec) -> Vec<Widget> {
    let deployments = [
        ("accepted", "DeploymentsSubmitted"),
        ("deployed", "DeploymentsDeployed"),
        ("failed", "DeploymentsFailed"),
    ];
    let deployments =
        deployments.map(|(label, metric)| row(&program(spec, metric, "Sum", 3600), label));
    let duration = ["p50", "p90", "p99"]
        .map(|share| row(&program(spec, "DeploymentSeconds", share, 3600), share));
    let promise = spec.slo.availability;
    let lines: Vec<Value> = promise
        .map(|percent| json!({ "label": "promised", "value": percent }))
        .into_iter()
        .collect();
    let mut availability = graph(
        spec,
        "Availability, percent of requests without 5xx",
        available(300),
    );
    availability.1["annotations"] = json!({ "horizontal": lines });
    let mut widgets = vec![
        graph(spec, "Contract deployments an hour", deployments.into()),
        graph(spec, "Time to token, seconds", duration.into()),
        availability,
    ];
    if let Some(promise) = promise {
        widgets.push(budget(spec, 100.0 - promise));
    }
    widgets
}

/// Requests as users see them, and the alarms.
fn service(spec: &Spec) -> Vec<Widget> {
    let names = alarms(spec)
        .into_keys()
        .chain(composite_alarms(spec).into_keys());
    let arns: Vec<String> = names
        .map(|name| spec.arn("cloudwatch", &format!("alarm:{name}")))
        .collect();
    let requests = [
        row(&traffic("RequestCount", "Sum", 60), "requests"),
        row(
            &traffic("HTTPCode_Target_5XX_Count", "Sum", 60),
            "answered with 5xx",
        ),
    ];
    let latency =
        ["p50", "p95", "p99"].map(|share| row(&traffic("TargetResponseTime", share, 60), share));
    vec![
        ("alarm", json!({ "title": "Alarms", "alarms": arns })),
        graph(spec, "Requests a minute", requests.into()),
        graph(spec, "Response time, seconds", latency.into()),
    ]
}

/// Requests as the program sees them: which route, whose.
fn requests(spec: &Spec) -> Vec<Widget> {
    let by = |dimension, metric, statistic| program_by(spec, dimension, metric, statistic, 60);
    let counted = |dimension| {
        vec![
            search(&by(dimension, "Requests", "Sum"), "all", ""),
            search(&by(dimension, "RequestsFailed", "Sum"), "failed", "5xx"),
        ]
    };
    vec![
        graph(spec, "Requests a minute, by route", counted("Route")),
        graph(
            spec,
            "Seconds to answer, by route, p99",
            vec![search(&by("Route", "RequestSeconds", "p99"), "seconds", "")],
        ),
        graph(spec, "Requests a minute, by API key", counted("Caller")),
    ]
}

/// Tasks, the queue, the account and the nodes.
fn machinery(spec: &Spec) -> Vec<Widget> {
    let hosts = [
        row(&traffic("HealthyHostCount", "Minimum", 60), "healthy"),
        row(&traffic("UnHealthyHostCount", "Maximum", 60), "unhealthy"),
        row(&running_tasks(spec), "running"),
    ];
    let load = [
        row(&tasks(spec, "CPUUtilization", "Average", 60), "CPU"),
        row(&tasks(spec, "MemoryUtilization", "Average", 60), "memory"),
    ];
    let queue = [
        ("queued", "QueueDepth"),
        ("in flight", "InFlight"),
        ("put aside", "Parked"),
    ]
    .map(|(label, metric)| row(&program(spec, metric, "Maximum", 60), label));
    let age = [row(
        &program(spec, "OldestAgeSeconds", "Maximum", 60),
        "oldest unfinished",
    )];
    let balance = [row(
        &program(spec, "DeployerBalance", "Minimum", 300),
        "balance",
    )];
    let nodes = [
        row(&program(spec, "RpcFailures", "Sum", 300), "failures"),
        row(
            &program(spec, "KeysNotRead", "Sum", 300),
            "API keys not read",
        ),
    ];
    let errors = format!(
        "SOURCE '{}' | fields @timestamp, level, message, error | filter level in ['ERROR', 'WARN'] \
         | sort @timestamp desc | limit 50",
        spec.logs.group
    );
    vec![
        graph(spec, "Tasks", hosts.into()),
        graph(spec, "CPU and memory, percent", load.into()),
        graph(spec, "Contract deployments that wait", queue.into()),
        graph(spec, "Age of the oldest, seconds", age.into()),
        graph(spec, "Deployer's balance, coins", balance.into()),
        graph(spec, "RPC and key failures in five minutes", nodes.into()),
        (
            "log",
            json!({ "title": "Errors and warnings", "region": spec.region, "query": errors }),
        ),
    ]
}

fn graph(spec: &Spec, title: &str, metrics: Vec<Value>) -> Widget {
    let properties =
        json!({ "title": title, "region": spec.region, "view": "timeSeries", "metrics": metrics });
    ("metric", properties)
}

/// What is left of the error budget of the last 30 days, as one number.
fn budget(spec: &Spec, budget_percent: f64) -> Widget {
    let budget = millionths(budget_percent);
    let left = format!("100 * (1 - 100 * FILL(errors, 0) / requests / {budget})");
    let metrics = [vec![formula(&left, "left")], hidden(86_400)].concat();
    let properties = json!({
        "title": "Error budget left, percent of 30 days'", "region": spec.region, "view": "singleValue",
        "start": "-P30D", "setPeriodToTimeRange": true, "metrics": metrics,
    });
    ("metric", properties)
}

fn available(period: i32) -> Vec<Value> {
    let share = formula("100 - 100 * FILL(errors, 0) / requests", "available");
    [vec![share], hidden(period)].concat()
}

fn formula(expression: &str, label: &str) -> Value {
    search(expression, "value", label)
}

/// A line for each that is found; its label begins with this.
fn search(expression: &str, id: &str, label: &str) -> Value {
    json!([{ "expression": expression, "label": label, "id": id }])
}

/// The terms of a formula, not drawn themselves.
fn hidden(period: i32) -> Vec<Value> {
    let terms = [
        ("errors", "HTTPCode_Target_5XX_Count"),
        ("requests", "RequestCount"),
    ];
    let terms = terms.map(|(id, metric)| {
        let mut row = row(&traffic(metric, "Sum", period), id);
        if let Some(options) = row.as_array_mut().and_then(|row| row.last_mut()) {
            options["id"] = json!(id);
            options["visible"] = json!(false);
        }
        row
    });
    terms.into()
}

/// A metric as a widget names it: namespace, name, dimensions, how it is drawn.
fn row(measured: &Measured, label: &str) -> Value {
    let Measured {
        namespace,
        metric,
        statistic,
        dimensions,
        period_seconds,
        unit: _,
    } = measured;
    let mut row = vec![json!(namespace), json!(metric)];
    for (name, value) in dimensions {
        row.extend([json!(name), json!(value.word())]);
    }
    row.push(json!({ "stat": statistic, "period": period_seconds, "label": label }));
    Value::Array(row)
}
