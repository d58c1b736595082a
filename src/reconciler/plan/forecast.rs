//! A plan played forward: what each wave leaves behind, and what the next one then is.
//!
//! Pure, and as good as its assumption that every call succeeds and every rollout with it. `plan` shows it, so that the
//! plan of an empty account names every call of the run, not only those of the first pass. `reconcile` does not use it: it looks.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Plan, ServiceCall, Step, plan};
use crate::reconciler::observed::{Found, FoundTopic, Observed, Rollout, Running, Shifting};
use crate::reconciler::resource::{
    Join, ListenerRule, LogGroup, Resources, Role, Subscription, TargetGroup, Topic,
};
use crate::reconciler::spec::Spec;
use crate::reconciler::versions::versioned;

/// A unit needs four waves; what needs far more goes in circles.
const WAVES_MAX: usize = 12;

/// The plans of a run, one a wave; the last holds no step, and what it still waits for is never done.
pub fn forecast(spec: &Spec, desired: &Resources, observed: &Observed) -> Vec<Plan> {
    let desired = &versioned(spec, desired.clone(), &observed.secret_versions);
    let mut world = observed.clone();
    let mut waves: Vec<Plan> = Vec::new();
    loop {
        let wave = plan(spec, desired, &world);
        let last = wave.steps.is_empty() || waves.len() == WAVES_MAX;
        let end = Ahead {
            spec,
            desired,
            world: &mut world,
        };
        end.after(&wave.steps);
        waves.push(wave);
        if last {
            return waves;
        }
    }
}

/// The world as it will be.
struct Ahead<'a> {
    spec: &'a Spec,
    desired: &'a Resources,
    world: &'a mut Observed,
}

