//! Metric data: PutMetricData, what is kept of it, ListMetrics.
//!
//! Kept per metric and minute (per second where StorageResolution is 1), with the values, so that any statistic can be
//! computed; bounded in all, the oldest going first. Never computes: that is `statistic`'s and `read`'s.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{INVALID_VALUE, MISSING_PARAMETER};
use crate::simulator::call::{Answer, Call, Millis, Refusal, instant, number};
use crate::simulator::world::World;

/// One metric of one set of dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Dimension names and values.
    pub dimensions: BTreeMap<String, String>,
}

/// What was measured of a metric in one second or minute, in one unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Values, each with how often it was measured. Empty when only a statistic set was put.
    pub values: Vec<(f64, f64)>,
    /// Number of measurements.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least of them.
    pub minimum: f64,
    /// The greatest of them.
    pub maximum: f64,
}

/// A metric's samples by time and unit.
pub(super) type Series = BTreeMap<(Millis, String), Sample>;

/// All metric data.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub series: BTreeMap<Metric, Series>,
    samples: usize,
}

/// AWS keeps fifteen months of everything; these bound what a run can fill. A sample is some hundred bytes.
const SAMPLES_MAX: usize = 50_000;
/// What is left after the oldest went: a tenth less, so that they do not go one by one.
const SAMPLES_LEFT: usize = 45_000;
/// Distinct values kept of one sample; further ones count as the nearest of these, so percentiles become approximate.
const VALUES_MAX: usize = 1_000;
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const BATCH_DATA_MAX: usize = 1_000;
const BATCH_VALUES_MAX: usize = 150;
const DIMENSIONS_MAX: usize = 30;
const HOUR: Millis = 3_600_000;
const AGE_MAX: Millis = 14 * 24 * HOUR;
const FUTURE_MAX: Millis = 2 * HOUR;
/// Values are within ±2^360.
const EXPONENT_MAX: i32 = 360;
const LIST_PAGE: usize = 500;
/// `MetricDatum.Unit`, in its model's order.
pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Adds what another AWS service measured: a value, and how often it was; `at` counts in whole minutes.
pub fn record(world: &mut World, metric: Metric, measured: (f64, f64), unit: &str, at: Millis) {
    let datum = Datum {
        metric,
        at: at - at % 60_000,
        unit: unit.to_owned(),
        sample: Sample::of_values(vec![measured]),
    };
    world.cloudwatch.metrics.add(datum);
}

