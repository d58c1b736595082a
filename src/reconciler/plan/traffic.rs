//! Planning the way of a request: the target group, and the listener rule that leads to it.

use super::diff::diff;
use super::untouched::weights;
use super::{Blocked, Call, Kind, Planning, Subject, Unsettled};
use crate::reconciler::observed::Found;
use crate::reconciler::pattern::matches;
use crate::reconciler::resource::{Join, ListenerRule, TargetGroup};

impl Planning<'_> {
    pub(super) fn target_group(&mut self) -> Unsettled {
        let desired = &self.desired.target_group;
        let subject = Subject::new(Kind::TargetGroup, &desired.name);
        let Some(found) = &self.observed.target_group else {
            match &self.observed.load_balancer {
                Some(balancer) => {
                    let call = Call::CreateTargetGroup {
                        target_group: desired.clone(),
                        vpc: balancer.vpc.clone(),
                    };
                    self.step(&subject, call, vec![]);
                }
                None => self.needs(
                    &subject,
                    vec![Subject::new(
                        Kind::LoadBalancer,
                        &self.spec.load_balancer.name,
                    )],
                ),
            }
            return Some(subject);
        };
        let changes = diff(&found.value, desired);
        if changes.is_empty() {
            return None;
        }
        if !self.is_ours(&subject, found) {
            return Some(subject);
        }
        let TargetGroup {
            name: _,
            port,
            protocol,
            target_type,
            health_check,
            deregistration_delay_seconds,
        } = desired;
        let fixed = (*port, protocol, target_type)
            == (
                found.value.port,
                &found.value.protocol,
                &found.value.target_type,
            );
        if !fixed {
            self.plan.blocked.push(Blocked::Immutable {
                subject: subject.clone(),
                changes,
            });
            return Some(subject);
        }
        let (health, other): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.path.starts_with("health_check"));
        let arn = || found.arn.clone();
        if !health.is_empty() {
            self.step(
                &subject,
                Call::ModifyTargetGroup {
                    arn: arn(),
                    health_check: health_check.clone(),
                },
                health,
            );
        }
        if !other.is_empty() {
            let deregistration_delay_seconds = *deregistration_delay_seconds;
            self.step(
                &subject,
                Call::ModifyTargetGroupAttributes {
                    arn: arn(),
                    deregistration_delay_seconds,
                },
                other,
            );
        }
        Some(subject)
    }

    /// Our rule is the one with our tag. Any other rule that takes our host's requests or our priority is in the way.
    pub(super) fn listener_rule(&mut self) -> Unsettled {
        let desired = &self.desired.listener_rule;
        let subject = Subject::new(Kind::ListenerRule, &self.spec.load_balancer.host);
        let ours = |rule: &&Found<ListenerRule>| rule.owner.as_deref() == Some(&self.spec.name);
        let found = self.observed.rules.iter().find(ours);
        let in_the_way: Vec<Blocked> = self
            .observed
            .rules
            .iter()
            .filter(|rule| !ours(rule))
            .filter_map(|rule| obstacle(rule, desired))
            .collect();
        let priority_taken = self
            .observed
            .rules
            .iter()
            .any(|rule| !ours(&rule) && rule.value.priority == desired.priority);
        self.plan.blocked.extend(in_the_way);

        let listener = self
            .observed
            .load_balancer
            .as_ref()
            .and_then(|balancer| balancer.listener.clone());
        let target_group = self
            .observed
            .target_group
            .as_ref()
            .map(|found| found.arn.clone());
        let (Some(listener), Some(target_group)) = (listener.clone(), target_group.clone()) else {
            let mut needs = Vec::new();
            needs.extend(
                listener
                    .is_none()
                    .then(|| Subject::new(Kind::HttpsListener, &self.spec.load_balancer.name)),
            );
            needs.extend(
                target_group
                    .is_none()
                    .then(|| Subject::new(Kind::TargetGroup, &self.desired.target_group.name)),
            );
            self.needs(&subject, needs);
            return Some(subject);
        };
        let Some(found) = found else {
            if priority_taken {
                return Some(subject);
            }
            self.step(
                &subject,
                Call::CreateRule {
                    listener,
                    rule: desired.clone(),
                    target_group,
                },
                vec![],
            );
            return Some(subject);
        };
        let mut changes = diff(&found.value, desired);
        let split = matches!(found.value.forward, Join::Split(_));
        if split && weights(self.observed).is_some() {
            changes.retain(|change| change.path != "forward");
        }
        for change in changes
            .iter_mut()
            .filter(|change| split && change.path == "forward")
        {
            change.reason =
                Some("not ECS moving requests between our two target groups".to_owned());
        }
        let (priority, rest): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.path == "priority");
        let settled = priority.is_empty() && rest.is_empty();
        if !rest.is_empty() {
            self.step(
                &subject,
                Call::ModifyRule {
                    arn: found.arn.clone(),
                    rule: desired.clone(),
                    target_group,
                },
                rest,
            );
        }
        if !priority.is_empty() && !priority_taken {
            self.step(
                &subject,
                Call::SetRulePriority {
                    arn: found.arn.clone(),
                    priority: desired.priority,
                },
                priority,
            );
        }
        (!settled).then_some(subject)
    }
}

/// What a rule that is not ours does to ours, if anything.
fn obstacle(rule: &Found<ListenerRule>, desired: &ListenerRule) -> Option<Blocked> {
    let ListenerRule {
        hosts,
        priority,
        forward: _,
        other,
    } = &rule.value;
    let subject = Subject::new(Kind::ListenerRule, &rule.arn);
    if *priority == desired.priority {
        let why = format!(
            "has priority {priority}: write another spec.loadBalancer.priority, or move that rule"
        );
        return Some(Blocked::Foreign { subject, why });
    }
    // A rule with further conditions takes only some of the host's requests, which may be meant.
    let same_host = other.is_empty()
        && hosts.iter().any(|pattern| {
            // Case does not count in host names.
            let pattern = pattern.to_ascii_lowercase();
            desired
                .hosts
                .iter()
                .any(|host| matches(&pattern, &host.to_ascii_lowercase()))
        });
    (same_host && *priority < desired.priority).then(|| {
        let why = format!("takes the same host's requests first, at priority {priority}: remove it, or write a lower spec.loadBalancer.priority");
        Blocked::Foreign { subject, why }
    })
}
