//! Planning the way of a request: the target group, and the listener rule that leads to it.

use serde_json::json;

use super::diff::{Change, diff};
use super::untouched::weights;
use super::{Blocked, Call, Kind, Planning, Subject, Unsettled, shifting};
use crate::reconciler::observed::{Found, Observed, Rollout, Running};
use crate::reconciler::pattern::matches;
use crate::reconciler::resource::{Join, ListenerRule, TargetGroup};
use crate::reconciler::spec::Spec;

impl Planning<'_> {
    pub(super) fn target_group(
        &mut self,
        desired: &TargetGroup,
        found: Option<&Found<TargetGroup>>,
    ) -> Unsettled {
        let subject = Subject::new(Kind::TargetGroup, &desired.name);
        let Some(found) = found else {
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

    pub(super) fn our_rule(&self) -> Option<&Found<ListenerRule>> {
        our_rule(self.spec, self.observed)
    }

    /// The target group that the host's requests go to today although they should go to this unit's, and that the
    /// service's tasks are in: they stay in it until enough of them are healthy in the new one.
    pub(super) fn moving_from(&self) -> Option<&str> {
        moving_from(self.spec, self.observed)
    }

    /// Our rule is one with our tag. Any other rule that takes our host's requests or our priority is in the way.
    /// Settled once the target group is joined to it, which is all that the service needs.
    pub(super) fn listener_rule(&mut self) -> Unsettled {
        let desired = &self.desired.listener_rule;
        let subject = Subject::new(Kind::ListenerRule, &self.spec.load_balancer.host);
        let found = self.our_rule().cloned();
        let is_foreign = |rule: &&Found<ListenerRule>| {
            let ours = found.as_ref().is_some_and(|found| found.arn == rule.arn);
            !ours && rule.owner.as_deref() != Some(&self.spec.name)
        };
        let foreign = || self.observed.rules.iter().filter(is_foreign);
        let in_the_way: Vec<Blocked> = foreign()
            .filter_map(|rule| obstacle(rule, desired))
            .collect();
        let priority_taken = foreign().any(|rule| rule.value.priority == desired.priority);
        self.plan.blocked.extend(in_the_way);

        let balancer = self.observed.load_balancer.as_ref();
        let listener = balancer.and_then(|balancer| balancer.listener.clone());
        let target_group = self.observed.target_group.as_ref();
        let target_group = target_group.map(|found| found.arn.clone());
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
        // Where ECS moves requests, the rule names both target groups, of which one waits.
        let alternate = match desired.idle.contains(&Join::Alternate) {
            false => None,
            true => match &self.observed.alternate_target_group {
                Some(found) => Some(found.arn.clone()),
                None => {
                    let group = self.desired.alternate_target_group.as_ref();
                    let group = group.map_or("", |group| group.name.as_str());
                    self.needs(&subject, vec![Subject::new(Kind::TargetGroup, group)]);
                    return Some(subject);
                }
            },
        };
        let Some(found) = found else {
            if !priority_taken {
                let rule = desired.clone();
                let call = Call::CreateRule {
                    listener,
                    rule,
                    target_group,
                    idle: alternate,
                };
                self.step(&subject, call, vec![]);
            }
            return Some(subject);
        };
        let mut changes = diff(&found.value, desired);
        let split = matches!(found.value.forward, Join::Split(_));
        if alternate.is_some() {
            changes = self.undelegated(&found.value);
        } else if split && weights(self.observed).is_some() {
            changes.retain(|change| change.path != "forward" && change.path != "idle");
        }
        for change in changes
            .iter_mut()
            .filter(|change| split && change.path == "forward" && change.reason.is_none())
        {
            change.reason =
                Some("not ECS moving requests between our two target groups".to_owned());
        }
        if !changes.is_empty() && !self.is_ours(&subject, &found) {
            return None;
        }
        let (priority, rest): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.path == "priority");
        let named = shifting::groups(&found.value);
        let names = |join: Join, arn: &String| {
            named.contains(&join) || named.contains(&Join::Other(arn.clone()))
        };
        let joined = names(Join::Ours, &target_group)
            && alternate
                .as_ref()
                .is_none_or(|arn| names(Join::Alternate, arn));
        let modify = |idle: Option<String>, target_group: String| Call::ModifyRule {
            arn: found.arn.clone(),
            rule: desired.clone(),
            target_group,
            idle,
        };
        // Which of the two has the tasks, and which waits.
        let (serving, waiting) = match (alternate, self.serving()) {
            (Some(alternate), Join::Alternate) => (alternate, Some(target_group.clone())),
            (alternate, _) => (target_group.clone(), alternate),
        };
        match &found.value.forward {
            _ if rest.is_empty() => {}
            // Requests would find nobody: they stay where they are until enough tasks are healthy here.
            Join::Other(today) if !self.can_take_over() => {
                if joined {
                    let service = Subject::new(Kind::Service, &self.spec.name);
                    self.needs(&subject, vec![service]);
                } else {
                    let change = Change {
                        path: "idle".to_owned(),
                        from: json!(found.value.idle),
                        to: json!([Join::Ours]),
                        reason: None,
                    };
                    self.step(
                        &subject,
                        modify(Some(target_group), today.clone()),
                        vec![change],
                    );
                }
            }
            // They move, and what they came from stays joined while tasks are in it: ECS does not call a task healthy whose
            // target group is in no rule, and what is not healthy it stops at once.
            Join::Other(today) => {
                let idle = self.moving_from().map(|_| today.clone()).or(waiting);
                let mut moved = rest;
                moved.retain(|change| idle.is_none() || change.path != "idle");
                self.step(&subject, modify(idle, serving), moved);
            }
            Join::Ours if self.is_leaving(&found.value) => {
                let service = Subject::new(Kind::Service, &self.spec.name);
                self.needs(&subject, vec![service]);
            }
            Join::Ours | Join::Alternate | Join::None | Join::Split(_) if self.is_shifting() => {
                let service = Subject::new(Kind::Service, &self.spec.name);
                self.needs(&subject, vec![service]);
            }
            Join::Ours | Join::Alternate | Join::None | Join::Split(_) => {
                self.step(&subject, modify(waiting, serving), rest);
            }
        }
        if !priority.is_empty() && !priority_taken {
            let call = Call::SetRulePriority {
                arn: found.arn.clone(),
                priority: desired.priority,
            };
            self.step(&subject, call, priority);
        }
        (!joined).then_some(subject)
    }

    /// Whether tasks are still in a target group that the rule no longer sends requests to.
    fn is_leaving(&self, rule: &ListenerRule) -> bool {
        let Some(running) = &self.observed.service else {
            return false;
        };
        let is_in = |join: &Join| match join {
            Join::Other(arn) => is_in(running, arn),
            Join::Ours | Join::Alternate | Join::None | Join::Split(_) => false,
        };
        !rule.idle.is_empty()
            && (rule.idle.iter().any(is_in) || running.rollout == Rollout::InProgress)
    }

    /// Whether this unit's target group can answer the host's requests: as many healthy tasks as there should be, and
    /// ECS done with them, or any at all if those requests have not been its service's so far. The rollout has to be over
    /// since the next one, which leaves the old target group, would stop tasks that ECS does not count as healthy yet.
    fn can_take_over(&self) -> bool {
        let healthy = self.observed.healthy_targets;
        match (&self.observed.service, self.moving_from()) {
            (Some(running), Some(_)) => {
                running.rollout == Rollout::Completed && healthy >= running.desired_count.max(1)
            }
            (_, None) | (None, _) => healthy >= 1,
        }
    }
}

