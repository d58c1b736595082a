//! How fast one key deploys, beside a sender that does nothing but send, on one node in one run; and what 10,000 waiting requests weigh.
//!
//! A real node (a block each second, 300M gas), a real Redis, the real program and a proxy that counts its calls; the bare sender
//! goes through the same proxy, signs in advance, keeps all its nonces in flight and remembers nothing. Prints and asserts nothing about
//! speed. `make bench` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "../tests/support/support.rs"]
mod support;

use ethers::signers::{LocalWallet, Signer};
use ethers::types::transaction::eip2718::TypedTransaction;
use ethers::types::{Address, Eip1559TransactionRequest};
use ethers::utils::rlp::Rlp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::anvil::{Anvil, CHAIN_ID, DEPLOYER};
use support::api::{Api, Environment, KEY, environment, minimal};
use support::proxy::{Proxy, SEND};
use support::redis::Redis;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const DEPLOYMENTS: usize = 500;
/// geth's guarantee to one account, the default; and what a chain of one's own allows.
const WINDOWS: [usize; 2] = [16, 500];
const WAITING: usize = 10_000;
/// Requests of the load itself at once.
const AT_ONCE: usize = 64;
/// anvil's third account, for the bare sender.
const BARE_KEY: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let chain = Anvil::with(&["--block-time", "1", "--gas-limit", "300000000"]).await;
    let mut template = Vec::new();
    let mut engines = Vec::new();
    for window in WINDOWS {
        let (speed, sent) = engine(&chain, window).await;
        println!("engine, {window:>3} in flight: {speed}");
        engines.push((window, speed.confirmed_per_second));
        template = call_of(&sent);
    }
    let bare = bare(&chain, &template).await;
    println!("bare sender          : {bare:.1} confirmed/s");
    for (window, confirmed) in engines {
        println!("ratio, {window:>3} in flight : {:.2}", confirmed / bare);
    }
    waiting(&chain).await;
}

struct Speed {
    accepted_per_second: f64,
    broadcasts_per_second: f64,
    confirmed_per_second: f64,
    calls_per_deployment: f64,
    calls: Vec<(String, usize)>,
}

impl std::fmt::Display for Speed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            accepted_per_second,
            broadcasts_per_second,
            confirmed_per_second,
            calls_per_deployment,
            calls,
        } = self;
        write!(
            formatter,
            "{confirmed_per_second:.1} confirmed/s, {broadcasts_per_second:.0} broadcasts/s, {accepted_per_second:.0} accepted/s, \
             {calls_per_deployment:.1} RPC calls per deployment"
        )?;
        for (method, count) in calls {
            write!(
                formatter,
                "\n    {method:<28} {:.2}",
                *count as f64 / DEPLOYMENTS as f64
            )?;
        }
        Ok(())
    }
}

fn settings(redis: &Redis, chain: &Anvil, proxy: &Proxy) -> Environment {
    let mut environment = environment(redis, chain, &proxy.url);
    for name in [
        "RATE_LIMIT_DEPLOY_BURST",
        "RATE_LIMIT_DEPLOY_PER_SECOND",
        "RATE_LIMIT_READ_BURST",
        "RATE_LIMIT_READ_PER_SECOND",
    ] {
        environment.insert(name.into(), "1000000".into());
    }
    environment.insert("CONFIRMATION_BLOCKS".into(), "1".into());
    environment
}

