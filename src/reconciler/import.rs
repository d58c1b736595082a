//! A service that is there already → a manifest on which `plan` is empty.
//!
//! Takes a cluster's service, however it was made; gives the manifest's text, with what it cannot say as `leave` lines and
//! warnings. Writes nothing to AWS: handing over ([`hand_over`]) is asked for by itself and only tags.
//!
//! ```text
//! service → names → draft ─believe→ Spec ─look→ plan ─→ what differs becomes a `leave` line ─┐
//!                     └───────────────────────── until nothing differs ─────────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::aws::{Aws, AwsError, Clients, tag};
use super::leave::place;
use super::manifest::{Manifest, Problem};
use super::observe::look;
use super::observed::{Found, Observed};
use super::plan::{Blocked, Kind, Plan, Step, Subject, Waiting, our_rule, plan};
use super::resource::Resources;
use super::secretive::clue;
use super::spec::Spec;

mod draft;
mod names;

pub use names::{Asked, Names};

use draft::Draft;

/// What differs may hide what else differs; each round uncovers one layer, and there are no more than these.
const ROUNDS_MAX: usize = 6;

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS gave no answer to work with.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// There is nothing to import.
    #[error("there is no service {0} in that cluster")]
    NoService(String),
    /// AWS does not say what the manifest has to.
    #[error("{what}: {fix}")]
    Unknown {
        /// What is not known.
        what: String,
        /// The option that says it.
        fix: String,
    },
    /// The service has something that no manifest can say and nothing can be left about.
    #[error("a manifest cannot say what the service has:\n{}", lines(.0))]
    Inexpressible(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    let lines = problems
        .iter()
        .map(|problem| format!("  {}: {}: {}", problem.field, problem.what, problem.fix));
    lines.collect::<Vec<_>>().join("\n")
}

/// A manifest for a service.
#[derive(Debug)]
pub struct Imported {
    /// The manifest's text.
    pub text: String,
    /// The same, believed.
    pub spec: Spec,
    /// What a person should know; no value of a secret is in it.
    pub warnings: Vec<String>,
    /// What `plan` still has to say; nothing, unless the service is moving or broken.
    pub plan: Plan,
    /// What has no owner and would be handed over: ARN by subject.
    pub untagged: Vec<(Subject, String)>,
}

/// Reads a service and writes its manifest.
pub async fn import(aws: &Clients, asked: &Asked) -> Result<Imported, Error> {
    let names = Box::pin(names::names(aws, asked)).await?;
    let mut draft = Draft::new(&names);
    let mut spec = draft.believe()?;
    // With names alone everything around the service can be read; what it says is the second draft.
    let (_, observed) = look(aws, &spec).await?;
    draft.refine(&observed);
    spec = draft.believe()?;
    for _ in 0..ROUNDS_MAX {
        let (wanted, observed) = look(aws, &spec).await?;
        let left = differences(&spec, &wanted, &observed);
        if left.is_empty() {
            let plan = plan(&spec, &wanted, &observed);
            let mut warnings = draft.warnings.clone();
            warnings.extend(plan.blocked.iter().map(ToString::to_string));
            return Ok(Imported {
                text: draft.text(),
                untagged: untagged(&spec, &observed),
                spec,
                warnings,
                plan,
            });
        }
        draft.leave(left);
        spec = draft.believe()?;
    }
    Err(Error::Unknown {
        what: "the service changes while it is read".to_owned(),
        fix: "import it again once it is stable".to_owned(),
    })
}

/// Every place in which the service is not as its draft says, and why it is left: as if all of it were ours.
fn differences(spec: &Spec, wanted: &Resources, observed: &Observed) -> BTreeMap<String, String> {
    let plan = plan(spec, wanted, &owned(spec, observed));
    let mut left = BTreeMap::new();
    for Step {
        subject,
        call,
        changes,
    } in &plan.steps
    {
        let Some(root) = place(spec, subject) else {
            continue;
        };
        if changes.is_empty() {
            let deletes = call.operation().contains(":De");
            let reason = if deletes {
                "is there today, and not in the manifest"
            } else {
                "is not there today"
            };
            left.insert(root.clone(), reason.to_owned());
        }
        for change in changes {
            left.extend([leaf(subject, &root, &change.path, &change.from.to_string())]);
        }
    }
    for blocked in &plan.blocked {
        if let Blocked::Immutable { subject, changes } = blocked
            && let Some(root) = place(spec, subject)
        {
            for change in changes {
                left.extend([leaf(subject, &root, &change.path, &change.from.to_string())]);
            }
        }
    }
    for waiting in &plan.waiting {
        if let Waiting::Needs { subject, needs: _ } = waiting
            && let Some(root) = place(spec, subject)
            && subject.kind != Kind::Service
        {
            left.insert(root, "is not there today".to_owned());
        }
    }
    // Where there are none at all, one line says so.
    let none = [
        ("alarms", observed.alarms.is_empty()),
        ("composite_alarms", observed.composite_alarms.is_empty()),
        ("scaling_policies", observed.scaling_policies.is_empty()),
        ("metric_filters", observed.metric_filters.is_empty()),
    ];
    for (root, _) in none.into_iter().filter(|(_, none)| *none) {
        let before = left.len();
        left.retain(|place, _| !place.starts_with(&format!("{root}.")));
        if left.len() < before {
            left.insert(root.to_owned(), "there are none today".to_owned());
        }
    }
    left
}

