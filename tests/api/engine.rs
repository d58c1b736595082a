//! What the engine promises beyond a single deployment: idempotency, loss of data, cancelling, replacing, forged records, registration.

use crate::World;
use crate::support::anvil::{Anvil, DEPLOYER, OWNER};
use crate::support::api::{Api, KEY, minimal, run};
use crate::support::eventually;
use crate::support::proxy::Mode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// anvil's first account, which owns the contracts.
const OWNER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

async fn post_with_key(api: &Api, model: &str, key: &str) -> (StatusCode, Value) {
    let request = api
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", KEY)
        .header("idempotency-key", key)
        .json(&minimal(model));
    Api::json(request).await
}

async fn redis(world: &World, command: &[&str]) -> redis::Value {
    let mut connection = world.redis.connection().await;
    let (name, arguments) = command.split_first().unwrap();
    redis::cmd(name)
        .arg(arguments)
        .query_async(&mut connection)
        .await
        .unwrap()
}

/// No block is mined until [`go_on`].
async fn stand_still(chain: &Anvil) {
    chain.result("evm_setIntervalMining", json!([0])).await;
}

async fn go_on(chain: &Anvil) {
    chain.result("evm_setIntervalMining", json!([1])).await;
}

async fn internal(world: &World, id: &str) -> Value {
    let (_, shown, _) = run(&["jobs", "show", id], &world.environment, "");
    serde_json::from_str(&shown).unwrap_or_default()
}

