//! Metric filters: patterns that turn log events into metric data.
//!
//! A filter applies to what is logged after it was made. Data go to CloudWatch through its own function.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{INVALID, MISSING, group, invalid, listing};
use crate::simulator::call::{Answer, Call, Millis, Refusal};
use crate::simulator::cloudwatch::{self, Metric};
use crate::simulator::world::World;

#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// As written.
    text: String,
    pattern: Pattern,
    created: Millis,
    transformation: Transformation,
}

#[derive(Debug, Clone)]
struct Transformation {
    metric: String,
    namespace: String,
    /// A number, or what to take from the event: `$.path` or `$name`.
    value: String,
    default: Option<f64>,
    dimensions: BTreeMap<String, String>,
    unit: Option<String>,
}

const FILTERS_PER_GROUP_MAX: usize = 100;
const DIMENSIONS_MAX: usize = 3;
const TEST_MESSAGES_MAX: usize = 50;

/// Puts the metric data that a group's filters make of new events.
pub(super) fn emit(world: &mut World, group: &str, events: &[(Millis, String)]) {
    let Some(group) = world.logs.groups.get(group) else {
        return;
    };
    let mut data = Vec::new();
    for filter in group.filters.values() {
        data.extend(
            events
                .iter()
                .filter_map(|(at, message)| Some((*at, filter.datum(message)?))),
        );
    }
    for (at, (metric, value, unit)) in data {
        cloudwatch::record(world, metric, (value, 1.0), &unit, at);
    }
}

impl Filter {
    fn datum(&self, message: &str) -> Option<(Metric, f64, String)> {
        let Transformation {
            metric,
            namespace,
            value,
            default,
            dimensions,
            unit,
        } = &self.transformation;
        let unit = unit.clone().unwrap_or_else(|| "None".to_owned());
        let of = |dimensions| Metric {
            namespace: namespace.clone(),
            name: metric.clone(),
            dimensions,
        };
        if self.pattern.matches(message).is_none() {
            return Some((of(BTreeMap::new()), (*default)?, unit));
        }
        // An event without one of the dimensions, or without a number, makes no datum.
        let taken = |(name, reference): (&String, &String)| {
            Some((name.clone(), self.pattern.value_of(reference, message)?))
        };
        let dimensions = dimensions.iter().map(taken).collect::<Option<_>>()?;
        let value = if value.starts_with('$') {
            self.pattern.value_of(value, message)?.parse().ok()?
        } else {
            value.parse().ok()?
        };
        Some((of(dimensions), value, unit))
    }

    fn shown(&self, name: &str, group: &str) -> Value {
        let Filter {
            text,
            pattern: _,
            created,
            transformation,
        } = self;
        let Transformation {
            metric,
            namespace,
            value,
            default,
            dimensions,
            unit,
        } = transformation;
        let dimensions = if dimensions.is_empty() {
            Value::Null
        } else {
            json!(dimensions)
        };
        json!({
            "filterName": name, "filterPattern": text, "creationTime": created, "logGroupName": group,
            "metricTransformations": [{
                "metricName": metric, "metricNamespace": namespace, "metricValue": value, "defaultValue": default,
                "dimensions": dimensions, "unit": unit,
            }],
            "applyOnTransformedLogs": false,
        })
    }
}

pub(super) fn put(world: &mut World, call: &Call) -> Answer {
    let name = call.required("filterName", INVALID)?;
    if !(1..=512).contains(&name.chars().count()) || name.contains([':', '*']) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'filterName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [^:*]*"
        )));
    }
    for member in [
        "applyOnTransformedLogs",
        "fieldSelectionCriteria",
        "emitSystemFieldDimensions",
    ] {
        let is_set = call.get(member).is_some_and(|value| {
            *value != json!(false) && *value != json!([]) && *value != json!("")
        });
        if is_set {
            return Err(invalid(format!("{member} is not simulated")));
        }
    }
    let text = call.required("filterPattern", INVALID)?;
    let pattern = parsed(text)?;
    let [transformation] = call.structures("metricTransformations")?.try_into().map_err(|_: Vec<Call>| {
        invalid(
            "1 validation error detected: Value at 'metricTransformations' failed to satisfy constraint: Member must have \
             length 1",
        )
    })?;
    let transformation = Transformation::of(&transformation, &pattern)?;
    let group = group(world, call)?;
    if group.class != "STANDARD" {
        return Err(Refusal::new(
            "InvalidOperationException",
            format!(
                "Metric filters are not supported by log groups of the class {}.",
                group.class
            ),
        ));
    }
    if !group.filters.contains_key(name) && group.filters.len() >= FILTERS_PER_GROUP_MAX {
        return Err(Refusal::new(
            "LimitExceededException",
            "Resource limit exceeded.",
        ));
    }
    let filter = Filter {
        text: text.to_owned(),
        pattern,
        created: call.now,
        transformation,
    };
    group.filters.insert(name.to_owned(), filter);
    Ok(json!({}))
}

