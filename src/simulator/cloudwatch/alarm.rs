//! One metric alarm: its configuration as PutMetricAlarm checks it, and how DescribeAlarms shows it.
//!
//! Pure. Numbers leave as numbers whatever protocol they came in: a CBOR client takes no text for a double.

mod check;

use serde_json::{Value, json};

use super::super::call::{Call, Millis, Refusal, timestamp};
use super::super::tag::Tags;
use super::{VALIDATION, invalid};
use check::{
    COMPARISONS, MISSING_DATA, STATISTICS, actions, check_period, check_span, dimensions,
    is_extended, one_of, query,
};

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
