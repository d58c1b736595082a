//! Every field of a unit changed by somebody else: the plan shows exactly that field, and heals it.
//!
//! The fields are those of the types (`leaves`), so that a new one is tried from the moment it exists. Each is changed through AWS's
//! API, by a reconciler that wants something else; what AWS does not take, or that reconciler cannot write, is changed
//! in what was observed. `FIELD_SEEDS` is how many generated manifests are tried; where it is not set it is one, of which a dozen
//! fields go through AWS: all of them take a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::reconciler::apply::apply;
use contracts::reconciler::converge::Outcome;
use contracts::reconciler::desired::desired;
use contracts::reconciler::normal::{Order, row};
use contracts::reconciler::observe::observe;
use contracts::reconciler::observed::{Found, Observed};
use contracts::reconciler::plan::{Blocked, Kind, Plan, Step, field, forecast, plan};
use contracts::reconciler::resource::{ListenerRule, Resources, ScalingPolicy};
use contracts::reconciler::spec::Spec;
use contracts::reconciler::versions::versioned;
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::generate;
use crate::leaves::leaves;

/// Passes until a wave of writes has no successor: creating everything takes four.
const PASSES_MAX: usize = 12;

#[test]
fn a_field_changed_by_somebody_else_is_all_the_plan_shows_and_is_healed() {
    let seeds = std::env::var("FIELD_SEEDS").ok();
    let through_aws = if seeds.is_some() { usize::MAX } else { 12 };
    for seed in 0..seeds.map_or(1, |seeds| seeds.parse().unwrap()) {
        println!("seed {seed}");
        let runtime = paused();
        let rolling = generate::manifest(seed);
        let (mut tried, held) = runtime.block_on(every_field(seed, &rolling, through_aws, None));
        // Once more with what only a strategy that moves requests has.
        let runtime = paused();
        let (rest, _) =
            runtime.block_on(every_field(seed, &generate::shifting(seed), 0, Some(&held)));
        tried.extend(rest);
        let (fields, _) = leaves::<Resources>();
        let untried: Vec<_> = fields.difference(&tried).collect();
        assert!(untried.is_empty(), "nobody tried {untried:#?}");
    }
}

fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Gives the fields of the types that were tried, and what is wanted. A value that is in `held` was tried before.
async fn every_field(
    seed: u64,
    manifest: &str,
    mut through_aws_left: usize,
    held: Option<&Value>,
) -> (BTreeSet<String>, Value) {
    let account = Account::of(manifest).await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{manifest}\n{steps:#?}");
    let wanted = desired(&account.spec);
    let (observed, decided) = look(&account, &wanted).await;
    let wanted = versioned(&account.spec, wanted, &observed.secret_versions);
    assert!(decided.is_settled(), "{decided}");

    let (fields, _) = leaves::<Resources>();
    let mut tried = BTreeMap::<String, &str>::new();
    let whole = serde_json::to_value(&wanted).unwrap();
    let mut leaves_left = leaves_of(&wanted);
    leaves_left.retain(|leaf| held.is_none_or(|held| leaf.get(&whole) != leaf.get(held)));
    for leaf in one_each(seed, leaves_left) {
        let general = general(&leaf, &fields);
        if row(&leaf.dotted()).is_some_and(|row| row.order == Order::Name) {
            tried.insert(general, "is a name");
            continue;
        }
        let tries_left = through_aws_left > 0;
        through_aws_left = through_aws_left.saturating_sub(1);
        let how = if tries_left && through_aws(&account, &wanted, &leaf).await {
            "through AWS"
        } else if in_what_was_observed(&account.spec, &wanted, &observed, &leaf) {
            "in what was observed"
        } else {
            // Nothing, or a list of none, whose parts no word makes up; the other manifest of the seed has them.
            assert!(
                [json!([]), json!(null)].contains(leaf.get(&whole)),
                "{leaf:?}"
            );
            continue;
        };
        // Either way a field was really changed; AWS's own answer is the better evidence.
        let best = tried.entry(general).or_insert(how);
        if how == "through AWS" {
            *best = how;
        }
    }
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    another_kind(&account.spec, &wanted, &observed);
    let kind = "scaling_policies.*.other.kind".to_owned();
    tried.insert(kind, "in what was observed");

    for how in ["through AWS", "in what was observed", "is a name"] {
        let fields: Vec<_> = tried.iter().filter(|(_, by)| **by == how).collect();
        let names: Vec<_> = fields.iter().map(|(path, _)| path.as_str()).collect();
        println!("{} fields {how}: {}", names.len(), names.join(" "));
    }
    (tried.into_keys().collect(), whole)
}

/// A scaling policy of a kind that no manifest asks for is put back as a whole.
fn another_kind(spec: &Spec, wanted: &Resources, observed: &Observed) {
    let mut world = observed.clone();
    let (_, policy) = world.scaling_policies.iter_mut().next().unwrap();
    let kind = "PredictiveScaling".to_owned();
    *policy = ScalingPolicy::Other { kind };
    let decided = plan(spec, wanted, &world);
    let [step] = &decided.steps[..] else {
        panic!("{decided}");
    };
    let mut changes = step.changes.iter();
    assert!(changes.any(|change| change.path == "other"), "{decided}");
    assert!(forecast(spec, wanted, &world).pop().unwrap().is_settled());
}

/// The field of the types that a leaf is one of.
fn general(leaf: &Leaf, fields: &BTreeSet<String>) -> String {
    let covers = |field: &&String| {
        let parts: Vec<&str> = field.split('.').collect();
        let same = |(part, name): (&&str, &String)| *part == "*" || *part == name.as_str();
        parts.len() == leaf.0.len() && parts.iter().zip(&leaf.0).all(same)
    };
    fields.iter().find(covers).cloned().unwrap_or(leaf.dotted())
}

/// One field, by the names that lead to it.
#[derive(Debug, Clone)]
struct Leaf(Vec<String>);

impl Leaf {
    fn dotted(&self) -> String {
        self.0.join(".")
    }

    fn get<'v>(&self, mut value: &'v Value) -> &'v Value {
        for name in &self.0 {
            value = match name.parse::<usize>() {
                Ok(index) if value.is_array() => &value[index],
                _ => &value[name],
            };
        }
        value
    }

    fn set(&self, mut value: &mut Value, new: Value) {
        for name in &self.0 {
            value = match name.parse::<usize>() {
                Ok(index) if value.is_array() => &mut value[index],
                _ => &mut value[name],
            };
        }
        *value = new;
    }
}

/// Every field that a unit's values have, JSON of AWS's own being one, and one for each mapping that has no entry.
fn leaves_of(wanted: &Resources) -> Vec<Leaf> {
    fn walk(path: &[String], value: &Value, found: &mut Vec<Leaf>) {
        let dotted = path.join(".");
        let whole = row(&dotted).is_some_and(|row| row.path.split('.').count() == path.len());
        match value.as_object() {
            Some(members) if !whole && !members.is_empty() => {
                for (name, member) in members {
                    let path = [path, std::slice::from_ref(name)].concat();
                    walk(&path, member, found);
                }
            }
            Some(members) if !whole && members.is_empty() => {
                found.push(Leaf([path, &["by-hand".to_owned()]].concat()));
            }
            _ => found.push(Leaf(path.to_vec())),
        }
    }
    let mut found = Vec::new();
    walk(&[], &serde_json::to_value(wanted).unwrap(), &mut found);
    found
}

/// Of the many alarms, policies, settings and so on, one each.
fn one_each(seed: u64, leaves: Vec<Leaf>) -> Vec<Leaf> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut leaves = leaves;
    random.shuffle(&mut leaves);
    let mut seen = BTreeSet::new();
    leaves.retain(|leaf| seen.insert(row(&leaf.dotted()).map(|row| row.path)));
    leaves
}

