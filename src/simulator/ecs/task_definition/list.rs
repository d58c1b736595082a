//! Listing task definitions and their families.
//!
//! Takes filters, gives pages of names in AWS's order. Reads only.

use serde::Deserialize;
use serde_json::json;

use super::super::input::{invalid, page, parse};
use super::TaskDefinition;
use crate::simulator::call::{Answer, Call};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
}

/// `familyPrefix` is the whole family name, whatever it is called (API_ListTaskDefinitions: "The full family name").
pub(in super::super) fn list(world: &mut World, call: &Call) -> Answer {
    let List {
        family_prefix,
        status,
        sort,
    } = parse(call)?;
    let status = status.as_deref().unwrap_or("ACTIVE");
    if !["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"].contains(&status) {
        return Err(invalid(format!("Invalid status {status}.")));
    }
    let wanted = |definition: &&TaskDefinition| {
        definition.status() == status
            && family_prefix
                .as_ref()
                .is_none_or(|family| *family == definition.family)
    };
    let definitions = world
        .ecs
        .families
        .values()
        .flat_map(|family| family.revisions.values());
    let mut arns: Vec<_> = definitions
        .filter(wanted)
        .map(|definition| json!(definition.arn))
        .collect();
    match sort.as_deref() {
        None | Some("ASC") => {}
        Some("DESC") => arns.reverse(),
        Some(other) => return Err(invalid(format!("Invalid sort {other}."))),
    }
    page(call, "taskDefinitionArns", arns, 100)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListFamilies {
    family_prefix: Option<String>,
    status: Option<String>,
}

/// A family is active while one revision is (API_ListTaskDefinitionFamilies; without a status, all are listed).
pub(in super::super) fn families(world: &mut World, call: &Call) -> Answer {
    let ListFamilies {
        family_prefix,
        status,
    } = parse(call)?;
    let prefix = family_prefix.unwrap_or_default();
    let wanted = match status.as_deref() {
        None | Some("ALL") => None,
        Some("ACTIVE") => Some(true),
        Some("INACTIVE") => Some(false),
        Some(other) => return Err(invalid(format!("Invalid status {other}."))),
    };
    let families = world.ecs.families.iter().filter(|(name, family)| {
        let active = family.revisions.values().any(TaskDefinition::is_active);
        name.starts_with(&prefix) && wanted.is_none_or(|wanted| wanted == active)
    });
    let names = families.map(|(name, _)| json!(name)).collect();
    page(call, "families", names, 100)
}
