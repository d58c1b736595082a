//! Whatever dies, a deployment is made exactly once.

use crate::World;
use crate::support::anvil::{Anvil, DEPLOYER, OWNER};
use crate::support::api::{Api, minimal};
use crate::support::eventually;
use crate::support::proxy::Mode;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// The stored record, read as the worker does.
async fn record(world: &World, id: &str) -> Value {
    let mut connection = world.redis.connection().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("cd:*:job:{id}"))
        .query_async(&mut connection)
        .await
        .unwrap();
    let record: String = redis::cmd("HGET")
        .arg(&keys[0])
        .arg("record")
        .query_async(&mut connection)
        .await
        .unwrap();
    serde_json::from_str(&record).unwrap()
}

/// The hashes of everything that was signed for it.
fn hashes(record: &Value) -> Vec<Value> {
    let attempts = record["attempts"].as_array().unwrap();
    attempts
        .iter()
        .map(|attempt| attempt["hash"].clone())
        .collect()
}

async fn reaches_inside(world: &World, id: &str, state: &str) -> Value {
    eventually(&format!("{id} is {state} in the store"), 20, async || {
        let record = record(world, id).await;
        (record["state"]["stage"]["is"] == state).then_some(record)
    })
    .await
}

/// One token, one transaction, and it is the one that was saved first.
async fn is_deployed_once(world: &World, api: &Api, id: &str) {
    let done = api.reaches(id, "deployed").await;
    let record = record(world, id).await;
    assert_eq!(
        hashes(&record),
        [done["tokenDetails"]["transactionHash"].clone()]
    );
    assert_eq!(world.chain.tokens_deployed().await.len(), 1);
    assert_eq!(world.chain.transactions_made().await, 1);
    assert_eq!(world.proxy.distinct_sent(), 1);
    api.has_logged_no_secret();
}

#[tokio::test]
async fn killed_right_after_202_the_next_process_deploys() {
    let world = World::start().await;
    let api = world.api().await;
    let id = api.submit("killed-early").await;
    api.kill_9();
    let api = world.api().await;
    is_deployed_once(&world, &api, &id).await;
}

#[tokio::test]
async fn killed_between_saving_and_sending_the_saved_bytes_are_sent() {
    let world = World::start().await;
    world.proxy.set(Mode::LoseRequest);
    let api = world.api().await;
    let id = api.submit("never-sent").await;
    let saved = reaches_inside(&world, &id, "signed").await;
    api.kill_9();
    assert_eq!(world.chain.transactions_made().await, 0);
    world.proxy.set(Mode::Pass);
    let api = world.api().await;
    is_deployed_once(&world, &api, &id).await;
    assert_eq!(hashes(&record(&world, &id).await), hashes(&saved));
}

#[tokio::test]
async fn killed_after_sending_without_knowing_it_nothing_is_sent_twice() {
    let world = World::start().await;
    world.proxy.set(Mode::LoseReply);
    let api = world.api().await;
    let id = api.submit("sent-unknown").await;
    reaches_inside(&world, &id, "signed").await;
    eventually("the node has mined it", 10, async || {
        (world.chain.transactions_made().await == 1).then_some(())
    })
    .await;
    api.kill_9();
    world.proxy.set(Mode::Pass);
    let api = world.api().await;
    is_deployed_once(&world, &api, &id).await;
}

#[tokio::test]
async fn killed_while_waiting_for_depth_the_next_process_confirms() {
    let world = World::start().await;
    let environment = world.with("CONFIRMATION_BLOCKS", "8");
    let api = Api::start(&environment).await;
    let id = api.submit("mined").await;
    reaches_inside(&world, &id, "mined").await;
    api.kill_9();
    let api = Api::start(&environment).await;
    is_deployed_once(&world, &api, &id).await;
}

