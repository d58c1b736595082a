//! What a manifest's field is: one field's page, or the tree of all of them, as `reconciler explain` prints them.
//!
//! Takes the fields as their reading describes them, what they become from the normal form's table, and a path; gives text. Knows no
//! field by itself.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::manifest::schema::{Field, Presence};
use super::manifest::set::nearest;
use super::normal::{Owner, TABLE};

/// Every field, a line each, indented as in a manifest.
pub fn tree(fields: &[Field]) -> String {
    let mut tree = String::new();
    for field in fields {
        let (depth, name) = (field.path.matches('.').count(), name(&field.path));
        let left = format!("{}{name}", "  ".repeat(depth));
        // Writing to a text cannot fail.
        let _ = writeln!(tree, "{left:<34} {}", line(field));
    }
    tree
}

/// Every field as a table in Markdown, for docs/manifest.md.
pub fn markdown(fields: &[Field]) -> String {
    let mut table =
        "| field | may hold | when left out | meaning |\n|---|---|---|---|\n".to_owned();
    let cell = |text: &str| text.replace('|', "\\|");
    for Field {
        path,
        presence,
        schema,
    } in fields
    {
        let _ = writeln!(
            table,
            "| `{path}` | {} | {} | {} |",
            cell(&kind(schema)),
            cell(&left_out(presence)),
            cell(text(schema, "description"))
        );
    }
    table
}

/// One field's page. `path` may leave `spec.` out; an unknown one is answered with the nearest there is.
pub fn page(fields: &[Field], path: &str) -> Result<String, String> {
    let found = |path: &str| fields.iter().find(|field| field.path == path);
    let whole = format!("spec.{path}");
    let Some(field) = found(path).or_else(|| found(&whole)) else {
        let closer = [path, &whole].map(|path| nearest(path, fields));
        let near = closer.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let near = near.map_or("", |(_, near)| near);
        return Err(format!(
            "there is no field {path}; the nearest is {near}\n    fix: `reconciler explain` lists them all"
        ));
    };
    let Field {
        path,
        presence,
        schema,
    } = field;
    let mut page = format!("{path}\n\n  {}\n\n", text(schema, "description"));
    let mut row = |name: &str, value: String| {
        let _ = writeln!(page, "  {name:<14} {value}");
    };
    row("type", kind(schema));
    row("when left out", left_out(presence));
    if let Some(fix) = schema.get("patternErrorMessage").and_then(Json::as_str) {
        row("rule", fix.to_owned());
    }
    let of_values = schema.get("additionalProperties").or(schema.get("items"));
    let examples = schema
        .get("examples")
        .or_else(|| of_values?.get("examples"));
    for example in examples.and_then(Json::as_array).into_iter().flatten() {
        row("example", written(example));
    }
    // A mapping of free names becomes what each of its names becomes.
    let each = format!("{path}.*");
    let asked = |ask: &&str| *ask == path.as_str() || *ask == each;
    for normal in TABLE.iter().filter(|row| row.asks.iter().any(asked)) {
        let owner = match normal.owner {
            Owner::Manifest => String::new(),
            other => format!(", decided by {}", other.name()),
        };
        row(
            "becomes",
            format!("{}{owner}  <{}>", normal.path, normal.source),
        );
    }
    let below: Vec<&Field> = fields
        .iter()
        .filter(|other| parent(&other.path) == path.as_str())
        .collect();
    if !below.is_empty() {
        page.push_str("\n  fields\n");
    }
    for field in below {
        let _ = writeln!(page, "    {:<30} {}", name(&field.path), line(field));
    }
    Ok(page)
}

/// The path of the mapping a field is in, without the mark of a list.
fn parent(path: &str) -> &str {
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    parent.strip_suffix("[]").unwrap_or(parent)
}

fn name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn text<'s>(schema: &'s Json, keyword: &str) -> &'s str {
    schema[keyword].as_str().unwrap_or_default()
}

/// Type and default, shortly.
fn line(field: &Field) -> String {
    let kind = kind(&field.schema);
    match &field.presence {
        Presence::Required => format!("{kind}, required"),
        Presence::Default(default) => {
            format!("{kind}, default {}", written(&serde_json::json!(default)))
        }
        Presence::Optional => format!("{kind}, optional"),
        Presence::Parts => kind,
    }
}

fn left_out(presence: &Presence) -> String {
    match presence {
        Presence::Required => "is missed".to_owned(),
        Presence::Default(default) => format!("is {}", written(&serde_json::json!(default))),
        Presence::Optional => "says nothing".to_owned(),
        Presence::Parts => "each of its fields is left out".to_owned(),
    }
}

/// What a schema lets be written, in words.
fn kind(schema: &Json) -> String {
    let number = |keyword: &str| schema[keyword].as_f64();
    let list = |values: &[Json]| {
        let words: Vec<String> = values.iter().map(written).collect();
        words.join(" | ")
    };
    if let Some(value) = schema.get("const") {
        return written(value);
    }
    if let Some(values) = schema["enum"].as_array() {
        return list(values);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(kinds) = schema[keyword].as_array() {
            let kinds: Vec<String> = kinds.iter().map(kind).collect();
            return kinds.join(" or ");
        }
    }
    match text(schema, "type") {
        "integer" | "number" => {
            let what = if text(schema, "type") == "integer" {
                "whole number"
            } else {
                "number"
            };
            let low = number("minimum").map(|least| format!(" from {least}"));
            let above = number("exclusiveMinimum").map(|bound| format!(" above {bound}"));
            let high = number("maximum").map(|most| format!(" to {most}"));
            let below = number("exclusiveMaximum").map(|bound| format!(" below {bound}"));
            [low, above, high, below]
                .into_iter()
                .flatten()
                .fold(what.to_owned(), |kind, bound| kind + &bound)
        }
        "string" => match number("maxLength") {
            Some(most) => format!("text of at most {most} characters"),
            None => "text".to_owned(),
        },
        "boolean" => "true | false".to_owned(),
        "array" => {
            let of = kind(&schema["items"]);
            match (number("minItems"), number("maxItems")) {
                (Some(least), Some(most)) => format!("list of {least} to {most}, each {of}"),
                _ => format!("list, each {of}"),
            }
        }
        "object" => match schema
            .get("additionalProperties")
            .filter(|values| values.is_object())
        {
            Some(values) => format!("names of your choice, each {}", kind(values)),
            None => "fields".to_owned(),
        },
        _ => "anything".to_owned(),
    }
}

/// A value as a manifest would have it on one line.
fn written(value: &Json) -> String {
    match value {
        Json::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("{text:?}"),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
