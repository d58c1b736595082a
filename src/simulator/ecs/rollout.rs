//! One rollout: which revision of a service is being put in place, how far it is, and how it ends.
//!
//! Takes what happened (begun, a task failed or became healthy, steady, stopped by hand), gives the next state of the
//! service's deployments and of its service deployment. Pure; it starts and stops no task.
//!
//! ```text
//! PENDING → IN_PROGRESS ─steady, baked→ SUCCESSFUL
//!                       ─breaker, alarm, hook or StopServiceDeployment→ ROLLBACK_REQUESTED → ROLLBACK_IN_PROGRESS ─steady→ ROLLBACK_SUCCESSFUL
//!                       ─the same, with nothing to return to→ ROLLBACK_FAILED
//!                       ─breaker or alarm without rollback, or a newer rollout→ STOPPED
//! ```

mod advance;
mod begin;
mod counts;
mod failure;
mod hooks;
mod shift;
mod traffic;

use serde_json::{Value, json};

pub(super) use self::begin::take_up;
pub(super) use self::counts::{Counts, is_present};
pub(super) use self::hooks::{Answers, Run, Status as HookStatus};
pub(super) use self::shift::advance as advance_traffic;
pub(super) use self::traffic::{Aim, Traffic};
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
    /// The target group of each of its load balancer entries: the entry's own or its alternate.
    pub(super) groups: Vec<String>,
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
    pub(super) alarms: AlarmReport,
    /// How its traffic moves, from when it is in progress; none for a rolling update.
    pub(super) traffic: Option<Traffic>,
    /// How long it is watched once it is through, and since when a rolling update is.
    bake: Millis,
    baking: Option<Millis>,
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

/// What a service deployment reports of its alarms.
#[derive(Debug, Clone)]
pub(super) struct AlarmReport {
    pub(super) enabled: bool,
    pub(super) names: Vec<String>,
    pub(super) triggered: Vec<String>,
    /// Not looked at: one was in ALARM already when it began, or there is nothing to return to.
    ignored: bool,
}

impl AlarmReport {
    /// Whether alarms can end the rollout.
    pub(super) fn watched(&self) -> bool {
        self.enabled && !self.ignored
    }
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

/// The same with the traffic a service deployment gives it, where it moves any.
pub(super) fn weighed_summary(
    world: &World,
    service: &Service,
    entry: &ServiceDeployment,
    revision: &str,
) -> Value {
    let mut value = summary(world, service, revision);
    let entries = service
        .revision(&entry.target)
        .map_or(&[][..], |target| &target.settings.load_balancers);
    let advanced = entries
        .iter()
        .find_map(|entry| entry.advanced_configuration.as_ref());
    if let (Some(traffic), Some(advanced)) = (&entry.traffic, advanced) {
        let (production, test) = traffic.weights(entry.target == revision);
        value["requestedProductionTrafficWeight"] = json!(production);
        if advanced.test_listener_rule.is_some() {
            value["requestedTestTrafficWeight"] = json!(test);
        }
    }
    value
}

/// Summaries of every revision that is being run.
pub(super) fn running_summaries(world: &World, service: &Service) -> Value {
    service
        .deployments
        .iter()
        .map(|deployment| summary(world, service, &deployment.revision))
        .collect()
}
