//! One metric alarm: its configuration as PutMetricAlarm checks it, and how DescribeAlarms shows it.
//!
//! Pure. Numbers leave as numbers whatever protocol they came in: a CBOR client takes no text for a double.

use serde_json::{Value, json};

use super::super::call::{Call, Millis, Refusal, timestamp};
use super::super::tag::Tags;
use super::{VALIDATION, invalid};

#[derive(Debug)]
pub(super) struct Alarm {
    pub configuration: Configuration,
    pub configured: Millis,
    pub state: State,
    pub tags: Tags,
}

#[derive(Debug)]
pub(super) struct State {
    pub value: &'static str,
    reason: String,
    reason_data: Option<String>,
    updated: Millis,
    transitioned: Millis,
}

#[derive(Debug, Default)]
pub(super) struct Configuration {
    description: Option<String>,
    pub actions_enabled: bool,
    ok_actions: Vec<String>,
    alarm_actions: Vec<String>,
    insufficient_data_actions: Vec<String>,
    metric: Option<Metric>,
    /// Metric math: instead of `metric`.
    queries: Vec<Value>,
    evaluation_periods: i64,
    datapoints: Option<i64>,
    threshold: Option<f64>,
    threshold_metric: Option<String>,
    comparison: String,
    missing_data: String,
    low_samples: Option<String>,
}

#[derive(Debug)]
struct Metric {
    namespace: String,
    name: String,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    dimensions: Value,
    period_seconds: i64,
    unit: Option<String>,
}

/// An alarm on the average or sum of one metric that another AWS service keeps for itself.
#[derive(Debug, Clone)]
pub struct Generated {
    /// What it says about itself.
    pub description: String,
    /// The one action taken in ALARM: an ARN.
    pub action: String,
    /// Namespace of the metric.
    pub namespace: String,
    /// Name of the metric.
    pub metric: String,
    /// `Average` or `Sum`.
    pub statistic: String,
    /// Unit, when the metric has one that counts.
    pub unit: Option<String>,
    /// Names and values.
    pub dimensions: Vec<(String, String)>,
    /// Periods of sixty seconds that must all breach.
    pub periods: i64,
    /// The bound.
    pub threshold: f64,
    /// Such as `GreaterThanThreshold`.
    pub comparison: String,
}

const COMPARISONS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];
const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
const MISSING_DATA: [&str; 4] = ["breaching", "notBreaching", "ignore", "missing"];
const ACTIONS_MAX: usize = 5;
const DIMENSIONS_MAX: usize = 30;
const DAY_SECONDS: i64 = 86_400;
const HOUR_SECONDS: i64 = 3_600;

impl State {
    pub(super) fn new(
        value: &'static str,
        reason: &str,
        reason_data: Option<String>,
        now: Millis,
    ) -> State {
        State {
            value,
            reason: reason.to_owned(),
            reason_data,
            updated: now,
            transitioned: now,
        }
    }

    /// The state set after this one: the same value again is an update and no transition.
    pub(super) fn followed_by(
        &self,
        value: &'static str,
        reason: &str,
        reason_data: Option<String>,
        now: Millis,
    ) -> State {
        let transitioned = if self.value == value {
            self.transitioned
        } else {
            now
        };
        State {
            transitioned,
            ..State::new(value, reason, reason_data, now)
        }
    }
}

