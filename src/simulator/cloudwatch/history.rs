//! What happened to alarms: made, changed, deleted, gone from one state to another; DescribeAlarmHistory.
//!
//! Keeps the newest entries; an alarm's outlive it. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::alarm::State as AlarmState;
use super::{INVALID_VALUE, bounded, invalid};
use crate::simulator::call::{Answer, Call, Millis, Refusal, instant, timestamp};
use crate::simulator::world::World;

/// AWS keeps thirty days of them.
const ENTRIES_MAX: usize = 10_000;
const AGE_MAX: Millis = 30 * 24 * 3_600_000;
const ITEM_TYPES: [&str; 5] = [
    "ConfigurationUpdate",
    "StateUpdate",
    "Action",
    "AlarmContributorStateUpdate",
    "AlarmContributorAction",
];

/// Entries, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: VecDeque<Entry>,
    /// Entries ever made: an entry's number, which no other has.
    made: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    at: Millis,
    alarm: String,
    alarm_type: &'static str,
    item_type: &'static str,
    summary: String,
    data: Value,
}

/// An alarm as entries name it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub name: &'a str,
    pub alarm_type: &'static str,
}

impl History {
    /// Notes that an alarm went from one state to another.
    pub(super) fn transition(&mut self, subject: Subject<'_>, old: &AlarmState, new: &AlarmState) {
        let state = |state: &AlarmState| {
            let mut shown = json!({ "stateValue": state.value, "stateReason": state.reason });
            if let Some(data) = &state.reason_data {
                // A program writes JSON there, a person perhaps not.
                shown["stateReasonData"] =
                    serde_json::from_str(data).unwrap_or_else(|_| json!(data));
            }
            shown
        };
        let summary = format!("Alarm updated from {} to {}", old.value, new.value);
        let data = json!({ "version": "1.0", "oldState": state(old), "newState": state(new) });
        self.push(subject, "StateUpdate", summary, data, new.updated);
    }

    /// Notes that an alarm was `created`, `updated` or `deleted`.
    pub(super) fn configured(
        &mut self,
        subject: Subject<'_>,
        what: &str,
        shown: &Value,
        now: Millis,
    ) {
        let kind = match what {
            "created" => "Create",
            "updated" => "Update",
            _ => "Delete",
        };
        let summary = format!("Alarm \"{}\" {what}", subject.name);
        let mut shown = shown.clone();
        plain_times(&mut shown);
        let data = json!({ "version": "1.0", "type": kind, format!("{what}Alarm"): shown });
        self.push(subject, "ConfigurationUpdate", summary, data, now);
    }

    /// Notes that an action was taken, or could not be.
    pub(super) fn action(&mut self, subject: Subject<'_>, action: &str, done: bool, now: Millis) {
        let (summary, state) = if done {
            (
                format!("Successfully executed action {action}"),
                "Succeeded",
            )
        } else {
            (format!("Failed to execute action {action}"), "Failed")
        };
        let data = json!({ "actionState": state, "notificationResource": action });
        self.push(subject, "Action", summary, data, now);
    }

    fn push(
        &mut self,
        subject: Subject<'_>,
        item_type: &'static str,
        summary: String,
        data: Value,
        at: Millis,
    ) {
        self.made += 1;
        self.entries.push_back(Entry {
            number: self.made,
            at,
            alarm: subject.name.to_owned(),
            alarm_type: subject.alarm_type,
            item_type,
            summary,
            data,
        });
        let old = |entry: &Entry| entry.at + AGE_MAX < at;
        while self.entries.len() > ENTRIES_MAX || self.entries.front().is_some_and(old) {
            self.entries.pop_front();
        }
    }
}

/// The history data are text: no protocol writes its times, so they leave here as milliseconds.
fn plain_times(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        for member in members.values_mut() {
            if let Some(at) = member.get("$timestamp").cloned() {
                *member = at;
            }
        }
    }
}

pub(super) fn describe_alarm_history(world: &World, call: &Call) -> Answer {
    let name = call.optional_text("AlarmName")?;
    let types = call.optional_texts("AlarmTypes")?;
    let item_type = call.optional_text("HistoryItemType")?;
    if let Some(item_type) = item_type
        && !ITEM_TYPES.contains(&item_type)
    {
        return Err(invalid(format!(
            "1 validation error detected: Value '{item_type}' at 'historyItemType' failed to satisfy constraint: Member \
             must satisfy enum value set: [{}]",
            ITEM_TYPES.join(", ")
        )));
    }
    let from = date(call, "StartDate")?.unwrap_or(0);
    let to = date(call, "EndDate")?.unwrap_or(Millis::MAX);
    let ascending = match call.optional_text("ScanBy")? {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            return Err(invalid(format!(
                "Value '{other}' at 'scanBy' is not an order"
            )));
        }
    };
    let size = bounded(call, "MaxRecords", 100, 100)?;
    let wanted = |entry: &&Entry| {
        name.is_none_or(|name| entry.alarm == name)
            && if types.is_empty() {
                entry.alarm_type == "MetricAlarm"
            } else {
                types.iter().any(|kind| kind == entry.alarm_type)
            }
            && item_type.is_none_or(|kind| entry.item_type == kind)
            && (from..=to).contains(&entry.at)
    };
    let entries = &world.cloudwatch.history.entries;
    let shown = |entry: &Entry| {
        // Pages go by ascending keys.
        let key = if ascending {
            entry.number
        } else {
            u64::MAX - entry.number
        };
        let Entry {
            number: _,
            at,
            alarm,
            alarm_type,
            item_type,
            summary,
            data,
        } = entry;
        let item = json!({
            "AlarmName": alarm, "AlarmType": alarm_type, "Timestamp": timestamp(*at), "HistoryItemType": item_type,
            "HistorySummary": summary, "HistoryData": data.to_string(),
        });
        (format!("{key:020}"), item)
    };
    let token = call.optional_text("NextToken")?;
    let page = if ascending {
        Call::page(
            entries.iter().filter(wanted).map(shown),
            token,
            size,
            "InvalidNextToken",
        )?
    } else {
        Call::page(
            entries.iter().rev().filter(wanted).map(shown),
            token,
            size,
            "InvalidNextToken",
        )?
    };
    Ok(json!({ "AlarmHistoryItems": page.items, "NextToken": page.next }))
}

fn date(call: &Call, member: &str) -> Result<Option<Millis>, Refusal> {
    let Some(value) = call.get(member) else {
        return Ok(None);
    };
    let at = instant(value).ok_or_else(|| {
        Refusal::new(
            INVALID_VALUE,
            format!("The value for parameter {member} is not a point in time."),
        )
    })?;
    Ok(Some(at))
}
