//! Images put and deleted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::manifest::{Content, Manifest, digest};
use super::read::{Id, ids};
use super::{Image, Repository, invalid, repository_mut};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// AWS allows 20,000 in a repository; so many manifests of up to 1 MiB would not fit here.
const IMAGES_MAX: usize = 1_000;

pub(super) fn put(world: &mut World, call: &Call) -> Answer {
    let text = call.required("imageManifest", super::INVALID)?;
    let tag = call.optional_text("imageTag")?;
    let account = world.account.clone();
    let (name, repository) = repository_mut(world, call)?;
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(invalid(
            "imageTag",
            "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
        ));
    }
    let said = call.optional_text("imageManifestMediaType")?;
    let manifest = Manifest::parse(text, said)
        .ok_or_else(|| invalid("ImageManifest", "Invalid JSON syntax"))?;
    let digest = digest(text);
    if call
        .optional_text("imageDigest")?
        .is_some_and(|said| said != digest)
    {
        let message = format!(
            "The calculated image digest '{digest}' does not match the specified image digest"
        );
        return Err(Refusal::new("ImageDigestDoesNotMatchException", message));
    }
    let existing = repository.images.get(&digest);
    if existing.is_some_and(|image| tag.is_none_or(|tag| image.tags.contains(tag))) {
        let message = format!(
            "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in registry with \
             id '{account}'",
            tag.unwrap_or("null")
        );
        return Err(Refusal::new("ImageAlreadyExistsException", message));
    }
    let holder = tag
        .and_then(|tag| repository.tagged(tag))
        .map(str::to_owned);
    if let (Some(tag), Some(_), true) = (tag, &holder, repository.immutable) {
        let message = format!(
            "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the tag is \
             immutable."
        );
        return Err(Refusal::new("ImageTagAlreadyExistsException", message));
    }
    if let Content::Index(digests) = &manifest.content
        && let Some(missing) = digests
            .iter()
            .find(|digest| !repository.images.contains_key(*digest))
    {
        let message = format!(
            "The images with digests '[{missing}]' do not exist in the repository with name '{name}' in the registry with id \
             '{account}'"
        );
        return Err(Refusal::new("ReferencedImagesNotFoundException", message));
    }
    if repository.images.len() >= IMAGES_MAX {
        let message = format!("The maximum of {IMAGES_MAX} images in a repository is reached.");
        return Err(Refusal::new("LimitExceededException", message));
    }
    if let (Some(tag), Some(holder)) = (tag, holder)
        && let Some(image) = repository.images.get_mut(&holder)
    {
        image.tags.remove(tag);
    }
    let media_type = manifest.media_type.clone();
    let image = repository
        .images
        .entry(digest.clone())
        .or_insert_with(|| Image {
            text: text.to_owned(),
            manifest,
            tags: BTreeSet::new(),
            pushed: call.now,
        });
    image.tags.extend(tag.map(str::to_owned));
    Ok(json!({ "image": {
        "registryId": account, "repositoryName": name, "imageManifest": text, "imageManifestMediaType": media_type,
        "imageId": { "imageDigest": digest, "imageTag": tag },
    }}))
}

fn is_tag(tag: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    (1..=128).contains(&tag.len()) && tag.chars().all(allowed) && !tag.starts_with(['.', '-'])
}

/// By tag only the tag goes; the image goes with its last.
pub(super) fn batch_delete(world: &mut World, call: &Call) -> Answer {
    let ids = ids(call)?;
    let (_, repository) = repository_mut(world, call)?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match delete(repository, &id) {
            Ok(more) => deleted.extend(more),
            Err((code, reason)) => failures.push(id.failure(code, &reason)),
        }
    }
    Ok(json!({ "imageIds": deleted, "failures": failures }))
}

fn delete(repository: &mut Repository, id: &Id) -> Result<Vec<Value>, (&'static str, String)> {
    let digest = id.find(repository)?.to_owned();
    let tags = repository
        .images
        .get(&digest)
        .map(|image| image.tags.clone());
    let tags = tags.unwrap_or_default();
    if let Some(tag) = &id.tag
        && tags.len() > 1
    {
        if let Some(image) = repository.images.get_mut(&digest) {
            image.tags.remove(tag);
        }
        return Ok(vec![json!({ "imageDigest": digest, "imageTag": tag })]);
    }
    let referring = repository.images.iter().filter(|(_, image)| {
        matches!(&image.manifest.content, Content::Index(digests) if digests.contains(&digest))
    });
    let referring: Vec<&str> = referring.map(|(index, _)| index.as_str()).collect();
    if !referring.is_empty() {
        let reason = format!(
            "Requested image referenced by manifest list: [{}]",
            referring.join(", ")
        );
        return Err(("ImageReferencedByManifestList", reason));
    }
    repository.images.remove(&digest);
    if tags.is_empty() {
        return Ok(vec![json!({ "imageDigest": digest })]);
    }
    let gone = tags
        .iter()
        .map(|tag| json!({ "imageDigest": digest, "imageTag": tag }));
    Ok(gone.collect())
}
