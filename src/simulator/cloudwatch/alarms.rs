//! Operations on alarms of both kinds: put, describe, delete, set a state, switch their actions.
//!
//! A composite alarm follows its children at once, whoever changes them. When metric alarms change is `evaluation`'s.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::alarm::check::{STATISTICS, dimensions, is_extended, one_of};
use super::alarm::composite::Composite;
use super::alarm::metric::{Generated, Watch};
use super::alarm::{Alarm, Common, Kind, State as AlarmState};
use super::history::Subject;
use super::{MISSING_PARAMETER, VALIDATION, action, arn, bounded, evaluation, invalid, tags};
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::tag::Tags;
use crate::simulator::world::World;

/// AWS's default quota is 5,000 alarms.
const ALARMS_MAX: usize = 5_000;
const BATCH_MAX: usize = 100;

/// Makes or replaces an alarm another AWS service keeps for itself; gives its ARN.
pub fn put_generated_alarm(
    world: &mut World,
    name: &str,
    generated: &Generated,
    now: Millis,
) -> String {
    let (common, watch) = generated.configured();
    put(world, name, common, Kind::Metric(watch), Tags::new(), now);
    arn(world, name)
}

/// Deletes an alarm another AWS service kept for itself; one that is gone already is fine.
pub fn delete_generated_alarm(world: &mut World, name: &str) {
    world.cloudwatch.alarms.remove(name);
}

/// An alarm's state, if it is there.
pub fn state_of_alarm(world: &World, name: &str) -> Option<&'static str> {
    let alarm = world.cloudwatch.alarms.get(name_of(world, name));
    alarm.map(|alarm| alarm.state.value)
}

/// The alarms one of whose actions is this ARN.
pub fn alarms_that_act(world: &World, action: &str) -> Vec<String> {
    let alarms = world.cloudwatch.alarms.iter();
    alarms
        .filter(|(_, alarm)| alarm.common.acts_on(action))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Replaces an alarm's configuration whole; its state and tags stay. A new one starts without data.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
fn put(world: &mut World, name: &str, common: Common, kind: Kind, tags: Tags, now: Millis) {
    let arn = arn(world, name);
    let cloudwatch = &mut world.cloudwatch;
    let what = if let Some(alarm) = cloudwatch.alarms.get_mut(name) {
        alarm.common = common;
        alarm.kind = kind;
        alarm.configured = now;
        "updated"
    } else {
        let alarm = Alarm {
            common,
            kind,
            configured: now,
            state: AlarmState::initial(now),
            tags,
        };
        cloudwatch.alarms.insert(name.to_owned(), alarm);
        "created"
    };
    let Some(alarm) = cloudwatch.alarms.get(name) else {
        return;
    };
    let subject = Subject {
        name,
        alarm_type: alarm.type_name(),
    };
    cloudwatch
        .history
        .configured(subject, what, &alarm.shown(name, &arn), now);
    if matches!(alarm.kind, Kind::Composite(_)) {
        let reason =
            |value: &str| format!("{arn} was {what} and its alarm rule evaluates to {value}");
        follow(world, name, &reason, None, now, &mut vec![name.to_owned()]);
    }
}

pub(super) fn put_metric_alarm(world: &mut World, call: &Call) -> Answer {
    let name = new_name(world, call)?.to_owned();
    let common = Common::of(call)?;
    let watch = Watch::of(call)?;
    let tags = tags(call)?;
    admit(world, &name, "MetricAlarm")?;
    put(world, &name, common, Kind::Metric(watch), tags, call.now);
    Ok(json!({}))
}

pub(super) fn put_composite_alarm(world: &mut World, call: &Call) -> Answer {
    let name = new_name(world, call)?.to_owned();
    let common = Common::of(call)?;
    let composite = Composite::of(call)?;
    let tags = tags(call)?;
    admit(world, &name, "CompositeAlarm")?;
    let suppressor = composite
        .suppressor
        .as_ref()
        .map(|suppressor| suppressor.alarm.as_str());
    // It may name itself once it exists: AWS refuses no cycle, it stops evaluating one.
    let absent: Vec<&str> = composite
        .rule
        .children()
        .into_iter()
        .filter(|child| !world.cloudwatch.alarms.contains_key(name_of(world, child)))
        .collect();
    // The sentence: https://github.com/awsdocs/aws-cloudformation-user-guide/issues/911
    if !absent.is_empty() {
        return Err(invalid(format!(
            "Could not save the composite alarm as alarms [{}] in the alarm rule do not exist",
            absent.join(", ")
        )));
    }
    if let Some(alarm) = suppressor
        && !world.cloudwatch.alarms.contains_key(name_of(world, alarm))
    {
        return Err(invalid(format!(
            "Could not save the composite alarm as the actions suppressor {alarm} does not exist"
        )));
    }
    put(
        world,
        &name,
        common,
        Kind::Composite(composite),
        tags,
        call.now,
    );
    Ok(json!({}))
}

pub(super) fn describe_alarms(world: &World, call: &Call) -> Answer {
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

pub(super) fn describe_alarms_for_metric(world: &World, call: &Call) -> Answer {
    let namespace = call.required("Namespace", MISSING_PARAMETER)?;
    let metric = call.required("MetricName", MISSING_PARAMETER)?;
    let statistic = one_of(call, "Statistic", &STATISTICS)?;
    let extended = call.optional_text("ExtendedStatistic")?;
    if statistic.is_some() && extended.is_some() {
        return Err(invalid(
            "Statistic and ExtendedStatistic cannot be used together",
        ));
    }
    if extended.is_some_and(|extended| !is_extended(extended)) {
        return Err(invalid(
            "The value for parameter ExtendedStatistic is invalid.",
        ));
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

/// A wrong name does not keep the others from being deleted; it is refused all the same, as the operation's errors say.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>
pub(super) fn delete_alarms(world: &mut World, call: &Call) -> Answer {
    let names = call.optional_texts("AlarmNames")?;
    if !(1..=BATCH_MAX).contains(&names.len()) {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'alarmNames' must have 1 to {BATCH_MAX} members"
        )));
    }
    let alarms = &world.cloudwatch.alarms;
    let is_composite = |name: &&String| {
        matches!(
            alarms.get(*name),
            Some(Alarm {
                kind: Kind::Composite(_),
                ..
            })
        )
    };
    if names.iter().filter(is_composite).count() > 1 {
        return Err(invalid(
            "Only one composite alarm can be deleted in one operation.",
        ));
    }
    let depended_on: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| {
            alarms
                .values()
                .any(|alarm| children(world, alarm).contains(name))
        })
        .collect();
    // The sentences: https://github.com/ekristen/aws-nuke/issues/462, cloud-custodian/issues/7763
    if let Some(first) = depended_on.first() {
        let (which, them) = if depended_on.len() == 1 {
            ((*first).to_owned(), "it")
        } else {
            (depended_on.join(","), "them")
        };
        return Err(invalid(format!(
            "Cannot delete {which} as there are composite alarm(s) depending on {them}."
        )));
    }
    let mut absent = None;
    for name in &names {
        let arn = arn(world, name);
        match world.cloudwatch.alarms.remove(name) {
            None => absent = absent.or(Some(name)),
            Some(alarm) => {
                let subject = Subject {
                    name,
                    alarm_type: alarm.type_name(),
                };
                let shown = alarm.shown(name, &arn);
                world
                    .cloudwatch
                    .history
                    .configured(subject, "deleted", &shown, call.now);
            }
        }
    }
    absent.map_or(Ok(json!({})), |name| Err(missing(name)))
}

