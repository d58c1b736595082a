//! What the process writes about itself becomes metrics where its log goes to: the lines of a real process, in the log
//! group of a simulated account.

use std::collections::BTreeSet;

use contracts::simulator::{Call, Simulator, account};
use contracts::telemetry::metrics::{DIMENSION, METRICS, NAMESPACE};
use serde_json::{Value, json};

use crate::World;
use crate::support::api::Api;
use crate::support::eventually;

const SERVICE: &str = "contracts-under-test";

/// The lines of a log that are metric data.
fn lines(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains("\"_aws\""));
    lines.map(str::to_owned).collect()
}

/// Puts lines into a log group as a task's log driver does, and gives what CloudWatch then lists.
fn listed(lines: &[String]) -> Vec<Value> {
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
    let found = call(
        "monitoring",
        "ListMetrics",
        json!({ "Namespace": NAMESPACE }),
    );
    found["Metrics"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_lines_of_a_process_become_every_metric_there_is_and_tell_no_secret() {
    let world = World::start().await;
    let mut api = Api::start(&world.with("SERVICE_NAME", SERVICE)).await;
    let id = api.submit("1000").await;
    api.reaches(&id, "deployed").await;
    // The first line comes after five seconds, with how the queue and the account stand.
    eventually("it has said how the queue stands", 20, async || {
        lines(&api.logs())
            .iter()
            .any(|line| line.contains("QueueDepth"))
            .then_some(())
    })
    .await;
    // The last one says what was counted since.
    api.terminate();
    assert!(api.ended(20).await.success());
    let lines = lines(&api.logs());
    let documents: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sum = |name: &str| {
        documents
            .iter()
            .filter_map(|line| line[name].as_u64())
            .sum::<u64>()
    };
    let counted = [
        "DeploymentsSubmitted",
        "DeploymentsDeployed",
        "DeploymentsFailed",
    ]
    .map(sum);
    assert_eq!(counted, [1, 1, 0], "{lines:#?}");
    let gauges = documents
        .iter()
        .find(|line| !line["QueueDepth"].is_null())
        .unwrap();
    assert_eq!(
        (&gauges["QueueDepth"], &gauges["Parked"]),
        (&json!(0), &json!(0))
    );
    assert!(
        gauges["DeployerBalance"].as_f64().unwrap() > 1.0,
        "{gauges}"
    );

    let listed = listed(&lines);
    let names: BTreeSet<&str> = listed
        .iter()
        .map(|metric| metric["MetricName"].as_str().unwrap())
        .collect();
    assert_eq!(names, METRICS.iter().map(|metric| metric.name).collect());
    for metric in &listed {
        assert_eq!(
            metric["Dimensions"],
            json!([{ "Name": DIMENSION, "Value": SERVICE }])
        );
    }
    api.has_logged_no_secret();
    let text = lines.join("\n");
    assert!(!text.contains("0x") && !text.contains("http"), "{text}");
}

/// Without a name there is nowhere to emit to: on a developer's machine the log stays what it is.
#[tokio::test]
async fn without_a_service_name_nothing_is_emitted() {
    let world = World::start().await;
    let mut api = world.api().await;
    api.terminate();
    assert!(api.ended(20).await.success());
    assert_eq!(lines(&api.logs()), Vec::<String>::new());
}
