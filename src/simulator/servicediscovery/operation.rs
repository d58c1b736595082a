//! Operations: what a change of Cloud Map's was, and how far it is.
//!
//! An operation's status follows from the time alone: SUBMITTED work becomes PENDING and ends when its `until` has passed.

use serde_json::{Map, Value, json};

use super::super::call::{Answer, Call, Millis, Refusal, instant, timestamp};
use super::super::world::World;
use super::{INVALID, invalid, size};

/// Making a namespace's hosted zone takes AWS about half a minute. Simulated time is real in the demo, so this is only
/// long enough for PENDING to be seen.
pub(super) const NAMESPACE_MILLIS: Millis = 500;
const OPERATIONS_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Operation {
    number: u64,
    id: String,
    kind: &'static str,
    submitted: Millis,
    until: Millis,
    /// Why it ends in FAIL: code and message.
    failure: Option<(&'static str, String)>,
    /// `NAMESPACE`, `SERVICE`, `INSTANCE` by id.
    targets: Map<String, Value>,
}

impl Operation {
    fn status(&self, now: Millis) -> &'static str {
        match &self.failure {
            _ if now < self.until => "PENDING",
            None => "SUCCESS",
            Some(_) => "FAIL",
        }
    }

    fn updated(&self, now: Millis) -> Millis {
        if now < self.until {
            self.submitted
        } else {
            self.until
        }
    }

    fn target(&self, kind: &str) -> Option<&str> {
        self.targets.get(kind).and_then(Value::as_str)
    }
}

/// Notes an operation that has succeeded; gives the answer that names it.
pub(super) fn done(
    world: &mut World,
    kind: &'static str,
    targets: &[(&str, &str)],
    now: Millis,
) -> Value {
    note(world, kind, targets, (now, now), None)
}

/// Notes an operation that ends later, well or with AWS's error code and message.
pub(super) fn begun(
    world: &mut World,
    kind: &'static str,
    namespace: &str,
    now: Millis,
    failure: Option<(&'static str, String)>,
) -> Value {
    let span = (now, now + NAMESPACE_MILLIS);
    note(world, kind, &[("NAMESPACE", namespace)], span, failure)
}

fn note(
    world: &mut World,
    kind: &'static str,
    targets: &[(&str, &str)],
    (submitted, until): (Millis, Millis),
    failure: Option<(&'static str, String)>,
) -> Value {
    let id = world.uuid();
    let state = &mut world.servicediscovery;
    state.operations_ever += 1;
    state.operations.push_back(Operation {
        number: state.operations_ever,
        id: id.clone(),
        kind,
        submitted,
        until,
        failure,
        targets: targets
            .iter()
            .map(|(kind, id)| ((*kind).to_owned(), json!(id)))
            .collect(),
    });
    if state.operations.len() > OPERATIONS_MAX {
        state.operations.pop_front();
    }
    json!({ "OperationId": id })
}

pub(super) fn get(world: &World, call: &Call) -> Answer {
    let wanted = call.required("OperationId", INVALID)?;
    let operations = &world.servicediscovery.operations;
    let found = operations.iter().find(|operation| operation.id == wanted);
    let operation = found.ok_or_else(|| {
        Refusal::new(
            "OperationNotFound",
            format!("No operation with the id {wanted} was found"),
        )
    })?;
    let status = operation.status(call.now);
    let failure = operation.failure.as_ref().filter(|_| status == "FAIL");
    Ok(json!({ "Operation": {
        "Id": operation.id, "Type": operation.kind, "Status": status, "OwnerAccount": world.account,
        "CreateDate": timestamp(operation.submitted), "UpdateDate": timestamp(operation.updated(call.now)),
        "ErrorCode": failure.map(|(code, _)| code), "ErrorMessage": failure.map(|(_, message)| message),
        "Targets": operation.targets,
    }}))
}

/// Summaries, oldest first: AWS documents no order.
pub(super) fn list(world: &World, call: &Call) -> Answer {
    let filters = call.structures("Filters")?;
    let mut found = Vec::new();
    for operation in &world.servicediscovery.operations {
        let mut wanted = true;
        for filter in &filters {
            wanted &= matches(operation, filter, call.now)?;
        }
        if wanted {
            let summary = json!({ "Id": operation.id, "Status": operation.status(call.now) });
            found.push((format!("{:020}", operation.number), summary));
        }
    }
    let token = call.optional_text("NextToken")?;
    let page = Call::page(found, token, size(call, 100)?, INVALID)?;
    Ok(json!({ "Operations": page.items, "NextToken": page.next }))
}

fn matches(operation: &Operation, filter: &Call, now: Millis) -> Result<bool, Refusal> {
    let values = filter.optional_texts("Values")?;
    let name = filter.required("Name", INVALID)?;
    let is = |actual: Option<&str>| actual.is_some_and(|actual| values.iter().any(|v| v == actual));
    match (name, filter.optional_text("Condition")?.unwrap_or("EQ")) {
        ("UPDATE_DATE", "BETWEEN") => {
            // Two Unix times in seconds, as text (API_OperationFilter).
            let bound = |text: &String| {
                text.parse::<f64>()
                    .ok()
                    .and_then(|seconds| instant(&json!(seconds)))
            };
            match values
                .iter()
                .map(bound)
                .collect::<Option<Vec<_>>>()
                .as_deref()
            {
                Some([from, to]) => Ok((*from..=*to).contains(&operation.updated(now))),
                _ => Err(invalid("UPDATE_DATE takes two Unix times in seconds")),
            }
        }
        (_, condition) if !["EQ", "IN"].contains(&condition) => Err(invalid(format!(
            "Condition {condition} cannot be used with the filter {name}"
        ))),
        ("NAMESPACE_ID", _) => Ok(is(operation.target("NAMESPACE"))),
        ("SERVICE_ID", _) => Ok(is(operation.target("SERVICE"))),
        ("STATUS", _) => Ok(is(Some(operation.status(now)))),
        ("TYPE", _) => Ok(is(Some(operation.kind))),
        (other, _) => Err(invalid(format!("The filter {other} is not known"))),
    }
}
