//! A plan as it is shown: every wave of the run, each change with the line that asks for it and what it does.
//!
//! Pure. Takes the manifest for its lines, the two sides for the plan, and gives a value that is printed as text, as Markdown
//! for a pull request, or as JSON; the three say the same. No value of a secret is in it: those were never read, and a
//! setting whose name looks like one is a digest from the moment it is compared ([`diff`](super::diff)).

use serde::Serialize;
use serde_json::Value;

use super::forecast::forecast;
use super::impact::{Impact, impact};
use super::untouched::{Untouched, untouched};
use super::{Blocked, Change, Kind, Note, Step, Subject, Waiting, plan};
use crate::reconciler::manifest::Manifest;
use crate::reconciler::normal::row;
use crate::reconciler::observed::Observed;
use crate::reconciler::resource::Resources;
use crate::reconciler::spec::Spec;

mod markdown;
mod text;

pub(super) use text::values;

/// What a whole run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The unit's name.
    pub unit: String,
    /// Nothing to do, nothing to wait for, nothing in the way.
    pub settled: bool,
    /// What is done together; each wave needs the one before to be seen in AWS.
    pub waves: Vec<Wave>,
    /// What comes true by itself, or is never done because of what is blocked.
    pub waiting: Vec<Waiting>,
    /// What needs a person.
    pub blocked: Vec<Blocked>,
    /// What is somebody else's to set.
    pub untouched: Vec<Untouched>,
    /// What is no difference, and somebody should know.
    pub notes: Vec<Note>,
    /// From the first call to the last task, at least and at most: the waits of the waves, one after the other.
    pub seconds: (u32, u32),
}

/// Steps that do not need each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wave {
    /// From 1.
    pub wave: usize,
    /// In the order they are tried.
    pub steps: Vec<Shown>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// `+` is made, `~` changed, `-` taken away.
    pub sign: char,
    /// What it is about.
    pub subject: Subject,
    /// The AWS call, as IAM and CloudTrail have it.
    pub call: &'static str,
    /// Who asks for the resource.
    pub asked: Asked,
    /// Field by field; empty where the whole resource is made or taken away.
    pub changes: Vec<ShownChange>,
    /// What it does to what runs.
    pub effect: Impact,
}

/// One field of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownChange {
    /// Where, what it is and what it will be.
    #[serde(flatten)]
    pub change: Change,
    /// Who asks for that.
    pub asked: Asked,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Asked {
    /// These lines, `file:line`.
    Lines(Vec<String>),
    /// The defaults of these manifest fields.
    Defaults(Vec<String>),
    /// Nobody: the reconciler writes it for every unit.
    Always,
    /// Nobody: it is taken away.
    Nowhere,
}

/// What `manifest` makes of what was observed.
pub fn report(
    manifest: &Manifest,
    spec: &Spec,
    desired: &Resources,
    observed: &Observed,
) -> Report {
    let plans = forecast(spec, desired, observed);
    let first = plan(spec, desired, observed);
    let last = plans.last().unwrap_or(&first);
    let moving = |waiting: &&Waiting| plans.len() == 1 || !matches!(waiting, Waiting::Needs { .. });
    let mut waiting: Vec<Waiting> = first.waiting.iter().filter(moving).cloned().collect();
    let mut blocked = first.blocked.clone();
    for later in &last.waiting {
        if !waiting.contains(later) && matches!(later, Waiting::Needs { .. }) {
            waiting.push(later.clone());
        }
    }
    for later in &last.blocked {
        if !blocked.contains(later) {
            blocked.push(later.clone());
        }
    }
    let shown = |step: &Step| {
        let subject = &step.subject;
        let change = |change: &Change| ShownChange {
            asked: asked(manifest, &field(subject, desired, &change.path)),
            change: change.clone(),
        };
        Shown {
            sign: step.sign(),
            subject: subject.clone(),
            call: step.call.operation(),
            asked: match step.sign() {
                '-' => Asked::Nowhere,
                _ => asked(manifest, &identity(root(subject, desired))),
            },
            changes: step.changes.iter().map(change).collect(),
            effect: impact(step, desired, observed),
        }
    };
    let waves: Vec<Wave> = plans
        .iter()
        .filter(|plan| !plan.steps.is_empty())
        .enumerate()
        .map(|(index, plan)| Wave {
            wave: index + 1,
            steps: plan.steps.iter().map(shown).collect(),
        })
        .collect();
    Report {
        unit: spec.name.clone(),
        settled: first.is_settled(),
        seconds: seconds(&waves),
        waves,
        waiting,
        blocked,
        untouched: untouched(spec, desired, observed),
        notes: first.notes.clone(),
    }
}

impl Report {
    /// How many steps there are of a sign.
    fn count(&self, sign: char) -> usize {
        let steps = self.waves.iter().flat_map(|wave| &wave.steps);
        steps.filter(|step| step.sign == sign).count()
    }

