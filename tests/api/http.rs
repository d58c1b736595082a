//! The HTTP contract: who may call, what is accepted, and what every refusal looks like.

use crate::World;
use crate::support::api::{Api, KEY, OTHER_KEY, minimal, read};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const POST: &str = "/api/deployments";

/// Status, code and whole body; asserts the shape that every error has.
async fn refusal(request: RequestBuilder) -> (u16, String, Value) {
    let (status, body) = Api::json(request).await;
    let error = &body["error"];
    assert_eq!(body["success"], false, "{body}");
    assert!(
        error["message"].is_string()
            && error["timestamp"].is_string()
            && error["retryable"].is_boolean(),
        "{body}"
    );
    // RFC 9457 beside it.
    assert_eq!(body["status"], status.as_u16(), "{body}");
    let code = error["code"].as_str().unwrap().to_string();
    assert!(body["type"].as_str().unwrap().ends_with(&code), "{body}");
    assert!(
        body["title"].is_string() && body["detail"].is_string(),
        "{body}"
    );
    let id = body["meta"]["requestId"].as_str().unwrap();
    assert!(id.starts_with("req_"), "{body}");
    (status.as_u16(), code, body)
}

#[tokio::test]
async fn every_wrong_request_gets_its_own_error_as_json() {
    let world = World::start().await;
    let api = world.api().await;
    let id = "3b241101-e2bb-4255-8caf-4136c566a962";
    let with_key = |method: Method, path: &str| api.request(method, path).header("x-api-key", KEY);
    let post = || with_key(Method::POST, POST);
    let json_type = ("content-type", "application/json");
    let eleven_megabytes = "x".repeat(11 << 20);

    let cases: Vec<(RequestBuilder, u16, &str)> = vec![
        // Who is calling.
        (
            api.request(Method::POST, POST).json(&minimal("m")),
            401,
            "INVALID_TOKEN",
        ),
        (
            api.request(Method::POST, POST)
                .bearer_auth("any.other.bearer")
                .json(&minimal("m")),
            401,
            "INVALID_TOKEN",
        ),
        (
            api.request(Method::POST, POST)
                .header("x-api-key", "wrong")
                .json(&minimal("m")),
            401,
            "INVALID_TOKEN",
        ),
        (
            api.request(Method::GET, &format!("{POST}/{id}")),
            401,
            "INVALID_TOKEN",
        ),
        // Which route.
        (with_key(Method::GET, "/no/such/route"), 404, "NOT_FOUND"),
        (
            with_key(Method::GET, "/api/deployments/a/b/c"),
            404,
            "NOT_FOUND",
        ),
        (with_key(Method::PUT, POST), 405, "METHOD_NOT_ALLOWED"),
        (
            with_key(Method::GET, "/api/dry-run"),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (
            api.request(Method::GET, "/health/detailed"),
            401,
            "INVALID_TOKEN",
        ),
        (
            with_key(Method::DELETE, &format!("{POST}/{id}")),
            405,
            "METHOD_NOT_ALLOWED",
        ),
        (with_key(Method::POST, "/health"), 405, "METHOD_NOT_ALLOWED"),
        // Which body.
        (
            post()
                .header(json_type.0, json_type.1)
                .body("{\"modelId\": "),
            400,
            "VALIDATION_ERROR",
        ),
        (
            post().header(json_type.0, json_type.1).body(""),
            400,
            "VALIDATION_ERROR",
        ),
        (
            post()
                .header(json_type.0, json_type.1)
                .body(vec![0xff, 0xfe]),
            400,
            "VALIDATION_ERROR",
        ),
        (
            post()
                .header(json_type.0, json_type.1)
                .body("[".repeat(60_000)),
            400,
            "VALIDATION_ERROR",
        ),
        (post().json(&json!([1])), 400, "VALIDATION_ERROR"),
        (
            post()
                .header(json_type.0, json_type.1)
                .body(eleven_megabytes),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            post()
                .header(json_type.0, json_type.1)
                .body("x".repeat((64 << 10) + 1)),
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        (
            post().header("content-type", "text/plain").body("{}"),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (post().body("{}"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            post()
                .header("content-encoding", "gzip")
                .json(&minimal("m")),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            post()
                .header("idempotency-key", "k".repeat(256))
                .json(&minimal("m")),
            400,
            "VALIDATION_ERROR",
        ),
        (
            post().header("idempotency-key", "a\tb").json(&minimal("m")),
            400,
            "VALIDATION_ERROR",
        ),
        // Since which change; a number too large for any record is one that is not there.
        (
            with_key(Method::GET, &format!("{POST}/{id}/events")).header("last-event-id", "+1"),
            400,
            "VALIDATION_ERROR",
        ),
        (
            with_key(Method::GET, &format!("{POST}/{id}/events"))
                .header("last-event-id", "123456789012345"),
            404,
            "DEPLOYMENT_NOT_FOUND",
        ),
        // Which deployment.
        (
            with_key(Method::GET, &format!("{POST}/not-a-uuid")),
            400,
            "VALIDATION_ERROR",
        ),
        (
            with_key(
                Method::GET,
                &format!("{POST}/{}", id.replace("-4255", "-1255")),
            ),
            400,
            "VALIDATION_ERROR",
        ),
        (
            with_key(Method::GET, &format!("{POST}/{id}/status")),
            404,
            "DEPLOYMENT_NOT_FOUND",
        ),
    ];
    for (number, (request, status, code)) in cases.into_iter().enumerate() {
        let (found_status, found_code, body) = refusal(request).await;
        assert_eq!(
            (found_status, found_code.as_str()),
            (status, code),
            "case {number}: {body}"
        );
    }
    let (_, _, body) = refusal(api.request(Method::GET, "/no/such/route?with=query")).await;
    assert_eq!(
        body["error"]["message"],
        "Route GET /no/such/route not found"
    );
    // A bearer that is a configured key is as good as the other header.
    let (status, _) = Api::json(
        api.request(Method::POST, POST)
            .bearer_auth(KEY)
            .json(&minimal("m")),
    )
    .await;
    assert_eq!(status, StatusCode::ACCEPTED);
    api.has_logged_no_secret();
}

#[tokio::test]
async fn a_body_is_told_everything_that_is_wrong_with_it_and_never_its_values() {
    let world = World::start().await;
    let api = world.api().await;
    let model = "Model ID must contain only alphanumeric characters, hyphens, and underscores (1-64 characters)";
    let name = "Token name must be 1-50 characters containing only letters, numbers, spaces, hyphens, and underscores";
    let symbol = "Token symbol must be 1-10 uppercase characters, numbers, or hyphens";
    let decimal = "Initial supply must be a valid decimal number as string";
    let cases: &[(&str, Value, &str)] = &[
        ("modelId", json!("no spaces"), model),
        ("modelId", json!("m".repeat(65)), model),
        ("modelId", json!(7_777_777), "\"modelId\" must be a string"),
        (
            "modelId",
            json!(""),
            "\"modelId\" is not allowed to be empty",
        ),
        (
            "userAddress",
            json!("0x1234567"),
            "Invalid Ethereum address format",
        ),
        (
            "userAddress",
            json!(format!("0x{}", "0".repeat(40))),
            "User address must not be the zero address",
        ),
        ("tokenName", json!("bad/name"), name),
        ("tokenName", json!("line\nbreak"), name),
        ("tokenName", json!("n".repeat(51)), name),
        ("tokenName", Value::Null, "\"tokenName\" must be a string"),
        ("tokenSymbol", json!("lower"), symbol),
        ("tokenSymbol", json!("TOOLONG-123"), symbol),
        ("initialSupply", json!("-5555"), decimal),
        ("initialSupply", json!("1e24"), decimal),
        (
            "initialSupply",
            json!(1000),
            "\"initialSupply\" must be a string",
        ),
        (
            "initialSupply",
            json!("0.0000000000000000001"),
            "Initial supply must have at most 18 decimal places",
        ),
        (
            "initialSupply",
            json!("12500000.1"),
            "Initial supply must be at most 12500000 tokens",
        ),
        (
            "initialSupply",
            json!("9".repeat(5000)),
            "Initial supply must be at most 12500000 tokens",
        ),
        (
            "initialSupply",
            json!("0.000000000000000001"),
            "Initial supply is too small to be divided into its allocations",
        ),
        (
            "token",
            json!("not-a-jwt-at-all"),
            "Invalid JWT token format",
        ),
        (
            "metadata",
            json!("text-not-object"),
            "\"metadata\" must be of type object",
        ),
    ];
    for (field, value, message) in cases {
        let mut body = minimal("m-1");
        body[*field] = value.clone();
        let (status, _, answer) = refusal(
            api.request(Method::POST, POST)
                .header("x-api-key", KEY)
                .json(&body),
        )
        .await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(
            answer["error"]["details"],
            json!([{ "field": field, "message": message }])
        );
        if let Some(text) = value.as_str().filter(|text| text.len() > 4) {
            assert!(!answer.to_string().contains(text), "{answer}");
        }
    }
    let metadata = json!({ "description": "d".repeat(501), "website": "javascript:alert(1)", "tags": { "a": 1 } });
    let everything = json!({ "tokenSymbol": "lower", "metadata": metadata, "token": 5 });
    let (_, _, answer) = refusal(
        api.request(Method::POST, POST)
            .header("x-api-key", KEY)
            .json(&everything),
    )
    .await;
    let fields: Vec<&str> = answer["error"]["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["field"].as_str().unwrap())
        .collect();
    let expected = [
        "token",
        "modelId",
        "userAddress",
        "tokenSymbol",
        "metadata.description",
        "metadata.website",
        "metadata.tags",
    ];
    assert_eq!(fields, expected);
    assert!(!answer.to_string().contains("javascript"), "{answer}");
}

#[tokio::test]
async fn an_idempotency_key_makes_a_repeated_post_one_deployment() {
    let world = World::start().await;
    let api = world.api().await;
    let post = |idempotency: &str, key: &str, body: &Value| {
        let request = api
            .request(Method::POST, POST)
            .header("x-api-key", key)
            .header("idempotency-key", idempotency);
        Api::json(request.json(body))
    };
    let body = minimal("once");
    let (first, second) = tokio::join!(post("k-1", KEY, &body), post("k-1", KEY, &body));
    assert_eq!(
        (first.0, second.0),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    let id = first.1["data"]["requestId"].as_str().unwrap();
    assert_eq!(second.1["data"]["requestId"], id);
    api.reaches(id, "deployed").await;
    // The order of the fields does not matter, `token` has no part in it, and the answer holds after the token exists.
    let reordered =
        json!({ "userAddress": body["userAddress"], "token": "a.b.c", "modelId": "once" });
    let (status, again) = post("k-1", KEY, &reordered).await;
    assert_eq!(
        (status, &again["data"]["requestId"]),
        (StatusCode::ACCEPTED, &json!(id))
    );
    // The very same answer, whatever became of it since.
    assert_eq!(again["data"], first.1["data"]);
    assert_eq!(again["data"]["status"], "pending");
    let (status, other) = post("k-1", KEY, &minimal("another")).await;
    assert_eq!(
        (status.as_u16(), &other["error"]["code"]),
        (422, &json!("IDEMPOTENCY_KEY_REUSED"))
    );
    // Keys belong to their caller.
    let (status, _) = post("k-1", OTHER_KEY, &minimal("another")).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(world.chain.tokens_deployed().await.len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_means_one_request_however_many_replicas_are_asked_at_once() {
    let world = World::start().await;
    let (first, second) = tokio::join!(world.api(), world.api());
    // Half ask for one model, half for another, all under one key: whoever is first decides what the key stands for.
    let posts = (0..100).map(|number| {
        let api = [&first, &second][number % 2];
        let model = ["raced-a", "raced-b"][number / 2 % 2];
        let request = api
            .request(Method::POST, POST)
            .header("x-api-key", KEY)
            .header("idempotency-key", "raced")
            .json(&minimal(model));
        async move {
            let response = request.send().await.unwrap();
            let replayed = response.headers().contains_key("idempotent-replayed");
            let (status, body) = read(response).await;
            (model, status.as_u16(), replayed, body)
        }
    });
    let answers = futures_util::future::join_all(posts).await;
    let accepted = answers.iter().filter(|answer| answer.1 == 202);
    let (model, _, _, original) = accepted.clone().find(|answer| !answer.2).unwrap();
    assert_eq!(accepted.clone().filter(|answer| !answer.2).count(), 1);
    for (asked, status, replayed, body) in &answers {
        if asked == model {
            assert_eq!((*status, &body["data"]), (202, &original["data"]), "{body}");
        } else {
            assert_eq!((*status, *replayed), (422, false), "{body}");
            assert_eq!(body["error"]["code"], "IDEMPOTENCY_KEY_REUSED");
        }
    }
    let id = original["data"]["requestId"].as_str().unwrap();
    first.reaches(id, "deployed").await;
    assert_eq!(world.chain.transactions_made().await, 1);
}

#[tokio::test]
async fn limits_are_per_caller_and_kind_and_shared_by_replicas_and_never_touch_probes() {
    let world = World::start().await;
    let mut environment = world.with("RATE_LIMIT_DEPLOY_BURST", "3");
    environment.insert("RATE_LIMIT_DEPLOY_PER_SECOND".into(), "1".into());
    let (first, second) = tokio::join!(Api::start(&environment), Api::start(&environment));
    let post = |api: &Api, key: &str| {
        api.request(Method::POST, POST)
            .header("x-api-key", key)
            .json(&json!({}))
            .send()
    };
    let response = post(&first, KEY).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_string();
    assert_eq!(
        (header("ratelimit-policy"), header("ratelimit-limit")),
        ("3;w=3".into(), "3".into())
    );
    assert_eq!(
        (header("ratelimit-remaining"), header("ratelimit-reset")),
        ("2".into(), "1".into())
    );

    let mut refused = None;
    for api in [&second, &first, &second, &first, &second] {
        let response = post(api, KEY).await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("a burst of 3 does not hold 6");
    assert_eq!(refused.headers()["retry-after"], "1");
    let (_, body) = read(refused).await;
    assert_eq!(
        (&body["error"]["code"], &body["error"]["retryable"]),
        (&json!("RATE_LIMIT_EXCEEDED"), &json!(true))
    );

    assert_eq!(
        post(&first, OTHER_KEY).await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        first
            .get("/api/deployments/3b241101-e2bb-4255-8caf-4136c566a962")
            .await
            .0,
        StatusCode::NOT_FOUND
    );
    for _ in 0..50 {
        assert_eq!(first.get("/health").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn every_response_carries_its_request_id_and_tells_browsers_what_they_may_do() {
    let world = World::start().await;
    let api =
        Api::start(&world.with("CORS_ORIGINS", "https://app.hokus.ai,http://localhost:3000")).await;
    let response = api
        .request(Method::GET, "/health")
        .header("x-request-id", "trace.1_a-B")
        .send()
        .await
        .unwrap();
    let headers = response.headers().clone();
    for (name, value) in [
        ("x-request-id", "trace.1_a-B"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("content-type", "application/json; charset=utf-8"),
        ("vary", "Origin"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(
        headers["strict-transport-security"]
            .to_str()
            .unwrap()
            .starts_with("max-age=")
    );
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert!(!headers.contains_key("access-control-allow-origin"));

    let request = api
        .request(Method::POST, POST)
        .header("x-api-key", KEY)
        .header("origin", "https://app.hokus.ai");
    let response = request
        .header("x-request-id", "with space")
        .json(&minimal("m"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://app.hokus.ai"
    );
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-credentials")
    );
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_string();
    assert!(id.starts_with("req_"), "{id}");
    assert_eq!(read(response).await.1["meta"]["requestId"], id);

    let preflight = |origin: &str| {
        let request = api.request(Method::OPTIONS, POST).header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .send()
    };
    let allowed = preflight("http://localhost:3000").await.unwrap();
    assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "http://localhost:3000"
    );
    assert!(
        allowed.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("X-API-Key")
    );
    let foreign = preflight("https://evil.example").await.unwrap();
    assert_eq!(foreign.status(), StatusCode::NO_CONTENT);
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-origin")
    );

    let (status, document) = api.get("/openapi.json").await;
    assert_eq!(
        (status, &document["openapi"]),
        (StatusCode::OK, &json!("3.1.0"))
    );
    let root = api.get("/").await;
    assert_eq!(
        (root.0, &root.1["name"]),
        (StatusCode::OK, &json!("Hokusai Contract Deployer API"))
    );
    let head = api.request(Method::HEAD, "/health").send().await.unwrap();
    assert_eq!(
        (head.status(), head.text().await.unwrap().len()),
        (StatusCode::OK, 0)
    );
}

#[tokio::test]
async fn a_client_that_sends_eleven_megabytes_without_asking_still_reads_the_answer() {
    let world = World::start().await;
    let api = world.api().await;
    let mut stream = tokio::net::TcpStream::connect(api.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let size = 11 << 20;
    let head = format!(
        "POST {POST} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..11 {
        stream.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("PAYLOAD_TOO_LARGE"));
}
