//! (desired, observed) → Plan: what to do now, what waits and for what, and what only a person can clear.
//!
//! Pure. A step is one AWS call whose every argument is known; what depends on something not yet *observed* is waiting,
//! and the next pass plans it. The order is: create and widen, then the one ECS call, then narrow and delete.
//! Nothing is planned against what does not carry the unit's owner tag.

use std::collections::BTreeMap;

use serde::Serialize;

use super::observed::{Found, Observed};
use super::resource::{Dimension, Resources, Role};
use super::spec::Spec;

mod call;
pub mod diff;
mod display;
mod subject;
mod traffic;
mod workload;

pub use call::{Call, ServiceCall};
pub use subject::{Kind, Subject};

use diff::{Change, diff};

/// One decision about a whole unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The unit's name.
    pub unit: String,
    /// What can be done now, in order; each is independent of the others.
    pub steps: Vec<Step>,
    /// What will be possible or true later by itself.
    pub waiting: Vec<Waiting>,
    /// What will not.
    pub blocked: Vec<Blocked>,
}

/// One AWS call and what it changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What it is about.
    pub subject: Subject,
    /// The call, with every argument.
    pub call: Call,
    /// Fields that differ; empty where the whole resource is made or deleted.
    pub changes: Vec<Change>,
}

/// Why something is not done, or not over, yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Waiting {
    /// Something cannot be made before other things are seen.
    Needs {
        /// What waits.
        subject: Subject,
        /// For these.
        needs: Vec<Subject>,
    },
    /// ECS is replacing tasks.
    Rollout {
        /// Tasks in RUNNING.
        running: i32,
        /// Targets the load balancer calls healthy.
        healthy: i32,
        /// Tasks there should be.
        desired: i32,
        /// ECS's newest event.
        event: Option<String>,
    },
    /// ECS is undoing a rollout.
    Rollback,
    /// A deleted service of this name still stops its tasks.
    Draining,
}

/// What needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Blocked {
    /// In the way and not ours.
    Foreign {
        /// What is there.
        subject: Subject,
        /// What it is doing in the way, and how to clear it.
        why: String,
    },
    /// Referenced and not there; the reconciler never makes it.
    Missing {
        /// What is not there.
        subject: Subject,
    },
    /// Differs in a field AWS cannot change.
    Immutable {
        /// What differs.
        subject: Subject,
        /// In what.
        changes: Vec<Change>,
    },
    /// The credentials are for another account than the manifest.
    WrongAccount {
        /// The manifest's.
        wanted: String,
        /// The credentials'.
        found: String,
    },
    /// ECS gave up on exactly this revision; it is not tried again until the manifest changes.
    RolloutFailed {
        /// Whether the revision before is running again.
        rolled_back: bool,
        /// ECS's words.
        reason: String,
    },
}

impl Plan {
    /// Nothing to do, nothing to wait for, nothing in the way.
    pub fn is_settled(&self) -> bool {
        let Plan {
            unit: _,
            steps,
            waiting,
            blocked,
        } = self;
        steps.is_empty() && waiting.is_empty() && blocked.is_empty()
    }
}

/// What is wanted and what is there: all that planning one unit looks at.
struct Planning<'a> {
    spec: &'a Spec,
    desired: &'a Resources,
    observed: &'a Observed,
    plan: Plan,
}

/// Decides. The same arguments give the same plan.
pub fn plan(spec: &Spec, desired: &Resources, observed: &Observed) -> Plan {
    let plan = Plan {
        unit: spec.name.clone(),
        steps: Vec::new(),
        waiting: Vec::new(),
        blocked: Vec::new(),
    };
    let mut planning = Planning {
        spec,
        desired,
        observed,
        plan,
    };
    if observed.account != spec.account {
        planning.plan.blocked.push(Blocked::WrongAccount {
            wanted: spec.account.clone(),
            found: observed.account.clone(),
        });
        return planning.plan;
    }
    planning.references();
    let mut needs = Vec::new();
    needs.extend(planning.log_group());
    needs.extend(planning.role(&desired.execution_role, observed.execution_role.as_ref()));
    needs.extend(planning.role(&desired.task_role, observed.task_role.as_ref()));
    needs.extend(planning.target_group());
    needs.extend(planning.listener_rule());
    needs.extend(planning.discovery());
    needs.extend(planning.task_definition());
    let service = planning.service(needs);
    let scalable_target = planning.scalable_target(service.clone());
    planning.scaling_policies(scalable_target.or(service.clone()));
    planning.alarms(service);
    planning.plan
}

/// What a planner gives back: the resource itself while it is not yet as wanted, for others to wait for.
type Unsettled = Option<Subject>;

