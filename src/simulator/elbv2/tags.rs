//! Tags of load balancers, listeners, rules and target groups.
//!
//! Takes tag lists as clients write them, gives them back sorted by key. Holds nothing: each resource owns its tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::State;
use crate::simulator::World;
use crate::simulator::call::{Answer, Call, Refusal};

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// AWS's limit per resource.
const TAGS_MAX: usize = 50;
/// AWS's limit on `ResourceArns` of one DescribeTags ("You can specify up to 20 resources in a single call").
const ARNS_MAX: usize = 20;

/// The tags a create or add call carries.
pub(super) fn parse(call: &Call) -> Result<Tags, Refusal> {
    let mut tags = Tags::new();
    for tag in call.list("Tags") {
        let key = tag.get("Key").and_then(Value::as_str).unwrap_or_default();
        let value = tag.get("Value").and_then(Value::as_str).unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            let message = format!("Tag key '{key}' must have 1 to 128 characters and its value at most 256");
            return Err(Refusal::new("ValidationError", message));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            let message = "The tag key cannot start with 'aws:', which is reserved for AWS use";
            return Err(Refusal::new("ValidationError", message));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            let message = format!("The tag key '{key}' was specified more than once");
            return Err(Refusal::new("DuplicateTagKeys", message));
        }
    }
    if tags.len() > TAGS_MAX { Err(too_many()) } else { Ok(tags) }
}

pub(super) fn add(world: &mut World, call: &Call) -> Answer {
    let new = parse(call)?;
    if new.is_empty() {
        return Err(Refusal::new("ValidationError", "At least one tag must be specified"));
    }
    let arns = arns(call)?;
    for arn in &arns {
        let tags = of(&mut world.elbv2, arn)?;
        let added = new.keys().filter(|key| !tags.contains_key(*key)).count();
        if tags.len() + added > TAGS_MAX {
            return Err(too_many());
        }
    }
    for arn in &arns {
        of(&mut world.elbv2, arn)?.extend(new.clone());
    }
    Ok(json!({}))
}

pub(super) fn remove(world: &mut World, call: &Call) -> Answer {
    let keys = call.texts("TagKeys");
    let arns = arns(call)?;
    for arn in &arns {
        of(&mut world.elbv2, arn)?;
    }
    for arn in &arns {
        of(&mut world.elbv2, arn)?.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let mut descriptions = Vec::new();
    for arn in arns(call)? {
        let tags = of(&mut world.elbv2, &arn)?;
        let tags: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        descriptions.push(json!({ "ResourceArn": arn, "Tags": tags }));
    }
    Ok(json!({ "TagDescriptions": descriptions }))
}

fn arns(call: &Call) -> Result<Vec<String>, Refusal> {
    let arns = call.texts("ResourceArns");
    match arns.len() {
        0 => Err(Refusal::new("ValidationError", "At least one resource ARN must be specified")),
        1..=ARNS_MAX => Ok(arns),
        _ => Err(Refusal::new("ValidationError", "The number of resource ARNs cannot exceed '20'")),
    }
}

/// The tags of a resource, or AWS's refusal for the kind its ARN names.
fn of<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let State { load_balancers, listeners, rules, target_groups, probes: _ } = state;
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let (found, code) = match resource.split('/').next().unwrap_or_default() {
        "loadbalancer" => (
            load_balancers.iter_mut().find(|balancer| balancer.arn == arn).map(|balancer| &mut balancer.tags),
            "LoadBalancerNotFound",
        ),
        "listener" => (
            listeners.iter_mut().find(|listener| listener.arn == arn).map(|listener| &mut listener.tags),
            "ListenerNotFound",
        ),
        "listener-rule" => {
            (rules.iter_mut().find(|rule| rule.arn == arn).map(|rule| &mut rule.tags), "RuleNotFound")
        }
        "targetgroup" => (
            target_groups.iter_mut().find(|group| group.arn == arn).map(|group| &mut group.tags),
            "TargetGroupNotFound",
        ),
        _ => {
            return Err(Refusal::new("ValidationError", format!("'{arn}' is not a valid resource ARN")));
        }
    };
    found.ok_or_else(|| Refusal::new(code, format!("'{arn}' not found")))
}

fn too_many() -> Refusal {
    Refusal::new("TooManyTags", format!("A resource cannot have more than {TAGS_MAX} tags"))
}
