//! What alarms and dashboards look at, and whether somebody emits it.
//!
//! Used with `#[path = "../support/looked_at.rs"] mod looked_at;`.
#![allow(dead_code)]

use contracts::reconciler::resource::Measured;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Namespace, name and dimensions; a dimension without a value stands for any.
pub type LookedAt = (String, String, BTreeMap<String, Option<String>>);
/// Namespace, name and dimensions of what has data.
pub type Emitted = (String, String, BTreeMap<String, String>);

/// What an answer to ListMetrics has.
pub fn listed(metrics: &Value) -> BTreeSet<Emitted> {
    let metrics = metrics["Metrics"].as_array().unwrap().iter();
    metrics.map(emitted).collect()
}

/// One metric as CloudWatch's calls write it.
pub fn emitted(metric: &Value) -> Emitted {
    let pair = |pair: &Value| (text(&pair["Name"]), text(&pair["Value"]));
    let dimensions = metric["Dimensions"].as_array().unwrap().iter().map(pair);
    (
        text(&metric["Namespace"]),
        text(&metric["MetricName"]),
        dimensions.collect(),
    )
}

/// What a metric in an alarm is.
pub fn by_alarm(metric: &Measured) -> LookedAt {
    let dimensions = metric.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| (name.clone(), value.word().to_owned()));
    exactly((
        metric.namespace.clone(),
        metric.metric.clone(),
        dimensions.collect(),
    ))
}

pub fn exactly((namespace, metric, dimensions): Emitted) -> LookedAt {
    let dimensions = dimensions.into_iter();
    let dimensions = dimensions.map(|(name, value)| (name, Some(value)));
    (namespace, metric, dimensions.collect())
}

/// Every metric of every widget.
pub fn by_dashboard(body: &Value) -> BTreeSet<LookedAt> {
    let widgets = body["widgets"].as_array().unwrap().iter();
    let rows = widgets.filter_map(|widget| widget["properties"]["metrics"].as_array());
    rows.flatten().filter_map(by_row).collect()
}

fn by_row(row: &Value) -> Option<LookedAt> {
    let row = row.as_array().unwrap();
    let words: Vec<String> = row
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let [namespace, metric, dimensions @ ..] = words.as_slice() else {
        // An expression: of other rows, or a search.
        let expression = row[0]["expression"].as_str().unwrap();
        return expression
            .starts_with("SEARCH(")
            .then(|| searched(expression));
    };
    assert!(!dimensions.is_empty(), "{row:?} has no dimension");
    let dimensions = dimensions
        .chunks(2)
        .map(|pair| (pair[0].clone(), Some(pair[1].clone())));
    Some((namespace.clone(), metric.clone(), dimensions.collect()))
}

/// `SEARCH('{namespace,dimension,…} MetricName="…" dimension="…"', 'statistic', period)`: it finds metrics with exactly these dimensions.
fn searched(expression: &str) -> LookedAt {
    let terms = expression.strip_prefix("SEARCH('{").unwrap();
    let (schema, terms) = terms.split_once('}').unwrap();
    let (terms, _) = terms.split_once('\'').unwrap();
    let mut schema = schema.split(',');
    let namespace = schema.next().unwrap().to_owned();
    let mut dimensions: BTreeMap<_, _> = schema.map(|name| (name.to_owned(), None)).collect();
    let mut metric = None;
    for term in terms.split_whitespace() {
        let (name, value) = term.split_once('=').unwrap();
        let value = value.trim_matches('"').to_owned();
        match name {
            "MetricName" => metric = Some(value),
            _ => *dimensions.get_mut(name).expect("a dimension of the schema") = Some(value),
        }
    }
    (namespace, metric.unwrap(), dimensions)
}

/// Whether the data are what is looked at.
fn is_seen(looked_at: &LookedAt, emitted: &Emitted) -> bool {
    let (namespace, metric, wanted) = looked_at;
    let (of, name, dimensions) = emitted;
    let names = wanted.keys().eq(dimensions.keys());
    let mut pairs = wanted.values().zip(dimensions.values());
    (namespace, metric) == (of, name)
        && names
        && pairs.all(|(wanted, value)| wanted.as_ref().is_none_or(|wanted| wanted == value))
}

/// Holds both against each other: what is looked at has data, and what the program emits is looked at. AWS emits more than anybody needs.
pub fn join(looked_at: &BTreeSet<LookedAt>, emitted: &BTreeSet<Emitted>) {
    let nobodys: Vec<_> = looked_at
        .iter()
        .filter(|wanted| !emitted.iter().any(|data| is_seen(wanted, data)))
        .collect();
    assert!(
        nobodys.is_empty(),
        "looked at, and nobody emits them: {nobodys:#?}"
    );
    let unseen: Vec<_> = emitted
        .iter()
        .filter(|(namespace, ..)| !namespace.starts_with("AWS/"))
        .filter(|data| !looked_at.iter().any(|wanted| is_seen(wanted, data)))
        .collect();
    assert!(
        unseen.is_empty(),
        "emitted, and nobody looks at them: {unseen:#?}"
    );
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
