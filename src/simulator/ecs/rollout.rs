//! One rollout: which revision of a service is being put in place, how far it is, and how it ends.
//!
//! Takes what happened (begun, a task failed or became healthy, steady, stopped by hand), gives the next state of the
//! service's deployments and of its service deployment. Pure; it starts and stops no task.
//!
//! ```text
//! PENDING → IN_PROGRESS ─steady→ SUCCESSFUL
//!                       ─breaker or StopServiceDeployment→ ROLLBACK_REQUESTED → ROLLBACK_IN_PROGRESS ─steady→ ROLLBACK_SUCCESSFUL
//!                       ─the same, with nothing to return to→ ROLLBACK_FAILED
//!                       ─breaker without rollback, or a newer rollout→ STOPPED
//! ```

mod advance;

use serde_json::{Value, json};

use super::service::{Service, Settings};
use super::task::Task;
use crate::simulator::call::Millis;
use crate::simulator::world::World;

/// A service revision: settings under an id, never changed.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    /// Nineteen digits, shared by the revision's ARN and its deployment (`ecs-svc/<id>`).
    pub(super) id: String,
    pub(super) settings: Settings,
    pub(super) created_at: Millis,
}

/// One row of a service's `deployments`: a revision that has tasks, or shall have.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) revision: String,
    pub(super) state: RolloutState,
    pub(super) reason: String,
    /// Consecutive failed tasks while it is in progress.
    pub(super) failed_tasks: u32,
    pub(super) created_at: Millis,
    pub(super) updated_at: Millis,
}

/// `rolloutState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

impl RolloutState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            RolloutState::InProgress => "IN_PROGRESS",
            RolloutState::Completed => "COMPLETED",
            RolloutState::Failed => "FAILED",
        }
    }
}

/// One service deployment: the history's view of a rollout, including its rollback.
#[derive(Debug, Clone)]
pub(super) struct ServiceDeployment {
    pub(super) id: String,
    pub(super) target: String,
    /// The revisions that were running when it began.
    pub(super) sources: Vec<String>,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) rollback: Option<Rollback>,
    /// The deployment configuration it runs under, as AWS reads it back.
    pub(super) configuration: Value,
    pub(super) breaker: BreakerReport,
    pub(super) created_at: Millis,
    pub(super) started_at: Option<Millis>,
    pub(super) finished_at: Option<Millis>,
    pub(super) stopped_at: Option<Millis>,
    pub(super) updated_at: Millis,
}

/// What a service deployment reports of its circuit breaker.
#[derive(Debug, Clone)]
pub(super) struct BreakerReport {
    pub(super) enabled: bool,
    pub(super) triggered: bool,
    pub(super) failures: u32,
    pub(super) threshold: u32,
}

/// The way back.
#[derive(Debug, Clone)]
pub(super) struct Rollback {
    pub(super) reason: String,
    pub(super) started_at: Millis,
    pub(super) revision: String,
}

/// `status` of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    InProgress,
    Successful,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "PENDING",
            Status::InProgress => "IN_PROGRESS",
            Status::Successful => "SUCCESSFUL",
            Status::Stopped => "STOPPED",
            Status::RollbackRequested => "ROLLBACK_REQUESTED",
            Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Status::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Status::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    pub(super) fn is_final(self) -> bool {
        match self {
            Status::Successful
            | Status::Stopped
            | Status::RollbackSuccessful
            | Status::RollbackFailed => true,
            Status::Pending
            | Status::InProgress
            | Status::RollbackRequested
            | Status::RollbackInProgress => false,
        }
    }
}

/// Fresh ids for one rollout.
pub(super) struct Ids {
    revision: String,
    service_deployment: String,
}

impl Ids {
    pub(super) fn new(world: &mut World) -> Ids {
        // Nineteen decimal digits, as AWS numbers revisions; any sixteen hexadecimal digits are fewer than 2^64.
        let number = u64::from_str_radix(&world.hex(16), 16).unwrap_or_default();
        Ids {
            revision: format!(
                "{}",
                1_000_000_000_000_000_000 + number % 8_000_000_000_000_000_000
            ),
            service_deployment: world.hex(21),
        }
    }
}

/// The id of a revision's deployment.
pub(super) fn deployment_id(revision: &str) -> String {
    format!("ecs-svc/{revision}")
}

pub(super) fn revision_arn(world: &World, service: &Service, revision: &str) -> String {
    world.arn(
        "ecs",
        &format!(
            "service-revision/{}/{}/{revision}",
            service.cluster, service.name
        ),
    )
}

/// The ARN of a service deployment.
pub(super) fn deployment_arn(world: &World, service: &Service, id: &str) -> String {
    world.arn(
        "ecs",
        &format!(
            "service-deployment/{}/{}/{id}",
            service.cluster, service.name
        ),
    )
}

/// A revision with its task counts, as several outputs carry it.
pub(super) fn summary(world: &World, service: &Service, revision: &str) -> Value {
    let own: Vec<&Task> = world
        .ecs
        .tasks
        .iter()
        .filter(|task| task.service == Some(service.number) && task.revision == revision)
        .collect();
    let primary = service
        .deployments
        .first()
        .is_some_and(|first| first.revision == revision);
    let wanted = own.iter().filter(|task| task.is_wanted()).count();
    json!({
        "arn": revision_arn(world, service, revision),
        "requestedTaskCount": if primary { json!(service.desired) } else { json!(wanted) },
        "runningTaskCount": own.iter().filter(|task| task.last_status().is_running()).count(),
        "pendingTaskCount": own.iter().filter(|task| task.last_status().is_pending()).count(),
    })
}

/// Summaries of every revision that is being run.
pub(super) fn running_summaries(world: &World, service: &Service) -> Value {
    service
        .deployments
        .iter()
        .map(|deployment| summary(world, service, &deployment.revision))
        .collect()
}
