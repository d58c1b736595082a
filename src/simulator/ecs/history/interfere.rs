//! The calls that interfere with a service deployment under way: stop it, let it go on.
//!
//! Only ask: the scheduler takes it up.

use serde::Deserialize;
use serde_json::json;

use super::super::input::{invalid, parse};
use super::super::rollout::{HookStatus, ServiceDeployment, Status};
use super::find;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stop {
    service_deployment_arn: String,
    stop_type: Option<StopType>,
}

/// The one valid value: "The valid values are ROLLBACK" (API_StopServiceDeployment).
#[derive(Deserialize)]
enum StopType {
    #[serde(rename = "ROLLBACK")]
    Rollback,
}

/// Stops a service deployment by rolling it back; one that is already on its way back goes on
/// (stop-service-deployment.html).
pub(in super::super) fn stop(world: &mut World, call: &Call) -> Answer {
    let Stop {
        service_deployment_arn: arn,
        stop_type: None | Some(StopType::Rollback),
    } = parse(call)?;
    let entry = find_mut(world, &arn)?;
    match entry.status {
        Status::Pending | Status::InProgress => {
            entry.status = Status::RollbackRequested;
            entry.updated_at = call.now;
        }
        Status::RollbackRequested | Status::RollbackInProgress => {}
        Status::Successful
        | Status::Stopped
        | Status::RollbackSuccessful
        | Status::RollbackFailed => {
            let message = format!(
                "Service deployment in state {} cannot be stopped.",
                entry.status.as_str()
            );
            return Err(Refusal::new("ConflictException", message));
        }
    }
    Ok(json!({ "serviceDeploymentArn": arn }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Continue {
    service_deployment_arn: String,
    hook_id: String,
    action: Option<Action>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Action {
    Rollback,
    Continue,
}

/// Continues a deployment that waits at a pause, or turns it back there.
pub(in super::super) fn resume(world: &mut World, call: &Call) -> Answer {
    let Continue {
        service_deployment_arn: arn,
        hook_id,
        action,
    } = parse(call)?;
    let entry = find_mut(world, &arn)?;
    let traffic = entry
        .traffic
        .as_mut()
        .filter(|_| entry.status == Status::InProgress);
    let mut runs = traffic
        .into_iter()
        .flat_map(|traffic| traffic.hooks.iter_mut().flatten());
    let waiting = runs.find(|run| run.id == hook_id && run.status == HookStatus::AwaitingAction);
    let waiting = waiting.ok_or_else(|| {
        invalid(format!(
            "The service deployment is not paused at a lifecycle hook with the id {hook_id}."
        ))
    })?;
    waiting.status = match action {
        None | Some(Action::Continue) => HookStatus::Succeeded,
        Some(Action::Rollback) => HookStatus::Failed,
    };
    entry.updated_at = call.now;
    Ok(json!({ "serviceDeploymentArn": arn }))
}

fn find_mut<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut ServiceDeployment, Refusal> {
    let (number, id) = {
        let (service, entry) = find(world, arn).ok_or_else(not_found)?;
        (service.number, entry.id.clone())
    };
    let service = world
        .ecs
        .services
        .iter_mut()
        .find(|service| service.number == number);
    let entries = service.into_iter().flat_map(|service| &mut service.history);
    entries
        .into_iter()
        .find(|entry| entry.id == id)
        .ok_or_else(not_found)
}

fn not_found() -> Refusal {
    let message = "Service deployment not found.";
    Refusal::new("ServiceDeploymentNotFoundException", message)
}
