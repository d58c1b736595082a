//! What the manifest leaves as it is found (`spec.leave`): the way in for a service that somebody else made.
//!
//! Takes what is wanted and what was observed, gives what is wanted with the observed value in every place that is left. So
//! a left field is never a change, and a call that has to name it names what is there. A resource that is left and not
//! there is not made; `plan` asks [`is_left`] before each step. Pure.
//!
//! A place is written as the plan prints it, below the resource's own name: `service.circuit_breaker`,
//! `task_definition.container.environment.API_KEY`, `alarms.hokusai-contracts-development-cpu`, `discovery`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::observed::{Found, Observed};
use super::plan::{Kind, Subject, our_rule, test_rule};
use super::resource::Resources;
use super::spec::Spec;

/// The first words of a place, one per member of [`Resources`].
pub const ROOTS: [&str; 19] = [
    "log_group",
    "metric_filters",
    "execution_role",
    "task_role",
    "target_group",
    "alternate_target_group",
    "test_rule",
    "rollout_role",
    "listener_rule",
    "discovery",
    "task_definition",
    "service",
    "scalable_target",
    "scaling_policies",
    "scheduled_actions",
    "topic",
    "alarms",
    "composite_alarms",
    "dashboard",
];

/// What is wanted once everything that is left is as it was found.
pub fn leave(spec: &Spec, desired: Resources, observed: &Observed) -> Resources {
    if spec.leave.is_empty() {
        return desired;
    }
    let found = found(spec, observed);
    let Ok(mut wanted) = serde_json::to_value(&desired) else {
        return desired;
    };
    for place in spec.leave.keys() {
        let words: Vec<&str> = place.split('.').collect();
        put(&mut wanted, &words, at(&found, &words));
    }
    // Every value came from the same type; were one ever not to fit, nothing is left rather than something invented.
    serde_json::from_value(wanted).unwrap_or(desired)
}

/// Whether a whole resource is left.
pub fn is_left(spec: &Spec, subject: &Subject) -> bool {
    let Some(place) = place(spec, subject) else {
        return false;
    };
    let whole = place.split('.').next().unwrap_or_default();
    spec.leave.contains_key(&place) || spec.leave.contains_key(whole)
}

/// Where a resource stands among [`Resources`]; none for what is referenced only.
pub fn place(spec: &Spec, subject: &Subject) -> Option<String> {
    let Subject { kind, name } = subject;
    let shifting = spec.shifting();
    let test = shifting.and_then(|shifting| shifting.test.as_ref());
    Some(match kind {
        Kind::LogGroup => "log_group".to_owned(),
        Kind::MetricFilter => format!("metric_filters.{name}"),
        Kind::Role if *name == spec.task.execution_role => "execution_role".to_owned(),
        Kind::Role if *name == spec.rollout_role() => "rollout_role".to_owned(),
        Kind::Role => "task_role".to_owned(),
        Kind::TargetGroup if shifting.is_some_and(|it| it.target_group == *name) => {
            "alternate_target_group".to_owned()
        }
        Kind::ListenerRule if test.is_some_and(|test| test.host == *name) => "test_rule".to_owned(),
        Kind::TargetGroup => "target_group".to_owned(),
        Kind::ListenerRule => "listener_rule".to_owned(),
        Kind::Discovery => "discovery".to_owned(),
        Kind::TaskDefinition => "task_definition".to_owned(),
        Kind::Service => "service".to_owned(),
        Kind::ScalableTarget => "scalable_target".to_owned(),
        Kind::ScalingPolicy => format!("scaling_policies.{name}"),
        Kind::ScheduledAction => format!("scheduled_actions.{name}"),
        Kind::Topic => "topic".to_owned(),
        Kind::Subscription => "topic.subscriptions".to_owned(),
        Kind::Alarm => format!("alarms.{name}"),
        Kind::CompositeAlarm => format!("composite_alarms.{name}"),
        Kind::Dashboard => "dashboard".to_owned(),
        Kind::Cluster
        | Kind::LoadBalancer
        | Kind::HttpsListener
        | Kind::Namespace
        | Kind::Parameter
        | Kind::Repository
        | Kind::Image
        | Kind::Record
        | Kind::Subnet
        | Kind::SecurityGroup => return None,
    })
}

/// What was observed, in the form of [`Resources`]; null where it is not there.
fn found(spec: &Spec, observed: &Observed) -> Value {
    fn value<T>(found: Option<&Found<T>>) -> Option<&T> {
        found.map(|found| &found.value)
    }
    let running = observed.service.as_ref();
    fn values<T>(found: &BTreeMap<String, Found<T>>) -> BTreeMap<&String, &T> {
        found.iter().map(|(name, it)| (name, &it.value)).collect()
    }
    json!({
        "log_group": value(observed.log_group.as_ref()),
        "metric_filters": observed.metric_filters,
        "execution_role": value(observed.execution_role.as_ref()),
        "task_role": value(observed.task_role.as_ref()),
        "target_group": value(observed.target_group.as_ref()),
        "alternate_target_group": value(observed.alternate_target_group.as_ref()),
        "test_rule": value(test_rule(spec, &observed.rules)),
        "rollout_role": value(observed.rollout_role.as_ref()),
        "listener_rule": value(our_rule(spec, observed)),
        "discovery": value(observed.discovery.as_ref()),
        "task_definition": running.map(|running| &running.definition),
        "service": running.map(|running| &running.found.value),
        "scalable_target": observed.scalable_target,
        "scaling_policies": observed.scaling_policies,
        "scheduled_actions": observed.scheduled_actions,
        "topic": observed.topic.as_ref().map(|topic| &topic.found.value),
        "alarms": values(&observed.alarms),
        "composite_alarms": values(&observed.composite_alarms),
        "dashboard": value(observed.dashboard.as_ref()),
    })
}

fn at<'v>(value: &'v Value, words: &[&str]) -> Option<&'v Value> {
    words.iter().try_fold(value, |value, word| value.get(word))
}

/// Sets the member at a path, or takes it away where there is none to set. A whole resource that is not there keeps its
/// wanted value, which no step makes.
fn put(value: &mut Value, words: &[&str], found: Option<&Value>) {
    let Some((last, path)) = words.split_last() else {
        return;
    };
    let parent = path
        .iter()
        .try_fold(value, |value, word| value.get_mut(word))
        .and_then(Value::as_object_mut);
    let Some(parent): Option<&mut Map<String, Value>> = parent else {
        return;
    };
    match found {
        Some(found) if path.is_empty() && found.is_null() => {}
        Some(found) => drop(parent.insert((*last).to_owned(), found.clone())),
        None => drop(parent.remove(*last)),
    }
}
