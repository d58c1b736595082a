//! Rows 26 to 32: what can happen on the chain itself.

use crate::audit::Granted;
use crate::evidence;
use crate::support::anvil::{DEPLOYER, OWNER};
use crate::support::eventually;
use crate::support::proxy::{Mode, SEND};
use crate::world::{Concluded, World};
use ethers::types::U256;
use ethers::utils::{hex, rlp::Rlp};
use serde_json::json;
use std::time::{Duration, Instant};

pub async fn funds() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    let before = world.client.submit("rich").await;
    world.client.reaches(&before, "deployed", 30).await;
    world.set_balance("0x1").await;
    let ids = world
        .client
        .submit_all((0..3).map(|number| format!("poor-{number}")))
        .await;
    eventually("it says that it cannot pay", 20, async || {
        world.logged().contains("cannot pay").then_some(())
    })
    .await;
    for id in &ids {
        assert_eq!(world.client.look(id).await.unwrap().status, "pending");
    }
    assert_eq!(world.sent().len(), 1, "nothing is sent that cannot be paid");
    world.set_balance("0x56bc75e2d63100000").await;
    world.conclude(Granted::default(), 60).await
}

/// Waits until a transaction of ours is in a block that is not deep enough, and gives its bytes.
async fn mined(world: &World, model: &str) -> String {
    eventually(&format!("{model} is mined"), 30, async || {
        let mined = evidence::mined(&world.chain).await;
        let ours = mined
            .into_iter()
            .find(|transaction| transaction.model.as_deref() == Some(model))?;
        world
            .sent()
            .into_iter()
            .find(|raw| evidence::sent(raw).hash == ours.hash)
    })
    .await
}

pub async fn shallow_reorg() -> Concluded {
    let mut world = World::start().await;
    world.set("CONFIRMATION_BLOCKS", 10);
    world.set("REPLACE_AFTER_SECONDS", 30);
    let _api = world.replica().await;
    for (model, elsewhere) in [("moved", true), ("dropped", false)] {
        let id = world.client.submit(model).await;
        let raw = mined(&world, model).await;
        eventually("it is seen in a block", 20, async || {
            world.logged().contains("\"to\":\"mined\"").then_some(())
        })
        .await;
        world.chain.result("anvil_reorg", json!([6, []])).await;
        let gone = evidence::mined(&world.chain).await;
        assert!(
            gone.iter()
                .all(|transaction| transaction.model.as_deref() != Some(model)),
            "{gone:?}"
        );
        if elsewhere {
            world.chain.result(SEND, json!([raw])).await;
        }
        world.client.reaches(&id, "deployed", 60).await;
    }
    world.conclude(Granted::default(), 60).await
}

pub async fn deep_reorg() -> Concluded {
    let mut world = World::start().await;
    world.set("CONFIRMATION_BLOCKS", 2);
    let _api = world.replica().await;
    let first = world.client.submit("first").await;
    world.client.reaches(&first, "deployed", 30).await;
    let id = world.client.submit("undone").await;
    world.client.reaches(&id, "deployed", 30).await;
    let raw = mined(&world, "undone").await;
    let undone = evidence::sent(&raw);
    world.chain.result("anvil_reorg", json!([8, []])).await;
    let mined = evidence::mined(&world.chain).await;
    assert!(
        !mined
            .iter()
            .any(|transaction| transaction.hash == undone.hash),
        "it is undone"
    );
    let granted = Granted {
        undone: ["undone".into(), "first".into()].into(),
        ..Granted::default()
    };
    // A later deployment goes through all the same, and nobody signs anything new for the first ones.
    let after = world.client.submit("after-the-reorg").await;
    world.client.reaches(&after, "deployed", 90).await;
    let again: Vec<_> = world
        .sent()
        .iter()
        .map(|raw| evidence::sent(raw))
        .filter(|sent| sent.model.as_deref() == Some("undone") && sent.hash != undone.hash)
        .collect();
    assert!(again.is_empty(), "{again:?}");
    let alerts = world.logged();
    let alert = alerts
        .lines()
        .any(|line| line.contains("\"level\":\"ERROR\"") && line.contains("reorg"));
    assert!(alert, "an alert names the reorganisation");
    world.conclude(granted, 60).await
}

