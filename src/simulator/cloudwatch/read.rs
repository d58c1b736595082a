//! Reads of metric data: GetMetricStatistics, GetMetricData.
//!
//! Changes nothing. Periods begin at the start time rounded down, as AWS documents; how far back a short period reaches is
//! AWS's retention. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

pub(super) mod series;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::expression::{self, Computed, Known, Points};
use super::metric::{Metric, Sample, UNITS, dimensions};
use super::statistic::Statistic;
use super::{INVALID_VALUE, MISSING_PARAMETER, VALIDATION, invalid};
use crate::simulator::call::{Answer, Call, Millis, Refusal, instant, map, timestamp};
use crate::simulator::world::World;

const STATISTICS_POINTS_MAX: u64 = 1_440;
const DATA_POINTS_MAX: usize = 100_800;
const QUERIES_MAX: usize = 500;
const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;
const COMBINATION: &str = "InvalidParameterCombination";

/// A stretch of time in periods.
struct Window {
    from: Millis,
    to: Millis,
    now: Millis,
}

impl Window {
    fn of(call: &Call, code: &'static str) -> Result<Window, Refusal> {
        let bound = |member: &str| {
            let missing = || {
                Refusal::new(
                    MISSING_PARAMETER,
                    format!("The parameter {member} is required."),
                )
            };
            let value = call.get(member).ok_or_else(missing)?;
            instant(value).ok_or_else(|| {
                Refusal::new(
                    INVALID_VALUE,
                    format!("The parameter {member} is not a point in time."),
                )
            })
        };
        let (from, to) = (bound("StartTime")?, bound("EndTime")?);
        if from >= to {
            let text = "The parameter StartTime must be less than the parameter EndTime.";
            return Err(Refusal::new(code, text));
        }
        Ok(Window {
            from,
            to,
            now: call.now,
        })
    }

    /// The start, rounded down to the minute, to five after fifteen days, to the hour after sixty-three; to the period
    /// itself when that is shorter than a minute.
    fn start(&self, period: Millis) -> Millis {
        let age = self.now.saturating_sub(self.from);
        let grain = match age {
            _ if period < 60_000 => period,
            age if age < 15 * DAY => 60_000,
            age if age < 63 * DAY => 300_000,
            _ => HOUR,
        };
        self.from - self.from % grain
    }

    /// The metric's samples merged by period, each under its period's beginning, with the units seen.
    fn periods(
        &self,
        world: &World,
        metric: &Metric,
        unit: Option<&str>,
        period: Millis,
    ) -> BTreeMap<(Millis, String), Sample> {
        let start = self.start(period);
        let oldest = self.now.saturating_sub(reach(period));
        let mut periods: BTreeMap<(Millis, String), Sample> = BTreeMap::new();
        let Some(series) = world.cloudwatch.metrics.series.get(metric) else {
            return periods;
        };
        let from = (start.max(oldest), String::new());
        for ((at, its_unit), sample) in series.range(from..) {
            if *at >= self.to {
                break;
            }
            if unit.is_some_and(|unit| unit != its_unit) {
                continue;
            }
            let begin = at - (at - start) % period;
            periods
                .entry((begin, its_unit.clone()))
                .or_default()
                .merge(sample);
        }
        periods
    }
}

/// How long data of that period stay.
fn reach(period: Millis) -> Millis {
    match period {
        period if period < 60_000 => 3 * HOUR,
        period if period % 300_000 != 0 => 15 * DAY,
        period if period % HOUR != 0 => 63 * DAY,
        _ => 455 * DAY,
    }
}

fn period(call: &Call, code: &'static str) -> Result<Millis, Refusal> {
    let Some(seconds) = call.optional_integer("Period")? else {
        return Err(Refusal::new(
            MISSING_PARAMETER,
            "The parameter Period is required.",
        ));
    };
    match u64::try_from(seconds) {
        Ok(seconds @ (1 | 5 | 10 | 20 | 30)) => Ok(seconds * 1000),
        Ok(seconds @ 60..=86_400) if seconds % 60 == 0 => Ok(seconds * 1000),
        _ => Err(Refusal::new(
            code,
            "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, and at most 86400.",
        )),
    }
}

fn unit<'a>(call: &'a Call, code: &'static str) -> Result<Option<&'a str>, Refusal> {
    match call.optional_text("Unit")? {
        Some(unit) if !UNITS.contains(&unit) => Err(Refusal::new(
            code,
            format!(
                "The parameter Unit must be a value in the set [ {} ].",
                UNITS.join(", ")
            ),
        )),
        unit => Ok(unit),
    }
}

