//! Versions of managed policies.

use serde_json::{Value, json};

use super::{Version, new_document, own, view};
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::iam::{VALIDATION, conflict, document, listed, missing};
use crate::simulator::world::World;

/// AWS's limit. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const VERSIONS_MAX: usize = 5;

pub(in crate::simulator::iam) fn create_policy_version(world: &mut World, call: &Call) -> Answer {
    let document = new_document(call)?;
    let set_default = call.optional_boolean("SetAsDefault")?.unwrap_or(false);
    let (_, policy) = own(world, call)?;
    if policy.versions.len() >= VERSIONS_MAX {
        let text = format!(
            "A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new version, you must delete an \
             existing version."
        );
        return Err(conflict("LimitExceeded", text));
    }
    policy.newest += 1;
    let number = policy.newest;
    let version = Version {
        document,
        created: call.now,
    };
    policy.versions.insert(number, version);
    policy.updated = call.now;
    if set_default {
        policy.default = number;
    }
    Ok(json!({ "PolicyVersion": shown_version(number, policy.default, call.now) }))
}

pub(in crate::simulator::iam) fn get_policy_version(world: &World, call: &Call) -> Answer {
    let arn = call.required("PolicyArn", VALIDATION)?;
    let view = view(world, arn)?;
    let number = number(call, arn)?;
    let found = view.versions.iter().find(|(each, ..)| *each == number);
    let (_, text, created) = found.ok_or_else(|| no_version(arn, &format!("v{number}")))?;
    let mut shown = shown_version(number, view.default, *created);
    shown["Document"] = json!(document::url_encoded(text));
    Ok(json!({ "PolicyVersion": shown }))
}

pub(in crate::simulator::iam) fn list_policy_versions(world: &World, call: &Call) -> Answer {
    let view = view(world, call.required("PolicyArn", VALIDATION)?)?;
    // The newest first.
    let entries = view.versions.iter().rev().map(|(number, _, created)| {
        (
            format!("{:010}", u32::MAX - number),
            shown_version(*number, view.default, *created),
        )
    });
    listed(call, "Versions", entries)
}

pub(in crate::simulator::iam) fn set_default_version(world: &mut World, call: &Call) -> Answer {
    let (arn, policy) = own(world, call)?;
    let number = number(call, arn)?;
    if !policy.versions.contains_key(&number) {
        return Err(no_version(arn, &format!("v{number}")));
    }
    policy.default = number;
    policy.updated = call.now;
    Ok(json!({}))
}

pub(in crate::simulator::iam) fn delete_policy_version(world: &mut World, call: &Call) -> Answer {
    let (arn, policy) = own(world, call)?;
    let number = number(call, arn)?;
    if number == policy.default {
        let text = "Cannot delete the default version of a policy.";
        return Err(conflict("DeleteConflict", text.to_owned()));
    }
    let removed = policy.versions.remove(&number);
    removed
        .map(|_| json!({}))
        .ok_or_else(|| no_version(arn, &format!("v{number}")))
}

/// The number in the `VersionId` member.
fn number(call: &Call, arn: &str) -> Result<u32, Refusal> {
    let id = call.required("VersionId", VALIDATION)?;
    let number = id.strip_prefix('v').and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| no_version(arn, id))
}

fn no_version(arn: &str, id: &str) -> Refusal {
    missing(format!(
        "Policy {arn} version {id} does not exist or is not attachable."
    ))
}

fn shown_version(number: u32, default: u32, created: Millis) -> Value {
    json!({ "VersionId": format!("v{number}"), "IsDefaultVersion": number == default, "CreateDate": timestamp(created) })
}
