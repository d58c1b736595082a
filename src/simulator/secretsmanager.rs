//! Secrets Manager: secrets, their versions and staging labels.
//!
//! Takes Secrets Manager calls, and from ECS what a container definition's `valueFrom` names ([`injected`]). A value is in
//! its version and in the answer that asks for it, nowhere else: nothing here prints. Rotation, replication, resource
//! policies and KMS are not simulated.

mod list;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::tag::{self, Tags};
use super::world::World;
pub use version::injected;

/// Secrets by name.
#[derive(Default)]
pub struct State {
    secrets: BTreeMap<String, Secret>,
}

struct Secret {
    arn: String,
    description: Option<String>,
    kms_key: Option<String>,
    created: Millis,
    changed: Millis,
    /// The day of the last read; AWS says no more.
    accessed: Option<Millis>,
    /// When it may go for good; a secret that has this can only be looked at and restored.
    deleted: Option<Millis>,
    tags: Tags,
    /// In order of creation.
    versions: Vec<Version>,
}

struct Version {
    id: String,
    stages: BTreeSet<String>,
    content: Content,
    created: Millis,
    accessed: Option<Millis>,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    /// Base64, as it came.
    Binary(String),
}

const VALIDATION: &str = "ValidationException";
const INVALID: &str = "InvalidParameterException";
const REQUEST: &str = "InvalidRequestException";
const EXISTS: &str = "ResourceExistsException";
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const DAY: Millis = 86_400_000;
/// AWS allows 500,000; so many values of 64 KiB would not fit here.
const SECRETS_MAX: usize = 2_000;
const VALUE_CHARACTERS_MAX: usize = 65_536;

/// Answers a Secrets Manager call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    world
        .secretsmanager
        .secrets
        .retain(|_, secret| secret.deleted.is_none_or(|due| call.now < due));
    match call.operation.as_str() {
        "CreateSecret" => create_secret(world, call),
        "DescribeSecret" => list::describe_secret(world, call),
        "ListSecrets" => list::list_secrets(world, call),
        "GetSecretValue" => version::get_secret_value(world, call),
        "PutSecretValue" => version::put_secret_value(world, call),
        "UpdateSecret" => version::update_secret(world, call),
        "ListSecretVersionIds" => version::list_secret_version_ids(world, call),
        "DeleteSecret" => delete_secret(world, call),
        "RestoreSecret" => {
            let (name, secret) = any_secret(world, call)?;
            secret.deleted = None;
            Ok(json!({ "ARN": secret.arn, "Name": name }))
        }
        "TagResource" => {
            let more = tag::from_list(call.list("Tags")).map_err(invalid)?;
            tag::merge(&mut secret(world, call)?.1.tags, more).map_err(invalid)?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            let tags = &mut secret(world, call)?.1.tags;
            tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(call.unknown_operation()),
    }
}

fn create_secret(world: &mut World, call: &Call) -> Answer {
    let name = call.required("Name", VALIDATION)?.to_owned();
    let token = token(call)?;
    let content = content(call)?;
    let description = text(call, "Description", 0, 2048)?;
    let kms_key = text(call, "KmsKeyId", 0, 2048)?;
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    check_name(&name)?;
    if let Some(existing) = world.secretsmanager.secrets.get(&name) {
        if existing.deleted.is_some() {
            let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return Err(Refusal::new(REQUEST, message));
        }
        // The token makes a repeated creation the same creation.
        let same = existing
            .versions
            .iter()
            .find(|version| version.id == token && content.as_ref() == Some(&version.content));
        return match same {
            Some(version) => {
                Ok(json!({ "ARN": existing.arn, "Name": name, "VersionId": version.id }))
            }
            None => Err(Refusal::new(
                EXISTS,
                format!("The operation failed because the secret {name} already exists."),
            )),
        };
    }
    if world.secretsmanager.secrets.len() >= SECRETS_MAX {
        let message = format!("You can have at most {SECRETS_MAX} secrets here.");
        return Err(Refusal::new("LimitExceededException", message));
    }
    let suffix = world.letters(6);
    let arn = world.arn("secretsmanager", &format!("secret:{name}-{suffix}"));
    let mut secret = Secret {
        arn: arn.clone(),
        description,
        kms_key,
        created: call.now,
        changed: call.now,
        accessed: None,
        deleted: None,
        tags,
        versions: Vec::new(),
    };
    let version_id = content.is_some().then(|| token.clone());
    if let Some(content) = content {
        secret.add(token, content, &[CURRENT.to_owned()], call.now)?;
    }
    world.secretsmanager.secrets.insert(name.clone(), secret);
    Ok(json!({ "ARN": arn, "Name": name, "VersionId": version_id }))
}

