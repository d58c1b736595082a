//! IAM: roles, their trust and inline policies, managed policies, policy simulation.
//!
//! Takes IAM calls; tells other modules whether a role exists, who may assume it and what it may do ([`allows`]). Policy
//! documents are kept as written. The caller's own rights are never checked: it is the account's administrator.

mod condition;
mod document;
mod evaluate;
mod policy;
mod role;
mod simulate;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::evaluate::{Decision, Principal, Request};
use super::account;
use super::authorize::Asked;
use super::call::{Answer, Call, Millis, Refusal};
use super::tag::{self, Tags};
use super::world::World;

/// Roles by name, the account's managed policies by ARN.
#[derive(Debug, Clone, Default)]
pub struct State {
    roles: BTreeMap<String, Role>,
    policies: BTreeMap<String, policy::Policy>,
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
    /// The ARN of the managed policy that bounds it.
    boundary: Option<String>,
}

/// AWS's default quota. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const ATTACHED_MAX: usize = 10;

const VALIDATION: &str = "ValidationError";

/// Answers an IAM call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateRole" => role::create_role(world, call),
        "GetRole" => role::get_role(world, call),
        "ListRoles" => role::list_roles(world, call),
        "UpdateRole" => role::update_role(world, call),
        "UpdateRoleDescription" => role::update_role_description(world, call),
        "PutRolePermissionsBoundary" => role::put_boundary(world, call),
        "DeleteRolePermissionsBoundary" => role::delete_boundary(world, call),
        "DeleteRole" => role::delete_role(world, call),
        "UpdateAssumeRolePolicy" => {
            let document = call.required("PolicyDocument", VALIDATION)?.to_owned();
            document::check_trust(&document)?;
            own_role(world, call)?.trust = document;
            Ok(json!({}))
        }
        "PutRolePolicy" => role::put_role_policy(world, call),
        "GetRolePolicy" => {
            let name = call.required("PolicyName", VALIDATION)?;
            let (role_name, role) = role(world, call)?;
            let document = role.inline.get(name).ok_or_else(|| no_policy(name))?;
            Ok(
                json!({ "RoleName": role_name, "PolicyName": name, "PolicyDocument": document::url_encoded(document) }),
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
            policy::attachable(world, arn)?;
            let attached = &mut own_role(world, call)?.attached;
            if !attached.contains(arn) && attached.len() >= ATTACHED_MAX {
                let text = format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}");
                return Err(conflict("LimitExceeded", text));
            }
            attached.insert(arn.to_owned());
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
            let prefix = call.optional_text("PathPrefix")?.unwrap_or("/");
            let (_, role) = role(world, call)?;
            let attached = role.attached.iter().filter_map(|arn| {
                let (_, path) = arn.split_once(":policy")?;
                let name = path.rsplit('/').next()?;
                let entry = json!({ "PolicyName": name, "PolicyArn": arn });
                path.starts_with(prefix).then(|| (arn.clone(), entry))
            });
            listed(call, "AttachedPolicies", attached)
        }
        "TagRole" => {
            let more = tag::from_list(call.list("Tags")).map_err(invalid)?;
            let merged = tag::merge(&mut own_role(world, call)?.tags, more);
            merged.map_err(|text| conflict("LimitExceeded", text))?;
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
        "CreatePolicy" => policy::create_policy(world, call),
        "GetPolicy" => policy::get_policy(world, call),
        "DeletePolicy" => policy::delete_policy(world, call),
        "ListPolicies" => policy::list_policies(world, call),
        "ListEntitiesForPolicy" => policy::list_entities(world, call),
        "CreatePolicyVersion" => policy::create_policy_version(world, call),
        "GetPolicyVersion" => policy::get_policy_version(world, call),
        "ListPolicyVersions" => policy::list_policy_versions(world, call),
        "SetDefaultPolicyVersion" => policy::set_default_version(world, call),
        "DeletePolicyVersion" => policy::delete_policy_version(world, call),
        "ListPolicyTags" => policy::list_policy_tags(world, call),
        "TagPolicy" => {
            let more = tag::from_list(call.list("Tags")).map_err(invalid)?;
            let merged = tag::merge(policy::tags(world, call)?, more);
            merged.map_err(|text| conflict("LimitExceeded", text))?;
            Ok(json!({}))
        }
        "UntagPolicy" => {
            let keys = call.optional_texts("TagKeys")?;
            policy::tags(world, call)?.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "SimulatePrincipalPolicy" => simulate::simulate_principal_policy(world, call),
        "SimulateCustomPolicy" => simulate::simulate_custom_policy(world, call),
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
        boundary: None,
    };
    world.iam.roles.insert(name.clone(), role);
}

