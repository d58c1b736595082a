//! The old queue as a second way in: what producers push, what consumers read, and what is left in between.

use crate::World;
use crate::support::anvil::DEPLOYER;
use crate::support::api::{Api, Environment, minimal};
use crate::support::eventually;
use hmac::{Hmac, Mac};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

const KEY: &str = "a-listener-key-of-more-than-32-characters";
const INBOUND: &str = "hokusai:model_ready_queue";
const PROCESSING: &str = "hokusai:processing_queue";
const OUTBOUND: &str = "hokusai:token_deployed_queue";
const DEAD: &str = "hokusai:dlq";

fn message(model: &str) -> Value {
    json!({
        "model_id": model,
        "token_symbol": "MSG-AI",
        "metric_name": "accuracy",
        "baseline_value": 0.85,
        "current_value": "0.91",
        "model_name": "sentiment",
        "model_version": "3",
        "mlflow_run_id": "run-1",
        "improvement_percentage": 7.06,
        "model_supplier_recipient": "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "timestamp": "2026-11-29T01:02:03.456789",
        "message_version": "1.0",
    })
}

fn signed(message: &Value) -> String {
    let payload = message.to_string();
    let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    let signature = hex::encode(mac.chain_update(&payload).finalize().into_bytes());
    json!({ "payload": payload, "signature": signature }).to_string()
}

fn listening(world: &World, more: &[(&str, &str)]) -> Environment {
    let mut environment = world.with("LISTENER_ENABLED", "true");
    environment.insert("LISTENER_HMAC_KEY".into(), KEY.into());
    environment.extend(
        more.iter()
            .map(|(name, value)| (name.to_string(), value.to_string())),
    );
    environment
}

/// Everything in a list, the oldest first.
async fn list(redis: &mut MultiplexedConnection, name: &str) -> Vec<Value> {
    let entries: Vec<String> = redis.lrange(name, 0, -1).await.unwrap();
    let read = |entry: &String| serde_json::from_str(entry).unwrap_or_else(|_| json!(entry));
    entries.iter().rev().map(read).collect()
}

async fn grows(redis: &mut MultiplexedConnection, name: &str, length: usize) -> Vec<Value> {
    eventually(&format!("{name} has {length}"), 30, async || {
        let found = list(redis, name).await;
        (found.len() >= length).then_some(found)
    })
    .await
}

