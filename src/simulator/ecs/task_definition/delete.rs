//! DeleteTaskDefinitions: a deregistered revision goes for good, once nothing uses it.
//!
//! Takes the call and the time, gives what is being deleted. Never stops a task.

use serde::Deserialize;
use serde_json::json;

use super::super::input::{self, invalid, parse};
use super::find;
use crate::simulator::call::{Answer, Call, Millis};
use crate::simulator::world::World;

/// "You can delete up to 10 task definitions at a time" (delete-task-definition-v2.html).
const DEFINITIONS_MAX: usize = 10;
/// How long a revision that nothing uses stays DELETE_IN_PROGRESS. AWS promises no figure; this is long enough to be seen.
const DELETING_MILLIS: Millis = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Delete {
    task_definitions: Vec<String>,
}

pub(in super::super) fn delete(world: &mut World, call: &Call) -> Answer {
    let Delete { task_definitions } = parse(call)?;
    if !(1..=DEFINITIONS_MAX).contains(&task_definitions.len()) {
        return Err(invalid(format!(
            "Task definitions must have between 1 and {DEFINITIONS_MAX} entries."
        )));
    }
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for reference in task_definitions {
        if !reference.contains(':') {
            return Err(invalid(
                "A task definition to delete must name its revision.",
            ));
        }
        let found = find(world, &reference).ok().map(|definition| {
            let (family, revision) = (definition.family.clone(), definition.revision);
            (
                family,
                revision,
                definition.arn.clone(),
                definition.is_active(),
            )
        });
        let Some((family, revision, arn, active)) = found else {
            let arn = match reference.starts_with("arn:") {
                true => reference,
                false => world.arn("ecs", &format!("task-definition/{reference}")),
            };
            failures.push(input::missing(arn));
            continue;
        };
        if active {
            let reason = "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";
            failures.push(json!({ "arn": arn, "reason": reason }));
            continue;
        }
        let family = world.ecs.families.get_mut(&family);
        if let Some(definition) = family.and_then(|family| family.revisions.get_mut(&revision)) {
            definition.delete_requested_at.get_or_insert(call.now);
            deleted.push(definition.to_value());
        }
    }
    Ok(json!({ "taskDefinitions": deleted, "failures": failures }))
}

/// Drops revisions whose deletion was asked for. "A task definition revision will stay in DELETE_IN_PROGRESS status until
/// all the associated tasks and services have been terminated" (API_DeleteTaskDefinitions). The family keeps its number.
pub(in super::super) fn forget_deleted(world: &mut World, now: Millis) {
    let (services, tasks) = (&world.ecs.services, &world.ecs.tasks);
    let used = |arn: &str| {
        let service = services.iter().any(|service| {
            let settings = service.revisions.iter().map(|revision| &revision.settings);
            let mut all = settings.chain([&service.settings]);
            !service.is_inactive() && all.any(|settings| settings.task_definition == arn)
        });
        service
            || tasks
                .iter()
                .any(|task| task.task_definition == arn && !task.is_over())
    };
    for family in world.ecs.families.values_mut() {
        family.revisions.retain(|_, definition| {
            definition
                .delete_requested_at
                .is_none_or(|at| now < at + DELETING_MILLIS || used(&definition.arn))
        });
    }
}
