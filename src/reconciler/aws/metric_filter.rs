//! CloudWatch Logs: metric filters. They have no tags and no owner but their log group.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatchlogs::types::{
    MetricFilter as SdkFilter, MetricTransformation, StandardUnit,
};

use super::{AwsError, Clients, failed, is_code, lacking};
use crate::reconciler::resource::MetricFilter;

/// Those of a group whose names begin with `prefix`; none where the group is not there.
pub async fn all(
    aws: &Clients,
    group: &str,
    prefix: &str,
) -> Result<BTreeMap<String, MetricFilter>, AwsError> {
    let mut pages = aws
        .logs
        .describe_metric_filters()
        .log_group_name(group)
        .filter_name_prefix(prefix)
        .into_paginator()
        .items()
        .send();
    let mut filters = BTreeMap::new();
    while let Some(filter) = pages.next().await {
        let filter = match filter {
            Err(error) if is_code(&error, "ResourceNotFoundException") => break,
            filter => filter.map_err(failed("logs:DescribeMetricFilters"))?,
        };
        let name = filter.filter_name.clone().unwrap_or_default();
        filters.insert(name, normal(filter));
    }
    Ok(filters)
}

/// AWS takes one transformation a filter, and reads an absent unit back as absent or as `None`.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>
fn normal(filter: SdkFilter) -> MetricFilter {
    let mut other = BTreeSet::new();
    if filter.apply_on_transformed_logs {
        other.insert("applyOnTransformedLogs".to_owned());
    }
    if filter
        .field_selection_criteria
        .is_some_and(|text| !text.is_empty())
    {
        other.insert("fieldSelectionCriteria".to_owned());
    }
    if filter
        .emit_system_field_dimensions
        .is_some_and(|fields| !fields.is_empty())
    {
        other.insert("emitSystemFieldDimensions".to_owned());
    }
    let transformation = filter
        .metric_transformations
        .and_then(|transformations| transformations.into_iter().next());
    let pattern = filter.filter_pattern.unwrap_or_default();
    let Some(transformation) = transformation else {
        return MetricFilter {
            pattern,
            metric: String::new(),
            namespace: String::new(),
            value: String::new(),
            dimensions: BTreeMap::new(),
            default_value: None,
            unit: String::new(),
            other,
        };
    };
    MetricFilter {
        pattern,
        metric: transformation.metric_name,
        namespace: transformation.metric_namespace,
        value: transformation.metric_value,
        dimensions: transformation
            .dimensions
            .unwrap_or_default()
            .into_iter()
            .collect(),
        default_value: transformation.default_value,
        unit: transformation
            .unit
            .unwrap_or(StandardUnit::None)
            .as_str()
            .to_owned(),
        other,
    }
}

/// Makes or replaces a filter. It counts what is logged from then on.
pub async fn put(
    aws: &Clients,
    group: &str,
    name: &str,
    filter: &MetricFilter,
) -> Result<(), AwsError> {
    let operation = "logs:PutMetricFilter";
    let MetricFilter {
        pattern,
        metric,
        namespace,
        value,
        dimensions,
        default_value,
        unit,
        other: _,
    } = filter;
    let dimensions = dimensions.clone().into_iter().collect();
    let transformation = MetricTransformation::builder()
        .metric_name(metric)
        .metric_namespace(namespace)
        .metric_value(value)
        .set_default_value(*default_value)
        .set_dimensions(
            Some(dimensions).filter(|all: &std::collections::HashMap<_, _>| !all.is_empty()),
        )
        .unit(StandardUnit::from(unit.as_str()))
        .build()
        .map_err(|_| lacking(operation, "metric"))?;
    let call = aws
        .logs
        .put_metric_filter()
        .log_group_name(group)
        .filter_name(name)
        .filter_pattern(pattern)
        .metric_transformations(transformation);
    call.send().await.map_err(failed(operation)).map(drop)
}

/// Removes a filter; the metric's data stay.
pub async fn delete(aws: &Clients, group: &str, name: &str) -> Result<(), AwsError> {
    let call = aws
        .logs
        .delete_metric_filter()
        .log_group_name(group)
        .filter_name(name);
    call.send()
        .await
        .map_err(failed("logs:DeleteMetricFilter"))
        .map(drop)
}
