//! Scheduled actions: new bounds for a target at a time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Millis, Refusal, instant, timestamp};
use super::super::world::World;
use super::{
    DIMENSION, VALIDATION, activity, capacity, check_bounds, check_dimension_of_resource,
    check_names, invalid, limit, listing, named_resource, no_target, scale, schedule,
};

#[derive(Debug)]
pub(super) struct ScheduledAction {
    arn: String,
    schedule: String,
    timezone: Option<String>,
    start: Option<Millis>,
    end: Option<Millis>,
    minimum: Option<u32>,
    maximum: Option<u32>,
    created: Millis,
    /// When it is due next, if ever again.
    due: Option<Millis>,
}

/// AWS's quota per scalable target.
const ACTIONS_MAX: usize = 200;

/// "To update a scheduled action, specify the parameters that you want to change. If you don't specify start and end
/// times, the old values are deleted" (API_PutScheduledAction).
pub(super) fn put(world: &mut World, call: &Call) -> Answer {
    let name = call.required("ScheduledActionName", VALIDATION)?.to_owned();
    check_name(&name)?;
    let resource = named_resource(call)?.to_owned();
    let schedule = call.optional_text("Schedule")?;
    schedule.map_or(Ok(()), |text| schedule::check(text).map_err(invalid))?;
    let timezone = call.optional_text("Timezone")?;
    timezone.map_or(Ok(()), |name| {
        schedule::check_timezone(name).map_err(invalid)
    })?;
    let (start, end) = (time(call, "StartTime")?, time(call, "EndTime")?);
    if start.zip(end).is_some_and(|(start, end)| end <= start) {
        return Err(invalid("EndTime must be after StartTime"));
    }
    let bounds = call.structure("ScalableTargetAction")?;
    let bounds = bounds
        .map(|bounds| {
            Ok((
                capacity(&bounds, "MinCapacity")?,
                capacity(&bounds, "MaxCapacity")?,
            ))
        })
        .transpose()?;
    match bounds {
        Some((None, None)) => {
            let text = "ScalableTargetAction needs a MinCapacity, a MaxCapacity or both";
            return Err(invalid(text));
        }
        Some((Some(minimum), Some(maximum))) => check_bounds(minimum, maximum)?,
        Some(_) | None => {}
    }
    let target = world.autoscaling.targets.get(&resource);
    let target = target.ok_or_else(|| no_target(&resource))?;
    let earlier = target.scheduled.get(&name);
    if earlier.is_none() && target.scheduled.len() >= ACTIONS_MAX {
        return Err(limit(format!(
            "A scalable target has at most {ACTIONS_MAX} scheduled actions"
        )));
    }
    let Some(schedule) = schedule.or(earlier.map(|earlier| earlier.schedule.as_str())) else {
        return Err(invalid(
            "Schedule must be specified for a new scheduled action",
        ));
    };
    let Some((minimum, maximum)) =
        bounds.or(earlier.map(|earlier| (earlier.minimum, earlier.maximum)))
    else {
        let text = "ScalableTargetAction must be specified for a new scheduled action";
        return Err(invalid(text));
    };
    let mut action = ScheduledAction {
        arn: String::new(),
        schedule: schedule.to_owned(),
        timezone: timezone
            .map(str::to_owned)
            .or_else(|| earlier.and_then(|earlier| earlier.timezone.clone())),
        start,
        end,
        minimum,
        maximum,
        created: earlier.map_or(call.now, |earlier| earlier.created),
        due: None,
    };
    action.due = action.due_after(call.now);
    action.arn = match earlier {
        Some(earlier) => earlier.arn.clone(),
        None => {
            let id = world.uuid();
            world.arn(
                "autoscaling",
                &format!("scheduledAction:{id}:resource/ecs/{resource}:scheduledActionName/{name}"),
            )
        }
    };
    if let Some(target) = world.autoscaling.targets.get_mut(&resource) {
        target.scheduled.insert(name, action);
    }
    Ok(json!({}))
}

impl ScheduledAction {
    /// The first time after `now` that is within its start and end.
    fn due_after(&self, now: Millis) -> Option<Millis> {
        let after = now.max(self.start.map_or(0, |start| start.saturating_sub(1)));
        let anchor = self
            .start
            .map_or((self.created, false), |start| (start, true));
        let zone = self.timezone.as_deref();
        schedule::due::next(&self.schedule, zone, anchor, after)
            .filter(|due| self.end.is_none_or(|end| *due <= end))
    }
}

