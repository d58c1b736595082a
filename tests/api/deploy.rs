//! From a POST to a token on chain.

use crate::World;
use crate::support::anvil::{DEPLOYER, OWNER};
use crate::support::api::{Api, KEY, OTHER_KEY, minimal};
use ethers::abi::{Token, encode};
use ethers::types::{Address, U256};
use ethers::utils::id;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};

fn call(signature: &str, arguments: &[Token]) -> String {
    format!(
        "0x{}{}",
        hex::encode(id(signature)),
        hex::encode(encode(arguments))
    )
}

async fn read_text(world: &World, token: &str, signature: &str) -> String {
    let data = hex::decode(world.chain.call(token, &call(signature, &[])).await).unwrap();
    ethers::abi::decode(&[ethers::abi::ParamType::String], &data)
        .unwrap()
        .pop()
        .unwrap()
        .into_string()
        .unwrap()
}

async fn read_number(world: &World, token: &str, signature: &str, arguments: &[Token]) -> String {
    U256::from_str_radix(
        &world.chain.call(token, &call(signature, arguments)).await,
        16,
    )
    .unwrap()
    .to_string()
}

#[tokio::test]
async fn a_request_becomes_a_token_with_the_name_symbol_supply_and_recipient_that_were_asked_for() {
    let world = World::start().await;
    // A fee, so that it is seen to be read and paid.
    let fee = call("setDeploymentFee(uint256)", &[Token::Uint(U256::exp10(15))]);
    world
        .chain
        .send(OWNER, Some(&world.chain.token_manager), &fee)
        .await;
    let api = world.api().await;

    let recipient = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
    let body = json!({
        "modelId": "model-1", "userAddress": recipient, "tokenName": "My Model", "tokenSymbol": "MYM-1",
        "initialSupply": "1250000.5", "token": "aa.bb.cc", "webhookUrl": "ignored", "metadata": { "tags": { "a": "b" } },
    });
    let request = api
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", KEY)
        .json(&body);
    let response = request.send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_string();
    let (status, accepted) = crate::support::api::read(response).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted}");
    let id = accepted["data"]["requestId"].as_str().unwrap();
    assert_eq!(location, format!("/api/deployments/{id}/status"));
    let cancel = format!("/api/deployments/{id}/cancel");
    assert_eq!(
        accepted["data"]["links"],
        json!({ "status": location, "cancel": cancel })
    );
    assert_eq!(accepted["data"]["status"], "pending");
    assert_eq!(accepted["data"]["estimatedCompletionTime"], 300);

    let done = api.reaches(id, "deployed").await;
    assert_eq!(
        (&done["progress"], &done["currentStep"]),
        (&json!(100), &json!("Deployment completed"))
    );
    let details = &done["tokenDetails"];
    assert_eq!(details["network"], "sepolia");
    assert_eq!(
        (&details["tokenName"], &details["tokenSymbol"]),
        (&json!("My Model"), &json!("MYM-1"))
    );
    let token = details["tokenAddress"].as_str().unwrap();
    assert_eq!(read_text(&world, token, "name()").await, "My Model");
    assert_eq!(read_text(&world, token, "symbol()").await, "MYM-1");
    assert_eq!(
        read_number(&world, token, "totalSupply()", &[]).await,
        "1250000500000000000000000"
    );
    // 2.5 of 12.5 million: a fifth goes to the recipient.
    let holder: Address = recipient.parse().unwrap();
    let held = read_number(
        &world,
        token,
        "balanceOf(address)",
        &[Token::Address(holder)],
    )
    .await;
    assert_eq!(held, "250000100000000000000000");
    let receipt = world
        .chain
        .result(
            "eth_getTransactionReceipt",
            json!([details["transactionHash"]]),
        )
        .await;
    assert_eq!(
        receipt["from"].as_str().unwrap().to_lowercase(),
        DEPLOYER.to_lowercase()
    );
    let block = u64::from_str_radix(
        receipt["blockNumber"]
            .as_str()
            .unwrap()
            .trim_start_matches("0x"),
        16,
    )
    .unwrap();
    assert_eq!(details["blockNumber"], json!(block));
    let transaction = world
        .chain
        .result(
            "eth_getTransactionByHash",
            json!([details["transactionHash"]]),
        )
        .await;
    assert_eq!(transaction["value"], "0x38d7ea4c68000");

    // Both paths give the same; another caller's key gives nothing.
    let path = format!("/api/deployments/{id}");
    let (_, short) = api.get(&path).await;
    let (_, long) = api.get(&format!("{path}/status")).await;
    assert_eq!(short["data"], long["data"]);
    let (status, hidden) = Api::json(api.request(Method::GET, &path).bearer_auth(OTHER_KEY)).await;
    assert_eq!(
        (status, &hidden["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("DEPLOYMENT_NOT_FOUND"))
    );

    // The model has its token now, for everybody.
    for key in [KEY, OTHER_KEY] {
        let again = api
            .request(Method::POST, "/api/deployments")
            .header("x-api-key", key)
            .json(&minimal("model-1"));
        let (status, body) = Api::json(again).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (StatusCode::CONFLICT, &json!("TOKEN_ALREADY_EXISTS")),
            "{body}"
        );
        assert_eq!(
            body["error"]["details"]["tokenAddress"],
            details["tokenAddress"]
        );
    }
    assert_eq!(world.chain.transactions_made().await, 1);
    api.has_logged_no_secret();
}

