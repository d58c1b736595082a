//! M2: everything at once.

use crate::audit::{Granted, deployments};
use crate::evidence;
use crate::support::api::Api;
use crate::support::eventually;
use crate::support::proxy::Fault;
use crate::world::{Concluded, LEASE, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const DEPLOYMENTS: usize = 200;
const KILL_EVERY: Duration = Duration::from_secs(3);

/// An endpoint that lies in every way that is hard to notice: receipts come and go and say that they failed, the nonce is of the past.
fn lie(node: &crate::support::proxy::Proxy) {
    node.always("eth_getTransactionReceipt", Fault::Alter(altered_receipt));
    node.always("eth_getTransactionCount", Fault::Answer(json!("0x1")));
}

/// Of three transactions one has no receipt, one has failed in a block nobody knows, and one is told truly.
fn altered_receipt(request: &Value, reply: &mut Value) {
    let hash = request["params"][0].as_str().unwrap_or_default();
    match hash.bytes().last().unwrap_or_default() % 3 {
        0 => reply["result"] = Value::Null,
        1 if reply["result"].is_object() => {
            reply["result"]["status"] = json!("0x0");
            reply["result"]["logs"] = json!([]);
            reply["result"]["blockHash"] = json!(format!("0x{}", "ab".repeat(32)));
        }
        _ => {}
    }
}

pub async fn storm() -> Concluded {
    let mut world = World::on(&["--block-time", "1", "--gas-limit", "60000000"]).await;
    world.set("CONFIRMATION_BLOCKS", 4);
    world.set("REPLACE_AFTER_SECONDS", 20);
    lie(&world.nodes[1]);
    let mut replicas: Vec<Api> = Vec::new();
    for _ in 0..3 {
        replicas.push(world.replica().await);
    }
    let begun = Instant::now();
    let client = world.client.clone();
    let submitted = tokio::spawn(async move {
        let mut ids = Vec::new();
        // Over a while, so that every fault meets requests too.
        for batch in 0..20 {
            let models = (0..DEPLOYMENTS / 20).map(|number| format!("storm-{batch}-{number}"));
            ids.extend(client.submit_all(models).await);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        ids
    });
    let mut kills = 0;
    let mut reorganised = 0;
    let mut restarted = false;
    loop {
        tokio::time::sleep(KILL_EVERY).await;
        replicas.remove(0).kill_9();
        kills += 1;
        replicas.push(world.spawn(&[]));
        if kills == 3 {
            world.redis.stop();
            tokio::time::sleep(Duration::from_secs(1)).await;
            world.redis.resume().await;
            restarted = true;
        }
        if (kills == 2 || kills == 5) && reorganised < 2 {
            reorganise(&world, reorganised == 0).await;
            reorganised += 1;
        }
        if submitted.is_finished() {
            world.client.all_final(0).await;
            let ids = world.client.accepted().len();
            let over = open(&world).await == 0;
            if (over && reorganised == 2 && restarted) || begun.elapsed() > Duration::from_secs(300)
            {
                println!("      {ids} accepted, {kills} kills, {reorganised} reorganisations");
                break;
            }
        }
    }
    let ids = submitted.await.unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let concluded = world.conclude(Granted::default(), 60).await;
    let mut deployed = 0;
    for id in &ids {
        deployed += usize::from(
            world
                .client
                .look(id)
                .await
                .is_some_and(|answer| answer.status == "deployed"),
        );
    }
    let tokens = evidence::tokens(&world.chain).await.len();
    let mined = evidence::mined(&world.chain).await;
    let reverted = mined
        .iter()
        .filter(|transaction| !transaction.succeeded)
        .count();
    println!(
        "      {tokens} tokens, {deployed} deployed, {reverted} reverted, {} no-ops, {kills} kills, lease {} ms, {seconds:.0} s",
        mined.len() - deployments(&mined),
        LEASE.as_millis(),
    );
    assert_eq!(
        (tokens, deployed, deployments(&mined), reverted),
        (DEPLOYMENTS, DEPLOYMENTS, DEPLOYMENTS, 0)
    );
    concluded
}

/// Takes the last blocks back as soon as there are deployments among them, which are then gone until they are sent again.
async fn reorganise(world: &World, in_place: bool) {
    let gone = eventually("the last block has deployments", 60, async || {
        let block = json!(["latest", false]);
        let block = world.chain.result("eth_getBlockByNumber", block).await;
        let hashes = block["transactions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        (!hashes.is_empty()).then_some((hashes, block["hash"].clone()))
    })
    .await;
    let (method, how) = match in_place {
        true => ("anvil_reorg", json!([2, []])),
        false => ("anvil_rollback", json!([2])),
    };
    world.chain.result(method, how).await;
    let (hashes, block) = gone;
    for hash in hashes {
        let receipt = json!([hash]);
        let receipt = world
            .chain
            .result("eth_getTransactionReceipt", receipt)
            .await;
        assert_ne!(
            receipt["blockHash"], block,
            "{hash} is still in the block that was taken back"
        );
    }
}

/// How many of those accepted are not final.
async fn open(world: &World) -> usize {
    let mut open = 0;
    for accepted in world.client.accepted() {
        open += usize::from(
            world
                .client
                .look(&accepted.id)
                .await
                .is_none_or(|answer| !answer.is_final()),
        );
    }
    open
}
