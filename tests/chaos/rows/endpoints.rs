//! Rows 19 to 25: endpoints that lie, fall silent or talk nonsense.

use crate::audit::Granted;
use crate::support::anvil::Anvil;
use crate::support::proxy::{Fault, Mode, Proxy, SEND, Wire};
use crate::support::{eventually, resident_bytes};
use crate::world::{Concluded, World};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const RECEIPT: &str = "eth_getTransactionReceipt";

/// The fault was met: at least one endpoint has played its script for `method` to the end.
fn played(world: &World, method: &str) {
    assert!(
        world.nodes.iter().any(|node| node.played(method)),
        "the script for {method} was not played"
    );
}

async fn deployed(world: &World, models: impl IntoIterator<Item = String>) {
    for id in world.client.submit_all(models).await {
        world.client.reaches(&id, "deployed", 60).await;
    }
}

pub async fn silent_after_send() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    world.every_node(|node| {
        node.script(SEND, [Fault::After(Wire::Silence), Fault::After(Wire::Cut)])
    });
    deployed(&world, (0..3).map(|number| format!("silent-{number}"))).await;
    played(&world, SEND);
    world.conclude(Granted::default(), 60).await
}

pub async fn garbage() -> Concluded {
    let world = World::start().await;
    let wires = [
        Wire::Status(503),
        Wire::Status(429),
        Wire::Html,
        Wire::Truncated,
        Wire::WrongId,
        Wire::Huge,
        Wire::Cut,
    ];
    for (number, wire) in wires.into_iter().enumerate() {
        // A process of its own for each, since an endpoint that failed is left alone for a while.
        let mut api = world.replica().await;
        let before = resident_bytes(api.pid());
        let node = &world.nodes[number % 3];
        let asked = node.calls().values().sum::<usize>();
        node.everything(Fault::After(wire));
        let models = (0..2).map(|model| format!("garbage-{number}-{model}"));
        deployed(&world, models).await;
        let met = node.calls().values().sum::<usize>() > asked;
        assert!(met, "the endpoint with {wire:?} was asked");
        node.set(Mode::Pass);
        let grown = resident_bytes(api.pid()).saturating_sub(before);
        assert!(
            grown < 48 << 20,
            "{wire:?}: it grew by {grown} bytes, whose bound is one reply"
        );
        api.terminate();
        assert_eq!(api.ended(10).await.code(), Some(0));
    }
    let _last = world.replica().await;
    world.conclude(Granted::default(), 60).await
}

pub async fn stale_nonce() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    deployed(&world, (0..3).map(|number| format!("fresh-{number}"))).await;
    for (place, node) in world.nodes.iter().enumerate() {
        node.always("eth_getTransactionCount", Fault::Answer(json!("0x1")));
        let before = node.called("eth_getTransactionCount");
        let models = (0..2).map(|number| format!("stale-{place}-{number}"));
        deployed(&world, models).await;
        assert!(
            node.called("eth_getTransactionCount") > before,
            "it was asked"
        );
        node.set(Mode::Pass);
    }
    world.conclude(Granted::default(), 60).await
}

pub async fn future_nonce() -> Concluded {
    let world = World::start().await;
    world.nodes[1].always("eth_getTransactionCount", Fault::Answer(json!("0x7")));
    let _api = world.replica().await;
    deployed(&world, (0..3).map(|number| format!("ahead-{number}"))).await;
    assert!(
        world.nodes[1].called("eth_getTransactionCount") > 0,
        "it was asked"
    );
    world.conclude(Granted::default(), 60).await
}

pub async fn receipts_flicker() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    let null = || Fault::Answer(Value::Null);
    world.every_node(|node| {
        node.script(
            RECEIPT,
            (0..6).flat_map(|_| [null(), null(), Fault::Pass, null()]),
        )
    });
    deployed(&world, (0..5).map(|number| format!("flicker-{number}"))).await;
    assert!(
        world.nodes.iter().any(|node| node.called(RECEIPT) >= 4),
        "receipts came and went"
    );
    world.conclude(Granted::default(), 60).await
}

pub async fn forked() -> Concluded {
    let mut world = World::start().await;
    // The same accounts make the same contracts at the same addresses: only the blocks differ.
    let fork = Anvil::with(&["--block-time", "0.3"]).await;
    assert_eq!(fork.token_manager, world.chain.token_manager);
    let forked = Proxy::start(&fork.url).await;
    let foreign = Proxy::start(&world.chain.url).await;
    foreign.always("eth_chainId", Fault::Answer(json!("0x1")));
    let [a, b, ..] = &world.nodes[..] else {
        unreachable!()
    };
    let urls = format!("{},{},{},{}", forked.url, foreign.url, a.url, b.url);
    world.set("RPC_URL", urls);
    let _api = world.replica().await;
    deployed(&world, (0..6).map(|number| format!("forked-{number}"))).await;
    assert_eq!(foreign.called(SEND), 0, "nothing is sent to another chain");
    world.conclude(Granted::default(), 60).await
}

pub async fn all_away() -> Concluded {
    let world = World::start().await;
    let api = world.replica().await;
    world.every_node(|node| node.set(Mode::Dead));
    world
        .client
        .submit_all((0..5).map(|number| format!("away-{number}")))
        .await;
    eventually("it is not ready", 10, async || {
        (api.get("/health/ready").await.0 == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    // Five minutes in the table; the pauses between attempts reach their bound within this.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
    world.every_node(|node| node.set(Mode::Pass));
    eventually("it is ready", 30, async || {
        (api.get("/health/ready").await.0 == StatusCode::OK).then_some(())
    })
    .await;
    world.conclude(Granted::default(), 60).await
}

pub async fn refusals() -> Concluded {
    const WORDS: [&str; 5] = [
        "already known",
        "nonce too low: next nonce 9999, tx nonce 1",
        "nonce too high",
        "transaction underpriced",
        "replacement transaction underpriced",
    ];
    let mut world = World::start().await;
    world.set("REPLACE_AFTER_SECONDS", 2);
    let _api = world.replica().await;
    // Each as the first, the others after it, half of them although the node took the transaction.
    for first in 0..WORDS.len() {
        let order = (0..WORDS.len()).map(|step| WORDS[(first + step) % WORDS.len()]);
        let faults: Vec<Fault> = order
            .enumerate()
            .map(|(step, words)| match step % 2 {
                0 => Fault::Refuse(-32000, words),
                _ => Fault::RefuseAfter(-32000, words),
            })
            .collect();
        world.every_node(|node| node.script(SEND, faults.clone()));
        deployed(
            &world,
            (0..5).map(|number| format!("refused-{first}-{number}")),
        )
        .await;
        played(&world, SEND);
    }
    world.conclude(Granted::default(), 60).await
}
