//! CloudWatch Logs: the log group.

use super::{AwsError, Clients, failed, lacking};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{LogGroup, OWNER_TAG};

/// The group of exactly this name; AWS only offers a search by prefix.
pub async fn log_group(aws: &Clients, name: &str) -> Result<Option<Found<LogGroup>>, AwsError> {
    let operation = "logs:DescribeLogGroups";
    let mut pages = aws
        .logs
        .describe_log_groups()
        .log_group_name_prefix(name)
        .into_paginator()
        .items()
        .send();
    while let Some(group) = pages.next().await {
        let group = group.map_err(failed(operation))?;
        if group.log_group_name.as_deref() != Some(name) {
            continue;
        }
        // `arn` ends in `:*`, which the tagging calls do not take.
        let arn = group.arn.ok_or_else(|| lacking(operation, "arn"))?;
        let arn = arn.strip_suffix(":*").unwrap_or(&arn).to_owned();
        let tags = aws
            .logs
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await
            .map_err(failed("logs:ListTagsForResource"))?;
        let owner = tags.tags.and_then(|mut tags| tags.remove(OWNER_TAG));
        let value = LogGroup {
            name: name.to_owned(),
            retention_days: group.retention_in_days,
        };
        return Ok(Some(Found { arn, owner, value }));
    }
    Ok(None)
}

/// Makes the group, owned from the start.
pub async fn create(aws: &Clients, name: &str, unit: &str) -> Result<(), AwsError> {
    let call = aws
        .logs
        .create_log_group()
        .log_group_name(name)
        .tags(OWNER_TAG, unit);
    call.send()
        .await
        .map_err(failed("logs:CreateLogGroup"))
        .map(drop)
}

/// Sets how long events are kept.
pub async fn put_retention(aws: &Clients, group: &str, days: i32) -> Result<(), AwsError> {
    let call = aws
        .logs
        .put_retention_policy()
        .log_group_name(group)
        .retention_in_days(days);
    call.send()
        .await
        .map_err(failed("logs:PutRetentionPolicy"))
        .map(drop)
}

/// Removes a group with everything in it.
pub async fn delete(aws: &Clients, name: &str) -> Result<(), AwsError> {
    let call = aws.logs.delete_log_group().log_group_name(name);
    call.send()
        .await
        .map_err(failed("logs:DeleteLogGroup"))
        .map(drop)
}