pub(super) fn get_metric_statistics(world: &World, call: &Call) -> Answer {
    let name = call.required("MetricName", MISSING_PARAMETER)?.to_owned();
    let metric = Metric {
        namespace: call.required("Namespace", MISSING_PARAMETER)?.to_owned(),
        name: name.clone(),
        dimensions: dimensions(call, "Dimensions")?,
    };
    let window = Window::of(call, COMBINATION)?;
    let period = period(call, INVALID_VALUE)?;
    let unit = unit(call, INVALID_VALUE)?;
    let plain = call.optional_texts("Statistics")?;
    let extended = call.optional_texts("ExtendedStatistics")?;
    if plain.is_empty() && extended.is_empty() {
        return Err(Refusal::new(
            MISSING_PARAMETER,
            "At least one of the parameters must be specified: Statistics, ExtendedStatistics",
        ));
    }
    let parsed = |names: &[String], is_plain: bool, member: &str| {
        let one = |name: &String| {
            let statistic = Statistic::parse(name).filter(|statistic| {
                is_plain != matches!(statistic, Statistic::Percentile(_) | Statistic::Part(..))
            });
            let refusal = || {
                Refusal::new(
                    INVALID_VALUE,
                    format!("The value {name} for parameter {member} is not supported."),
                )
            };
            Ok((name.clone(), statistic.ok_or_else(refusal)?))
        };
        names.iter().map(one).collect::<Result<Vec<_>, Refusal>>()
    };
    let plain = parsed(&plain, true, "Statistics")?;
    let extended = parsed(&extended, false, "ExtendedStatistics")?;
    let points = (window.to - window.start(period)).div_ceil(period);
    if points > STATISTICS_POINTS_MAX {
        return Err(Refusal::new(
            COMBINATION,
            format!(
                "You have requested up to {points} datapoints, which exceeds the limit of {STATISTICS_POINTS_MAX}. You may \
                 reduce the datapoints requested by increasing Period, or decreasing the time range."
            ),
        ));
    }
    let datapoint = |((at, unit), sample): ((Millis, String), Sample)| {
        let mut shown = json!({ "Timestamp": timestamp(at), "Unit": unit });
        for (name, statistic) in &plain {
            shown[name] = json!(statistic.of(&sample));
        }
        let values = extended
            .iter()
            .filter_map(|(name, statistic)| Some((name.clone(), statistic.of(&sample)?)));
        let values: Vec<(String, f64)> = values.collect();
        if !values.is_empty() {
            shown["ExtendedStatistics"] = map(values);
        }
        shown
    };
    let periods = window.periods(world, &metric, unit, period);
    let datapoints: Vec<Value> = periods.into_iter().map(datapoint).collect();
    Ok(json!({ "Label": name, "Datapoints": datapoints }))
}

/// One query of a GetMetricData, checked.
struct Query {
    id: String,
    label: Option<String>,
    returned: bool,
    source: Source,
}

enum Source {
    Stat {
        metric: Metric,
        period: Millis,
        statistic: Statistic,
        unit: Option<String>,
    },
    Expression(expression::Expression),
}

pub(super) fn get_metric_data(world: &World, call: &Call) -> Answer {
    let window = Window::of(call, VALIDATION)?;
    let queries = call.structures("MetricDataQueries")?;
    if !(1..=QUERIES_MAX).contains(&queries.len()) {
        return Err(invalid(format!(
            "The collection MetricDataQueries must have 1 to {QUERIES_MAX} members."
        )));
    }
    let queries = queries.iter().map(query).collect::<Result<Vec<_>, _>>()?;
    for (at, query) in queries.iter().enumerate() {
        if queries[..at].iter().any(|other| other.id == query.id) {
            return Err(invalid(format!(
                "The values for parameter id in MetricDataQueries must be unique: {}",
                query.id
            )));
        }
    }
    let ascending = match call.optional_text("ScanBy")? {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            return Err(invalid(format!(
                "Value '{other}' at 'scanBy' is not an order"
            )));
        }
    };
    let size = match call.optional_integer("MaxDatapoints")? {
        None => DATA_POINTS_MAX,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=DATA_POINTS_MAX).contains(size))
            .ok_or_else(|| invalid(format!("MaxDatapoints must be 1 to {DATA_POINTS_MAX}")))?,
    };
    let computed = compute(world, &window, &queries)?;
    let skipped = match call.optional_text("NextToken")? {
        None => 0,
        Some(token) => token
            .strip_prefix("points-")
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| {
                Refusal::new("InvalidNextToken", "The specified nextToken is invalid.")
            })?,
    };
    Ok(pages(&computed, ascending, skipped, size))
}

/// One page: every series that has points on it, at most `size` in all, after the `skipped` of earlier pages.
fn pages(computed: &[(&Query, Points)], ascending: bool, skipped: usize, size: usize) -> Value {
    let (mut before, mut room, mut results) = (skipped, size, Vec::new());
    for (query, points) in computed {
        let mut points: Vec<(&Millis, &f64)> = points.iter().collect();
        if !ascending {
            points.reverse();
        }
        let passed = before.min(points.len());
        before -= passed;
        let rest = &points[passed..];
        let shown = &rest[..room.min(rest.len())];
        room -= shown.len();
        if shown.is_empty() && !points.is_empty() {
            continue;
        }
        let label = query.label.clone().unwrap_or_else(|| match &query.source {
            Source::Stat { metric, .. } => metric.name.clone(),
            Source::Expression(_) => query.id.clone(),
        });
        results.push(json!({
            "Id": query.id, "Label": label,
            "Timestamps": shown.iter().map(|(at, _)| timestamp(**at)).collect::<Vec<_>>(),
            "Values": shown.iter().map(|(_, value)| **value).collect::<Vec<_>>(),
            "StatusCode": if shown.len() < rest.len() { "PartialData" } else { "Complete" },
        }));
    }
    let total: usize = computed.iter().map(|(_, points)| points.len()).sum();
    let reached = skipped.saturating_add(size);
    let next = (reached < total).then(|| format!("points-{reached}"));
    json!({ "MetricDataResults": results, "NextToken": next, "Messages": [] })
}