fn delete_secret(world: &mut World, call: &Call) -> Answer {
    let window = call.optional_integer("RecoveryWindowInDays")?;
    let force = call
        .optional_boolean("ForceDeleteWithoutRecovery")?
        .unwrap_or(false);
    if force && window.is_some() {
        return Err(invalid(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    let days = window.unwrap_or(30);
    let days = u64::try_from(days)
        .ok()
        .filter(|days| (7..=30).contains(days));
    let days = days.ok_or_else(|| {
        invalid("RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
    })?;
    let (name, secret) = any_secret(world, call)?;
    if force {
        let output =
            json!({ "ARN": secret.arn, "Name": name, "DeletionDate": timestamp(call.now) });
        world.secretsmanager.secrets.remove(&name);
        return Ok(output);
    }
    if secret.deleted.is_some() {
        return Err(marked());
    }
    let due = call.now + days * DAY;
    secret.deleted = Some(due);
    Ok(json!({ "ARN": secret.arn, "Name": name, "DeletionDate": timestamp(due) }))
}

/// Letters, digits and a few signs, 1 to 512 of them.
fn check_name(name: &str) -> Result<(), Refusal> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-!".contains(letter);
    if (1..=512).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Refusal::new(
        VALIDATION,
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    ))
}

/// `ClientRequestToken`, which becomes the version's id. Every SDK sends one; AWS asks raw callers for it.
fn token(call: &Call) -> Result<String, Refusal> {
    let Some(token) = call.optional_text("ClientRequestToken")? else {
        return Err(invalid(
            "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        ));
    };
    if (32..=64).contains(&token.len()) {
        Ok(token.to_owned())
    } else {
        Err(invalid("ClientRequestToken must be 32-64 characters long."))
    }
}

/// The value in a request, if there is one.
fn content(call: &Call) -> Result<Option<Content>, Refusal> {
    let string = text(call, "SecretString", 1, VALUE_CHARACTERS_MAX)?;
    let binary = text(
        call,
        "SecretBinary",
        1,
        VALUE_CHARACTERS_MAX.div_ceil(3) * 4,
    )?;
    match (string, binary) {
        (Some(_), Some(_)) => Err(invalid(
            "You can't specify both a binary secret value and a string secret value in the same secret.",
        )),
        (Some(string), None) => Ok(Some(Content::Text(string))),
        (None, Some(binary)) => Ok(Some(Content::Binary(binary))),
        (None, None) => Ok(None),
    }
}

/// Text of a bounded length. The refusal does not repeat it: it may be a secret.
fn text(call: &Call, member: &str, min: usize, max: usize) -> Result<Option<String>, Refusal> {
    let Some(text) = call.optional_text(member)? else {
        return Ok(None);
    };
    if (min..=max).contains(&text.chars().count()) {
        return Ok(Some(text.to_owned()));
    }
    let (side, bound) = if text.is_empty() {
        ("greater", min)
    } else {
        ("less", max)
    };
    let message = format!(
        "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length {side} than or \
         equal to {bound}",
        member.replacen("Secret", "secret", 1)
    );
    Err(Refusal::new(VALIDATION, message))
}

/// The secret a `SecretId` names: by name, by ARN, by ARN without the six characters AWS added.
fn any_secret<'a>(world: &'a mut World, call: &Call) -> Result<(String, &'a mut Secret), Refusal> {
    let id = call.required("SecretId", VALIDATION)?;
    let name = find(world, id).ok_or_else(|| missing("."))?.to_owned();
    let secret = world.secretsmanager.secrets.get_mut(&name);
    secret
        .map(|secret| (name, secret))
        .ok_or_else(|| missing("."))
}

fn find<'a>(world: &'a World, id: &str) -> Option<&'a str> {
    let named = |(name, secret): (&'a String, &Secret)| {
        let partial = secret.arn.get(..secret.arn.len().saturating_sub(7));
        (name == id || secret.arn == id || partial == Some(id)).then_some(name.as_str())
    };
    world.secretsmanager.secrets.iter().find_map(named)
}

/// The same, refused when it is scheduled for deletion.
fn secret<'a>(world: &'a mut World, call: &Call) -> Result<(String, &'a mut Secret), Refusal> {
    let found = any_secret(world, call)?;
    if found.1.deleted.is_some() {
        return Err(marked());
    }
    Ok(found)
}

fn stages(version: &Version) -> Value {
    json!(version.stages)
}

fn day(at: Millis) -> Millis {
    at - at % DAY
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(INVALID, message)
}

fn marked() -> Refusal {
    Refusal::new(
        REQUEST,
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}

/// `rest` ends the sentence: which part of the secret is not there.
fn missing(rest: &str) -> Refusal {
    Refusal::new(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified secret{rest}"),
    )
}
