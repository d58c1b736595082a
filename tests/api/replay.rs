//! Requests and answers of the existing service, replayed: each answer is equal, or differs in a way that docs/api.md lists.
//!
//! The pairs are the files in `replay/`, written from what was observed of that service. Equal means: every member and header it sent is there with
//! the same value; others may be there too, as clients must let them. Values that vary are written `<kind>`. A pair that `differs` must really do so.

use crate::World;
use crate::support::anvil::{DEPLOYER, OWNER};
use crate::support::api::{Api, Environment, KEY, OTHER_KEY, record};
use crate::support::{eventually, root};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    environment: Environment,
    /// Whether there is a DeltaVerifier, and we have the role on it: `granted` or `refused`.
    verifier: Option<String>,
    /// `away`: stopped once the process is healthy.
    redis: Option<String>,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    about: String,
    request: Request,
    recorded: Answer,
    #[serde(default)]
    differs: Vec<String>,
    ours: Option<Answer>,
    /// Asked again until these members have these values.
    #[serde(default)]
    until: BTreeMap<String, Value>,
    /// Members that later exchanges name.
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    path: String,
    key: Option<String>,
    body: Option<Value>,
    raw: Option<String>,
    /// A body of so many bytes.
    repeated: Option<usize>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

type Names = BTreeMap<String, String>;

fn filled(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_string(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// What is not as expected, if anything.
fn unlike(expected: &Value, found: &Value, names: &Names, place: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().find_map(|(name, expected)| {
                let place = format!("{place}/{name}");
                match found.get(name) {
                    Some(found) => unlike(expected, found, names, &place),
                    None => Some(format!("{place} is missing")),
                }
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found);
            let mut pairs = pairs.enumerate();
            pairs.find_map(|(number, (expected, found))| {
                unlike(expected, found, names, &format!("{place}/{number}"))
            })
        }
        (Value::String(expected), found) if is_like(&filled(expected, names), found) => None,
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("{place} is {found} and not {expected}")),
    }
}

fn is_like(expected: &str, found: &Value) -> bool {
    let Some(kind) = expected
        .strip_prefix('<')
        .and_then(|kind| kind.strip_suffix('>'))
    else {
        return found == expected;
    };
    let text = found.as_str();
    let hex = |text: &str, digits: usize| {
        let text = text.strip_prefix("0x").unwrap_or_default();
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    match kind {
        "integer" => found.is_u64(),
        "number" => found.is_number(),
        "object" => found.is_object(),
        "list" => found.is_array(),
        "text" => text.is_some_and(|text| !text.is_empty()),
        "digits" => text.is_some_and(|text| text.parse::<u128>().is_ok()),
        "decimal" => text.is_some_and(|text| text.contains('.') && text.parse::<f64>().is_ok()),
        "address" => text.is_some_and(|text| hex(text, 40)),
        "hash" => text.is_some_and(|text| hex(text, 64)),
        "uuid" => text.is_some_and(|text| uuid::Uuid::try_parse(text).is_ok()),
        "request id" => text.is_some_and(|text| text.starts_with("req_")),
        "time" => text.is_some_and(|text| text.len() == 24 && text.ends_with('Z')),
        _ => panic!("<{kind}> is no kind"),
    }
}

impl Answer {
    fn unlike(
        &self,
        found: &(u16, BTreeMap<String, String>, Value),
        names: &Names,
    ) -> Option<String> {
        if self.status != found.0 {
            return Some(format!(
                "the status is {} and not {}: {}",
                found.0, self.status, found.2
            ));
        }
        let headers = self
            .headers
            .iter()
            .find_map(|(name, expected)| match found.1.get(name) {
                Some(value) if is_like(&filled(expected, names), &Value::from(value.clone())) => {
                    None
                }
                value => Some(format!("{name} is {value:?} and not {expected}")),
            });
        headers.or_else(|| unlike(self.body.as_ref()?, &found.2, names, ""))
    }
}

async fn ask(
    api: &Api,
    request: &Request,
    names: &Names,
) -> (u16, BTreeMap<String, String>, Value) {
    let method: Method = request.method.parse().unwrap();
    let mut call = api.request(method.clone(), &filled(&request.path, names));
    let key = request.key.as_deref().map(|key| match key {
        "frontend" => KEY,
        "backend" => OTHER_KEY,
        other => other,
    });
    if let Some(key) = key {
        call = call.header("x-api-key", key);
    }
    call = match (&request.body, &request.raw, request.repeated) {
        (Some(body), None, None) => call.json(body),
        (None, Some(raw), None) => call.body(raw.clone()),
        (None, None, Some(bytes)) => call.body("x".repeat(bytes)),
        _ => call,
    };
    if request.body.is_none() && !request.headers.contains_key("content-type") {
        call = call.header("content-type", "application/json");
    }
    for (name, value) in &request.headers {
        call = call.header(name, filled(value, names));
    }
    let response = call.send().await.unwrap();
    let (status, path) = (response.status(), response.url().path().to_owned());
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string()));
    let headers = headers.collect();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    record(&method, &path, status, &body);
    (status.as_u16(), headers, body)
}

