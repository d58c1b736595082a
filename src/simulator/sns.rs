//! SNS: topics, subscriptions, published messages.
//!
//! Takes SNS calls, and from other services what they publish ([`publish`]). Delivers nothing: the last messages and the
//! tokens of unconfirmed subscriptions are kept for `/_simulator/messages` ([`messages_report`]). FIFO topics, SMS, mobile
//! push and policies' effects are not simulated.

mod message;
mod subscription;
mod topic;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use self::message::Message;
pub use self::message::{messages_report, publish};
use self::subscription::Subscription;
use self::topic::Topic;
use super::call::{Answer, Call, Refusal};
use super::tag;
use super::world::World;

/// Topics and subscriptions by ARN, and what was published last.
#[derive(Debug, Default)]
pub struct State {
    topics: BTreeMap<String, Topic>,
    subscriptions: BTreeMap<String, Subscription>,
    messages: VecDeque<Message>,
}

type Attributes = BTreeMap<String, String>;

const INVALID: &str = "InvalidParameter";
/// ListTopics and ListSubscriptions* alike; a caller cannot ask for less.
const PAGE_SIZE: usize = 100;

/// Answers an SNS call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateTopic" => topic::create_topic(world, call),
        "DeleteTopic" => topic::delete_topic(world, call),
        "ListTopics" => {
            let topics = world.sns.topics.keys();
            listed(
                call,
                "Topics",
                topics.map(|arn| (arn.clone(), json!({ "TopicArn": arn }))),
            )
        }
        "GetTopicAttributes" => topic::get_topic_attributes(world, call),
        "SetTopicAttributes" => topic::set_topic_attributes(world, call),
        "Subscribe" => subscription::subscribe(world, call),
        "ConfirmSubscription" => subscription::confirm_subscription(world, call),
        "Unsubscribe" => subscription::unsubscribe(world, call),
        "ListSubscriptions" | "ListSubscriptionsByTopic" => subscription::list(world, call),
        "GetSubscriptionAttributes" => subscription::get_attributes(world, call),
        "SetSubscriptionAttributes" => subscription::set_attributes(world, call),
        "Publish" => message::publish_call(world, call),
        "TagResource" => {
            let more = tag::from_list(call.list("Tags")).map_err(|text| invalid("Tags", &text))?;
            tag::merge(&mut tagged(world, call)?.tags, more)
                .map_err(|text| Refusal::new("TagLimitExceeded", text))?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            let tags = &mut tagged(world, call)?.tags;
            tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({ "Tags": tag::to_list(&tagged(world, call)?.tags) })),
        _ => Err(call.unknown_operation()),
    }
}

fn listed(call: &Call, member: &str, entries: impl Iterator<Item = (String, Value)>) -> Answer {
    let token = call
        .optional_text("NextToken")?
        .filter(|token| !token.is_empty());
    let page = Call::page(entries, token, PAGE_SIZE, INVALID)?;
    Ok(json!({ member: page.items, "NextToken": page.next }))
}

/// The topic `TopicArn` names.
fn topic<'a>(world: &'a mut World, call: &Call) -> Result<(String, &'a mut Topic), Refusal> {
    let arn = arn(call, "TopicArn")?.to_owned();
    let topic = world.sns.topics.get_mut(&arn);
    topic
        .map(|topic| (arn, topic))
        .ok_or_else(|| not_found("Topic does not exist"))
}

fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Topic, Refusal> {
    let arn = arn(call, "ResourceArn")?.to_owned();
    let topic = world.sns.topics.get_mut(&arn);
    topic.ok_or_else(|| Refusal {
        code: "ResourceNotFound",
        message: "Resource does not exist".to_owned(),
        status: 404,
    })
}

/// A member that must be there and be an ARN.
fn arn<'a>(call: &'a Call, member: &str) -> Result<&'a str, Refusal> {
    let text = required(call, member)?;
    let parts = text.split(':').count();
    if parts < 6 {
        let reason = format!("An ARN must have at least 6 elements, not {parts}");
        return Err(invalid(member, &reason));
    }
    if text.starts_with("arn:aws:sns:") {
        Ok(text)
    } else {
        Err(Refusal::new(
            INVALID,
            format!("Invalid parameter: {member}"),
        ))
    }
}

fn required<'a>(call: &'a Call, member: &str) -> Result<&'a str, Refusal> {
    call.optional_text(member)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid(member, "no value for required parameter"))
}

/// The entries of a map member; an empty one comes as empty text.
fn attributes(call: &Call) -> Result<Attributes, Refusal> {
    let Some(entries) = call.get("Attributes").and_then(Value::as_object) else {
        return Ok(Attributes::new());
    };
    let read = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let read: Option<Attributes> = entries.iter().map(read).collect();
    read.ok_or_else(|| invalid("Attributes", "a value is not text"))
}

fn invalid(member: &str, reason: &str) -> Refusal {
    Refusal::new(
        INVALID,
        format!("Invalid parameter: {member} Reason: {reason}"),
    )
}

fn not_found(message: &str) -> Refusal {
    Refusal {
        code: "NotFound",
        message: message.to_owned(),
        status: 404,
    }
}

/// Whether text is a JSON object, as policies of every kind are.
fn is_document(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, Value>>(text).is_ok()
}