#[tokio::test]
async fn of_two_replicas_the_one_that_dies_leaves_its_work_to_the_other() {
    let world = World::start().await;
    let (first, second) = (world.api().await, world.api().await);
    let mut ids = Vec::new();
    for number in 0..20 {
        let api = if number % 2 == 0 { &first } else { &second };
        ids.push(api.submit(&format!("shared-{number}")).await);
    }
    // The first to be healthy holds the lease.
    first.kill_9();
    for id in &ids {
        second.reaches(id, "deployed").await;
    }
    assert_eq!(world.chain.tokens_deployed().await.len(), 20);
    assert_eq!(world.chain.transactions_made().await, 20);
}

/// A transaction of the product's own account that it knows nothing of, as an old service with the same key would send.
async fn stranger_uses_the_nonce(chain: &Anvil) {
    chain.send(DEPLOYER, Some(OWNER), "0x").await;
}

#[tokio::test]
async fn a_nonce_used_by_a_stranger_is_noticed_and_the_deployment_takes_another() {
    let world = World::start().await;
    world.proxy.set(Mode::LoseRequest);
    let api = world.api().await;
    let id = api.submit("displaced").await;
    reaches_inside(&world, &id, "signed").await;
    stranger_uses_the_nonce(&world.chain).await;
    world.proxy.set(Mode::Pass);
    let done = api.reaches(&id, "deployed").await;
    let attempts = hashes(&record(&world, &id).await);
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[1], done["tokenDetails"]["transactionHash"]);
    assert_eq!(world.chain.tokens_deployed().await.len(), 1);
    assert_eq!(world.chain.transactions_made().await, 2);
}

#[tokio::test]
async fn a_model_taken_by_a_stranger_meanwhile_fails_with_the_truth() {
    let world = World::start().await;
    world.proxy.set(Mode::LoseRequest);
    let api = world.api().await;
    let id = api.submit("contested").await;
    let saved = reaches_inside(&world, &id, "signed").await;
    // The stranger sends the very call that was signed, from another account.
    let raw = hex::decode(
        saved["attempts"][0]["raw"]
            .as_str()
            .unwrap()
            .trim_start_matches("0x"),
    )
    .unwrap();
    let transaction = ethers::utils::rlp::Rlp::new(&raw[1..])
        .val_at::<Vec<u8>>(7)
        .unwrap();
    let data = format!("0x{}", hex::encode(transaction));
    world
        .chain
        .send(OWNER, Some(&world.chain.token_manager), &data)
        .await;
    world.proxy.set(Mode::Pass);

    let failed = api.reaches(&id, "failed").await;
    assert_eq!(failed["error"]["code"], "TRANSACTION_FAILED");
    assert_eq!(failed["error"]["retryable"], true);
    assert_eq!(failed["currentStep"], "Deployment failed");
    let (status, body) = api.post(&minimal("contested")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("TOKEN_ALREADY_EXISTS"))
    );
}

#[tokio::test]
async fn an_unreadable_record_is_put_aside_and_stops_nobody() {
    let world = World::start().await;
    let mut connection = world.redis.connection().await;
    let account = format!("cd:{{11155111:{DEPLOYER}}}");
    let poison = "9d2f0a4e-5b7c-4c1d-8e2f-0123456789ab";
    let mut forge = redis::pipe();
    forge
        .cmd("HSET")
        .arg(format!("{account}:job:{poison}"))
        .arg("revision")
        .arg(1)
        .arg("record")
        .arg("{\"not\":\"one\"}");
    forge
        .cmd("ZADD")
        .arg(format!("{account}:queue"))
        .arg(1)
        .arg(poison);
    let _: Vec<i64> = forge.query_async(&mut connection).await.unwrap();
    let api = world.api().await;
    let id = api.submit("after-poison").await;
    api.reaches(&id, "deployed").await;
    let parked: Vec<String> = redis::cmd("ZRANGE")
        .arg(format!("{account}:parked"))
        .arg(0)
        .arg(-1)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(parked, [poison]);
    assert_eq!(
        api.get("/health/detailed").await.1["components"]["redis"]["queues"]["parked"],
        1
    );
}
