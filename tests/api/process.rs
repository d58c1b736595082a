//! The process itself: its settings, its subcommands and its end.

use crate::World;
use crate::support::api::{Api, Environment, KEY, entry, minimal, run};
use crate::support::{eventually, free_port};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[test]
fn wrong_settings_are_all_listed_at_once_without_their_values() {
    let values = [
        ("PORT", "http-port"),
        ("DEPLOYER_PRIVATE_KEY", "0xnot-a-private-key"),
        (
            "TOKEN_MANAGER_ADDRESS",
            "0x0000000000000000000000000000000000000000",
        ),
        ("REDIS_URL", "memcached://secret-host"),
        ("API_KEYS", "web:plain-text-api-key"),
    ];
    let environment: Environment = values
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let (status, output, errors) = run(&[], &environment, "");
    assert_eq!(status.code(), Some(64), "{output}{errors}");
    let events: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let named: Vec<&str> = events
        .iter()
        .filter_map(|event| event["setting"].as_str())
        .collect();
    for name in values.map(|(name, _)| name).iter().chain(&[
        "CHAIN_ID",
        "RPC_URL",
        "MODEL_REGISTRY_ADDRESS",
    ]) {
        assert_eq!(
            named.iter().filter(|named| *named == name).count(),
            1,
            "{name} in {output}"
        );
    }
    assert!(output.contains("contracts-api keys hash"));
    for (_, value) in values {
        assert!(
            !output.contains(value) && !errors.contains(value),
            "{value} in {output}{errors}"
        );
    }
}

#[test]
fn subcommands_do_what_they_say() {
    let (status, help, _) = run(&["--help"], &Environment::new(), "");
    assert!(
        status.success() && help.contains("keys") && help.contains("healthcheck"),
        "{help}"
    );
    let (status, version, _) = run(&["--version"], &Environment::new(), "");
    assert!(status.success());
    assert_eq!(
        version.trim(),
        concat!("contracts-api ", env!("CARGO_PKG_VERSION"))
    );
    let (status, settings, _) = run(&["settings"], &Environment::new(), "");
    assert!(
        status.success() && settings.contains("DEPLOYER_PRIVATE_KEY (required, secret)"),
        "{settings}"
    );
    let sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        entry("frontend", "abc\n"),
        format!("frontend:{sha256_of_abc}")
    );
    for (arguments, input) in [
        (&["keys", "hash"][..], ""),
        (&["keys", "hash", "--name", "Bad Name"], "key"),
        (&["keys", "hash", "--scopes", "write"], "key"),
        (&["no-such"], ""),
    ] {
        assert_eq!(
            run(arguments, &Environment::new(), input).0.code(),
            Some(64),
            "{arguments:?}"
        );
    }
    let port = free_port().to_string();
    let nobody_there = Environment::from([("PORT".to_string(), port)]);
    assert_eq!(run(&["healthcheck"], &nobody_there, "").0.code(), Some(1));
}

#[tokio::test]
async fn healthcheck_follows_the_servers_health() {
    let mut world = World::start().await;
    world.redis.stop();
    let port = free_port().to_string();
    world.environment.insert("PORT".into(), port);
    let api = Api::spawn(&world.environment);
    assert_eq!(
        run(&["healthcheck"], &world.environment, "").0.code(),
        Some(1)
    );
    world.redis.resume().await;
    api.healthy().await;
    assert_eq!(
        run(&["healthcheck"], &world.environment, "").0.code(),
        Some(0)
    );
}