/// One field's place and why it is left.
fn leaf(subject: &Subject, root: &str, path: &str, found: &str) -> (String, String) {
    const FOUND_MAX: usize = 80;
    // The service's changes include those of what it runs.
    let place = if subject.kind == Kind::Service && path.starts_with("task_definition.") {
        path.to_owned()
    } else {
        format!("{root}.{path}")
    };
    let variable = place.strip_prefix("task_definition.container.environment.");
    let reason = match variable {
        Some(name) if clue(name, found.trim_matches('"')).is_some() => {
            "is a secret in plain text: put it into Parameter Store, name it under spec.task.secrets, and change it"
                .to_owned()
        }
        _ => {
            let found: String = found.chars().take(FOUND_MAX).collect();
            match found.as_str() {
                "null" => "is not there today".to_owned(),
                // A policy or a list, which helps nobody cut off.
                found if found.starts_with(['{', '[']) => "is otherwise today".to_owned(),
                found => format!("is {found} today"),
            }
        }
    };
    (place, reason)
}

/// The observed world as it is once everything untagged has been handed over.
fn owned(spec: &Spec, observed: &Observed) -> Observed {
    fn own<T>(unit: &str, found: &mut Found<T>) {
        found.owner.get_or_insert_with(|| unit.to_owned());
    }
    let rule = our_rule(spec, observed).map(|rule| rule.arn.clone());
    let mut world = observed.clone();
    let unit = spec.name.as_str();
    if let Some(found) = &mut world.log_group {
        own(unit, found);
    }
    for role in [&mut world.execution_role, &mut world.task_role]
        .into_iter()
        .flatten()
    {
        own(unit, role);
    }
    if let Some(found) = &mut world.target_group {
        own(unit, found);
    }
    if let Some(found) = &mut world.discovery {
        own(unit, found);
    }
    if let Some(running) = &mut world.service {
        own(unit, &mut running.found);
    }
    for found in world
        .rules
        .iter_mut()
        .filter(|found| Some(&found.arn) == rule.as_ref())
    {
        own(unit, found);
    }
    for found in world.alarms.values_mut() {
        own(unit, found);
    }
    for found in world.composite_alarms.values_mut() {
        own(unit, found);
    }
    if let Some(topic) = &mut world.topic {
        own(unit, &mut topic.found);
    }
    if let Some(found) = &mut world.dashboard {
        own(unit, found);
    }
    world
}

/// What is there under the manifest's names and carries no owner tag.
fn untagged(spec: &Spec, observed: &Observed) -> Vec<(Subject, String)> {
    fn row<T>(kind: Kind, name: &str, found: &Found<T>) -> Option<(Subject, String)> {
        let free = found.owner.is_none();
        free.then(|| (Subject::new(kind, name), found.arn.clone()))
    }
    let mut rows: Vec<Option<(Subject, String)>> = Vec::new();
    let service = observed.service.as_ref();
    rows.extend(service.map(|it| row(Kind::Service, &spec.name, &it.found)));
    let group = observed.target_group.as_ref();
    rows.extend(group.map(|it| row(Kind::TargetGroup, &it.value.name, it)));
    rows.extend(
        our_rule(spec, observed).map(|it| row(Kind::ListenerRule, &spec.load_balancer.host, it)),
    );
    let roles = [&observed.execution_role, &observed.task_role];
    rows.extend(
        roles
            .into_iter()
            .flatten()
            .map(|it| row(Kind::Role, &it.value.name, it)),
    );
    let logs = observed.log_group.as_ref();
    rows.extend(logs.map(|it| row(Kind::LogGroup, &it.value.name, it)));
    rows.extend(observed.discovery.as_ref().map(|it| {
        let name = format!("{}.{}", it.value.name, it.value.namespace);
        row(Kind::Discovery, &name, it)
    }));
    rows.into_iter().flatten().collect()
}

/// Tags what has no owner yet with the unit's name; nothing else about it is changed.
pub async fn hand_over(aws: &Aws, imported: &Imported) -> Result<BTreeSet<Subject>, AwsError> {
    let mut tagged = BTreeSet::new();
    for (subject, arn) in &imported.untagged {
        tag::own(&aws.write, subject, arn, &imported.spec.name).await?;
        tagged.insert(subject.clone());
    }
    Ok(tagged)
}

/// What a believed draft is read from; the file is what problems would name.
fn believe(text: &str) -> Result<Spec, Vec<Problem>> {
    let manifest = Manifest::parse("(imported)", text).map_err(|problem| vec![problem])?;
    Spec::believe(&manifest)
}