impl Configuration {
    /// The configuration a PutMetricAlarm asks for, or what is wrong with it.
    pub(super) fn of(call: &Call) -> Result<Configuration, Refusal> {
        for member in [
            "EvaluationCriteria",
            "EvaluationInterval",
            "EvaluationWindow",
            "WarmUpConfiguration",
        ] {
            if call.get(member).is_some() {
                return Err(invalid(format!("{member} is not simulated")));
            }
        }
        let queries = call
            .structures("Metrics")?
            .iter()
            .map(query)
            .collect::<Result<Vec<_>, _>>()?;
        let metric = match (queries.is_empty(), call.get("MetricName")) {
            (true, _) => Some(Metric::of(call)?),
            (false, None) => None,
            (false, Some(_)) => {
                return Err(invalid("MetricName and Metrics cannot be used together"));
            }
        };
        let evaluation_periods = call.optional_integer("EvaluationPeriods")?;
        let evaluation_periods = evaluation_periods
            .filter(|periods| *periods >= 1)
            .ok_or_else(|| {
                invalid(
                    "1 validation error detected: Value at 'evaluationPeriods' must be 1 or more",
                )
            })?;
        let datapoints = call.optional_integer("DatapointsToAlarm")?;
        if datapoints.is_some_and(|datapoints| !(1..=evaluation_periods).contains(&datapoints)) {
            return Err(invalid(
                "DatapointsToAlarm must be 1 or more and at most EvaluationPeriods",
            ));
        }
        if let Some(Metric { period_seconds, .. }) = &metric {
            check_span(*period_seconds, evaluation_periods)?;
        }
        let threshold = call.optional_number("Threshold")?;
        let threshold_metric = call.optional_text("ThresholdMetricId")?.map(str::to_owned);
        if threshold.is_some() == threshold_metric.is_some() {
            return Err(invalid(
                "Exactly one of Threshold and ThresholdMetricId must be specified",
            ));
        }
        let comparison = one_of(call, "ComparisonOperator", &COMPARISONS)?
            .ok_or_else(|| invalid("1 validation error detected: Value null at 'comparisonOperator' failed to satisfy constraint: Member must not be null"))?;
        Ok(Configuration {
            description: call.optional_text("AlarmDescription")?.map(str::to_owned),
            actions_enabled: call.optional_boolean("ActionsEnabled")?.unwrap_or(true),
            ok_actions: actions(call, "OKActions")?,
            alarm_actions: actions(call, "AlarmActions")?,
            insufficient_data_actions: actions(call, "InsufficientDataActions")?,
            metric,
            queries,
            evaluation_periods,
            datapoints,
            threshold,
            threshold_metric,
            comparison,
            missing_data: one_of(call, "TreatMissingData", &MISSING_DATA)?
                .unwrap_or_else(|| "missing".to_owned()),
            low_samples: one_of(
                call,
                "EvaluateLowSampleCountPercentile",
                &["evaluate", "ignore"],
            )?,
        })
    }

    /// Whether one of its actions begins with `prefix`.
    pub(super) fn acts_on(&self, prefix: &str) -> bool {
        let all = [
            &self.ok_actions,
            &self.alarm_actions,
            &self.insufficient_data_actions,
        ];
        all.into_iter()
            .flatten()
            .any(|action| action.starts_with(prefix))
    }
}

impl Metric {
    fn of(call: &Call) -> Result<Metric, Refusal> {
        let statistic = one_of(call, "Statistic", &STATISTICS)?;
        let extended_statistic = call.optional_text("ExtendedStatistic")?.map(str::to_owned);
        if statistic.is_some() == extended_statistic.is_some() {
            return Err(invalid(
                "Exactly one of Statistic and ExtendedStatistic must be specified",
            ));
        }
        if extended_statistic
            .as_deref()
            .is_some_and(|statistic| !is_extended(statistic))
        {
            return Err(invalid(
                "The value for parameter ExtendedStatistic is invalid.",
            ));
        }
        let namespace = call.required("Namespace", VALIDATION)?.to_owned();
        let name = call.required("MetricName", VALIDATION)?.to_owned();
        if namespace.is_empty() || namespace.starts_with(':') || name.is_empty() {
            return Err(invalid(
                "Namespace and MetricName must not be empty, nor Namespace begin with a colon",
            ));
        }
        let period_seconds = call
            .optional_integer("Period")?
            .ok_or_else(|| invalid("Period must be specified"))?;
        check_period(period_seconds)?;
        let unit = call.optional_text("Unit")?.map(str::to_owned);
        let dimensions = dimensions(call)?;
        Ok(Metric {
            namespace,
            name,
            statistic,
            extended_statistic,
            dimensions,
            period_seconds,
            unit,
        })
    }
}

