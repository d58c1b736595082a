//! What a metric alarm watches: its configuration as PutMetricAlarm checks it, and how DescribeAlarms shows it.
//!
//! Pure. Numbers leave as numbers whatever protocol they came in: a CBOR client takes no text for a double.

mod watched;

use serde_json::{Value, json};

use super::super::expression;
use super::super::{VALIDATION, invalid};
use super::Common;
use super::check::{
    COMPARISONS, MISSING_DATA, STATISTICS, check_period, check_span, dimensions, is_extended,
    one_of, query,
};
use crate::simulator::call::{Call, Millis, Refusal, integer};

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
const QUERIES_MAX: usize = 20;

/// What one metric, or a calculation on several, is compared with.
#[derive(Debug, Default)]
pub(in crate::simulator::cloudwatch) struct Watch {
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

impl Watch {
    /// The periods it evaluates, one after the other.
    pub(in crate::simulator::cloudwatch) fn span_millis(&self) -> Millis {
        let queried = self.queries.iter().filter_map(|query| {
            let own = query
                .get("Period")
                .or_else(|| query.get("MetricStat")?.get("Period"));
            own.and_then(integer)
        });
        let single = self.metric.as_ref().map(|metric| metric.period_seconds);
        let period = single.into_iter().chain(queried).max().unwrap_or(0);
        u64::try_from(period.saturating_mul(self.evaluation_periods)).unwrap_or(0) * 1_000
    }

    /// The configuration a PutMetricAlarm asks for, or what is wrong with it.
    pub(in crate::simulator::cloudwatch) fn of(call: &Call) -> Result<Watch, Refusal> {
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
        check_queries(&queries, threshold_metric.as_deref())?;
        Ok(Watch {
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

    /// Whether it watches this very metric and nothing else.
    pub(in crate::simulator::cloudwatch) fn is_of(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<MetricView<'_>> {
        let metric = self.metric.as_ref()?;
        (metric.namespace == namespace && metric.name == name).then(|| MetricView {
            statistic: metric.statistic.as_deref(),
            extended_statistic: metric.extended_statistic.as_deref(),
            dimensions: &metric.dimensions,
            period_seconds: metric.period_seconds,
            unit: metric.unit.as_deref(),
        })
    }
}

/// The parts of a metric alarm that DescribeAlarmsForMetric compares.
pub(in crate::simulator::cloudwatch) struct MetricView<'a> {
    pub statistic: Option<&'a str>,
    pub extended_statistic: Option<&'a str>,
    pub dimensions: &'a Value,
    pub period_seconds: i64,
    pub unit: Option<&'a str>,
}

/// An alarm on calculations must be computable, and compare exactly one series.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html>
fn check_queries(queries: &[Value], threshold_metric: Option<&str>) -> Result<(), Refusal> {
    if queries.is_empty() {
        return Ok(());
    }
    if queries.len() > QUERIES_MAX {
        return Err(invalid(format!(
            "An alarm has at most {QUERIES_MAX} metric queries"
        )));
    }
    let ids: Vec<&str> = queries
        .iter()
        .filter_map(|query| query["Id"].as_str())
        .collect();
    for (at, query) in queries.iter().enumerate() {
        let id = ids.get(at).copied().unwrap_or_default();
        if !expression::is_id(id) || ids.iter().filter(|other| **other == id).count() > 1 {
            return Err(invalid(format!(
                "Invalid metrics list: the id '{id}' is not valid or not unique"
            )));
        }
        if let Some(text) = query["Expression"].as_str() {
            let parsed = expression::parse(text).map_err(|problem| {
                invalid(format!(
                    "Invalid metrics list: Error in expression '{id}': {problem}"
                ))
            })?;
            if let Some(unknown) = parsed.ids().find(|name| !ids.contains(name)) {
                return Err(invalid(format!(
                    "Invalid metrics list: Error in expression '{id}': Invalid syntax: undefined variable {unknown}"
                )));
            }
        }
    }
    let returned = queries
        .iter()
        .filter(|query| query["ReturnData"] == true)
        .count();
    if threshold_metric.is_none() && returned != 1 {
        return Err(invalid(
            "Exactly one element of the metrics list should return data.",
        ));
    }
    Ok(())
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
    /// The alarm this asks for.
    pub(in crate::simulator::cloudwatch) fn configured(&self) -> (Common, Watch) {
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
        let common = Common {
            description: Some(description),
            actions_enabled: true,
            alarm_actions: vec![action],
            ..Common::default()
        };
        let watch = Watch {
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
            ..Watch::default()
        };
        (common, watch)
    }
}

impl Watch {
    /// The members a metric alarm has beyond those every alarm has.
    pub(super) fn shown(&self) -> Value {
        let Watch {
            metric,
            queries,
            evaluation_periods,
            datapoints,
            threshold,
            threshold_metric,
            comparison,
            missing_data,
            low_samples,
        } = self;
        let mut shown = json!({
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
