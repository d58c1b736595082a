//! A load set over HTTP, and the metrics it becomes.

use std::time::Duration;

use contracts::simulator::signals;
use serde_json::json;
use tokio::time::advance;

use crate::http::Server;
use crate::{add_service, in_process, simulator};

const SERVICE: &str =
    r#""cluster": "hokusai-development", "service": "hokusai-contracts-development""#;

#[tokio::test]
async fn a_load_is_set_by_script_or_refused_with_what_is_wrong() {
    let server = Server::start().await;
    add_service(&in_process(&server.simulator)).await;
    for (amounts, expected) in [
        (
            r#", "requests_per_second": 20, "error_share": 0.5"#,
            "200 OK",
        ),
        ("", "200 OK"),
        (r#", "requests_per_second": -1"#, "400 Bad Request"),
        (r#", "error_share": 2"#, "400 Bad Request"),
        (r#", "requests": 2"#, "400 Bad Request"),
    ] {
        let (status, reply) = server.put("load", &format!("{{{SERVICE}{amounts}}}")).await;
        assert_eq!(status, format!("HTTP/1.1 {expected}"), "{amounts}: {reply}");
    }
    let absent = r#"{"cluster": "hokusai-development", "service": "absent"}"#;
    let (status, reply) = server.put("load", absent).await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert_eq!(
        reply,
        json!({ "error": "no service hokusai-development/absent" })
    );
    server.stop().await;
}

/// Nothing runs: there is nothing to measure, and an idle minute is no reason to invent any.
#[tokio::test(start_paused = true)]
async fn a_service_without_running_tasks_has_no_metrics() {
    let simulator = simulator();
    let config = in_process(&simulator);
    add_service(&config).await;
    for _ in 0..3 {
        simulator.with(signals::step);
        advance(Duration::from_secs(60)).await;
    }
    let client = aws_sdk_cloudwatch::Client::new(&config);
    let found = client
        .list_metrics()
        .namespace("AWS/ECS")
        .send()
        .await
        .unwrap();
    assert_eq!(found.metrics(), []);
}
