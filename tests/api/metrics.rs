//! What the process says about itself: metrics where its log goes to, as alarms and the dashboard of its manifest look at them, and the same for
//! Prometheus.

use std::collections::BTreeSet;
use std::process::Command;

use contracts::reconciler::desired::desired;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::spec::Spec;
use contracts::simulator::{Call, Simulator, account};
use contracts::telemetry::metrics::{METRICS, NAMESPACE};
use reqwest::Method;
use serde_json::{Value, json};

use crate::World;
use crate::looked_at::{self, LookedAt};
use crate::support::api::{Api, Environment, OTHER_KEY};
use crate::support::{client, eventually, root};

const MANIFEST: &str = include_str!("../../manifests/development.yaml");

/// The unit of the manifest, which is the service that the reconciler tells the process to be.
fn unit() -> Spec {
    let manifest = Manifest::parse("development.yaml", MANIFEST).unwrap();
    Spec::believe(&manifest).unwrap()
}

/// What the unit's alarms and dashboard look at of ours.
fn looked_at(spec: &Spec) -> BTreeSet<LookedAt> {
    let resources = desired(spec);
    let alarms = resources.alarms.values();
    let mut found: BTreeSet<LookedAt> = alarms
        .flat_map(|alarm| alarm.measured())
        .map(looked_at::by_alarm)
        .collect();
    found.extend(looked_at::by_dashboard(&resources.dashboard.unwrap().body));
    found.retain(|(namespace, ..)| namespace == NAMESPACE);
    found
}

/// The lines of a log that are metric data.
fn lines(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains("\"_aws\""));
    lines.map(str::to_owned).collect()
}

/// Puts lines into a log group as a task's log driver does, and gives what CloudWatch then lists.
fn listed(lines: &[String]) -> Value {
    let now = contracts::deployment::worker::now_ms();
    let world = account::parse(include_str!("../fixtures/account.yaml")).unwrap();
    let simulator = Simulator::new(world.into_world(1, now), now);
    let call = |service, operation: &str, input: Value| {
        let call = Call {
            service,
            operation: operation.to_owned(),
            input: input.as_object().unwrap().clone(),
            principal: None,
            now,
        };
        simulator.answer(&call).unwrap()
    };
    let stream = json!({ "logGroupName": "group", "logStreamName": "stream" });
    call("logs", "CreateLogGroup", json!({ "logGroupName": "group" }));
    call("logs", "CreateLogStream", stream.clone());
    let event = |line: &String| json!({ "timestamp": now, "message": line });
    let mut input = stream;
    input["logEvents"] = lines.iter().map(event).collect();
    call("logs", "PutLogEvents", input);
    call(
        "monitoring",
        "ListMetrics",
        json!({ "Namespace": NAMESPACE }),
    )
}

/// Fails if one of the lines breaks the format's rules, as AWS publishes them; another program judges.
fn are_embedded_metrics(lines: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let files = lines.iter().enumerate().map(|(number, line)| {
        assert!(line.len() < 256 << 10, "longer than an event may be");
        let file = folder.path().join(format!("{number}.json"));
        std::fs::write(&file, line).unwrap();
        file
    });
    let output = Command::new("python3")
        .args(["-m", "check_jsonschema", "--schemafile"])
        .arg(root().join("tests/fixtures/embedded-metric-format.json"))
        .args(files)
        .env("PYTHONPATH", root().join("target/tools/schema"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}; scripts/install.sh installs check-jsonschema"
    );
}

/// Prometheus' text where the process says it is.
async fn scraped(api: &Api) -> String {
    let logs = api.logs();
    let address = logs.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let of_metrics = line["message"] == "metrics for Prometheus";
        of_metrics.then(|| line["address"].as_str().unwrap().to_owned())
    });
    let url = format!(
        "http://{}/metrics",
        address.expect("it listens for Prometheus")
    );
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    answer.text().await.unwrap()
}

fn environment(world: &World, service: &str) -> Environment {
    let mut environment = world.with("SERVICE_NAME", service);
    environment.insert("METRICS_PORT".into(), "0".into());
    environment
}

