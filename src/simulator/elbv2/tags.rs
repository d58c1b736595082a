//! Tags of load balancers, listeners, rules and target groups.
//!
//! Takes tag lists as clients write them, gives them back sorted by key. Holds nothing: each resource owns its tags.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::State;
use crate::simulator::World;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::tag::{self, Tags};

/// AWS's limit on `ResourceArns` of one DescribeTags ("You can specify up to 20 resources in a single call").
const ARNS_MAX: usize = 20;

/// The tags a create or add call carries.
pub(super) fn parse(call: &Call) -> Result<Tags, Refusal> {
    let mut keys = BTreeSet::new();
    for key in call
        .list("Tags")
        .iter()
        .filter_map(|tag| tag.get("Key").and_then(Value::as_str))
    {
        if !keys.insert(key) {
            let message = format!("The tag key '{key}' was specified more than once");
            return Err(Refusal::new("DuplicateTagKeys", message));
        }
    }
    tag::from_list(call.list("Tags")).map_err(|message| Refusal::new("ValidationError", message))
}

pub(super) fn add(world: &mut World, call: &Call) -> Answer {
    let new = parse(call)?;
    if new.is_empty() {
        return Err(Refusal::new(
            "ValidationError",
            "At least one tag must be specified",
        ));
    }
    let arns = arns(call)?;
    // All or nothing: merged aside first, put in place when every resource could take them.
    let mut merged = Vec::new();
    for arn in &arns {
        let mut tags = of(&mut world.elbv2, arn)?.clone();
        tag::merge(&mut tags, new.clone())
            .map_err(|message| Refusal::new("TooManyTags", message))?;
        merged.push(tags);
    }
    for (arn, tags) in arns.iter().zip(merged) {
        *of(&mut world.elbv2, arn)? = tags;
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
        let tags: Vec<Value> = tags
            .iter()
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        descriptions.push(json!({ "ResourceArn": arn, "Tags": tags }));
    }
    Ok(json!({ "TagDescriptions": descriptions }))
}

fn arns(call: &Call) -> Result<Vec<String>, Refusal> {
    let arns = call.texts("ResourceArns");
    match arns.len() {
        0 => Err(Refusal::new(
            "ValidationError",
            "At least one resource ARN must be specified",
        )),
        1..=ARNS_MAX => Ok(arns),
        _ => Err(Refusal::new(
            "ValidationError",
            "The number of resource ARNs cannot exceed '20'",
        )),
    }
}

/// The tags of a resource, or AWS's refusal for the kind its ARN names.
fn of<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let State {
        load_balancers,
        listeners,
        rules,
        target_groups,
        certificates: _,
        probes: _,
    } = state;
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let (found, code) = match resource.split('/').next().unwrap_or_default() {
        "loadbalancer" => (
            load_balancers
                .iter_mut()
                .find(|balancer| balancer.arn == arn)
                .map(|balancer| &mut balancer.tags),
            "LoadBalancerNotFound",
        ),
        "listener" => (
            listeners
                .iter_mut()
                .find(|listener| listener.arn == arn)
                .map(|listener| &mut listener.tags),
            "ListenerNotFound",
        ),
        "listener-rule" => (
            rules
                .iter_mut()
                .find(|rule| rule.arn == arn)
                .map(|rule| &mut rule.tags),
            "RuleNotFound",
        ),
        "targetgroup" => (
            target_groups
                .iter_mut()
                .find(|group| group.arn == arn)
                .map(|group| &mut group.tags),
            "TargetGroupNotFound",
        ),
        _ => {
            return Err(Refusal::new(
                "ValidationError",
                format!("'{arn}' is not a valid resource ARN"),
            ));
        }
    };
    found.ok_or_else(|| Refusal::new(code, format!("'{arn}' not found")))
}