pub(super) fn set_alarm_state(world: &mut World, call: &Call) -> Answer {
    let name = call.required("AlarmName", VALIDATION)?;
    let reason = call.required("StateReason", VALIDATION)?;
    let value = call.required("StateValue", VALIDATION)?;
    let words = ["OK", "ALARM", "INSUFFICIENT_DATA"];
    let value = *words.iter().find(|word| **word == value).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{value}' at 'stateValue' failed to satisfy constraint: Member must \
             satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
        ))
    })?;
    if reason.chars().count() > 1023 {
        return Err(invalid(
            "1 validation error detected: Value at 'stateReason' failed to satisfy constraint: Member must have length \
             less than or equal to 1023",
        ));
    }
    let data = call.optional_text("StateReasonData")?.map(str::to_owned);
    if data
        .as_ref()
        .is_some_and(|data| serde_json::from_str::<Value>(data).is_err())
    {
        return Err(Refusal::new(
            "InvalidFormat",
            "StateReasonData is not valid JSON",
        ));
    }
    if !world.cloudwatch.alarms.contains_key(name) {
        return Err(missing(name));
    }
    set(
        world,
        name,
        value,
        reason.to_owned(),
        data,
        call.now,
        &mut vec![name.to_owned()],
    );
    evaluation::trigger_scaling(world, name, Vec::new());
    Ok(json!({}))
}

