//! How a rollout fails: the circuit breaker, an alarm, somebody's request; and how it turns back.
//!
//! Takes failed tasks, alarms' states and requests, changes the service's deployments and its latest service deployment,
//! and logs the service's events. Stops no task.

use super::super::service::{Breaker, Service};
use super::counts::Counts;
use super::traffic::Stage;
use super::{Rollback, RolloutState, Status, deployment_id};
use crate::simulator::call::Millis;
use crate::simulator::cloudwatch;
use crate::simulator::world::World;

/// What one cause of failure says of itself.
struct Failure {
    /// On the deployment that failed, `rolloutStateReason`.
    row: &'static str,
    /// In the service's event.
    event: &'static str,
    /// On the deployment that is returned to.
    back: &'static str,
    /// `statusReason` when it is rolled back.
    rolled_back: &'static str,
    /// `statusReason` when it is not.
    stopped: &'static str,
}

/// hashicorp/terraform-provider-aws, ECS service acceptance tests.
const BREAKER: Failure = Failure {
    row: "ECS deployment circuit breaker: tasks failed to start.",
    event: "tasks failed to start.",
    back: "ECS deployment circuit breaker: rolling back to deploymentId",
    rolled_back: "Service deployment rolled back because the circuit breaker threshold was exceeded.",
    stopped: "Service deployment stopped because the circuit breaker threshold was exceeded.",
};

/// The event is AWS's own (aws/copilot-cli, internal/pkg/describe); its other sentences were not found and are the
/// breaker's with the alarm in its place.
const ALARM: Failure = Failure {
    row: "ECS deployment failed: alarm detected.",
    event: "alarm detected.",
    back: "ECS deployment alarm: rolling back to deploymentId",
    rolled_back: "Service deployment rolled back because an alarm was detected.",
    stopped: "Service deployment stopped because an alarm was detected.",
};

impl Service {
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
        if tripped {
            last.breaker.triggered = true;
            self.fail(&BREAKER, rollback, now);
        }
    }

    /// Ends the rollout when one of its alarms is in ALARM, from the first running task to the end of the bake time.
    /// The setting "is ignored if associated alarms are already in alarm state" when it begins (aws/copilot-cli#4512).
    pub(in super::super) fn trip_alarms(&mut self, world: &World, counts: &Counts, now: Millis) {
        let rollback = self.configuration.alarms.rollback;
        let Some(last) = self.history.last_mut() else {
            return;
        };
        let over = last
            .traffic
            .as_ref()
            .is_some_and(|traffic| traffic.stage == Stage::CleanUp);
        let watched = last.alarms.watched() && !over;
        if !watched || last.status != Status::InProgress || counts.get(&last.target).running == 0 {
            return;
        }
        let names = last.alarms.names.iter();
        let triggered: Vec<String> = names
            .filter(|name| cloudwatch::is_in_alarm(world, name))
            .cloned()
            .collect();
        if !triggered.is_empty() {
            last.alarms.triggered = triggered;
            self.fail(&ALARM, rollback, now);
        }
    }

    fn fail(&mut self, failure: &Failure, rollback: bool, now: Millis) {
        let Some(primary) = self.deployments.first() else {
            return;
        };
        let failed = deployment_id(&primary.revision);
        self.fail_primary(failure.row, now);
        self.say(
            now,
            &format!("(deployment {failed}) deployment failed: {}", failure.event),
        );
        if rollback {
            self.roll_back(failure.rolled_back, failure.back, now);
        } else if let Some(last) = self.history.last_mut() {
            // No status says "failed": without a way back the service deployment has stopped.
            last.end(Status::Stopped, Some(failure.stopped), now);
        }
    }

    /// Takes up a rollback that somebody asked for.
    pub(super) fn obey_request(&mut self, now: Millis) {
        let reason = "Service deployment rolled back because of a user request.";
        self.fail_primary("ECS deployment was stopped by a user request.", now);
        self.roll_back(reason, "ECS deployment rolling back to deploymentId", now);
    }

    pub(super) fn fail_primary(&mut self, reason: &str, now: Millis) {
        if let Some(primary) = self.deployments.first_mut() {
            primary.state = RolloutState::Failed;
            primary.reason = reason.to_owned();
            primary.updated_at = now;
        }
    }

    /// Turns back to the revision that had the traffic, or else to the last completed one, if there is one.
    pub(super) fn roll_back(&mut self, reason: &str, row_reason: &str, now: Millis) {
        let Some(last) = self.history.last() else {
            return;
        };
        let back = match &last.traffic {
            Some(traffic) => traffic.source.clone(),
            None => self.completed.clone().filter(|id| last.target != *id),
        };
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
            if let Some(traffic) = &mut last.traffic {
                traffic.turn_back();
            }
        }
    }
}
