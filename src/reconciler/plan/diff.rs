//! Two values of one resource type → the fields in which they differ.
//!
//! Structural, over their serialised form: what is not in the type cannot differ, and a new field is compared from the
//! moment it exists. Both sides must be in normal form already; nothing is forgiven here.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::reconciler::secretive::clue;

/// One field: where, what it is, what it should be. `null` stands for absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Dotted, such as `health_check.path`.
    pub path: String,
    /// Observed.
    pub from: Value,
    /// Desired.
    pub to: Value,
    /// Why, where the field is not the manifest's to set and its owner's bounds are broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Every field in which `observed` is not as `desired`, in the order of their names.
pub fn diff<T: Serialize>(observed: &T, desired: &T) -> Vec<Change> {
    let mut changes = Vec::new();
    // A resource type is plain data; if one ever were not serialisable, both sides would be the same error.
    let (observed, desired) = (
        serde_json::to_value(observed).unwrap_or_default(),
        serde_json::to_value(desired).unwrap_or_default(),
    );
    walk("", &observed, &desired, &mut changes);
    changes
}

fn walk(path: &str, from: &Value, to: &Value, changes: &mut Vec<Change>) {
    if let (Value::Object(from), Value::Object(to)) = (from, to) {
        let mut names: Vec<&String> = from.keys().chain(to.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            walk(
                &path,
                from.get(name).unwrap_or(&Value::Null),
                to.get(name).unwrap_or(&Value::Null),
                changes,
            );
        }
    } else if from != to {
        let secretive = is_secretive(path, [from, to]);
        let shown = |value: &Value| {
            if secretive {
                digest(value)
            } else {
                value.clone()
            }
        };
        changes.push(Change {
            path: path.to_owned(),
            from: shown(from),
            to: shown(to),
            reason: None,
        });
    }
}

/// Whether a path is a plain setting that looks like a secret. Every URL counts: the keys of RPC nodes stand in them.
fn is_secretive(path: &str, values: [&Value; 2]) -> bool {
    path.rsplit_once("environment.").is_some_and(|(_, name)| {
        let value = |value: &Value| clue(name, value.as_str().unwrap_or_default()).is_some();
        name.to_ascii_uppercase().ends_with("_URL") || values.into_iter().any(value)
    })
}

/// Enough to see that two values differ.
fn digest(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        value => {
            let digest = hex::encode(Sha256::digest(value.to_string()));
            format!("sha256:{}", digest.split_at(12).0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_setting_that_looks_like_a_secret_is_shown_as_a_digest() {
        let with = |key: &str| json!({ "environment": { "DEPLOYER_KEY": key, "LOG_LEVEL": key } });
        let changes = diff(&with("before"), &with("after"));
        let text = format!("{:?}", changes[0]);
        assert!(
            text.contains("sha256:") && !text.contains("before"),
            "{text}"
        );
        assert_ne!(changes[0].from, changes[0].to);
        assert_eq!(changes[1].to, json!("after"));
    }
}
