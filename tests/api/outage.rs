//! What the process says and does while something it depends on is away.

use crate::World;
use crate::support::api::{Api, minimal};
use crate::support::eventually;
use crate::support::proxy::Mode;
use reqwest::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn without_redis_requests_get_503_in_time_and_health_stays_what_it_was() {
    let mut world = World::start().await;
    let api = world.api().await;
    let id = api.submit("before").await;
    api.reaches(&id, "deployed").await;
    assert_eq!(api.get("/health/ready").await.0, StatusCode::OK);
    world.redis.stop();

    for _ in 0..3 {
        let started = Instant::now();
        let (status, body) = api.post(&minimal("during")).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                &json!("SERVICE_UNAVAILABLE")
            )
        );
        let (status, _) = api.get(&format!("/api/deployments/{id}")).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{:?}",
            started.elapsed()
        );
    }
    // Unauthenticated traffic does not notice.
    assert_eq!(
        Api::json(api.request(reqwest::Method::POST, "/api/deployments"))
            .await
            .0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
    let ready = eventually("readiness notices", 5, async || {
        let (status, body) = api.get("/health/ready").await;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(body)
    })
    .await;
    assert_eq!(
        (&ready["status"], &ready["checks"]["redis"]["ok"]),
        (&json!("not_ready"), &json!(false))
    );
    assert_eq!(ready["checks"]["rpc"]["ok"], true);

    // The store comes back empty; the chain still knows the model.
    world.redis.resume().await;
    eventually("requests are taken again", 10, async || {
        (api.post(&minimal("after")).await.0 == StatusCode::ACCEPTED).then_some(())
    })
    .await;
    let (status, body) = api.post(&minimal("before")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("TOKEN_ALREADY_EXISTS"))
    );
    api.has_logged_no_secret();
}

#[tokio::test]
async fn a_process_that_starts_without_redis_or_nodes_waits_for_them_and_then_serves() {
    let mut world = World::start().await;
    world.redis.stop();
    world.proxy.set(Mode::Dead);
    let api = Api::spawn(&world.environment);
    let (status, body) = api.get("/health").await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("starting"))
    );
    assert_eq!(
        (&body["version"], &body["gitSha"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("0123abc"))
    );
    let (status, body) = api.get("/health/ready").await;
    assert_eq!(
        (status, &body["checks"]["rpc"]["ok"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!(false))
    );
    assert!(!body.to_string().contains("127.0.0.1"), "{body}");
    let (status, body) = api.get("/health/detailed").await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("starting"))
    );
    world.redis.resume().await;
    world.proxy.set(Mode::Pass);
    api.healthy().await;
    let id = api.submit("patient").await;
    api.reaches(&id, "deployed").await;
    // An answer may be a second old.
    let detailed = eventually("the details are healthy", 5, async || {
        let (status, body) = api.get("/health/detailed").await;
        (status == StatusCode::OK && body["status"] == "healthy").then_some(body)
    })
    .await;
    assert_eq!(
        detailed["components"]["redis"]["queues"],
        json!({ "queued": 0, "inFlight": 0, "parked": 0 })
    );
    assert!(detailed["memory"]["residentBytes"].as_u64().unwrap() > 1 << 20);
    api.has_logged_no_secret();
}

#[tokio::test]
async fn a_wrong_chain_or_a_missing_contract_never_becomes_healthy_and_signs_nothing() {
    let world = World::start().await;
    let nobody = "0x00000000000000000000000000000000000000aa";
    for (name, value, reason) in [
        ("CHAIN_ID", "1", "serves chain 11155111 and not 1"),
        (
            "TOKEN_MANAGER_ADDRESS",
            nobody,
            "there is no contract at TOKEN_MANAGER_ADDRESS",
        ),
        (
            "MODEL_REGISTRY_ADDRESS",
            nobody,
            "there is no contract at MODEL_REGISTRY_ADDRESS",
        ),
        (
            "TOKEN_MANAGER_ADDRESS",
            &world.chain.model_registry,
            "has no known deploying function",
        ),
    ] {
        let api = Api::spawn(&world.with(name, value));
        eventually("the reason is logged", 5, async || {
            api.logs().contains(reason).then_some(())
        })
        .await;
        let (status, body) = api.get("/health").await;
        assert_eq!(
            (status, &body["status"]),
            (StatusCode::SERVICE_UNAVAILABLE, &json!("starting"))
        );
        // Whoever operates it is told without having to find the log.
        let (status, body) = api.get("/health/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body["checks"].to_string().contains(reason), "{body}");
    }
    assert_eq!(world.chain.transactions_made().await, 0);
}

#[tokio::test]
async fn without_nodes_requests_are_accepted_and_carried_out_later() {
    let world = World::start().await;
    let api = world.api().await;
    world.proxy.set(Mode::Dead);
    let started = Instant::now();
    let id = api.submit("patient-request").await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
    eventually("the worker has noticed", 5, async || {
        api.logs().contains("a turn failed").then_some(())
    })
    .await;
    world.proxy.set(Mode::Pass);
    api.reaches(&id, "deployed").await;
    api.has_logged_no_secret();
}

#[tokio::test]
async fn a_second_node_takes_over_when_the_first_is_away() {
    let world = World::start().await;
    let both = format!("http://127.0.0.1:9/none,{}", world.proxy.url);
    let api = Api::start(&world.with("RPC_URL", &both)).await;
    let id = api.submit("second-node").await;
    api.reaches(&id, "deployed").await;
    assert_eq!(world.chain.transactions_made().await, 1);
}
