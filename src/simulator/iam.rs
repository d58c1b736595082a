//! IAM: roles, their trust and inline policies, attached managed policies.
//!
//! Takes IAM calls; tells other modules whether a role exists, who may assume it and what it may do ([`allows`]). Policy
//! documents are kept as written. The caller's own rights are never checked: it is the account's administrator.

mod policy;
mod role;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::account;
use super::call::{Answer, Call, Millis, Refusal};
use super::tag::{self, Tags};
use super::world::World;

/// Roles by name.
#[derive(Debug, Clone, Default)]
pub struct State {
    roles: BTreeMap<String, Role>,
}

#[derive(Debug, Clone)]
struct Role {
    path: String,
    id: String,
    created: Millis,
    /// The trust policy, as written.
    trust: String,
    description: Option<String>,
    session_seconds_max: i64,
    tags: Tags,
    /// Inline policies by name, as written.
    inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    attached: BTreeSet<String>,
}

const VALIDATION: &str = "ValidationError";

/// Answers an IAM call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateRole" => role::create_role(world, call),
        "GetRole" => role::get_role(world, call),
        "DeleteRole" => role::delete_role(world, call),
        "UpdateAssumeRolePolicy" => {
            let document = call.required("PolicyDocument", VALIDATION)?.to_owned();
            policy::check_trust(&document)?;
            own_role(world, call)?.trust = document;
            Ok(json!({}))
        }
        "PutRolePolicy" => role::put_role_policy(world, call),
        "GetRolePolicy" => {
            let name = call.required("PolicyName", VALIDATION)?;
            let (role_name, role) = role(world, call)?;
            let document = role.inline.get(name).ok_or_else(|| no_policy(name))?;
            Ok(
                json!({ "RoleName": role_name, "PolicyName": name, "PolicyDocument": policy::url_encoded(document) }),
            )
        }
        "ListRolePolicies" => {
            let names = role(world, call)?
                .1
                .inline
                .keys()
                .map(|name| (name.clone(), json!(name)));
            listed(call, "PolicyNames", names)
        }
        "DeleteRolePolicy" => {
            let name = call.required("PolicyName", VALIDATION)?;
            own_role(world, call)?
                .inline
                .remove(name)
                .map(|_| json!({}))
                .ok_or_else(|| no_policy(name))
        }
        "AttachRolePolicy" => {
            let arn = call.required("PolicyArn", VALIDATION)?;
            policy::managed(arn).ok_or_else(|| {
                missing(format!("Policy {arn} does not exist or is not attachable."))
            })?;
            own_role(world, call)?.attached.insert(arn.to_owned());
            Ok(json!({}))
        }
        "DetachRolePolicy" => {
            let arn = call.required("PolicyArn", VALIDATION)?;
            let removed = own_role(world, call)?.attached.remove(arn);
            if removed {
                Ok(json!({}))
            } else {
                Err(missing(format!("Policy {arn} was not found.")))
            }
        }
        "ListAttachedRolePolicies" => {
            let attached = role(world, call)?.1.attached.iter().map(|arn| {
                let name = arn.rsplit('/').next().unwrap_or(arn);
                (arn.clone(), json!({ "PolicyName": name, "PolicyArn": arn }))
            });
            listed(call, "AttachedPolicies", attached)
        }
        "TagRole" => {
            let more = tag::from_list(call.list("Tags")).map_err(invalid)?;
            let merged = tag::merge(&mut own_role(world, call)?.tags, more);
            merged.map_err(|text| Refusal {
                code: "LimitExceeded",
                message: text,
                status: 409,
            })?;
            Ok(json!({}))
        }
        "UntagRole" => {
            let keys = call.optional_texts("TagKeys")?;
            own_role(world, call)?
                .tags
                .retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListRoleTags" => {
            let tags = role(world, call)?.1.tags.iter();
            listed(
                call,
                "Tags",
                tags.map(|(key, value)| (key.clone(), json!({ "Key": key, "Value": value }))),
            )
        }
        _ => Err(call.unknown_operation()),
    }
}

