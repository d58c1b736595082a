//! A metric alarm at work: what to read for it, what to compare that with, what its messages say of it.
//!
//! Pure.

use serde_json::{Value, json};

use super::super::evaluate::Criterion;
use super::Watch;
use crate::simulator::call::Millis;
use crate::simulator::cloudwatch::read::series::of_metric;
use crate::simulator::cloudwatch::statistic::Statistic;

impl Watch {
    /// What its data are compared with; nothing for a band, which no alarm here computes.
    pub(in crate::simulator::cloudwatch) fn criterion(&self) -> Option<Criterion<'_>> {
        let periods = usize::try_from(self.evaluation_periods).ok()?;
        let datapoints = self
            .datapoints
            .and_then(|given| usize::try_from(given).ok());
        Some(Criterion {
            periods,
            datapoints: datapoints.unwrap_or(periods),
            datapoints_given: datapoints.is_some(),
            threshold: self.threshold?,
            comparison: &self.comparison,
            missing: &self.missing_data,
        })
    }

    /// The length of a period.
    pub(in crate::simulator::cloudwatch) fn period(&self) -> Millis {
        let of_queries = || {
            let stated = |query: &Value| {
                query["MetricStat"]["Period"]
                    .as_i64()
                    .or(query["Period"].as_i64())
            };
            self.queries.iter().find_map(stated)
        };
        let seconds = match &self.metric {
            Some(metric) => Some(metric.period_seconds),
            None => of_queries(),
        };
        seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(60_000, |seconds| seconds.max(1) * 1000)
    }

    /// The queries whose first returned series it compares.
    pub(in crate::simulator::cloudwatch) fn queries(&self) -> Vec<Value> {
        match self.query_of(None) {
            Some(query) => vec![query],
            None => self.queries.clone(),
        }
    }

    /// The number of measurements in the evaluation periods below which nothing is concluded, with the query that counts
    /// them: "fewer than 10/(1-percentile) data points", or 10/percentile for those below the median.
    pub(in crate::simulator::cloudwatch) fn samples_min(&self) -> Option<(f64, Value)> {
        if self.low_samples.as_deref() != Some("ignore") {
            return None;
        }
        let name = self.metric.as_ref()?.extended_statistic.as_deref()?;
        let Some(Statistic::Percentile(percent)) = Statistic::parse(name) else {
            return None;
        };
        let share = percent / 100.0;
        let least = 10.0 / share.min(1.0 - share).max(f64::EPSILON);
        Some((least, self.query_of(Some("SampleCount"))?))
    }

    fn query_of(&self, statistic: Option<&str>) -> Option<Value> {
        let metric = self.metric.as_ref()?;
        let own = metric.statistic.as_deref();
        let own = own.or(metric.extended_statistic.as_deref());
        Some(of_metric(
            &metric.namespace,
            &metric.name,
            &metric.dimensions,
            metric.period_seconds,
            statistic.or(own)?,
            metric.unit.as_deref(),
        ))
    }

    /// What the reason's data say of the metric.
    pub(in crate::simulator::cloudwatch) fn of_reason(&self) -> Value {
        match &self.metric {
            None => json!({ "period": self.period() / 1000 }),
            Some(metric) => {
                let statistic = metric.statistic.as_ref();
                let mut shown = json!({
                    "statistic": statistic.or(metric.extended_statistic.as_ref()),
                    "period": metric.period_seconds,
                });
                if let Some(unit) = &metric.unit {
                    shown["unit"] = json!(unit);
                }
                shown
            }
        }
    }

    /// The `Trigger` of its messages: numbers as they are, the statistic in capitals, dimensions in small letters.
    pub(in crate::simulator::cloudwatch) fn trigger(&self) -> Value {
        let mut trigger = json!({
            "Period": self.period() / 1000, "EvaluationPeriods": self.evaluation_periods,
            "ComparisonOperator": self.comparison, "Threshold": self.threshold, "TreatMissingData": self.missing_data,
            "EvaluateLowSampleCountPercentile": self.low_samples.as_deref().unwrap_or(""),
        });
        if let Some(datapoints) = self.datapoints {
            trigger["DatapointsToAlarm"] = json!(datapoints);
        }
        let Some(metric) = &self.metric else {
            trigger["Metrics"] = json!(self.queries);
            return trigger;
        };
        trigger["MetricName"] = json!(metric.name);
        trigger["Namespace"] = json!(metric.namespace);
        trigger["Unit"] = json!(metric.unit);
        match (&metric.statistic, &metric.extended_statistic) {
            (Some(statistic), _) => {
                let word = match statistic.as_str() {
                    "SampleCount" => "SAMPLE_COUNT".to_owned(),
                    other => other.to_uppercase(),
                };
                trigger["StatisticType"] = json!("Statistic");
                trigger["Statistic"] = json!(word);
            }
            (None, extended) => {
                trigger["StatisticType"] = json!("ExtendedStatistic");
                trigger["ExtendedStatistic"] = json!(extended);
            }
        }
        let dimensions = metric.dimensions.as_array().into_iter().flatten();
        trigger["Dimensions"] = dimensions
            .map(|pair| json!({ "name": pair["Name"], "value": pair["Value"] }))
            .collect();
        trigger
    }
}
