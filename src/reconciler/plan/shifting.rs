//! Planning what ECS needs to move requests between two target groups, and what of it is left alone while it does.
//!
//! The production rule names both target groups; which of them gets the requests is ECS's to say while a rollout is under way.
//! Afterwards it is right whichever gets all, if that is where the tasks are.

use std::collections::BTreeSet;

use super::diff::{Change, diff};
use super::{Call, Kind, Planning, ShiftingCall, Subject, Unsettled, moving_from, test_rule};
use crate::reconciler::observed::{Observed, Rollout};
use crate::reconciler::resource::{Join, ListenerRule, Resources, Service};
use crate::reconciler::spec::Spec;

/// What is wanted for now, while the host's requests still go to a target group of before: they are moved to the unit's own
/// first, task by task, and only then is anything left to ECS to move.
pub fn until_moved(spec: &Spec, desired: Resources, observed: &Observed) -> Resources {
    if desired.service.alternate == Join::None || moving_from(spec, observed).is_none() {
        return desired;
    }
    let mut desired = desired;
    desired.listener_rule.idle.clear();
    desired.service = Service {
        strategy: "ROLLING".to_owned(),
        bake_minutes: 0,
        step_percent: None,
        step_bake_minutes: None,
        alternate: Join::None,
        production_rule: Join::None,
        test_rule: Join::None,
        rollout_role: None,
        hooks: Vec::new(),
        ..desired.service
    };
    desired
}

/// Every target group of a rule.
pub(super) fn groups(rule: &ListenerRule) -> Vec<Join> {
    let mut groups = forwarded(&rule.forward);
    groups.extend(rule.idle.iter().cloned());
    groups
}

/// Those that get requests.
fn forwarded(forward: &Join) -> Vec<Join> {
    match forward {
        Join::Split(groups) => groups.keys().cloned().map(Join::Other).collect(),
        Join::None => Vec::new(),
        one @ (Join::Ours | Join::Alternate | Join::Other(_)) => vec![one.clone()],
    }
}

impl Planning<'_> {
    /// ECS has a rollout under way that moves requests.
    pub(super) fn is_shifting(&self) -> bool {
        self.observed.service.as_ref().is_some_and(|running| {
            running.shifting.is_some()
                && matches!(running.rollout, Rollout::InProgress | Rollout::RollingBack)
        })
    }

    /// Whether all of these are this unit's two target groups.
    fn all_ours<'j>(&self, groups: impl IntoIterator<Item = &'j Join>) -> bool {
        let arns = [
            &self.observed.target_group,
            &self.observed.alternate_target_group,
        ];
        let known = |arn: &String| {
            arns.iter()
                .any(|it| it.as_ref().is_some_and(|it| it.arn == *arn))
        };
        groups.into_iter().all(|group| match group {
            Join::Ours | Join::Alternate => true,
            Join::Other(arn) => known(arn),
            Join::None | Join::Split(_) => false,
        })
    }

    /// Where the tasks are, once nothing moves: what the requests belong to.
    pub(super) fn serving(&self) -> Join {
        let Observed {
            healthy_targets,
            healthy_alternate,
            ..
        } = self.observed;
        if *healthy_alternate > 0 && healthy_targets == healthy_alternate {
            Join::Alternate
        } else {
            Join::Ours
        }
    }

    /// What differs in the production rule of a service whose requests ECS moves, and is not ECS's to decide. At rest they belong
    /// to where the tasks are.
    pub(super) fn undelegated(&self, rule: &ListenerRule) -> Vec<Change> {
        let desired = &self.desired.listener_rule;
        let wanted = match self.serving() {
            Join::Alternate => ListenerRule {
                forward: Join::Alternate,
                idle: BTreeSet::from([Join::Ours]),
                ..desired.clone()
            },
            _ => desired.clone(),
        };
        let mut changes = diff(rule, &wanted);
        let named = groups(rule);
        let joined = [Join::Ours, Join::Alternate]
            .iter()
            .all(|join| named.contains(join));
        let split = matches!(rule.forward, Join::Split(_));
        if !self.all_ours(&named) || !(joined || split) {
            return changes;
        }
        let nobody = self.observed.healthy_targets == 0;
        if self.is_shifting() || (joined && nobody) {
            changes.retain(|change| change.path != "forward" && change.path != "idle");
            return changes;
        }
        changes.retain(|change| change.path != "idle");
        for change in changes.iter_mut().filter(|change| change.path == "forward") {
            change.reason = Some("not where the tasks are, and ECS moves nothing now".to_owned());
        }
        changes
    }

    /// The rule by which a new revision is tried. ECS points it to whichever target group that is in.
    pub(super) fn test_rule(&mut self) -> Unsettled {
        let (spec, observed) = (self.spec, self.observed);
        let desired = self.desired.test_rule.as_ref()?;
        let host = desired.hosts.first()?;
        let subject = Subject::new(Kind::ListenerRule, host);
        let balancer = observed.load_balancer.as_ref();
        let listener = balancer.and_then(|balancer| balancer.listener.clone());
        let target_group = observed.alternate_target_group.as_ref();
        let (Some(listener), Some(target_group)) = (listener, target_group) else {
            let group = self.desired.alternate_target_group.as_ref();
            let group = group.map_or("", |group| group.name.as_str());
            self.needs(&subject, vec![Subject::new(Kind::TargetGroup, group)]);
            return Some(subject);
        };
        let target_group = target_group.arn.clone();
        let Some(found) = test_rule(spec, &observed.rules) else {
            let rule = desired.clone();
            self.step(
                &subject,
                Call::CreateRule {
                    listener,
                    rule,
                    target_group,
                    idle: None,
                },
                vec![],
            );
            return Some(subject);
        };
        let mut changes = diff(&found.value, desired);
        let forwarded = forwarded(&found.value.forward);
        let led_by_ecs = !forwarded.is_empty() && self.all_ours(&forwarded);
        let waits_for_ecs = self.all_ours(&found.value.idle);
        changes.retain(|change| match change.path.as_str() {
            "forward" => !led_by_ecs,
            "idle" => !waits_for_ecs,
            _ => true,
        });
        let (priority, rest): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.path == "priority");
        let arn = found.arn.clone();
        if !rest.is_empty() && !self.is_shifting() {
            let call = Call::ModifyRule {
                arn: arn.clone(),
                rule: desired.clone(),
                target_group,
                idle: None,
            };
            self.step(&subject, call, rest);
        } else if !rest.is_empty() {
            let service = Subject::new(Kind::Service, &spec.name);
            self.needs(&subject, vec![service]);
        }
        if !priority.is_empty() {
            let priority_wanted = desired.priority;
            let call = Call::SetRulePriority {
                arn,
                priority: priority_wanted,
            };
            self.step(&subject, call, priority);
        }
        None
    }

    /// What ECS moves requests by; none where it does not, or where something of it is not there yet.
    pub(super) fn shifting_call(&self) -> Option<ShiftingCall> {
        if self.desired.service.alternate == Join::None {
            return None;
        }
        let rules = &self.observed.rules;
        Some(ShiftingCall {
            alternate: self.observed.alternate_target_group.as_ref()?.arn.clone(),
            production_rule: self.our_rule()?.arn.clone(),
            test_rule: test_rule(self.spec, rules)
                .filter(|_| self.desired.service.test_rule != Join::None)
                .map(|rule| rule.arn.clone()),
        })
    }
}
