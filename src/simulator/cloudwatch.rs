//! CloudWatch: metric alarms, and the newest metric data.
//!
//! Takes CloudWatch calls in any of its three protocols. Alarms are stored, read back and set by hand (SetAlarmState);
//! they are not evaluated against data. Composite alarms, anomaly detection and PromQL alarms are refused.

mod alarm;

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

pub use self::alarm::Generated;
use self::alarm::{Alarm, Configuration, State as AlarmState};
use super::call::{Answer, Call, Millis, Refusal, instant};
use super::tag;
use super::world::World;

/// Alarms by name, and metric data.
#[derive(Debug, Default)]
pub struct State {
    alarms: BTreeMap<String, Alarm>,
    data: VecDeque<Datum>,
}

/// One value put by PutMetricData.
#[derive(Debug)]
pub struct Datum {
    /// Its namespace.
    pub namespace: String,
    /// Its metric.
    pub metric: String,
    /// Dimension names and values.
    pub dimensions: BTreeMap<String, String>,
    /// When it was measured.
    pub at: Millis,
    /// The value; a statistic set's sum.
    pub value: f64,
}

/// AWS's default quota is 5,000 alarms.
const ALARMS_MAX: usize = 5_000;
/// Newest values kept; AWS keeps them for months.
const DATA_MAX: usize = 10_000;
/// AWS's limit for one PutMetricData.
const BATCH_DATA_MAX: usize = 1_000;

const VALIDATION: &str = "ValidationError";
const MISSING_PARAMETER: &str = "MissingParameter";

/// Answers a CloudWatch call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "PutMetricAlarm" => put_metric_alarm(world, call),
        "DescribeAlarms" => describe_alarms(world, call),
        "DeleteAlarms" => delete_alarms(world, call),
        "SetAlarmState" => set_alarm_state(world, call),
        "EnableAlarmActions" => switch_actions(world, call, true),
        "DisableAlarmActions" => switch_actions(world, call, false),
        "ListTagsForResource" => Ok(json!({ "Tags": tag::to_list(&tagged(world, call)?.tags) })),
        "TagResource" => {
            let bad = |text| Refusal::new("InvalidParameterValue", text);
            let more = tag::from_list(call.list("Tags")).map_err(bad)?;
            tag::merge(&mut tagged(world, call)?.tags, more).map_err(bad)?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            tagged(world, call)?
                .tags
                .retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "PutMetricData" => put_metric_data(world, call),
        _ => Err(call.unknown_operation()),
    }
}

/// Makes or replaces an alarm another AWS service keeps for itself; gives its ARN.
pub fn put_generated_alarm(
    world: &mut World,
    name: &str,
    generated: &Generated,
    now: Millis,
) -> String {
    put(
        world,
        name,
        generated.configuration(),
        tag::Tags::new(),
        now,
    );
    arn(world, name)
}

/// Deletes an alarm another AWS service kept for itself; one that is gone already is fine.
pub fn delete_generated_alarm(world: &mut World, name: &str) {
    world.cloudwatch.alarms.remove(name);
}

/// The alarms one of whose actions is this ARN.
pub fn alarms_that_act(world: &World, action: &str) -> Vec<String> {
    let alarms = world.cloudwatch.alarms.iter();
    alarms
        .filter(|(_, alarm)| alarm.configuration.acts_on(action))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The newest metric data, oldest first.
pub fn data(world: &World) -> impl Iterator<Item = &Datum> {
    world.cloudwatch.data.iter()
}

fn arn(world: &World, name: &str) -> String {
    world.arn("cloudwatch", &format!("alarm:{name}"))
}

/// Replaces an alarm's configuration whole; its state and tags stay. A new one starts without data.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
fn put(world: &mut World, name: &str, configuration: Configuration, tags: tag::Tags, now: Millis) {
    let alarms = &mut world.cloudwatch.alarms;
    if let Some(alarm) = alarms.get_mut(name) {
        alarm.configuration = configuration;
        alarm.configured = now;
        return;
    }
    let state = AlarmState::new(
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
        None,
        now,
    );
    alarms.insert(
        name.to_owned(),
        Alarm {
            configuration,
            configured: now,
            state,
            tags,
        },
    );
}

fn put_metric_alarm(world: &mut World, call: &Call) -> Answer {
    let name = call.required("AlarmName", MISSING_PARAMETER)?;
    if !(1..=255).contains(&name.chars().count()) {
        return Err(invalid(
            "1 validation error detected: Value at 'alarmName' must have 1 to 255 characters",
        ));
    }
    let configuration = Configuration::of(call)?;
    let tags = tag::from_list(call.list("Tags"))
        .map_err(|text| Refusal::new("InvalidParameterValue", text))?;
    if !world.cloudwatch.alarms.contains_key(name) && world.cloudwatch.alarms.len() >= ALARMS_MAX {
        return Err(Refusal::new(
            "LimitExceeded",
            format!("The account has {ALARMS_MAX} alarms already"),
        ));
    }
    put(world, name, configuration, tags, call.now);
    Ok(json!({}))
}

fn describe_alarms(world: &World, call: &Call) -> Answer {
    let names = call.optional_texts("AlarmNames")?;
    let prefix = call.optional_text("AlarmNamePrefix")?;
    let state = call.optional_text("StateValue")?;
    let action = call.optional_text("ActionPrefix")?;
    let types = call.optional_texts("AlarmTypes")?;
    if call
        .get("ChildrenOfAlarmName")
        .or(call.get("ParentsOfAlarmName"))
        .is_some()
    {
        return Err(invalid("Composite alarms are not simulated."));
    }
    if names.len() > 100 {
        return Err(invalid(
            "1 validation error detected: Value at 'alarmNames' must have at most 100 members",
        ));
    }
    if !names.is_empty() && prefix.is_some() {
        return Err(invalid(
            "AlarmNames and AlarmNamePrefix cannot be used together",
        ));
    }
    let size = call.optional_integer("MaxRecords")?.unwrap_or(50);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=100).contains(size));
    let size = size.ok_or_else(|| {
        invalid("1 validation error detected: Value at 'maxRecords' must be 1 to 100")
    })?;
    let wanted = |name: &str, alarm: &Alarm| {
        (names.is_empty() || names.iter().any(|wanted| wanted == name))
            && name.starts_with(prefix.unwrap_or_default())
            && state.is_none_or(|state| alarm.state.value == state)
            && action.is_none_or(|action| alarm.configuration.acts_on(action))
            && (types.is_empty() || types.iter().any(|kind| kind == "MetricAlarm"))
    };
    let entries = world
        .cloudwatch
        .alarms
        .iter()
        .filter(|(name, alarm)| wanted(name, alarm))
        .map(|(name, alarm)| (name.clone(), alarm.shown(name, &arn(world, name))));
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size,
        "InvalidNextToken",
    )?;
    Ok(json!({ "MetricAlarms": page.items, "CompositeAlarms": [], "NextToken": page.next }))
}

