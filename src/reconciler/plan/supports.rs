//! Planning what the service stands on: log group, roles, private DNS name.

use super::diff::diff;
use super::{Blocked, Call, Kind, Planning, Subject, Unsettled};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::Role;

impl Planning<'_> {
    pub(super) fn log_group(&mut self) -> Unsettled {
        let (desired, observed) = (&self.desired.log_group, self.observed.log_group.as_ref());
        let subject = Subject::new(Kind::LogGroup, &desired.name);
        let Some(found) = observed else {
            self.step(
                &subject,
                Call::CreateLogGroup {
                    name: desired.name.clone(),
                },
                vec![],
            );
            return Some(subject);
        };
        let changes = diff(&found.value, desired);
        if changes.is_empty() || !self.is_ours(&subject, found) {
            return None;
        }
        // Retention is the only field of a group that can differ; where output is kept does not hold up the tasks.
        if let Some(days) = desired.retention_days {
            self.step(
                &subject,
                Call::PutRetentionPolicy {
                    group: desired.name.clone(),
                    days,
                },
                changes,
            );
        }
        None
    }

    /// A filter belongs to its log group: those of a group that is not ours are nobody's to change here.
    pub(super) fn metric_filters(&mut self) {
        let (desired, observed) = (self.desired, self.observed);
        let group = &desired.log_group.name;
        let owner = observed.log_group.as_ref().map(|found| &found.owner);
        let ours = owner == Some(&Some(self.spec.name.clone()));
        for (name, filter) in &desired.metric_filters {
            let subject = Subject::new(Kind::MetricFilter, name);
            let found = observed.metric_filters.get(name);
            let changes = found.map(|found| diff(found, filter));
            if changes.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            match &observed.log_group {
                None => self.needs(&subject, vec![Subject::new(Kind::LogGroup, group)]),
                Some(found) if !self.is_ours(&Subject::new(Kind::LogGroup, group), found) => {}
                Some(_) => {
                    let (group, name, filter) = (group.clone(), name.clone(), filter.clone());
                    let call = Call::PutMetricFilter {
                        group,
                        name,
                        filter,
                    };
                    self.step(&subject, call, changes.unwrap_or_default());
                }
            }
        }
        let unwanted = observed
            .metric_filters
            .keys()
            .filter(|name| ours && !desired.metric_filters.contains_key(*name));
        for name in unwanted {
            let subject = Subject::new(Kind::MetricFilter, name);
            let (group, name) = (group.clone(), name.clone());
            self.step(&subject, Call::DeleteMetricFilter { group, name }, vec![]);
        }
    }

    pub(super) fn role(&mut self, desired: &Role, observed: Option<&Found<Role>>) -> Unsettled {
        let subject = Subject::new(Kind::Role, &desired.name);
        let role = desired.name.clone();
        let Some(found) = observed else {
            self.step(
                &subject,
                Call::CreateRole {
                    role,
                    trust: desired.trust.clone(),
                },
                vec![],
            );
            return Some(subject);
        };
        let changes = diff(&found.value, desired);
        if changes.is_empty() {
            return None;
        }
        if !self.is_ours(&subject, found) {
            return Some(subject);
        }
        let Role {
            name: _,
            trust,
            policies,
            attached,
        } = desired;
        let under = |field: &str| {
            changes
                .iter()
                .filter(|change| change.path.starts_with(field))
                .cloned()
                .collect::<Vec<_>>()
        };
        if *trust != found.value.trust {
            self.step(
                &subject,
                Call::UpdateAssumeRolePolicy {
                    role: role.clone(),
                    trust: trust.clone(),
                },
                under("trust"),
            );
        }
        for (policy, document) in policies {
            if found.value.policies.get(policy) != Some(document) {
                let (role, policy, document) = (role.clone(), policy.clone(), document.clone());
                let changes = under(&format!("policies.{policy}"));
                self.step(
                    &subject,
                    Call::PutRolePolicy {
                        role,
                        policy,
                        document,
                    },
                    changes,
                );
            }
        }
        for policy in found
            .value
            .policies
            .keys()
            .filter(|policy| !policies.contains_key(*policy))
        {
            let gone = under(&format!("policies.{policy}"));
            let (role, policy) = (role.clone(), policy.clone());
            self.step(&subject, Call::DeleteRolePolicy { role, policy }, gone);
        }
        for policy in found.value.attached.difference(attached) {
            let (role, policy_arn) = (role.clone(), policy.clone());
            let call = Call::DetachRolePolicy { role, policy_arn };
            self.step(&subject, call, under("attached"));
        }
        Some(subject)
    }

    pub(super) fn discovery(&mut self) -> Unsettled {
        let desired = &self.desired.discovery;
        let subject = Subject::new(
            Kind::Discovery,
            &format!("{}.{}", desired.name, desired.namespace),
        );
        let Some(found) = &self.observed.discovery else {
            match &self.observed.namespace {
                Some(namespace) => {
                    let (namespace, service) = (namespace.clone(), desired.clone());
                    self.step(
                        &subject,
                        Call::CreateDiscoveryService { namespace, service },
                        vec![],
                    );
                }
                None => self.needs(
                    &subject,
                    vec![Subject::new(Kind::Namespace, &desired.namespace)],
                ),
            }
            return Some(subject);
        };
        let changes = diff(&found.value, desired);
        if changes.is_empty() || !self.is_ours(&subject, found) {
            return None;
        }
        if found.value.record_type != desired.record_type {
            // UpdateService of Cloud Map takes a new TTL for existing records, not other record types.
            self.plan.blocked.push(Blocked::Immutable {
                subject: subject.clone(),
                changes,
            });
            return Some(subject);
        }
        self.step(
            &subject,
            Call::UpdateDiscoveryService {
                arn: found.arn.clone(),
                ttl_seconds: desired.ttl_seconds,
            },
            changes,
        );
        Some(subject)
    }
}