/// Carries out the actions that are due: new bounds, and a count within them. One that is due more than once since the last
/// step is carried out once. While scheduled scaling is suspended they pass by.
pub(super) fn step(world: &mut World, now: Millis) {
    let mut due = Vec::new();
    for (resource, target) in &mut world.autoscaling.targets {
        for (name, action) in &mut target.scheduled {
            if let Some(at) = action.due.filter(|at| *at <= now) {
                action.due = action.due_after(now);
                if !target.suspended.scheduled {
                    let bounds = (action.minimum, action.maximum);
                    due.push((at, resource.clone(), name.clone(), bounds));
                }
            }
        }
    }
    due.sort();
    for (_, resource, name, (minimum, maximum)) in due {
        let Some(target) = world.autoscaling.targets.get_mut(&resource) else {
            continue;
        };
        let minimum = minimum.unwrap_or(target.minimum);
        let maximum = maximum.unwrap_or(target.maximum);
        let bounds = check_bounds(minimum, maximum).map_err(|refusal| refusal.message);
        if bounds.is_ok() {
            target.minimum = minimum;
            target.maximum = maximum;
        }
        let bounds = bounds.map(|()| (minimum, maximum));
        let cause = format!("scheduled action name {name} was triggered");
        activity::note_bounds(world, &resource, bounds, cause, now);
        scale::clamp(world, &resource, now);
    }
}

pub(super) fn describe(world: &World, call: &Call) -> Answer {
    let resource = check_dimension_of_resource(call)?;
    let names = check_names(call, "ScheduledActionNames")?;
    let targets = world.autoscaling.targets.iter();
    let actions = targets
        .filter(|(id, _)| resource.is_none_or(|wanted| *id == wanted))
        .flat_map(|(id, target)| {
            let actions = target.scheduled.iter();
            actions.map(move |(name, action)| (id, name, action))
        });
    let entries: BTreeMap<String, Value> = actions
        .filter(|(_, name, _)| names.is_empty() || names.contains(name))
        .map(|(id, name, action)| (format!("{id} {name}"), shown(id, name, action)))
        .collect();
    listing(call, "ScheduledActions", entries)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let resource = named_resource(call)?;
    let name = call.required("ScheduledActionName", VALIDATION)?;
    let target = world.autoscaling.targets.get_mut(resource);
    let removed = target.and_then(|target| target.scheduled.remove(name));
    removed.map(|_| json!({})).ok_or_else(|| {
        let text = format!(
            "No scheduled action found for service namespace: ecs, resource ID: {resource}, scalable dimension: \
             {DIMENSION}, scheduled action name: {name}"
        );
        Refusal::new("ObjectNotFoundException", text)
    })
}

fn shown(resource: &str, name: &str, action: &ScheduledAction) -> Value {
    let ScheduledAction {
        arn,
        schedule,
        timezone,
        start,
        end,
        minimum,
        maximum,
        created,
        due: _,
    } = action;
    let bounds = [("MinCapacity", minimum), ("MaxCapacity", maximum)];
    let bounds: Value = bounds
        .into_iter()
        .filter_map(|(name, bound)| Some((name, json!((*bound)?))))
        .collect();
    json!({
        "ScheduledActionName": name, "ScheduledActionARN": arn, "ServiceNamespace": "ecs", "ResourceId": resource,
        "ScalableDimension": DIMENSION, "Schedule": schedule, "Timezone": timezone,
        "StartTime": start.map(timestamp), "EndTime": end.map(timestamp), "ScalableTargetAction": bounds,
        "CreationTime": timestamp(*created),
    })
}

/// The model's pattern: no colon, slash, bar or control character, no space at either end.
fn check_name(name: &str) -> Result<(), Refusal> {
    let bad = |letter: char| letter.is_control() || ":/|".contains(letter);
    let length = name.chars().count();
    if !(1..=256).contains(&length) || name.chars().any(bad) || name.trim_matches(' ') != name {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'scheduledActionName' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: (?!((^[ ]+.*)|(.*([\\u0000-\\u001f]|[\\u007f-\\u009f]|[:/|])+.*)|(.*[ ]+$))).+"
        )));
    }
    Ok(())
}

fn time(call: &Call, member: &str) -> Result<Option<Millis>, Refusal> {
    let read = |value: &Value| {
        instant(value).ok_or_else(|| invalid(format!("{member} is not a point in time")))
    };
    call.get(member).map(read).transpose()
}