/// Requests, a deployment and the keys' ids in; every metric that the manifest's alarms and dashboard look at out, and none besides.
#[tokio::test]
async fn what_a_process_emits_is_what_its_manifest_looks_at_and_prometheus_has_the_same() {
    let world = World::start().await;
    let spec = unit();
    let mut api = Api::start(&environment(&world, &spec.name)).await;
    let id = api.submit("1000").await;
    api.reaches(&id, "deployed").await;
    let unseen = api.request(Method::GET, &format!("/api/deployments/{id}"));
    let (status, _) = Api::json(unseen.header("x-api-key", OTHER_KEY)).await;
    assert_eq!(status, 404);
    let (status, _) = Api::json(api.request(Method::GET, "/api/deployments")).await;
    assert_eq!(status, 401);
    // The first line comes after five seconds, with how the queue and the account stand.
    eventually("it has said how the queue stands", 20, async || {
        lines(&api.logs())
            .iter()
            .any(|line| line.contains("QueueDepth"))
            .then_some(())
    })
    .await;
    let text = scraped(&api).await;
    // The last ones say what was counted since.
    api.terminate();
    assert!(api.ended(20).await.success());

    let lines = lines(&api.logs());
    are_embedded_metrics(&lines);
    looked_at::join(&looked_at(&spec), &looked_at::listed(&listed(&lines)));
    let documents: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for document in &documents {
        for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for metric in directive["Metrics"].as_array().unwrap() {
                let known = METRICS.iter().find(|known| metric["Name"] == known.name);
                let known = known.unwrap_or_else(|| panic!("{metric} is in no table"));
                let sets = json!(known.dimensions);
                let set = &directive["Dimensions"][0];
                assert!(sets.as_array().unwrap().contains(set), "{metric}: {set}");
                assert_eq!(metric["Unit"], known.unit);
            }
        }
    }
    let sum = |name: &str, dimension: &str, value: &str| {
        documents
            .iter()
            .filter(|line| {
                line[dimension] == value && (dimension != "Service" || line["Route"].is_null())
            })
            .filter_map(|line| line[name].as_u64())
            .sum::<u64>()
    };
    let counted = [
        "DeploymentsSubmitted",
        "DeploymentsDeployed",
        "DeploymentsFailed",
    ]
    .map(|name| sum(name, "Service", &spec.name));
    assert_eq!(counted, [1, 1, 0], "{lines:#?}");
    assert_eq!(sum("Requests", "Route", "POST /api/deployments"), 1);
    assert_eq!(sum("Requests", "Route", "GET /api/deployments"), 1);
    assert_eq!(sum("Requests", "Caller", "backend"), 1);
    assert_eq!(sum("Requests", "Caller", "(none)"), 1);
    assert!(sum("Requests", "Caller", "frontend") >= 2);
    assert_eq!(sum("RequestsFailed", "Caller", "frontend"), 0);
    let gauges = documents
        .iter()
        .find(|line| !line["QueueDepth"].is_null())
        .unwrap();
    assert_eq!(gauges["QueueDepth"].as_f64(), Some(0.0));
    assert_eq!(gauges["Parked"].as_f64(), Some(0.0));
    assert!(
        gauges["DeployerBalance"].as_f64().unwrap() > 1.0,
        "{gauges}"
    );

    let families: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let expected: BTreeSet<&str> = METRICS.iter().map(|metric| metric.prometheus).collect();
    assert_eq!(families, expected);
    let head = "contracts_requests_total{route=\"/api/deployments";
    for line in [
        format!("{head}\",method=\"POST\",status=\"2xx\",owner=\"frontend\",key=\"frontend\"}} 1"),
        format!("{head}\",method=\"GET\",status=\"4xx\",owner=\"(none)\",key=\"(none)\"}} 1"),
        format!("{head}/:id\",method=\"GET\",status=\"4xx\",owner=\"backend\",key=\"backend\"}} 1"),
        "contracts_request_seconds_count{route=\"/api/deployments\",method=\"POST\"} 1".into(),
        "contracts_deployments_deployed_total 1".into(),
        "contracts_deployment_seconds_count 1".into(),
        "contracts_queue_depth 0".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    api.has_logged_no_secret();
    let all = lines.join("\n") + &text;
    assert!(
        !all.contains("0x") && !all.contains("http") && !all.contains(&id),
        "{all}"
    );
}

/// Without a name there is nowhere to emit to, and without a port nobody is answered: on a developer's machine the log stays what it is.
#[tokio::test]
async fn without_a_service_name_and_a_port_nothing_is_emitted() {
    let world = World::start().await;
    let mut api = world.api().await;
    api.terminate();
    assert!(api.ended(20).await.success());
    assert_eq!(lines(&api.logs()), Vec::<String>::new());
    assert!(!api.logs().contains("Prometheus"));
}
