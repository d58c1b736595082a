//! Repositories and their settings.

use serde_json::{Value, json};

use super::{
    INVALID, Lifecycle, Repository, invalid, no_repository, registry, repository, repository_mut,
    size,
};
use crate::simulator::call::{Answer, Call, Refusal, timestamp};
use crate::simulator::tag;
use crate::simulator::world::World;

/// AWS allows 100,000; fewer show the refusal too.
const REPOSITORIES_MAX: usize = 1_000;

fn value(world: &World, name: &str, repository: &Repository) -> Value {
    json!({
        "repositoryArn": world.arn("ecr", &format!("repository/{name}")), "registryId": world.account,
        "repositoryName": name, "repositoryUri": format!("{}/{name}", registry(world)),
        "createdAt": timestamp(repository.created), "imageTagMutability": mutability(repository),
        "imageScanningConfiguration": { "scanOnPush": repository.scan_on_push },
        "encryptionConfiguration": repository.encryption,
    })
}

fn mutability(repository: &Repository) -> &'static str {
    if repository.immutable {
        "IMMUTABLE"
    } else {
        "MUTABLE"
    }
}

pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let name = call.required("repositoryName", INVALID)?.to_owned();
    if !is_name(&name) {
        return Err(invalid(
            "repositoryName",
            "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
        ));
    }
    let mut new = Repository::new(call.now);
    new.immutable = immutable(call)?.unwrap_or(new.immutable);
    new.scan_on_push = scan_on_push(call)?.unwrap_or(new.scan_on_push);
    if let Some(encryption) = call.structure("encryptionConfiguration")? {
        let kind = encryption
            .optional_text("encryptionType")?
            .unwrap_or_default();
        new.encryption = match kind {
            "AES256" => json!({ "encryptionType": kind }),
            "KMS" | "KMS_DSSE" => {
                let default = || world.arn("kms", "alias/aws/ecr");
                let key = encryption.optional_text("kmsKey")?;
                json!({ "encryptionType": kind, "kmsKey": key.map_or_else(default, str::to_owned) })
            }
            _ => {
                return Err(invalid(
                    "encryptionConfiguration.encryptionType",
                    "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]",
                ));
            }
        };
    }
    new.tags = tag::from_list(call.list("tags")).map_err(bad_tags)?;
    if world.ecr.repositories.contains_key(&name) {
        let message = format!(
            "The repository with name '{name}' already exists in the registry with id '{}'",
            world.account
        );
        return Err(Refusal::new("RepositoryAlreadyExistsException", message));
    }
    if world.ecr.repositories.len() >= REPOSITORIES_MAX {
        let message = format!("The maximum of {REPOSITORIES_MAX} repositories is reached.");
        return Err(Refusal::new("LimitExceededException", message));
    }
    let shown = value(world, &name, &new);
    world.ecr.repositories.insert(name, new);
    Ok(json!({ "repository": shown }))
}

/// Parts of lower-case letters and digits, joined by single signs, between slashes; 2 to 256 characters.
fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let edge = |letter: Option<char>| letter.is_some_and(allowed);
        edge(word.chars().next())
            && edge(word.chars().last())
            && word
                .chars()
                .all(|letter| allowed(letter) || "._-".contains(letter))
            && !["..", "._", "_.", ".-", "-.", "_-", "-_", "___"]
                .iter()
                .any(|pair| word.contains(pair))
    };
    (2..=256).contains(&name.len()) && name.split('/').all(word)
}

fn immutable(call: &Call) -> Result<Option<bool>, Refusal> {
    if !call.list("imageTagMutabilityExclusionFilters").is_empty() {
        return Err(Refusal::new(
            "UnsupportedFeatureException",
            "The simulator does not model exclusions from tag mutability.",
        ));
    }
    match call.optional_text("imageTagMutability")? {
        None => Ok(None),
        Some("MUTABLE") => Ok(Some(false)),
        Some("IMMUTABLE") => Ok(Some(true)),
        Some(_) => Err(invalid(
            "imageTagMutability",
            "Member must satisfy enum value set: [IMMUTABLE, MUTABLE]",
        )),
    }
}

fn scan_on_push(call: &Call) -> Result<Option<bool>, Refusal> {
    match call.structure("imageScanningConfiguration")? {
        None => Ok(None),
        Some(configuration) => configuration.optional_boolean("scanOnPush"),
    }
}

pub(super) fn describe(world: &World, call: &Call) -> Answer {
    let names = call.optional_texts("repositoryNames")?;
    let repositories = &world.ecr.repositories;
    if let Some(missing) = names.iter().find(|name| !repositories.contains_key(*name)) {
        return Err(no_repository(missing, &world.account));
    }
    let entries = repositories
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .map(|(name, repository)| (name.clone(), value(world, name, repository)));
    let token = call.optional_text("nextToken")?;
    let page = Call::page(entries, token, size(call)?, INVALID)?;
    Ok(json!({ "repositories": page.items, "nextToken": page.next }))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let (name, repository) = repository(world, call)?;
    let force = call.optional_boolean("force")?.unwrap_or(false);
    if !force && !repository.images.is_empty() {
        let message = format!(
            "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains images",
            world.account
        );
        return Err(Refusal::new("RepositoryNotEmptyException", message));
    }
    let shown = value(world, name, repository);
    world.ecr.repositories.remove(name);
    Ok(json!({ "repository": shown }))
}