#[tokio::test]
async fn sigterm_finishes_what_is_under_way_and_hands_the_lease_over_at_once() {
    let world = World::start().await;
    let mut first = world.api().await;
    let id = first.submit("before-the-end").await;
    first.reaches(&id, "deployed").await;
    let second = world.api().await;

    // A request that is half sent when the signal comes.
    let address = first.url.trim_start_matches("http://").to_string();
    let mut slow = TcpStream::connect(&address).await.unwrap();
    let body = minimal("under-way").to_string();
    let length = body.len();
    let head = format!(
        "POST /api/deployments HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let (start, rest) = body.split_at(10);
    slow.write_all(start.as_bytes()).await.unwrap();
    // And one whose head is half sent, which nobody can finish.
    let mut hung = TcpStream::connect(&address).await.unwrap();
    hung.write_all(b"GET /health HTT").await.unwrap();
    // The server has seen the slow request once it answers a later one.
    assert_eq!(first.get("/health").await.0, StatusCode::OK);

    first.terminate();
    eventually("the process says that it drains", 5, async || {
        let (status, body) = first.get("/health").await;
        (status == StatusCode::SERVICE_UNAVAILABLE && body["status"] == "draining").then_some(())
    })
    .await;
    slow.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    slow.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "HTTP/1.1 202");
    drop(slow);
    let started = Instant::now();
    assert_eq!(first.ended(10).await.code(), Some(0));
    println!("ended {:?} after the last answer", started.elapsed());

    // Well before the lease would have expired by itself.
    let begun = Instant::now();
    let id = second.submit("after-the-end").await;
    second.reaches(&id, "deployed").await;
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    // What was accepted during the drain is not lost.
    let again = second
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", KEY)
        .json(&minimal("under-way"));
    let (status, body) = Api::json(again).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    eventually("it is deployed", 10, async || {
        (world.chain.tokens_deployed().await.len() == 3).then_some(())
    })
    .await;
    assert_eq!(world.chain.transactions_made().await, 3);
}

#[tokio::test]
async fn sigterm_with_work_in_flight_leaves_it_to_the_next_process() {
    let world = World::start().await;
    let mut first = world.api().await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(first.submit(&format!("rolled-{number}")).await);
    }
    first.terminate();
    let started = Instant::now();
    assert_eq!(first.ended(10).await.code(), Some(0));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    let second = world.api().await;
    for id in &ids {
        second.reaches(id, "deployed").await;
    }
    assert_eq!(world.chain.transactions_made().await, 20);
    second.has_logged_no_secret();
}

#[tokio::test]
async fn each_request_is_one_json_line_with_its_route_and_caller_and_without_its_content() {
    let world = World::start().await;
    let api = world.api().await;
    let id = api.submit("logged").await;
    api.get(&format!("/api/deployments/{id}")).await;
    let wrong = api
        .request(Method::POST, "/api/deployments?key=in-the-query")
        .header("x-api-key", "a-wrong-key-sent");
    let (status, _) = Api::json(wrong.json(&json!({ "token": "aaa.bbb.in-the-body" }))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    eventually("the line is there", 5, async || {
        api.logs().contains("\"status\":401").then_some(())
    })
    .await;
    let logs = api.logs();
    let requests: Vec<Value> = logs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["message"] == "request")
        .collect();
    assert_eq!(requests.len(), 3, "{logs}");
    let summary: Vec<(&Value, &Value, &Value, &Value)> = requests
        .iter()
        .map(|event| {
            (
                &event["method"],
                &event["route"],
                &event["status"],
                &event["caller"],
            )
        })
        .collect();
    let frontend = json!("frontend");
    assert_eq!(
        summary[0],
        (
            &json!("POST"),
            &json!("/api/deployments"),
            &json!(202),
            &frontend
        )
    );
    assert_eq!(
        summary[1],
        (
            &json!("GET"),
            &json!("/api/deployments/:id"),
            &json!(200),
            &frontend
        )
    );
    assert_eq!(
        summary[2],
        (
            &json!("POST"),
            &json!("/api/deployments"),
            &json!(401),
            &Value::Null
        )
    );
    assert!(
        requests
            .iter()
            .all(|event| event["duration_ms"].is_u64() && event["request_id"].is_string())
    );
    for private in ["in-the-query", "in-the-body", "a-wrong-key-sent"] {
        assert!(!logs.contains(private), "{private} in {logs}");
    }
    api.has_logged_no_secret();
}
