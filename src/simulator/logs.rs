//! CloudWatch Logs: groups, streams, events, metric filters.
//!
//! Takes Logs calls and the output of simulated tasks ([`append`]), keeps the newest events. Retention is read back, and
//! heeded only when events are put: no simulation runs for days.

mod embedded;
mod events;
mod metric_filter;
mod pattern;
mod streams;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::call::{Answer, Call, Millis, Refusal};
use super::tag::{self, Tags};
use super::world::World;

/// Log groups by name.
#[derive(Debug, Default)]
pub struct State {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
struct Group {
    created: Millis,
    retention_days: Option<i64>,
    class: String,
    kms_key: Option<String>,
    deletion_protected: bool,
    tags: Tags,
    streams: BTreeMap<String, Stream>,
    filters: BTreeMap<String, metric_filter::Filter>,
}

#[derive(Debug)]
struct Stream {
    created: Millis,
    /// Sequence number of the first event still kept: tokens outlive what is dropped.
    first: u64,
    bytes: usize,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Event {
    at: Millis,
    ingested: Millis,
    message: String,
}

/// AWS keeps all; these bound what a crash loop can fill.
const EVENTS_PER_STREAM_MAX: usize = 10_000;
const BYTES_PER_STREAM_MAX: usize = 8 * 1024 * 1024;
const STREAMS_PER_GROUP_MAX: usize = 1_000;
/// AWS's own limit for one event. <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// AWS's quota is a million.
const GROUPS_MAX: usize = 10_000;
const CLASSES: [&str; 4] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];

/// The only values PutRetentionPolicy takes.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

const INVALID: &str = "InvalidParameterException";
const MISSING: &str = "ResourceNotFoundException";

/// Answers a Logs call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateLogGroup" => create_log_group(world, call),
        "DescribeLogGroups" => describe_log_groups(world, call),
        "DeleteLogGroup" => {
            let name = call.required("logGroupName", INVALID)?;
            if group(world, call)?.deletion_protected {
                let text = "The log group is protected from deletion.";
                return Err(Refusal::new("ValidationException", text));
            }
            world.logs.groups.remove(name);
            Ok(json!({}))
        }
        "PutRetentionPolicy" => {
            let days = call
                .optional_integer("retentionInDays")?
                .unwrap_or_default();
            if !RETENTION_DAYS.contains(&days) {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint"
                )));
            }
            group(world, call)?.retention_days = Some(days);
            Ok(json!({}))
        }
        "DeleteRetentionPolicy" => {
            group(world, call)?.retention_days = None;
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({ "tags": tag::to_map(&tagged(world, call)?.tags) })),
        "TagResource" => {
            let more = tags(call)?;
            tag::merge(&mut tagged(world, call)?.tags, more).map_err(invalid)?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("tagKeys")?;
            tagged(world, call)?
                .tags
                .retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        // The older names of the same, which AWS still takes.
        "ListTagsLogGroup" => Ok(json!({ "tags": tag::to_map(&group(world, call)?.tags) })),
        "TagLogGroup" => {
            let more = tags(call)?;
            tag::merge(&mut group(world, call)?.tags, more).map_err(invalid)?;
            Ok(json!({}))
        }
        "UntagLogGroup" => {
            let keys = call.optional_texts("tags")?;
            group(world, call)?
                .tags
                .retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "PutLogGroupDeletionProtection" => {
            let protected = call.optional_boolean("deletionProtectionEnabled")?;
            let missing = || invalid("deletionProtectionEnabled must be specified");
            group(world, call)?.deletion_protected = protected.ok_or_else(missing)?;
            Ok(json!({}))
        }
        "PutMetricFilter" => metric_filter::put(world, call),
        "DescribeMetricFilters" => metric_filter::describe(world, call),
        "DeleteMetricFilter" => metric_filter::delete(world, call),
        "TestMetricFilter" => metric_filter::test(call),
        "CreateLogStream" => streams::create_log_stream(world, call),
        "DeleteLogStream" => streams::delete_log_stream(world, call),
        "PutLogEvents" => events::put_log_events(world, call),
        "DescribeLogStreams" => streams::describe_log_streams(world, call),
        "GetLogEvents" => events::get_log_events(world, call),
        "FilterLogEvents" => events::filter_log_events(world, call),
        _ => Err(call.unknown_operation()),
    }
}

/// Adds one line of a task's output, making the stream when it is not there, as the awslogs driver does; the group must
/// exist. A line longer than AWS's limit for one event is cut there.
pub fn append(
    world: &mut World,
    group: &str,
    stream: &str,
    now: Millis,
    line: &str,
) -> Result<(), Refusal> {
    let held = world.logs.groups.get_mut(group).ok_or_else(no_group)?;
    let end = (0..=EVENT_BYTES_MAX.min(line.len()))
        .rev()
        .find(|end| line.is_char_boundary(*end))
        .unwrap_or(0);
    let message = line[..end].to_owned();
    held.stream_or_new(stream, now).push(Event {
        at: now,
        ingested: now,
        message: message.clone(),
    });
    embedded::emit(world, group, [message.as_str()].into_iter(), now);
    metric_filter::emit(world, group, &[(now, message)]);
    Ok(())
}

/// Whether a group of that name exists.
pub fn group_exists(world: &World, group: &str) -> bool {
    world.logs.groups.contains_key(group)
}

impl Group {
    fn stream_or_new(&mut self, name: &str, now: Millis) -> &mut Stream {
        if !self.streams.contains_key(name) && self.streams.len() >= STREAMS_PER_GROUP_MAX {
            let oldest = self
                .streams
                .iter()
                .min_by_key(|(_, stream)| stream.created)
                .map(|(name, _)| name.clone());
            oldest.and_then(|oldest| self.streams.remove(&oldest));
        }
        self.streams
            .entry(name.to_owned())
            .or_insert_with(|| Stream {
                created: now,
                first: 0,
                bytes: 0,
                events: VecDeque::new(),
            })
    }
}

