//! Roles: create, read, delete, and their inline policies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Refusal, timestamp};
use super::super::defaults::small::role as default;
use super::super::tag;
use super::super::world::World;
use super::{Role, VALIDATION, conflict, document, invalid, listed, own_role, policy, role};

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
    document::check_trust(&trust)?;
    let path = path(call)?;
    let session_seconds_max = session_seconds(call)?.unwrap_or(i64::from(default::SESSION_SECONDS));
    let boundary = call
        .optional_text("PermissionsBoundary")?
        .map(str::to_owned);
    if let Some(arn) = &boundary {
        policy::attachable(world, arn)?;
    }
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    let description = description(call)?;
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
        boundary,
    };
    let shown = shown(world, &name, &role);
    world.iam.roles.insert(name, role);
    Ok(json!({ "Role": shown }))
}

pub(super) fn get_role(world: &World, call: &Call) -> Answer {
    let (name, role) = role(world, call)?;
    let mut shown = shown(world, name, role);
    // Who used it when is not kept; AWS shows an unused role's as empty too.
    shown["RoleLastUsed"] = json!({});
    Ok(json!({ "Role": shown }))
}

/// A listing leaves out what GetRole has besides: tags and boundary.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html>
pub(super) fn list_roles(world: &World, call: &Call) -> Answer {
    let prefix = call.optional_text("PathPrefix")?.unwrap_or("/");
    let roles = world
        .iam
        .roles
        .iter()
        .filter(|(_, role)| role.path.starts_with(prefix));
    let entries = roles.map(|(name, role)| {
        let mut shown = shown(world, name, role);
        if let Value::Object(members) = &mut shown {
            members.retain(|member, _| member != "Tags" && member != "PermissionsBoundary");
        }
        (name.clone(), shown)
    });
    listed(call, "Roles", entries)
}

/// What is not said stays.
pub(super) fn update_role(world: &mut World, call: &Call) -> Answer {
    let description = description(call)?;
    let session_seconds = session_seconds(call)?;
    let role = own_role(world, call)?;
    role.description = description.or_else(|| role.description.take());
    role.session_seconds_max = session_seconds.unwrap_or(role.session_seconds_max);
    Ok(json!({}))
}

pub(super) fn update_role_description(world: &mut World, call: &Call) -> Answer {
    call.required("Description", VALIDATION)?;
    let description = description(call)?;
    own_role(world, call)?.description = description;
    let (name, role) = role(world, call)?;
    Ok(json!({ "Role": shown(world, name, role) }))
}

pub(super) fn put_boundary(world: &mut World, call: &Call) -> Answer {
    let arn = call.required("PermissionsBoundary", VALIDATION)?;
    policy::attachable(world, arn)?;
    own_role(world, call)?.boundary = Some(arn.to_owned());
    Ok(json!({}))
}

pub(super) fn delete_boundary(world: &mut World, call: &Call) -> Answer {
    let name = call.required("RoleName", VALIDATION)?;
    let taken = own_role(world, call)?.boundary.take();
    taken
        .map(|_| json!({}))
        .ok_or_else(|| super::missing(format!("Role {name} has no permissions boundary.")))
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
    document::check_inline(document)?;
    let role_name = call.required("RoleName", VALIDATION)?;
    let role = own_role(world, call)?;
    let others = role
        .inline
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(_, document)| document.as_str());
    let characters: usize = others
        .chain([document])
        .map(document::counted_characters)
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
        boundary,
    } = role;
    let boundary = boundary.as_ref().map(|arn| {
        json!({ "PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn })
    });
    json!({
        "Path": path, "RoleName": name, "RoleId": id, "Arn": role.arn(&world.account, name),
        "CreateDate": timestamp(*created), "AssumeRolePolicyDocument": document::url_encoded(trust),
        "Description": description, "MaxSessionDuration": session_seconds_max,
        "PermissionsBoundary": boundary,
        "Tags": if tags.is_empty() { Value::Null } else { tag::to_list(tags) },
    })
}

/// The `Path` member: `/` when it is not there.
pub(super) fn path(call: &Call) -> Result<String, Refusal> {
    let path = call
        .optional_text("Path")?
        .unwrap_or(default::PATH)
        .to_owned();
    let allowed = |letter: char| ('!'..='~').contains(&letter);
    if (1..=512).contains(&path.len())
        && path.starts_with('/')
        && path.ends_with('/')
        && !path.contains("//")
        && path.chars().all(allowed)
    {
        return Ok(path);
    }
    Err(invalid(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters \
         and/or / characters.",
    ))
}

/// The `Description` member: at most 1,000 characters of Latin-1.
pub(super) fn description(call: &Call) -> Result<Option<String>, Refusal> {
    let Some(text) = call.optional_text("Description")? else {
        return Ok(None);
    };
    let allowed = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '¡'..='ÿ');
    if text.chars().count() > 1_000 || !text.chars().all(allowed) {
        return Err(invalid(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length \
             less than or equal to 1000 and satisfy regular expression pattern: \
             [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
        ));
    }
    Ok(Some(text.to_owned()))
}

fn session_seconds(call: &Call) -> Result<Option<i64>, Refusal> {
    let seconds = call.optional_integer("MaxSessionDuration")?;
    if seconds.is_some_and(|seconds| !(3_600..=43_200).contains(&seconds)) {
        return Err(invalid(
            "Value at 'maxSessionDuration' must be between 3600 and 43200",
        ));
    }
    Ok(seconds)
}

pub(super) fn check_name(member: &str, name: &str, length_max: usize) -> Result<(), Refusal> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    if (1..=length_max).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_- and have 1 to {length_max} characters"
    )))
}