impl Planning<'_> {
    fn step(&mut self, subject: &Subject, call: Call, changes: Vec<Change>) {
        self.plan.steps.push(Step {
            subject: subject.clone(),
            call,
            changes,
        });
    }

    fn needs(&mut self, subject: &Subject, needs: Vec<Subject>) {
        self.plan.waiting.push(Waiting::Needs {
            subject: subject.clone(),
            needs,
        });
    }

    /// Whether something that is there is ours to change; what is not is reported.
    fn is_ours<T>(&mut self, subject: &Subject, found: &Found<T>) -> bool {
        let ours = found.owner.as_deref() == Some(&self.spec.name);
        if !ours {
            let tag = super::resource::OWNER_TAG;
            let why = match &found.owner {
                Some(other) => {
                    format!("belongs to unit {other}: name another, or remove it from that unit")
                }
                None => format!(
                    "is not managed here: tag it {tag}={} to hand it over, or name another",
                    self.spec.name
                ),
            };
            self.plan.blocked.push(Blocked::Foreign {
                subject: subject.clone(),
                why,
            });
        }
        ours
    }

    /// What is referenced, never made.
    fn references(&mut self) {
        let Planning { spec, observed, .. } = self;
        let listener = observed
            .load_balancer
            .as_ref()
            .is_none_or(|found| found.listener.is_some());
        let missing = [
            (observed.cluster_active, Kind::Cluster, &spec.cluster),
            (
                observed.load_balancer.is_some(),
                Kind::LoadBalancer,
                &spec.load_balancer.name,
            ),
            (listener, Kind::HttpsListener, &spec.load_balancer.name),
            (
                observed.namespace.is_some(),
                Kind::Namespace,
                &spec.discovery.namespace,
            ),
        ];
        let missing = missing
            .into_iter()
            .filter(|(there, ..)| !there)
            .map(|(_, kind, name)| Subject::new(kind, name));
        let secrets = observed
            .missing_secrets
            .iter()
            .map(|name| Subject::new(Kind::Parameter, name));
        self.plan.blocked.extend(
            missing
                .chain(secrets)
                .map(|subject| Blocked::Missing { subject }),
        );
    }

    fn log_group(&mut self) -> Unsettled {
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

    fn role(&mut self, desired: &Role, observed: Option<&Found<Role>>) -> Unsettled {
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
            self.step(
                &subject,
                Call::DeleteRolePolicy {
                    role: role.clone(),
                    policy: policy.clone(),
                },
                vec![],
            );
        }
        for policy in found.value.attached.difference(attached) {
            self.step(
                &subject,
                Call::DetachRolePolicy {
                    role: role.clone(),
                    policy_arn: policy.clone(),
                },
                vec![],
            );
        }
        Some(subject)
    }

    fn discovery(&mut self) -> Unsettled {
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

    /// Puts what differs, deletes what is ours and no longer wanted — but that only once the service has what it needs.
    fn alarms(&mut self, service: Unsettled) {
        let Planning {
            spec,
            desired,
            observed,
            ..
        } = self;
        let (spec, desired, observed) = (*spec, *desired, *observed);
        let target_group = observed
            .target_group
            .as_ref()
            .map(|found| found.arn.as_str());
        let load_balancer = observed
            .load_balancer
            .as_ref()
            .map(|found| found.arn.as_str());
        for (name, alarm) in &desired.alarms {
            let subject = Subject::new(Kind::Alarm, name);
            let found = observed.alarms.get(name);
            let changes = found.map(|found| diff(&found.value, alarm));
            if changes.as_ref().is_some_and(Vec::is_empty)
                || found.is_some_and(|found| !self.is_ours(&subject, found))
            {
                continue;
            }
            let resolve = |dimension: &Dimension| match dimension {
                Dimension::Text(text) => Ok(text.clone()),
                Dimension::TargetGroup => metric_name(target_group)
                    .ok_or_else(|| Subject::new(Kind::TargetGroup, &desired.target_group.name)),
                Dimension::LoadBalancer => metric_name(load_balancer)
                    .ok_or_else(|| Subject::new(Kind::LoadBalancer, &spec.load_balancer.name)),
            };
            let resolved: Result<BTreeMap<_, _>, _> = alarm
                .dimensions
                .iter()
                .map(|(name, dimension)| Ok((name.clone(), resolve(dimension)?)))
                .collect();
            match resolved {
                Ok(dimensions) => {
                    let call = Call::PutMetricAlarm {
                        name: name.clone(),
                        dimensions,
                        alarm: alarm.clone(),
                        create: found.is_none(),
                    };
                    self.step(&subject, call, changes.unwrap_or_default());
                }
                Err(missing) => self.needs(&subject, vec![missing]),
            }
        }
        let obsolete = observed.alarms.iter().filter(|(name, found)| {
            !desired.alarms.contains_key(*name) && found.owner.as_deref() == Some(&spec.name)
        });
        for (name, _) in obsolete {
            let subject = Subject::new(Kind::Alarm, name);
            match &service {
                None => self.step(&subject, Call::DeleteAlarm { name: name.clone() }, vec![]),
                Some(service) => self.needs(&subject, vec![service.clone()]),
            }
        }
    }
}

/// CloudWatch names load balancers and target groups by the ending of their ARNs: `app/name/id`, `targetgroup/name/id`.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
pub fn metric_name(arn: Option<&str>) -> Option<String> {
    let resource = arn?.splitn(6, ':').nth(5)?;
    Some(
        resource
            .strip_prefix("loadbalancer/")
            .unwrap_or(resource)
            .to_owned(),
    )
}
