//! What can be asked without asking for a deployment: the list, the token of a model, the dry run.

use crate::World;
use crate::support::anvil::{DEPLOYER, OWNER};
use crate::support::api::{Api, KEY, OTHER_KEY, minimal};
use crate::support::eventually;
use crate::support::proxy::Mode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn get(api: &Api, key: &str, path: &str) -> (StatusCode, Value) {
    Api::json(api.request(Method::GET, path).header("x-api-key", key)).await
}

/// The model ids of a page, and where the next one begins.
async fn page(api: &Api, query: &str) -> (Vec<String>, Option<String>) {
    let (status, body) = get(api, KEY, &format!("/api/deployments?{query}")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let data = &body["data"];
    let models = data["deployments"].as_array().unwrap().iter();
    let models = models.map(|one| one["modelId"].as_str().unwrap().to_string());
    let next = data["pagination"]["nextCursor"].as_str();
    assert_eq!(data["pagination"]["hasNext"], next.is_some(), "{body}");
    (models.collect(), next.map(str::to_string))
}

#[tokio::test]
async fn the_list_is_the_callers_own_newest_first_and_every_one_once() {
    let world = World::start().await;
    let api = world.api().await;
    let mut ids = Vec::new();
    for number in 0..25 {
        ids.push(api.submit(&format!("listed-{number:02}")).await);
    }
    let others = api
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", OTHER_KEY)
        .json(&minimal("others"));
    assert_eq!(Api::json(others).await.0, StatusCode::ACCEPTED);
    for id in &ids {
        api.reaches(id, "deployed").await;
    }
    let expected: Vec<String> = (0..25).rev().map(|n| format!("listed-{n:02}")).collect();
    for limit in [1, 7, 24, 25, 100] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (models, next) = page(&api, &format!("limit={limit}{cursor}")).await;
            assert!(models.len() <= limit);
            seen.extend(models);
            let Some(next) = next else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected, "limit={limit}");
    }
    assert_eq!(page(&api, "").await.0.len(), 20);
    assert_eq!(page(&api, "modelId=listed-03").await.0, ["listed-03"]);
    assert_eq!(page(&api, "modelId=others").await.0, Vec::<String>::new());
    assert_eq!(page(&api, "status=failed&limit=100").await.0.len(), 0);
    assert_eq!(page(&api, "status=deployed&limit=100").await.0.len(), 25);
    let nobody = format!("userAddress={OWNER}&limit=100");
    assert_eq!(page(&api, &nobody).await.0.len(), 0);

    // By time: both ends included.
    let (_, body) = get(&api, KEY, &format!("/api/deployments/{}", ids[10])).await;
    let at = body["data"]["createdAt"].as_str().unwrap();
    let from = page(&api, &format!("startDate={at}&limit=100")).await.0;
    let until = page(&api, &format!("endDate={at}&limit=100")).await.0;
    assert!(from.contains(&"listed-10".into()) && until.contains(&"listed-10".into()));
    let all: BTreeSet<&String> = from.iter().chain(&until).collect();
    assert_eq!(all.len(), 25);
    assert_eq!(
        (from[0].as_str(), until.last().unwrap().as_str()),
        ("listed-24", "listed-00")
    );

    // What the list says is what the status says, and a cursor from elsewhere is only a place.
    let (_, list) = get(&api, KEY, "/api/deployments?modelId=listed-10").await;
    assert_eq!(list["data"]["deployments"][0], body["data"]);
    let (_, theirs) = get(&api, OTHER_KEY, "/api/deployments").await;
    assert_eq!(theirs["data"]["deployments"].as_array().unwrap().len(), 1);
    let cursor = format!("/api/deployments?cursor=1_{}", ids[3]);
    assert_eq!(get(&api, OTHER_KEY, &cursor).await.0, StatusCode::OK);
    for wrong in ["limit=0", "limit=101", "page=2", "status=gone", "cursor=x"] {
        let (status, body) = get(&api, KEY, &format!("/api/deployments?{wrong}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(body["error"]["details"].as_array().unwrap().len(), 1);
    }
    // A record that is forgotten leaves no gap.
    let prefix = format!("cd:{{11155111:{DEPLOYER}}}");
    world
        .redis
        .command(&["DEL", &format!("{prefix}:job:{}", ids[5])])
        .await;
    assert_eq!(page(&api, "limit=100").await.0.len(), 24);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_cost_and_writes_nothing() {
    let world = World::start().await;
    let api = world.api().await;
    let dry = |body: Value| {
        let request = api
            .request(Method::POST, "/api/dry-run")
            .header("x-api-key", KEY);
        Api::json(request.json(&body))
    };
    let before = world.redis.dump().await;
    let (status, body) = dry(minimal("wanted")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let data = &body["data"];
    assert_eq!(
        (&data["available"], &data["tokenName"]),
        (&json!(true), &json!("Hokusai wanted"))
    );
    assert_eq!(data["modelSupplierAllocation"], "2500000000000000000000000");
    let (status, body_wrong) = dry(json!({ "modelId": "a b" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body_wrong}");
    assert_eq!(body_wrong["error"]["details"].as_array().unwrap().len(), 2);
    let keys = |dump: Vec<(String, Vec<String>)>| -> BTreeSet<String> {
        let keys = dump.into_iter().map(|(key, _)| key);
        // What a deployment leaves; the worker's own keys come and go.
        let left = [":job:", ":queue", ":model:", ":by:", ":wishes"];
        keys.filter(|key| left.iter().any(|part| key.contains(part)))
            .collect()
    };
    assert_eq!(keys(world.redis.dump().await), keys(before));
    assert_eq!(world.chain.transactions_made().await, 0);

    // It is no more than was said.
    let id = api.submit("wanted").await;
    let (_, taken) = dry(minimal("wanted")).await;
    let reason = taken["data"]["unavailableBecause"].as_str().unwrap();
    assert!(
        ["DUPLICATE_DEPLOYMENT", "TOKEN_ALREADY_EXISTS"].contains(&reason),
        "{taken}"
    );
    let done = api.reaches(&id, "deployed").await;
    let number = |value: &Value| value.as_str().unwrap().parse::<u128>().unwrap();
    let details = &done["tokenDetails"];
    let paid = number(&details["gasUsed"]) * number(&details["gasPrice"]);
    let cost = &data["cost"];
    assert!(paid <= number(&cost["totalMax"]), "{paid} {cost}");
    assert!(
        number(&details["gasUsed"]) <= number(&cost["gasLimit"]),
        "{cost}"
    );
    let (_, taken) = dry(minimal("wanted")).await;
    assert_eq!(taken["data"]["available"], false);
    assert_eq!(taken["data"]["unavailableBecause"], "TOKEN_ALREADY_EXISTS");
    assert_eq!(taken["data"]["tokenAddress"], details["tokenAddress"]);

    // What cannot be estimated is said in the cost's place.
    let thrifty = Api::start(&world.with("MAX_GAS_PRICE_GWEI", "1")).await;
    let base_fee = json!(["0x2540be400"]);
    world
        .chain
        .result("anvil_setNextBlockBaseFeePerGas", base_fee)
        .await;
    let dear = eventually("gas costs more than one gwei", 10, async || {
        let request = thrifty.request(Method::POST, "/api/dry-run");
        let request = request.header("x-api-key", KEY).json(&minimal("dear"));
        let (status, dear) = Api::json(request).await;
        assert_eq!(status, StatusCode::OK, "{dear}");
        dear["data"].get("cost").is_none().then_some(dear)
    })
    .await;
    assert_eq!(dear["data"]["available"], true);
    assert_eq!(
        dear["data"]["notEstimatedBecause"],
        "gas costs more than MAX_GAS_PRICE_GWEI allows now"
    );
}

#[tokio::test]
async fn the_token_of_a_model_is_told_to_all_and_its_deployment_to_whose_it_is() {
    let world = World::start().await;
    let api = world.api().await;
    let (status, body) = get(&api, KEY, "/api/tokens/looked-up").await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("TOKEN_NOT_FOUND"))
    );
    let id = api.submit("looked-up").await;
    let done = api.reaches(&id, "deployed").await;
    let (status, mine) = get(&api, KEY, "/api/tokens/looked-up").await;
    assert_eq!(status, StatusCode::OK, "{mine}");
    assert_eq!(
        mine["data"]["tokenAddress"],
        done["tokenDetails"]["tokenAddress"]
    );
    assert_eq!(mine["data"]["deployment"]["requestId"], id);
    let (_, theirs) = get(&api, OTHER_KEY, "/api/tokens/looked-up").await;
    assert_eq!(theirs["data"]["tokenAddress"], mine["data"]["tokenAddress"]);
    assert_eq!(theirs["data"]["deployment"], Value::Null);
    assert_eq!(
        get(&api, KEY, "/api/tokens/a%20b").await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        get(&api, "no-key", "/api/tokens/looked-up").await.0,
        StatusCode::UNAUTHORIZED
    );
    // Without the chain nobody can say.
    world.proxy.set(Mode::Dead);
    assert_eq!(
        get(&api, KEY, "/api/tokens/looked-up").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
}