/// What a transaction of type 2 offers per gas at most.
fn fee_cap_wei(raw: &str) -> U256 {
    let bytes = hex::decode(raw).unwrap();
    let word: Vec<u8> = Rlp::new(&bytes[1..]).val_at(3).unwrap();
    U256::from_big_endian(&word)
}

pub async fn base_fee() -> Concluded {
    const CAP_GWEI: u64 = 50;
    let mut world = World::start().await;
    world.set("MAX_GAS_PRICE_GWEI", CAP_GWEI);
    world.set("REPLACE_AFTER_SECONDS", 1);
    let _api = world.replica().await;
    world.stop_mining().await;
    world
        .client
        .submit_all((0..3).map(|number| format!("dear-{number}")))
        .await;
    world.sends(3).await;
    let gwei = |gwei: u64| json!([format!("{:#x}", gwei * 1_000_000_000)]);
    // Set again before each block, since it falls by an eighth with every empty one.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        world
            .chain
            .result("anvil_setNextBlockBaseFeePerGas", gwei(20 * CAP_GWEI))
            .await;
        world.chain.result("evm_mine", json!([])).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(
        evidence::tokens(&world.chain).await.len(),
        0,
        "nothing can be mined"
    );
    let queued = world.client.submit("waits-for-gas").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.client.look(&queued).await.unwrap().status, "pending");
    world
        .chain
        .result("anvil_setNextBlockBaseFeePerGas", gwei(1))
        .await;
    world.resume_mining().await;
    world.client.all_final(60).await;
    let cap = U256::from(CAP_GWEI) * U256::exp10(9);
    assert!(
        world.sent().iter().all(|raw| fee_cap_wei(raw) <= cap),
        "the cap holds for every attempt"
    );
    world.conclude(Granted::default(), 60).await
}

pub async fn pool_emptied() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    world.stop_mining().await;
    world
        .client
        .submit_all((0..5).map(|number| format!("forgotten-{number}")))
        .await;
    world.sends(5).await;
    world
        .chain
        .result("anvil_dropAllTransactions", json!([]))
        .await;
    assert_eq!(evidence::pooled(&world.chain).await, 0);
    world.resume_mining().await;
    world.conclude(Granted::default(), 90).await
}

pub async fn foreign() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    world.every_node(|node| node.set(Mode::LoseRequest));
    world.client.submit("displaced").await;
    world.sends(1).await;
    // As an old service with the same key would send it.
    let receipt = world.chain.send(DEPLOYER, Some(OWNER), "0x").await;
    world.every_node(|node| node.set(Mode::Pass));
    let granted = Granted {
        foreign: [receipt["transactionHash"].as_str().unwrap().to_string()].into(),
        rebound: ["displaced".into()].into(),
        ..Granted::default()
    };
    world.client.submit("after-the-stranger").await;
    let concluded = world.conclude(granted, 60).await;
    let mined = evidence::mined(&world.chain).await;
    assert_eq!(mined.len(), 3, "the stranger's and one each: {mined:?}");
    concluded
}

pub async fn taken() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    world.every_node(|node| node.set(Mode::LoseRequest));
    let id = world.client.submit("contested").await;
    world.sends(1).await;
    // The very call that was signed, from another account.
    let bytes = hex::decode(&world.sent()[0]).unwrap();
    let data: Vec<u8> = Rlp::new(&bytes[1..]).val_at(7).unwrap();
    let data = format!("0x{}", hex::encode(data));
    world
        .chain
        .send(OWNER, Some(&world.chain.token_manager), &data)
        .await;
    world.every_node(|node| node.set(Mode::Pass));
    let answer = world.client.reaches(&id, "failed", 60).await;
    assert!(answer.code.is_some(), "{answer:?}");
    let granted = Granted {
        reverted: ["contested".into()].into(),
        ..Granted::default()
    };
    world.client.submit("uncontested").await;
    world.conclude(granted, 60).await
}