/// A metric's samples with their times, oldest first.
pub fn samples<'a>(
    world: &'a World,
    metric: &Metric,
) -> impl Iterator<Item = (Millis, &'a Sample)> + use<'a> {
    let series = world.cloudwatch.metrics.series.get(metric);
    series
        .into_iter()
        .flatten()
        .map(|((at, _), sample)| (*at, sample))
}

struct Datum {
    metric: Metric,
    at: Millis,
    unit: String,
    sample: Sample,
}

impl Sample {
    fn of_values(values: Vec<(f64, f64)>) -> Sample {
        let of = |fold: fn(f64, f64) -> f64, start| {
            values.iter().map(|(value, _)| *value).fold(start, fold)
        };
        Sample {
            count: values.iter().map(|(_, count)| count).sum(),
            sum: values.iter().map(|(value, count)| value * count).sum(),
            minimum: of(f64::min, f64::INFINITY),
            maximum: of(f64::max, f64::NEG_INFINITY),
            values,
        }
    }

    /// What was measured in both.
    pub(super) fn merge(&mut self, other: &Sample) {
        if self.count == 0.0 {
            *self = other.clone();
            return;
        }
        // A statistic set has no values: together with it there is no distribution either.
        if self.values.is_empty() || other.values.is_empty() {
            self.values.clear();
        } else {
            for (value, count) in &other.values {
                self.add_value(*value, *count);
            }
        }
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }

    fn add_value(&mut self, value: f64, count: f64) {
        if self.values.len() < VALUES_MAX {
            return self.values.push((value, count));
        }
        let nearest = self
            .values
            .iter_mut()
            .min_by(|(one, _), (other, _)| (one - value).abs().total_cmp(&(other - value).abs()));
        if let Some((_, present)) = nearest {
            *present += count;
        }
    }
}

impl Store {
    fn add(&mut self, datum: Datum) {
        let Datum {
            metric,
            at,
            unit,
            sample,
        } = datum;
        let place = self.series.entry(metric).or_default().entry((at, unit));
        if matches!(place, std::collections::btree_map::Entry::Vacant(_)) {
            self.samples += 1;
        }
        place.or_default().merge(&sample);
        if self.samples > SAMPLES_MAX {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let mut times: Vec<Millis> = self
            .series
            .values()
            .flat_map(|series| series.keys().map(|(at, _)| *at))
            .collect();
        let surplus = times.len().saturating_sub(SAMPLES_LEFT);
        let (_, first_kept, _) = times.select_nth_unstable(surplus);
        let first_kept = *first_kept;
        self.series.retain(|_, series| {
            *series = series.split_off(&(first_kept, String::new()));
            !series.is_empty()
        });
        self.samples = self.series.values().map(BTreeMap::len).sum();
        // All at one time: then none is older than another.
        if self.samples > SAMPLES_MAX {
            self.series.clear();
            self.samples = 0;
        }
    }
}

pub(super) fn put_metric_data(world: &mut World, call: &Call) -> Answer {
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

/// The `Dimensions` member of a call about metric data.
pub(super) fn dimensions(call: &Call, place: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let pairs = call.structures("Dimensions")?;
    if pairs.len() > DIMENSIONS_MAX {
        return Err(bad(&format!(
            "The collection {place}.Dimensions must not have a size greater than {DIMENSIONS_MAX}."
        )));
    }
    let mut dimensions = BTreeMap::new();
    for pair in &pairs {
        let side = |name| pair.required(name, MISSING_PARAMETER).map(str::to_owned);
        let (name, value) = (side("Name")?, side("Value")?);
        let empty = name.trim().is_empty() || value.trim().is_empty();
        if empty || name.len() > 255 || value.len() > 1024 || name.starts_with(':') {
            return Err(bad(&format!(
                "The value for parameter {place}.Dimensions is invalid."
            )));
        }
        dimensions.insert(name, value);
    }
    Ok(dimensions)
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
            "InvalidParameterCombination",
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

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>: 500 a page, no more to choose.
pub(super) fn list_metrics(world: &World, call: &Call) -> Answer {
    let namespace = call.optional_text("Namespace")?;
    let name = call.optional_text("MetricName")?;
    let since = match call.optional_text("RecentlyActive")? {
        None => 0,
        Some("PT3H") => call.now.saturating_sub(3 * HOUR),
        Some(other) => {
            return Err(bad(&format!(
                "The value {other} for parameter RecentlyActive is invalid; PT3H is the only one."
            )));
        }
    };
    let filters = call.structures("Dimensions")?;
    if filters.len() > 10 {
        return Err(bad(
            "The collection Dimensions must not have a size greater than 10.",
        ));
    }
    // A filter without a value asks only for the dimension's name.
    let filters = filters
        .iter()
        .map(|filter| {
            Ok((
                filter.required("Name", MISSING_PARAMETER)?,
                filter.optional_text("Value")?,
            ))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    let wanted = |metric: &Metric| {
        namespace.is_none_or(|namespace| metric.namespace == namespace)
            && name.is_none_or(|name| metric.name == name)
            && filters.iter().all(|(name, value)| {
                let actual = metric.dimensions.get(*name);
                actual.is_some_and(|actual| value.is_none_or(|value| actual == value))
            })
    };
    let entries = world
        .cloudwatch
        .metrics
        .series
        .iter()
        .filter(|(metric, _)| wanted(metric))
        .filter(|(_, series)| {
            series
                .keys()
                .next_back()
                .is_some_and(|(newest, _)| *newest >= since)
        })
        .map(|(metric, _)| (key(metric), shown(metric)));
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        LIST_PAGE,
        INVALID_VALUE,
    )?;
    Ok(json!({ "Metrics": page.items, "NextToken": page.next }))
}

fn key(metric: &Metric) -> String {
    format!(
        "{}\n{}\n{:?}",
        metric.namespace, metric.name, metric.dimensions
    )
}

fn shown(metric: &Metric) -> Value {
    let pair = |(name, value): (&String, &String)| json!({ "Name": name, "Value": value });
    let dimensions: Vec<Value> = metric.dimensions.iter().map(pair).collect();
    json!({ "Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions })
}

fn bad(text: &str) -> Refusal {
    Refusal::new(INVALID_VALUE, text)
}
