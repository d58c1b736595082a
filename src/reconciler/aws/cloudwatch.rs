//! CloudWatch: alarms of both kinds. The dashboard is `dashboard`'s.
//!
//! All of a unit's alarms are one listing. Tags are a call for each alarm, so they are asked for only where somebody
//! wants to know: of what is as wanted, nothing is written, whoever owns it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, CompositeAlarm as SdkCompositeAlarm, Dimension as SdkDimension,
    Metric, MetricAlarm, MetricDataQuery, MetricStat, Statistic, Tag,
};

use super::{AwsError, Clients, failed, lacking};
use crate::reconciler::normal::{flag, text};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{
    Alarm, CompositeAlarm, Dimension, Measured, OWNER_TAG, Resources, Watched, policy_action,
};

pub mod dashboard;

/// The unit's own resources as CloudWatch names them today.
pub struct OwnDimensions<'a> {
    /// ARNs of its scaling policies, by name.
    pub policies: &'a BTreeMap<String, String>,
    /// `targetgroup/<name>/<id>`.
    pub target_group: Option<String>,
    /// The same of the second target group.
    pub alternate: Option<String>,
    /// `app/<name>/<id>`.
    pub load_balancer: Option<String>,
}

impl OwnDimensions<'_> {
    /// What an action's ARN stands for.
    fn action(&self, arn: String) -> String {
        let mut policies = self.policies.iter();
        match policies.find(|(_, policy)| **policy == arn) {
            Some((name, _)) => policy_action(name),
            None => arn,
        }
    }

    /// What a dimension's value stands for.
    fn named(&self, value: &str) -> Dimension {
        let is = |own: &Option<String>| own.as_deref() == Some(value);
        if is(&self.target_group) {
            Dimension::TargetGroup
        } else if is(&self.alternate) {
            Dimension::AlternateTargetGroup
        } else if is(&self.load_balancer) {
            Dimension::LoadBalancer
        } else {
            Dimension::Text(value.to_owned())
        }
    }
}

/// What was found of one unit's alarms, by name.
#[derive(Debug, Default)]
pub struct Alarms {
    /// On metrics.
    pub metric: BTreeMap<String, Found<Alarm>>,
    /// On other alarms.
    pub composite: BTreeMap<String, Found<CompositeAlarm>>,
}

/// DescribeAlarms gives no more on one page, whatever is asked for.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const PAGE: i32 = 100;

/// Every alarm whose name begins with `prefix`. Of those that are as `desired` the owner is not asked for, and absent.
pub async fn alarms(
    aws: &Clients,
    prefix: &str,
    own: &OwnDimensions<'_>,
    desired: &Resources,
) -> Result<Alarms, AwsError> {
    let operation = "cloudwatch:DescribeAlarms";
    let mut pages = aws
        .cloudwatch
        .describe_alarms()
        .alarm_name_prefix(prefix)
        // Without both named, composite alarms are left out.
        .alarm_types(AlarmType::MetricAlarm)
        .alarm_types(AlarmType::CompositeAlarm)
        .max_records(PAGE)
        .into_paginator()
        .send();
    let mut alarms = Alarms::default();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed(operation))?;
        for alarm in page.metric_alarms.unwrap_or_default() {
            let (name, arn) = identity(&alarm.alarm_name, &alarm.alarm_arn)?;
            let value = normal(alarm, own);
            let found = found(aws, arn, value, desired.alarms.get(&name)).await?;
            alarms.metric.insert(name, found);
        }
        for alarm in page.composite_alarms.unwrap_or_default() {
            let (name, arn) = identity(&alarm.alarm_name, &alarm.alarm_arn)?;
            let value = normal_composite(alarm);
            let found = found(aws, arn, value, desired.composite_alarms.get(&name)).await?;
            alarms.composite.insert(name, found);
        }
    }
    Ok(alarms)
}

fn identity(name: &Option<String>, arn: &Option<String>) -> Result<(String, String), AwsError> {
    let lacking = |member| lacking("cloudwatch:DescribeAlarms", member);
    let name = name.clone().ok_or_else(|| lacking("AlarmName"))?;
    Ok((name, arn.clone().ok_or_else(|| lacking("AlarmArn"))?))
}

async fn found<T: PartialEq>(
    aws: &Clients,
    arn: String,
    value: T,
    desired: Option<&T>,
) -> Result<Found<T>, AwsError> {
    let owner = if desired == Some(&value) {
        None
    } else {
        owner(aws, &arn).await?
    };
    Ok(Found { arn, owner, value })
}

