//! ECR: the repositories and images an account starts with.
//!
//! Takes ECR reads, gives what the account file says. Nothing can be pushed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account;
use super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::world::World;

/// Repositories by name.
#[derive(Debug, Default)]
pub struct State {
    repositories: BTreeMap<String, Repository>,
}

#[derive(Debug)]
struct Repository {
    created: Millis,
    images: Vec<account::Image>,
}

const INVALID: &str = "InvalidParameterException";
/// DescribeImages, ListImages and DescribeRepositories alike.
const PAGE_SIZE: i64 = 100;

/// Adds an existing repository.
pub fn add_repository(world: &mut World, repository: &account::Repository, now: Millis) {
    let account::Repository { name, images } = repository;
    world.ecr.repositories.insert(
        name.clone(),
        Repository {
            created: now,
            images: images.clone(),
        },
    );
}

/// Whether `image`, a full reference such as `<account>.dkr.ecr.<region>.amazonaws.com/hokusai/contracts:0.1.0`, can be
/// pulled. A reference without tag or digest means `latest`; another registry has nothing.
pub fn image_exists(world: &World, image: &str) -> bool {
    let Some(path) = image.strip_prefix(&format!("{}/", registry(world))) else {
        return false;
    };
    let (name, wanted) = match path.split_once('@') {
        // A tag beside a digest is decoration.
        Some((name, digest)) => (name.split(':').next().unwrap_or(name), Err(digest)),
        None => path
            .split_once(':')
            .map_or((path, Ok("latest")), |(name, tag)| (name, Ok(tag))),
    };
    let matches = |image: &account::Image| match wanted {
        Ok(tag) => image.tags.iter().any(|known| known == tag),
        Err(digest) => image.digest == digest,
    };
    world
        .ecr
        .repositories
        .get(name)
        .is_some_and(|repository| repository.images.iter().any(matches))
}

/// Answers an ECR call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "DescribeRepositories" => describe_repositories(world, call),
        "DescribeImages" => describe_images(world, call),
        "ListImages" => list_images(world, call),
        _ => Err(call.unknown_operation()),
    }
}

fn registry(world: &World) -> String {
    format!("{}.dkr.ecr.{}.amazonaws.com", world.account, world.region)
}

fn describe_repositories(world: &World, call: &Call) -> Answer {
    let names = call.optional_texts("repositoryNames")?;
    for name in &names {
        repository(world, name)?;
    }
    let all = world
        .ecr
        .repositories
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    let entries = all.map(|(name, repository)| {
        let entry = json!({
            "repositoryArn": world.arn("ecr", &format!("repository/{name}")), "registryId": world.account,
            "repositoryName": name, "repositoryUri": format!("{}/{name}", registry(world)),
            "createdAt": timestamp(repository.created), "imageTagMutability": "IMMUTABLE",
        });
        (name.clone(), entry)
    });
    let page = Call::page(
        entries,
        call.optional_text("nextToken")?,
        size(call)?,
        INVALID,
    )?;
    Ok(json!({ "repositories": page.items, "nextToken": page.next }))
}

fn describe_images(world: &World, call: &Call) -> Answer {
    let name = call.required("repositoryName", INVALID)?;
    let repository = repository(world, name)?;
    let ids = call.structures("imageIds")?;
    let named = |id: &Call, image: &account::Image| {
        id.text("imageTag")
            .is_none_or(|tag| image.tags.iter().any(|known| known == tag))
            && id
                .text("imageDigest")
                .is_none_or(|digest| image.digest == digest)
    };
    for id in &ids {
        if !repository.images.iter().any(|image| named(id, image)) {
            let message = format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
                 name '{name}' in the registry with id '{}'",
                id.text("imageDigest").unwrap_or("null"),
                id.text("imageTag").unwrap_or("null"),
                world.account
            );
            return Err(Refusal::new("ImageNotFoundException", message));
        }
    }
    let images = repository
        .images
        .iter()
        .filter(|image| ids.is_empty() || ids.iter().any(|id| named(id, image)));
    let entries = images.map(|image| {
        let account::Image { tags, digest, size_bytes } = image;
        let entry = json!({
            "registryId": world.account, "repositoryName": name, "imageDigest": digest, "imageTags": tags,
            "imageSizeInBytes": size_bytes, "imagePushedAt": timestamp(repository.created),
            "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        });
        (digest.clone(), entry)
    });
    let entries: BTreeMap<String, Value> = entries.collect();
    let page = Call::page(
        entries,
        call.optional_text("nextToken")?,
        size(call)?,
        INVALID,
    )?;
    Ok(json!({ "imageDetails": page.items, "nextToken": page.next }))
}

fn list_images(world: &World, call: &Call) -> Answer {
    let repository = repository(world, call.required("repositoryName", INVALID)?)?;
    let entries: BTreeMap<String, Value> = repository
        .images
        .iter()
        .flat_map(|image| image.tags.iter().map(move |tag| (tag, image)))
        .map(|(tag, image)| {
            (
                tag.clone(),
                json!({ "imageTag": tag, "imageDigest": image.digest }),
            )
        })
        .collect();
    let page = Call::page(
        entries,
        call.optional_text("nextToken")?,
        size(call)?,
        INVALID,
    )?;
    Ok(json!({ "imageIds": page.items, "nextToken": page.next }))
}

fn repository<'a>(world: &'a World, name: &str) -> Result<&'a Repository, Refusal> {
    world.ecr.repositories.get(name).ok_or_else(|| {
        let message = format!(
            "The repository with name '{name}' does not exist in the registry with id '{}'",
            world.account
        );
        Refusal::new("RepositoryNotFoundException", message)
    })
}

fn size(call: &Call) -> Result<usize, Refusal> {
    let size = call.optional_integer("maxResults")?.unwrap_or(PAGE_SIZE);
    if !(1..=1000).contains(&size) {
        return Err(Refusal::new(
            INVALID,
            format!("Invalid parameter at 'maxResults': {size} is not 1 to 1000"),
        ));
    }
    Ok(usize::try_from(size).unwrap_or(1000))
}
