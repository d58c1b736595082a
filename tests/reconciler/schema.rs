//! The one description of the manifest's fields, as the reading gives it: complete, true, and the committed schemas its copies.

use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::manifest::schema::{Field, Presence, Whole, schema};
use contracts::reconciler::spec::Spec;
use serde_yaml::Value;

use crate::golden;
use crate::world::DEVELOPMENT;

#[test]
fn the_committed_schemas_are_what_the_reading_asks_for() {
    for (file, whole) in [
        ("schema.json", Whole::Manifest),
        ("overlay.schema.json", Whole::Overlay),
    ] {
        let text = format!("{:#}\n", schema(&Spec::fields(), whole));
        golden::check(&format!("../../manifests/{file}"), &text);
    }
}

#[test]
fn every_field_says_what_it_is_for_and_what_to_write() {
    for Field {
        path,
        presence,
        schema,
    } in Spec::fields()
    {
        let meaning = schema["description"].as_str().unwrap_or_default();
        assert!(meaning.ends_with('.'), "{path} has no meaning: {meaning:?}");
        let shown = schema.get("const").or(schema.get("enum")).is_some()
            || ["examples", "items", "additionalProperties"]
                .iter()
                .any(|keyword| schema.get(keyword).is_some());
        assert!(
            presence != Presence::Required || shown,
            "{path} must be written and has no example"
        );
    }
}

/// The manifest with one field written or taken out.
fn with(path: &str, value: Option<&Value>) -> String {
    let mut root: Value = serde_yaml::from_str(DEVELOPMENT).unwrap();
    let mut node = root.as_mapping_mut().unwrap();
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let below = node
            .entry(parent.into())
            .or_insert(Value::Mapping(Default::default()));
        node = below.as_mapping_mut().unwrap();
    }
    match value {
        Some(value) => node.insert(name.into(), value.clone()),
        None => node.remove(name),
    };
    serde_yaml::to_string(&root).unwrap()
}

fn believed(text: &str) -> Spec {
    let spec = Spec::believe(&Manifest::parse("m.yaml", text).unwrap());
    spec.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

#[test]
fn leaving_a_field_out_is_writing_its_default() {
    let mut fields = 0;
    for Field { path, presence, .. } in Spec::fields() {
        if let Presence::Default(default) = presence
            && !path.contains("[]")
        {
            assert_eq!(
                believed(&with(&path, None)),
                believed(&with(&path, Some(&default))),
                "{path}"
            );
            fields += 1;
        }
    }
    assert!(fields > 10, "{fields} fields have a default");
}
