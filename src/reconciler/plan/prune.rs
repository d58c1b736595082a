//! Planning the end of what the unit has left behind: rules and target groups with its tag that the manifest no longer wants.
//!
//! Last of all, once the service runs as it should: until then its tasks may still be needed there. Roles, log groups and
//! revisions of before are kept: a rollback goes back to them. Alarms are `alarms`'s.

use super::{Call, Kind, Planning, Subject, Unsettled};
use crate::reconciler::resource::Join;

impl Planning<'_> {
    pub(super) fn prune(&mut self, service: &Unsettled) {
        let ours = self.our_rule().map(|rule| rule.arn.clone());
        let left_rules: Vec<String> = self
            .observed
            .rules
            .iter()
            .filter(|rule| rule.owner.as_deref() == Some(&self.spec.name))
            .map(|rule| rule.arn.clone())
            .filter(|arn| Some(arn) != ours.as_ref())
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
            .find(|rule| rule.value.forward == it || rule.value.idle.contains(&it));
        let joined = self.observed.service.as_ref().is_some_and(|running| {
            let service = &running.found.value;
            service.target_group == it || service.other_target_groups.contains(arn)
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
