//! Messages: published, kept for whoever watches the simulation, delivered to nobody.

use serde_json::{Value, json};

use super::{INVALID, not_found};
use crate::simulator::call::{Answer, Call, Millis, Refusal};
use crate::simulator::world::World;

#[derive(Debug)]
pub(super) struct Message {
    id: String,
    topic: String,
    subject: Option<String>,
    body: String,
    at: Millis,
}

/// Enough for a test to see all of its own; at most 256 MiB of the largest.
const MESSAGES_MAX: usize = 1_000;
/// Of the body with its attributes; they are not kept, so not counted.
const BODY_BYTES_MAX: usize = 256 * 1024;
const SUBJECT_CHARACTERS_MAX: usize = 100;

/// The Publish operation.
pub(super) fn publish_call(world: &mut World, call: &Call) -> Answer {
    let wrong = |message: &str| Refusal::new(INVALID, format!("Invalid parameter: {message}"));
    let topic = match (
        call.optional_text("TopicArn")?,
        call.optional_text("TargetArn")?,
    ) {
        (Some(arn), None) | (None, Some(arn)) => arn,
        (None, None) => {
            let reason = "TopicArn or TargetArn Reason: no value for required parameter";
            return Err(wrong(reason));
        }
        (Some(_), Some(_)) => {
            let reason = "TopicArn Reason: Both TopicArn and TargetArn are given; only one of them is allowed.";
            return Err(wrong(reason));
        }
    };
    let body = call.optional_text("Message")?.unwrap_or_default();
    if body.is_empty() {
        return Err(wrong("Empty message"));
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(wrong("Message too long"));
    }
    let subject = call.optional_text("Subject")?;
    let readable = |subject: &str| {
        (1..=SUBJECT_CHARACTERS_MAX).contains(&subject.chars().count())
            && !subject.chars().any(char::is_control)
    };
    if !subject.is_none_or(readable) {
        return Err(wrong("Subject"));
    }
    match call.optional_text("MessageStructure")? {
        None | Some("") => {}
        Some("json") => {
            let parsed: Value = serde_json::from_str(body)
                .map_err(|_| wrong("Message Structure - JSON message body failed to parse"))?;
            if parsed.get("default").and_then(Value::as_str).is_none() {
                return Err(wrong(
                    "Message Structure - No default entry in JSON message body",
                ));
            }
        }
        Some(_) => return Err(wrong("MessageStructure")),
    }
    if !topic.starts_with("arn:aws:sns:") {
        return Err(wrong("TopicArn"));
    }
    let id = publish(world, topic, subject, body, call.now);
    let id = id.ok_or_else(|| not_found("Topic does not exist"))?;
    Ok(json!({ "MessageId": id }))
}

/// Publishes to a topic, gives the message's id; `None` without such a topic.
pub fn publish(
    world: &mut World,
    topic: &str,
    subject: Option<&str>,
    body: &str,
    now: Millis,
) -> Option<String> {
    if !world.sns.topics.contains_key(topic) {
        return None;
    }
    let id = world.uuid();
    if world.sns.messages.len() >= MESSAGES_MAX {
        world.sns.messages.pop_front();
    }
    world.sns.messages.push_back(Message {
        id: id.clone(),
        topic: topic.to_owned(),
        subject: subject.map(str::to_owned),
        body: body.to_owned(),
        at: now,
    });
    Some(id)
}

/// The last messages and the confirmations under way, for `/_simulator/messages`: what no AWS call says.
pub fn messages_report(world: &World) -> Value {
    let messages = world.sns.messages.iter().map(|message| {
        let Message {
            id,
            topic,
            subject,
            body,
            at,
        } = message;
        json!({ "id": id, "topic": topic, "subject": subject, "message": body, "at": at })
    });
    let messages: Vec<Value> = messages.collect();
    json!({ "messages": messages, "unconfirmed": super::subscription::unconfirmed(world) })
}
