//! A page that shows the account live, and the two documents it and the tests read: `state` and `defaults`.
//!
//! Takes the paths `/_simulator/`, `/_simulator/state` and `/_simulator/defaults`. Reads what any client may read, by the services'
//! own operations, uncounted; changes nothing. A parameter's value is never part of it.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Millis};
use super::journal::Entry;
use super::world::World;
use super::{Simulator, cloudwatch, defaults, ecs, elbv2, ssm};

const PAGE: &str = include_str!("page/index.html");
/// The page has its script and its style within, loads nothing, and asks only its own server.
const POLICY: &str = "default-src 'none'; img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'";
/// Nobody reads more rows of a kind; the state of a full account must not be megabytes every second.
const ROWS_MAX: usize = 200;
/// Requests shown, newest first.
const NEWEST: usize = 20;
/// AWS's limit of names in one DescribeServices.
const SERVICES_AT_ONCE: usize = 10;

/// The answer to a request for `/_simulator/<path>` that is the page's.
pub(super) fn answer(
    simulator: &Simulator,
    method: &Method,
    path: &str,
) -> Option<Response<Bytes>> {
    if method != Method::GET {
        return None;
    }
    let (kind, body) = match path {
        "" => (
            "text/html; charset=utf-8",
            Bytes::from_static(PAGE.as_bytes()),
        ),
        "state" => ("application/json", state(simulator).to_string().into()),
        "defaults" => (
            "application/json",
            json!(defaults::table()).to_string().into(),
        ),
        _ => return None,
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Some(response)
}

/// The account at this moment. Lists are cut at [`ROWS_MAX`].
fn state(simulator: &Simulator) -> Value {
    let calls = simulator.calls();
    let journal = simulator.newest_requests(NEWEST);
    let journal: Vec<Value> = journal.iter().map(request).collect();
    simulator.with(|world, now| {
        json!({
            "now": now, "account": world.account, "region": world.region,
            "services": services(world, now),
            "tasks": cut(ecs::tasks_report(world), "tasks"),
            "targetGroups": cut(elbv2::balancer_report(world), "targetGroups"),
            "alarms": alarms(world, now),
            "parameters": parameters(world, now),
            "calls": calls, "journal": journal,
        })
    })
}

/// One request without its input.
fn request(entry: &Entry) -> Value {
    json!({
        "at": entry.at, "name": format!("{}.{}", entry.service, entry.operation), "outcome": entry.outcome,
        "principal": entry.principal, "id": entry.request_id,
    })
}

fn services(world: &mut World, now: Millis) -> Vec<Value> {
    let mut client = Client {
        world,
        now,
        service: "ecs",
        answer: ecs::answer,
    };
    let mut found = Vec::new();
    for cluster in client.all("ListClusters", json!({}), "clusterArns", "nextToken") {
        let input = json!({ "cluster": cluster });
        let names = client.all("ListServices", input, "serviceArns", "nextToken");
        for names in names.chunks(SERVICES_AT_ONCE) {
            let input = json!({ "cluster": cluster, "services": names });
            found.extend(list(client.read("DescribeServices", input), "services"));
        }
    }
    found.truncate(ROWS_MAX);
    found.iter().map(service).collect()
}

fn service(service: &Value) -> Value {
    const COUNTS: [&str; 5] = [
        "status",
        "desiredCount",
        "runningCount",
        "pendingCount",
        "taskDefinition",
    ];
    const ROLLOUT: [&str; 4] = ["id", "failedTasks", "rolloutState", "rolloutStateReason"];
    let pick = |from: &Value, members: &[&str]| -> Map<String, Value> {
        let present = |member: &&str| Some(((*member).to_owned(), from.get(*member)?.clone()));
        members.iter().filter_map(present).collect()
    };
    let mut shown = pick(service, &COUNTS);
    shown.extend(pick(service, &["serviceName", "clusterArn"]));
    let rollouts = list(service.clone(), "deployments");
    let rollouts = rollouts
        .iter()
        .map(|one| Value::from(pick(one, &[&COUNTS[..], &ROLLOUT].concat())));
    shown.insert("deployments".into(), rollouts.collect());
    let latest = list(service.clone(), "events").into_iter().take(3);
    shown.insert(
        "events".into(),
        latest.map(|event| event["message"].clone()).collect(),
    );
    shown.into()
}

fn alarms(world: &mut World, now: Millis) -> Vec<Value> {
    let mut client = Client {
        world,
        now,
        service: "monitoring",
        answer: cloudwatch::answer,
    };
    let found = client.all("DescribeAlarms", json!({}), "MetricAlarms", "NextToken");
    let shown = found.iter().map(|alarm| {
        json!({ "name": alarm["AlarmName"], "state": alarm["StateValue"], "reason": alarm["StateReason"] })
    });
    shown.collect()
}

fn parameters(world: &mut World, now: Millis) -> Vec<Value> {
    let mut client = Client {
        world,
        now,
        service: "ssm",
        answer: ssm::answer,
    };
    let found = client.all("DescribeParameters", json!({}), "Parameters", "NextToken");
    let shown = found.iter().map(|parameter| {
        json!({ "name": parameter["Name"], "type": parameter["Type"], "version": parameter["Version"] })
    });
    shown.collect()
}

/// Reads of one service, as a client would make them.
struct Client<'a> {
    world: &'a mut World,
    now: Millis,
    service: &'static str,
    answer: fn(&mut World, &Call) -> Answer,
}

impl Client<'_> {
    /// One read; a refusal reads as nothing.
    fn read(&mut self, operation: &str, input: Value) -> Value {
        let Value::Object(input) = input else {
            return Value::Null;
        };
        let call = Call {
            service: self.service,
            operation: operation.to_owned(),
            input,
            now: self.now,
            principal: None,
        };
        (self.answer)(self.world, &call).unwrap_or_default()
    }

    /// A listing's pages up to [`ROWS_MAX`] entries.
    fn all(&mut self, operation: &str, mut input: Value, member: &str, token: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        loop {
            let page = self.read(operation, input.clone());
            let next = page.get(token).filter(|token| !token.is_null()).cloned();
            let before = entries.len();
            entries.extend(list(page, member));
            let Some(next) = next.filter(|_| entries.len() > before && entries.len() < ROWS_MAX)
            else {
                break;
            };
            input[token] = next;
        }
        entries.truncate(ROWS_MAX);
        entries
    }
}

fn list(mut value: Value, member: &str) -> Vec<Value> {
    match value.get_mut(member).map(Value::take) {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

fn cut(report: Value, member: &str) -> Vec<Value> {
    let mut entries = list(report, member);
    entries.truncate(ROWS_MAX);
    entries
}
