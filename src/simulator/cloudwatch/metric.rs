//! Metric data: what is kept of them, ListMetrics. What PutMetricData takes is `put`'s.
//!
//! Kept per metric and minute (per second where StorageResolution is 1), with the values, so that any statistic can be
//! computed; bounded in all, the oldest going first. Never computes: that is `statistic`'s and `read`'s.

mod put;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use self::put::put_metric_data;
use super::{INVALID_VALUE, MISSING_PARAMETER};
use crate::simulator::call::{Answer, Call, Millis, Refusal};
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
const DIMENSIONS_MAX: usize = 30;
const HOUR: Millis = 3_600_000;
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

fn bad(text: &str) -> Refusal {
    Refusal::new(INVALID_VALUE, text)
}
