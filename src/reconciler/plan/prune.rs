//! Planning the end of what the unit has left behind: rules and target groups with its tag that the manifest no longer wants.
//!
//! Last of all, once the service runs as it should: until then its tasks may still be needed there. Roles, log groups and
//! revisions of before are kept: a rollback goes back to them. Alarms are `alarms`'s.

use super::shifting::groups;
use super::{Call, Kind, Planning, Subject, Unsettled, test_rule};
use crate::reconciler::resource::Join;

impl Planning<'_> {
    pub(super) fn prune(&mut self, service: &Unsettled) {
        let test = test_rule(self.spec, &self.observed.rules);
        let ours: Vec<String> = self
            .our_rule()
            .into_iter()
            .chain(test)
            .map(|rule| rule.arn.clone())
            .collect();
        let left_rules: Vec<String> = self
            .observed
            .rules
            .iter()
            .filter(|rule| rule.owner.as_deref() == Some(&self.spec.name))
            .map(|rule| rule.arn.clone())
            .filter(|arn| !ours.contains(arn))
            .collect();
        for arn in left_rules {
            let subject = Subject::new(Kind::ListenerRule, &arn);
            self.once_settled(subject, service, Call::DeleteRule { arn });
        }
        for (arn, name) in self.observed.left_target_groups.clone() {
            let subject = Subject::new(Kind::TargetGroup, &name);
            // AWS removes no target group that a rule forwards to.
            let user = self.user(&arn).or_else(|| service.clone());
            self.once_settled(subject, &user, Call::DeleteTargetGroup { arn });
        }
        // Unlike the tasks' roles it is of no use to a rollback, which would make it again.
        if self.desired.rollout_role.is_none()
            && let Some(found) = &self.observed.rollout_role
            && found.owner.as_deref() == Some(&self.spec.name)
        {
            match service {
                None => self.unassume(found),
                Some(service) => {
                    let subject = Subject::new(Kind::Role, &found.value.name);
                    self.needs(&subject, vec![service.clone()]);
                }
            }
        }
    }

    fn once_settled(&mut self, subject: Subject, unsettled: &Unsettled, call: Call) {
        match unsettled {
            None => self.step(&subject, call, vec![]),
            Some(unsettled) => self.needs(&subject, vec![unsettled.clone()]),
        }
    }

    /// Who still refers to a target group, if anyone does.
    fn user(&self, arn: &str) -> Unsettled {
        let it = Join::Other(arn.to_owned());
        let rule = self
            .observed
            .rules
            .iter()
            .find(|rule| groups(&rule.value).contains(&it));
        let joined = self.observed.service.as_ref().is_some_and(|running| {
            let service = &running.found.value;
            let alternate = running.shifting.as_ref().map(|it| it.alternate.as_str());
            service.target_group == it
                || service.other_target_groups.contains(arn)
                || alternate == Some(arn)
        });
        if joined {
            return Some(Subject::new(Kind::Service, &self.spec.name));
        }
        let rule = rule?;
        let ours = rule.owner.as_deref() == Some(&self.spec.name);
        let name = if ours {
            &self.spec.load_balancer.host
        } else {
            &rule.arn
        };
        Some(Subject::new(Kind::ListenerRule, name))
    }
}