impl Transformation {
    fn of(call: &Call, pattern: &Pattern) -> Result<Transformation, Refusal> {
        let word = |member: &str| {
            let text = call.required(member, INVALID)?;
            if text.chars().count() > 255 || text.contains([':', '*', '$']) {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{text}' at '{member}' failed to satisfy constraint: Member must \
                     satisfy regular expression pattern: [^:*$]*"
                )));
            }
            Ok(text.to_owned())
        };
        let (metric, namespace) = (word("metricName")?, word("metricNamespace")?);
        if namespace.starts_with("AWS/") {
            return Err(invalid(
                "Invalid metric transformation: the namespace AWS/ is reserved.",
            ));
        }
        let value = call.required("metricValue", INVALID)?.to_owned();
        let number = value.parse::<f64>().is_ok_and(f64::is_finite);
        if value.len() > 100 || !(number || pattern.knows(&value)) {
            return Err(invalid(
                "Invalid metric transformation: the metric value is neither a number nor a field of the filter pattern.",
            ));
        }
        let dimensions = match call.get("dimensions") {
            None => BTreeMap::new(),
            Some(value) => value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, reference)| {
                    (
                        name.clone(),
                        reference.as_str().unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
        };
        let default = call.optional_number("defaultValue")?;
        if default.is_some() && !dimensions.is_empty() {
            return Err(invalid(
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
            ));
        }
        if dimensions.len() > DIMENSIONS_MAX
            || !dimensions
                .values()
                .all(|reference| pattern.knows(reference))
        {
            return Err(invalid(format!(
                "Invalid metric transformation: there may be at most {DIMENSIONS_MAX} dimensions, each a field of the filter \
                 pattern."
            )));
        }
        let unit = call.optional_text("unit")?.map(str::to_owned);
        if let Some(unit) = &unit
            && !cloudwatch::UNITS.contains(&unit.as_str())
        {
            return Err(invalid(format!(
                "1 validation error detected: Value '{unit}' at 'metricTransformations.1.member.unit' failed to satisfy \
                 constraint: Member must satisfy enum value set: [{}]",
                cloudwatch::UNITS.join(", ")
            )));
        }
        Ok(Transformation {
            metric,
            namespace,
            value,
            default,
            dimensions,
            unit,
        })
    }
}

pub(super) fn describe(world: &World, call: &Call) -> Answer {
    let only = call.optional_text("logGroupName")?;
    let prefix = call.optional_text("filterNamePrefix")?.unwrap_or_default();
    let metric = call.optional_text("metricName")?;
    let namespace = call.optional_text("metricNamespace")?;
    if metric.is_some() != namespace.is_some() {
        return Err(invalid(
            "metricName and metricNamespace must be specified together.",
        ));
    }
    if let Some(only) = only
        && !world.logs.groups.contains_key(only)
    {
        return Err(super::no_group());
    }
    let groups = world
        .logs
        .groups
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| *name == only));
    let filters = groups.flat_map(|(group, held)| {
        held.filters
            .iter()
            .map(move |(name, filter)| (group, name, filter))
    });
    let wanted = filters.filter(|(_, name, filter)| {
        name.starts_with(prefix)
            && metric.is_none_or(|metric| filter.transformation.metric == metric)
            && namespace.is_none_or(|namespace| filter.transformation.namespace == namespace)
    });
    let mut entries: Vec<(String, Value)> = wanted
        .map(|(group, name, filter)| (format!("{name}\n{group}"), filter.shown(name, group)))
        .collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    listing(call, "metricFilters", entries)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let name = call.required("filterName", INVALID)?;
    let removed = group(world, call)?.filters.remove(name);
    removed
        .map(|_| json!({}))
        .ok_or_else(|| Refusal::new(MISSING, "The specified metric filter does not exist."))
}

pub(super) fn test(call: &Call) -> Answer {
    let pattern = parsed(call.required("filterPattern", INVALID)?)?;
    let messages = call.optional_texts("logEventMessages")?;
    if !(1..=TEST_MESSAGES_MAX).contains(&messages.len()) || messages.iter().any(String::is_empty) {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logEventMessages' failed to satisfy constraint: Member must have 1 to \
             {TEST_MESSAGES_MAX} members, none empty"
        )));
    }
    let matches: Vec<Value> = (1..)
        .zip(&messages)
        .filter_map(|(number, message)| {
            let values = pattern.matches(message)?;
            Some(json!({ "eventNumber": number, "eventMessage": message, "extractedValues": values }))
        })
        .collect();
    Ok(json!({ "matches": matches }))
}

/// A pattern in a call, or its refusal.
pub(super) fn parsed(text: &str) -> Result<Pattern, Refusal> {
    Pattern::parse(text)
        .map_err(|problem| invalid(format!("Invalid metric filter pattern: {problem}")))
}
