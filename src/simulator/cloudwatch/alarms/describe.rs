//! DescribeAlarms and DescribeAlarmsForMetric.

use serde_json::{Value, json};

use super::super::alarm::check::{STATISTICS, dimensions, is_extended, one_of};
use super::super::alarm::{Alarm, Kind};
use super::super::{INVALID_VALUE, MISSING_PARAMETER, arn, bounded, invalid};
use super::{BATCH_MAX, children, missing};
use crate::simulator::call::{Answer, Call, Refusal, timestamp};
use crate::simulator::world::World;

pub(in crate::simulator::cloudwatch) fn describe_alarms(world: &World, call: &Call) -> Answer {
    let size = bounded(call, "MaxRecords", 50, 100)?;
    let token = call.optional_text("NextToken")?;
    let names = call.optional_texts("AlarmNames")?;
    let prefix = call.optional_text("AlarmNamePrefix")?;
    let state = call.optional_text("StateValue")?;
    let action = call.optional_text("ActionPrefix")?;
    let types = call.optional_texts("AlarmTypes")?;
    for (member, show) in [
        (
            "ChildrenOfAlarmName",
            relative_with_state as fn(&World, &str, &Alarm) -> Value,
        ),
        ("ParentsOfAlarmName", relative),
    ] {
        let Some(of) = call.optional_text(member)? else {
            continue;
        };
        let alone = |other: &String| ["MaxRecords", "NextToken", member].contains(&other.as_str());
        if !call.input.keys().all(alone) {
            return Err(invalid(format!(
                "{member} can only be used with MaxRecords and NextToken"
            )));
        }
        let alarm = world.cloudwatch.alarms.get(of).ok_or_else(|| missing(of))?;
        let children = children(world, alarm);
        let is_child = member == "ChildrenOfAlarmName";
        let related = |(name, alarm): &(&String, &Alarm)| {
            if is_child {
                children.contains(&name.as_str())
            } else {
                self::children(world, alarm).contains(&of)
            }
        };
        let found = world.cloudwatch.alarms.iter().filter(related);
        return paged(
            found.map(|(name, alarm)| (name, alarm, show(world, name, alarm))),
            token,
            size,
        );
    }
    if names.len() > BATCH_MAX {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'alarmNames' must have at most {BATCH_MAX} members"
        )));
    }
    if !names.is_empty() && prefix.is_some() {
        return Err(invalid(
            "AlarmNames and AlarmNamePrefix cannot be used together",
        ));
    }
    let wanted = |(name, alarm): &(&String, &Alarm)| {
        (names.is_empty() || names.contains(name))
            && name.starts_with(prefix.unwrap_or_default())
            && state.is_none_or(|state| alarm.state.value == state)
            && action.is_none_or(|action| alarm.common.acts_on(action))
            // Without AlarmTypes only metric alarms come back, even when a composite one is asked for by name.
            && if types.is_empty() {
                alarm.type_name() == "MetricAlarm"
            } else {
                types.iter().any(|kind| kind == alarm.type_name())
            }
    };
    let found = world.cloudwatch.alarms.iter().filter(wanted);
    let shown = found.map(|(name, alarm)| (name, alarm, alarm.shown(name, &arn(world, name))));
    paged(shown, token, size)
}

fn paged<'a>(
    found: impl Iterator<Item = (&'a String, &'a Alarm, Value)>,
    token: Option<&str>,
    size: usize,
) -> Answer {
    let entries = found.map(|(name, alarm, shown)| (name.clone(), (alarm.type_name(), shown)));
    let page = Call::page(entries, token, size, "InvalidNextToken")?;
    let (mut metric, mut composite) = (Vec::new(), Vec::new());
    for (kind, shown) in page.items {
        if kind == "MetricAlarm" {
            metric.push(shown);
        } else {
            composite.push(shown);
        }
    }
    Ok(json!({ "MetricAlarms": metric, "CompositeAlarms": composite, "NextToken": page.next }))
}

fn relative(world: &World, name: &str, _: &Alarm) -> Value {
    json!({ "AlarmName": name, "AlarmArn": arn(world, name) })
}

fn relative_with_state(world: &World, name: &str, alarm: &Alarm) -> Value {
    json!({
        "AlarmName": name, "AlarmArn": arn(world, name), "StateValue": alarm.state.value,
        "StateUpdatedTimestamp": timestamp(alarm.state.updated),
    })
}

pub(in crate::simulator::cloudwatch) fn describe_alarms_for_metric(
    world: &World,
    call: &Call,
) -> Answer {
    let namespace = call.required("Namespace", MISSING_PARAMETER)?;
    let metric = call.required("MetricName", MISSING_PARAMETER)?;
    let statistic = one_of(call, "Statistic", &STATISTICS)?;
    let extended = call.optional_text("ExtendedStatistic")?;
    if statistic.is_some() && extended.is_some() {
        return Err(invalid(
            "Statistic and ExtendedStatistic cannot be used together",
        ));
    }
    if let Some(extended) = extended
        && !is_extended(extended)
    {
        let text =
            format!("The value {extended} for parameter ExtendedStatistic is not supported.");
        return Err(Refusal::new(INVALID_VALUE, text));
    }
    let asked = dimensions(call)?;
    let period = call.optional_integer("Period")?;
    let unit = call.optional_text("Unit")?;
    let found = world.cloudwatch.alarms.iter().filter(|(_, alarm)| {
        let Kind::Metric(watch) = &alarm.kind else {
            return false;
        };
        watch.is_of(namespace, metric).is_some_and(|view| {
            same_dimensions(view.dimensions, &asked)
                && statistic
                    .as_deref()
                    .is_none_or(|word| view.statistic == Some(word))
                && extended.is_none_or(|word| view.extended_statistic == Some(word))
                && period.is_none_or(|seconds| view.period_seconds == seconds)
                && unit.is_none_or(|unit| view.unit == Some(unit))
        })
    });
    let shown: Vec<Value> = found
        .map(|(name, alarm)| alarm.shown(name, &arn(world, name)))
        .collect();
    Ok(json!({ "MetricAlarms": shown }))
}

fn same_dimensions(one: &Value, other: &Value) -> bool {
    let (one, other) = (one.as_array(), other.as_array());
    one.map(Vec::len) == other.map(Vec::len)
        && one
            .into_iter()
            .flatten()
            .all(|pair| other.is_some_and(|other| other.contains(pair)))
}
