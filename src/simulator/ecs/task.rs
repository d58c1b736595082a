//! Tasks: one running copy of a task definition, a service's or standalone, from PROVISIONING to STOPPED.
//!
//! Holds what a task is and in which stage; `lifecycle` moves it on, `task::api` reads it back. A container is one
//! process, known here only by what was reported of it.

mod api;

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Value;

pub(super) use api::{describe, interfaces, list, one, report, stop};

use super::cluster::providers::Provider;
use super::credentials::Grant;
use super::health::Checking;
use super::tags::Tags;
use super::task_definition::Blueprint;
use crate::simulator::call::Millis;

/// One task.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Thirty-two hexadecimal digits, the end of its ARN.
    pub(super) id: String,
    pub(super) cluster: String,
    /// The number of the service it belongs to; a standalone task has none.
    pub(super) service: Option<u64>,
    /// `service:<name>`, or a standalone task's own.
    pub(super) group: String,
    pub(super) started_by: Option<String>,
    /// The service revision it belongs to; empty for a standalone task.
    pub(super) revision: String,
    /// The capacity provider it runs on, when it was launched through one.
    pub(super) provider: Option<Provider>,
    /// What RunTask asked for.
    pub(super) run: Option<Run>,
    pub(super) task_definition: String,
    pub(super) blueprint: Arc<Blueprint>,
    /// What its credentials are asked for with.
    pub(super) grant: Option<Grant>,
    pub(super) address: Ipv4Addr,
    pub(super) interface: Interface,
    pub(super) tags: Tags,
    pub(super) stage: Stage,
    /// Why it stops; a task that has this is no longer wanted.
    pub(super) stop: Option<Stop>,
    pub(super) containers: Vec<ContainerState>,
    /// Whether it has ever been healthy: before that, its end is a failed start.
    pub(super) proved: bool,
    /// Whether an event has already said that it is unhealthy.
    pub(super) reported_unhealthy: bool,
    pub(super) times: Times,
}

/// Its elastic network interface, as attachments describe it.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    pub(super) attachment: String,
    pub(super) eni: String,
    pub(super) mac: String,
    pub(super) subnet: String,
    pub(super) security_groups: Vec<String>,
    pub(super) availability_zone: String,
}

/// What a standalone task was run with.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// As AWS reads them back.
    pub(super) overrides: Value,
    pub(super) execute_command: bool,
    /// The token of the request that made it, and that request.
    pub(super) token: Option<(String, Value)>,
}

/// When what happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub(super) created: Millis,
    pub(super) connected: Option<Millis>,
    pub(super) pull_started: Option<Millis>,
    pub(super) pull_stopped: Option<Millis>,
    pub(super) started: Option<Millis>,
    pub(super) stopping: Option<Millis>,
    pub(super) execution_stopped: Option<Millis>,
    pub(super) stopped: Option<Millis>,
}

/// How far a task is, finer than AWS's words where the scheduler needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The network interface is being made.
    Provisioning {
        until: Millis,
    },
    /// Images and secrets are being fetched.
    Pulling {
        until: Millis,
    },
    /// The processes have been asked for; each reports that it runs or why not.
    Starting {
        deadline: Millis,
    },
    /// Targets and registry entries are being made.
    Activating,
    Running,
    /// Targets drain; the processes still run.
    Deactivating,
    /// SIGTERM has been sent; SIGKILL follows at `kill_at`, and again until every process is gone.
    Stopping {
        kill_at: Millis,
    },
    /// The network interface is being taken away.
    Deprovisioning {
        until: Millis,
    },
    Stopped,
}

/// Why a task stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) code: StopCode,
    pub(super) reason: String,
}

/// `stopCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
}

impl StopCode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            StopCode::TaskFailedToStart => "TaskFailedToStart",
            StopCode::EssentialContainerExited => "EssentialContainerExited",
            StopCode::UserInitiated => "UserInitiated",
            StopCode::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
        }
    }
}

/// `lastStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastStatus {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl LastStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            LastStatus::Provisioning => "PROVISIONING",
            LastStatus::Pending => "PENDING",
            LastStatus::Activating => "ACTIVATING",
            LastStatus::Running => "RUNNING",
            LastStatus::Deactivating => "DEACTIVATING",
            LastStatus::Stopping => "STOPPING",
            LastStatus::Deprovisioning => "DEPROVISIONING",
            LastStatus::Stopped => "STOPPED",
        }
    }

    pub(super) fn is_running(self) -> bool {
        self == LastStatus::Running
    }

    /// What AWS counts in `pendingCount`.
    pub(super) fn is_pending(self) -> bool {
        matches!(
            self,
            LastStatus::Provisioning | LastStatus::Pending | LastStatus::Activating
        )
    }
}

/// One container of a task.
#[derive(Debug, Clone)]
pub(super) struct ContainerState {
    pub(super) name: String,
    pub(super) container_id: String,
    pub(super) runtime_id: String,
    pub(super) process: Process,
    pub(super) reason: Option<String>,
    /// Of the image that was pulled.
    pub(super) image_digest: Option<String>,
    /// Present when the definition has a health check that runs.
    pub(super) checking: Option<Checking>,
}

/// A container's process, as reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// Not asked for, or it could not be started.
    Absent,
    /// Asked for; nothing reported yet.
    Asked,
    Live {
        pid: u32,
    },
    /// Ended with this exit code: 128 and the signal's number when a signal ended it.
    Exited(i32),
}

impl Process {
    /// Whether the address may still be in use.
    pub(super) fn may_live(self) -> bool {
        match self {
            Process::Asked | Process::Live { .. } => true,
            Process::Absent | Process::Exited(_) => false,
        }
    }
}

impl Task {
    pub(super) fn last_status(&self) -> LastStatus {
        match self.stage {
            Stage::Provisioning { .. } => LastStatus::Provisioning,
            Stage::Pulling { .. } | Stage::Starting { .. } => LastStatus::Pending,
            Stage::Activating => LastStatus::Activating,
            Stage::Running => LastStatus::Running,
            Stage::Deactivating => LastStatus::Deactivating,
            Stage::Stopping { .. } => LastStatus::Stopping,
            Stage::Deprovisioning { .. } => LastStatus::Deprovisioning,
            Stage::Stopped => LastStatus::Stopped,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Stopped
    }

    /// Whether AWS's desired status of it is RUNNING.
    pub(super) fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Asks for its end. The first reason stands.
    pub(super) fn ask_stop(&mut self, code: StopCode, reason: impl Into<String>) {
        if self.stop.is_none() {
            self.stop = Some(Stop {
                code,
                reason: reason.into(),
            });
        }
    }

    pub(super) fn container_mut(&mut self, name: &str) -> Option<&mut ContainerState> {
        self.containers
            .iter_mut()
            .find(|container| container.name == name)
    }

    pub(super) fn may_live(&self) -> bool {
        self.containers
            .iter()
            .any(|container| container.process.may_live())
    }
}
