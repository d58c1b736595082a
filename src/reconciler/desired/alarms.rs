//! The alarms every service has, from the manifest's thresholds.
//!
//! Each watches a metric that AWS emits for this unit with exactly these dimensions; an alarm on a metric nobody
//! emits is worse than none.

use std::collections::{BTreeMap, BTreeSet};

use crate::reconciler::resource::{Alarm, Dimension};
use crate::reconciler::spec::Spec;

/// Alarm names begin with the unit's, which is how `observe` finds those that are no longer wanted.
pub fn alarms(spec: &Spec) -> BTreeMap<String, Alarm> {
    let tasks = || {
        BTreeMap::from([
            (
                "ClusterName".to_owned(),
                Dimension::Text(spec.cluster.clone()),
            ),
            ("ServiceName".to_owned(), Dimension::Text(spec.name.clone())),
        ])
    };
    let alarms = [
        (
            "errors",
            Alarm {
                description: format!(
                    "More than {} answers of 5xx in five minutes",
                    spec.alarms.errors
                ),
                threshold: f64::from(spec.alarms.errors),
                ..traffic("HTTPCode_Target_5XX_Count", "Sum", 300, 1)
            },
        ),
        (
            "latency",
            Alarm {
                description: format!(
                    "One request in a hundred takes over {} s, for 15 minutes",
                    spec.alarms.latency_p99_seconds
                ),
                threshold: spec.alarms.latency_p99_seconds,
                ..traffic("TargetResponseTime", "p99", 300, 3)
            },
        ),
        (
            "unavailable",
            Alarm {
                description: "No task is healthy".to_owned(),
                threshold: 1.0,
                comparison: "LessThanThreshold".to_owned(),
                // A target group that reports nothing has no target: that is the outage, not a lack of news.
                missing_data: "breaching".to_owned(),
                ..traffic("HealthyHostCount", "Minimum", 60, 2)
            },
        ),
        (
            "unhealthy-targets",
            Alarm {
                description: "A task has failed its health checks for two minutes".to_owned(),
                threshold: 0.0,
                ..traffic("UnHealthyHostCount", "Maximum", 60, 2)
            },
        ),
        (
            "cpu",
            Alarm {
                description: format!("CPU above {} % for 15 minutes", spec.alarms.cpu_percent),
                threshold: f64::from(spec.alarms.cpu_percent),
                namespace: "AWS/ECS".to_owned(),
                dimensions: tasks(),
                ..traffic("CPUUtilization", "Average", 300, 3)
            },
        ),
        (
            "memory",
            Alarm {
                description: format!(
                    "Memory above {} % for 15 minutes",
                    spec.alarms.memory_percent
                ),
                threshold: f64::from(spec.alarms.memory_percent),
                namespace: "AWS/ECS".to_owned(),
                dimensions: tasks(),
                ..traffic("MemoryUtilization", "Average", 300, 3)
            },
        ),
    ];
    alarms
        .into_iter()
        .map(|(what, alarm)| (format!("{}-{what}", spec.name), alarm))
        .collect()
}

/// An alarm on this unit's traffic: above zero, in every one of `periods`, quiet where there are no requests.
fn traffic(metric: &str, statistic: &str, period_seconds: i32, periods: i32) -> Alarm {
    Alarm {
        description: String::new(),
        namespace: "AWS/ApplicationELB".to_owned(),
        metric: metric.to_owned(),
        statistic: statistic.to_owned(),
        dimensions: BTreeMap::from([
            ("LoadBalancer".to_owned(), Dimension::LoadBalancer),
            ("TargetGroup".to_owned(), Dimension::TargetGroup),
        ]),
        period_seconds,
        evaluation_periods: periods,
        datapoints_to_alarm: periods,
        threshold: 0.0,
        comparison: "GreaterThanThreshold".to_owned(),
        missing_data: "notBreaching".to_owned(),
        actions: BTreeSet::new(),
        actions_enabled: true,
    }
}
