//! The metrics this unit's alarms and dashboard look at, each with exactly the dimensions under which it has data.
//!
//! An alarm on a metric nobody emits is worse than none, so no other file writes a namespace or a dimension. A test holds
//! every one of them against what AWS and the program really emit.

use std::collections::BTreeMap;

use crate::reconciler::resource::{Dimension, Measured};
use crate::reconciler::spec::Spec;

/// The program's own namespace.
const PROGRAM: &str = "Hokusai/Contracts";

/// What the load balancer counts of this unit's target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
pub fn traffic(metric: &str, statistic: &str, period_seconds: i32) -> Measured {
    let dimensions = [
        ("LoadBalancer", Dimension::LoadBalancer),
        ("TargetGroup", Dimension::TargetGroup),
    ];
    measured(
        "AWS/ApplicationELB",
        metric,
        statistic,
        dimensions,
        period_seconds,
    )
}

/// What ECS measures of the service's tasks, whatever the cluster's Container Insights setting: that costs extra, is the
/// cluster's, and is off where this unit runs, so nothing here looks at `ECS/ContainerInsights`.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html>
pub fn tasks(spec: &Spec, metric: &str, statistic: &str, period_seconds: i32) -> Measured {
    let dimensions = [
        ("ClusterName", Dimension::Text(spec.cluster.clone())),
        ("ServiceName", Dimension::Text(spec.name.clone())),
    ];
    measured("AWS/ECS", metric, statistic, dimensions, period_seconds)
}

/// What the program says of itself in its log, in CloudWatch's embedded metric format.
pub fn program(spec: &Spec, metric: &str, statistic: &str, period_seconds: i32) -> Measured {
    let dimensions = [("Service", Dimension::Text(spec.name.clone()))];
    measured(PROGRAM, metric, statistic, dimensions, period_seconds)
}

/// What the program says of each of its routes or callers, whichever there are: a graph for each, as a dashboard's expression. They are the
/// program's to name, so none is named here.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>
pub fn program_by(
    spec: &Spec,
    dimension: &str,
    metric: &str,
    statistic: &str,
    period_seconds: i32,
) -> String {
    let service = &spec.name;
    format!(
        "SEARCH('{{{PROGRAM},Service,{dimension}}} MetricName=\"{metric}\" Service=\"{service}\"', '{statistic}', {period_seconds})"
    )
}

/// How many tasks run: each reports once a minute, so the number of reports is theirs.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-metrics.html#cw_running_task_count>
pub fn running_tasks(spec: &Spec) -> Measured {
    tasks(spec, "CPUUtilization", "SampleCount", 60)
}

fn measured<const N: usize>(
    namespace: &str,
    metric: &str,
    statistic: &str,
    dimensions: [(&str, Dimension); N],
    period_seconds: i32,
) -> Measured {
    let dimensions = dimensions.map(|(name, value)| (name.to_owned(), value));
    Measured {
        namespace: namespace.to_owned(),
        metric: metric.to_owned(),
        statistic: statistic.to_owned(),
        dimensions: BTreeMap::from(dimensions),
        period_seconds,
        unit: None,
    }
}
