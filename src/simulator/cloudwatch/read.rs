//! Reads of metric data: GetMetricStatistics here, GetMetricData in `data`.
//!
//! Changes nothing. Periods begin at the start time rounded down, as AWS documents; how far back a short period reaches is
//! AWS's retention. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

mod data;
pub(super) mod series;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(super) use self::data::get_metric_data;
use super::metric::{Metric, Sample, UNITS, dimensions};
use super::statistic::Statistic;
use super::{INVALID_VALUE, MISSING_PARAMETER};
use crate::simulator::call::{Answer, Call, Millis, Refusal, instant, map, timestamp};
use crate::simulator::world::World;

const STATISTICS_POINTS_MAX: u64 = 1_440;
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
    let window = Window::of(call, INVALID_VALUE)?;
    let period = period(call, INVALID_VALUE)?;
    let unit = unit(call, INVALID_VALUE)?;
    let plain = call.optional_texts("Statistics")?;
    let extended = call.optional_texts("ExtendedStatistics")?;
    if plain.is_empty() && extended.is_empty() {
        return Err(Refusal::new(
            COMBINATION,
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
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
