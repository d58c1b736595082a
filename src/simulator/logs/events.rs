//! Events: put, read one stream, search a group.

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Millis, Refusal, integer};
use super::super::world::World;
use super::embedded;
use super::metric_filter::{self, parsed};
use super::{
    EVENT_BYTES_MAX, Event, INVALID, Stream, group, group_name, invalid, limit, no_stream,
};

const BATCH_EVENTS_MAX: usize = 10_000;
const BATCH_BYTES_MAX: usize = 1_048_576;
/// What CloudWatch adds to each event's length when it sums a batch.
const EVENT_OVERHEAD_BYTES: usize = 26;
const HOUR: Millis = 3_600_000;
/// Events further off than these are rejected one by one, the batch is not.
const AGE_MAX: Millis = 14 * 24 * HOUR;
const FUTURE_MAX: Millis = 2 * HOUR;

pub(super) fn put_log_events(world: &mut World, call: &Call) -> Answer {
    let events = call
        .structures("logEvents")?
        .iter()
        .map(|event| read(event, call.now))
        .collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = events
        .iter()
        .map(|event| event.message.len() + EVENT_OVERHEAD_BYTES)
        .sum();
    if events.is_empty() || events.len() > BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX {
        return Err(invalid(format!(
            "A batch has 1 to {BATCH_EVENTS_MAX} events of {BATCH_BYTES_MAX} bytes together; this one {} of {bytes}",
            events.len()
        )));
    }
    if !events.is_sorted_by_key(|event| event.at) {
        return Err(invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let name = call.required("logStreamName", INVALID)?;
    let group = group(world, call)?;
    let retention = group
        .retention_days
        .and_then(|days| u64::try_from(days).ok());
    let stream = group.streams.get_mut(name).ok_or_else(no_stream)?;
    let too_old = events.partition_point(|event| event.at + AGE_MAX < call.now);
    let too_new = events.partition_point(|event| event.at <= call.now + FUTURE_MAX);
    let expired = retention.map_or(0, |days| {
        events.partition_point(|event| event.at + days * 24 * HOUR < call.now)
    });
    let count = events.len();
    let first = too_old.max(expired);
    let valid = events.get(first..too_new.max(first)).unwrap_or_default();
    if let (Some(first), Some(last)) = (valid.first(), valid.last())
        && last.at - first.at > 24 * HOUR
    {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    let mut accepted = Vec::new();
    for event in events.into_iter().take(too_new).skip(first) {
        accepted.push((event.at, event.message.clone()));
        stream.push(event);
    }
    let next = stream.next();
    let name = group_name(call)?;
    let messages = accepted.iter().map(|(_, message)| message.as_str());
    embedded::emit(world, name, messages, call.now);
    metric_filter::emit(world, name, &accepted);
    let mut rejected = serde_json::Map::new();
    if expired > too_old {
        rejected.insert("expiredLogEventEndIndex".into(), json!(expired));
    }
    if too_old > 0 {
        rejected.insert("tooOldLogEventEndIndex".into(), json!(too_old));
    }
    if too_new < count {
        rejected.insert("tooNewLogEventStartIndex".into(), json!(too_new));
    }
    let rejected = if rejected.is_empty() {
        Value::Null
    } else {
        Value::Object(rejected)
    };
    // Sequence tokens have not been needed since 2023; one is still given.
    Ok(json!({ "nextSequenceToken": format!("{next:056}"), "rejectedLogEventsInfo": rejected }))
}

fn read(event: &Call, now: Millis) -> Result<Event, Refusal> {
    let at = event
        .get("timestamp")
        .and_then(integer)
        .and_then(|at| u64::try_from(at).ok());
    let at =
        at.ok_or_else(|| invalid("Each log event needs a 'timestamp' in milliseconds since 1970"))?;
    let message = event.required("message", INVALID)?.to_owned();
    if message.is_empty() || message.len() > EVENT_BYTES_MAX {
        return Err(invalid(format!(
            "Log event message has 1 to {EVENT_BYTES_MAX} bytes"
        )));
    }
    Ok(Event {
        at,
        ingested: now,
        message,
    })
}

/// One stream, forwards or backwards. Both tokens always come back; at an end the same one does, which is how clients
/// know. <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>
pub(super) fn get_log_events(world: &mut World, call: &Call) -> Answer {
    let name = call.required("logStreamName", INVALID)?;
    let count = limit(call, BATCH_EVENTS_MAX)?;
    let (from, to) = window(call)?;
    let from_head = call.optional_boolean("startFromHead")?.unwrap_or(false);
    let token = call.optional_text("nextToken")?;
    let stream = group(world, call)?
        .streams
        .get(name)
        .ok_or_else(no_stream)?;
    // The end time is exclusive here, and inclusive in FilterLogEvents.
    let within = |event: &Event| event.at >= from && event.at < to;
    let numbered = || {
        (stream.first..)
            .zip(&stream.events)
            .filter(|(_, event)| within(event))
    };
    let position = |token: &str| token.get(2..).and_then(|digits| digits.parse::<u64>().ok());
    let events: Vec<(u64, &Event)> = match token {
        None if from_head => numbered().take(count).collect(),
        None => newest(numbered().collect(), count),
        Some(token) => match (token.get(..2), position(token)) {
            (Some("f/"), Some(at)) => numbered()
                .skip_while(|(number, _)| *number < at)
                .take(count)
                .collect(),
            (Some("b/"), Some(at)) => newest(
                numbered().take_while(|(number, _)| *number < at).collect(),
                count,
            ),
            _ => return Err(invalid("The specified nextToken is invalid.")),
        },
    };
    let here = token.and_then(position).unwrap_or_else(|| stream.next());
    let forward = events.last().map_or(here, |(number, _)| number + 1);
    let backward = events.first().map_or(here, |(number, _)| *number);
    let shown: Vec<Value> = events.iter().map(|(_, event)| shown(event)).collect();
    Ok(json!({
        "events": shown, "nextForwardToken": format!("f/{forward:056}"), "nextBackwardToken": format!("b/{backward:056}"),
    }))
}

pub(super) fn filter_log_events(world: &mut World, call: &Call) -> Answer {
    let pattern = parsed(call.optional_text("filterPattern")?.unwrap_or_default())?;
    let prefix = call
        .optional_text("logStreamNamePrefix")?
        .unwrap_or_default();
    let names = call.optional_texts("logStreamNames")?;
    if !names.is_empty() && call.get("logStreamNamePrefix").is_some() {
        return Err(invalid(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
        ));
    }
    if names.len() > 100 {
        return Err(invalid(
            "1 validation error detected: Value at 'logStreamNames' failed to satisfy constraint: Member must have length \
             less than or equal to 100",
        ));
    }
    let from_head = call.optional_boolean("startFromHead")?.unwrap_or(true);
    let (from, to) = window(call)?;
    let size = limit(call, BATCH_EVENTS_MAX)?;
    let group = group(world, call)?;
    let streams = group.streams.iter().filter(|(name, _)| {
        name.starts_with(prefix) && (names.is_empty() || names.iter().any(|wanted| wanted == *name))
    });
    let mut found: Vec<(String, Value)> = Vec::new();
    for (name, stream) in streams {
        for (number, event) in (stream.first..).zip(&stream.events) {
            if event.at < from || event.at > to || pattern.matches(&event.message).is_none() {
                continue;
            }
            let mut entry = shown(event);
            entry["logStreamName"] = json!(name);
            entry["eventId"] = json!(format!("{:020}{number:036}", event.at));
            found.push((format!("{:020} {name} {number:020}", event.at), entry));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    if !from_head {
        // Pages go by ascending keys: events that come meanwhile move what is behind the token.
        let numbers = (0..found.len()).map(|number| format!("{number:020}"));
        found = numbers
            .zip(found.into_iter().rev())
            .map(|(number, (_, entry))| (number, entry))
            .collect();
    }
    let page = Call::page(found, call.optional_text("nextToken")?, size, INVALID)?;
    Ok(json!({ "events": page.items, "searchedLogStreams": [], "nextToken": page.next }))
}

impl Stream {
    /// The sequence number the next event will have.
    pub(super) fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

fn newest<T>(mut items: Vec<T>, count: usize) -> Vec<T> {
    items.split_off(items.len().saturating_sub(count))
}

fn shown(event: &Event) -> Value {
    let Event {
        at,
        ingested,
        message,
    } = event;
    json!({ "timestamp": at, "ingestionTime": ingested, "message": message })
}

fn window(call: &Call) -> Result<(Millis, Millis), Refusal> {
    let bound = |member: &str, absent: Millis| {
        let at = call.optional_integer(member)?;
        at.map_or(Ok(absent), |at| {
            u64::try_from(at).map_err(|_| invalid(format!("{member} is before 1970")))
        })
    };
    Ok((bound("startTime", 0)?, bound("endTime", Millis::MAX)?))
}
