//! Observed worlds → plans: each folder of `plans/` is one situation.
//!
//! - `observed.yaml`: `from` names a world of [`world`](crate::world), `rolledOut` is the `spec.rollout` that one is of, where it is
//!   not the development manifest's, `but` is what differs from it, as a merge patch (RFC 7396)
//! - `edits.yaml`, where the manifest is not the development one: text → what stands there instead
//! - `expected.txt`: the plan as it is printed; in some, `expected.md` and `expected.json`, the same for a pull request and for programs
//! - `findings.txt`, where there are any: the broken references, as `verify` prints them

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use contracts::reconciler::desired::desired;
use contracts::reconciler::graph;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observed::Observed;
use contracts::reconciler::plan::{Report, report};
use contracts::reconciler::spec::Spec;
use serde::Deserialize;
use serde_json::Value;

use crate::golden;
use crate::world::{DEVELOPMENT, converged, empty, spec};

/// `observed.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct World {
    from: Base,
    rolled_out: Option<serde_yaml::Value>,
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
        let spec = match self.rolled_out {
            None => spec(),
            Some(rollout) => {
                let mut root: serde_yaml::Value = serde_yaml::from_str(DEVELOPMENT).unwrap();
                root["spec"]["rollout"] = rollout;
                let text = serde_yaml::to_string(&root).unwrap();
                Spec::believe(&Manifest::parse("observed.yaml", &text).unwrap()).unwrap()
            }
        };
        let base = match self.from {
            Base::Converged => converged(&spec),
            Base::Empty => empty(&spec),
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

/// One folder, decided.
struct Situation {
    name: String,
    report: Report,
    findings: Vec<graph::Finding>,
}

fn situations() -> Vec<Situation> {
    let folders = folders();
    assert!(folders.len() >= 84, "{folders:?}");
    let planned = |folder: PathBuf| {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let world = std::fs::read_to_string(folder.join("observed.yaml")).unwrap();
        let world: World =
            serde_yaml::from_str(&world).unwrap_or_else(|error| panic!("{name}: {error}"));
        let observed = world.observed();
        let manifest = manifest(&folder);
        let spec = Spec::believe(&manifest).unwrap_or_else(|problems| {
            panic!("{name}: {problems:?}");
        });
        let wanted = desired(&spec);
        let decide = || report(&manifest, &spec, &wanted, &observed);
        assert_eq!(decide(), decide(), "{name}");
        Situation {
            report: decide(),
            findings: graph::check(&spec, &wanted, &observed),
            name,
        }
    };
    folders.into_iter().map(planned).collect()
}

#[test]
fn every_situation_has_the_plan_beside_it() {
    for Situation {
        name,
        report,
        findings,
    } in situations()
    {
        goes_round(&name, &report);
        let file = format!("plans/{name}/findings.txt");
        if !findings.is_empty() || golden::path(&file).exists() {
            let findings: String = findings.iter().map(|each| format!("{each}\n")).collect();
            golden::check(&file, &findings);
        }
        golden::check(&format!("plans/{name}/expected.txt"), &report.text(false));
        let json = || format!("{:#}\n", serde_json::to_value(&report).unwrap());
        let others: [(&str, &dyn Fn() -> String); 2] =
            [("md", &|| report.markdown()), ("json", &json)];
        for (ending, text) in others {
            let file = format!("plans/{name}/expected.{ending}");
            if golden::path(&file).exists() {
                golden::check(&file, &text());
            }
        }
    }
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    for Situation { name, report, .. } in situations() {
        let coloured = report.text(true);
        let mut plain = String::new();
        for (index, part) in coloured.split('\u{1b}').enumerate() {
            let code = if index == 0 {
                0
            } else {
                part.find('m').unwrap() + 1
            };
            plain += &part[code..];
        }
        assert_eq!(plain, report.text(false), "{name}");
    }
}

/// Programs read the members that docs/plan.md names, and find no others.
#[test]
fn every_member_of_the_json_is_documented() {
    let document = include_str!("../../docs/plan.md");
    let documented: BTreeSet<&str> = document.split('`').skip(1).step_by(2).collect();
    let mut members = BTreeSet::new();
    for Situation { report, .. } in situations() {
        collect(&serde_json::to_value(&report).unwrap(), &mut members);
    }
    let missing: Vec<_> = members
        .iter()
        .filter(|member| !documented.contains(member.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Names of members, but for those in a value that was changed: they are AWS's.
fn collect(value: &Value, members: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                members.insert(name.clone());
                if !["from", "to", "value"].contains(&name.as_str()) {
                    collect(value, members);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, members)),
        _ => {}
    }
}

/// A forecast that makes the same call on the same thing to the same end twice does not know what that call does.
fn goes_round(name: &str, report: &Report) {
    let mut seen = BTreeSet::new();
    for step in report.waves.iter().flat_map(|wave| &wave.steps) {
        let fields: Vec<_> = step
            .changes
            .iter()
            .map(|shown| (&shown.change.path, &shown.change.to))
            .collect();
        let call = format!("{} {} {fields:?}", step.call, step.subject);
        assert!(seen.insert(call.clone()), "{name}: {call} twice");
    }
}