/// Other values of a field, those AWS is likelier to take first.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![
            json!("by-hand"),
            json!({ "Statement": [] }),
            json!(7),
            json!(true),
        ],
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(number) if number.is_f64() => vec![json!(number.as_f64().unwrap() + 1.0)],
        Value::Number(number) => {
            let number = number.as_i64().unwrap();
            let next = [number + 1, number - 1, number * 2, number / 2, 90];
            next.into_iter()
                .filter(|next| *next != number)
                .map(Value::from)
                .collect()
        }
        Value::String(text) => {
            let words = [
                "Average",
                "LessThanThreshold",
                "GreaterThanThreshold",
                "ignore",
                "ARM64",
                "ECSServiceAverageCPUUtilization",
                "ECSServiceAverageMemoryUtilization",
                "none",
            ];
            let words = words
                .into_iter()
                .filter(|word| word != text)
                .map(Value::from);
            [json!(format!("{text}x"))]
                .into_iter()
                .chain(words)
                .collect()
        }
        Value::Array(items) => {
            let more = [items.clone(), vec![json!("by-hand")]].concat();
            let fewer = items.iter().skip(1).cloned().collect();
            let mut next = vec![Value::Array(more)];
            next.extend((!items.is_empty()).then_some(Value::Array(fewer)));
            next
        }
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("Id".to_owned(), json!("by-hand"));
            vec![Value::Object(more), Value::Object(Map::new())]
        }
    }
}

async fn look(account: &Account, wanted: &Resources) -> (Observed, Plan) {
    let observed = observe(&account.aws.read, &account.spec, wanted)
        .await
        .unwrap();
    let decided = plan(&account.spec, wanted, &observed);
    (observed, decided)
}

/// How writing something ended.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    /// AWS has it.
    Done,
    /// AWS refused it.
    Refused,
    /// AWS took it and it is not there, or nobody even tried.
    Never,
}

