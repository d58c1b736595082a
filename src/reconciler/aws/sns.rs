//! SNS: the topic alarms go to, and its subscriptions.
//!
//! An endpoint that has not confirmed yet is subscribed all the same: asking again would only send another mail.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sns::types::Tag;

use super::{AwsError, Clients, failed, is_code};
use crate::reconciler::observed::{Found, FoundTopic};
use crate::reconciler::resource::{OWNER_TAG, Subscription, Topic};

/// What stands in the place of an ARN until the endpoint has confirmed.
/// <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html>
const PENDING: &str = "PendingConfirmation";

/// A topic by its ARN.
pub async fn topic(aws: &Clients, arn: &str) -> Result<Option<FoundTopic>, AwsError> {
    let mut pages = aws
        .sns
        .list_subscriptions_by_topic()
        .topic_arn(arn)
        .into_paginator()
        .send();
    let (mut arns, mut unconfirmed) = (BTreeMap::new(), BTreeSet::new());
    while let Some(page) = pages.next().await {
        let page = match page {
            Err(error) if is_code(&error, "NotFound") => return Ok(None),
            page => page.map_err(failed("sns:ListSubscriptionsByTopic"))?,
        };
        for found in page.subscriptions.unwrap_or_default() {
            let subscription = Subscription {
                protocol: found.protocol.unwrap_or_default(),
                endpoint: found.endpoint.unwrap_or_default(),
            };
            match found.subscription_arn.filter(|arn| arn != PENDING) {
                Some(arn) => drop(arns.insert(subscription, arn)),
                None => drop(unconfirmed.insert(subscription)),
            }
        }
    }
    let tags = aws
        .sns
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await;
    let tags = match tags {
        // Deleted between the two reads.
        Err(error) if is_code(&error, "ResourceNotFound") => return Ok(None),
        tags => tags
            .map_err(failed("sns:ListTagsForResource"))?
            .tags
            .unwrap_or_default(),
    };
    let owner = tags.into_iter().find(|tag| tag.key == OWNER_TAG);
    let value = Topic {
        name: arn.rsplit(':').next().unwrap_or_default().to_owned(),
        subscriptions: arns.keys().chain(&unconfirmed).cloned().collect(),
    };
    Ok(Some(FoundTopic {
        found: Found {
            arn: arn.to_owned(),
            owner: owner.map(|tag| tag.value),
            value,
        },
        arns,
        unconfirmed,
    }))
}

/// Makes a topic. One of this name with the same tags is there afterwards whoever made it.
pub async fn create(aws: &Clients, name: &str, unit: &str) -> Result<(), AwsError> {
    let operation = "sns:CreateTopic";
    let tag = Tag::builder().key(OWNER_TAG).value(unit).build();
    let tag = tag.map_err(|error| AwsError {
        operation,
        reason: error.to_string(),
        retryable: false,
    })?;
    let call = aws.sns.create_topic().name(name).tags(tag).send();
    call.await.map_err(failed(operation)).map(drop)
}

/// Subscribes an endpoint; a person or a web server is then asked to confirm.
pub async fn subscribe(
    aws: &Clients,
    topic: &str,
    subscription: &Subscription,
) -> Result<(), AwsError> {
    let Subscription { protocol, endpoint } = subscription;
    let call = aws
        .sns
        .subscribe()
        .topic_arn(topic)
        .protocol(protocol)
        .endpoint(endpoint);
    call.send().await.map_err(failed("sns:Subscribe")).map(drop)
}

/// Ends a subscription.
pub async fn unsubscribe(aws: &Clients, arn: &str) -> Result<(), AwsError> {
    let call = aws.sns.unsubscribe().subscription_arn(arn).send();
    call.await.map_err(failed("sns:Unsubscribe")).map(drop)
}

/// Removes a topic with all of its subscriptions.
pub async fn delete(aws: &Clients, arn: &str) -> Result<(), AwsError> {
    let call = aws.sns.delete_topic().topic_arn(arn).send();
    call.await.map_err(failed("sns:DeleteTopic")).map(drop)
}
