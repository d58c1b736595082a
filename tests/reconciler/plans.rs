//! Observed worlds → plans: each folder of `plans/` is one situation.
//!
//! - `observed.yaml`: `from` names a world of [`world`](crate::world), `but` is what differs from it, as a merge patch (RFC 7396)
//! - `edits.yaml`, where the manifest is not the development one: text → what stands there instead
//! - `expected.txt`: the plan as it is printed
//! - `findings.txt`, where there are any: the broken references, as `verify` prints them

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contracts::reconciler::desired::desired;
use contracts::reconciler::graph;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observed::Observed;
use contracts::reconciler::plan::plan;
use contracts::reconciler::spec::Spec;
use serde::Deserialize;
use serde_json::Value;

use crate::golden;
use crate::world::{DEVELOPMENT, converged, empty, spec};

/// `observed.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct World {
    from: Base,
    #[serde(default)]
    but: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Base {
    /// Everything as the development manifest wants it.
    Converged,
    /// Nothing of the unit.
    Empty,
}

impl World {
    fn observed(self) -> Observed {
        let base = match self.from {
            Base::Converged => converged(&spec()),
            Base::Empty => empty(&spec()),
        };
        let mut world = serde_json::to_value(base).unwrap();
        patch(&mut world, self.but);
        serde_json::from_value(world).unwrap()
    }
}

/// RFC 7396: a mapping changes what it names, `null` takes away, anything else replaces.
fn patch(value: &mut Value, patches: Value) {
    let Value::Object(members) = patches else {
        if !patches.is_null() {
            *value = patches;
        }
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let value = value.as_object_mut().unwrap();
    for (name, member) in members {
        if member.is_null() {
            value.remove(&name);
        } else {
            patch(value.entry(name).or_insert(Value::Null), member);
        }
    }
}

/// The development manifest with a folder's edits.
fn manifest(folder: &Path) -> Manifest {
    let mut text = DEVELOPMENT.to_owned();
    if let Ok(edits) = std::fs::read_to_string(folder.join("edits.yaml")) {
        let edits: BTreeMap<String, String> = serde_yaml::from_str(&edits).unwrap();
        for (there, instead) in edits {
            assert_eq!(text.matches(&there).count(), 1, "{there:?} stands once");
            text = text.replace(&there, &instead);
        }
    }
    Manifest::parse("manifests/development.yaml", &text).unwrap()
}

fn folders() -> Vec<PathBuf> {
    let plans = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reconciler/plans");
    let entries = std::fs::read_dir(plans).unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn every_situation_has_the_plan_beside_it() {
    let folders = folders();
    assert!(folders.len() >= 24, "{folders:?}");
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let world = std::fs::read_to_string(folder.join("observed.yaml")).unwrap();
        let world: World =
            serde_yaml::from_str(&world).unwrap_or_else(|error| panic!("{name}: {error}"));
        let observed = world.observed();
        let spec = Spec::believe(&manifest(&folder)).unwrap_or_else(|problems| {
            panic!("{name}: {problems:?}");
        });
        let wanted = desired(&spec);
        let decided = plan(&spec, &wanted, &observed);
        assert_eq!(decided, plan(&spec, &wanted, &observed), "{name}");
        golden::check(&format!("plans/{name}/expected.txt"), &decided.to_string());
        let findings = graph::check(&spec, &wanted, &observed);
        if !findings.is_empty() || folder.join("findings.txt").exists() {
            let findings: String = findings.iter().map(|each| format!("{each}\n")).collect();
            golden::check(&format!("plans/{name}/findings.txt"), &findings);
        }
    }
}
