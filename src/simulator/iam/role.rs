//! Roles: create, read, delete, and their inline policies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Refusal, timestamp};
use super::super::defaults::small::role as default;
use super::super::tag;
use super::super::world::World;
use super::{Role, VALIDATION, invalid, own_role, policy, role};

/// AWS's default quota.
const ROLES_MAX: usize = 1_000;
/// Sum over a role's inline policies, white space not counted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const INLINE_CHARACTERS_MAX: usize = 10_240;

pub(super) fn create_role(world: &mut World, call: &Call) -> Answer {
    let name = call.required("RoleName", VALIDATION)?.to_owned();
    check_name("roleName", &name, 64)?;
    let trust = call
        .required("AssumeRolePolicyDocument", VALIDATION)?
        .to_owned();
    policy::check_trust(&trust)?;
    let path = call
        .optional_text("Path")?
        .unwrap_or(default::PATH)
        .to_owned();
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(invalid(
            "The specified value for path is invalid. It must begin and end with / and contain only \
                            alphanumeric characters and/or / characters.",
        ));
    }
    let session_seconds_max = call
        .optional_integer("MaxSessionDuration")?
        .unwrap_or(i64::from(default::SESSION_SECONDS));
    if !(3_600..=43_200).contains(&session_seconds_max) {
        return Err(invalid(
            "Value at 'maxSessionDuration' must be between 3600 and 43200",
        ));
    }
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    let description = call.optional_text("Description")?.map(str::to_owned);
    if world.iam.roles.contains_key(&name) {
        return Err(conflict(
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        ));
    }
    if world.iam.roles.len() >= ROLES_MAX {
        return Err(conflict(
            "LimitExceeded",
            format!("Cannot exceed quota for RolesPerAccount: {ROLES_MAX}"),
        ));
    }
    let id = fresh_id(world);
    let role = Role {
        path,
        id,
        created: call.now,
        trust,
        description,
        session_seconds_max,
        tags,
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
    };
    let shown = shown(world, &name, &role);
    world.iam.roles.insert(name, role);
    Ok(json!({ "Role": shown }))
}

pub(super) fn get_role(world: &World, call: &Call) -> Answer {
    let (name, role) = role(world, call)?;
    Ok(json!({ "Role": shown(world, name, role) }))
}

pub(super) fn delete_role(world: &mut World, call: &Call) -> Answer {
    let role = own_role(world, call)?;
    if !role.attached.is_empty() {
        return Err(conflict(
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.".to_owned(),
        ));
    }
    if !role.inline.is_empty() {
        return Err(conflict(
            "DeleteConflict",
            "Cannot delete entity, must delete policies first.".to_owned(),
        ));
    }
    world
        .iam
        .roles
        .remove(call.required("RoleName", VALIDATION)?);
    Ok(json!({}))
}

pub(super) fn put_role_policy(world: &mut World, call: &Call) -> Answer {
    let name = call.required("PolicyName", VALIDATION)?;
    check_name("policyName", name, 128)?;
    let document = call.required("PolicyDocument", VALIDATION)?;
    policy::check_identity(document)?;
    let role_name = call.required("RoleName", VALIDATION)?;
    let role = own_role(world, call)?;
    let others = role
        .inline
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(_, document)| document.as_str());
    let characters: usize = others
        .chain([document])
        .map(policy::counted_characters)
        .sum();
    if characters > INLINE_CHARACTERS_MAX {
        let text = format!(
            "Maximum policy size of {INLINE_CHARACTERS_MAX} bytes exceeded for role {role_name}"
        );
        return Err(conflict("LimitExceeded", text));
    }
    role.inline.insert(name.to_owned(), document.to_owned());
    Ok(json!({}))
}

/// `AROA` and seventeen more, as AWS marks a role's unique id.
pub(super) fn fresh_id(world: &mut World) -> String {
    format!("AROA{}", world.hex(17).to_uppercase())
}

fn shown(world: &World, name: &str, role: &Role) -> Value {
    let Role {
        path,
        id,
        created,
        trust,
        description,
        session_seconds_max,
        tags,
        inline: _,
        attached: _,
    } = role;
    json!({
        "Path": path, "RoleName": name, "RoleId": id, "Arn": role.arn(&world.account, name),
        "CreateDate": timestamp(*created), "AssumeRolePolicyDocument": policy::url_encoded(trust),
        "Description": description, "MaxSessionDuration": session_seconds_max,
        "Tags": if tags.is_empty() { Value::Null } else { tag::to_list(tags) },
    })
}

fn check_name(member: &str, name: &str, length_max: usize) -> Result<(), Refusal> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    if (1..=length_max).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_- and have 1 to {length_max} characters"
    )))
}

fn conflict(code: &'static str, message: String) -> Refusal {
    Refusal {
        code,
        message,
        status: 409,
    }
}