/// See [`Planning::moving_from`]. A service whose requests ECS moved is in either of two target groups, of which the second is
/// one of before once the manifest has no second one any more.
pub(super) fn moving_from<'o>(spec: &Spec, observed: &'o Observed) -> Option<&'o str> {
    let Join::Other(arn) = &our_rule(spec, observed)?.value.forward else {
        return None;
    };
    is_in(observed.service.as_ref()?, arn).then_some(arn.as_str())
}

/// Whether a service's tasks are in a target group, or may be after the next rollout.
fn is_in(running: &Running, arn: &str) -> bool {
    let service = &running.found.value;
    service.target_group == Join::Other(arn.to_owned())
        || service.other_target_groups.contains(arn)
        || running
            .shifting
            .as_ref()
            .is_some_and(|it| it.alternate == arn)
}

/// The rule that leads to a unit: of those with its tag the one for its host, else the first; else one that leads there
/// without a tag, as it does before a service made by hand is handed over.
pub fn our_rule<'o>(spec: &Spec, observed: &'o Observed) -> Option<&'o Found<ListenerRule>> {
    production_rule(spec, &observed.rules)
}

/// The rule by which a new revision is tried: of those with the unit's tag the one for the test host, else the one at the test
/// rule's priority, unless that is the one for the unit's own host.
pub fn test_rule<'o>(
    spec: &Spec,
    rules: &'o [Found<ListenerRule>],
) -> Option<&'o Found<ListenerRule>> {
    let test = spec.shifting()?.test.as_ref()?;
    let is_for = |rule: &Found<ListenerRule>, host: &String| rule.value.hosts.iter().eq([host]);
    let ours = || {
        let rules = rules.iter();
        rules.filter(|rule| rule.owner.as_deref() == Some(&spec.name))
    };
    let host = &spec.load_balancer.host;
    let is_the_only_one_for_host = |rule: &Found<ListenerRule>| {
        is_for(rule, host) && ours().filter(|other| is_for(other, host)).count() == 1
    };
    ours().find(|rule| is_for(rule, &test.host)).or_else(|| {
        ours().find(|rule| {
            u32::try_from(rule.value.priority) == Ok(test.priority)
                && !is_the_only_one_for_host(rule)
        })
    })
}

/// [`our_rule`] of these.
pub fn production_rule<'o>(
    spec: &Spec,
    rules: &'o [Found<ListenerRule>],
) -> Option<&'o Found<ListenerRule>> {
    let is_for_host =
        |rule: &&Found<ListenerRule>| rule.value.hosts.iter().eq([&spec.load_balancer.host]);
    let test = test_rule(spec, rules).map(|rule| &rule.arn);
    let ours = || {
        let rules = rules.iter();
        rules.filter(|rule| rule.owner.as_deref() == Some(&spec.name) && Some(&rule.arn) != test)
    };
    let untagged = |rule: &&Found<ListenerRule>| {
        rule.owner.is_none() && rule.value.forward == Join::Ours && rule.value.other.is_empty()
    };
    ours()
        .find(is_for_host)
        .or_else(|| ours().next())
        .or_else(|| rules.iter().filter(is_for_host).find(untagged))
}

/// What a rule that is not ours does to ours, if anything.
fn obstacle(rule: &Found<ListenerRule>, desired: &ListenerRule) -> Option<Blocked> {
    let ListenerRule {
        hosts,
        priority,
        forward: _,
        idle: _,
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
