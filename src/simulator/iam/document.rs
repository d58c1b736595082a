//! Policy documents: their statements as IAM reads them. Whether one is well formed is `check`'s to say.
//!
//! Pure.

mod check;
mod range;

use serde_json::Value;

pub(super) use self::check::{check_inline, check_managed, check_trust};
use self::range::ranges;
use super::condition::{self, Conditions};

/// One statement, read.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub allows: bool,
    pub principal: Option<Value>,
    pub not_principal: Option<Value>,
    pub actions: Patterns,
    pub resources: Patterns,
    pub conditions: Conditions,
    pub range: Range,
}

/// Patterns of which one must fit, or none may.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    pub negated: bool,
    pub texts: Vec<String>,
}

/// Where a statement stands in its document: line and column from 1, the end behind the last character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub start: (usize, usize),
    pub end: (usize, usize),
}

/// What counts towards a size quota: all but white space.
pub(super) fn counted_characters(document: &str) -> usize {
    document
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// IAM returns documents percent-encoded (RFC 3986).
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
pub(super) fn url_encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The statements of a document that was checked when it was put.
pub(super) fn statements(document: &str) -> Vec<Statement> {
    let parsed: Value = serde_json::from_str(document).unwrap_or_default();
    let raw = match parsed.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    };
    let ranges = ranges(document);
    let read = |(at, raw): (usize, &Value)| Statement {
        allows: raw.get("Effect").and_then(Value::as_str) == Some("Allow"),
        principal: raw.get("Principal").cloned(),
        not_principal: raw.get("NotPrincipal").cloned(),
        actions: Patterns::of(raw, "Action", "NotAction"),
        resources: Patterns::of(raw, "Resource", "NotResource"),
        conditions: condition::read(raw.get("Condition")).unwrap_or_default(),
        range: ranges.get(at).copied().unwrap_or(Range {
            start: (1, 1),
            end: (1, 1),
        }),
    };
    raw.iter().enumerate().map(read).collect()
}

impl Patterns {
    fn of(statement: &Value, member: &str, inverse: &str) -> Patterns {
        let negated = statement.get(member).is_none();
        let value = statement.get(if negated { inverse } else { member });
        Patterns {
            // Neither member: nothing fits.
            negated: negated && value.is_some(),
            texts: value.map(texts).unwrap_or_default(),
        }
    }

    pub(super) fn fit(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.texts.iter().any(|text| matches(text)) != self.negated
    }
}

/// A text, or a list of them.
pub(super) fn texts(value: &Value) -> Vec<String> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    items
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