/// The owner tag of an alarm or dashboard.
async fn owner(aws: &Clients, arn: &str) -> Result<Option<String>, AwsError> {
    let call = aws.cloudwatch.list_tags_for_resource().resource_arn(arn);
    let tags = call.send().await;
    let tags = tags.map_err(failed("cloudwatch:ListTagsForResource"))?.tags;
    let mut tags = tags.into_iter().flatten();
    let tag = tags.find(|tag| tag.key.as_deref() == Some(OWNER_TAG));
    Ok(tag.and_then(|tag| tag.value))
}

fn normal(alarm: MetricAlarm, own: &OwnDimensions<'_>) -> Alarm {
    let evaluation_periods = alarm.evaluation_periods.unwrap_or_default();
    let queries = alarm.metrics.unwrap_or_default();
    let watched = if queries.is_empty() {
        let statistic = alarm.statistic.map(|word| word.as_str().to_owned());
        Watched::Metric(Measured {
            namespace: alarm.namespace.unwrap_or_default(),
            metric: alarm.metric_name.unwrap_or_default(),
            statistic: alarm.extended_statistic.or(statistic).unwrap_or_default(),
            dimensions: dimensions(alarm.dimensions, own),
            period_seconds: alarm.period.unwrap_or_default(),
            unit: alarm.unit.map(|unit| unit.as_str().to_owned()),
        })
    } else {
        calculation(queries, own)
    };
    Alarm {
        description: alarm.alarm_description.unwrap_or_default(),
        watched,
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
            .unwrap_or_else(|| const { text("alarms.*.missing_data") }.to_owned()),
        actions: set(alarm.alarm_actions)
            .into_iter()
            .map(|arn| own.action(arn))
            .collect(),
        ok_actions: set(alarm.ok_actions),
        actions_enabled: alarm
            .actions_enabled
            .unwrap_or(const { flag("alarms.*.actions_enabled") }),
    }
}

fn normal_composite(alarm: SdkCompositeAlarm) -> CompositeAlarm {
    CompositeAlarm {
        description: alarm.alarm_description.unwrap_or_default(),
        rule: alarm.alarm_rule.unwrap_or_default(),
        actions: set(alarm.alarm_actions),
        ok_actions: set(alarm.ok_actions),
        actions_enabled: alarm.actions_enabled.unwrap_or(true),
        suppressor: alarm.actions_suppressor,
    }
}

fn set(list: Option<Vec<String>>) -> BTreeSet<String> {
    list.into_iter().flatten().collect()
}

fn dimensions(
    list: Option<Vec<SdkDimension>>,
    own: &OwnDimensions<'_>,
) -> BTreeMap<String, Dimension> {
    let pairs = list.into_iter().flatten().map(|dimension| {
        let value = own.named(dimension.value.as_deref().unwrap_or_default());
        (dimension.name.unwrap_or_default(), value)
    });
    pairs.collect()
}

fn calculation(queries: Vec<MetricDataQuery>, own: &OwnDimensions<'_>) -> Watched {
    let (mut expressions, mut metrics) = (BTreeMap::new(), BTreeMap::new());
    let mut compared = BTreeSet::new();
    for query in queries {
        let id = query.id.unwrap_or_default();
        // Absent is true: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
        if query.return_data.unwrap_or(true) {
            compared.insert(id.clone());
        }
        if let Some(expression) = query.expression {
            expressions.insert(id, expression);
        } else if let Some(stat) = query.metric_stat {
            let metric = stat.metric.unwrap_or_else(|| Metric::builder().build());
            let measured = Measured {
                namespace: metric.namespace.unwrap_or_default(),
                metric: metric.metric_name.unwrap_or_default(),
                statistic: stat.stat.unwrap_or_default(),
                dimensions: dimensions(metric.dimensions, own),
                period_seconds: stat.period.unwrap_or_default(),
                unit: stat.unit.map(|unit| unit.as_str().to_owned()),
            };
            metrics.insert(id, measured);
        }
    }
    Watched::Calculation {
        expressions,
        metrics,
        compared,
    }
}

