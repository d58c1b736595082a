//! What moves a rollout on: begun, a task failed or proved healthy, through. How one fails is in `failure`.
//!
//! Takes one such thing, changes the service's deployments and its latest service deployment, and logs the service's
//! event. Pure.

use super::super::service::Service;
use super::traffic::Stage;
use super::{
    AlarmReport, BreakerReport, Deployment, Ids, Revision, RolloutState, ServiceDeployment, Status,
    deployment_id,
};
use crate::simulator::call::Millis;

/// Service deployments remembered. AWS keeps 90 days of them.
const HISTORY_MAX: usize = 100;

/// How often a service that stays steady says so again.
const STEADY_EVENT_MILLIS: Millis = 6 * 3_600_000;

impl Service {
    pub(in super::super) fn revision(&self, id: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.id == id)
    }

    /// The target groups and ports that a revision's tasks are registered with.
    pub(in super::super) fn targets(&self, revision: &str) -> Vec<(String, u16)> {
        self.revision(revision).map_or(Vec::new(), |revision| {
            let entries = revision.settings.load_balancers.iter();
            let ports = entries.map(|entry| entry.container_port);
            revision.groups.iter().cloned().zip(ports).collect()
        })
    }

    /// The deployment that gets the service's tasks: the primary, or after a failure without rollback the newest one
    /// that had completed. `None` when a first rollout failed: "a deployment in FAILED state doesn't launch any new
    /// tasks" (API_Deployment).
    pub(in super::super) fn launching(&self) -> Option<&Deployment> {
        let primary = self.deployments.first()?;
        match primary.state {
            RolloutState::InProgress | RolloutState::Completed => Some(primary),
            RolloutState::Failed => self
                .deployments
                .iter()
                .find(|row| row.state == RolloutState::Completed),
        }
    }

    /// Starts rolling out the present settings as a new revision. `running` are the revisions with tasks.
    pub(in super::super) fn begin_rollout(&mut self, ids: Ids, running: &[String], now: Millis) {
        let Ids {
            revision,
            service_deployment,
        } = ids;
        if let Some(last) = self
            .history
            .last_mut()
            .filter(|last| !last.status.is_final())
        {
            // AWS's wording for an overtaken service deployment was not found; the state is STOPPED.
            last.end(
                Status::Stopped,
                Some("Service deployment was superseded by a newer service deployment."),
                now,
            );
        }
        self.revisions.push(Revision {
            id: revision.clone(),
            groups: self.settings.groups(),
            settings: self.settings.clone(),
            created_at: now,
        });
        let breaker = self.configuration.breaker;
        self.history.push(ServiceDeployment {
            id: service_deployment,
            target: revision.clone(),
            sources: running.to_vec(),
            status: Status::Pending,
            reason: None,
            rollback: None,
            configuration: self.configuration.to_value(),
            breaker: BreakerReport {
                enabled: breaker.enable,
                triggered: false,
                failures: 0,
                threshold: breaker.threshold.tasks(self.desired),
            },
            alarms: AlarmReport {
                enabled: self.configuration.alarms.enable,
                names: self.configuration.alarms.alarm_names.clone(),
                triggered: Vec::new(),
                ignored: false,
            },
            traffic: None,
            bake: 0,
            baking: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
        });
        self.put_primary(revision, now);
        let reason = |id: String| format!("ECS deployment {id} in progress.");
        self.set_primary(RolloutState::InProgress, reason, now);
        self.throttle = Default::default();
        self.steady = None;
        self.forget_history();
    }

    /// Makes a revision's deployment the first, adding it when it has none.
    pub(super) fn put_primary(&mut self, revision: String, now: Millis) {
        let known = self
            .deployments
            .iter()
            .position(|row| row.revision == revision);
        let row = match known {
            Some(index) => self.deployments.remove(index),
            None => Deployment {
                revision,
                state: RolloutState::InProgress,
                reason: String::new(),
                failed_tasks: 0,
                created_at: now,
                updated_at: now,
            },
        };
        self.deployments.insert(0, row);
    }

    pub(super) fn set_primary(
        &mut self,
        state: RolloutState,
        reason: impl FnOnce(String) -> String,
        now: Millis,
    ) {
        if let Some(primary) = self.deployments.first_mut() {
            primary.state = state;
            primary.reason = reason(deployment_id(&primary.revision));
            primary.failed_tasks = 0;
            primary.updated_at = now;
        }
    }

    fn forget_history(&mut self) {
        let excess = self.history.len().saturating_sub(HISTORY_MAX);
        self.history.drain(..excess);
        let Service {
            history,
            deployments,
            completed,
            revisions,
            ..
        } = self;
        revisions.retain(|revision| {
            history.iter().any(|entry| entry.target == revision.id)
                || deployments.iter().any(|row| row.revision == revision.id)
                || completed.as_ref() == Some(&revision.id)
        });
    }

    /// Sets the desired count: no rollout, but the service is no longer known to be steady.
    pub(in super::super) fn set_desired(&mut self, desired: u32) {
        if self.desired != desired {
            self.desired = desired;
            self.steady = None;
        }
    }

    /// A task of a revision failed before it proved healthy, or failed its health checks, while being rolled out.
    pub(in super::super) fn count_failure(&mut self, revision: &str) {
        let rolling = |row: &&mut Deployment| {
            row.revision == revision && row.state == RolloutState::InProgress
        };
        if let Some(row) = self.deployments.iter_mut().find(rolling) {
            row.failed_tasks += 1;
            let failures = row.failed_tasks;
            if let Some(last) = self
                .history
                .last_mut()
                .filter(|last| last.target == revision)
            {
                last.breaker.failures = failures;
            }
        }
    }

    /// A task of a revision became healthy.
    pub(in super::super) fn count_healthy(&mut self, revision: &str) {
        self.throttle = Default::default();
        if !self.configuration.breaker.reset_on_healthy_task {
            return;
        }
        if let Some(row) = self
            .deployments
            .iter_mut()
            .find(|row| row.revision == revision)
        {
            row.failed_tasks = 0;
        }
        if let Some(last) = self
            .history
            .last_mut()
            .filter(|last| last.target == revision && !last.status.is_final())
        {
            last.breaker.failures = 0;
        }
    }

    /// Whether the rollout under way may end once the tasks are as they shall be: its traffic has moved, it has baked.
    /// Asked when they are, which is when baking begins.
    pub(in super::super) fn may_complete(&mut self, now: Millis) -> bool {
        let Some(last) = self.history.last_mut() else {
            return true;
        };
        match (&last.traffic, last.status) {
            (_, status) if status.is_final() => true,
            (Some(traffic), _) => traffic.stage == Stage::CleanUp,
            (None, Status::InProgress) => now >= *last.baking.get_or_insert(now) + last.bake,
            (None, _) => true,
        }
    }

    /// Ends a rolling update whose healthy tasks are enough, before the service is steady.
    pub(in super::super) fn succeed_early(&mut self, healthy: u32, others: u32, now: Millis) {
        let rolling = self
            .history
            .last()
            .is_some_and(|last| last.status == Status::InProgress && last.traffic.is_none());
        let enough = self.configuration.early_success(self.desired);
        let enough =
            enough.is_some_and(|(least, alone)| healthy >= least && (!alone || others == 0));
        if rolling && enough && self.may_complete(now) {
            self.complete(now);
        }
    }

    fn complete(&mut self, now: Millis) {
        let Some(revision) = self
            .deployments
            .first()
            .map(|primary| primary.revision.clone())
        else {
            return;
        };
        let id = deployment_id(&revision);
        self.set_primary(
            RolloutState::Completed,
            |id| format!("ECS deployment {id} completed."),
            now,
        );
        self.completed = Some(revision);
        if let Some(last) = self.history.last_mut() {
            let status = match last.status {
                Status::RollbackInProgress => Status::RollbackSuccessful,
                _ => Status::Successful,
            };
            last.end(status, None, now);
        }
        self.say(now, &format!("(deployment {id}) deployment completed."));
    }

    /// The primary has all its tasks healthy and nothing else runs.
    pub(in super::super) fn become_steady(&mut self, now: Millis) {
        let Some(primary) = self.deployments.first() else {
            return;
        };
        match primary.state {
            RolloutState::InProgress => {
                self.complete(now);
                self.deployments.truncate(1);
            }
            RolloutState::Completed => {}
            RolloutState::Failed => return,
        }
        if self
            .steady
            .is_none_or(|said| now.saturating_sub(said) >= STEADY_EVENT_MILLIS)
        {
            self.say(now, "has reached a steady state.");
            self.steady = Some(now);
        }
    }
}

impl ServiceDeployment {
    pub(super) fn end(&mut self, status: Status, reason: Option<&str>, now: Millis) {
        self.status = status;
        self.reason = reason.map(str::to_owned).or(self.reason.take());
        self.updated_at = now;
        self.finished_at = Some(now);
        if status == Status::Stopped {
            self.stopped_at = Some(now);
        }
    }
}