/// All or nothing: a name that is not there refuses the whole call.
fn delete_alarms(world: &mut World, call: &Call) -> Answer {
    let names = call.optional_texts("AlarmNames")?;
    if !(1..=100).contains(&names.len()) {
        return Err(invalid(
            "1 validation error detected: Value at 'alarmNames' must have 1 to 100 members",
        ));
    }
    known(world, &names)?;
    for name in &names {
        world.cloudwatch.alarms.remove(name);
    }
    Ok(json!({}))
}

fn set_alarm_state(world: &mut World, call: &Call) -> Answer {
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
    let data = call.optional_text("StateReasonData")?.map(str::to_owned);
    let alarm = world
        .cloudwatch
        .alarms
        .get_mut(name)
        .ok_or_else(|| missing(name))?;
    alarm.state = alarm.state.followed_by(value, reason, data, call.now);
    Ok(json!({}))
}

fn switch_actions(world: &mut World, call: &Call, enabled: bool) -> Answer {
    let names = call.optional_texts("AlarmNames")?;
    known(world, &names)?;
    for name in &names {
        if let Some(alarm) = world.cloudwatch.alarms.get_mut(name) {
            alarm.configuration.actions_enabled = enabled;
        }
    }
    Ok(json!({}))
}

fn put_metric_data(world: &mut World, call: &Call) -> Answer {
    let namespace = call.required("Namespace", MISSING_PARAMETER)?;
    if namespace.is_empty() || namespace.len() > 255 || namespace.starts_with("AWS/") {
        let text = "The value AWS/ for parameter Namespace is invalid.";
        return Err(Refusal::new("InvalidParameterValue", text));
    }
    let data = call.structures("MetricData")?;
    if !(1..=BATCH_DATA_MAX).contains(&data.len()) {
        let text = format!("The parameter MetricData must have 1 to {BATCH_DATA_MAX} members.");
        return Err(Refusal::new("InvalidParameterValue", text));
    }
    let data = data
        .iter()
        .map(|datum| read_datum(namespace, datum))
        .collect::<Result<Vec<_>, _>>()?;
    let kept = &mut world.cloudwatch.data;
    kept.extend(data);
    kept.drain(..kept.len().saturating_sub(DATA_MAX));
    Ok(json!({}))
}

fn read_datum(namespace: &str, datum: &Call) -> Result<Datum, Refusal> {
    let metric = datum.required("MetricName", MISSING_PARAMETER)?.to_owned();
    let pairs = datum.structures("Dimensions")?;
    let pair = |pair: &Call| {
        let side = |name| pair.required(name, MISSING_PARAMETER).map(str::to_owned);
        Ok((side("Name")?, side("Value")?))
    };
    let dimensions = pairs.iter().map(pair).collect::<Result<_, Refusal>>()?;
    let sum = datum
        .structure("StatisticValues")?
        .map_or(Ok(None), |set| set.optional_number("Sum"))?;
    let value = datum.optional_number("Value")?.or(sum).ok_or_else(|| {
        Refusal::new(
            MISSING_PARAMETER,
            "At least one of the parameters must be specified: Value, StatisticValues",
        )
    })?;
    let at = match datum.get("Timestamp") {
        None => datum.now,
        Some(value) => instant(value).ok_or_else(|| {
            Refusal::new("InvalidParameterValue", "Timestamp is not a point in time")
        })?,
    };
    Ok(Datum {
        namespace: namespace.to_owned(),
        metric,
        dimensions,
        at,
        value,
    })
}

fn known(world: &World, names: &[String]) -> Result<(), Refusal> {
    let absent = names
        .iter()
        .find(|name| !world.cloudwatch.alarms.contains_key(*name));
    absent.map_or(Ok(()), |name| Err(missing(name)))
}

fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Alarm, Refusal> {
    let asked = call.required("ResourceARN", MISSING_PARAMETER)?;
    let name = asked.strip_prefix(&arn(world, "")).unwrap_or_default();
    let unknown = || Refusal {
        code: "ResourceNotFoundException",
        message: asked.to_owned(),
        status: 404,
    };
    world.cloudwatch.alarms.get_mut(name).ok_or_else(unknown)
}

fn missing(name: &str) -> Refusal {
    Refusal {
        code: "ResourceNotFound",
        message: format!("Alarm {name} does not exist"),
        status: 404,
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}
