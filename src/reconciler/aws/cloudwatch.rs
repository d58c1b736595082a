//! CloudWatch: metric alarms.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension as SdkDimension, MetricAlarm, Statistic, Tag,
};

use super::{AwsError, Clients, failed, lacking};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{Alarm, Dimension, OWNER_TAG};

/// The unit's own resources as CloudWatch names them today.
pub struct OwnDimensions {
    /// `targetgroup/<name>/<id>`.
    pub target_group: Option<String>,
    /// `app/<name>/<id>`.
    pub load_balancer: Option<String>,
}

/// Every metric alarm whose name begins with `prefix`.
pub async fn alarms(
    aws: &Clients,
    prefix: &str,
    own: &OwnDimensions,
) -> Result<BTreeMap<String, Found<Alarm>>, AwsError> {
    let operation = "cloudwatch:DescribeAlarms";
    let mut pages = aws
        .cloudwatch
        .describe_alarms()
        .alarm_name_prefix(prefix)
        .alarm_types(AlarmType::MetricAlarm)
        .into_paginator()
        .send();
    let mut alarms = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for alarm in page
            .map_err(failed(operation))?
            .metric_alarms
            .unwrap_or_default()
        {
            let name = alarm
                .alarm_name
                .clone()
                .ok_or_else(|| lacking(operation, "AlarmName"))?;
            let arn = alarm
                .alarm_arn
                .clone()
                .ok_or_else(|| lacking(operation, "AlarmArn"))?;
            let tags = aws
                .cloudwatch
                .list_tags_for_resource()
                .resource_arn(&arn)
                .send()
                .await;
            let tags = tags
                .map_err(failed("cloudwatch:ListTagsForResource"))?
                .tags
                .unwrap_or_default();
            let owner = tags
                .into_iter()
                .find(|tag| tag.key.as_deref() == Some(OWNER_TAG))
                .and_then(|tag| tag.value);
            alarms.insert(
                name,
                Found {
                    arn,
                    owner,
                    value: normal(alarm, own),
                },
            );
        }
    }
    Ok(alarms)
}

fn normal(alarm: MetricAlarm, own: &OwnDimensions) -> Alarm {
    let dimension = |dimension: SdkDimension| {
        let value = dimension.value.unwrap_or_default();
        let value = match dimension.name.as_deref() {
            Some("TargetGroup") if own.target_group.as_ref() == Some(&value) => {
                Dimension::TargetGroup
            }
            Some("LoadBalancer") if own.load_balancer.as_ref() == Some(&value) => {
                Dimension::LoadBalancer
            }
            _ => Dimension::Text(value),
        };
        (dimension.name.unwrap_or_default(), value)
    };
    let evaluation_periods = alarm.evaluation_periods.unwrap_or_default();
    Alarm {
        description: alarm.alarm_description.unwrap_or_default(),
        namespace: alarm.namespace.unwrap_or_default(),
        metric: alarm.metric_name.unwrap_or_default(),
        statistic: alarm
            .extended_statistic
            .or_else(|| {
                alarm
                    .statistic
                    .map(|statistic| statistic.as_str().to_owned())
            })
            .unwrap_or_default(),
        dimensions: alarm
            .dimensions
            .unwrap_or_default()
            .into_iter()
            .map(dimension)
            .collect(),
        period_seconds: alarm.period.unwrap_or_default(),
        evaluation_periods,
        // Absent unless it was sent, and then AWS asks for all of the evaluated points.
        datapoints_to_alarm: alarm.datapoints_to_alarm.unwrap_or(evaluation_periods),
        threshold: alarm.threshold.unwrap_or_default(),
        comparison: alarm
            .comparison_operator
            .map(|operator| operator.as_str().to_owned())
            .unwrap_or_default(),
        missing_data: alarm
            .treat_missing_data
            .unwrap_or_else(|| "missing".to_owned()),
        actions: alarm
            .alarm_actions
            .unwrap_or_default()
            .into_iter()
            .collect::<BTreeSet<_>>(),
        actions_enabled: alarm.actions_enabled.unwrap_or(true),
    }
}

/// Makes or replaces an alarm. CloudWatch takes tags for a new one only, and ignores them otherwise.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
pub async fn put_alarm(
    aws: &Clients,
    name: &str,
    dimensions: &BTreeMap<String, String>,
    alarm: &Alarm,
    owner: Option<&str>,
) -> Result<(), AwsError> {
    let Alarm {
        description,
        namespace,
        metric,
        statistic,
        dimensions: _,
        period_seconds,
        evaluation_periods,
        datapoints_to_alarm,
        threshold,
        comparison,
        missing_data,
        actions,
        actions_enabled,
    } = alarm;
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| SdkDimension::builder().name(name).value(value).build())
        .collect();
    let tags = owner.map(|unit| vec![Tag::builder().key(OWNER_TAG).value(unit).build()]);
    let call = aws
        .cloudwatch
        .put_metric_alarm()
        .alarm_name(name)
        .alarm_description(description)
        .namespace(namespace)
        .metric_name(metric)
        .set_dimensions(Some(dimensions))
        .period(*period_seconds)
        .evaluation_periods(*evaluation_periods)
        .datapoints_to_alarm(*datapoints_to_alarm)
        .threshold(*threshold)
        .comparison_operator(ComparisonOperator::from(comparison.as_str()))
        .treat_missing_data(missing_data)
        .set_alarm_actions(Some(actions.iter().cloned().collect()))
        .actions_enabled(*actions_enabled)
        .set_tags(tags);
    // A percentile is an "extended" statistic with a member of its own.
    let call = if statistic.starts_with('p') {
        call.extended_statistic(statistic)
    } else {
        call.statistic(Statistic::from(statistic.as_str()))
    };
    call.send()
        .await
        .map_err(failed("cloudwatch:PutMetricAlarm"))
        .map(drop)
}

/// Removes an alarm.
pub async fn delete_alarm(aws: &Clients, name: &str) -> Result<(), AwsError> {
    aws.cloudwatch
        .delete_alarms()
        .alarm_names(name)
        .send()
        .await
        .map_err(failed("cloudwatch:DeleteAlarms"))
        .map(drop)
}
