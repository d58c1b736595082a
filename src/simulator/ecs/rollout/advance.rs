//! What moves a rollout on: begun, a task failed or proved healthy, the breaker, a way back, steady.
//!
//! Takes one such thing, changes the service's deployments and its latest service deployment, and logs the service's
//! event. Pure.

use super::super::service::{Breaker, Service};
use super::{
    BreakerReport, Deployment, Ids, Revision, Rollback, RolloutState, ServiceDeployment, Status,
    deployment_id,
};
use crate::simulator::call::Millis;

/// Service deployments remembered. AWS keeps 90 days of them.
const HISTORY_MAX: usize = 100;

/// How often a service that stays steady says so again.
const STEADY_EVENT_MILLIS: Millis = 6 * 3_600_000;

/// Why a rollout is rolled back by the breaker (hashicorp/terraform-provider-aws, ECS service acceptance tests).
const BREAKER_REASON: &str =
    "Service deployment rolled back because the circuit breaker threshold was exceeded.";

impl Service {
    pub(in super::super) fn revision(&self, id: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.id == id)
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
    fn put_primary(&mut self, revision: String, now: Millis) {
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

    fn set_primary(
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

    /// Takes up a pending service deployment, and a rollback that was asked for.
    pub(in super::super) fn take_up(&mut self, now: Millis) {
        match self.history.last().map(|last| last.status) {
            Some(Status::Pending) => {
                if let Some(last) = self.history.last_mut() {
                    last.status = Status::InProgress;
                    last.started_at = Some(now);
                    last.updated_at = now;
                }
            }
            Some(Status::RollbackRequested) => {
                let reason = "Service deployment rolled back because of a user request.";
                self.fail_primary("ECS deployment was stopped by a user request.", now);
                self.roll_back(reason, "ECS deployment rolling back to deploymentId", now);
            }
            Some(
                Status::InProgress
                | Status::Successful
                | Status::Stopped
                | Status::RollbackInProgress
                | Status::RollbackSuccessful
                | Status::RollbackFailed,
            )
            | None => {}
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

    /// Ends the rollout when the breaker's threshold is reached. A rollback itself is never broken off: there is
    /// nowhere further back to go.
    pub(in super::super) fn trip_breaker(&mut self, now: Millis) {
        let Breaker {
            enable,
            rollback,
            reset_on_healthy_task: _,
            threshold,
        } = self.configuration.breaker;
        let threshold = threshold.tasks(self.desired);
        let Some(primary) = self.deployments.first() else {
            return;
        };
        let Some(last) = self.history.last_mut() else {
            return;
        };
        last.breaker.threshold = threshold;
        let tripped =
            enable && last.status == Status::InProgress && primary.failed_tasks >= threshold;
        if !tripped {
            return;
        }
        last.breaker.triggered = true;
        let failed = deployment_id(&primary.revision);
        self.fail_primary(
            "ECS deployment circuit breaker: tasks failed to start.",
            now,
        );
        self.say(
            now,
            &format!("(deployment {failed}) deployment failed: tasks failed to start."),
        );
        if rollback {
            self.roll_back(
                BREAKER_REASON,
                "ECS deployment circuit breaker: rolling back to deploymentId",
                now,
            );
        } else if let Some(last) = self.history.last_mut() {
            // No status says "failed": without a way back the service deployment has stopped.
            last.end(Status::Stopped, Some("Service deployment stopped because the circuit breaker threshold was exceeded."), now);
        }
    }

    fn fail_primary(&mut self, reason: &str, now: Millis) {
        if let Some(primary) = self.deployments.first_mut() {
            primary.state = RolloutState::Failed;
            primary.reason = reason.to_owned();
            primary.updated_at = now;
        }
    }

    /// Turns back to the last completed revision, if there is one.
    fn roll_back(&mut self, reason: &str, row_reason: &str, now: Millis) {
        let back = self
            .completed
            .clone()
            .filter(|id| self.history.last().is_some_and(|last| last.target != *id));
        let settings = back
            .as_ref()
            .and_then(|id| self.revision(id))
            .map(|revision| revision.settings.clone());
        let (Some(back), Some(settings)) = (back, settings) else {
            if let Some(last) = self.history.last_mut() {
                // The words of the console, seen in public post-mortems of first deployments.
                last.end(
                    Status::RollbackFailed,
                    Some("No rollback candidate was found to run the rollback."),
                    now,
                );
            }
            return;
        };
        self.settings = settings;
        self.throttle = Default::default();
        self.steady = None;
        self.put_primary(back.clone(), now);
        self.set_primary(
            RolloutState::InProgress,
            |id| format!("{row_reason} {id}."),
            now,
        );
        self.say(
            now,
            &format!("rolling back to deployment {}.", deployment_id(&back)),
        );
        if let Some(last) = self.history.last_mut() {
            last.status = Status::RollbackInProgress;
            last.reason = Some(reason.to_owned());
            last.rollback = Some(Rollback {
                reason: reason.to_owned(),
                started_at: now,
                revision: back,
            });
            last.updated_at = now;
        }
    }

    /// The primary has all its tasks healthy and nothing else runs.
    pub(in super::super) fn become_steady(&mut self, now: Millis) {
        let Some(primary) = self.deployments.first() else {
            return;
        };
        let (revision, id) = (primary.revision.clone(), deployment_id(&primary.revision));
        match primary.state {
            RolloutState::InProgress => {
                self.set_primary(
                    RolloutState::Completed,
                    |id| format!("ECS deployment {id} completed."),
                    now,
                );
                self.completed = Some(revision);
                self.deployments.truncate(1);
                if let Some(last) = self.history.last_mut() {
                    let status = match last.status {
                        Status::RollbackInProgress => Status::RollbackSuccessful,
                        _ => Status::Successful,
                    };
                    last.end(status, None, now);
                }
                self.say(now, &format!("(deployment {id}) deployment completed."));
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
    fn end(&mut self, status: Status, reason: Option<&str>, now: Millis) {
        self.status = status;
        self.reason = reason.map(str::to_owned).or(self.reason.take());
        self.updated_at = now;
        self.finished_at = Some(now);
        if status == Status::Stopped {
            self.stopped_at = Some(now);
        }
    }
}
