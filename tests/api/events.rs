//! Event streams: every change once and in order, whichever replica made it, and an end.

use crate::World;
use crate::support::api::{Api, KEY, OTHER_KEY, minimal};
use crate::support::sse::{Events, Message, ask, changes, last_words, stuck_many};
use crate::support::{eventually, resident_bytes};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Instant;
use tokio::net::TcpStream;

fn mining(interval: u64) -> serde_json::Value {
    json!([interval])
}

/// Number and status only.
fn brief(messages: &[Message]) -> Vec<(u32, String)> {
    let changes = changes(messages).into_iter();
    changes.map(|(id, status, _)| (id, status)).collect()
}

#[tokio::test]
async fn each_change_comes_once_and_in_order_whichever_replica_made_it_and_the_last_ends_the_stream()
 {
    let world = World::start().await;
    // The first replica leads; the stream is another's.
    let leader = world.api().await;
    let id = leader.submit("warm-up").await;
    leader.reaches(&id, "deployed").await;
    let follower = world.api().await;
    world.chain.result("evm_setAutomine", json!([false])).await;
    world.chain.result("evm_setIntervalMining", mining(0)).await;
    let id = leader.submit("streamed").await;
    let mut events = Events::open(&follower.url, &id, None).await;
    let hint = events.next().await.unwrap();
    assert!((2000..=4000).contains(&hint.retry_ms.unwrap()), "{hint:?}");
    let mut told = Vec::new();
    while changes(&told).last().is_none_or(|change| change.2 != 30) {
        told.push(events.next().await.unwrap());
    }
    // It breaks off here, and what it has not seen comes when it is back.
    drop(events);
    let seen = told.last().unwrap().id;
    world.chain.result("evm_mine", json!([])).await;
    leader_sees(&leader, &id, 80).await;
    let mut events = Events::open(&follower.url, &id, seen).await;
    assert!(events.next().await.unwrap().retry_ms.is_some());
    told.push(events.next().await.unwrap());
    world.chain.result("evm_setIntervalMining", mining(1)).await;
    told.extend(events.rest().await);

    let all = changes(&told);
    let numbers: Vec<u32> = all.iter().map(|change| change.0).collect();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "once, in order, none missing");
    let progress: Vec<u64> = all.iter().map(|change| change.2).collect();
    assert_eq!(progress[..5], [0, 10, 30, 80, 100], "{all:?}");
    // What the stream said last is what a GET says.
    let (_, status) = follower.get(&format!("/api/deployments/{id}")).await;
    assert_eq!(told.last().unwrap().data.as_ref(), Some(&status["data"]));

    // From the beginning, all of it again, at once; from the end, nothing, in the form that stops a browser from asking again.
    let mut again = Events::open(&leader.url, &id, None).await;
    assert_eq!(brief(&again.rest().await[1..]), brief(&told));
    let last = numbers.last().unwrap();
    let nothing = ask(&leader.url, &id, KEY, Some(&last.to_string())).await;
    assert_eq!(nothing.status(), StatusCode::NO_CONTENT);
    // A number that was never given out is of records that were lost: everything is told.
    let mut lost = Events::open(&leader.url, &id, Some(last + 5)).await;
    assert_eq!(brief(&lost.rest().await[1..]), brief(&told));
}

async fn leader_sees(api: &Api, id: &str, progress: u64) {
    eventually("it is mined", 20, async || {
        let (_, status) = api.get(&format!("/api/deployments/{id}")).await;
        (status["data"]["progress"] == progress).then_some(())
    })
    .await;
}

#[tokio::test]
async fn only_its_own_caller_gets_a_stream_and_only_so_many() {
    let world = World::start().await;
    let mut environment = world.with("EVENT_STREAMS_MAX", "4");
    environment.insert("EVENT_STREAMS_PER_KEY_MAX".into(), "3".into());
    let api = Api::start(&environment).await;
    world.chain.result("evm_setAutomine", json!([false])).await;
    world.chain.result("evm_setIntervalMining", mining(0)).await;
    let id = api.submit("watched").await;
    let refused = async |key, last| {
        let response = ask(&api.url, &id, key, last).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let retry = headers.contains_key("retry-after");
        let body: serde_json::Value = response.json().await.unwrap();
        (
            status,
            body["error"]["code"].as_str().unwrap().to_string(),
            retry,
        )
    };
    let expected = |status, code: &str, retry| (status, code.to_string(), retry);
    assert_eq!(
        refused("wrong", None).await,
        expected(401, "INVALID_TOKEN", false)
    );
    assert_eq!(
        refused(OTHER_KEY, None).await,
        expected(404, "DEPLOYMENT_NOT_FOUND", false)
    );
    for last in ["x", "-1", "+1", "1234567890123456"] {
        let answer = refused(KEY, Some(last)).await;
        assert_eq!(answer, expected(400, "VALIDATION_ERROR", false), "{last}");
    }
    let mut open = stuck_many(&api.url, std::slice::from_ref(&id), 3).await;
    assert_eq!(
        refused(KEY, None).await,
        expected(429, "RATE_LIMIT_EXCEEDED", true)
    );
    // Another caller has one left, and then nobody.
    let others = api
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", OTHER_KEY);
    let (_, accepted) = Api::json(others.json(&minimal("others"))).await;
    let others = accepted["data"]["requestId"].as_str().unwrap();
    let fourth = ask(&api.url, others, OTHER_KEY, None).await;
    assert_eq!(fourth.status(), StatusCode::OK);
    let full = ask(&api.url, others, OTHER_KEY, None).await;
    assert_eq!(full.status(), StatusCode::SERVICE_UNAVAILABLE);
    // One that goes makes room.
    open.pop();
    eventually("its place is free", 10, async || {
        let again = ask(&api.url, &id, KEY, None).await;
        (again.status() == StatusCode::OK).then_some(())
    })
    .await;
    api.has_logged_no_secret();
}

#[tokio::test]
async fn many_stuck_streams_and_idle_connections_cost_little_and_end_with_the_process() {
    const STREAMS: usize = 1_000;
    const IDLE: usize = 200;
    let world = World::start().await;
    let mut environment = world.with("RATE_LIMIT_READ_BURST", "5000");
    environment.insert("RATE_LIMIT_READ_PER_SECOND".into(), "1000".into());
    let mut api = Api::start(&environment).await;
    world.chain.result("evm_setAutomine", json!([false])).await;
    world.chain.result("evm_setIntervalMining", mining(0)).await;
    let id = api.submit("crowd").await;
    let before = resident_bytes(api.pid());
    let address = api.url.trim_start_matches("http://").to_string();
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let mut streams = stuck_many(&api.url, &[id], STREAMS).await;
    // Everybody else is served meanwhile.
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
    let held = resident_bytes(api.pid());
    let each = held.saturating_sub(before) / (STREAMS + IDLE);
    println!(
        "{STREAMS} streams, {IDLE} idle: {} MiB before, {} MiB with them, {each} bytes each",
        before >> 20,
        held >> 20
    );
    assert!(each < 64 << 10, "{each} bytes each");
    api.terminate();
    let begun = Instant::now();
    assert_eq!(api.ended(20).await.code(), Some(0));
    println!("ended in {:?}", begun.elapsed());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    for stream in &mut streams {
        let words = last_words(stream).await;
        assert!(words.contains(": this task ends; come back"), "{words}");
    }
}
