//! The TokenManagers of every era, behind proxies too, and chains of other kinds than mainnet's.

use crate::World;
use crate::support::anvil::{Anvil, DEPLOYER, OWNER};
use crate::support::api::{Api, minimal};
use crate::support::redis::Redis;
use crate::support::{eventually, target};
use ::contracts::deployment::chain::abi::token_deployed_topic;
use ::contracts::deployment::chain::era::ERAS;
use ethers::utils::keccak256;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn compiled(name: &str) -> Value {
    let path = target().join(format!("contracts/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn selector(contract: &Value, function: &str) -> String {
    let functions = contract["selectors"].as_object().unwrap();
    let mut named = functions
        .iter()
        .filter(|(signature, _)| signature.split('(').next() == Some(function));
    let (_, selector) = named.next().unwrap_or_else(|| panic!("no {function}"));
    assert_eq!(named.next(), None, "{function} is overloaded");
    format!("0x{}", selector.as_str().unwrap())
}

/// An event's first topic, from the compiler's own description of it.
fn topic(contract: &Value, event: &str) -> String {
    let entries = contract["abi"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry["type"] == "event" && entry["name"] == event)
        .unwrap();
    let inputs = entry["inputs"].as_array().unwrap();
    let types: Vec<&str> = inputs
        .iter()
        .map(|input| input["type"].as_str().unwrap())
        .collect();
    let signature = format!("{event}({})", types.join(","));
    format!("0x{}", hex::encode(keccak256(signature)))
}

/// The constants are those of the deployed contracts, as read from their history and computed apart from this code.
#[test]
fn our_soliditys_selectors_and_topics_are_those_of_the_deployed_contracts() {
    crate::support::anvil::install();
    let current = compiled("TokenManager");
    let plain = compiled("PlainTokenManager");
    let early = compiled("EarlyAllocationsTokenManager");
    let params = compiled("ParamsTokenManager");
    let numbered = compiled("NumberedTokenManager");
    let registry = compiled("ModelRegistry");
    for (contract, function, expected) in [
        (&current, "deployTokenWithAllocations", "0xcbb1036c"),
        (&params, "deployTokenWithParams", "0x7b17af35"),
        (&early, "deployTokenWithAllocations", "0xebc812c3"),
        (&early, "deployTokenWithParams", "0xe14dfd01"),
        (&plain, "deployToken", "0xa1c9973a"),
        (&numbered, "deployToken", "0x3a93babb"),
        (&current, "modelTokens", "0x89a2e605"),
        (&current, "getTokenAddress", "0xc4091236"),
        (&current, "hasToken", "0x8ea00818"),
        (&current, "deploymentFee", "0xf2cff57f"),
        (&registry, "registerModel", "0x0a394c46"),
        (&registry, "getTokenAddress", "0x67ccdf38"),
    ] {
        assert_eq!(selector(contract, function), expected, "{function}");
    }
    // All but the oldest leave the same log, which is the one that is looked for.
    let deployed = "0x8bc86e2085f2cb40fd388378b4717f9fe8a5ad8d2b05643adeda5662f1eb59a3";
    for contract in [&current, &plain, &early, &params] {
        assert_eq!(topic(contract, "TokenDeployed"), deployed);
    }
    assert_eq!(format!("{:?}", token_deployed_topic()), deployed);
    assert_eq!(
        topic(&numbered, "TokenDeployed"),
        "0x4706aacae26c469865bc41999809c981068a8bc05d16bbcd5d858b0d992c53a2"
    );
    assert!(topic(&registry, "ModelRegistered").starts_with("0x628b93b4"));
    for name in ["EmptyString", "ZeroAddress", "InvalidAmount"] {
        let expected = match name {
            "EmptyString" => "62a65aec",
            "ZeroAddress" => "eac0d389",
            _ => "b132ad4a",
        };
        let hash = hex::encode(keccak256(format!("{name}(string)")));
        assert!(hash.starts_with(expected), "{name}");
    }
    // Every function that is called is one that a contract here has.
    let ours: BTreeSet<String> = ERAS
        .iter()
        .map(|era| format!("0x{}", hex::encode(era.selector())))
        .collect();
    let compiled = [
        selector(&current, "deployTokenWithAllocations"),
        selector(&params, "deployTokenWithParams"),
        selector(&early, "deployTokenWithAllocations"),
        selector(&plain, "deployToken"),
    ];
    assert_eq!(ours, BTreeSet::from(compiled));
}

/// A word of constructor arguments.
fn word(address: &str) -> String {
    format!("{:0>64}", address.trim_start_matches("0x"))
}

#[tokio::test]
async fn the_manager_of_every_era_is_recognised_and_makes_a_token_directly_and_behind_proxies() {
    let world = World::start().await;
    let chain = &world.chain;
    let current = chain.token_manager.clone();
    let plain = chain.create("PlainTokenManager", "").await;
    let early = chain.create("EarlyAllocationsTokenManager", "").await;
    let params = chain.create("ParamsTokenManager", "").await;
    let proxy = chain.create("Proxy", &word(&current)).await;
    // EIP-1167, made by hand: its creation code returns the 45 bytes after it.
    let target = current.trim_start_matches("0x").to_lowercase();
    let code = format!("363d3d373d3d3d363d73{target}5af43d82803e903d91602b57fd5bf3");
    let creation = format!("0x3d602d80600a3d3981f3{code}");
    let receipt = chain.send(OWNER, None, &creation).await;
    let clone = receipt["contractAddress"].as_str().unwrap().to_string();

    for (what, manager, function) in [
        ("plain", &plain, "deployToken("),
        ("early", &early, "deployTokenWithAllocations("),
        ("params", &params, "deployTokenWithParams("),
        ("proxy", &proxy, "deployTokenWithAllocations("),
        ("clone", &clone, "deployTokenWithAllocations("),
    ] {
        let api = Api::start(&world.with("TOKEN_MANAGER_ADDRESS", manager)).await;
        let known = api.logs();
        assert!(
            known.contains(&format!("\"function\":\"{function}")),
            "{known}"
        );
        let mut body = minimal(&format!("era-{what}"));
        body["initialSupply"] = json!("1000.5");
        let (status, accepted) = api.post(&body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{what}: {accepted}");
        let id = accepted["data"]["requestId"].as_str().unwrap();
        let done = api.reaches(id, "deployed").await;
        let token = done["tokenDetails"]["tokenAddress"].as_str().unwrap();
        let total = chain.call(token, "0x18160ddd").await;
        let total = ethers::types::U256::from_str_radix(&total, 16).unwrap();
        assert_eq!(total.to_string(), "1000500000000000000000", "{what}");
        // The log is this manager's own, of this model, by our account.
        let hash = &done["tokenDetails"]["transactionHash"];
        let receipt = chain
            .result("eth_getTransactionReceipt", json!([hash]))
            .await;
        let logs = receipt["logs"].as_array().unwrap();
        let own = logs.iter().find(|log| {
            log["address"]
                .as_str()
                .unwrap()
                .eq_ignore_ascii_case(manager)
        });
        let topics = &own.expect("the manager wrote a log")["topics"];
        assert_eq!(
            topics[1],
            format!("0x{}", hex::encode(keccak256(format!("era-{what}"))))
        );
        assert!(
            topics[3]
                .as_str()
                .unwrap()
                .ends_with(&DEPLOYER[2..].to_lowercase())
        );
        api.has_logged_no_secret();
    }
}

#[tokio::test]
async fn a_contract_that_cannot_be_called_is_told_by_name_and_never_used() {
    let world = World::start().await;
    let numbered = world.chain.create("NumberedTokenManager", "").await;
    let caller = world.chain.create("Caller", "").await;
    let empty = world
        .chain
        .create("Proxy", &word("0x00000000000000000000000000000000000000aa"))
        .await;
    for (manager, reason) in [
        (
            &numbered,
            "has no known deploying function but deployToken(string,string,uint256)",
        ),
        // It has the selector of another contract's function in its code.
        (&caller, "has no known deploying function"),
        (&empty, "there is no contract at TOKEN_MANAGER_ADDRESS"),
    ] {
        let api = Api::spawn(&world.with("TOKEN_MANAGER_ADDRESS", manager));
        eventually("the reason is told", 10, async || {
            let (status, body) = api.get("/health/ready").await;
            let told = body["checks"]["contracts"]["error"]
                .as_str()?
                .contains(reason);
            (status == StatusCode::SERVICE_UNAVAILABLE && told).then_some(())
        })
        .await;
        assert_eq!(api.get("/health").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(world.chain.transactions_made().await, 0);
}

#[tokio::test]
async fn on_a_chain_without_base_fees_the_transaction_is_of_the_old_kind() {
    let (redis, chain) = tokio::join!(
        Redis::start(),
        Anvil::with(&["--block-time", "0.2", "--hardfork", "berlin"])
    );
    let environment = crate::environment(&redis, &chain, &chain.url);
    let api = Api::start(&environment).await;
    let id = api.submit("old-chain").await;
    let done = api.reaches(&id, "deployed").await;
    let hash = &done["tokenDetails"]["transactionHash"];
    let sent = chain
        .result("eth_getTransactionByHash", json!([hash]))
        .await;
    assert_eq!(sent["type"], "0x0", "{sent}");
}

#[tokio::test]
async fn an_engine_without_work_asks_the_nodes_nothing() {
    let world = World::start().await;
    let api = world.api().await;
    // Once it has worked, so that it is seen to stop.
    let id = api.submit("then-nothing").await;
    api.reaches(&id, "deployed").await;
    let mut before = world.proxy.calls();
    let mut quiet_since = Instant::now();
    // An hour may cost 12 calls: one every five minutes. What polled at all would be seen within this time.
    eventually("ten seconds without a call", 60, async || {
        let now = world.proxy.calls();
        if now != before {
            (before, quiet_since) = (now, Instant::now());
        }
        (quiet_since.elapsed() >= Duration::from_secs(10)).then_some(())
    })
    .await;
    // And it still works.
    let id = api.submit("and-again").await;
    api.reaches(&id, "deployed").await;
}
