//! IAM: roles and everything that grants them anything.
//!
//! Policies are compared as JSON in a normal form: AWS keeps what was sent, so a policy written by hand may use a lone
//! text where ours has a list of one.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use serde_json::Value;

use super::{AwsError, Clients, failed, is_code, lacking};
use crate::reconciler::document;
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{OWNER_TAG, Role};

/// A role by name, with its inline and attached policies.
pub async fn role(aws: &Clients, name: &str) -> Result<Option<Found<Role>>, AwsError> {
    let operation = "iam:GetRole";
    let reply = match aws.iam.get_role().role_name(name).send().await {
        Err(error) if is_code(&error, "NoSuchEntity") => return Ok(None),
        reply => reply.map_err(failed(operation))?,
    };
    let role = reply.role.ok_or_else(|| lacking(operation, "role"))?;
    let owner = role
        .tags
        .unwrap_or_default()
        .into_iter()
        .find(|tag| tag.key == OWNER_TAG)
        .map(|tag| tag.value);
    let trust = policy(
        role.assume_role_policy_document
            .as_deref()
            .unwrap_or_default(),
    );
    let (policies, attached) = tokio::try_join!(inline(aws, name), attached(aws, name))?;
    let value = Role {
        name: name.to_owned(),
        trust,
        policies,
        attached,
    };
    Ok(Some(Found {
        arn: role.arn,
        owner,
        value,
    }))
}

async fn inline(aws: &Clients, role: &str) -> Result<BTreeMap<String, Value>, AwsError> {
    let mut names = aws
        .iam
        .list_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send();
    let mut policies = BTreeMap::new();
    while let Some(name) = names.next().await {
        let name = name.map_err(failed("iam:ListRolePolicies"))?;
        let reply = aws
            .iam
            .get_role_policy()
            .role_name(role)
            .policy_name(&name)
            .send()
            .await
            .map_err(failed("iam:GetRolePolicy"))?;
        policies.insert(name, policy(&reply.policy_document));
    }
    Ok(policies)
}

async fn attached(aws: &Clients, role: &str) -> Result<BTreeSet<String>, AwsError> {
    let mut policies = aws
        .iam
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send();
    let mut arns = BTreeSet::new();
    while let Some(policy) = policies.next().await {
        arns.extend(
            policy
                .map_err(failed("iam:ListAttachedRolePolicies"))?
                .policy_arn,
        );
    }
    Ok(arns)
}

/// IAM hands policy documents out URL-encoded (RFC 3986).
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
fn policy(document: &str) -> Value {
    let text = percent_encoding::percent_decode_str(document).decode_utf8_lossy();
    // A document IAM accepted is JSON; were it not, its text differs from every wanted policy and is replaced.
    serde_json::from_str(&text).map_or_else(|_| Value::String(text.into_owned()), document::normal)
}

/// Makes a role that grants nothing yet.
pub async fn create(aws: &Clients, role: &str, trust: &Value, unit: &str) -> Result<(), AwsError> {
    let operation = "iam:CreateRole";
    let tag = Tag::builder()
        .key(OWNER_TAG)
        .value(unit)
        .build()
        .map_err(|_| lacking(operation, "tag value"))?;
    let call = aws
        .iam
        .create_role()
        .role_name(role)
        .assume_role_policy_document(trust.to_string())
        .tags(tag);
    call.send().await.map_err(failed(operation)).map(drop)
}

/// Replaces who may assume a role.
pub async fn update_trust(aws: &Clients, role: &str, trust: &Value) -> Result<(), AwsError> {
    let call = aws
        .iam
        .update_assume_role_policy()
        .role_name(role)
        .policy_document(trust.to_string());
    call.send()
        .await
        .map_err(failed("iam:UpdateAssumeRolePolicy"))
        .map(drop)
}

/// Replaces one inline policy.
pub async fn put_policy(
    aws: &Clients,
    role: &str,
    name: &str,
    document: &Value,
) -> Result<(), AwsError> {
    let call = aws
        .iam
        .put_role_policy()
        .role_name(role)
        .policy_name(name)
        .policy_document(document.to_string());
    call.send()
        .await
        .map_err(failed("iam:PutRolePolicy"))
        .map(drop)
}

/// Takes one inline policy away.
pub async fn delete_policy(aws: &Clients, role: &str, name: &str) -> Result<(), AwsError> {
    let call = aws
        .iam
        .delete_role_policy()
        .role_name(role)
        .policy_name(name);
    call.send()
        .await
        .map_err(failed("iam:DeleteRolePolicy"))
        .map(drop)
}

/// Takes one managed policy away.
pub async fn detach_policy(aws: &Clients, role: &str, arn: &str) -> Result<(), AwsError> {
    let call = aws.iam.detach_role_policy().role_name(role).policy_arn(arn);
    call.send()
        .await
        .map_err(failed("iam:DetachRolePolicy"))
        .map(drop)
}

/// Removes a role, from which every policy has to be gone.
pub async fn delete(aws: &Clients, role: &str) -> Result<(), AwsError> {
    let call = aws.iam.delete_role().role_name(role);
    call.send()
        .await
        .map_err(failed("iam:DeleteRole"))
        .map(drop)
}
