//! IAM policy documents in one form, so that two that mean the same are equal.
//!
//! Takes a document as IAM or a person wrote it, gives it with lists where IAM lets one text stand for a list. Pure; believes
//! everything.

use serde_json::Value;

/// Members that may be one text or a list of them, brought to a sorted list.
pub fn normal(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let value = match name.as_str() {
                    "Version" | "Id" | "Sid" | "Effect" => value,
                    "Statement" if value.is_object() => Value::Array(vec![normal(value)]),
                    _ => match value {
                        Value::String(text) => Value::Array(vec![Value::String(text)]),
                        Value::Bool(_) | Value::Number(_) => {
                            Value::Array(vec![Value::String(value.to_string())])
                        }
                        other => normal(other),
                    },
                };
                (name, value)
            })
            .collect(),
        Value::Array(mut items) => {
            if items.iter().all(Value::is_string) {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                Value::Array(items)
            } else {
                Value::Array(items.into_iter().map(normal).collect())
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_by_hand_and_ours_have_one_normal_form() {
        let by_hand = json!({ "Version": "2012-10-17", "Statement": { "Sid": "A", "Effect": "Allow", "Action": "s:B", "Resource": ["r2", "r1"],
            "Condition": { "Bool": { "k": true } } } });
        let ours = json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "A", "Effect": "Allow", "Action": ["s:B"], "Resource": ["r1", "r2"],
            "Condition": { "Bool": { "k": ["true"] } } }] });
        assert_eq!(normal(by_hand), ours);
        assert_eq!(normal(ours.clone()), ours);
    }
}
