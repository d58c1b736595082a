//! Two values of one resource type → the fields in which they differ.
//!
//! Structural, over their serialised form: what is not in the type cannot differ, and a new field is compared from the
//! moment it exists. Both sides must be in normal form already; nothing is forgiven here.

use serde::Serialize;
use serde_json::Value;

/// One field: where, what it is, what it should be. `null` stands for absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Dotted, such as `health_check.path`.
    pub path: String,
    /// Observed.
    pub from: Value,
    /// Desired.
    pub to: Value,
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
        changes.push(Change {
            path: path.to_owned(),
            from: from.clone(),
            to: to.clone(),
        });
    }
}