pub(super) fn put_mutability(world: &mut World, call: &Call) -> Answer {
    call.required("imageTagMutability", INVALID)?;
    let wanted = immutable(call)?.unwrap_or(false);
    let account = world.account.clone();
    let (name, repository) = repository_mut(world, call)?;
    repository.immutable = wanted;
    let shown = mutability(repository);
    Ok(json!({ "registryId": account, "repositoryName": name, "imageTagMutability": shown }))
}

pub(super) fn put_scanning(world: &mut World, call: &Call) -> Answer {
    let wanted = scan_on_push(call)?.unwrap_or(false);
    let account = world.account.clone();
    let (name, repository) = repository_mut(world, call)?;
    repository.scan_on_push = wanted;
    Ok(json!({
        "registryId": account, "repositoryName": name, "imageScanningConfiguration": { "scanOnPush": wanted },
    }))
}

pub(super) fn put_lifecycle(world: &mut World, call: &Call) -> Answer {
    let text = call.required("lifecyclePolicyText", INVALID)?.to_owned();
    let account = world.account.clone();
    let (name, repository) = repository_mut(world, call)?;
    check_lifecycle(&text)?;
    let output =
        json!({ "registryId": account, "repositoryName": name, "lifecyclePolicyText": text });
    repository.lifecycle = Some(Lifecycle {
        text,
        put: call.now,
    });
    Ok(output)
}

/// docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
fn check_lifecycle(text: &str) -> Result<(), Refusal> {
    let wrong = |why: &str| {
        Err(invalid(
            "LifecyclePolicyText",
            &format!("Lifecycle policy validation failure: {why}"),
        ))
    };
    if !(100..=30_720).contains(&text.len()) {
        return wrong("Member must have length between 100 and 30720");
    }
    let policy: Value = match serde_json::from_str(text) {
        Ok(policy) => policy,
        Err(_) => return wrong("Could not map policyString into LifecyclePolicy."),
    };
    let rules = policy.get("rules").and_then(Value::as_array);
    let Some(rules) = rules.filter(|rules| (1..=50).contains(&rules.len())) else {
        return wrong("object has missing required properties ([\"rules\"])");
    };
    let mut priorities = std::collections::BTreeSet::new();
    for rule in rules {
        let at = |path: &str| rule.pointer(path);
        let priority = at("/rulePriority").and_then(Value::as_u64);
        let Some(priority) = priority.filter(|priority| *priority > 0) else {
            return wrong("object has missing required properties ([\"rulePriority\"])");
        };
        if !priorities.insert(priority) {
            return wrong("Found multiple rules with the same priority");
        }
        let status = at("/selection/tagStatus").and_then(Value::as_str);
        if !status.is_some_and(|status| ["tagged", "untagged", "any"].contains(&status)) {
            return wrong("selection.tagStatus must be tagged, untagged or any");
        }
        let count = at("/selection/countType").and_then(Value::as_str);
        let number = at("/selection/countNumber").and_then(Value::as_u64);
        if count.is_none() || number.is_none_or(|number| number == 0) {
            return wrong("selection needs countType and a positive countNumber");
        }
        if at("/action/type").and_then(Value::as_str) != Some("expire") {
            return wrong("action.type must be expire");
        }
    }
    Ok(())
}

fn no_lifecycle(world: &World, name: &str) -> Refusal {
    let message = format!(
        "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{}'",
        world.account
    );
    Refusal::new("LifecyclePolicyNotFoundException", message)
}

fn lifecycle_value(world: &World, name: &str, lifecycle: &Lifecycle) -> Value {
    json!({
        "registryId": world.account, "repositoryName": name, "lifecyclePolicyText": lifecycle.text,
        "lastEvaluatedAt": timestamp(lifecycle.put),
    })
}

pub(super) fn get_lifecycle(world: &World, call: &Call) -> Answer {
    let (name, repository) = repository(world, call)?;
    let lifecycle = repository.lifecycle.as_ref();
    let lifecycle = lifecycle.ok_or_else(|| no_lifecycle(world, name))?;
    Ok(lifecycle_value(world, name, lifecycle))
}

pub(super) fn delete_lifecycle(world: &mut World, call: &Call) -> Answer {
    let (name, repository) = repository_mut(world, call)?;
    let lifecycle = repository.lifecycle.take();
    let lifecycle = lifecycle.ok_or_else(|| no_lifecycle(world, &name))?;
    Ok(lifecycle_value(world, &name, &lifecycle))
}

/// The repository a `resourceArn` names.
fn by_arn<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Repository, Refusal> {
    let arn = call.required("resourceArn", INVALID)?;
    let prefix = world.arn("ecr", "repository/");
    let Some(name) = arn.strip_prefix(&prefix) else {
        let message =
            "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'";
        return Err(Refusal::new(INVALID, message));
    };
    let account = world.account.clone();
    let found = world.ecr.repositories.get_mut(name);
    found.ok_or_else(|| no_repository(name, &account))
}

pub(super) fn tag(world: &mut World, call: &Call) -> Answer {
    let more = tag::from_list(call.list("tags")).map_err(bad_tags)?;
    tag::merge(&mut by_arn(world, call)?.tags, more)
        .map_err(|text| Refusal::new("TooManyTagsException", text))?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Answer {
    let keys = call.optional_texts("tagKeys")?;
    by_arn(world, call)?
        .tags
        .retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

pub(super) fn list_tags(world: &mut World, call: &Call) -> Answer {
    Ok(json!({ "tags": tag::to_list(&by_arn(world, call)?.tags) }))
}

fn bad_tags(message: String) -> Refusal {
    Refusal::new("InvalidTagParameterException", message)
}
