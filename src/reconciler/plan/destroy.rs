//! (spec, desired, observed) → Plan that takes the unit away, last made first gone.
//!
//! ```text
//! scalable target → service, drained → listener rules → target groups
//!                                    → discovery name, alarms, topic, dashboard, revisions, roles, log group
//! ```
//!
//! Pure, and planned anew in every pass like the making of it: a run that was cut off is finished by the next. Only what
//! carries the unit's tag goes, and what AWS ties to it (scaling, a role's policies). What is referenced stays.

use std::collections::{BTreeMap, BTreeSet};

use super::{Blocked, Call, Kind, Plan, Planning, Subject, Waiting};
use crate::reconciler::observed::{Found, Observed};
use crate::reconciler::resource::{Resources, Role};
use crate::reconciler::spec::Spec;

/// Decides what can be removed now. `revisions` are the unit's registered ones, by ARN.
pub fn destroy(
    spec: &Spec,
    desired: &Resources,
    observed: &Observed,
    revisions: &BTreeSet<String>,
) -> Plan {
    let mut planning = Planning::new(spec, desired, observed);
    if planning.is_elsewhere() {
        return planning.plan;
    }
    // Nothing else goes while tasks run: a task without its role, name or log group fails in ways that look like its own.
    if let Some(busy) = planning.stop() {
        for subject in standing(spec, desired, observed) {
            planning.needs(&subject, vec![busy.clone()]);
        }
        return planning.plan;
    }
    planning.unroute();
    planning.unname();
    planning.silence();
    for revision in revisions {
        let subject = Subject::new(Kind::TaskDefinition, revision);
        let revision = revision.clone();
        planning.step(
            &subject,
            Call::DeregisterTaskDefinition { revision },
            vec![],
        );
    }
    let roles = [
        &observed.execution_role,
        &observed.task_role,
        &observed.rollout_role,
    ];
    for found in roles.into_iter().flatten() {
        planning.unassume(found);
    }
    if let Some(found) = &observed.log_group
        && planning.owns(found)
    {
        let name = found.value.name.clone();
        let subject = Subject::new(Kind::LogGroup, &name);
        planning.step(&subject, Call::DeleteLogGroup { name }, vec![]);
    }
    planning.plan
}

/// What is there under a name of the manifest's without the unit's tag: it stays.
pub fn kept(spec: &Spec, observed: &Observed) -> Vec<Subject> {
    named(observed)
        .into_iter()
        .filter(|(_, owner)| owner.as_deref() != Some(&spec.name))
        .map(|(subject, _)| subject)
        .collect()
}

/// What is there and goes once the service is gone.
fn standing(spec: &Spec, desired: &Resources, observed: &Observed) -> Vec<Subject> {
    let rules = observed
        .rules
        .iter()
        .filter(|rule| rule.owner.as_deref() == Some(&spec.name))
        .map(|rule| Subject::new(Kind::ListenerRule, &rule.arn));
    let left = observed
        .left_target_groups
        .values()
        .map(|name| Subject::new(Kind::TargetGroup, name));
    let family = Subject::new(Kind::TaskDefinition, &desired.task_definition.family);
    named(observed)
        .into_iter()
        .filter(|(subject, owner)| {
            owner.as_deref() == Some(&spec.name) && subject.kind != Kind::Service
        })
        .map(|(subject, _)| subject)
        .chain(rules)
        .chain(left)
        .chain([family])
        .collect()
}

/// Everything that is there under a name of the manifest's, with its owner.
fn named(observed: &Observed) -> Vec<(Subject, Option<String>)> {
    fn row<T>(kind: Kind, name: &str, found: &Found<T>) -> (Subject, Option<String>) {
        (Subject::new(kind, name), found.owner.clone())
    }
    let Observed {
        service,
        target_group,
        alternate_target_group,
        discovery,
        topic,
        alarms,
        composite_alarms,
        dashboard,
        execution_role,
        task_role,
        rollout_role,
        log_group,
        ..
    } = observed;
    let mut rows = Vec::new();
    rows.extend(
        service
            .as_ref()
            .map(|it| row(Kind::Service, &it.found.value.name, &it.found)),
    );
    rows.extend(
        [target_group, alternate_target_group]
            .into_iter()
            .flatten()
            .map(|it| row(Kind::TargetGroup, &it.value.name, it)),
    );
    rows.extend(discovery.as_ref().map(|it| {
        let name = format!("{}.{}", it.value.name, it.value.namespace);
        row(Kind::Discovery, &name, it)
    }));
    rows.extend(
        composite_alarms
            .iter()
            .map(|(name, it)| row(Kind::CompositeAlarm, name, it)),
    );
    rows.extend(alarms.iter().map(|(name, it)| row(Kind::Alarm, name, it)));
    rows.extend(
        topic
            .as_ref()
            .map(|it| row(Kind::Topic, &it.found.value.name, &it.found)),
    );
    rows.extend(
        dashboard
            .as_ref()
            .map(|it| row(Kind::Dashboard, &it.value.name, it)),
    );
    let roles = [execution_role, task_role, rollout_role]
        .into_iter()
        .flatten();
    rows.extend(roles.map(|it| row(Kind::Role, &it.value.name, it)));
    rows.extend(
        log_group
            .as_ref()
            .map(|it| row(Kind::LogGroup, &it.value.name, it)),
    );
    rows
}

