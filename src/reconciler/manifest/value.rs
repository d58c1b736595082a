//! One YAML value → one Rust value, or what is wrong with it and what to write.

use serde_yaml::Value;

/// A field's value that will not do: what is wrong with it, and what to write.
#[derive(Debug)]
pub struct Wrong {
    /// What is wrong.
    pub what: String,
    /// What to write.
    pub fix: String,
}

/// A [`Wrong`] from its two sentences.
pub fn wrong(what: impl Into<String>, fix: impl Into<String>) -> Wrong {
    Wrong {
        what: what.into(),
        fix: fix.into(),
    }
}

/// What a value is, for people.
pub fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("the text {value:?}"),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Tagged(_) => "a tagged value".to_owned(),
    }
}

/// A text on one line, not empty.
pub fn text(value: &Value) -> Result<String, Wrong> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            Err(wrong("is empty", "write a value, or remove the field"))
        }
        Value::String(text) if text.contains(['\n', '\0']) => {
            Err(wrong("has a line break in it", "put it on one line"))
        }
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Err(wrong(
            format!("should be a text, is the number {number}"),
            format!("quote it: \"{number}\""),
        )),
        Value::Bool(value) => Err(wrong(
            format!("should be a text, is the boolean {value}"),
            format!("quote it: \"{value}\""),
        )),
        other => Err(wrong(
            format!("should be a text, is {}", kind(other)),
            "write one value on the line",
        )),
    }
}

/// A whole number within bounds, both inclusive.
pub fn whole(min: u32, max: u32) -> impl Fn(&Value) -> Result<u32, Wrong> {
    move |value| {
        let number = value.as_u64().ok_or_else(|| {
            let unquoted = value.as_str().and_then(|text| text.parse::<u32>().ok());
            let fix = unquoted.map_or_else(
                || format!("write a whole number from {min} to {max}"),
                |number| format!("write {number} without quotes"),
            );
            wrong(format!("should be a whole number, is {}", kind(value)), fix)
        })?;
        u32::try_from(number)
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| {
                wrong(
                    format!("is {number}"),
                    format!("write a number from {min} to {max}"),
                )
            })
    }
}

/// A number above zero.
pub fn positive(value: &Value) -> Result<f64, Wrong> {
    value
        .as_f64()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| {
            wrong(
                format!("should be a number above 0, is {}", kind(value)),
                "write a number such as 2 or 0.5",
            )
        })
}
