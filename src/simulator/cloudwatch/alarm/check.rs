//! What PutMetricAlarm accepts in one member or another.

use serde_json::{Value, json};

use crate::simulator::call::{Call, Refusal};
use crate::simulator::cloudwatch::statistic::Statistic;
use crate::simulator::cloudwatch::{VALIDATION, invalid};

pub(in crate::simulator::cloudwatch) const COMPARISONS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];
pub(in crate::simulator::cloudwatch) const STATISTICS: [&str; 5] =
    ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
pub(in crate::simulator::cloudwatch) const MISSING_DATA: [&str; 4] =
    ["breaching", "notBreaching", "ignore", "missing"];
const ACTIONS_MAX: usize = 5;
const DIMENSIONS_MAX: usize = 30;
const DAY_SECONDS: i64 = 86_400;
const HOUR_SECONDS: i64 = 3_600;

/// One metric math query, its numbers made numbers.
pub(in crate::simulator::cloudwatch) fn query(query: &Call) -> Result<Value, Refusal> {
    let id = query.required("Id", VALIDATION)?;
    let period = query.optional_integer("Period")?;
    let stat = match query.structure("MetricStat")? {
        None => Value::Null,
        Some(stat) => {
            let metric = stat
                .structure("Metric")?
                .ok_or_else(|| invalid("MetricStat needs a Metric"))?;
            let period = stat
                .optional_integer("Period")?
                .ok_or_else(|| invalid("MetricStat needs a Period"))?;
            check_period(period)?;
            json!({
                "Metric": {
                    "Namespace": metric.optional_text("Namespace")?, "MetricName": metric.optional_text("MetricName")?,
                    "Dimensions": dimensions(&metric)?,
                },
                "Period": period, "Stat": stat.required("Stat", VALIDATION)?, "Unit": stat.optional_text("Unit")?,
            })
        }
    };
    let expression = query.optional_text("Expression")?;
    if expression.is_some() != stat.is_null() {
        return Err(invalid(format!(
            "Query {id} must have exactly one of MetricStat and Expression"
        )));
    }
    Ok(json!({
        "Id": id, "MetricStat": stat, "Expression": expression, "Label": query.optional_text("Label")?,
        "ReturnData": query.optional_boolean("ReturnData")?.unwrap_or(true), "Period": period,
        "AccountId": query.optional_text("AccountId")?,
    }))
}

pub(in crate::simulator::cloudwatch) fn dimensions(call: &Call) -> Result<Value, Refusal> {
    let pairs = call.structures("Dimensions")?;
    if pairs.len() > DIMENSIONS_MAX {
        return Err(invalid(format!(
            "A metric has at most {DIMENSIONS_MAX} dimensions"
        )));
    }
    let pair = |pair: &Call| {
        Ok(
            json!({ "Name": pair.required("Name", VALIDATION)?, "Value": pair.required("Value", VALIDATION)? }),
        )
    };
    pairs.iter().map(pair).collect()
}

pub(in crate::simulator::cloudwatch) fn actions(
    call: &Call,
    member: &str,
) -> Result<Vec<String>, Refusal> {
    let actions = call.optional_texts(member)?;
    if actions.len() > ACTIONS_MAX {
        return Err(invalid(format!(
            "{member} has at most {ACTIONS_MAX} members"
        )));
    }
    match actions.iter().find(|action| !action.starts_with("arn:")) {
        None => Ok(actions),
        Some(action) => Err(invalid(format!("Invalid action: {action} is not an ARN"))),
    }
}

pub(in crate::simulator::cloudwatch) fn one_of(
    call: &Call,
    member: &str,
    words: &[&str],
) -> Result<Option<String>, Refusal> {
    let Some(word) = call.optional_text(member)? else {
        return Ok(None);
    };
    if words.contains(&word) {
        return Ok(Some(word.to_owned()));
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{word}' at '{member}' failed to satisfy constraint: Member must satisfy enum \
         value set: [{}]",
        words.join(", ")
    )))
}

/// Percentiles and their kin: what ExtendedStatistic takes.
pub(in crate::simulator::cloudwatch) fn is_extended(name: &str) -> bool {
    let statistic = Statistic::parse(name);
    matches!(
        statistic,
        Some(Statistic::Percentile(_) | Statistic::Part(..))
    )
}

pub(in crate::simulator::cloudwatch) fn check_period(seconds: i64) -> Result<(), Refusal> {
    if [10, 20, 30].contains(&seconds) || (seconds >= 60 && seconds % 60 == 0) {
        return Ok(());
    }
    Err(invalid("Period must be 10, 20, 30 or a multiple of 60"))
}

/// A day in all; a week when a period is an hour or more.
pub(in crate::simulator::cloudwatch) fn check_span(
    period_seconds: i64,
    periods: i64,
) -> Result<(), Refusal> {
    let (span_max, words) = if period_seconds >= HOUR_SECONDS {
        (7 * DAY_SECONDS, "604800")
    } else {
        (DAY_SECONDS, "86400")
    };
    if period_seconds.saturating_mul(periods) <= span_max {
        return Ok(());
    }
    Err(invalid(format!(
        "Metrics cannot be checked across more than the limit (EvaluationPeriods * Period must be <= {words})"
    )))
}
