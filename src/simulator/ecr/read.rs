//! Images read: by digest or tag, whole or described.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::manifest::Content;
use super::{INVALID, Image, Repository, invalid, repository, size};
use crate::simulator::call::{Answer, Call, Refusal, timestamp};
use crate::simulator::world::World;

/// An image as a caller names it.
pub(super) struct Id {
    digest: Option<String>,
    pub(super) tag: Option<String>,
}

/// A caller names at most so many.
const IDS_MAX: usize = 100;

/// The `imageIds` member; it must name something.
pub(super) fn ids(call: &Call) -> Result<Vec<Id>, Refusal> {
    let ids = optional_ids(call)?;
    if ids.is_empty() {
        return Err(invalid(
            "imageIds",
            "Member must have length greater than or equal to 1",
        ));
    }
    Ok(ids)
}

fn optional_ids(call: &Call) -> Result<Vec<Id>, Refusal> {
    let ids = call.structures("imageIds")?;
    if ids.len() > IDS_MAX {
        return Err(invalid(
            "imageIds",
            "Member must have length less than or equal to 100",
        ));
    }
    ids.iter()
        .map(|id| {
            Ok(Id {
                digest: id.optional_text("imageDigest")?.map(str::to_owned),
                tag: id.optional_text("imageTag")?.map(str::to_owned),
            })
        })
        .collect()
}

impl Id {
    /// The digest of the image it names, or a failure's code and reason.
    pub(super) fn find<'a>(
        &self,
        repository: &'a Repository,
    ) -> Result<&'a str, (&'static str, String)> {
        let missing = || ("ImageNotFound", "Requested image not found".to_owned());
        let by_digest = |digest: &String| {
            let found = repository.images.get_key_value(digest);
            found.map(|(digest, _)| digest.as_str()).ok_or_else(missing)
        };
        match (&self.digest, &self.tag) {
            (None, None) => {
                let reason = "Invalid request parameters: both tag and digest cannot be null";
                Err(("MissingDigestAndTag", reason.to_owned()))
            }
            (Some(digest), None) if !is_digest(digest) => Err((
                "InvalidImageDigest",
                "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
                    .to_owned(),
            )),
            (Some(digest), None) => by_digest(digest),
            (None, Some(tag)) => repository.tagged(tag).ok_or_else(missing),
            (Some(digest), Some(tag)) => {
                let found = by_digest(digest)?;
                if repository.tagged(tag) == Some(found) {
                    Ok(found)
                } else {
                    let reason = "Requested image tag does not match the image digest";
                    Err(("ImageTagDoesNotMatchDigest", reason.to_owned()))
                }
            }
        }
    }

    pub(super) fn failure(&self, code: &str, reason: &str) -> Value {
        let Id { digest, tag } = self;
        json!({
            "imageId": { "imageDigest": digest, "imageTag": tag }, "failureCode": code, "failureReason": reason,
        })
    }
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(kind, digits)| {
        !kind.is_empty()
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_ascii_hexdigit())
    })
}

pub(super) fn batch_get(world: &World, call: &Call) -> Answer {
    let (name, repository) = repository(world, call)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in ids(call)? {
        match id.find(repository) {
            Ok(digest) => images.extend(repository.images.get(digest).map(|image| {
                json!({
                    "registryId": world.account, "repositoryName": name, "imageManifest": image.text,
                    "imageManifestMediaType": image.manifest.media_type,
                    "imageId": { "imageDigest": digest, "imageTag": id.tag },
                })
            })),
            Err((code, reason)) => failures.push(id.failure(code, &reason)),
        }
    }
    Ok(json!({ "images": images, "failures": failures }))
}

/// Whether the `filter` member lets an image with or without tags pass; every image here is ACTIVE.
fn passes(call: &Call, is_tagged: bool) -> Result<bool, Refusal> {
    let Some(filter) = call.structure("filter")? else {
        return Ok(true);
    };
    let by_tag = match filter.optional_text("tagStatus")? {
        None | Some("ANY") => true,
        Some("TAGGED") => is_tagged,
        Some("UNTAGGED") => !is_tagged,
        Some(_) => {
            return Err(invalid(
                "filter.tagStatus",
                "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]",
            ));
        }
    };
    let status = filter.optional_text("imageStatus")?;
    Ok(by_tag && status.is_none_or(|status| ["ACTIVE", "ANY"].contains(&status)))
}

pub(super) fn describe_images(world: &World, call: &Call) -> Answer {
    let (name, repository) = repository(world, call)?;
    let mut wanted = Vec::new();
    for id in optional_ids(call)? {
        wanted.push(id.find(repository).map_err(|_| {
            let message = format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
                 name '{name}' in the registry with id '{}'",
                id.digest.as_deref().unwrap_or("null"),
                id.tag.as_deref().unwrap_or("null"),
                world.account
            );
            Refusal::new("ImageNotFoundException", message)
        })?);
    }
    let mut entries = Vec::new();
    for (digest, image) in &repository.images {
        let named = wanted.is_empty() || wanted.contains(&digest.as_str());
        if named && passes(call, !image.tags.is_empty())? {
            entries.push((
                digest.clone(),
                detail(world, name, repository, digest, image),
            ));
        }
    }
    let token = call.optional_text("nextToken")?;
    let page = Call::page(entries, token, size(call)?, INVALID)?;
    Ok(json!({ "imageDetails": page.items, "nextToken": page.next }))
}

fn detail(
    world: &World,
    name: &str,
    repository: &Repository,
    digest: &str,
    image: &Image,
) -> Value {
    json!({
        "registryId": world.account, "repositoryName": name, "imageDigest": digest,
        "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
        "imageSizeInBytes": bytes(repository, image), "imagePushedAt": timestamp(image.pushed),
        "imageManifestMediaType": image.manifest.media_type, "artifactMediaType": image.manifest.artifact,
        "imageStatus": "ACTIVE",
    })
}

/// The size of an index is that of its largest image (API_ImageDetail, `imageSizeInBytes`).
fn bytes(repository: &Repository, image: &Image) -> u64 {
    match &image.manifest.content {
        Content::Image(bytes) => *bytes,
        Content::Index(digests) => {
            let images = digests
                .iter()
                .filter_map(|digest| repository.images.get(digest));
            let sizes = images.filter_map(|image| match image.manifest.content {
                Content::Image(bytes) => Some(bytes),
                Content::Index(_) => None,
            });
            sizes.max().unwrap_or_default()
        }
    }
}

/// An entry a tag, and one for an image without any.
pub(super) fn list_images(world: &World, call: &Call) -> Answer {
    let (_, repository) = repository(world, call)?;
    let mut entries: BTreeMap<String, Value> = BTreeMap::new();
    for (digest, image) in &repository.images {
        if !passes(call, !image.tags.is_empty())? {
            continue;
        }
        for tag in &image.tags {
            let entry = json!({ "imageDigest": digest, "imageTag": tag });
            entries.insert(format!("{digest} {tag}"), entry);
        }
        if image.tags.is_empty() {
            entries.insert(digest.clone(), json!({ "imageDigest": digest }));
        }
    }
    let token = call.optional_text("nextToken")?;
    let page = Call::page(entries, token, size(call)?, INVALID)?;
    Ok(json!({ "imageIds": page.items, "nextToken": page.next }))
}