/// Makes or replaces an alarm, every dimension of which is a name. CloudWatch takes tags for a new one only, and ignores
/// them otherwise.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
pub async fn put_alarm(
    aws: &Clients,
    name: &str,
    alarm: &Alarm,
    owner: Option<&str>,
) -> Result<(), AwsError> {
    let Alarm {
        description,
        watched,
        evaluation_periods,
        datapoints_to_alarm,
        threshold,
        comparison,
        missing_data,
        actions,
        ok_actions,
        actions_enabled,
    } = alarm;
    let call = aws
        .cloudwatch
        .put_metric_alarm()
        .alarm_name(name)
        .alarm_description(description)
        .evaluation_periods(*evaluation_periods)
        .datapoints_to_alarm(*datapoints_to_alarm)
        .threshold(*threshold)
        .comparison_operator(ComparisonOperator::from(comparison.as_str()))
        .treat_missing_data(missing_data)
        .set_alarm_actions(Some(actions.iter().cloned().collect()))
        .set_ok_actions(Some(ok_actions.iter().cloned().collect()))
        .actions_enabled(*actions_enabled)
        .set_tags(tags(owner));
    let call = match watched {
        Watched::Calculation {
            expressions,
            metrics,
            compared,
        } => call.set_metrics(Some(queries(expressions, metrics, compared))),
        Watched::Metric(measured) => {
            let Measured {
                namespace,
                metric,
                statistic,
                dimensions,
                period_seconds,
                unit,
            } = measured;
            let call = call
                .namespace(namespace)
                .metric_name(metric)
                .set_dimensions(Some(sdk_dimensions(dimensions)))
                .period(*period_seconds)
                .set_unit(unit.as_deref().map(Into::into));
            // Percentiles and shares are "extended" statistics with a member of their own.
            match statistic.as_str() {
                "Average" | "Maximum" | "Minimum" | "SampleCount" | "Sum" => {
                    call.statistic(Statistic::from(statistic.as_str()))
                }
                extended => call.extended_statistic(extended),
            }
        }
    };
    let sent = call.send().await;
    sent.map_err(failed("cloudwatch:PutMetricAlarm")).map(drop)
}

/// Formulas and metrics as one list, the formulas first, as the console shows them.
fn queries(
    expressions: &BTreeMap<String, String>,
    metrics: &BTreeMap<String, Measured>,
    compared: &BTreeSet<String>,
) -> Vec<MetricDataQuery> {
    let query = |id: &String| {
        let returned = compared.contains(id);
        MetricDataQuery::builder().id(id).return_data(returned)
    };
    let expressions = expressions
        .iter()
        .map(|(id, expression)| query(id).expression(expression).build());
    let metrics = metrics.iter().map(|(id, measured)| {
        let Measured {
            namespace,
            metric,
            statistic,
            dimensions,
            period_seconds,
            unit,
        } = measured;
        let metric = Metric::builder()
            .namespace(namespace)
            .metric_name(metric)
            .set_dimensions(Some(sdk_dimensions(dimensions)));
        let stat = MetricStat::builder()
            .metric(metric.build())
            .period(*period_seconds)
            .stat(statistic)
            .set_unit(unit.as_deref().map(Into::into));
        query(id).metric_stat(stat.build()).build()
    });
    expressions.chain(metrics).collect()
}

fn sdk_dimensions(dimensions: &BTreeMap<String, Dimension>) -> Vec<SdkDimension> {
    let dimension = |(name, value): (&String, &Dimension)| {
        SdkDimension::builder()
            .name(name)
            .value(value.word())
            .build()
    };
    dimensions.iter().map(dimension).collect()
}

fn tags(owner: Option<&str>) -> Option<Vec<Tag>> {
    owner.map(|unit| vec![Tag::builder().key(OWNER_TAG).value(unit).build()])
}

/// Makes or replaces a composite alarm. The alarms its rule names must be there.
pub async fn put_composite_alarm(
    aws: &Clients,
    name: &str,
    alarm: &CompositeAlarm,
    owner: Option<&str>,
) -> Result<(), AwsError> {
    let CompositeAlarm {
        description,
        rule,
        actions,
        ok_actions,
        actions_enabled,
        suppressor,
    } = alarm;
    let call = aws
        .cloudwatch
        .put_composite_alarm()
        .alarm_name(name)
        .alarm_description(description)
        .alarm_rule(rule)
        .set_alarm_actions(Some(actions.iter().cloned().collect()))
        .set_ok_actions(Some(ok_actions.iter().cloned().collect()))
        .actions_enabled(*actions_enabled)
        .set_actions_suppressor(suppressor.clone())
        .set_tags(tags(owner));
    let sent = call.send().await;
    sent.map_err(failed("cloudwatch:PutCompositeAlarm"))
        .map(drop)
}

/// Removes an alarm of either kind.
pub async fn delete_alarm(aws: &Clients, name: &str) -> Result<(), AwsError> {
    aws.cloudwatch
        .delete_alarms()
        .alarm_names(name)
        .send()
        .await
        .map_err(failed("cloudwatch:DeleteAlarms"))
        .map(drop)
}
