//! ECR: repositories and the images in them.
//!
//! Takes ECR calls; tells ECS whether an image can be pulled. An image is its manifest: layers are never sent here, so those a
//! manifest names are taken as uploaded. Scanning, replication, archiving, repository policies and the effect of lifecycle
//! policies are not simulated.

mod image;
mod manifest;
mod read;
mod repository;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::manifest::Manifest;
use super::account;
use super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::defaults::small::repository as default;
use super::tag::Tags;
use super::world::World;
pub use manifest::digest;

/// Repositories by name.
#[derive(Debug, Default)]
pub struct State {
    repositories: BTreeMap<String, Repository>,
}

#[derive(Debug)]
struct Repository {
    created: Millis,
    immutable: bool,
    scan_on_push: bool,
    encryption: Value,
    lifecycle: Option<Lifecycle>,
    tags: Tags,
    /// By digest.
    images: BTreeMap<String, Image>,
}

#[derive(Debug)]
struct Lifecycle {
    text: String,
    put: Millis,
}

#[derive(Debug)]
struct Image {
    text: String,
    manifest: Manifest,
    tags: BTreeSet<String>,
    pushed: Millis,
}

const INVALID: &str = "InvalidParameterException";
/// DescribeImages, ListImages and DescribeRepositories alike.
const PAGE_SIZE: i64 = 100;
const TOKEN_HOURS: Millis = 12;

/// Adds an existing repository, its tags immutable. An image whose manifest is none, which the caller has checked, is left
/// out.
pub fn add_repository(world: &mut World, repository: &account::Repository, now: Millis) {
    let account::Repository { name, images } = repository;
    let mut added = Repository::new(now);
    added.immutable = true;
    for account::Image {
        tags,
        digest,
        manifest,
    } in images
    {
        if let Some(parsed) = Manifest::parse(manifest, None) {
            let image = Image {
                text: manifest.clone(),
                manifest: parsed,
                tags: tags.iter().cloned().collect(),
                pushed: now,
            };
            added.images.insert(digest.clone(), image);
        }
    }
    world.ecr.repositories.insert(name.clone(), added);
}

/// The digest of what is pulled as `image`, a full reference such as
/// `<account>.dkr.ecr.<region>.amazonaws.com/hokusai/contracts:0.1.0`; none where there is no such image. A reference without
/// tag or digest means `latest`; another registry has nothing.
pub fn image_digest<'a>(world: &'a World, image: &str) -> Option<&'a str> {
    let path = image.strip_prefix(&format!("{}/", registry(world)))?;
    let (name, wanted) = match path.split_once('@') {
        // A tag beside a digest is decoration.
        Some((name, digest)) => (name.split(':').next().unwrap_or(name), Err(digest)),
        None => path
            .split_once(':')
            .map_or((path, Ok("latest")), |(name, tag)| (name, Ok(tag))),
    };
    let repository = world.ecr.repositories.get(name)?;
    match wanted {
        Ok(tag) => repository.tagged(tag),
        Err(digest) => repository
            .images
            .get_key_value(digest)
            .map(|(digest, _)| digest.as_str()),
    }
}

/// Answers an ECR call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateRepository" => repository::create(world, call),
        "DescribeRepositories" => repository::describe(world, call),
        "DeleteRepository" => repository::delete(world, call),
        "PutImageTagMutability" => repository::put_mutability(world, call),
        "PutImageScanningConfiguration" => repository::put_scanning(world, call),
        "PutLifecyclePolicy" => repository::put_lifecycle(world, call),
        "GetLifecyclePolicy" => repository::get_lifecycle(world, call),
        "DeleteLifecyclePolicy" => repository::delete_lifecycle(world, call),
        "TagResource" => repository::tag(world, call),
        "UntagResource" => repository::untag(world, call),
        "ListTagsForResource" => repository::list_tags(world, call),
        "PutImage" => image::put(world, call),
        "BatchDeleteImage" => image::batch_delete(world, call),
        "BatchGetImage" => read::batch_get(world, call),
        "DescribeImages" => read::describe_images(world, call),
        "ListImages" => read::list_images(world, call),
        "GetAuthorizationToken" => Ok(authorization(world, call.now)),
        _ => Err(call.unknown_operation()),
    }
}

/// What `docker login` takes: `AWS:password` in base64. Good for nothing, as no registry serves here.
fn authorization(world: &mut World, now: Millis) -> Value {
    use base64::Engine;
    let password = world.letters(64);
    let token = base64::engine::general_purpose::STANDARD.encode(format!("AWS:{password}"));
    json!({ "authorizationData": [{
        "authorizationToken": token, "expiresAt": timestamp(now + TOKEN_HOURS * 3_600_000),
        "proxyEndpoint": format!("https://{}", registry(world)),
    }]})
}

impl Repository {
    /// As CreateRepository makes one that is asked for nothing special.
    fn new(now: Millis) -> Self {
        Repository {
            created: now,
            immutable: default::MUTABILITY == "IMMUTABLE",
            scan_on_push: default::SCAN_ON_PUSH,
            encryption: json!({ "encryptionType": default::ENCRYPTION }),
            lifecycle: None,
            tags: Tags::new(),
            images: BTreeMap::new(),
        }
    }

    /// The digest a tag points at.
    fn tagged(&self, tag: &str) -> Option<&str> {
        let mut images = self.images.iter();
        images
            .find(|(_, image)| image.tags.contains(tag))
            .map(|(digest, _)| digest.as_str())
    }
}

fn registry(world: &World) -> String {
    format!("{}.dkr.ecr.{}.amazonaws.com", world.account, world.region)
}

/// The name in `repositoryName`, of a repository in this registry.
fn named<'a>(world: &World, call: &'a Call) -> Result<&'a str, Refusal> {
    let name = call.required("repositoryName", INVALID)?;
    let registry = call.optional_text("registryId")?.unwrap_or(&world.account);
    if registry == world.account && world.ecr.repositories.contains_key(name) {
        Ok(name)
    } else {
        Err(no_repository(name, registry))
    }
}

fn repository<'a, 'b>(
    world: &'a World,
    call: &'b Call,
) -> Result<(&'b str, &'a Repository), Refusal> {
    let name = named(world, call)?;
    let found = world.ecr.repositories.get(name);
    found
        .map(|repository| (name, repository))
        .ok_or_else(|| no_repository(name, &world.account))
}

fn repository_mut<'a>(
    world: &'a mut World,
    call: &Call,
) -> Result<(String, &'a mut Repository), Refusal> {
    let name = named(world, call)?.to_owned();
    let account = world.account.clone();
    let found = world.ecr.repositories.get_mut(&name);
    match found {
        Some(repository) => Ok((name, repository)),
        None => Err(no_repository(&name, &account)),
    }
}

fn no_repository(name: &str, registry: &str) -> Refusal {
    let message = format!(
        "The repository with name '{name}' does not exist in the registry with id '{registry}'"
    );
    Refusal::new("RepositoryNotFoundException", message)
}

fn invalid(member: &str, constraint: &str) -> Refusal {
    let message =
        format!("Invalid parameter at '{member}' failed to satisfy constraint: '{constraint}'");
    Refusal::new(INVALID, message)
}

fn size(call: &Call) -> Result<usize, Refusal> {
    let size = call.optional_integer("maxResults")?.unwrap_or(PAGE_SIZE);
    let valid = usize::try_from(size)
        .ok()
        .filter(|size| (1..=1000).contains(size));
    valid.ok_or_else(|| invalid("maxResults", "Member must have value between 1 and 1000"))
}
