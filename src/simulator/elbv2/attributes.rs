//! Attributes of target groups, load balancers and listeners: which there are, what they start as, what may be set.
//!
//! Takes keys and values as text, gives AWS's refusal or the changed attributes. Pure; a table per kind of resource.

pub(super) mod listener;
pub(super) mod load_balancer;
pub(super) mod target_group;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::simulator::call::{Call, Refusal};

/// Attribute values by key.
pub(super) type Attributes = BTreeMap<&'static str, String>;

/// Key, default, what may be set.
pub(super) type Row = (&'static str, &'static str, Allowed);

pub(super) enum Allowed {
    Seconds(std::ops::RangeInclusive<u32>),
    /// Off is 0.
    SecondsOrOff(std::ops::RangeInclusive<u32>),
    Words(&'static [&'static str]),
    CountOrOff,
    Count,
    PercentOrOff,
    Text,
}

const BOOLEAN: Allowed = Allowed::Words(&["true", "false"]);

/// What a new resource has.
pub(super) fn defaults(rows: &[Row]) -> Attributes {
    rows.iter()
        .map(|(key, default, _)| (*key, (*default).to_owned()))
        .collect()
}

/// The changes an `Attributes` member asks for, all of them valid; `kind` names the resource in the refusal.
pub(super) fn changes(
    rows: &[Row],
    kind: &str,
    call: &Call,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let member = |attribute: &Value, name: &str| {
        let text = attribute.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let mut changes = Vec::new();
    for attribute in call.list("Attributes") {
        let value = member(attribute, "Value");
        let (key, _, _) = check(rows, kind, &member(attribute, "Key"), &value)?;
        changes.push((*key, value));
    }
    if changes.is_empty() {
        return Err(invalid("At least one attribute must be specified".into()));
    }
    Ok(changes)
}

/// `[{"Key": …, "Value": …}]` under `Attributes`.
pub(super) fn shown(attributes: &Attributes) -> Value {
    let attributes = attributes
        .iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }));
    json!({ "Attributes": attributes.collect::<Vec<_>>() })
}

/// Checks one setting; gives its row. Refused with `ValidationError`: an unknown key, a value out of its range.
fn check<'a>(rows: &'a [Row], kind: &str, key: &str, value: &str) -> Result<&'a Row, Refusal> {
    let Some(row) = rows.iter().find(|(known, _, _)| *known == key) else {
        return Err(invalid(format!(
            "{kind} attribute key '{key}' is not recognized"
        )));
    };
    let (_, _, allowed) = row;
    let count = value.parse::<u32>();
    let valid = match allowed {
        Allowed::Seconds(range) => count.is_ok_and(|seconds| range.contains(&seconds)),
        Allowed::SecondsOrOff(range) => {
            count.is_ok_and(|seconds| seconds == 0 || range.contains(&seconds))
        }
        Allowed::Words(words) => words.contains(&value),
        Allowed::CountOrOff => value == "off" || count.is_ok_and(|count| count >= 1),
        Allowed::Count => count.is_ok_and(|count| count >= 1),
        Allowed::PercentOrOff => {
            value == "off" || count.is_ok_and(|percent| (1..=100).contains(&percent))
        }
        Allowed::Text => value.chars().count() <= 1_024,
    };
    if valid {
        return Ok(row);
    }
    Err(invalid(match allowed {
        Allowed::Seconds(range) | Allowed::SecondsOrOff(range) => {
            format!(
                "'{key}' value '{value}' must be between '{}-{}' inclusive",
                range.start(),
                range.end()
            )
        }
        Allowed::Words(words) => format!(
            "'{key}' value '{value}' must be one of [{}]",
            words.join(", ")
        ),
        Allowed::CountOrOff | Allowed::Count | Allowed::PercentOrOff | Allowed::Text => {
            format!("'{key}' value '{value}' is not valid")
        }
    }))
}

pub(super) fn invalid(message: String) -> Refusal {
    Refusal::new("ValidationError", message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_default_may_be_set() {
        for rows in [target_group::ROWS, load_balancer::ROWS, listener::ROWS] {
            for (key, value) in defaults(rows) {
                assert_eq!(check(rows, "Any", key, &value).unwrap().0, key);
            }
        }
    }
}
