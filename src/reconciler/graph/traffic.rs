//! The way of a request: listener rule → target group → service → container port → a healthy task.
//!
//! Each link of it was missing once while every resource was there and every status green (`loadBalancers: []`: 100 % of
//! requests answered 504 for weeks). Links are checked only between resources that are there.

use super::{Graph, Remedy, person};
use crate::reconciler::observed::{Rollout, Running};
use crate::reconciler::plan::{Kind, Subject, production_rule, weights};
use crate::reconciler::resource::Join;

impl Graph<'_> {
    pub(super) fn traffic(&mut self) {
        let observed = self.observed;
        let groups = [&observed.target_group, &observed.alternate_target_group];
        for group in groups.into_iter().flatten() {
            self.health_path(&group.value.name, group.value.health_check.path.as_str());
        }
        let ours = production_rule(self.spec, &self.observed.rules)
            .filter(|rule| rule.owner.as_deref() == Some(&self.spec.name));
        if let Some(rule) = ours
            && !matches!(rule.value.forward, Join::Ours | Join::Alternate)
            && weights(self.observed).is_none()
        {
            let why = match &rule.value.forward {
                Join::Other(arn) => {
                    format!("the host's requests go to {arn} instead, not to this unit's tasks")
                }
                Join::Split(groups) => {
                    let groups: Vec<&str> = groups.keys().map(String::as_str).collect();
                    format!(
                        "the host's requests are shared out among {}",
                        groups.join(", ")
                    )
                }
                Join::None | Join::Ours | Join::Alternate => {
                    "the host's requests are not forwarded to any target group".to_owned()
                }
            };
            self.find(self.rule(), self.target_group(), why, Remedy::Reconcile);
        }
        if let Some(running) = self.observed.service.as_ref().filter(|it| !it.draining) {
            self.joins(running);
            self.targets(running);
        }
    }

    /// The target group may ask for another path than the program answers; then no task is ever healthy.
    fn health_path(&mut self, group: &str, path: &str) {
        let wanted = &self.desired.target_group.health_check.path;
        if path != wanted {
            let why =
                format!("its health check asks for {path}, but the program answers at {wanted}");
            let program = self.task_definition();
            let group = Subject::new(Kind::TargetGroup, group);
            self.find(group, program, why, Remedy::Reconcile);
        }
    }

    fn joins(&mut self, running: &Running) {
        let service = &running.found.value;
        match &service.target_group {
            Join::Ours | Join::Alternate | Join::Split(_) => {}
            // So the manifest leaves it.
            Join::None if self.desired.service.target_group == Join::None => {}
            Join::None => {
                let why = "loadBalancers is empty: no task is ever registered as a target, and every request is answered by the load balancer itself with 503 or 504";
                self.find(self.service(), self.target_group(), why, Remedy::Reconcile);
            }
            Join::Other(arn) => {
                let why = format!("its tasks are registered in {arn} instead");
                self.find(self.service(), self.target_group(), why, Remedy::Reconcile);
            }
        }
        if service.discovery == Join::None && self.desired.service.discovery != Join::None {
            let name = format!(
                "{}.{}",
                self.spec.discovery.service, self.spec.discovery.namespace
            );
            let why = "serviceRegistries is empty: the name has no addresses";
            let name = Subject::new(Kind::Discovery, &name);
            self.find(self.service(), name, why, Remedy::Reconcile);
        }
        let container = &running.definition.container;
        let offered = format!("{}:{}", container.name, container.port);
        if service.target_group != Join::None && service.traffic != offered {
            let why = format!(
                "traffic goes to {}, but the running revision listens on {offered}",
                service.traffic
            );
            let definition = self.task_definition();
            self.find(self.service(), definition, why, Remedy::Reconcile);
        }
    }

    /// All is joined and settled, and still no task is healthy: nothing that the plan could change is the cause.
    fn targets(&mut self, running: &Running) {
        let joined = running.found.value.target_group == Join::Ours;
        let settled = running.rollout == Rollout::Completed
            && running.running_count > 0
            && running.running_count == running.desired_count;
        if !(joined && settled && self.observed.healthy_targets == 0) {
            return;
        }
        let fix = format!(
            "read the targets' reasons (aws elbv2 describe-target-health) and the log group {}; a timeout is a security group, a 404 the path, a refused connection the port",
            self.spec.logs.group
        );
        self.find(
            self.target_group(),
            self.service(),
            format!(
                "{} tasks run and none is healthy at {} on port {}",
                running.running_count, self.spec.health.path, running.definition.container.port
            ),
            person(fix, []),
        );
    }
}
