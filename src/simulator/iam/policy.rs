//! Managed policies: AWS's own that a unit uses, and the account's with their versions.
//!
//! A policy's document is read by `document` and `evaluate`. <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html>

mod aws;
mod version;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::aws::{AWS_POLICIES, AwsPolicy};
pub(super) use self::version::{
    create_policy_version, delete_policy_version, get_policy_version, list_policy_versions,
    set_default_version,
};
use super::role::{check_name, description, path};
use super::{State, VALIDATION, conflict, document, invalid, listed, missing};
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::tag::{self, Tags};
use crate::simulator::world::World;

/// A policy of the account.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    name: String,
    path: String,
    id: String,
    description: Option<String>,
    created: Millis,
    updated: Millis,
    tags: Tags,
    default: u32,
    /// The number the newest version has; numbers are never used again.
    newest: u32,
    versions: BTreeMap<u32, Version>,
}

#[derive(Debug, Clone)]
struct Version {
    document: String,
    created: Millis,
}

/// AWS's default quotas. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const POLICIES_MAX: usize = 1_500;
const CHARACTERS_MAX: usize = 6_144;

/// A policy of either kind, as reads show it.
struct View<'a> {
    arn: String,
    name: &'a str,
    path: &'a str,
    id: &'a str,
    description: Option<&'a str>,
    created: Millis,
    updated: Millis,
    tags: Option<&'a Tags>,
    default: u32,
    /// Number, document, when made; the newest last.
    versions: Vec<(u32, &'a str, Millis)>,
}

impl Policy {
    fn view(&self, arn: &str) -> View<'_> {
        let Policy {
            name,
            path,
            id,
            description,
            created,
            updated,
            tags,
            default,
            newest: _,
            versions,
        } = self;
        View {
            arn: arn.to_owned(),
            name,
            path,
            id,
            description: description.as_deref(),
            created: *created,
            updated: *updated,
            tags: Some(tags),
            default: *default,
            versions: versions
                .iter()
                .map(|(number, version)| (*number, version.document.as_str(), version.created))
                .collect(),
        }
    }
}

/// The default version's document of a managed policy of either kind.
pub(super) fn default_document<'a>(iam: &'a State, arn: &str) -> Option<&'a str> {
    if let Some(policy) = iam.policies.get(arn) {
        return policy
            .versions
            .get(&policy.default)
            .map(|version| version.document.as_str());
    }
    let aws = AWS_POLICIES
        .iter()
        .find(|policy| policy.view().arn == arn)?;
    Some(aws.document)
}

/// Refuses an ARN that no policy has.
pub(super) fn attachable(world: &World, arn: &str) -> Result<(), Refusal> {
    default_document(&world.iam, arn)
        .map(|_| ())
        .ok_or_else(|| missing(format!("Policy {arn} does not exist or is not attachable.")))
}

pub(super) fn is_aws(arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::aws:policy/")
}

fn view<'a>(world: &'a World, arn: &str) -> Result<View<'a>, Refusal> {
    let own = world.iam.policies.get(arn).map(|policy| policy.view(arn));
    let aws = || {
        AWS_POLICIES
            .iter()
            .map(AwsPolicy::view)
            .find(|view| view.arn == arn)
    };
    own.or_else(aws).ok_or_else(|| no_policy(arn))
}

fn no_policy(arn: &str) -> Refusal {
    if arn.starts_with("arn:aws:iam::") {
        missing(format!("Policy {arn} was not found."))
    } else {
        Refusal::new("InvalidInput", format!("ARN {arn} is not valid."))
    }
}

/// A policy the caller may change.
fn own<'w, 'c>(world: &'w mut World, call: &'c Call) -> Result<(&'c str, &'w mut Policy), Refusal> {
    let arn = call.required("PolicyArn", VALIDATION)?;
    if is_aws(arn) {
        return Err(Refusal {
            code: "AccessDenied",
            message: format!("Policy {arn} is outside your own account."),
            status: 403,
        });
    }
    let policy = world
        .iam
        .policies
        .get_mut(arn)
        .ok_or_else(|| no_policy(arn))?;
    Ok((arn, policy))
}

fn shown(world: &World, view: &View<'_>) -> Value {
    let used = |of: fn(&super::Role, &str) -> bool| {
        world
            .iam
            .roles
            .values()
            .filter(|role| of(role, &view.arn))
            .count()
    };
    json!({
        "PolicyName": view.name, "PolicyId": view.id, "Arn": view.arn, "Path": view.path,
        "DefaultVersionId": format!("v{}", view.default), "AttachmentCount": used(|role, arn| role.attached.contains(arn)),
        "PermissionsBoundaryUsageCount": used(|role, arn| role.boundary.as_deref() == Some(arn)), "IsAttachable": true,
        "CreateDate": timestamp(view.created), "UpdateDate": timestamp(view.updated),
    })
}

fn new_document(call: &Call) -> Result<String, Refusal> {
    let text = call.required("PolicyDocument", VALIDATION)?;
    document::check_managed(text)?;
    if document::counted_characters(text) > CHARACTERS_MAX {
        let text = format!("Cannot exceed quota for PolicySize: {CHARACTERS_MAX}");
        return Err(conflict("LimitExceeded", text));
    }
    Ok(text.to_owned())
}

