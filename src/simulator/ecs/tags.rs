//! Tags of clusters, task definitions, services and tasks.
//!
//! Takes and gives AWS's `[{key, value}]`; keeps AWS's limits. Never interprets a tag.

use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::input::{invalid, parse};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// AWS's limit of tags on one resource.
const TAGS_MAX: usize = 50;

/// The tags of one resource, in the order they were first set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<Tag>);

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

impl Tags {
    /// The given tags, checked.
    pub(super) fn new(tags: Vec<Tag>) -> Result<Tags, Refusal> {
        let mut all = Tags::default();
        all.add(tags)?;
        Ok(all)
    }

    /// Adds or overwrites; nothing changes when any of them is refused.
    pub(super) fn add(&mut self, tags: Vec<Tag>) -> Result<(), Refusal> {
        for Tag { key, value } in &tags {
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                return Err(invalid(
                    "A tag key must have 1 to 128 characters and a value at most 256.",
                ));
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return Err(invalid(
                    "Tag keys beginning with aws: are reserved for AWS use.",
                ));
            }
        }
        let mut all = self.clone();
        for tag in tags {
            all.set(tag);
        }
        if all.0.len() > TAGS_MAX {
            return Err(invalid("A resource can have at most 50 tags."));
        }
        *self = all;
        Ok(())
    }

    /// Sets a tag of AWS's own (`aws:ecs:…`).
    pub(super) fn set(&mut self, tag: Tag) {
        match self.0.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value = tag.value,
            None => self.0.push(tag),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        self.0
            .iter()
            .map(|Tag { key, value }| json!({ "key": key, "value": value }))
            .collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TagResource {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListTagsForResource {
    resource_arn: String,
}

pub(super) fn tag(world: &mut World, call: &Call) -> Answer {
    let TagResource { resource_arn, tags } = parse(call)?;
    find(world, &resource_arn)?.add(tags)?;
    Ok(json!({}))
}

pub(super) fn untag(world: &mut World, call: &Call) -> Answer {
    let UntagResource {
        resource_arn,
        tag_keys,
    } = parse(call)?;
    find(world, &resource_arn)?
        .0
        .retain(|tag| !tag_keys.contains(&tag.key));
    Ok(json!({}))
}

pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let ListTagsForResource { resource_arn } = parse(call)?;
    Ok(json!({ "tags": find(world, &resource_arn)?.to_value() }))
}

fn find<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let prefix = world.arn("ecs", "");
    let (kind, path) = arn
        .strip_prefix(&prefix)
        .and_then(|resource| resource.split_once('/'))
        .ok_or_else(|| invalid("Invalid identifier: Invalid ARN."))?;
    let State {
        clusters,
        families,
        services,
        tasks,
        ..
    } = &mut world.ecs;
    let found = match kind {
        "cluster" => clusters
            .iter_mut()
            .find(|cluster| cluster.name == path)
            .map(|cluster| &mut cluster.tags),
        "task-definition" => families
            .values_mut()
            .flat_map(|family| family.revisions.values_mut())
            .find(|definition| definition.arn == arn)
            .map(|definition| &mut definition.tags),
        "service" => path.split_once('/').and_then(|(cluster, name)| {
            services
                .iter_mut()
                .find(|service| {
                    service.cluster == cluster && service.name == name && !service.is_inactive()
                })
                .map(|service| &mut service.tags)
        }),
        "task" => {
            let id = path.rsplit('/').next();
            tasks
                .iter_mut()
                .find(|task| Some(task.id.as_str()) == id)
                .map(|task| &mut task.tags)
        }
        _ => None,
    };
    // API_TagResource: an ARN of something that is not there is a ResourceNotFoundException only for task sets and the
    // like; services, tasks and definitions answer InvalidParameterException.
    found.ok_or_else(|| invalid("The specified resource does not exist."))
}
