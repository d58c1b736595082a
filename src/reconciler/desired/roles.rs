//! The two roles and the least they may do, each grant with exact ARNs.
//!
//! Policies are built in the normal form that `aws::iam` reads back: every statement has a Sid, every Action and Resource
//! is a sorted list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::reconciler::resource::Role;
use crate::reconciler::spec::Spec;

/// The inline policy that follows from the manifest's other fields.
const POLICY: &str = "reconciler";
/// The one it writes out. A name of its own, so that no statement's name is taken twice.
const WRITTEN: &str = "manifest";

/// A role's ARN from its name.
pub fn arn(spec: &Spec, role: &str) -> String {
    // IAM is global: its ARNs have no region.
    format!("arn:aws:iam::{}:role/{role}", spec.account)
}

/// Only ECS, and only on behalf of this account: without the condition another account's ECS could be talked into it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>
fn trust(spec: &Spec) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "EcsTasks",
            "Effect": "Allow",
            "Principal": { "Service": ["ecs-tasks.amazonaws.com"] },
            "Action": ["sts:AssumeRole"],
            "Condition": { "StringEquals": { "aws:SourceAccount": [spec.account] } },
        }],
    })
}

/// What ECS needs to start a task: this image, this log group, these parameters.
pub fn execution(spec: &Spec) -> Role {
    let parameters: BTreeSet<String> = spec
        .task
        .parameters()
        .values()
        .map(|name| super::parameter_arn(spec, name))
        .collect();
    let mut statements = vec![
        allow(
            "Image",
            &[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            [spec.arn("ecr", &format!("repository/{}", spec.image.repository))],
        ),
        // ECR's login token is the account's; AWS knows no narrower resource for this action.
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        allow("Login", &["ecr:GetAuthorizationToken"], ["*".to_owned()]),
        allow(
            "Logs",
            &["logs:CreateLogStream", "logs:PutLogEvents"],
            [spec.arn("logs", &format!("log-group:{}:*", spec.logs.group))],
        ),
    ];
    if !parameters.is_empty() {
        statements.push(allow("Secrets", &["ssm:GetParameters"], parameters));
    }
    // SSM's own key, aws/ssm, lets everyone decrypt who may read the parameter; a key of the account's must be allowed too.
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-ssm-paramstore.html
    if let Some(key) = &spec.task.secrets_key {
        statements.push(allow("SecretsKey", &["kms:Decrypt"], [key.clone()]));
    }
    role(spec, &spec.task.execution_role, statements)
}

/// What the program itself needs of AWS: it has its settings from ECS and logs to its own output. Its API keys it reads again
/// while it runs; a key in KMS it must be allowed to sign with. A shell opened in a task needs its channel to Session
/// Manager, whose actions know no resource.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsessionmanagermessagegatewayservice.html>
pub fn task(spec: &Spec) -> Role {
    let mut statements = Vec::new();
    if let Some(key) = signing_key(spec) {
        statements.push(allow("Sign", &["kms:GetPublicKey", "kms:Sign"], [key]));
    }
    if let Some(source) = spec.task.keys_source() {
        let (action, arn) = keys(spec, source);
        statements.push(allow("Keys", &[action], [arn]));
        if let Some(key) = &spec.task.secrets_key {
            statements.push(allow("KeysKey", &["kms:Decrypt"], [key.clone()]));
        }
    }
    if spec.task.execute_command {
        let actions = [
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ];
        statements.push(allow("Shell", &actions, ["*".to_owned()]));
    }
    let mut role = role(spec, &spec.task.task_role, statements);
    let written = spec.task.policy.clone();
    role.policies
        .extend(written.map(|document| (WRITTEN.to_owned(), document)));
    role
}

/// What reads the API keys, and of what: a secret by its ARN, a parameter by its ARN or its name.
fn keys(spec: &Spec, source: &str) -> (&'static str, String) {
    match source.split(':').nth(2) {
        Some("secretsmanager") => ("secretsmanager:GetSecretValue", source.to_owned()),
        Some(_) => ("ssm:GetParameter", source.to_owned()),
        None => ("ssm:GetParameter", super::parameter_arn(spec, source)),
    }
}

/// The ARN of the key the program signs with, by the setting that names it. An alias grants nothing in IAM, so a key that is
/// named by one has no ARN here, and the program no right to it.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html>
fn signing_key(spec: &Spec) -> Option<String> {
    let named = spec.task.environment.get("KMS_BACKEND_KEY_ID")?;
    if named.starts_with("arn:") {
        named.contains(":key/").then(|| named.clone())
    } else {
        (!named.starts_with("alias/")).then(|| spec.arn("kms", &format!("key/{named}")))
    }
}

/// A role of ECS tasks with these statements in its one policy; without any it has none.
pub(super) fn role(spec: &Spec, name: &str, statements: Vec<Value>) -> Role {
    let mut policies = BTreeMap::new();
    if !statements.is_empty() {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        policies.insert(POLICY.to_owned(), policy);
    }
    Role {
        name: name.to_owned(),
        trust: trust(spec),
        policies,
        attached: BTreeSet::new(),
    }
}

/// Actions are passed in sorted order.
pub(super) fn allow(
    sid: &str,
    actions: &[&str],
    resources: impl IntoIterator<Item = String>,
) -> Value {
    let resources: Vec<String> = resources.into_iter().collect();
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}
