//! The one description of the manifest's fields, as the reading gives it: complete, true, and the committed schemas its copies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::manifest::schema::{Field, Presence, Whole, schema};
use contracts::reconciler::spec::Spec;
use serde_yaml::Value;

use crate::golden;
use crate::manifests::mistakes;
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

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The names of those files that check-jsonschema, which is other people's, does not take for `schema`.
fn refused_by_others(schema: &str, files: &[PathBuf]) -> BTreeSet<String> {
    let output = Command::new("python3")
        .args([
            "-m",
            "check_jsonschema",
            "--output-format",
            "json",
            "--schemafile",
        ])
        .arg(Path::new(HERE).join("manifests").join(schema))
        .args(files)
        .env("PYTHONPATH", Path::new(HERE).join("target/tools/schema"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("check-jsonschema said {said}{errors}; scripts/install.sh installs it")
    });
    // A file that is no YAML has an error of its own.
    let errors = ["errors", "parse_errors"].map(|kind| report[kind].as_array().cloned());
    let names = errors.into_iter().flatten().flatten().map(|error| {
        let path = PathBuf::from(error["filename"].as_str().unwrap());
        path.file_name().unwrap().to_str().unwrap().to_owned()
    });
    names.collect()
}

#[test]
fn another_validator_takes_every_manifest_for_its_schema() {
    let directory = Path::new(HERE).join("manifests");
    let files = std::fs::read_dir(&directory).unwrap();
    let manifests = files.map(|entry| entry.unwrap().path()).filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    let (overlays, whole): (Vec<_>, Vec<_>) = manifests.partition(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().any(|line| line.starts_with("base:"))
    });
    // What an overlay makes of its base is a manifest again.
    let rendered = tempfile::tempdir().unwrap();
    let render = |path: &PathBuf| {
        let path = rendered.path().join(path.file_name().unwrap());
        let overlay = directory.join(path.file_name().unwrap());
        std::fs::write(&path, Manifest::load(&overlay).unwrap().render().unwrap()).unwrap();
        path
    };
    let made: Vec<PathBuf> = overlays.iter().map(render).collect();
    for (schema, files) in [
        ("schema.json", &whole),
        ("schema.json", &made),
        ("overlay.schema.json", &overlays),
    ] {
        assert!(!files.is_empty(), "{schema} has a manifest");
        assert_eq!(
            refused_by_others(schema, files),
            BTreeSet::new(),
            "{schema}"
        );
    }
}

/// What two fields say together, which JSON Schema has no words for.
const UNSEEN: [&str; 12] = [
    "address-and-secret",
    "fargate-has-no-such-size",
    "image-of-another-account",
    "keys-source-among-secrets",
    "keys-source-is-a-value",
    "min-above-max",
    "one-role-for-both",
    "port-set-twice",
    "setting-and-secret",
    "signing-key-by-alias",
    "timeout-not-below-interval",
    "topic-of-another-region",
];

#[test]
fn another_validator_sees_every_mistake_that_is_in_one_field() {
    let directory = tempfile::tempdir().unwrap();
    let written = mistakes().into_iter().map(|(name, text)| {
        let path = directory.path().join(name).with_extension("yaml");
        std::fs::write(&path, text).unwrap();
        path
    });
    let mut files: Vec<PathBuf> = written.collect();
    let names = |name: &str| format!("{name}.yaml");
    let all: BTreeSet<String> = mistakes().iter().map(|(name, _)| names(name)).collect();
    let unseen: BTreeSet<String> = UNSEEN.map(names).into();
    let five = Path::new(HERE).join("tests/reconciler/manifests/five-mistakes.yaml");
    files.push(five);
    let mut expected: BTreeSet<String> = all.difference(&unseen).cloned().collect();
    expected.insert("five-mistakes.yaml".to_owned());
    assert_eq!(refused_by_others("schema.json", &files), expected);
}