    /// One line: how much there is to do.
    fn sum(&self) -> String {
        let waves = match self.waves.len() {
            0 | 1 => String::new(),
            waves => format!(" in {waves} waves"),
        };
        format!(
            "{} to create, {} to change, {} to delete{waves}; {} waiting, {} blocked",
            self.count('+'),
            self.count('~'),
            self.count('-'),
            self.waiting.len(),
            self.blocked.len()
        )
    }
}

/// A wave is over when its slowest step is.
fn seconds(waves: &[Wave]) -> (u32, u32) {
    let longest = |wave: &Wave, pick: fn(&super::impact::Takes) -> u32| {
        let takes = wave
            .steps
            .iter()
            .filter_map(|step| step.effect.takes.as_ref());
        takes.map(pick).max().unwrap_or(0)
    };
    let sum = |pick| waves.iter().map(|wave| longest(wave, pick)).sum();
    (
        sum(|takes| takes.seconds_min),
        sum(|takes| takes.seconds_max),
    )
}

/// Where a subject's fields stand in [`Resources`], and so in the table of the normal form.
fn root(subject: &Subject, desired: &Resources) -> &'static str {
    fn is_named<T>(it: &Option<T>, name: fn(&T) -> &String, wanted: &str) -> bool {
        it.as_ref().is_some_and(|it| name(it) == wanted)
    }
    match subject.kind {
        Kind::LogGroup => "log_group",
        Kind::MetricFilter => "metric_filters.*",
        Kind::Role if subject.name == desired.execution_role.name => "execution_role",
        Kind::Role if is_named(&desired.rollout_role, |it| &it.name, &subject.name) => {
            "rollout_role"
        }
        Kind::Role => "task_role",
        Kind::TargetGroup
            if is_named(
                &desired.alternate_target_group,
                |it| &it.name,
                &subject.name,
            ) =>
        {
            "alternate_target_group"
        }
        Kind::ListenerRule
            if desired
                .test_rule
                .as_ref()
                .is_some_and(|it| it.hosts.contains(&subject.name)) =>
        {
            "test_rule"
        }
        Kind::TargetGroup => "target_group",
        Kind::ListenerRule => "listener_rule",
        Kind::Discovery => "discovery",
        Kind::TaskDefinition => "task_definition",
        Kind::Service => "service",
        Kind::ScalableTarget => "scalable_target",
        Kind::ScalingPolicy => "scaling_policies.*",
        Kind::ScheduledAction => "scheduled_actions.*",
        Kind::Topic | Kind::Subscription => "topic",
        Kind::Alarm => "alarms.*",
        Kind::CompositeAlarm => "composite_alarms.*",
        Kind::Dashboard => "dashboard",
        // Referenced, never the subject of a step.
        Kind::Cluster
        | Kind::LoadBalancer
        | Kind::HttpsListener
        | Kind::Namespace
        | Kind::Parameter
        | Kind::Repository
        | Kind::Record
        | Kind::Subnet
        | Kind::SecurityGroup
        | Kind::Image => "",
    }
}

/// A changed field's path in [`Resources`], a `*` for the name of one of many. The service's call brings the revision along,
/// whose fields are the task definition's.
pub fn field(subject: &Subject, desired: &Resources, path: &str) -> String {
    if path.starts_with("task_definition.") {
        path.to_owned()
    } else {
        format!("{}.{path}", root(subject, desired))
    }
}

/// The field that says there should be such a thing at all.
fn identity(root: &str) -> String {
    match root {
        "task_definition" => "task_definition.family".to_owned(),
        "listener_rule" => "listener_rule.hosts".to_owned(),
        "test_rule" => "test_rule.hosts".to_owned(),
        "scalable_target" => "scalable_target.min".to_owned(),
        "metric_filters.*" => "metric_filters.*.metric".to_owned(),
        "scaling_policies.*" => "scaling_policies.*.tracking.target".to_owned(),
        "scheduled_actions.*" => "scheduled_actions.*.schedule".to_owned(),
        "alarms.*" => "alarms.*.threshold".to_owned(),
        "composite_alarms.*" => "composite_alarms.*.rule".to_owned(),
        root => format!("{root}.name"),
    }
}

fn asked(manifest: &Manifest, path: &str) -> Asked {
    let fields = row(path).map(|row| row.asked_by(path)).unwrap_or_default();
    let mut lines: Vec<String> = fields
        .iter()
        .filter_map(|field| manifest.line(field))
        .collect();
    if lines.is_empty() {
        // An entry that is gone was taken out of the mapping it stood in.
        let asks = row(path).map(|row| row.asks).unwrap_or_default();
        let parents = asks.iter().filter_map(|ask| ask.strip_suffix(".*"));
        lines.extend(parents.filter_map(|parent| manifest.line(parent)));
    }
    lines.dedup();
    match (lines.is_empty(), fields.is_empty()) {
        (false, _) => Asked::Lines(lines),
        (true, false) => Asked::Defaults(fields),
        (true, true) => Asked::Always,
    }
}

/// A value on one line, cut where it would no longer help.
fn brief(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 120;
    if value.is_null() {
        return "absent".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