async fn replay(world: &mut World, scenario: Scenario) -> (usize, BTreeSet<String>) {
    let mut environment = world.environment.clone();
    environment.extend(scenario.environment);
    let mut names = Names::from([("key".to_string(), KEY.to_string())]);
    if let Some(granted) = scenario.verifier {
        let verifier = world.chain.create("DeltaVerifier", "").await;
        let verifier = ethers::utils::to_checksum(&verifier.parse().unwrap(), None);
        // `SUBMITTER_ROLE` as the deployed contract has it, by its first bytes.
        let hash = hex::encode(ethers::utils::keccak256("SUBMITTER_ROLE"));
        assert!(hash.starts_with("e1a65d1a"));
        let account = DEPLOYER[2..].to_lowercase();
        if granted == "granted" {
            // grantRole(bytes32,address)
            let grant = format!("0x2f2ff15d{hash}{account:0>64}");
            world.chain.send(OWNER, Some(&verifier), &grant).await;
        }
        environment.insert("DELTA_VERIFIER_ADDRESS".into(), verifier.clone());
        names.insert("verifier".into(), verifier);
    }
    let api = Api::start(&environment).await;
    if scenario.redis.as_deref() == Some("away") {
        world.redis.stop();
    }
    let count = scenario.exchanges.len();
    let mut differ = BTreeSet::new();
    for exchange in scenario.exchanges {
        let about = &exchange.about;
        let found = eventually(about, 30, async || {
            let found = ask(&api, &exchange.request, &names).await;
            let mut until = exchange.until.iter();
            until
                .all(|(place, value)| found.2.pointer(place) == Some(value))
                .then_some(found)
        })
        .await;
        for (name, place) in &exchange.keep {
            let value = found.2.pointer(place).and_then(Value::as_str);
            names.insert(
                name.clone(),
                value
                    .unwrap_or_else(|| panic!("{about}: {}", found.2))
                    .into(),
            );
        }
        let recorded = exchange.recorded.unlike(&found, &names);
        match (recorded, exchange.differs.is_empty(), &exchange.ours) {
            (None, true, None) => {}
            (Some(_), false, Some(ours)) => {
                let problem = ours.unlike(&found, &names);
                assert_eq!(problem, None, "{about}");
            }
            (Some(problem), true, _) => panic!("{about}: {problem}"),
            (None, false, _) => panic!("{about}: it no longer differs"),
            (_, _, _) => panic!("{about}: `differs` and `ours` belong together"),
        }
        differ.extend(exchange.differs);
    }
    api.has_logged_no_secret();
    (count, differ)
}

#[tokio::test]
async fn the_existing_services_answers_are_given_again_or_differ_as_documented() {
    let mut world = World::start().await;
    let mut files: Vec<_> = std::fs::read_dir(root().join("tests/api/replay"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    // Redis is taken away last.
    files.sort_by_key(|path| (path.ends_with("outage.json"), path.clone()));
    let (mut pairs, mut differ) = (0, BTreeSet::new());
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let scenario =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let (count, names) = replay(&mut world, scenario).await;
        // Each scenario begins with nothing.
        if !file.ends_with("outage.json") {
            world.redis.command(&["FLUSHALL"]).await;
        }
        pairs += count;
        differ.extend(names);
    }
    assert!(pairs >= 30, "{pairs}");
    println!("{pairs} pairs, {} differences by name", differ.len());
    let document = std::fs::read_to_string(root().join("docs/api.md")).unwrap();
    let section = document
        .split("\n## What differs from the existing service\n")
        .nth(1);
    let section = section.unwrap().split("\n## ").next().unwrap();
    let listed: BTreeSet<String> = section
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_string()))
        .collect();
    assert_eq!(
        listed, differ,
        "docs/api.md has the differences and no others"
    );
}
