//! The versions of a unit's secrets as part of its task definition, so that a new version is a new rollout.
//!
//! Pure: (Spec, Resources, versions by parameter) → Resources. ECS reads a secret when a task starts and never again, so a changed
//! parameter reaches a running task by a new task only. The versions are metadata; no value is looked at. What the program reads
//! anew by itself has none, and what the manifest leaves as it is found stays so.

use std::collections::BTreeMap;

use super::resource::Resources;
use super::spec::Spec;

const PLACE: [&str; 3] = ["task_definition", "container", "secret_versions"];

/// What is wanted, with the version of every secret that is there. Doing it twice is doing it once.
pub fn versioned(
    spec: &Spec,
    mut desired: Resources,
    versions: &BTreeMap<String, i64>,
) -> Resources {
    let left = |place: &str| spec.leave.contains_key(place);
    if (1..=PLACE.len()).any(|words| left(&PLACE[..words].join("."))) {
        return desired;
    }
    let container = &mut desired.task_definition.container;
    for (variable, parameter) in spec.task.parameters() {
        let is_left = left(&format!("{}.{variable}", PLACE.join(".")));
        let version = versions.get(parameter);
        let version = version.filter(|_| !is_left && !spec.task.reads_anew(variable));
        if let Some(version) = version {
            container
                .secret_versions
                .insert(variable.to_owned(), *version);
        }
    }
    desired
}
