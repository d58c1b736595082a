//! What the process says and does while something it depends on is away.

use crate::World;
use crate::support::api::{Api, KEY, minimal, read};
use crate::support::link::Link;
use crate::support::proxy::Mode;
use crate::support::{eventually, redis};
use reqwest::{Method, StatusCode};
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
        Api::json(api.request(Method::POST, "/api/deployments"))
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

/// Slow is not away. What Redis answers in time is served; what it does not is refused in time, and asking again under the same key is safe.
#[tokio::test]
async fn a_slow_redis_is_waited_for_until_its_deadline_and_nothing_is_lost_or_doubled() {
    let world = World::start().await;
    let link = Link::start(world.redis.port).await;
    let api = Api::start(&world.with("REDIS_URL", &redis::url(link.port))).await;
    let post = |model: &str| {
        let request = api.request(Method::POST, "/api/deployments");
        let request = request.header("x-api-key", KEY);
        request
            .header("idempotency-key", model)
            .json(&minimal(model))
            .send()
    };
    // Liveness asks nothing of Redis, and neither does a refusal for want of a key.
    let answers_at_once = async |what: &str| {
        let begun = Instant::now();
        assert_eq!(api.get("/health").await.0, StatusCode::OK, "{what}");
        let unknown = api.request(Method::GET, "/api/deployments");
        assert_eq!(Api::json(unknown).await.0, StatusCode::UNAUTHORIZED);
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{what}: {:?}",
            begun.elapsed()
        );
    };

    // Redis knows the scripts: teaching it one is two more round trips in the same 0.9 s.
    api.reaches(&api.submit("warm").await, "deployed").await;
    link.delay_replies(Duration::from_millis(150));
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        posts.spawn(post("slow"));
    }
    let mut ids = std::collections::BTreeSet::new();
    for answer in posts.join_all().await {
        let (status, body) = read(answer.unwrap()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        ids.insert(body["data"]["requestId"].as_str().unwrap().to_string());
    }
    assert_eq!(ids.len(), 1, "one key, one deployment");
    answers_at_once("slow").await;
    let id = ids.pop_first().unwrap();
    api.reaches(&id, "deployed").await;

    link.delay_replies(Duration::from_secs(3));
    let path = format!("/api/deployments/{id}");
    for round in 0..2 {
        let begun = Instant::now();
        let reading = api.request(Method::GET, &path).header("x-api-key", KEY);
        for answer in [
            post("too-slow").await.unwrap(),
            reading.send().await.unwrap(),
        ] {
            assert_eq!(answer.headers()["retry-after"], "5");
            let (status, body) = read(answer).await;
            let error = &body["error"];
            assert_eq!(
                (status.as_u16(), &error["code"], &error["retryable"]),
                (503, &json!("SERVICE_UNAVAILABLE"), &json!(true)),
            );
        }
        // Two refusals, each after the first command's 0.9 s.
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        answers_at_once(&format!("too slow, {round}")).await;
    }

    link.delay_replies(Duration::ZERO);
    for model in ["too-slow", "slow"] {
        let body = eventually("it is in time again", 10, async || {
            let (status, body) = read(post(model).await.unwrap()).await;
            (status == StatusCode::ACCEPTED).then_some(body)
        })
        .await;
        let id = body["data"]["requestId"].as_str().unwrap();
        api.reaches(id, "deployed").await;
    }

    // Carried out, and the answer lost on its way here: the record tells.
    link.cut_replies_to(":model:lost", 1);
    let first = post("lost").await.unwrap();
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    assert_eq!(link.cuts(), 1);
    let again = post("lost").await.unwrap();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let (_, body) = read(again).await;
    api.reaches(body["data"]["requestId"].as_str().unwrap(), "deployed")
        .await;
    assert_eq!(
        world.chain.transactions_made().await,
        4,
        "one for each model"
    );
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