/// Adds a role AWS made for itself.
pub fn add_service_linked_role(world: &mut World, role: &account::ServiceLinkedRole, now: Millis) {
    let account::ServiceLinkedRole { name, service } = role;
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    });
    let role = Role {
        path: format!("{SERVICE_LINKED_PATH}{service}/"),
        id: role::fresh_id(world),
        created: now,
        trust: trust.to_string(),
        description: None,
        session_seconds_max: i64::from(super::defaults::small::role::SESSION_SECONDS),
        tags: Tags::new(),
        inline: BTreeMap::new(),
        attached: BTreeSet::new(),
    };
    world.iam.roles.insert(name.clone(), role);
}

/// Whether a role of that ARN exists.
pub fn role_exists(world: &World, arn: &str) -> bool {
    with_arn(world, arn).is_some()
}

/// Whether a role of that ARN exists and trusts a service such as `ecs-tasks.amazonaws.com` to assume it.
pub fn trusts(world: &World, role_arn: &str, service: &str) -> bool {
    with_arn(world, role_arn).is_some_and(|role| policy::trusts(&role.trust, service))
}

/// Whether a role's policies allow `action` (`ssm:GetParameters`) on `resource` (an ARN): some statement allows it and
/// none denies it. Conditions are taken as met. A role that does not exist may do nothing.
pub fn allows(world: &World, role_arn: &str, action: &str, resource: &str) -> bool {
    let Some(role) = with_arn(world, role_arn) else {
        return false;
    };
    let managed = role.attached.iter().filter_map(|arn| policy::managed(arn));
    policy::allows(
        role.inline.values().map(String::as_str).chain(managed),
        action,
        resource,
    )
}

const SERVICE_LINKED_PATH: &str = "/aws-service-role/";

fn with_arn<'a>(world: &'a World, arn: &str) -> Option<&'a Role> {
    let (name, role) = world.iam.roles.get_key_value(arn.rsplit('/').next()?)?;
    (role.arn(&world.account, name) == arn).then_some(role)
}

impl Role {
    fn arn(&self, account: &str, name: &str) -> String {
        format!("arn:aws:iam::{account}:role{}{name}", self.path)
    }
}

fn role<'a>(world: &'a World, call: &Call) -> Result<(&'a str, &'a Role), Refusal> {
    let name = call.required("RoleName", VALIDATION)?;
    let found = world.iam.roles.get_key_value(name);
    found
        .map(|(name, role)| (name.as_str(), role))
        .ok_or_else(|| no_role(name))
}

/// A role the caller may change: not one of AWS's own.
fn own_role<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Role, Refusal> {
    let name = call.required("RoleName", VALIDATION)?;
    let role = world.iam.roles.get_mut(name).ok_or_else(|| no_role(name))?;
    if role.path.starts_with(SERVICE_LINKED_PATH) {
        let text = format!(
            "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
        );
        return Err(Refusal::new("UnmodifiableEntity", text));
    }
    Ok(role)
}

/// IAM's paging: `MaxItems` 1 to 1,000, 100 by default, and a `Marker`.
fn listed(call: &Call, member: &str, entries: impl Iterator<Item = (String, Value)>) -> Answer {
    let size = call.optional_integer("MaxItems")?.unwrap_or(100);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=1000).contains(size));
    let size = size.ok_or_else(|| invalid("Value at 'maxItems' must be between 1 and 1000"))?;
    let page = Call::page(entries, call.optional_text("Marker")?, size, VALIDATION)?;
    Ok(json!({ member: page.items, "IsTruncated": page.next.is_some(), "Marker": page.next }))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}

fn missing(message: String) -> Refusal {
    Refusal {
        code: "NoSuchEntity",
        message,
        status: 404,
    }
}

fn no_role(name: &str) -> Refusal {
    missing(format!("The role with name {name} cannot be found."))
}

fn no_policy(name: &str) -> Refusal {
    missing(format!("The role policy with name {name} cannot be found."))
}