impl Generated {
    pub(super) fn configuration(&self) -> Configuration {
        let Generated {
            description,
            action,
            namespace,
            metric,
            statistic,
            unit,
            dimensions,
            periods,
            threshold,
            comparison,
        } = self.clone();
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| json!({ "Name": name, "Value": value }))
            .collect();
        Configuration {
            description: Some(description),
            actions_enabled: true,
            alarm_actions: vec![action],
            metric: Some(Metric {
                namespace,
                name: metric,
                statistic: Some(statistic),
                extended_statistic: None,
                dimensions,
                period_seconds: 60,
                unit,
            }),
            evaluation_periods: periods,
            threshold: Some(threshold),
            comparison,
            missing_data: "missing".to_owned(),
            ..Configuration::default()
        }
    }
}

impl Alarm {
    /// The alarm as DescribeAlarms writes it.
    pub(super) fn shown(&self, name: &str, arn: &str) -> Value {
        let Alarm {
            configuration,
            configured,
            state,
            tags: _,
        } = self;
        let Configuration {
            description,
            actions_enabled,
            ok_actions,
            alarm_actions,
            insufficient_data_actions,
            metric,
            queries,
            evaluation_periods,
            datapoints,
            threshold,
            threshold_metric,
            comparison,
            missing_data,
            low_samples,
        } = configuration;
        let State {
            value,
            reason,
            reason_data,
            updated,
            transitioned,
        } = state;
        let mut shown = json!({
            "AlarmName": name, "AlarmArn": arn, "AlarmDescription": description,
            "AlarmConfigurationUpdatedTimestamp": timestamp(*configured), "ActionsEnabled": actions_enabled,
            "OKActions": ok_actions, "AlarmActions": alarm_actions, "InsufficientDataActions": insufficient_data_actions,
            "StateValue": value, "StateReason": reason, "StateReasonData": reason_data,
            "StateUpdatedTimestamp": timestamp(*updated), "StateTransitionedTimestamp": timestamp(*transitioned),
            "EvaluationPeriods": evaluation_periods, "DatapointsToAlarm": datapoints, "Threshold": threshold,
            "ThresholdMetricId": threshold_metric, "ComparisonOperator": comparison, "TreatMissingData": missing_data,
            "EvaluateLowSampleCountPercentile": low_samples,
        });
        match metric {
            None => shown["Metrics"] = json!(queries),
            Some(metric) => {
                let Metric {
                    namespace,
                    name,
                    statistic,
                    extended_statistic,
                    dimensions,
                    period_seconds,
                    unit,
                } = metric;
                shown["Namespace"] = json!(namespace);
                shown["MetricName"] = json!(name);
                shown["Statistic"] = json!(statistic);
                shown["ExtendedStatistic"] = json!(extended_statistic);
                shown["Dimensions"] = dimensions.clone();
                shown["Period"] = json!(period_seconds);
                shown["Unit"] = json!(unit);
            }
        }
        shown
    }
}

/// One metric math query, its numbers made numbers.
fn query(query: &Call) -> Result<Value, Refusal> {
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

fn dimensions(call: &Call) -> Result<Value, Refusal> {
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

fn actions(call: &Call, member: &str) -> Result<Vec<String>, Refusal> {
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

fn one_of(call: &Call, member: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
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

/// Percentiles and their kin: `p99`, `p99.9`, `tm95`, `tc90`, `ts90`, `wm95`, `iqm`, `PR(…)`, `TM(…)`.
fn is_extended(statistic: &str) -> bool {
    let number = ["p", "tm", "tc", "ts", "wm"]
        .iter()
        .find_map(|kind| statistic.strip_prefix(kind));
    let percent = number.and_then(|number| number.parse::<f64>().ok());
    percent.is_some_and(|percent| (0.0..=100.0).contains(&percent))
        || statistic.eq_ignore_ascii_case("iqm")
        || (statistic.contains('(') && statistic.ends_with(')'))
}

fn check_period(seconds: i64) -> Result<(), Refusal> {
    if [10, 20, 30].contains(&seconds) || (seconds >= 60 && seconds % 60 == 0) {
        return Ok(());
    }
    Err(invalid("Period must be 10, 20, 30 or a multiple of 60"))
}

/// A day in all; a week when a period is an hour or more.
fn check_span(period_seconds: i64, periods: i64) -> Result<(), Refusal> {
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
