//! PutMetricData: what a datum may be.

use serde_json::json;

use super::super::{INVALID_VALUE, MISSING_PARAMETER};
use super::{Datum, HOUR, Metric, Sample, UNITS, bad, dimensions};
use crate::simulator::call::{Answer, Call, Millis, Refusal, instant, number};
use crate::simulator::world::World;

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const BATCH_DATA_MAX: usize = 1_000;
const BATCH_VALUES_MAX: usize = 150;
const AGE_MAX: Millis = 14 * 24 * HOUR;
const FUTURE_MAX: Millis = 2 * HOUR;
/// Values are within ±2^360.
const EXPONENT_MAX: i32 = 360;

pub(in crate::simulator::cloudwatch) fn put_metric_data(world: &mut World, call: &Call) -> Answer {
    let namespace = call.required("Namespace", MISSING_PARAMETER)?;
    if namespace.is_empty() || namespace.len() > 255 || namespace.starts_with([':']) {
        return Err(bad("The value for parameter Namespace is invalid."));
    }
    if namespace.starts_with("AWS/") {
        return Err(bad("The value AWS/ for parameter Namespace is invalid."));
    }
    if call.get("EntityMetricData").is_some() {
        return Err(bad("EntityMetricData is not simulated."));
    }
    let data = call.structures("MetricData")?;
    if data.is_empty() {
        return Err(Refusal::new(
            MISSING_PARAMETER,
            "The parameter MetricData is required.",
        ));
    }
    if data.len() > BATCH_DATA_MAX {
        return Err(bad(&format!(
            "The collection MetricData must not have a size greater than {BATCH_DATA_MAX}."
        )));
    }
    let data = (1..)
        .zip(&data)
        .map(|(number, datum)| read(namespace, &format!("MetricData.member.{number}"), datum))
        .collect::<Result<Vec<_>, _>>()?;
    for datum in data {
        world.cloudwatch.metrics.add(datum);
    }
    Ok(json!({}))
}

fn read(namespace: &str, place: &str, datum: &Call) -> Result<Datum, Refusal> {
    let name = datum.required("MetricName", MISSING_PARAMETER)?;
    if !(1..=255).contains(&name.chars().count()) {
        return Err(bad(&format!(
            "The value for parameter {place}.MetricName is invalid."
        )));
    }
    let dimensions = dimensions(datum, place)?;
    let sample = sample(datum, place)?;
    let at = match datum.get("Timestamp") {
        None => datum.now,
        Some(value) => instant(value).ok_or_else(|| {
            bad(&format!(
                "The parameter {place}.Timestamp is not a point in time."
            ))
        })?,
    };
    if at + AGE_MAX < datum.now || at > datum.now + FUTURE_MAX {
        return Err(bad(&format!(
            "The parameter {place}.Timestamp must specify a time no more than two weeks in the past and two hours in the future."
        )));
    }
    let unit = datum.optional_text("Unit")?.unwrap_or("None");
    if !UNITS.contains(&unit) {
        return Err(bad(&format!(
            "The parameter {place}.Unit must be a value in the set [ {} ].",
            UNITS.join(", ")
        )));
    }
    let resolution = match datum.optional_integer("StorageResolution")? {
        None | Some(60) => 60_000,
        Some(1) => 1_000,
        Some(_) => {
            return Err(bad(&format!(
                "The parameter {place}.StorageResolution must be 1 or 60."
            )));
        }
    };
    Ok(Datum {
        metric: Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions,
        },
        at: at - at % resolution,
        unit: unit.to_owned(),
        sample,
    })
}

/// A datum is one value, a list of values with counts, or a statistic set.
fn sample(datum: &Call, place: &str) -> Result<Sample, Refusal> {
    let given: Vec<&str> = ["Value", "Values", "StatisticValues"]
        .into_iter()
        .filter(|member| datum.get(member).is_some())
        .collect();
    match given.as_slice() {
        [] => Err(Refusal::new(
            MISSING_PARAMETER,
            format!(
                "At least one of the parameters must be specified: {place}.Value, {place}.Values, {place}.StatisticValues."
            ),
        )),
        ["Value"] => {
            let value = in_range(datum.get("Value").and_then(number), place, "Value")?;
            Ok(Sample::of_values(vec![(value, 1.0)]))
        }
        ["Values"] => listed(datum, place),
        [_] => statistic_set(datum, place),
        [first, second, ..] => Err(Refusal::new(
            // Two codes for one sentence: github.com/getmoto/moto, tests/test_cloudwatch.
            if *second == "Values" {
                INVALID_VALUE
            } else {
                "InvalidParameterCombination"
            },
            format!(
                "The parameters {place}.{first} and {place}.{second} are mutually exclusive and you have specified both."
            ),
        )),
    }
}

fn listed(datum: &Call, place: &str) -> Result<Sample, Refusal> {
    let values = datum.list("Values");
    let counts = datum.list("Counts");
    if !(1..=BATCH_VALUES_MAX).contains(&values.len()) {
        return Err(bad(&format!(
            "The collection {place}.Values must have 1 to {BATCH_VALUES_MAX} members."
        )));
    }
    if !counts.is_empty() && counts.len() != values.len() {
        return Err(bad(&format!(
            "The collections {place}.Values and {place}.Counts must be of equal size."
        )));
    }
    let mut pairs = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let value = in_range(number(value), place, "Values")?;
        let count = match counts.get(at) {
            None => 1.0,
            Some(count) => in_range(number(count), place, "Counts")?,
        };
        if count <= 0.0 {
            return Err(bad(&format!(
                "The collection {place}.Counts must have positive members."
            )));
        }
        pairs.push((value, count));
    }
    Ok(Sample::of_values(pairs))
}

fn statistic_set(datum: &Call, place: &str) -> Result<Sample, Refusal> {
    let set = datum.structure("StatisticValues")?;
    let member = |name: &str| {
        let value = set.as_ref().and_then(|set| set.get(name)).ok_or_else(|| {
            let text = format!("The parameter {place}.StatisticValues.{name} is required.");
            Refusal::new(MISSING_PARAMETER, text)
        })?;
        in_range(number(value), place, name)
    };
    let (count, sum) = (member("SampleCount")?, member("Sum")?);
    let (minimum, maximum) = (member("Minimum")?, member("Maximum")?);
    if count <= 0.0 || minimum > maximum {
        return Err(bad(&format!(
            "The parameter {place}.StatisticValues needs a positive SampleCount and a Minimum no greater than its Maximum."
        )));
    }
    // One value said as a set is still that value: percentiles work on it, as AWS documents.
    let values = if minimum == maximum {
        vec![(minimum, count)]
    } else {
        Vec::new()
    };
    Ok(Sample {
        values,
        count,
        sum,
        minimum,
        maximum,
    })
}

fn in_range(value: Option<f64>, place: &str, member: &str) -> Result<f64, Refusal> {
    let value = value.filter(|value| value.abs() <= 2f64.powi(EXPONENT_MAX));
    value.ok_or_else(|| {
        bad(&format!(
            "The value for parameter {place}.{member} is not a number within ±2^{EXPONENT_MAX}."
        ))
    })
}