impl Ahead<'_> {
    fn after(mut self, steps: &[Step]) {
        self.world.evidence = None;
        if let Some(running) = &mut self.world.service {
            // Waiting ends well, or the next pass says otherwise. A failure stays: it is a finding about a revision.
            if matches!(running.rollout, Rollout::InProgress | Rollout::RollingBack) {
                running.rollout = Rollout::Completed;
            }
            running.running_count = running.desired_count;
            self.world.healthy_targets = running.desired_count;
        }
        if self
            .world
            .service
            .as_ref()
            .is_some_and(|running| running.draining)
        {
            self.world.service = None;
        }
        for step in steps {
            self.apply(&step.call);
        }
    }

    /// Something of ours that is not there yet. AWS will choose the ARN; this one only has its shape.
    fn found<T>(&self, service: &str, resource: &str, value: T) -> Found<T> {
        Found {
            arn: self.spec.arn(service, resource),
            owner: Some(self.spec.name.clone()),
            value,
        }
    }

    fn apply(&mut self, call: &Call) {
        match call {
            Call::CreateLogGroup { name } => {
                let group = LogGroup {
                    name: name.clone(),
                    retention_days: None,
                };
                self.world.log_group = Some(self.found("logs", "log-group:new", group));
            }
            Call::PutRetentionPolicy { group: _, days } => {
                if let Some(found) = &mut self.world.log_group {
                    found.value.retention_days = Some(*days);
                }
            }
            Call::PutMetricFilter {
                group: _,
                name,
                filter,
            } => {
                let (name, filter) = (name.clone(), filter.clone());
                self.world.metric_filters.insert(name, filter);
            }
            Call::DeleteMetricFilter { group: _, name } => {
                self.world.metric_filters.remove(name);
            }
            Call::CreateRole { role, trust } => {
                let new = Role {
                    name: role.clone(),
                    trust: trust.clone(),
                    policies: BTreeMap::new(),
                    attached: BTreeSet::new(),
                };
                let new = self.found("iam", "role/new", new);
                *self.role(role) = Some(new);
            }
            Call::UpdateAssumeRolePolicy { role, trust } => {
                if let Some(found) = self.role(role) {
                    found.value.trust = trust.clone();
                }
            }
            Call::PutRolePolicy {
                role,
                policy,
                document,
            } => {
                if let Some(found) = self.role(role) {
                    let (policy, document) = (policy.clone(), document.clone());
                    found.value.policies.insert(policy, document);
                }
            }
            Call::DeleteRolePolicy { role, policy } => {
                if let Some(found) = self.role(role) {
                    found.value.policies.remove(policy);
                }
            }
            Call::DetachRolePolicy { role, policy_arn } => {
                if let Some(found) = self.role(role) {
                    found.value.attached.remove(policy_arn);
                }
            }
            Call::CreateTargetGroup {
                target_group,
                vpc: _,
            } => {
                let new = TargetGroup {
                    deregistration_delay_seconds: i64::from(
                        const {
                            crate::reconciler::normal::number(
                                "target_group.deregistration_delay_seconds",
                            )
                        },
                    ),
                    ..target_group.clone()
                };
                let resource = format!("targetgroup/{}/new", target_group.name);
                let new = Some(self.found("elasticloadbalancing", &resource, new));
                if target_group.name == self.desired.target_group.name {
                    self.world.target_group = new;
                } else {
                    self.world.alternate_target_group = new;
                }
            }
            Call::ModifyTargetGroup { arn, health_check } => {
                if let Some(found) = self.group(arn) {
                    found.value.health_check = health_check.clone();
                }
            }
            Call::ModifyTargetGroupAttributes {
                arn,
                deregistration_delay_seconds,
            } => {
                if let Some(found) = self.group(arn) {
                    found.value.deregistration_delay_seconds = *deregistration_delay_seconds;
                }
            }
            Call::CreateRule {
                listener: _,
                rule,
                target_group,
                idle,
            } => {
                let led = self.led(rule, target_group, idle.as_ref());
                let name = format!("listener-rule/new-{}", rule.priority);
                let rule = self.found("elasticloadbalancing", &name, led);
                self.world.rules.push(rule);
            }
            Call::ModifyRule {
                arn,
                rule,
                target_group,
                idle,
            } => {
                let led = self.led(rule, target_group, idle.as_ref());
                if let Some(found) = self.rule(arn) {
                    *found = ListenerRule {
                        priority: found.priority,
                        ..led
                    };
                }
            }
            Call::SetRulePriority { arn, priority } => {
                if let Some(found) = self.rule(arn) {
                    found.priority = *priority;
                }
            }
            Call::CreateDiscoveryService {
                namespace: _,
                service,
            } => {
                let service = self.found("servicediscovery", "service/new", service.clone());
                self.world.discovery = Some(service);
            }
            Call::UpdateDiscoveryService {
                arn: _,
                ttl_seconds,
            } => {
                if let Some(found) = &mut self.world.discovery {
                    found.value.ttl_seconds = *ttl_seconds;
                }
            }
            Call::RegisterTaskDefinition { definition } => {
                let resource = format!("task-definition/{}:new", definition.family);
                self.world.wanted = Some(self.spec.arn("ecs", &resource));
            }
            Call::CreateService {
                service,
                desired_count,
            } => {
                let count = *desired_count;
                self.world.service = Some(Running {
                    found: self.found("ecs", "service/new", service.service.clone()),
                    draining: false,
                    revision: service.task_definition.clone(),
                    definition: self.desired.task_definition.clone(),
                    desired_count: count,
                    running_count: count,
                    rollout: Rollout::Completed,
                    shifting: shifting(service),
                    paused: None,
                    event: None,
                });
                self.world.healthy_targets = count;
            }
            Call::UpdateService {
                service,
                desired_count,
            } => {
                let definition = self.desired.task_definition.clone();
                if let Some(running) = &mut self.world.service {
                    running.found.value = service.service.clone();
                    // All but the last are where requests come from until they move.
                    let leaving = service
                        .target_groups
                        .split_last()
                        .map_or(&[][..], |it| it.1);
                    running.found.value.other_target_groups = leaving.iter().cloned().collect();
                    running.shifting = shifting(service);
                    running.paused = None;
                    running.revision = service.task_definition.clone();
                    running.definition = definition;
                    running.desired_count = desired_count.unwrap_or(running.desired_count);
                    running.running_count = running.desired_count;
                    running.rollout = Rollout::Completed;
                    self.world.healthy_targets = running.desired_count;
                }
            }
            Call::StopServiceDeployment { deployment: _ } => {
                if let Some(running) = &mut self.world.service {
                    running.rollout = Rollout::Failed {
                        wanted: true,
                        rolled_back: true,
                        reason: String::new(),
                    };
                }
            }
            Call::RegisterScalableTarget {
                resource: _,
                target,
            } => self.world.scalable_target = Some(target.clone()),
            Call::PutScalingPolicy {
                resource: _,
                name,
                policy,
                requests_of: _,
            } => {
                let arn = self
                    .spec
                    .arn("autoscaling", &format!("scalingPolicy:new:{name}"));
                self.world.scaling_policy_arns.insert(name.clone(), arn);
                let (name, policy) = (name.clone(), policy.clone());
                self.world.scaling_policies.insert(name, policy);
            }
            Call::DeleteScalingPolicy { resource: _, name } => {
                self.world.scaling_policies.remove(name);
                self.world.scaling_policy_arns.remove(name);
            }
            Call::PutScheduledAction {
                resource: _,
                name,
                action,
            } => {
                let (name, action) = (name.clone(), action.clone());
                self.world.scheduled_actions.insert(name, action);
            }
            Call::DeleteScheduledAction { resource: _, name } => {
                self.world.scheduled_actions.remove(name);
            }
            Call::DeregisterScalableTarget { resource: _ } => {
                self.world.scalable_target = None;
                self.world.scaling_policies.clear();
                self.world.scheduled_actions.clear();
            }
            Call::DeleteService {
                cluster: _,
                name: _,
            } => self.world.service = None,
            // Which revisions there are is no part of the world.
            Call::DeregisterTaskDefinition { revision: _ } => {}
            Call::DeleteRule { arn } => self.world.rules.retain(|rule| rule.arn != *arn),
            Call::DeleteTargetGroup { arn } => {
                self.world.left_target_groups.remove(arn);
                self.world.target_group.take_if(|found| found.arn == *arn);
                let alternate = &mut self.world.alternate_target_group;
                alternate.take_if(|found| found.arn == *arn);
            }
            Call::DeleteDiscoveryService { arn: _ } => self.world.discovery = None,
            Call::DeleteLogGroup { name: _ } => self.world.log_group = None,
            Call::DeleteRole { role } => *self.role(role) = None,
            Call::DeleteTopic { arn: _ } => self.world.topic = None,
            Call::PutMetricAlarm {
                name,
                alarm: _,
                create: _,
            } => {
                // The call has today's names for what the wanted value calls this unit's.
                if let Some(alarm) = self.desired.alarms.get(name) {
                    let alarm = self.found("cloudwatch", "alarm:new", alarm.clone());
                    self.world.alarms.insert(name.clone(), alarm);
                }
            }
            Call::PutCompositeAlarm {
                name,
                alarm,
                create: _,
            } => {
                let alarm = self.found("cloudwatch", "alarm:new", alarm.clone());
                self.world.composite_alarms.insert(name.clone(), alarm);
            }
            Call::DeleteAlarm { name } => {
                self.world.alarms.remove(name);
                self.world.composite_alarms.remove(name);
            }
            Call::PutDashboard {
                dashboard: _,
                create: _,
            } => {
                let dashboard = self.desired.dashboard.clone();
                self.world.dashboard =
                    dashboard.map(|dashboard| self.found("cloudwatch", "dashboard/new", dashboard));
            }
            Call::DeleteDashboard { name: _ } => self.world.dashboard = None,
            Call::CreateTopic { name } => {
                let subscriptions = BTreeSet::new();
                let topic = Topic {
                    name: name.clone(),
                    subscriptions,
                };
                self.world.topic = Some(FoundTopic {
                    found: self.found("sns", name, topic),
                    arns: BTreeMap::new(),
                    unconfirmed: BTreeSet::new(),
                });
            }
            Call::Subscribe {
                topic: _,
                subscription,
            } => {
                if let Some(FoundTopic { found, .. }) = &mut self.world.topic {
                    found.value.subscriptions.insert(subscription.clone());
                }
            }
            Call::Unsubscribe { arn } => {
                if let Some(FoundTopic { found, arns, .. }) = &mut self.world.topic {
                    let ended = |subscription: &Subscription| arns.get(subscription) == Some(arn);
                    found.value.subscriptions.retain(|each| !ended(each));
                    arns.retain(|_, each| each != arn);
                }
            }
        }
    }

    fn role(&mut self, name: &str) -> &mut Option<Found<Role>> {
        if name == self.desired.execution_role.name {
            &mut self.world.execution_role
        } else if name == self.spec.rollout_role() {
            &mut self.world.rollout_role
        } else {
            &mut self.world.task_role
        }
    }

    fn group(&mut self, arn: &str) -> Option<&mut Found<TargetGroup>> {
        let Observed {
            target_group,
            alternate_target_group,
            ..
        } = &mut *self.world;
        let mut both = [target_group, alternate_target_group].into_iter().flatten();
        both.find(|found| found.arn == arn)
    }

    /// A rule as it reads with these target groups.
    fn led(
        &self,
        rule: &ListenerRule,
        target_group: &String,
        idle: Option<&String>,
    ) -> ListenerRule {
        let is = |found: &Option<Found<TargetGroup>>, arn: &String| {
            found.as_ref().is_some_and(|found| found.arn == *arn)
        };
        let join = |arn: &String| {
            if is(&self.world.target_group, arn) {
                Join::Ours
            } else if is(&self.world.alternate_target_group, arn) {
                Join::Alternate
            } else {
                Join::Other(arn.clone())
            }
        };
        ListenerRule {
            forward: join(target_group),
            idle: idle.map(join).into_iter().collect(),
            ..rule.clone()
        }
    }

    fn rule(&mut self, arn: &str) -> Option<&mut ListenerRule> {
        let found = self.world.rules.iter_mut().find(|rule| rule.arn == arn);
        found.map(|found| &mut found.value)
    }
}

/// What ECS moves requests by after this call.
fn shifting(call: &ServiceCall) -> Option<Shifting> {
    call.shifting.as_ref().map(|shifting| Shifting {
        alternate: shifting.alternate.clone(),
        rule: shifting.production_rule.clone(),
    })
}
