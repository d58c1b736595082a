//! Operations on alarms of both kinds: put, delete, set a state, switch their actions; `describe` reads them.
//!
//! A composite alarm follows its children at once, whoever changes them. When metric alarms change is `evaluation`'s.

mod describe;
mod follow;

use serde_json::{Value, json};

pub(super) use self::describe::{describe_alarms, describe_alarms_for_metric};
use self::follow::follow;
pub(super) use self::follow::set;
use super::alarm::composite::Composite;
use super::alarm::metric::{Generated, Watch};
use super::alarm::{Alarm, Common, Kind, State as AlarmState};
use super::history::Subject;
use super::{MISSING_PARAMETER, VALIDATION, arn, evaluation, invalid, tags};
use crate::simulator::call::{Answer, Call, Millis, Refusal};
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