#[tokio::test]
async fn two_hundred_concurrent_posts_with_one_idempotency_key_are_one_deployment() {
    let world = World::start().await;
    let replicas = [
        std::sync::Arc::new(world.api().await),
        std::sync::Arc::new(world.api().await),
    ];
    let mut posts = tokio::task::JoinSet::new();
    for number in 0..200 {
        let api = replicas[number % 2].clone();
        posts.spawn(async move { post_with_key(&api, "once", "key-1").await });
    }
    let answers = posts.join_all().await;
    let ids: std::collections::HashSet<&str> = answers
        .iter()
        .map(|(status, body)| {
            assert_eq!(*status, StatusCode::ACCEPTED, "{body}");
            body["data"]["requestId"].as_str().unwrap()
        })
        .collect();
    assert_eq!(ids.len(), 1);
    let id = ids.into_iter().next().unwrap().to_string();
    replicas[0].reaches(&id, "deployed").await;
    assert_eq!(world.chain.transactions_made().await, 1);
    // The key still means the same, and nothing else.
    let (status, again) = post_with_key(&replicas[1], "once", "key-1").await;
    assert_eq!(
        (status, &again["data"]["requestId"]),
        (StatusCode::ACCEPTED, &json!(id))
    );
    let (status, _) = post_with_key(&replicas[1], "another", "key-1").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn after_flushall_in_mid_flight_nothing_is_made_twice_and_whoever_asks_again_learns_of_its_token()
 {
    let world = World::start().await;
    let api = world.api().await;
    let models: Vec<String> = (0..12).map(|number| format!("flushed-{number}")).collect();
    let mut before = Vec::new();
    for model in &models {
        let (status, body) = post_with_key(&api, model, model).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        before.push(body["data"]["requestId"].as_str().unwrap().to_string());
    }
    eventually("some are sent", 10, async || {
        (world.proxy.distinct_sent() >= 6).then_some(())
    })
    .await;
    redis(&world, &["FLUSHALL"]).await;
    for (model, id) in models.iter().zip(&before) {
        // Refused while it is not known whether we made the model's token; then the same id again.
        let again = eventually("it is accepted again", 20, async || {
            let (status, body) = post_with_key(&api, model, model).await;
            (status == StatusCode::ACCEPTED).then_some(body)
        })
        .await;
        assert_eq!(again["data"]["requestId"], json!(id));
    }
    for id in &before {
        let done = api.reaches(id, "deployed").await;
        assert!(done["tokenDetails"]["tokenAddress"].is_string(), "{done}");
    }
    assert_eq!(world.chain.tokens_deployed().await.len(), models.len());
    // A body that asks for something else does not get another's token.
    let (status, body) = api.post(&minimal("flushed-0")).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    api.has_logged_no_secret();
}

#[tokio::test]
async fn a_cancelled_deployment_is_ended_before_sending_and_spent_by_a_no_op_afterwards() {
    let world = World::start().await;
    let api = world.api().await;
    let cancel = async |id: &str| {
        let path = format!("/api/deployments/{id}/cancel");
        Api::json(api.request(Method::POST, &path).header("x-api-key", KEY)).await
    };
    // Nothing is sent while no node answers.
    world.proxy.set(Mode::Dead);
    let queued = api.submit("never-sent").await;
    assert_eq!(cancel(&queued).await.0, StatusCode::ACCEPTED);
    let failed = api.reaches(&queued, "failed").await;
    assert_eq!(failed["error"]["code"], "DEPLOYMENT_CANCELLED");
    world.proxy.set(Mode::Pass);

    stand_still(&world.chain).await;
    let sent = api.submit("sent").await;
    eventually("it is broadcast", 10, async || {
        (internal(&world, &sent).await["state"]["stage"]["is"] == "broadcast").then_some(())
    })
    .await;
    assert_eq!(cancel(&sent).await.0, StatusCode::ACCEPTED);
    eventually("a no-op competes", 10, async || {
        (internal(&world, &sent).await["state"]["closing"] == "cancelled").then_some(())
    })
    .await;
    go_on(&world.chain).await;
    let failed = api.reaches(&sent, "failed").await;
    assert_eq!(failed["error"]["code"], "DEPLOYMENT_CANCELLED");
    assert_eq!(world.chain.tokens_deployed().await.len(), 0);
    assert_eq!(world.chain.transactions_made().await, 1);
    // The nonce is spent and the model is free.
    let id = api.submit("sent").await;
    api.reaches(&id, "deployed").await;
    assert_eq!(cancel(&id).await.0, StatusCode::CONFLICT);
    assert_eq!(world.chain.transactions_made().await, 2);
}

#[tokio::test]
async fn a_transaction_that_is_not_mined_is_raised_and_only_one_of_them_counts() {
    let world = World::start().await;
    let api = Api::start(&world.with("REPLACE_AFTER_SECONDS", "1")).await;
    let first = api.submit("before").await;
    api.reaches(&first, "deployed").await;
    stand_still(&world.chain).await;
    let (low, high) = (api.submit("low").await, api.submit("high").await);
    let raised = eventually("the lowest is raised twice", 20, async || {
        let record = internal(&world, &low).await;
        (record["attempts"].as_array()?.len() >= 3).then_some(record)
    })
    .await;
    let cap = |attempt: &Value| {
        let text = attempt["fees"]["dynamic"]["fee_cap_wei"]
            .as_str()
            .unwrap()
            .to_string();
        u128::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
    };
    let attempts = raised["attempts"].as_array().unwrap();
    for pair in attempts.windows(2) {
        assert_eq!(pair[0]["nonce"], pair[1]["nonce"]);
        assert!(cap(&pair[1]) * 1000 >= cap(&pair[0]) * 1125, "{raised}");
    }
    // What is behind it is not raised: it could not be mined before.
    assert_eq!(
        internal(&world, &high).await["attempts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    go_on(&world.chain).await;
    for id in [&low, &high] {
        api.reaches(id, "deployed").await;
    }
    assert_eq!(world.chain.tokens_deployed().await.len(), 3);
    assert_eq!(world.chain.transactions_made().await, 3);
}

#[tokio::test]
async fn a_record_that_somebody_else_wrote_is_put_aside_and_never_signed() {
    let world = World::start().await;
    let api = world.api().await;
    let id = api.submit("genuine").await;
    api.reaches(&id, "deployed").await;
    // A queued record with a seal of another: a copy of a genuine one, with another recipient.
    let account = format!("cd:{{11155111:{DEPLOYER}}}");
    let mut record = internal(&world, &id).await;
    let forged = "9d2f0a4e-5b7c-4c1d-8e2f-0123456789ab";
    record["id"] = json!(forged);
    record["state"] = json!({ "is": "queued" });
    record["request"]["model_id"] = json!("forged");
    let job = format!("{account}:job:{forged}");
    let record = record.to_string();
    redis(
        &world,
        &[
            "HSET",
            &job,
            "revision",
            "1",
            "record",
            &record,
            "mac",
            &"0".repeat(64),
        ],
    )
    .await;
    redis(&world, &["ZADD", &format!("{account}:queue"), "1", forged]).await;
    eventually("it is put aside", 10, async || {
        let (_, list, _) = run(&["jobs", "list"], &world.environment, "");
        list.contains("was not written by this service")
            .then_some(())
    })
    .await;
    assert_eq!(world.chain.transactions_made().await, 1);
    // It can only be forgotten.
    let (status, output, errors) = run(&["jobs", "close", forged], &world.environment, "");
    assert!(status.success(), "{output}{errors}");
    let (_, list, _) = run(&["jobs", "list"], &world.environment, "");
    assert!(!list.contains(forged), "{list}");
    let (status, _, errors) = run(
        &["jobs", "retry", "9d2f0a4e-5b7c-4c1d-8e2f-000000000000"],
        &world.environment,
        "",
    );
    assert!(
        !status.success() && errors.contains("no deployment"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_nonce_lost_twice_to_a_stranger_parks_the_deployment_until_an_operator_decides() {
    let world = World::start().await;
    world.proxy.set(Mode::LoseRequest);
    let api = world.api().await;
    let id = api.submit("contested-nonce").await;
    for attempts in 1..=2 {
        eventually("it is signed", 20, async || {
            let record = internal(&world, &id).await;
            (record["attempts"].as_array()?.len() == attempts).then_some(())
        })
        .await;
        world.chain.send(DEPLOYER, Some(OWNER), "0x").await;
    }
    eventually("it is parked", 20, async || {
        let (_, list, _) = run(&["jobs", "list"], &world.environment, "");
        list.contains("parked").then_some(())
    })
    .await;
    let (_, status) = api.get(&format!("/api/deployments/{id}")).await;
    assert_eq!(status["data"]["status"], "pending");
    assert_eq!(status["data"]["currentStep"], "Held for an operator");
    world.proxy.set(Mode::Pass);
    let (_, output, _) = run(&["jobs", "retry", &id], &world.environment, "");
    assert!(output.contains(&id), "{output}");
    api.reaches(&id, "deployed").await;
    assert_eq!(world.chain.tokens_deployed().await.len(), 1);
    assert_eq!(world.chain.transactions_made().await, 3);
}

#[tokio::test]
async fn a_model_with_a_number_is_registered_where_the_account_may_and_said_why_where_not() {
    let world = World::start().await;
    let api = world.api().await;
    let id = api.submit("20").await;
    let details = api.reaches(&id, "deployed").await["tokenDetails"].clone();
    assert_eq!(details["registered"], false);
    let told = eventually("the reason is told", 10, async || {
        let (_, body) = api.get(&format!("/api/deployments/{id}")).await;
        let reason = body["data"]["tokenDetails"]["notRegisteredBecause"]
            .as_str()?
            .to_string();
        reason.contains("owner").then_some(reason)
    })
    .await;
    assert!(told.contains("another account"), "{told}");
    drop(api);

    let owner = Api::start(&world.with("DEPLOYER_PRIVATE_KEY", OWNER_KEY)).await;
    let id = owner.submit("21").await;
    owner.reaches(&id, "deployed").await;
    let details = eventually("it is registered", 20, async || {
        let (_, body) = owner.get(&format!("/api/deployments/{id}")).await;
        let details = body["data"]["tokenDetails"].clone();
        (details["registered"] == true).then_some(details)
    })
    .await;
    let receipt = world
        .chain
        .result(
            "eth_getTransactionReceipt",
            json!([details["registryTransactionHash"]]),
        )
        .await;
    assert_eq!(
        receipt["to"].as_str().map(str::to_lowercase),
        Some(world.chain.model_registry.to_lowercase())
    );
    let other = owner.submit("not-a-number").await;
    let details = owner.reaches(&other, "deployed").await["tokenDetails"].clone();
    assert!(
        details["notRegisteredBecause"]
            .as_str()
            .unwrap()
            .contains("decimal"),
        "{details}"
    );
}

#[tokio::test]
async fn a_redis_that_evicts_is_refused_with_the_reason() {
    let world = World::start().await;
    redis(
        &world,
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
    )
    .await;
    let api = Api::spawn(&world.environment);
    eventually("the reason is logged", 5, async || {
        api.logs()
            .contains("maxmemory-policy allkeys-lru")
            .then_some(())
    })
    .await;
    assert_eq!(api.get("/health").await.0, StatusCode::SERVICE_UNAVAILABLE);
    redis(&world, &["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    api.healthy().await;
}
