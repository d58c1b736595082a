//! One YAML value → one Rust value, or what is wrong with it and what to write; and each of these rules said once more by
//! itself as JSON Schema, for editors, `explain` and the documentation.

use regex_lite::Regex;
use serde_json::{Value as Json, json};
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

type Read<T> = Box<dyn Fn(&Value) -> Result<T, Wrong>>;

/// What a field may hold: how it is read, and what JSON Schema says of it.
///
/// The schema may let pass what reading refuses (it cannot count days or look into a registry's name), never the other way.
pub struct Type<T> {
    schema: Json,
    read: Read<T>,
}

impl<T: 'static> Type<T> {
    /// A type from its JSON Schema and its reading.
    pub fn new(schema: Json, read: impl Fn(&Value) -> Result<T, Wrong> + 'static) -> Type<T> {
        Type {
            schema,
            read: Box::new(read),
        }
    }

    /// What the field is for, in a sentence an operator understands.
    #[must_use]
    pub fn meaning(self, meaning: &str) -> Type<T> {
        self.with("description", json!(meaning))
    }

    /// A value someone may want to write.
    #[must_use]
    pub fn example(self, example: impl Into<Json>) -> Type<T> {
        self.with("examples", json!([example.into()]))
    }

    /// A further keyword of JSON Schema.
    #[must_use]
    pub fn with(mut self, keyword: &str, value: Json) -> Type<T> {
        if let Some(schema) = self.schema.as_object_mut() {
            schema.insert(keyword.to_owned(), value);
        }
        self
    }

    /// What was read, looked at further.
    #[must_use]
    pub fn and<U: 'static>(self, further: impl Fn(T) -> Result<U, Wrong> + 'static) -> Type<U> {
        let Type { schema, read } = self;
        Type::new(schema, move |value| further(read(value)?))
    }

    /// Reads one value.
    pub fn read(&self, value: &Value) -> Result<T, Wrong> {
        (self.read)(value)
    }

    /// The type as JSON Schema.
    pub fn schema(&self) -> &Json {
        &self.schema
    }

    /// The schema of something made of values of this type, which is for what its values are for.
    pub(super) fn schema_within(&self, mut whole: Json) -> Json {
        whole["description"] = self.schema["description"].clone();
        whole
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
pub fn text() -> Type<String> {
    // Neither blank nor with a line break.
    Type::new(
        json!({ "type": "string", "pattern": r"^[^\n]*\S[^\n]*$" }),
        line,
    )
}

fn line(value: &Value) -> Result<String, Wrong> {
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

/// A text of at most `length_max` characters that a regular expression finds itself in. The expression is written from `^` to `$`
/// and in what regex-lite and ECMA-262 both understand, for editors check it too.
pub fn pattern(
    length_max: usize,
    expression: impl Into<String>,
    fix: impl Into<String>,
) -> Type<String> {
    let (expression, fix) = (expression.into(), fix.into());
    let schema = json!({
        "type": "string",
        "maxLength": length_max,
        "pattern": expression,
        // What editors say instead of repeating the expression.
        "patternErrorMessage": fix,
    });
    Type::new(schema, move |value| {
        let text = line(value)?;
        let fits = text.chars().count() <= length_max
            && Regex::new(&expression).is_ok_and(|expression| expression.is_match(&text));
        if fits {
            Ok(text)
        } else {
            Err(wrong(format!("is {text:?}"), fix.as_str()))
        }
    })
}

/// One of a few words, each standing for something.
pub fn choice<T: Clone + 'static>(choices: &[(&'static str, T)]) -> Type<T> {
    let choices = choices.to_vec();
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let fix = format!("write {}", words.join(" or "));
    Type::new(json!({ "type": "string", "enum": words }), move |value| {
        let found = line(value)?;
        choices
            .iter()
            .find(|(word, _)| *word == found)
            .map(|(_, meant)| meant.clone())
            .ok_or_else(|| wrong(format!("is {found:?}"), fix.as_str()))
    })
}

/// Yes or no.
pub fn flag() -> Type<bool> {
    Type::new(json!({ "type": "boolean" }), |value| {
        value.as_bool().ok_or_else(|| {
            wrong(
                format!("should be true or false, is {}", kind(value)),
                "write true or false without quotes",
            )
        })
    })
}

/// A whole number within bounds, both inclusive.
pub fn whole(min: u32, max: u32) -> Type<u32> {
    let schema = json!({ "type": "integer", "minimum": min, "maximum": max });
    Type::new(schema, move |value| {
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
    })
}

/// A whole number that is one of a list in rising order.
pub fn one_of(offered: &'static [u32], by: &str) -> Type<u32> {
    let bound = |bound: Option<&u32>| bound.copied().unwrap_or(0);
    let (min, max) = (bound(offered.first()), bound(offered.last()));
    let by = by.to_owned();
    Type::new(
        json!({ "type": "integer", "enum": offered }),
        move |value| {
            let number = whole(min, max).read(value)?;
            if offered.contains(&number) {
                return Ok(number);
            }
            let nearest = offered
                .iter()
                .find(|offered| **offered > number)
                .unwrap_or(&max);
            Err(wrong(
                format!("is {number}"),
                format!("write one of those {by} offers, such as {nearest}"),
            ))
        },
    )
}

/// A number above zero.
pub fn positive() -> Type<f64> {
    let schema = json!({ "type": "number", "exclusiveMinimum": 0 });
    Type::new(schema, |value| {
        value
            .as_f64()
            .filter(|number| number.is_finite() && *number > 0.0)
            .ok_or_else(|| {
                wrong(
                    format!("should be a number above 0, is {}", kind(value)),
                    "write a number such as 2 or 0.5",
                )
            })
    })
}
