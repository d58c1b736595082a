//! The calls that interfere with a service deployment under way: stop it, let it go on.
//!
//! Only ask: the scheduler takes a rollback up.

use serde::Deserialize;
use serde_json::json;

use super::super::input::{invalid, parse};
use super::super::rollout::Status;
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
    let (number, id) = {
        let (service, entry) = find(world, &arn).ok_or_else(not_found)?;
        (service.number, entry.id.clone())
    };
    let service = world
        .ecs
        .services
        .iter_mut()
        .find(|service| service.number == number)
        .ok_or_else(not_found)?;
    let entry = service
        .history
        .iter_mut()
        .find(|entry| entry.id == id)
        .ok_or_else(not_found)?;
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
    #[serde(rename = "action")]
    _action: Option<Action>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Action {
    Rollback,
    Continue,
}

/// Continues a deployment that waits at a hook. Hooks are kept and read back but not run yet, so none ever waits and every
/// such call is refused as AWS refuses one for a hook that does not.
pub(in super::super) fn resume(world: &mut World, call: &Call) -> Answer {
    let Continue {
        service_deployment_arn: arn,
        hook_id,
        _action: None | Some(Action::Continue | Action::Rollback),
    } = parse(call)?;
    find(world, &arn).ok_or_else(not_found)?;
    Err(invalid(format!(
        "The service deployment is not paused at a lifecycle hook with the id {hook_id}."
    )))
}

fn not_found() -> Refusal {
    let message = "Service deployment not found.";
    Refusal::new("ServiceDeploymentNotFoundException", message)
}