pub(super) fn create_policy(world: &mut World, call: &Call) -> Answer {
    let name = call.required("PolicyName", VALIDATION)?.to_owned();
    check_name("policyName", &name, 128)?;
    let path = path(call)?;
    let document = new_document(call)?;
    let description = description(call)?;
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", world.account);
    // Names are unique whatever their path.
    if world
        .iam
        .policies
        .values()
        .any(|policy| policy.name == name)
    {
        let text =
            format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(conflict("EntityAlreadyExists", text));
    }
    if world.iam.policies.len() >= POLICIES_MAX {
        let text = format!("Cannot exceed quota for PoliciesPerAccount: {POLICIES_MAX}");
        return Err(conflict("LimitExceeded", text));
    }
    let id = format!("ANPA{}", world.hex(17).to_uppercase());
    let version = Version {
        document,
        created: call.now,
    };
    let policy = Policy {
        name,
        path,
        id,
        description,
        created: call.now,
        updated: call.now,
        tags,
        default: 1,
        newest: 1,
        versions: BTreeMap::from([(1, version)]),
    };
    world.iam.policies.insert(arn.clone(), policy);
    get_policy_of(world, &arn)
}

pub(super) fn get_policy(world: &World, call: &Call) -> Answer {
    get_policy_of(world, call.required("PolicyArn", VALIDATION)?)
}

fn get_policy_of(world: &World, arn: &str) -> Answer {
    let view = view(world, arn)?;
    let mut shown = shown(world, &view);
    shown["Description"] = json!(view.description);
    shown["Tags"] = view
        .tags
        .filter(|tags| !tags.is_empty())
        .map_or(Value::Null, tag::to_list);
    Ok(json!({ "Policy": shown }))
}

pub(super) fn delete_policy(world: &mut World, call: &Call) -> Answer {
    let (arn, policy) = own(world, call)?;
    let versions = policy.versions.len();
    let is_used =
        |role: &super::Role| role.attached.contains(arn) || role.boundary.as_deref() == Some(arn);
    if world.iam.roles.values().any(is_used) {
        return Err(conflict(
            "DeleteConflict",
            "Cannot delete a policy attached to entities.".to_owned(),
        ));
    }
    if versions > 1 {
        let text = "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                    versions. The default version is deleted with the policy.";
        return Err(conflict("DeleteConflict", text.to_owned()));
    }
    world.iam.policies.remove(arn);
    Ok(json!({}))
}

/// Neither description nor tags come back in a listing.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html>
pub(super) fn list_policies(world: &World, call: &Call) -> Answer {
    let scope = call.optional_text("Scope")?.unwrap_or("All");
    if !["All", "AWS", "Local"].contains(&scope) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{scope}' at 'scope' failed to satisfy constraint: Member must satisfy enum \
             value set: [All, AWS, Local]"
        )));
    }
    let attached_only = call.optional_boolean("OnlyAttached")?.unwrap_or(false);
    let prefix = call.optional_text("PathPrefix")?.unwrap_or("/");
    let own = world
        .iam
        .policies
        .iter()
        .map(|(arn, policy)| policy.view(arn));
    let aws = AWS_POLICIES.iter().map(AwsPolicy::view);
    let mut entries: Vec<(String, Value)> = own
        .filter(|_| scope != "AWS")
        .chain(aws.filter(|_| scope != "Local"))
        .filter(|view| view.path.starts_with(prefix))
        .map(|view| (view.arn.clone(), shown(world, &view)))
        .filter(|(_, shown)| !attached_only || shown["AttachmentCount"] != 0)
        .collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    listed(call, "Policies", entries.into_iter())
}

pub(super) fn list_entities(world: &World, call: &Call) -> Answer {
    let arn = call.required("PolicyArn", VALIDATION)?;
    view(world, arn)?;
    let prefix = call.optional_text("PathPrefix")?.unwrap_or("/");
    let usage = call.optional_text("PolicyUsageFilter")?;
    let roles_wanted = call
        .optional_text("EntityFilter")?
        .is_none_or(|kind| kind == "Role");
    let is_used = |role: &super::Role| {
        (usage != Some("PermissionsBoundary") && role.attached.contains(arn))
            || (usage != Some("PermissionsPolicy") && role.boundary.as_deref() == Some(arn))
    };
    let roles = world
        .iam
        .roles
        .iter()
        .filter(|(_, role)| roles_wanted && role.path.starts_with(prefix) && is_used(role));
    let entries =
        roles.map(|(name, role)| (name.clone(), json!({ "RoleName": name, "RoleId": role.id })));
    let mut listing = listed(call, "PolicyRoles", entries)?;
    listing["PolicyUsers"] = json!([]);
    listing["PolicyGroups"] = json!([]);
    Ok(listing)
}

pub(super) fn tags<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Tags, Refusal> {
    own(world, call).map(|(_, policy)| &mut policy.tags)
}

pub(super) fn list_policy_tags(world: &World, call: &Call) -> Answer {
    let view = view(world, call.required("PolicyArn", VALIDATION)?)?;
    let tags = view.tags.into_iter().flatten();
    listed(
        call,
        "Tags",
        tags.map(|(key, value)| (key.clone(), json!({ "Key": key, "Value": value }))),
    )
}
