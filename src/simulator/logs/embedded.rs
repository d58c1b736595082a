//! The embedded metric format: log events that are metric data as well.
//!
//! Takes new events, puts the data they hold into CloudWatch. The header `x-amzn-logs-format` is not asked for, as AWS no
//! longer does, so what a container prints is enough. A document that breaks a rule makes no data and stays in the log.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::CLASSES;
use crate::simulator::call::Millis;
use crate::simulator::cloudwatch::{self, Metric, UNITS};
use crate::simulator::world::World;

const DIMENSIONS_MAX: usize = 30;
const METRICS_MAX: usize = 100;
const VALUES_MAX: usize = 100;
const HOUR: Millis = 3_600_000;
/// What PutMetricData takes as well.
const AGE_MAX: Millis = 14 * 24 * HOUR;
const FUTURE_MAX: Millis = 2 * HOUR;

/// Puts the metric data that new events of a group hold. Only groups of the class STANDARD have them extracted.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>
pub(super) fn emit<'a>(
    world: &mut World,
    group: &str,
    messages: impl Iterator<Item = &'a str>,
    now: Millis,
) {
    let group = world.logs.groups.get(group);
    if group.is_none_or(|group| group.class != CLASSES[0]) {
        return;
    }
    for message in messages {
        let Some(data) = data(message) else { continue };
        let Data { at, values } = data;
        if at + AGE_MAX < now || at > now + FUTURE_MAX {
            continue;
        }
        for (metric, value, unit) in values {
            cloudwatch::record(world, metric, (value, 1.0), unit, at);
        }
    }
}

/// What one event says.
#[derive(Debug, PartialEq)]
struct Data {
    at: Millis,
    values: Vec<(Metric, f64, &'static str)>,
}

/// Nothing for an event that is no such document: all of it, from its first to its last character.
fn data(message: &str) -> Option<Data> {
    // Most lines are not: this is cheaper than parsing them all.
    if !message.contains("\"_aws\"") {
        return None;
    }
    let root: Map<String, Value> = serde_json::from_str(message).ok()?;
    let metadata = root.get("_aws")?;
    let mut values = Vec::new();
    for directive in metadata.get("CloudWatchMetrics")?.as_array()? {
        values.extend(of_directive(&root, directive)?);
    }
    let at = metadata.get("Timestamp")?.as_u64()?;
    Some(Data { at, values })
}

fn of_directive(
    root: &Map<String, Value>,
    directive: &Value,
) -> Option<Vec<(Metric, f64, &'static str)>> {
    let namespace = directive.get("Namespace")?.as_str()?;
    let is_name = |text: &str| (1..=255).contains(&text.len()) && !text.starts_with("AWS/");
    let metrics = directive.get("Metrics")?.as_array()?;
    if !is_name(namespace) || metrics.len() > METRICS_MAX {
        return None;
    }
    let mut values = Vec::new();
    for set in directive.get("Dimensions")?.as_array()? {
        let set = set.as_array()?;
        let pair = |name: &Value| {
            let name = name.as_str()?;
            Some((name.to_owned(), root.get(name)?.as_str()?.to_owned()))
        };
        let dimensions: BTreeMap<_, _> = set.iter().map(pair).collect::<Option<_>>()?;
        if set.len() > DIMENSIONS_MAX {
            return None;
        }
        for definition in metrics {
            let name = definition.get("Name")?.as_str()?;
            let unit = match definition.get("Unit") {
                None => "None",
                Some(unit) => UNITS.into_iter().find(|known| unit == known)?,
            };
            let metric = Metric {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                dimensions: dimensions.clone(),
            };
            let numbers = numbers(root.get(name)?)?;
            values.extend(
                numbers
                    .into_iter()
                    .map(|value| (metric.clone(), value, unit)),
            );
        }
    }
    Some(values)
}

/// A number, or up to a hundred.
fn numbers(target: &Value) -> Option<Vec<f64>> {
    match target {
        Value::Array(list) if list.len() <= VALUES_MAX => list.iter().map(Value::as_f64).collect(),
        other => other.as_f64().map(|number| vec![number]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "_aws": { "Timestamp": 1000, "CloudWatchMetrics": [{
                "Namespace": "N", "Dimensions": [["Service"], []],
                "Metrics": [{ "Name": "Depth", "Unit": "Count" }, { "Name": "Seconds" }],
            }]},
            "Service": "s", "Depth": 3, "Seconds": [1, 2.5], "message": "metrics",
        })
    }

    #[test]
    fn a_document_is_its_metrics_for_each_set_of_dimensions() {
        let Data { at, values } = data(&document().to_string()).unwrap();
        assert_eq!(at, 1000);
        let shown: Vec<String> = values
            .iter()
            .map(|(metric, value, unit)| {
                format!("{} {:?} {value} {unit}", metric.name, metric.dimensions)
            })
            .collect();
        let service = "{\"Service\": \"s\"}";
        assert_eq!(
            shown,
            [
                format!("Depth {service} 3 Count"),
                format!("Seconds {service} 1 None"),
                format!("Seconds {service} 2.5 None"),
                "Depth {} 3 Count".to_owned(),
                "Seconds {} 1 None".to_owned(),
                "Seconds {} 2.5 None".to_owned(),
            ]
        );
    }

    #[test]
    fn a_document_that_breaks_a_rule_makes_no_data() {
        let edited = |pointer: &str, value: Value| {
            let mut document = document();
            *document.pointer_mut(pointer).unwrap() = value;
            document.to_string()
        };
        let directive = "/_aws/CloudWatchMetrics/0";
        for text in [
            format!("prefix {}", document()),
            "\"_aws\"".to_owned(),
            edited("/_aws/Timestamp", json!("1000")),
            edited("/Service", json!(7)),
            edited("/Depth", json!("3")),
            edited("/Seconds", json!(vec![1; 101])),
            edited(&format!("{directive}/Namespace"), json!("AWS/ECS")),
            edited(&format!("{directive}/Dimensions"), json!([["Absent"]])),
            edited(&format!("{directive}/Metrics/0/Name"), json!("Absent")),
            edited(&format!("{directive}/Metrics/0/Unit"), json!("Counts")),
        ] {
            assert_eq!(data(&text), None, "{text}");
        }
    }
}