/// Everything is accepted while no transaction gets through, then all of it is deployed.
async fn engine(chain: &Anvil, window: usize) -> (Speed, String) {
    let (redis, proxy) = (Redis::start().await, Proxy::start(&chain.url).await);
    let mut environment = settings(&redis, chain, &proxy);
    environment.insert("IN_FLIGHT_MAX".into(), window.to_string());
    let api = Arc::new(Api::start(&environment).await);
    let calls_before = proxy.calls();

    let accepting = tokio::spawn(submit(
        api.clone(),
        format!("engine-{window:03}"),
        DEPLOYMENTS,
    ));
    let first = reached(&proxy, 1).await;
    let last = reached(&proxy, DEPLOYMENTS).await;
    let (mut open, accepted) = accepting.await.unwrap();
    while !open.is_empty() {
        let mut left = Vec::new();
        for id in open {
            let (status, body) = api.get(&format!("/api/deployments/{id}")).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            assert_ne!(body["data"]["status"], "failed", "{body}");
            if body["data"]["status"] != "deployed" {
                left.push(id);
                // One that is not says that later ones are hardly.
                break;
            }
        }
        if left.is_empty() {
            break;
        }
        open = left;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let whole = first.elapsed();
    let calls: Vec<(String, usize)> = proxy
        .calls()
        .into_iter()
        .map(|(method, count)| {
            let before = calls_before.get(&method).copied().unwrap_or_default();
            (method, count - before)
        })
        .collect();
    let made = calls.iter().map(|(_, count)| count).sum::<usize>();
    let count = DEPLOYMENTS as f64;
    let speed = Speed {
        accepted_per_second: count / accepted.as_secs_f64(),
        broadcasts_per_second: (count - 1.0) / (last - first).as_secs_f64(),
        confirmed_per_second: count / whole.as_secs_f64(),
        calls_per_deployment: made as f64 / count,
        calls,
    };
    (speed, proxy.sent().pop().unwrap())
}

/// When so many transactions had been asked to be sent.
async fn reached(proxy: &Proxy, count: usize) -> Instant {
    while proxy.distinct_sent() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Instant::now()
}

/// Their ids in the order of the models, and how long it took.
async fn submit(api: Arc<Api>, prefix: String, count: usize) -> (Vec<String>, Duration) {
    let begun = Instant::now();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (api, slots, model) = (api.clone(), slots.clone(), format!("{prefix}-{number:05}"));
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            let request = api
                .request(Method::POST, "/api/deployments")
                .header("x-api-key", KEY);
            let (status, body) = Api::json(request.json(&minimal(&model))).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{body}");
            body["data"]["requestId"].as_str().unwrap().to_string()
        });
    }
    (tasks.join_all().await, begun.elapsed())
}

/// Contract and call data of a transaction that was sent.
fn call_of(raw: &str) -> Vec<u8> {
    let bytes = ethers::utils::hex::decode(raw).unwrap();
    Rlp::new(&bytes[1..]).val_at(7).unwrap()
}

/// The same calls for other models, as fast as a sender can that only sends: confirmed per second.
async fn bare(chain: &Anvil, template: &[u8]) -> f64 {
    let proxy = Proxy::start(&chain.url).await;
    let wallet = BARE_KEY
        .parse::<LocalWallet>()
        .unwrap()
        .with_chain_id(CHAIN_ID);
    let manager: Address = chain.token_manager.parse().unwrap();
    let at = template
        .windows(7)
        .position(|window| window == b"engine-")
        .unwrap();
    let raws: Vec<String> = (0..DEPLOYMENTS)
        .map(|number| {
            let mut data = template.to_vec();
            // engine-500-00000: as long, so that no length changes.
            data[at..at + 16].copy_from_slice(format!("barely-500-{number:05}").as_bytes());
            let transaction: TypedTransaction = Eip1559TransactionRequest::new()
                .chain_id(CHAIN_ID)
                .nonce(number)
                .to(manager)
                .gas(1_000_000)
                .max_fee_per_gas(100_000_000_000_u64)
                .max_priority_fee_per_gas(1_000_000_000)
                .data(data)
                .into();
            let signature = wallet.sign_transaction_sync(&transaction).unwrap();
            transaction.rlp_signed(&signature).to_string()
        })
        .collect();
    let client = support::client();
    let ask = |method: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = client.post(&proxy.url).json(&body);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let begun = Instant::now();
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for raw in raws {
        let (slots, sending) = (slots.clone(), ask(SEND, json!([raw])));
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            let reply = sending.await;
            assert!(reply["result"].is_string(), "{reply}");
        });
    }
    tasks.join_all().await;
    let used = format!("{DEPLOYMENTS:#x}");
    while ask(
        "eth_getTransactionCount",
        json!([wallet.address(), "latest"]),
    )
    .await["result"]
        != used
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    DEPLOYMENTS as f64 / begun.elapsed().as_secs_f64()
}

/// What the process weighs before and with a full queue that nothing leaves.
async fn waiting(chain: &Anvil) {
    let (redis, proxy) = (Redis::start().await, Proxy::start(&chain.url).await);
    let api = Arc::new(Api::start(&settings(&redis, chain, &proxy)).await);
    let idle = resident_mib(api.pid());
    // Nothing can be paid: what is queued stays so.
    chain
        .result("anvil_setBalance", json!([DEPLOYER, "0x1"]))
        .await;
    let (ids, took) = submit(api.clone(), "waiting".into(), WAITING).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!(
        "memory: {idle:.1} MiB idle, {:.1} MiB with {} queued (accepted in {:.1} s)",
        resident_mib(api.pid()),
        ids.len(),
        took.as_secs_f64(),
    );
}

fn resident_mib(pid: u32) -> f64 {
    support::resident_bytes(pid) as f64 / f64::from(1 << 20)
}
