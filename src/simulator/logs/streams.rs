//! Log streams: create, list, delete.

use serde_json::{Value, json};

use super::{INVALID, group, group_name, invalid, listing, no_stream};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

pub(super) fn create_log_stream(world: &mut World, call: &Call) -> Answer {
    let name = call.required("logStreamName", INVALID)?;
    if name.is_empty() || name.len() > 512 || name.contains([':', '*']) {
        return Err(invalid(format!(
            "Value '{name}' at 'logStreamName' must match [^:*]* and have 1 to 512 characters"
        )));
    }
    let group = group(world, call)?;
    if group.streams.contains_key(name) {
        return Err(Refusal::new(
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        ));
    }
    group.stream_or_new(name, call.now);
    Ok(json!({}))
}

pub(super) fn delete_log_stream(world: &mut World, call: &Call) -> Answer {
    let name = call.required("logStreamName", INVALID)?;
    let removed = group(world, call)?.streams.remove(name);
    removed.map(|_| json!({})).ok_or_else(no_stream)
}

pub(super) fn describe_log_streams(world: &mut World, call: &Call) -> Answer {
    let prefix = call
        .optional_text("logStreamNamePrefix")?
        .unwrap_or_default();
    let by_time = match call.optional_text("orderBy")? {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if prefix.is_empty() => true,
        Some("LastEventTime") => {
            return Err(invalid(
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        Some(other) => {
            return Err(invalid(format!(
                "Value '{other}' at 'orderBy' is not LogStreamName or LastEventTime"
            )));
        }
    };
    let descending = call.optional_boolean("descending")?.unwrap_or(false);
    let account_arn = world.arn("logs", "log-group:");
    let group_name = group_name(call)?.to_owned();
    let group = group(world, call)?;
    let mut entries: Vec<(String, Value)> = group
        .streams
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(name, stream)| {
            let last = stream.events.back();
            let entry = json!({
                "logStreamName": name, "creationTime": stream.created,
                "firstEventTimestamp": stream.events.front().map(|event| event.at),
                "lastEventTimestamp": last.map(|event| event.at),
                "lastIngestionTime": last.map(|event| event.ingested),
                "uploadSequenceToken": format!("{:056}", stream.next()),
                "arn": format!("{account_arn}{group_name}:log-stream:{name}"), "storedBytes": 0,
            });
            let time = if by_time {
                last.map_or(0, |event| event.at)
            } else {
                0
            };
            (format!("{time:020} {name}"), entry)
        })
        .collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    if descending {
        // Pages go by ascending keys: number the entries from the end.
        let count = entries.len();
        entries = entries
            .into_iter()
            .rev()
            .zip(0..count)
            .map(|((_, entry), at)| (format!("{at:08}"), entry))
            .collect();
    }
    listing(call, "logStreams", entries)
}
