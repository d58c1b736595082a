//! What was asked of the simulated AWS and what came of it, in order.
//!
//! Takes calls and their outcome, keeps the newest, gives them as JSON whose members are sorted: a run that is the same gives the
//! same bytes. Values that are secret by their nature are masked on the way in and never kept.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value};

use super::call::{Call, Millis};

/// One request. Its members are in the order of their names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When it arrived.
    pub at: Millis,
    /// Its input, masked; null when it could not be read.
    pub input: Value,
    /// The operation; empty when it could not be read.
    pub operation: String,
    /// `ok`, AWS's error code, or what became of the reply.
    pub outcome: String,
    /// Who asked; null for the account itself and for whoever did not say.
    pub principal: Option<String>,
    /// As the reply had it.
    pub request_id: String,
    /// The service's signing name.
    pub service: &'static str,
}

/// The newest requests.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    bytes: usize,
}

const ENTRIES_MAX: usize = 10_000;
/// Of inputs, as JSON. A few requests of the largest size must not hold gigabytes.
const BYTES_MAX: usize = 16 * 1024 * 1024;
const MASK: &str = "(masked)";
/// Members that are secret wherever they stand in an input of the service.
const SECRET: [(&str, &str); 3] = [
    ("ssm", "Value"),
    ("secretsmanager", "SecretString"),
    ("secretsmanager", "SecretBinary"),
];

impl Journal {
    pub(super) fn note(&mut self, entry: Entry) {
        self.bytes += size(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= size(&oldest);
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    /// So many, the newest first.
    pub(super) fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.iter().rev().take(count).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        *self = Journal::default();
    }
}

fn size(entry: &Entry) -> usize {
    entry.input.to_string().len()
}

/// A call's entry.
pub(super) fn entry(call: &Call, outcome: String, request_id: String) -> Entry {
    Entry {
        at: call.now,
        input: Value::Object(masked(call.service, &call.input)),
        operation: call.operation.clone(),
        outcome,
        principal: call.principal.clone(),
        request_id,
        service: call.service,
    }
}

fn masked(service: &str, input: &Map<String, Value>) -> Map<String, Value> {
    let member = |(name, value): (&String, &Value)| {
        let secret = SECRET.contains(&(service, name.as_str()));
        let value = if secret {
            MASK.into()
        } else {
            inside(service, value)
        };
        (name.clone(), value)
    };
    input.iter().map(member).collect()
}

fn inside(service: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(masked(service, members)),
        Value::Array(items) => items.iter().map(|item| inside(service, item)).collect(),
        other => other.clone(),
    }
}