/// Sets one alarm's state, notes a transition, and lets the composite alarms above follow. `path` holds the alarms whose
/// change led here: a composite alarm among them is part of a cycle, and evaluation stops there.
pub(super) fn set(
    world: &mut World,
    name: &str,
    value: &'static str,
    reason: String,
    data: Option<String>,
    now: Millis,
    path: &mut Vec<String>,
) {
    let cloudwatch = &mut world.cloudwatch;
    let Some(alarm) = cloudwatch.alarms.get_mut(name) else {
        return;
    };
    let old = alarm.state.clone();
    alarm.state = old.followed_by(value, reason, data, now);
    if old.value == value {
        return;
    }
    let subject = Subject {
        name,
        alarm_type: alarm.type_name(),
    };
    cloudwatch.history.transition(subject, &old, &alarm.state);
    action::changed(world, name, &old, now);
    let above: Vec<String> = world
        .cloudwatch
        .alarms
        .iter()
        .filter(|(_, alarm)| children(world, alarm).contains(&name))
        .map(|(parent, _)| parent.clone())
        .filter(|parent| !path.contains(parent))
        .collect();
    let child = arn(world, name);
    let at = OffsetDateTime::from_unix_timestamp((now / 1000) as i64)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let words = format!(
        "{child} transitioned to {value} at {} {} {}, {} {:02}:{:02}:{:02} UTC",
        at.weekday(),
        at.day(),
        at.month(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    );
    let reason_data = json!({ "triggeringAlarms": [{ "arn": child, "state": { "value": value, "timestamp": now } }] });
    for parent in above {
        path.push(parent.clone());
        follow(
            world,
            &parent,
            &|_| words.clone(),
            Some(reason_data.to_string()),
            now,
            path,
        );
        path.pop();
    }
}

/// Evaluates one composite alarm's rule and sets what it says.
fn follow(
    world: &mut World,
    name: &str,
    reason: &dyn Fn(&str) -> String,
    data: Option<String>,
    now: Millis,
    path: &mut Vec<String>,
) {
    let alarms = &world.cloudwatch.alarms;
    let Some(Alarm {
        kind: Kind::Composite(composite),
        state,
        ..
    }) = alarms.get(name)
    else {
        return;
    };
    let state_of = |child: &str| {
        alarms
            .get(name_of(world, child))
            .map_or("INSUFFICIENT_DATA", |alarm| alarm.state.value)
    };
    let value = if composite.rule.holds(&state_of) {
        "ALARM"
    } else {
        "OK"
    };
    if state.value != value {
        set(world, name, value, reason(value), data, now, path);
    }
}

pub(super) fn switch_actions(world: &mut World, call: &Call, enabled: bool) -> Answer {
    let names = call.optional_texts("AlarmNames")?;
    if names.len() > BATCH_MAX {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'alarmNames' must have at most {BATCH_MAX} members"
        )));
    }
    // Neither operation has an error for a name that is not there: it is passed over.
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_EnableAlarmActions.html
    for name in &names {
        if let Some(alarm) = world.cloudwatch.alarms.get_mut(name) {
            alarm.common.actions_enabled = enabled;
        }
    }
    Ok(json!({}))
}

/// The names of the alarms a composite one combines.
fn children<'a>(world: &World, alarm: &'a Alarm) -> Vec<&'a str> {
    match &alarm.kind {
        Kind::Metric(_) => Vec::new(),
        Kind::Composite(composite) => composite
            .rule
            .children()
            .into_iter()
            .map(|child| name_of(world, child))
            .collect(),
    }
}

/// The name in an alarm's ARN of this account and region; a name is its own.
pub(super) fn name_of<'a>(world: &World, name_or_arn: &'a str) -> &'a str {
    name_or_arn
        .strip_prefix(&arn(world, ""))
        .unwrap_or(name_or_arn)
}

fn new_name<'a>(world: &World, call: &'a Call) -> Result<&'a str, Refusal> {
    let name = call.required("AlarmName", MISSING_PARAMETER)?;
    if !(1..=255).contains(&name.chars().count()) {
        return Err(invalid(
            "1 validation error detected: Value at 'alarmName' must have 1 to 255 characters",
        ));
    }
    let alarms = &world.cloudwatch.alarms;
    if !alarms.contains_key(name) && alarms.len() >= ALARMS_MAX {
        return Err(Refusal::new(
            "LimitExceeded",
            format!("The account has {ALARMS_MAX} alarms already"),
        ));
    }
    Ok(name)
}

/// A name is unique among alarms of both kinds.
fn admit(world: &World, name: &str, kind: &str) -> Result<(), Refusal> {
    match world.cloudwatch.alarms.get(name) {
        Some(alarm) if alarm.type_name() != kind => Err(invalid(format!(
            "An alarm named {name} exists and is a {}",
            alarm.type_name()
        ))),
        _ => Ok(()),
    }
}

fn missing(name: &str) -> Refusal {
    Refusal {
        code: "ResourceNotFound",
        message: format!("Alarm {name} does not exist"),
        status: 404,
    }
}