fn query(call: &Call) -> Result<Query, Refusal> {
    let id = call.required("Id", VALIDATION)?.to_owned();
    if !expression::is_id(&id) {
        return Err(invalid(format!(
            "The value {id} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    let source = match (
        call.structure("MetricStat")?,
        call.optional_text("Expression")?,
    ) {
        (Some(stat), None) => {
            let metric = stat
                .structure("Metric")?
                .ok_or_else(|| invalid("MetricStat needs a Metric"))?;
            let name = stat.required("Stat", VALIDATION)?;
            let statistic = Statistic::parse(name)
                .ok_or_else(|| invalid(format!("The value {name} for parameter MetricDataQueries.member.MetricStat.Stat is not supported.")))?;
            Source::Stat {
                metric: Metric {
                    namespace: metric.required("Namespace", VALIDATION)?.to_owned(),
                    name: metric.required("MetricName", VALIDATION)?.to_owned(),
                    dimensions: dimensions(&metric, "MetricStat.Metric")?,
                },
                period: period(&stat, VALIDATION)?,
                statistic,
                unit: unit(&stat, VALIDATION)?.map(str::to_owned),
            }
        }
        (None, Some(text)) => {
            let parsed = expression::parse(text)
                .map_err(|problem| invalid(format!("Error in expression '{id}': {problem}")))?;
            Source::Expression(parsed)
        }
        _ => {
            return Err(invalid(format!(
                "The parameter MetricDataQueries.member with id {id} must have exactly one of MetricStat and Expression."
            )));
        }
    };
    Ok(Query {
        id,
        label: call.optional_text("Label")?.map(str::to_owned),
        returned: call.optional_boolean("ReturnData")?.unwrap_or(true),
        source,
    })
}

/// The points of every query that is to be returned. An expression may use any other, but not in a circle.
fn compute<'a>(
    world: &World,
    window: &Window,
    queries: &'a [Query],
) -> Result<Vec<(&'a Query, Points)>, Refusal> {
    let mut known = Known::default();
    let mut shortest = None;
    for query in queries {
        let Source::Stat {
            metric,
            period,
            statistic,
            unit,
        } = &query.source
        else {
            continue;
        };
        shortest = Some(shortest.map_or(*period, |other: Millis| other.min(*period)));
        // Units together: of several, each is a point of its own in statistics, here they are one.
        let mut merged: BTreeMap<Millis, Sample> = BTreeMap::new();
        for ((at, _), sample) in window.periods(world, metric, unit.as_deref(), *period) {
            merged.entry(at).or_default().merge(&sample);
        }
        let points: Points = merged
            .iter()
            .filter_map(|(at, sample)| Some((*at, statistic.of(sample)?)))
            .collect();
        known.metrics.push(points.clone());
        known
            .values
            .insert(query.id.clone(), Computed::Series(points));
    }
    let period = shortest.unwrap_or(300_000);
    let start = window.start(period);
    let count = (window.to - start)
        .div_ceil(period)
        .min(DATA_POINTS_MAX as u64);
    known.times = (0..count).map(|number| start + number * period).collect();
    let mut waiting: Vec<&Query> = queries
        .iter()
        .filter(|query| matches!(query.source, Source::Expression(_)))
        .collect();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<&Query>, Vec<&Query>) =
            waiting.into_iter().partition(|query| match &query.source {
                Source::Expression(expression) => {
                    expression.ids().all(|id| known.values.contains_key(id))
                }
                Source::Stat { .. } => true,
            });
        if ready.is_empty() {
            let ids: Vec<&str> = rest.iter().map(|query| query.id.as_str()).collect();
            return Err(invalid(format!(
                "Error in expression '{}': Invalid syntax: it uses an undefined variable or itself",
                ids.join(", ")
            )));
        }
        for query in ready {
            if let Source::Expression(expression) = &query.source {
                let value = expression.value(&known).map_err(|problem| {
                    invalid(format!("Error in expression '{}': {problem}", query.id))
                })?;
                known.values.insert(query.id.clone(), value);
            }
        }
        waiting = rest;
    }
    let points = |query: &'a Query| match known.values.get(&query.id) {
        Some(Computed::Series(points)) => Ok((query, points.clone())),
        // AWS too returns time series only.
        _ => Err(invalid(format!(
            "Error in expression '{}': the expression must return a time series",
            query.id
        ))),
    };
    queries
        .iter()
        .filter(|query| query.returned)
        .map(points)
        .collect()
}
