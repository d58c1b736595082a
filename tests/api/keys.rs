//! API keys that come, go and end while requests are made with them; what each may do and how much.

use crate::World;
use crate::support::api::{Api, KEY, OTHER_KEY, Signal, entry, minimal, read, run};
use crate::support::parameter::{NAME, Parameter};
use crate::support::{client, eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const NEW_KEY: &str = "the-new-api-key-in-plain-text";
const CLIENTS: usize = 8;

async fn status(api: &Api, key: &str, path: &str) -> (StatusCode, Value) {
    Api::json(api.request(Method::GET, path).header("x-api-key", key)).await
}

/// Clients that never stop asking, with the key they hold now.
struct Load {
    key: Arc<Mutex<String>>,
    /// Requests begun with the present key and answered, of each client.
    answered: Vec<Arc<AtomicUsize>>,
    refusals: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    tasks: tokio::task::JoinSet<usize>,
}

impl Load {
    fn start(url: String, key: &str) -> Self {
        let mut load = Self {
            key: Arc::new(Mutex::new(key.to_string())),
            answered: (0..CLIENTS).map(|_| Arc::default()).collect(),
            refusals: Arc::default(),
            ended: Arc::default(),
            tasks: tokio::task::JoinSet::new(),
        };
        for answered in load.answered.clone() {
            let (key, refusals, ended) =
                (load.key.clone(), load.refusals.clone(), load.ended.clone());
            let (url, client) = (url.clone(), client());
            load.tasks.spawn(async move {
                let mut all = 0;
                while !ended.load(Ordering::SeqCst) {
                    let key = key.lock().unwrap().clone();
                    let request = client.get(&url).header("x-api-key", &key);
                    let answer = request.send().await.map(|answer| answer.status());
                    if !matches!(answer, Ok(StatusCode::OK)) {
                        refusals.lock().unwrap().push(format!("{answer:?}"));
                    }
                    all += 1;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                all
            });
        }
        load
    }

    /// Clients change over; returns when none has a request with the old key under way.
    async fn change_to(&self, key: &str) {
        *self.key.lock().unwrap() = key.to_string();
        let before: Vec<usize> = self.counts();
        eventually("every client has changed over", 20, async || {
            let now = self.counts();
            let all = before
                .iter()
                .zip(&now)
                .all(|(before, now)| *now >= before + 2);
            all.then_some(())
        })
        .await;
    }

    fn counts(&self) -> Vec<usize> {
        let counts = self.answered.iter();
        counts.map(|count| count.load(Ordering::SeqCst)).collect()
    }

    /// How many requests there were; none was refused.
    async fn end(self) -> usize {
        self.ended.store(true, Ordering::SeqCst);
        let all = self.tasks.join_all().await.into_iter().sum();
        let refusals = self.refusals.lock().unwrap();
        assert!(
            refusals.is_empty(),
            "{} of {all}: {:?}",
            refusals.len(),
            refusals[0]
        );
        all
    }
}

#[tokio::test]
async fn keys_are_rotated_revoked_and_end_under_load_without_a_refused_request() {
    let world = World::start().await;
    let old = entry("frontend", KEY);
    let new = format!("{};owner=frontend", entry("frontend-2", NEW_KEY));
    let parameter = Parameter::holding(&old).await;
    let mut environment = world.with("API_KEYS", &old);
    environment.insert("RATE_LIMIT_READ_BURST".into(), "1000000".into());
    environment.insert("RATE_LIMIT_READ_PER_SECOND".into(), "1000000".into());
    environment.extend(parameter.settings(NAME));
    let api = Api::start(&environment).await;
    let id = api.submit("rotated").await;
    let path = format!("/api/deployments/{id}");
    let load = Load::start(format!("{}{path}", api.url), KEY);
    let now_is = async |key: &str, expected: StatusCode, what: &str, seconds| {
        eventually(what, seconds, async || {
            (status(&api, key, &path).await.0 == expected).then_some(())
        })
        .await;
    };

    // The new key beside the old one: both are the same owner's, whose deployment it is.
    parameter.put(&format!("{old},{new}"));
    api.signal(Signal::HUP);
    now_is(NEW_KEY, StatusCode::OK, "the new key is taken", 10).await;
    assert_eq!(status(&api, KEY, &path).await.0, StatusCode::OK);
    load.change_to(NEW_KEY).await;

    // The old one is revoked.
    parameter.put(&new);
    api.signal(Signal::HUP);
    now_is(KEY, StatusCode::UNAUTHORIZED, "the old key is refused", 10).await;

    // Nonsense in its place loses nobody a key, and is told.
    parameter.put("short");
    api.signal(Signal::HUP);
    eventually("the mistake is logged", 10, async || {
        api.logs()
            .contains("the last good ones stay in force")
            .then_some(())
    })
    .await;
    assert_eq!(status(&api, NEW_KEY, &path).await.0, StatusCode::OK);

    // One that ends, read without a signal, within a minute.
    let ends = contracts_now() + 40_000;
    let last = format!(
        "{};owner=frontend;expires={}",
        entry("frontend-3", KEY),
        ::contracts::timestamp::iso(ends)
    );
    parameter.put(&format!("{new},{last}"));
    now_is(KEY, StatusCode::OK, "it is read within a minute", 60).await;
    load.change_to(KEY).await;
    load.change_to(NEW_KEY).await;
    now_is(KEY, StatusCode::UNAUTHORIZED, "it has ended", 60).await;
    assert!(contracts_now() >= ends, "not before its time");
    let (_, body) = status(&api, KEY, &path).await;
    assert_eq!(body["error"]["details"], "The API key has expired");

    let requests = load.end().await;
    println!("{requests} requests of {CLIENTS} clients, none refused");
    assert!(requests > 100, "{requests}");
    api.has_logged_no_secret();
    assert!(!api.logs().contains(NEW_KEY));
}

fn contracts_now() -> u64 {
    ::contracts::deployment::worker::now_ms()
}

#[tokio::test]
async fn keys_are_read_again_from_secrets_manager_and_a_signal_without_a_source_ends_nothing() {
    let world = World::start().await;
    let parameter = Parameter::holding("unused-and-not-read").await;
    let arn = parameter.secret(&entry("backend", OTHER_KEY));
    let mut environment = world.with("API_KEYS", &entry("frontend", KEY));
    environment.extend(parameter.settings(&arn));
    let api = Api::start(&environment).await;
    let unknown = "/api/deployments/3b241101-e2bb-4255-8caf-4136c566a962";
    eventually("the secret's keys are in force", 10, async || {
        let taken = status(&api, OTHER_KEY, unknown).await.0 == StatusCode::NOT_FOUND;
        let refused = status(&api, KEY, unknown).await.0 == StatusCode::UNAUTHORIZED;
        (taken && refused).then_some(())
    })
    .await;

    let api = world.api().await;
    api.signal(Signal::HUP);
    eventually("it says that there is no source", 10, async || {
        api.logs()
            .contains("API_KEYS_SOURCE is not set")
            .then_some(())
    })
    .await;
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_as_often_as_its_limits_let_it() {
    let world = World::start().await;
    let keys = [
        format!("{};scopes=read;owner=web", entry("reader", "reader-key")),
        format!(
            "{};scopes=deploy;owner=web;deployments-per-day=2",
            entry("web", "web-key")
        ),
        format!("{};scopes=admin", entry("root", "root-key")),
        format!("{};read=2/1", entry("slow", "slow-key")),
        format!("{};gas-per-day=1", entry("poor", "poor-key")),
    ];
    let api = Api::start(&world.with("API_KEYS", &keys.join(","))).await;
    let post = |key: &str, model: &str| {
        let request = api.request(Method::POST, "/api/deployments");
        request
            .header("x-api-key", key)
            .header("idempotency-key", model)
            .json(&minimal(model))
            .send()
    };
    let answered = async |key: &str, model: &str| read(post(key, model).await.unwrap()).await;

    let (code, body) = answered("reader-key", "a").await;
    assert_eq!(
        (code.as_u16(), &body["error"]["code"]),
        (403, &json!("INSUFFICIENT_PERMISSIONS"))
    );
    let (code, body) = answered("web-key", "a").await;
    assert_eq!(code, StatusCode::ACCEPTED, "{body}");
    let id = body["data"]["requestId"].as_str().unwrap().to_string();
    let path = format!("/api/deployments/{id}");
    for (key, expected) in [
        ("web-key", 403),
        ("reader-key", 200),
        ("root-key", 200),
        ("slow-key", 404),
    ] {
        assert_eq!(status(&api, key, &path).await.0.as_u16(), expected, "{key}");
    }

    // Two a day, and what is asked for again or in vain is not counted.
    assert_eq!(answered("web-key", "a").await.0, StatusCode::ACCEPTED);
    let busy = api
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", "web-key");
    assert_eq!(
        Api::json(busy.json(&minimal("a"))).await.0,
        StatusCode::CONFLICT
    );
    assert_eq!(answered("web-key", "b").await.0, StatusCode::ACCEPTED);
    let refused = post("web-key", "c").await.unwrap();
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answered("web-key", "b").await.0, StatusCode::ACCEPTED);
    // A deployment takes more than one unit of gas.
    assert_eq!(
        answered("poor-key", "d").await.0,
        StatusCode::TOO_MANY_REQUESTS
    );

    let again = status(&api, "slow-key", &path).await.0;
    let over = status(&api, "slow-key", &path).await.0;
    assert!(
        [again, over].contains(&StatusCode::TOO_MANY_REQUESTS),
        "{again} {over}"
    );
    for key in ["reader-key", "web-key", "root-key", "slow-key"] {
        assert!(!api.logs().contains(key));
    }
}

/// A rotation begins with a full bucket, and the old key's client cannot use up the new one's.
#[tokio::test]
async fn two_keys_of_one_owner_have_a_bucket_each() {
    let world = World::start().await;
    let keys = [
        format!("{};read=3/1", entry("web", "web-key")),
        format!("{};read=1000/1;owner=web", entry("web-2", "web-2-key")),
    ];
    let api = Api::start(&world.with("API_KEYS", &keys.join(","))).await;
    eventually("the first key's bucket is empty", 10, async || {
        let refused = status(&api, "web-key", "/api/deployments").await.0;
        (refused == StatusCode::TOO_MANY_REQUESTS).then_some(())
    })
    .await;
    let request = api.request(Method::GET, "/api/deployments");
    let answer = request
        .header("x-api-key", "web-2-key")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["ratelimit-remaining"], "999");
}

#[test]
fn a_new_key_is_in_its_file_only_and_its_entry_is_what_hashing_it_gives() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.key");
    let path = file.to_str().unwrap();
    let options = [
        "--name",
        "web-2",
        "--owner",
        "web",
        "--scopes",
        "deploy+read",
    ];
    let make = |first: &[&str], input: &str| {
        let arguments = [&["keys"], first, &options[..]].concat();
        run(&arguments, &Default::default(), input)
    };
    let (ended, made, _) = make(&["new", "--key-file", path], "");
    assert!(ended.success());
    let key = std::fs::read_to_string(&file).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(key.starts_with("hk_") && key.trim().len() == 67 && !made.contains(key.trim()));
    let (_, hashed, _) = make(&["hash"], &key);
    assert_eq!(made, hashed);
    assert!(
        made.trim().ends_with(";owner=web;scopes=deploy+read"),
        "{made}"
    );
    // Nothing is written over.
    assert_eq!(make(&["new", "--key-file", path], "").0.code(), Some(64));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), key);
}
