//! What was asked of a manifest → JSON Schema 2020-12.
//!
//! Takes the fields in the order of their reading, gives one document. Adds nothing of its own: a mapping takes no name but those
//! asked for, and must be there if one of its fields must.

use serde_json::{Map, Value as Json, json};
use serde_yaml::Value;

use super::overlay::BASE;

/// One field as its reading described it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Such as `spec.scaling.max`; `[]` follows the name of a list whose items have fields.
    pub path: String,
    /// Whether it must be there.
    pub presence: Presence,
    /// Its type, bounds, meaning and examples.
    pub schema: Json,
}

/// What it means that a field is not there.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// It is missed.
    Required,
    /// The same as if this stood there.
    Default(Value),
    /// That it says nothing.
    Optional,
    /// A mapping that is missed if one of its fields is.
    Parts,
}

impl Presence {
    /// A list that must have something in it must be there.
    pub(super) fn of_list(min: usize) -> Presence {
        if min == 0 {
            Presence::Default(Value::Sequence(Vec::new()))
        } else {
            Presence::Required
        }
    }
}

/// Whether all or only some of the fields are expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Whole {
    /// A manifest.
    Manifest,
    /// An overlay: what it leaves out its base says, and a null removes what the base says.
    Overlay,
}

/// The fields as one JSON Schema.
pub fn schema(fields: &[Field], whole: Whole) -> Json {
    let mut root = json!({ "type": "object" });
    for Field {
        path,
        presence,
        schema,
    } in fields
    {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut schema = schema.clone();
        schema["title"] = json!(title(name));
        if let Presence::Default(default) = presence {
            schema["default"] = json!(default);
        }
        let Some(parent) = node(&mut root, parent) else {
            continue;
        };
        parent["additionalProperties"] = json!(false);
        parent["properties"][name] = schema;
        if *presence == Presence::Required {
            let required = parent["required"].as_array().cloned().unwrap_or_default();
            parent["required"] = required.into_iter().chain([json!(name)]).collect();
        }
    }
    match whole {
        Whole::Manifest => {
            for Field { path, presence, .. } in fields.iter().rev() {
                if *presence == Presence::Parts {
                    require_if_needed(&mut root, path);
                }
            }
        }
        Whole::Overlay => {
            relax(&mut root);
            root["properties"][BASE] = json!({
                "type": "string",
                "title": title(BASE),
                "description": "The manifest this overlay changes, from its own directory.",
                "examples": ["development.yaml"],
            });
        }
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root
}

/// The schema below which a path's fields stand.
fn node<'s>(root: &'s mut Json, path: &str) -> Option<&'s mut Json> {
    let mut node = root;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let (name, items) = match name.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (name, false),
        };
        node = node.get_mut("properties")?.get_mut(name)?;
        if items {
            node = node.get_mut("items")?;
        }
    }
    Some(node)
}

/// A mapping one of whose fields must be there must be there.
fn require_if_needed(root: &mut Json, path: &str) {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let needed = node(root, path).is_some_and(|mapping| !mapping["required"].is_null());
    if needed && let Some(parent) = node(root, parent) {
        let required = parent["required"].as_array().cloned().unwrap_or_default();
        parent["required"] = required.into_iter().chain([json!(name)]).collect();
    }
}

/// Takes from a schema what only the whole must fulfil, and lets a null remove what the base has. A list is replaced as
/// a whole, and its items are whole.
fn relax(schema: &mut Json) {
    let Some(keywords) = schema.as_object_mut() else {
        return;
    };
    keywords.remove("required");
    keywords.remove("default");
    let below = keywords.get_mut("properties").and_then(Json::as_object_mut);
    for field in below.into_iter().flat_map(Map::values_mut) {
        relax(field);
        *field = or_null(field.take());
    }
    if let Some(value) = keywords
        .get_mut("additionalProperties")
        .filter(|value| value.is_object())
    {
        *value = or_null(value.take());
    }
}

/// The same, or null.
fn or_null(schema: Json) -> Json {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// `deregistrationDelaySeconds` → `Deregistration delay seconds`.
fn title(name: &str) -> String {
    let mut title = String::new();
    for letter in name.chars() {
        if title.is_empty() {
            title.extend(letter.to_uppercase());
        } else if letter.is_ascii_uppercase() {
            title.push(' ');
            title.extend(letter.to_lowercase());
        } else {
            title.push(letter);
        }
    }
    title
}
