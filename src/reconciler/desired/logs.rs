//! The log group and what is counted in it.

use std::collections::{BTreeMap, BTreeSet};

use super::signed;
use crate::reconciler::resource::{LogGroup, MetricFilter};
use crate::reconciler::spec::{LogMetric, Spec};

/// Where output goes.
pub fn group(spec: &Spec) -> LogGroup {
    LogGroup {
        name: spec.logs.group.clone(),
        retention_days: Some(signed(spec.logs.retention_days)),
    }
}

/// The manifest's metrics of log events. Their filters' names begin with the unit's, which is how `observe` finds those
/// that are no longer wanted: a filter has no tags.
pub fn metric_filters(spec: &Spec) -> BTreeMap<String, MetricFilter> {
    let filters = spec.logs.metric_filters.iter();
    filters
        .map(|filter| (format!("{}-{}", spec.name, filter.name), of(filter)))
        .collect()
}

fn of(filter: &LogMetric) -> MetricFilter {
    let LogMetric {
        name: _,
        pattern,
        metric,
        namespace,
        value,
        dimensions,
        default_value,
        unit,
    } = filter;
    MetricFilter {
        pattern: pattern.clone(),
        metric: metric.clone(),
        namespace: namespace.clone(),
        value: value.clone(),
        dimensions: dimensions.clone(),
        default_value: *default_value,
        unit: unit.clone(),
        other: BTreeSet::new(),
    }
}
