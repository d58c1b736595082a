//! What holds for every route there is and for none: security headers, the request's id, browsers' rules, who is let in, what is read when.

use crate::World;
use crate::support::api::{Api, KEY, minimal};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;

const APP: &str = "https://app.hokus.ai";
/// The page, its files, and what no route is.
const BESIDE: [(&str, &str); 6] = [
    ("GET", "/docs"),
    ("GET", "/docs/page.js"),
    ("GET", "/docs/swagger-ui-bundle.js"),
    ("GET", "/docs/nothing"),
    ("GET", "/nowhere"),
    ("DELETE", "/api/deployments"),
];

/// Every operation of the document, with something in the place of its parameter, and what is beside them.
async fn everything(api: &Api) -> Vec<(Method, String)> {
    let (_, document) = api.get("/openapi.json").await;
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{id}", "3b241101-e2bb-4255-8caf-4136c566a962")
            .replace("{modelId}", "nobodys");
        for method in operations.as_object().unwrap().keys() {
            all.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    assert_eq!(all.len(), 13);
    all.extend(BESIDE.map(|(method, path)| (method.parse().unwrap(), path.to_owned())));
    all
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    let place = response.url().path();
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("{place} has no {name}"));
    value.to_str().unwrap()
}

#[tokio::test]
async fn whatever_is_answered_is_safe_in_a_browser_and_names_its_request() {
    let world = World::start().await;
    let api = Api::start(&world.with("CORS_ORIGINS", APP)).await;
    let mut open = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (method, path) in everything(&api).await {
        for (key, origin) in [
            (None, None),
            (Some(KEY), Some(APP)),
            (Some(KEY), Some("https://evil.example")),
            (Some(KEY), Some("null")),
        ] {
            let mut request = api.request(method.clone(), &path);
            if let Some(key) = key {
                request = request.header("x-api-key", key);
            }
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let asked = format!("{method} {path} {key:?} {origin:?}");
            let response = request.send().await.unwrap();
            seen.insert(response.status().as_u16());
            let page = path.starts_with("/docs") && response.status() == StatusCode::OK;
            assert_eq!(header(&response, "x-content-type-options"), "nosniff");
            assert_eq!(header(&response, "x-frame-options"), "DENY");
            assert_eq!(header(&response, "referrer-policy"), "no-referrer");
            assert!(header(&response, "strict-transport-security").starts_with("max-age=31536000"));
            // Whole answers say how long they are, as the existing service's do; no route here is asked for its events.
            let bytes: u64 = header(&response, "content-length").parse().unwrap();
            assert!(bytes > 0, "{asked}");
            let policy = header(&response, "content-security-policy");
            for wanted in ["default-src 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(wanted), "{asked}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{asked}: {policy}");
            let scripts = policy.contains("script-src");
            assert_eq!(scripts, path == "/docs", "{asked}: {policy}");
            let kept = header(&response, "cache-control");
            let asset = page && path != "/docs";
            assert_eq!(kept == "no-store", !asset, "{asked}: {kept}");
            // Browsers: the one configured origin and no other, by its own name, and never with cookies.
            let headers = response.headers();
            let allowed = headers.get("access-control-allow-origin");
            let expected = origin.filter(|origin| *origin == APP);
            assert_eq!(allowed.map(|it| it.to_str().unwrap()), expected, "{asked}");
            assert!(!headers.contains_key("access-control-allow-credentials"));
            assert_eq!(header(&response, "vary"), "Origin");
            let id = header(&response, "x-request-id").to_owned();
            assert!(id.starts_with("req_"), "{asked}: {id}");
            let status = response.status();
            if key.is_none() && status != StatusCode::UNAUTHORIZED {
                open.insert(path.clone());
            }
            let bytes = response.bytes().await.unwrap();
            if let Ok(body) = serde_json::from_slice::<Value>(&bytes)
                && body.get("meta").is_some()
            {
                assert_eq!(body["meta"]["requestId"], id, "{asked}: {body}");
            } else {
                assert!(status == StatusCode::OK, "{asked}: {status} {bytes:?}");
            }
        }
    }
    // Without a key: health, the document, its page, and what is not there.
    let expected = [
        "/",
        "/docs",
        "/docs/nothing",
        "/docs/page.js",
        "/docs/swagger-ui-bundle.js",
        "/health",
        "/health/ready",
        "/nowhere",
        "/openapi.json",
    ];
    // A wrong method is told before anybody is asked for a key.
    let mut wrong_method = BTreeSet::from(["/api/deployments".to_owned()]);
    wrong_method.extend(expected.map(str::to_owned));
    assert_eq!(open, wrong_method);
    assert!(
        seen.is_superset(&BTreeSet::from([200, 401, 404, 405, 415])),
        "{seen:?}"
    );
}

#[tokio::test]
async fn nobody_without_a_key_has_his_body_read() {
    let world = World::start().await;
    let api = world.api().await;
    let large = "x".repeat((64 << 10) + 1);
    let wrong = minimal("not a model").to_string();
    for path in ["/api/deployments", "/api/dry-run"] {
        for (key, body, status) in [
            ("no key of ours", &large, StatusCode::UNAUTHORIZED),
            (KEY, &large, StatusCode::PAYLOAD_TOO_LARGE),
            ("no key of ours", &wrong, StatusCode::UNAUTHORIZED),
            (KEY, &wrong, StatusCode::BAD_REQUEST),
        ] {
            let request = api.request(Method::POST, path).header("x-api-key", key);
            // A connection whose body nobody read is closed after the answer, and not for the next request.
            let request = request.header("connection", "close");
            let request = request.header("content-type", "application/json");
            let (answered, answer) = Api::json(request.body(body.clone())).await;
            assert_eq!(answered, status, "{path}: {answer}");
        }
    }
}