#[tokio::test]
async fn without_a_supply_the_configured_economics_and_default_names_reach_the_chain() {
    let world = World::start().await;
    let api = world.api().await;
    let mut body = minimal("ab_c-defgh");
    body["initialSupply"] = json!("0");
    let (status, accepted) = api.post(&body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted}");
    let done = api
        .reaches(accepted["data"]["requestId"].as_str().unwrap(), "deployed")
        .await;
    let token = done["tokenDetails"]["tokenAddress"].as_str().unwrap();
    assert_eq!(
        read_text(&world, token, "name()").await,
        "Hokusai ab_c-defgh"
    );
    assert_eq!(read_text(&world, token, "symbol()").await, "HKABCD");
    assert_eq!(
        read_number(&world, token, "totalSupply()", &[]).await,
        "12500000000000000000000000"
    );
    let governor = world.chain.call(token, &call("governor()", &[])).await;
    assert!(
        governor.ends_with(&DEPLOYER[2..].to_lowercase()),
        "{governor}"
    );
}

#[tokio::test]
async fn a_hundred_concurrent_requests_for_one_model_make_one_token() {
    let world = World::start().await;
    let api = std::sync::Arc::new(world.api().await);
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let api = api.clone();
        posts.spawn(async move { api.post(&minimal("wanted-by-many")).await });
    }
    let answers: Vec<(StatusCode, Value)> = posts.join_all().await;
    let accepted: Vec<_> = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::ACCEPTED)
        .collect();
    assert_eq!(accepted.len(), 1);
    let id = accepted[0].1["data"]["requestId"].as_str().unwrap();
    for (status, body) in &answers {
        if *status != StatusCode::ACCEPTED {
            assert_eq!(
                (*status, &body["error"]["code"]),
                (StatusCode::CONFLICT, &json!("DUPLICATE_DEPLOYMENT"))
            );
            assert_eq!(body["error"]["details"]["requestId"], id);
        }
    }
    api.reaches(id, "deployed").await;
    assert_eq!(world.chain.tokens_deployed().await.len(), 1);
    assert_eq!(world.chain.transactions_made().await, 1);
}

#[tokio::test]
async fn a_hundred_concurrent_requests_are_accepted_within_two_seconds_and_all_deployed_by_two_replicas()
 {
    let world = World::start().await;
    let replicas = [
        std::sync::Arc::new(world.api().await),
        std::sync::Arc::new(world.api().await),
    ];
    let mut posts = tokio::task::JoinSet::new();
    let started = Instant::now();
    for number in 0..100 {
        let api = replicas[number % 2].clone();
        posts.spawn(async move { api.submit(&format!("model-{number}")).await });
    }
    let ids = posts.join_all().await;
    let accepted_in = started.elapsed();
    assert!(accepted_in < Duration::from_secs(2), "{accepted_in:?}");
    let mut tokens = HashSet::new();
    for id in &ids {
        let done = replicas[0].reaches(id, "deployed").await;
        tokens.insert(
            done["tokenDetails"]["tokenAddress"]
                .as_str()
                .unwrap()
                .to_string(),
        );
    }
    println!(
        "100 accepted in {accepted_in:?}, deployed in {:?}",
        started.elapsed()
    );
    assert_eq!(tokens.len(), 100);
    assert_eq!(world.chain.tokens_deployed().await.len(), 100);
    // One nonce sequence, none of them spent for nothing.
    assert_eq!(world.chain.transactions_made().await, 100);
}