#[tokio::test]
async fn a_signed_message_becomes_a_token_and_one_event_whichever_replica_dies() {
    let world = World::start().await;
    let mut redis = world.redis.connection().await;
    let environment = listening(&world, &[]);
    let first = Api::start(&environment).await;
    let () = redis.lpush(INBOUND, signed(&message("21"))).await.unwrap();
    let events = grows(&mut redis, OUTBOUND, 1).await;
    let event = &events[0];
    assert_eq!(
        (&event["event_type"], &event["model_id"], &event["network"]),
        (&json!("token_deployed"), &json!("21"), &json!("sepolia"))
    );
    assert_eq!(event["deployer_address"], DEPLOYER);
    assert_eq!(event["token_name"], "Hokusai 21");
    let receipt = world
        .chain
        .result(
            "eth_getTransactionReceipt",
            json!([event["transaction_hash"]]),
        )
        .await;
    assert_eq!(receipt["status"], "0x1");

    // Half of twenty are pushed twice, as the existing producers do when in doubt, and the replica is killed among them.
    let second = Api::start(&environment).await;
    for number in 0..20 {
        let entry = signed(&message(&format!("many-{number}")));
        for _ in 0..=number % 2 {
            let () = redis.lpush(INBOUND, &entry).await.unwrap();
        }
        if number == 10 {
            eventually("work is under way", 10, async || {
                (world.chain.transactions_made().await > 1).then_some(())
            })
            .await;
        }
    }
    first.kill_9();
    let events = eventually("all are told", 60, async || {
        let events = list(&mut redis, OUTBOUND).await;
        (events.len() >= 21).then_some(events)
    })
    .await;
    let mut models: Vec<&str> = events
        .iter()
        .map(|event| event["model_id"].as_str().unwrap())
        .collect();
    models.sort_unstable();
    models.dedup();
    assert_eq!((models.len(), events.len()), (21, 21), "each is told once");
    assert_eq!(world.chain.tokens_deployed().await.len(), 21);
    assert_eq!(list(&mut redis, DEAD).await, Vec::<Value>::new());
    assert_eq!(list(&mut redis, INBOUND).await, Vec::<Value>::new());
    second.has_logged_no_secret();
    assert!(!second.logs().contains(KEY));
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_a_dead_letter_with_its_reason_and_leaves_nothing_behind() {
    let world = World::start().await;
    let mut redis = world.redis.connection().await;
    let api = Api::start(&listening(&world, &[])).await;
    let mut unknown = message("22");
    unknown["initialSupply"] = json!("1");
    let entries = [
        ("{not json".to_string(), "Invalid JSON"),
        (
            message("22").to_string(),
            "not signed, and LISTENER_TRUST_UNSIGNED is not true",
        ),
        (signed(&unknown), "unknown field `initialSupply`"),
        (
            signed(&message("22")).replace("run-1", "run-2"),
            "the signature is not that of LISTENER_HMAC_KEY",
        ),
    ];
    for (entry, _) in &entries {
        let () = redis.lpush(INBOUND, entry).await.unwrap();
    }
    let letters = grows(&mut redis, DEAD, entries.len()).await;
    for ((entry, reason), letter) in entries.iter().zip(&letters) {
        assert!(
            letter["error"].as_str().unwrap().contains(reason),
            "{letter}"
        );
        assert_eq!(letter["queue"], INBOUND);
        assert!(letter["timestamp"].as_str().unwrap().ends_with('Z'));
        let original = serde_json::from_str(entry).unwrap_or_else(|_| json!(entry));
        assert_eq!(letter["originalMessage"], original);
    }
    // A model that has a token needs nothing, and nothing is told, as it always was.
    let id = api.submit("by-http").await;
    api.reaches(&id, "deployed").await;
    let () = redis
        .lpush(INBOUND, signed(&message("by-http")))
        .await
        .unwrap();
    eventually("both lists are empty", 10, async || {
        let left: (usize, usize) = (
            redis.llen(INBOUND).await.unwrap(),
            redis.llen(PROCESSING).await.unwrap(),
        );
        (left == (0, 0)).then_some(())
    })
    .await;
    assert_eq!(list(&mut redis, OUTBOUND).await, Vec::<Value>::new());
    assert_eq!(world.chain.transactions_made().await, 1);
}

#[tokio::test]
async fn unsigned_messages_are_capped_per_day_and_a_failure_is_told_too() {
    let world = World::start().await;
    let mut redis = world.redis.connection().await;
    let trusting = [
        ("LISTENER_TRUST_UNSIGNED", "true"),
        ("LISTENER_UNSIGNED_PER_DAY", "2"),
    ];
    let api = Api::start(&listening(&world, &trusting)).await;
    for model in ["one", "two", "three"] {
        let () = redis
            .lpush(INBOUND, message(model).to_string())
            .await
            .unwrap();
    }
    // The same one again is not another one.
    let () = redis
        .lpush(INBOUND, message("one").to_string())
        .await
        .unwrap();
    let letters = grows(&mut redis, DEAD, 1).await;
    assert_eq!(letters[0]["originalMessage"]["model_id"], "three");
    assert_eq!(
        letters[0]["error"],
        "not signed, and 2 unsigned messages were taken today"
    );
    grows(&mut redis, OUTBOUND, 2).await;
    // Signed ones are not counted.
    let () = redis
        .lpush(INBOUND, signed(&message("four")))
        .await
        .unwrap();
    grows(&mut redis, OUTBOUND, 3).await;
    let (status, body) = api.post(&minimal("four")).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::CONFLICT, &json!("TOKEN_ALREADY_EXISTS"))
    );
}

#[tokio::test]
async fn an_entry_that_a_dead_replica_left_in_the_processing_list_is_taken_up() {
    let world = World::start().await;
    let mut redis = world.redis.connection().await;
    let () = redis
        .lpush(PROCESSING, signed(&message("orphan")))
        .await
        .unwrap();
    let _api = Api::start(&listening(&world, &[])).await;
    eventually("it is told", 100, async || {
        (redis.llen::<_, usize>(OUTBOUND).await.unwrap() == 1).then_some(())
    })
    .await;
    assert_eq!(redis.llen::<_, usize>(PROCESSING).await.unwrap(), 0);
}

#[tokio::test]
async fn without_being_enabled_the_queue_is_left_alone() {
    let world = World::start().await;
    let mut redis = world.redis.connection().await;
    let () = redis
        .lpush(INBOUND, signed(&message("ignored")))
        .await
        .unwrap();
    let api = world.api().await;
    let id = api.submit("by-http").await;
    api.reaches(&id, "deployed").await;
    assert_eq!(redis.llen::<_, usize>(INBOUND).await.unwrap(), 1);
}
