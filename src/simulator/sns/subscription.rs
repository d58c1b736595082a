//! Subscriptions: where a topic's messages would go. Those of people and web servers wait for a confirmation.

use serde_json::{Value, json};

use super::topic::effective;
use super::{
    Attributes, INVALID, arn, attributes, invalid, is_document, listed, not_found, required, topic,
};
use crate::simulator::call::{Answer, Call, Refusal, map};
use crate::simulator::world::World;

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) topic: String,
    pub(super) protocol: String,
    pub(super) endpoint: String,
    /// As set; what AWS adds is added on reading.
    attributes: Attributes,
    /// What confirms it; kept afterwards, as confirming twice is no mistake.
    pub(super) token: String,
    confirmed: bool,
}

/// AWS allows 12.5 million on one topic; fewer show the refusal too.
const SUBSCRIPTIONS_MAX: usize = 10_000;
const PROTOCOLS: [&str; 8] = [
    "http",
    "https",
    "email",
    "email-json",
    "sqs",
    "lambda",
    "firehose",
    "application",
];

impl Subscription {
    pub(super) fn is_pending(&self) -> bool {
        !self.confirmed
    }
}

pub(super) fn subscribe(world: &mut World, call: &Call) -> Answer {
    let topic_arn = topic(world, call)?.0;
    let protocol = required(call, "Protocol")?.to_owned();
    let endpoint = required(call, "Endpoint")?.to_owned();
    check_endpoint(&protocol, &endpoint)?;
    let attributes = attributes(call)?;
    for (name, value) in &attributes {
        check_attribute(name, value)?;
    }
    let by_arn = call
        .optional_boolean("ReturnSubscriptionArn")?
        .unwrap_or(false);
    let existing = world.sns.subscriptions.iter().find(|(_, known)| {
        known.topic == topic_arn && known.protocol == protocol && known.endpoint == endpoint
    });
    let subscription_arn = match existing {
        Some((arn, known)) => {
            if !attributes.is_empty() && attributes != known.attributes {
                let reason = "Subscription already exists with different attributes";
                return Err(invalid("Attributes", reason));
            }
            arn.clone()
        }
        None => {
            if world.sns.subscriptions.len() >= SUBSCRIPTIONS_MAX {
                return Err(Refusal {
                    code: "SubscriptionLimitExceeded",
                    message: "Subscription limit exceeded".to_owned(),
                    status: 403,
                });
            }
            let arn = format!("{topic_arn}:{}", world.uuid());
            let subscription = Subscription {
                topic: topic_arn,
                // A queue, a function or a stream of the caller's own account needs no confirmation.
                confirmed: protocol == "application" || endpoint.starts_with("arn:"),
                protocol,
                endpoint,
                attributes,
                token: world.hex(TOKEN_CHARACTERS),
            };
            world.sns.subscriptions.insert(arn.clone(), subscription);
            arn
        }
    };
    let pending = world
        .sns
        .subscriptions
        .get(&subscription_arn)
        .is_some_and(Subscription::is_pending);
    let shown = if pending && !by_arn {
        "pending confirmation"
    } else {
        &subscription_arn
    };
    Ok(json!({ "SubscriptionArn": shown }))
}

const TOKEN_CHARACTERS: usize = 256;

fn check_endpoint(protocol: &str, endpoint: &str) -> Result<(), Refusal> {
    let wrong = |message: String| {
        Err(Refusal::new(
            INVALID,
            format!("Invalid parameter: {message}"),
        ))
    };
    if !PROTOCOLS.contains(&protocol) {
        return wrong(format!(
            "Amazon SNS does not support this protocol string: {protocol}"
        ));
    }
    let begins = |start: &str| endpoint.starts_with(start);
    match protocol {
        "http" | "https" if !begins(&format!("{protocol}://")) => {
            wrong("Endpoint must match the specified protocol".to_owned())
        }
        "email" | "email-json"
            if !endpoint
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) =>
        {
            wrong("Email address".to_owned())
        }
        "sqs" if !begins("arn:aws:sqs:") => wrong("SQS endpoint ARN".to_owned()),
        "lambda" if !begins("arn:aws:lambda:") => wrong("Lambda endpoint ARN".to_owned()),
        "firehose" if !begins("arn:aws:firehose:") => wrong("Firehose endpoint ARN".to_owned()),
        "application" if !begins("arn:aws:sns:") => {
            wrong("Application endpoint arn invalid".to_owned())
        }
        _ => Ok(()),
    }
}

pub(super) fn confirm_subscription(world: &mut World, call: &Call) -> Answer {
    let topic_arn = topic(world, call)?.0;
    let token = required(call, "Token")?;
    let found = world
        .sns
        .subscriptions
        .iter_mut()
        .find(|(_, subscription)| subscription.topic == topic_arn && subscription.token == token);
    let (arn, subscription) =
        found.ok_or_else(|| Refusal::new(INVALID, "Invalid parameter: Token"))?;
    subscription.confirmed = true;
    Ok(json!({ "SubscriptionArn": arn }))
}