impl Planning<'_> {
    fn owns<T>(&self, found: &Found<T>) -> bool {
        found.owner.as_deref() == Some(&self.spec.name)
    }

    /// Scaling, then the service; gives what is still there of them.
    fn stop(&mut self) -> Option<Subject> {
        let running = self.observed.service.as_ref()?;
        let service = Subject::new(Kind::Service, &self.spec.name);
        if running.draining {
            self.plan.waiting.push(Waiting::Draining);
            return Some(service);
        }
        if !self.owns(&running.found) {
            // It runs on what is about to go; whoever made it has to let go of that first.
            self.plan.blocked.push(Blocked::Foreign {
                subject: service.clone(),
                why: "has not this unit's tag and may use what has: remove it by hand, or tag it"
                    .to_owned(),
            });
            return Some(service);
        }
        if self.observed.scalable_target.is_some() {
            let resource = self.scaling_resource();
            let subject = Subject::new(Kind::ScalableTarget, &resource);
            self.step(
                &subject,
                Call::DeregisterScalableTarget { resource },
                vec![],
            );
            self.needs(&service, vec![subject]);
        } else {
            let call = Call::DeleteService {
                cluster: self.spec.cluster.clone(),
                name: self.spec.name.clone(),
            };
            self.step(&service, call, vec![]);
        }
        Some(service)
    }

    /// Rules, then target groups: AWS removes none that a rule forwards to.
    fn unroute(&mut self) {
        let rules: Vec<String> = self
            .observed
            .rules
            .iter()
            .filter(|rule| self.owns(rule))
            .map(|rule| rule.arn.clone())
            .collect();
        let mut groups: BTreeMap<String, String> = self.observed.left_target_groups.clone();
        let both = [
            &self.observed.target_group,
            &self.observed.alternate_target_group,
        ];
        for found in both.into_iter().flatten().filter(|it| self.owns(it)) {
            groups.insert(found.arn.clone(), found.value.name.clone());
        }
        let first = rules
            .first()
            .map(|arn| Subject::new(Kind::ListenerRule, arn));
        for arn in rules {
            let subject = Subject::new(Kind::ListenerRule, &arn);
            self.step(&subject, Call::DeleteRule { arn }, vec![]);
        }
        for (arn, name) in groups {
            let subject = Subject::new(Kind::TargetGroup, &name);
            match &first {
                None => self.step(&subject, Call::DeleteTargetGroup { arn }, vec![]),
                Some(rule) => self.needs(&subject, vec![rule.clone()]),
            }
        }
    }

    /// Alarms on alarms before those they are on, then whom they tell.
    fn silence(&mut self) {
        let observed = self.observed;
        let unit = self.spec.name.as_str();
        let ours = |name: &String, owner: &Option<String>| {
            (owner.as_deref() == Some(unit)).then(|| name.clone())
        };
        let composites: Vec<String> = observed
            .composite_alarms
            .iter()
            .filter_map(|(name, found)| ours(name, &found.owner))
            .collect();
        let alarms: Vec<String> = observed
            .alarms
            .iter()
            .filter_map(|(name, found)| ours(name, &found.owner))
            .collect();
        let first = composites
            .first()
            .map(|name| Subject::new(Kind::CompositeAlarm, name));
        for name in composites {
            let subject = Subject::new(Kind::CompositeAlarm, &name);
            self.step(&subject, Call::DeleteAlarm { name }, vec![]);
        }
        for name in alarms {
            let subject = Subject::new(Kind::Alarm, &name);
            match &first {
                None => self.step(&subject, Call::DeleteAlarm { name }, vec![]),
                Some(composite) => self.needs(&subject, vec![composite.clone()]),
            }
        }
        if let Some(topic) = observed.topic.as_ref().filter(|it| self.owns(&it.found)) {
            let subject = Subject::new(Kind::Topic, &topic.found.value.name);
            let arn = topic.found.arn.clone();
            self.step(&subject, Call::DeleteTopic { arn }, vec![]);
        }
        if let Some(found) = observed.dashboard.as_ref().filter(|it| self.owns(it)) {
            let name = found.value.name.clone();
            let subject = Subject::new(Kind::Dashboard, &name);
            self.step(&subject, Call::DeleteDashboard { name }, vec![]);
        }
    }

    fn unname(&mut self) {
        if let Some(found) = self.observed.discovery.as_ref().filter(|it| self.owns(it)) {
            let name = format!("{}.{}", found.value.name, found.value.namespace);
            let subject = Subject::new(Kind::Discovery, &name);
            let arn = found.arn.clone();
            self.step(&subject, Call::DeleteDiscoveryService { arn }, vec![]);
        }
    }

    /// A role's policies, then the role: IAM removes none that still has some.
    pub(super) fn unassume(&mut self, found: &Found<Role>) {
        if !self.owns(found) {
            return;
        }
        let Role {
            name: role,
            trust: _,
            policies,
            attached,
        } = &found.value;
        let subject = Subject::new(Kind::Role, role);
        for policy in policies.keys() {
            let (role, policy) = (role.clone(), policy.clone());
            self.step(&subject, Call::DeleteRolePolicy { role, policy }, vec![]);
        }
        for policy_arn in attached {
            let (role, policy_arn) = (role.clone(), policy_arn.clone());
            self.step(
                &subject,
                Call::DetachRolePolicy { role, policy_arn },
                vec![],
            );
        }
        if policies.is_empty() && attached.is_empty() {
            let role = role.clone();
            self.step(&subject, Call::DeleteRole { role }, vec![]);
        }
    }
}
