//! CloudWatch: metric and composite alarms, their history, dashboards, metric data.
//!
//! Takes CloudWatch calls in any of its three protocols, and the time ([`step`]), in which alarms are evaluated and act.
//! Anomaly detection, log and PromQL alarms and alarm tag propagation are refused.

mod action;
mod alarm;
mod alarms;
mod dashboard;
mod evaluation;
mod expression;
mod history;
mod metric;
mod read;
mod statistic;
mod watched;

use std::collections::BTreeMap;

use serde_json::json;

use self::alarm::Alarm;
pub use self::alarm::metric::Generated;
pub use self::alarms::{
    alarms_that_act, delete_generated_alarm, put_generated_alarm, state_of_alarm,
};
use self::dashboard::Dashboard;
pub use self::evaluation::step;
use self::history::History;
pub use self::metric::{Metric, Sample, UNITS, record, samples};
pub use self::watched::{alarm_span, is_in_alarm};
use super::call::{Answer, Call, Millis, Refusal};
use super::tag::{self, Tags};
use super::world::World;

/// Alarms and dashboards by name, what happened to alarms, and metric data.
#[derive(Debug, Default)]
pub struct State {
    alarms: BTreeMap<String, Alarm>,
    history: History,
    dashboards: BTreeMap<String, Dashboard>,
    metrics: metric::Store,
    /// Up to when alarms have been evaluated.
    evaluated: Millis,
}

const VALIDATION: &str = "ValidationError";
const MISSING_PARAMETER: &str = "MissingParameter";
const INVALID_VALUE: &str = "InvalidParameterValue";

/// Answers a CloudWatch call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "PutMetricAlarm" => alarms::put_metric_alarm(world, call),
        "PutCompositeAlarm" => alarms::put_composite_alarm(world, call),
        "DescribeAlarms" => alarms::describe_alarms(world, call),
        "DescribeAlarmsForMetric" => alarms::describe_alarms_for_metric(world, call),
        "DescribeAlarmHistory" => history::describe_alarm_history(world, call),
        "DeleteAlarms" => alarms::delete_alarms(world, call),
        "SetAlarmState" => alarms::set_alarm_state(world, call),
        "EnableAlarmActions" => alarms::switch_actions(world, call, true),
        "DisableAlarmActions" => alarms::switch_actions(world, call, false),
        "PutDashboard" => dashboard::put_dashboard(world, call),
        "GetDashboard" => dashboard::get_dashboard(world, call),
        "ListDashboards" => dashboard::list_dashboards(world, call),
        "DeleteDashboards" => dashboard::delete_dashboards(world, call),
        "PutMetricData" => metric::put_metric_data(world, call),
        "ListMetrics" => metric::list_metrics(world, call),
        "GetMetricData" => read::get_metric_data(world, call),
        "GetMetricStatistics" => read::get_metric_statistics(world, call),
        "ListTagsForResource" => Ok(json!({ "Tags": tag::to_list(tagged(world, call)?) })),
        "TagResource" => {
            let more = tags(call)?;
            let bad = |text| Refusal::new(INVALID_VALUE, text);
            tag::merge(tagged(world, call)?, more).map_err(bad)?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            tagged(world, call)?.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(call.unknown_operation()),
    }
}

fn arn(world: &World, name: &str) -> String {
    world.arn("cloudwatch", &format!("alarm:{name}"))
}

/// The tags of the alarm or dashboard a tag call's ARN names.
fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Tags, Refusal> {
    let asked = call.required("ResourceARN", MISSING_PARAMETER)?;
    let alarm = asked.strip_prefix(&arn(world, ""));
    let dashboard = asked.strip_prefix(&dashboard::arn(world, ""));
    let cloudwatch = &mut world.cloudwatch;
    let found = match (alarm, dashboard) {
        (Some(name), _) => cloudwatch.alarms.get_mut(name).map(|alarm| &mut alarm.tags),
        (None, Some(name)) => cloudwatch
            .dashboards
            .get_mut(name)
            .map(|dashboard| &mut dashboard.tags),
        (None, None) => None,
    };
    found.ok_or_else(|| Refusal {
        code: "ResourceNotFoundException",
        message: asked.to_owned(),
        status: 404,
    })
}

fn tags(call: &Call) -> Result<Tags, Refusal> {
    tag::from_list(call.list("Tags")).map_err(|text| Refusal::new(INVALID_VALUE, text))
}

/// A member that says how many: 1 to `max`.
fn bounded(call: &Call, member: &str, default: usize, max: usize) -> Result<usize, Refusal> {
    let Some(size) = call.optional_integer(member)? else {
        return Ok(default);
    };
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=max).contains(size));
    size.ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have value \
             between 1 and {max}"
        ))
    })
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}
