//! Topics: a name, tags, and attributes of which AWS fills in most.

use serde_json::{Value, json};

use super::{Attributes, INVALID, arn, attributes, invalid, is_document, required, topic};
use crate::simulator::call::{Answer, Call, Refusal, map};
use crate::simulator::defaults::small::topic as default;
use crate::simulator::tag::{self, Tags};
use crate::simulator::world::World;

#[derive(Debug)]
pub(super) struct Topic {
    /// As set; what AWS adds is added on reading.
    attributes: Attributes,
    pub(super) tags: Tags,
    /// Subscriptions that were removed.
    pub(super) deleted: u64,
}

/// AWS allows 100,000 standard topics; fewer show the refusal too.
const TOPICS_MAX: usize = 3_000;
const DISPLAY_NAME_CHARACTERS_MAX: usize = 100;

pub(super) fn create_topic(world: &mut World, call: &Call) -> Answer {
    let name = required(call, "Name")?;
    let wanted = attributes(call)?;
    let tags = tag::from_list(call.list("Tags")).map_err(|text| invalid("Tags", &text))?;
    if wanted.get("FifoTopic").is_some_and(|value| value == "true") || name.ends_with(".fifo") {
        return Err(Refusal::new(
            "UnsupportedFeatureException",
            "The simulator does not model FIFO topics, which alarms cannot notify.",
        ));
    }
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.len() > 256 || !name.chars().all(allowed) {
        return Err(Refusal::new(INVALID, "Invalid parameter: Topic Name"));
    }
    for (attribute, value) in &wanted {
        check(attribute, value)?;
    }
    let arn = world.arn("sns", name);
    let account = world.account.clone();
    let full = world.sns.topics.len() >= TOPICS_MAX;
    if let Some(topic) = world.sns.topics.get(&arn) {
        let now = topic.shown(&arn, &account);
        if wanted
            .iter()
            .any(|(key, value)| now.get(key) != Some(value))
        {
            return Err(invalid(
                "Attributes",
                "Topic already exists with different attributes",
            ));
        }
        if tags
            .iter()
            .any(|(key, value)| topic.tags.get(key) != Some(value))
        {
            return Err(invalid("Tags", "Topic already exists with different tags"));
        }
        return Ok(json!({ "TopicArn": arn }));
    }
    if full {
        return Err(Refusal {
            code: "TopicLimitExceeded",
            message: "Topic limit exceeded".to_owned(),
            status: 403,
        });
    }
    let topic = Topic {
        attributes: wanted,
        tags,
        deleted: 0,
    };
    world.sns.topics.insert(arn.clone(), topic);
    Ok(json!({ "TopicArn": arn }))
}

/// Takes the subscriptions along. A topic that is not there is deleted already.
pub(super) fn delete_topic(world: &mut World, call: &Call) -> Answer {
    let arn = arn(call, "TopicArn")?;
    world.sns.topics.remove(arn);
    world
        .sns
        .subscriptions
        .retain(|_, subscription| subscription.topic != arn);
    Ok(json!({}))
}

pub(super) fn get_topic_attributes(world: &mut World, call: &Call) -> Answer {
    let account = world.account.clone();
    let (arn, topic) = topic(world, call)?;
    let mut shown = topic.shown(&arn, &account);
    shown.insert("SubscriptionsDeleted".into(), topic.deleted.to_string());
    let of_topic = || {
        let subscriptions = world.sns.subscriptions.values();
        subscriptions.filter(|subscription| subscription.topic == arn)
    };
    let pending = of_topic().filter(|subscription| subscription.is_pending());
    let pending = pending.count();
    shown.insert("SubscriptionsPending".into(), pending.to_string());
    let confirmed = of_topic().count() - pending;
    shown.insert("SubscriptionsConfirmed".into(), confirmed.to_string());
    Ok(json!({ "Attributes": map(shown) }))
}

pub(super) fn set_topic_attributes(world: &mut World, call: &Call) -> Answer {
    let name = required(call, "AttributeName")?.to_owned();
    let value = call
        .optional_text("AttributeValue")?
        .unwrap_or_default()
        .to_owned();
    let (_, topic) = topic(world, call)?;
    check(&name, &value)?;
    if value.is_empty() {
        topic.attributes.remove(&name);
    } else {
        topic.attributes.insert(name, value);
    }
    Ok(json!({}))
}

/// docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html; an empty value takes an attribute away.
fn check(name: &str, value: &str) -> Result<(), Refusal> {
    let wrong = |detail: &str| Refusal::new(INVALID, format!("Invalid parameter: {name}{detail}"));
    let feedback = ["HTTP", "Firehose", "Lambda", "Application", "SQS"]
        .iter()
        .find_map(|service| name.strip_prefix(service));
    match (name, feedback) {
        ("DisplayName", _) if value.chars().count() > DISPLAY_NAME_CHARACTERS_MAX => Err(wrong("")),
        ("Policy" | "DeliveryPolicy", _) if !value.is_empty() && !is_document(value) => {
            Err(wrong(": failed to parse JSON."))
        }
        ("TracingConfig", _) if !["", "PassThrough", "Active"].contains(&value) => Err(wrong("")),
        ("SignatureVersion", _) if !["", "1", "2"].contains(&value) => Err(wrong("")),
        (
            "DisplayName" | "Policy" | "DeliveryPolicy" | "TracingConfig" | "SignatureVersion"
            | "KmsMasterKeyId",
            _,
        )
        | (_, Some("SuccessFeedbackRoleArn" | "FailureFeedbackRoleArn")) => Ok(()),
        (_, Some("SuccessFeedbackSampleRate")) => match value.parse::<u8>() {
            Ok(0..=100) => Ok(()),
            _ => Err(wrong("")),
        },
        ("FifoTopic", _) if value == "false" => Ok(()),
        _ => Err(Refusal::new(INVALID, "Invalid parameter: AttributeName")),
    }
}

impl Topic {
    /// The attributes as read back, but for the counts.
    fn shown(&self, arn: &str, account: &str) -> Attributes {
        let delivery = self.attributes.get("DeliveryPolicy");
        let mut shown = Attributes::from(
            [
                ("TopicArn", arn.to_owned()),
                ("Owner", account.to_owned()),
                ("DisplayName", default::DISPLAY_NAME.to_owned()),
                ("Policy", default_policy(arn, account).to_string()),
                (
                    "EffectiveDeliveryPolicy",
                    effective(delivery.map(String::as_str)).to_string(),
                ),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        shown.extend(self.attributes.clone());
        shown.remove("FifoTopic");
        shown
    }
}

/// What a topic made without a policy has: everything to its owner
/// (docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html).
fn default_policy(arn: &str, account: &str) -> Value {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": { "AWS": "*" },
            "Action": actions.map(|action| format!("SNS:{action}")), "Resource": arn,
            "Condition": { "StringEquals": { "AWS:SourceOwner": account } },
        }],
    })
}

/// The delivery policy HTTP endpoints are retried by: AWS's, with what the topic sets laid over it
/// (docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html#creating-delivery-policy).
pub(super) fn effective(set: Option<&str>) -> Value {
    let mut policy = json!({ "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": false,
        "defaultRequestPolicy": { "headerContentType": "text/plain; charset=UTF-8" },
    }});
    if let Some(set) = set.and_then(|set| serde_json::from_str(set).ok()) {
        lay_over(&mut policy, set);
    }
    policy
}

fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}
