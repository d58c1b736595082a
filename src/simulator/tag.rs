//! Tags, as every AWS service has them: text to text, at most fifty, no two with one key.
//!
//! Takes the lists and maps services write them as, gives a [`Tags`] or what is wrong with them in words. Error codes are
//! each service's own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// AWS's limit for one resource.
const COUNT_MAX: usize = 50;
const KEY_CHARACTERS_MAX: usize = 128;
const VALUE_CHARACTERS_MAX: usize = 256;

/// Tags of a list of pairs, `{"Key": …, "Value": …}` or in lower case.
pub fn from_list(list: &[Value]) -> Result<Tags, String> {
    let mut tags = Tags::new();
    for pair in list {
        let side = |upper: &str, lower: &str| pair.get(upper).or_else(|| pair.get(lower));
        let key = side("Key", "key")
            .and_then(Value::as_str)
            .ok_or("A tag has no key")?;
        let value = match side("Value", "value") {
            None | Some(Value::Null) => "",
            Some(value) => value.as_str().ok_or("A tag's value is not text")?,
        };
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("Duplicate tag key: {key}"));
        }
    }
    checked(tags)
}

/// Tags of a map.
pub fn from_map(map: &Map<String, Value>) -> Result<Tags, String> {
    let read = |(key, value): (&String, &Value)| {
        value
            .as_str()
            .map(|value| (key.clone(), value.to_owned()))
            .ok_or("A tag's value is not text")
    };
    checked(map.iter().map(read).collect::<Result<_, _>>()?)
}

/// Adds `more` to `tags`, replacing equal keys; all or nothing.
pub fn merge(tags: &mut Tags, more: Tags) -> Result<(), String> {
    let mut merged = tags.clone();
    merged.extend(more);
    *tags = checked(merged)?;
    Ok(())
}

/// `[{"Key": …, "Value": …}]`.
pub fn to_list(tags: &Tags) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// `{key: value}`.
pub fn to_map(tags: &Tags) -> Value {
    json!(tags)
}

fn checked(tags: Tags) -> Result<Tags, String> {
    if tags.len() > COUNT_MAX {
        return Err(format!("A resource has at most {COUNT_MAX} tags"));
    }
    for (key, value) in &tags {
        if key.is_empty() || key.chars().count() > KEY_CHARACTERS_MAX {
            return Err(format!(
                "A tag key has 1 to {KEY_CHARACTERS_MAX} characters"
            ));
        }
        if value.chars().count() > VALUE_CHARACTERS_MAX {
            return Err(format!(
                "A tag value has at most {VALUE_CHARACTERS_MAX} characters"
            ));
        }
        if key.starts_with("aws:") {
            return Err(format!(
                "aws: prefixed tag key names are not allowed for external use: {key}"
            ));
        }
    }
    Ok(tags)
}