impl Stream {
    fn push(&mut self, event: Event) {
        self.bytes += event.message.len();
        self.events.push_back(event);
        while self.events.len() > EVENTS_PER_STREAM_MAX || self.bytes > BYTES_PER_STREAM_MAX {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.message.len();
            self.first += 1;
        }
    }
}

fn create_log_group(world: &mut World, call: &Call) -> Answer {
    let name = call.required("logGroupName", INVALID)?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_/#".contains(letter);
    if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"
        )));
    }
    let class = call
        .optional_text("logGroupClass")?
        .unwrap_or(super::defaults::small::log_group::CLASS)
        .to_owned();
    if !CLASSES.contains(&class.as_str()) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{class}' at 'logGroupClass' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            CLASSES.join(", ")
        )));
    }
    let kms_key = call.optional_text("kmsKeyId")?.map(str::to_owned);
    let deletion_protected = call
        .optional_boolean("deletionProtectionEnabled")?
        .unwrap_or(false);
    let tags = tags(call)?;
    if world.logs.groups.contains_key(name) {
        return Err(Refusal::new(
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        ));
    }
    if world.logs.groups.len() >= GROUPS_MAX {
        return Err(Refusal::new(
            "LimitExceededException",
            "Resource limit exceeded.",
        ));
    }
    let group = Group {
        created: call.now,
        // Groups of this class keep their logs for two days, which nobody may change.
        retention_days: (class == "DELIVERY").then_some(2),
        class,
        kms_key,
        deletion_protected,
        tags,
        streams: BTreeMap::new(),
        filters: BTreeMap::new(),
    };
    world.logs.groups.insert(name.to_owned(), group);
    Ok(json!({}))
}

fn describe_log_groups(world: &World, call: &Call) -> Answer {
    let prefix = call.optional_text("logGroupNamePrefix")?;
    let pattern = call.optional_text("logGroupNamePattern")?;
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let class = call.optional_text("logGroupClass")?;
    let wanted = |name: &str, group: &Group| {
        class.is_none_or(|class| group.class == class)
            && name.starts_with(prefix.unwrap_or_default())
            && name
                .to_lowercase()
                .contains(&pattern.unwrap_or_default().to_lowercase())
    };
    let entries = world.logs.groups.iter().filter(|(name, group)| wanted(name, group)).map(|(name, group)| {
        let Group { created, retention_days, class, kms_key, deletion_protected, tags: _, streams, filters } = group;
        let arn = world.arn("logs", &format!("log-group:{name}"));
        let stored: usize = streams.values().map(|stream| stream.bytes).sum();
        let entry = json!({
            "logGroupName": name, "creationTime": created, "retentionInDays": retention_days, "metricFilterCount": filters.len(),
            "arn": format!("{arn}:*"), "logGroupArn": arn, "storedBytes": stored, "logGroupClass": class,
            "deletionProtectionEnabled": deletion_protected, "kmsKeyId": kms_key,
        });
        (name.clone(), entry)
    });
    listing(call, "logGroups", entries)
}

/// One page of `entries`, 50 at most, as the output's `member`.
fn listing(
    call: &Call,
    member: &str,
    entries: impl IntoIterator<Item = (String, Value)>,
) -> Answer {
    let token = call.optional_text("nextToken")?;
    let page = Call::page(entries, token, limit(call, 50)?, INVALID)?;
    Ok(json!({ (member): page.items, "nextToken": page.next }))
}

/// The `limit` member: 1 to `max`, which is also the default.
fn limit(call: &Call, max: usize) -> Result<usize, Refusal> {
    let Some(limit) = call.optional_integer("limit")? else {
        return Ok(max);
    };
    usize::try_from(limit).ok().filter(|limit| (1..=max).contains(limit)).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
             value between 1 and {max}"
        ))
    })
}

fn group<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Group, Refusal> {
    let name = group_name(call)?;
    world.logs.groups.get_mut(name).ok_or_else(no_group)
}

/// The group a call names: by name, or by name or ARN.
fn group_name(call: &Call) -> Result<&str, Refusal> {
    match (
        call.optional_text("logGroupIdentifier")?,
        call.get("logGroupName"),
    ) {
        (Some(_), Some(_)) => Err(invalid(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )),
        (Some(identifier), None) => {
            let name = identifier.rsplit("log-group:").next().unwrap_or(identifier);
            Ok(name.trim_end_matches(":*"))
        }
        (None, _) => call.required("logGroupName", INVALID),
    }
}

/// The group a tag call's ARN names: written without the `:*` that `arn` ends with.
fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Group, Refusal> {
    let arn = call.required("resourceArn", INVALID)?;
    let name = arn
        .strip_prefix(&world.arn("logs", "log-group:"))
        .unwrap_or_default();
    world
        .logs
        .groups
        .get_mut(name)
        .ok_or_else(|| Refusal::new(MISSING, "The specified resource does not exist."))
}

fn tags(call: &Call) -> Result<Tags, Refusal> {
    match call.get("tags") {
        None => Ok(Tags::new()),
        Some(Value::Object(map)) => tag::from_map(map).map_err(invalid),
        Some(_) => Err(invalid("tags is not a map of String to String")),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(INVALID, message)
}

fn no_group() -> Refusal {
    Refusal::new(MISSING, "The specified log group does not exist.")
}

fn no_stream() -> Refusal {
    Refusal::new(MISSING, "The specified log stream does not exist.")
}
