//! The types of inputs, checked as AWS's front does before a service sees a call.
//!
//! Takes a call's input, gives AWS's refusal of the first member that is of a wrong type. Members no model knows pass, as they do
//! on AWS. The types are those of AWS's own models, in `shapes.txt` (written by `scripts/shapes.py`): a line `!Operation` or
//! `Structure` with its members, where `s b i f t` are text, boolean, whole number, number and time, `[` a list and `{` a map.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::super::call::{self, Refusal, mismatch};

/// Members with their types; by structure name, or `!` and an operation's.
type Shapes = BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>;

static SERVICES: LazyLock<BTreeMap<&'static str, Shapes>> = LazyLock::new(|| {
    let sections = include_str!("shapes.txt").split('=').skip(1);
    sections
        .map(|section| {
            let (service, lines) = section.split_once('\n').unwrap_or((section, ""));
            (service, lines.lines().map(shape).collect())
        })
        .collect()
});

fn shape(line: &'static str) -> (&'static str, BTreeMap<&'static str, &'static str>) {
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default();
    (
        name,
        words.filter_map(|word| word.split_once(':')).collect(),
    )
}

/// Refuses a member of a wrong type. `text` says that the protocol has no other scalars than text.
pub(super) fn check(
    service: &str,
    operation: &str,
    input: &Map<String, Value>,
    text: bool,
) -> Result<(), Refusal> {
    let Some(shapes) = SERVICES.get(service) else {
        return Ok(());
    };
    let Some(members) = shapes.get(format!("!{operation}").as_str()) else {
        return Ok(());
    };
    Check { shapes, text }.members(members, input)
}

struct Check {
    shapes: &'static Shapes,
    text: bool,
}

impl Check {
    fn members(
        &self,
        members: &BTreeMap<&str, &'static str>,
        input: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        input
            .iter()
            .try_for_each(|(name, value)| match members.get(name.as_str()) {
                Some(kind) => self.value(name, kind, value),
                None => Ok(()),
            })
    }

    fn value(&self, name: &str, kind: &'static str, value: &Value) -> Result<(), Refusal> {
        // An absent member may be written as null, and an empty list or map in Query as empty text.
        let empty = self.text && value.as_str() == Some("");
        let refuse = |expected: &str| Err(mismatch(name, value, expected));
        if value.is_null() {
            return Ok(());
        }
        if let Some(element) = kind.strip_prefix('[') {
            return match value {
                Value::Array(items) => items
                    .iter()
                    .try_for_each(|item| self.value(name, element, item)),
                _ if empty => Ok(()),
                _ => refuse("a list"),
            };
        }
        if let Some(element) = kind.strip_prefix('{') {
            return match value {
                Value::Object(pairs) => pairs
                    .values()
                    .try_for_each(|item| self.value(name, element, item)),
                _ if empty => Ok(()),
                _ => refuse("a map"),
            };
        }
        // Only whether text says a number is asked here; the service reads it again.
        let scalar = |is: bool, says: bool| {
            if self.text {
                value.is_string() && says
            } else {
                is
            }
        };
        let (right, expected) = match kind {
            "s" => (value.is_string(), "a String"),
            "b" => (
                scalar(value.is_boolean(), call::boolean(value).is_some()),
                "a Boolean",
            ),
            "i" => (
                scalar(value.is_number(), call::integer(value).is_some()),
                "an Integer",
            ),
            "f" => (
                scalar(value.is_number(), call::number(value).is_some()) || not_finite(value),
                "a Double",
            ),
            "t" => (value.is_number() || value.is_string(), "a Timestamp"),
            structure => {
                return match (value, self.shapes.get(structure)) {
                    (Value::Object(input), Some(members)) => self.members(members, input),
                    _ if empty => Ok(()),
                    _ => refuse("a structure"),
                };
            }
        };
        if right { Ok(()) } else { refuse(expected) }
    }
}

/// Every protocol of text writes these three so, and the service is to say what it thinks of them.
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>: float.
fn not_finite(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| ["NaN", "Infinity", "-Infinity"].contains(&text))
}
