//! Planning what runs: the revision, the one ECS service call, and the scaling that hangs on the service.

use super::call::ServiceCall;
use super::diff::{Change, diff};
use super::untouched::within;
use super::{Blocked, Call, Kind, Note, Planning, Step, Subject, Unsettled, Waiting, patience};
use crate::reconciler::diagnosis::{Diagnosis, diagnose, doomed};
use crate::reconciler::observed::{Image, Rollout, Running};
use crate::reconciler::resource::{Join, TaskDefinition};
use crate::reconciler::spec::Reference;
use crate::timestamp::iso;

/// In what the running revision differs; of a secret's version with the reason, since nobody has edited the manifest.
fn definition_changes(running: &Running, desired: &TaskDefinition) -> Vec<Change> {
    let mut changes = diff(&running.definition, desired);
    for change in &mut changes {
        let variable = change.path.strip_prefix("container.secret_versions.");
        if let Some(variable) =
            variable.filter(|_| change.from.is_number() && change.to.is_number())
        {
            let reason = format!("secret {variable} was changed: a new rollout takes it up");
            change.reason = Some(reason);
        }
    }
    changes
}

impl Planning<'_> {
    /// What the image's tag stands for, where tasks are going to be started with it.
    pub(super) fn tag(&mut self) {
        let running = self.observed.service.as_ref();
        let is_running =
            running.is_some_and(|running| running.definition == self.desired.task_definition);
        let (Reference::Tag(_), false) = (&self.spec.image.reference, is_running) else {
            return;
        };
        if let Image::Found {
            digest,
            size_bytes,
            platforms,
        } = self.observed.image.clone()
        {
            let subject = Subject::new(Kind::Image, &self.spec.image.uri);
            self.plan.notes.push(Note::Tag {
                subject,
                digest,
                size_bytes,
                platforms,
            });
        }
    }

    /// Settled once some registered revision says exactly what is wanted, whoever registered it.
    pub(super) fn task_definition(&mut self) -> Unsettled {
        let desired = &self.desired.task_definition;
        let subject = Subject::new(Kind::TaskDefinition, &desired.family);
        if self.observed.wanted.is_some() {
            return None;
        }
        let changes = self
            .observed
            .service
            .as_ref()
            .map(|running| definition_changes(running, desired))
            .unwrap_or_default();
        self.step(
            &subject,
            Call::RegisterTaskDefinition {
                definition: desired.clone(),
            },
            changes,
        );
        Some(subject)
    }

    /// The one mutating ECS service call, once everything it names is as it should be.
    pub(super) fn service(&mut self, unsettled: Vec<Subject>) -> Unsettled {
        let subject = Subject::new(Kind::Service, &self.spec.name);
        let Some(running) = &self.observed.service else {
            self.create_service(&subject, unsettled);
            return Some(subject);
        };
        if running.draining {
            self.plan.waiting.push(Waiting::Draining);
            return Some(subject);
        }
        self.replacing = matches!(running.rollout, Rollout::InProgress | Rollout::RollingBack);
        let changes = self.service_changes(running);
        if changes.is_empty() {
            return self.rollout(running).then_some(subject);
        }
        self.plan.diagnosis = self.diagnosis(running);
        if !self.is_ours(&subject, &running.found) || self.gave_up_on_wanted(running) {
            return Some(subject);
        }
        if running.rollout == Rollout::RollingBack {
            self.plan.waiting.push(Waiting::Rollback);
            return Some(subject);
        }
        // Another strategy begins where the one before has ended: while requests move, nobody else may decide where to.
        let another = running.found.value.strategy != self.desired.service.strategy;
        if another && running.rollout == Rollout::InProgress {
            self.under_way(running);
            return Some(subject);
        }
        let desired_count = changes
            .iter()
            .any(|change| change.path == "desired_count")
            .then(|| self.in_bounds(running.desired_count));
        let only_counts = changes.iter().all(|change| change.path == "desired_count");
        match self.service_call(unsettled) {
            Ok(service) => {
                self.replacing |= !only_counts;
                if let Some(held_first) = self.scale_in_to_hold() {
                    self.needs(&subject, vec![held_first]);
                    return Some(subject);
                }
                self.step(
                    &subject,
                    Call::UpdateService {
                        service,
                        desired_count,
                    },
                    changes,
                );
            }
            Err(needs) => self.needs(&subject, needs),
        }
        Some(subject)
    }

    fn create_service(&mut self, subject: &Subject, unsettled: Vec<Subject>) {
        let desired_count = self.desired.scalable_target.min;
        match self.service_call(unsettled) {
            Ok(service) => self.step(
                subject,
                Call::CreateService {
                    service,
                    desired_count,
                },
                vec![],
            ),
            Err(needs) => self.needs(subject, needs),
        }
    }

    fn in_bounds(&self, count: i32) -> i32 {
        let (min, max) = self.bounds();
        count.clamp(min, max)
    }

    fn service_changes(&self, running: &Running) -> Vec<Change> {
        let mut changes = diff(&running.found.value, &self.desired.service);
        // While requests still go to the target group of before, the tasks belong there as well.
        let moving_from = self.moving_from();
        let leaving = &running.found.value.other_target_groups;
        if moving_from.is_some() && leaving.iter().map(String::as_str).eq(moving_from) {
            changes.retain(|change| change.path != "other_target_groups");
        }
        // By content: any revision that says what is wanted is the wanted one.
        changes.extend(
            definition_changes(running, &self.desired.task_definition)
                .into_iter()
                .map(|change| Change {
                    path: format!("task_definition.{}", change.path),
                    ..change
                }),
        );
        let bounded = self.in_bounds(running.desired_count);
        let left = self.spec.leave.contains_key("service.desired_count");
        if bounded != running.desired_count && !left {
            changes.push(Change {
                path: "desired_count".to_owned(),
                from: running.desired_count.into(),
                to: bounded.into(),
                reason: Some(format!(
                    "not {}, where autoscaling keeps it",
                    within(self.bounds())
                )),
            });
        }
        changes
    }

    /// Every argument of the service call, or what is still to be seen before it.
    fn service_call(&self, unsettled: Vec<Subject>) -> Result<ServiceCall, Vec<Subject>> {
        let Planning {
            spec,
            desired,
            observed,
            ..
        } = self;
        let mut needs = unsettled;
        if !observed.cluster_active {
            needs.push(Subject::new(Kind::Cluster, &spec.cluster));
        }
        needs.extend(
            observed
                .missing_secrets
                .iter()
                .map(|name| Subject::new(Kind::Parameter, name)),
        );
        // A rollout is stopped by alarms that are there when it begins.
        let alarms = desired.service.alarms.iter();
        let absent = alarms.filter(|name| !observed.alarms.contains_key(*name));
        needs.extend(absent.map(|name| Subject::new(Kind::Alarm, name)));
        // Left without one, the service keeps what it has.
        let target_group = match desired.service.target_group {
            Join::None => None,
            Join::Ours | Join::Alternate | Join::Other(_) | Join::Split(_) => {
                observed.target_group.as_ref().map(|it| &it.arn)
            }
        };
        let registry = match desired.service.discovery {
            Join::None => None,
            Join::Ours | Join::Alternate | Join::Other(_) | Join::Split(_) => {
                observed.discovery.as_ref().map(|it| &it.arn)
            }
        };
        match &observed.wanted {
            Some(task_definition) if needs.is_empty() => {
                Ok(ServiceCall {
                    cluster: spec.cluster.clone(),
                    service: desired.service.clone(),
                    task_definition: task_definition.clone(),
                    // The one that requests come from today comes first; the new one takes over when they move.
                    target_groups: self
                        .moving_from()
                        .map(str::to_owned)
                        .into_iter()
                        .chain(target_group.cloned())
                        .collect(),
                    container: spec.task.container.clone(),
                    port: i32::from(spec.port),
                    registry: registry.cloned(),
                    shifting: self.shifting_call(),
                })
            }
            Some(_) | None => Err(needs),
        }
    }

    /// Whether ECS already gave up on exactly the wanted revision; trying it again would fail the same way.
    fn gave_up_on_wanted(&mut self, running: &Running) -> bool {
        let Rollout::Failed {
            wanted: true,
            rolled_back,
            reason,
        } = &running.rollout
        else {
            return false;
        };
        self.plan.blocked.push(Blocked::RolloutFailed {
            rolled_back: *rolled_back,
            reason: reason.clone(),
        });
        true
    }

    /// Why the newest rollout fails, if it does and is of what is wanted.
    fn diagnosis(&self, running: &Running) -> Option<Diagnosis> {
        match running.rollout {
            Rollout::Completed | Rollout::Failed { wanted: false, .. } => None,
            Rollout::InProgress | Rollout::RollingBack | Rollout::Failed { wanted: true, .. } => {
                diagnose(self.observed.evidence.as_ref()?, self.desired)
            }
        }
    }

    /// Turns back a rollout that no waiting will save. Only the one that is seen to roll out what runs now: evidence may be of
    /// the rollout before, while AWS's reads lag.
    fn stop_doomed(&mut self, running: &Running) {
        let Some(evidence) = &self.observed.evidence else {
            return;
        };
        if running.rollout != Rollout::InProgress || evidence.revision != running.revision {
            return;
        }
        let patience = patience::first_healthy_seconds(self.desired);
        let Some(doomed) = doomed(evidence, self.desired, patience) else {
            return;
        };
        let change = Change {
            path: "rollout".to_owned(),
            from: "in progress".into(),
            to: "rolled back".into(),
            reason: Some(doomed.cause.to_string()),
        };
        let deployment = evidence.deployment.clone();
        self.plan.diagnosis = Some(doomed);
        // What holds back a rollout does not hold back its end.
        self.plan.steps.push(Step {
            subject: Subject::new(Kind::Service, &self.spec.name),
            call: Call::StopServiceDeployment { deployment },
            changes: vec![change],
        });
    }

    /// Reports a service that is as wanted but not there yet; true while that lasts.
    fn rollout(&mut self, running: &Running) -> bool {
        self.plan.diagnosis = self.diagnosis(running);
        if running.found.owner.as_deref() == Some(&self.spec.name) {
            self.stop_doomed(running);
        }
        match &running.rollout {
            Rollout::Failed {
                wanted: _,
                rolled_back: false,
                reason,
            } => {
                self.plan.blocked.push(Blocked::RolloutFailed {
                    rolled_back: false,
                    reason: reason.clone(),
                });
                true
            }
            Rollout::RollingBack => {
                self.plan.waiting.push(Waiting::Rollback);
                true
            }
            // A failure that was rolled back was some other revision's: this one runs.
            Rollout::InProgress | Rollout::Completed | Rollout::Failed { .. } => {
                let counts = (running.running_count, self.observed.healthy_targets);
                let takes_traffic = self.desired.service.target_group != Join::None;
                let settled = running.rollout != Rollout::InProgress
                    && counts.0 == running.desired_count
                    && (counts.1 >= running.desired_count || !takes_traffic);
                if !settled {
                    self.under_way(running);
                }
                !settled
            }
        }
    }

    /// Says what a rollout under way has got to, and whom it waits for.
    fn under_way(&mut self, running: &Running) {
        if let Some(pause) = &running.paused {
            let until = pause.expires.and_then(|at| u64::try_from(at).ok());
            self.plan.waiting.push(Waiting::Person {
                stage: pause.stage.clone(),
                until: until.map(|at| iso(at * 1000)),
                then: pause.then.clone(),
            });
        }
        self.plan.waiting.push(Waiting::Rollout {
            running: running.running_count,
            healthy: self.observed.healthy_targets,
            desired: running.desired_count,
            // The newest event of a service that ECS has not looked at since.
            event: running
                .event
                .clone()
                .filter(|event| !event.ends_with("has reached a steady state.")),
        });
    }
}