/// Whether a role of that ARN exists.
pub fn role_exists(world: &World, arn: &str) -> bool {
    with_arn(world, arn).is_some()
}

/// Whether a role of that ARN exists and trusts a service such as `ecs-tasks.amazonaws.com` to assume it.
pub fn trusts(world: &World, role_arn: &str, service: &str) -> bool {
    assumable_by_service(world, role_arn, service).is_some()
}

/// The role of that ARN, when it trusts a service.
pub fn assumable_by_service(world: &World, role_arn: &str, service: &str) -> Option<Assumable> {
    let role = with_arn(world, role_arn)?;
    evaluate::trusts(&role.trust, Principal::Service(service), None).then(|| Assumable::of(role))
}

/// What a caller that a role trusts needs to be told of it.
pub struct Assumable {
    /// The role's unique id, `AROA…`.
    pub id: String,
    /// How long a session may last.
    pub session_seconds_max: i64,
}

/// The role of that ARN, when it trusts the caller (a user, role or session by ARN) with this external id.
pub fn assumable(
    world: &World,
    role_arn: &str,
    caller: &str,
    external_id: Option<&str>,
) -> Option<Assumable> {
    let role = with_arn(world, role_arn)?;
    let mut context = condition::Context::from([
        ("aws:principalarn".to_owned(), vec![caller.to_owned()]),
        (
            "aws:principalaccount".to_owned(),
            vec![world.account.clone()],
        ),
    ]);
    if let Some(id) = external_id {
        context.insert("sts:externalid".to_owned(), vec![id.to_owned()]);
    }
    evaluate::trusts(&role.trust, Principal::Arn(caller), Some(&context))
        .then(|| Assumable::of(role))
}

impl Assumable {
    fn of(role: &Role) -> Self {
        Assumable {
            id: role.id.clone(),
            session_seconds_max: role.session_seconds_max,
        }
    }
}

/// Whether a role's policies allow `action` (`ssm:GetParameters`) on `resource` (an ARN): some statement allows it, none
/// denies it, and the role's boundary, if any, allows it too. Conditions are taken as met. A role that does not exist may do
/// nothing.
pub fn allows(world: &World, role_arn: &str, action: &str, resource: &str) -> bool {
    let request = Request {
        action,
        resource,
        context: None,
    };
    with_arn(world, role_arn).is_some_and(|role| may(world, role, request))
}

/// The same of a session of a role by that role's name, conditions and all.
pub(super) fn session_may(world: &World, role_name: &str, asked: &Asked) -> bool {
    let role = world.iam.roles.get(role_name);
    role.is_some_and(|role| may(world, role, request(asked)))
}

/// The same of one policy document.
pub(super) fn document_allows(document: &str, asked: &Asked) -> bool {
    evaluate::decide([document], request(asked)).decision == Decision::Allowed
}

fn request(asked: &Asked) -> Request<'_> {
    Request {
        action: &asked.action,
        resource: &asked.resource,
        context: Some(&asked.context),
    }
}

fn may(world: &World, role: &Role, request: Request<'_>) -> bool {
    let managed = |arn: &String| policy::default_document(&world.iam, arn);
    let own = role.inline.values().map(String::as_str);
    let attached = role.attached.iter().filter_map(managed);
    let within =
        |arn: &String| evaluate::decide(managed(arn), request).decision == Decision::Allowed;
    evaluate::decide(own.chain(attached), request).decision == Decision::Allowed
        && role.boundary.as_ref().is_none_or(within)
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

fn conflict(code: &'static str, message: String) -> Refusal {
    Refusal {
        code,
        message,
        status: 409,
    }
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