/// One that is not there is unsubscribed already.
pub(super) fn unsubscribe(world: &mut World, call: &Call) -> Answer {
    let arn = arn(call, "SubscriptionArn")?;
    let Some(subscription) = world.sns.subscriptions.get(arn) else {
        return Ok(json!({}));
    };
    if subscription.is_pending() {
        // terraform-provider-aws, internal/service/sns/topic_subscription.go, meets this text on deletion.
        let message = "Invalid parameter: SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation";
        return Err(Refusal::new(INVALID, message));
    }
    if let Some(topic) = world.sns.topics.get_mut(&subscription.topic) {
        topic.deleted += 1;
    }
    world.sns.subscriptions.remove(arn);
    Ok(json!({}))
}

/// ListSubscriptions, or those of one topic.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let of = if call.operation == "ListSubscriptionsByTopic" {
        Some(topic(world, call)?.0)
    } else {
        None
    };
    let entries = world
        .sns
        .subscriptions
        .iter()
        .filter(|(_, subscription)| of.as_ref().is_none_or(|topic| subscription.topic == *topic))
        .map(|(arn, subscription)| {
            let shown = if subscription.is_pending() {
                "PendingConfirmation"
            } else {
                arn
            };
            let entry = json!({
                "SubscriptionArn": shown, "Owner": world.account, "Protocol": subscription.protocol,
                "Endpoint": subscription.endpoint, "TopicArn": subscription.topic,
            });
            (arn.clone(), entry)
        });
    listed(call, "Subscriptions", entries)
}

pub(super) fn get_attributes(world: &mut World, call: &Call) -> Answer {
    let (arn, subscription) = subscription(world, call)?;
    let Subscription {
        topic,
        protocol,
        endpoint,
        attributes,
        token: _,
        confirmed,
    } = subscription;
    let mut shown = Attributes::from(
        [
            ("SubscriptionArn", arn),
            ("TopicArn", topic.clone()),
            ("Protocol", protocol.clone()),
            ("Endpoint", endpoint.clone()),
            ("RawMessageDelivery", "false".to_owned()),
            ("PendingConfirmation", (!*confirmed).to_string()),
            (
                "ConfirmationWasAuthenticated",
                (*confirmed && endpoint.starts_with("arn:")).to_string(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if protocol.starts_with("http") {
        let policy = attributes.get("DeliveryPolicy").map(String::as_str);
        shown.insert(
            "EffectiveDeliveryPolicy".into(),
            effective(policy).to_string(),
        );
    }
    if attributes.contains_key("FilterPolicy") {
        shown.insert("FilterPolicyScope".into(), "MessageAttributes".into());
    }
    shown.extend(attributes.clone());
    shown.insert("Owner".into(), world.account.clone());
    shown.insert(
        "SubscriptionPrincipal".into(),
        format!("arn:aws:iam::{}:user/simulator", world.account),
    );
    Ok(json!({ "Attributes": map(shown) }))
}

pub(super) fn set_attributes(world: &mut World, call: &Call) -> Answer {
    let name = required(call, "AttributeName")?.to_owned();
    let value = call
        .optional_text("AttributeValue")?
        .unwrap_or_default()
        .to_owned();
    let (_, subscription) = subscription(world, call)?;
    check_attribute(&name, &value)?;
    if value.is_empty() || (name == "FilterPolicy" && value == "{}") {
        subscription.attributes.remove(&name);
    } else {
        subscription.attributes.insert(name, value);
    }
    Ok(json!({}))
}

/// docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html; an empty value takes an attribute away.
fn check_attribute(name: &str, value: &str) -> Result<(), Refusal> {
    let wrong = |message: &str| {
        Err(Refusal::new(
            INVALID,
            format!("Invalid parameter: {message}"),
        ))
    };
    match name {
        "FilterPolicy" if !value.is_empty() && !is_document(value) => {
            wrong("FilterPolicy: failed to parse JSON.")
        }
        "DeliveryPolicy" | "RedrivePolicy" if !value.is_empty() && !is_document(value) => {
            wrong(&format!("{name}: failed to parse JSON."))
        }
        "FilterPolicyScope" if !["MessageAttributes", "MessageBody"].contains(&value) => wrong(
            "FilterPolicyScope: Invalid value. Please use either MessageBody or MessageAttributes",
        ),
        "RawMessageDelivery" if !["true", "false"].contains(&value.to_lowercase().as_str()) => {
            wrong(&format!(
                "Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or false."
            ))
        }
        "FilterPolicy"
        | "FilterPolicyScope"
        | "DeliveryPolicy"
        | "RedrivePolicy"
        | "RawMessageDelivery"
        | "SubscriptionRoleArn" => Ok(()),
        _ => wrong("AttributeName"),
    }
}

fn subscription<'a>(
    world: &'a mut World,
    call: &Call,
) -> Result<(String, &'a mut Subscription), Refusal> {
    let arn = arn(call, "SubscriptionArn")?.to_owned();
    let found = world.sns.subscriptions.get_mut(&arn);
    found
        .map(|subscription| (arn, subscription))
        .ok_or_else(|| not_found("Subscription does not exist"))
}

/// Who has yet to confirm, with the token that was sent: for `/_simulator/messages`.
pub(super) fn unconfirmed(world: &World) -> Vec<Value> {
    let pending = world.sns.subscriptions.iter();
    pending
        .filter(|(_, subscription)| subscription.is_pending())
        .map(|(arn, subscription)| {
            let Subscription { topic, protocol, endpoint, token, .. } = subscription;
            json!({ "subscription": arn, "topic": topic, "protocol": protocol, "endpoint": endpoint, "token": token })
        })
        .collect()
}