/// Writes until there is nothing left to write; rollouts are not waited for.
async fn write(account: &Account, wanted: &Resources) -> Written {
    let mut before = Vec::new();
    for _ in 0..PASSES_MAX {
        let (_, decided) = look(account, wanted).await;
        if decided.steps.is_empty() && decided.blocked.is_empty() {
            return Written::Done;
        }
        if decided.steps.is_empty() || decided.steps == before {
            return Written::Never;
        }
        for step in &decided.steps {
            if apply(&account.aws, &account.spec, step).await.is_err() {
                return Written::Refused;
            }
        }
        before = decided.steps;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Written::Never
}

/// Somebody who wants another value writes it; the plan must show that field and no other, and writing it must undo it.
async fn through_aws(account: &Account, wanted: &Resources, leaf: &Leaf) -> bool {
    let whole = serde_json::to_value(wanted).unwrap();
    for other in others(leaf.get(&whole)) {
        let mut changed = whole.clone();
        leaf.set(&mut changed, other.clone());
        let Ok(theirs) = serde_json::from_value::<Resources>(changed) else {
            continue;
        };
        let mut written = write(account, &theirs).await;
        let (observed, decided) = look(account, wanted).await;
        let world = serde_json::to_value(&observed).unwrap();
        if *seen(leaf, &account.spec, &observed).get(&world) == other {
            shows_only(wanted, &decided, leaf, &other);
        } else if written == Written::Done {
            written = Written::Never;
        }
        let healed = write(account, wanted).await == Written::Done;
        assert!(healed, "{leaf:?} = {other} does not heal");
        if written != Written::Refused {
            return written == Written::Done;
        }
    }
    false
}

/// The same where AWS cannot be brought to it; whether there was another value to try.
fn in_what_was_observed(spec: &Spec, wanted: &Resources, observed: &Observed, leaf: &Leaf) -> bool {
    let whole = serde_json::to_value(wanted).unwrap();
    let mut tried = 0;
    for other in others(leaf.get(&whole)) {
        let mut world = serde_json::to_value(observed).unwrap();
        seen(leaf, spec, observed).set(&mut world, other.clone());
        match leaf.0[0].as_str() {
            "task_definition" => world["wanted"] = Value::Null,
            // Nobody asked whose an alarm is that is as wanted.
            kind @ ("alarms" | "composite_alarms") => {
                world[kind][&leaf.0[1]]["owner"] = json!(spec.name);
            }
            "dashboard" => world["dashboard"]["owner"] = json!(spec.name),
            _ => {}
        }
        let Ok(world) = serde_json::from_value::<Observed>(world) else {
            continue;
        };
        shows_only(wanted, &plan(spec, wanted, &world), leaf, &other);
        let end = forecast(spec, wanted, &world).pop().unwrap();
        let stuck = end
            .blocked
            .iter()
            .all(|blocked| matches!(blocked, Blocked::Immutable { .. }));
        assert!(end.is_settled() || stuck, "{leaf:?} = {other}: {end}");
        tried += 1;
    }
    tried > 0
}

/// Where a field of a unit stands in what was observed.
fn seen(leaf: &Leaf, spec: &Spec, observed: &Observed) -> Leaf {
    let host = match (leaf.0[0].as_str(), spec.shifting()) {
        ("test_rule", Some(shifting)) => &shifting.test.as_ref().unwrap().host,
        _ => &spec.load_balancer.host,
    };
    let ours = |rule: &Found<ListenerRule>| {
        rule.owner.as_ref() == Some(&spec.name) && rule.value.hosts.contains(host)
    };
    let rule = observed.rules.iter().position(ours).unwrap().to_string();
    let (first, rest) = leaf.0.split_first().unwrap();
    let head: Vec<&str> = match first.as_str() {
        "task_definition" => vec!["service", "definition"],
        "listener_rule" | "test_rule" => vec!["rules", &rule, "value"],
        // These have no owner of their own, and no value beside it.
        "scalable_target" | "scaling_policies" | "scheduled_actions" | "metric_filters" => {
            vec![first]
        }
        "alarms" | "composite_alarms" => {
            let (name, field) = rest.split_first().unwrap();
            let head = [first.clone(), name.clone(), "value".to_owned()];
            return Leaf([&head[..], field].concat());
        }
        other => vec![other, "value"],
    };
    Leaf(
        head.into_iter()
            .map(str::to_owned)
            .chain(rest.iter().cloned())
            .collect(),
    )
}

/// Every change of a plan, and what it calls immutable, is of one field.
fn shows_only(wanted: &Resources, decided: &Plan, leaf: &Leaf, other: &Value) {
    let immutable = decided.blocked.iter().filter_map(|blocked| match blocked {
        Blocked::Immutable { subject, changes } => Some((subject, changes)),
        _ => None,
    });
    let steps = decided
        .steps
        .iter()
        .map(|step| (&step.subject, &step.changes));
    let mut shown: BTreeSet<String> = steps
        .chain(immutable)
        .flat_map(|(subject, changes)| {
            changes
                .iter()
                .map(|change| field(subject, wanted, &change.path))
        })
        .collect();
    // One of a topic's subscriptions is made or ended as a whole: the step is the change.
    let whole = |step: &Step| step.subject.kind == Kind::Subscription;
    shown.extend(
        decided
            .steps
            .iter()
            .any(whole)
            .then(|| "topic.subscriptions".to_owned()),
    );
    let mut expected = leaf.0.clone();
    let of_many = [
        "alarms",
        "composite_alarms",
        "scaling_policies",
        "scheduled_actions",
        "metric_filters",
    ];
    if of_many.contains(&expected[0].as_str()) {
        expected[1] = "*".to_owned();
    }
    let expected = expected.join(".");
    let about = |path: &String| *path == expected || path.starts_with(&format!("{expected}."));
    assert!(
        !shown.is_empty() && shown.iter().all(about),
        "{expected} was set to {other} by somebody else, and the plan shows {shown:?}\n{decided}"
    );
}
