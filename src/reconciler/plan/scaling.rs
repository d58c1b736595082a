//! Planning what changes the number of tasks: bounds, policies and the clock.

use super::diff::{Change, diff};
use super::{Call, Kind, Planning, Subject, Unsettled, metric_name};
use crate::reconciler::leave::is_left;
use crate::reconciler::observed::{LoadBalancer, Observed};
use crate::reconciler::resource::{Join, Resources, ScalableTarget, ScalingPolicy, Tracking};

/// How Application Auto Scaling names a target group's requests: `app/name/id/targetgroup/name/id`, as EC2's does.
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PredefinedMetricSpecification.html>
pub fn requests_of(balancer: Option<&LoadBalancer>, target_group: Option<&str>) -> Option<String> {
    let balancer = metric_name(balancer.map(|balancer| balancer.arn.as_str()))?;
    Some(format!("{balancer}/{}", metric_name(target_group)?))
}

/// The bounds as they may be: the manifest's, or those a scheduled action of the manifest's has made of them since. Which
/// of these the clock asks for just now is not known here; bounds that are neither go back to the manifest's.
pub(super) fn bounds(desired: &Resources, observed: &Observed) -> (i32, i32) {
    let ScalableTarget { min, max, .. } = desired.scalable_target;
    let found = observed.scalable_target.as_ref();
    let mut scheduled = desired.scheduled_actions.values();
    found
        .map(|found| (found.min, found.max))
        .filter(|found| {
            scheduled.any(|action| (action.min, action.max) == (Some(found.0), Some(found.1)))
        })
        .unwrap_or((min, max))
}

impl Planning<'_> {
    /// `service/<cluster>/<service>`, Application Auto Scaling's name for it.
    pub(super) fn scaling_resource(&self) -> String {
        format!("service/{}/{}", self.spec.cluster, self.spec.name)
    }

    /// See [`bounds`].
    pub(super) fn bounds(&self) -> (i32, i32) {
        bounds(self.desired, self.observed)
    }

    fn target(&self) -> ScalableTarget {
        let (min, max) = self.bounds();
        let mut suspended = self.desired.scalable_target.suspended;
        suspended.scale_in |= self.scale_in_is_held();
        ScalableTarget {
            min,
            max,
            suspended,
        }
    }

    /// Whether scaling in is suspended on top of what the manifest suspends: while tasks are replaced the measured load is
    /// spread over old tasks and new ones, and a count that sinks then takes tasks away that the rollout was planned with.
    /// Nothing remembers it: it follows from what is observed, so that whoever looks next after the rollout, or after a
    /// reconciler was killed, lifts it. At the lowest count there is nothing to hold, and no call is spent on it; nor is it
    /// there for a target that is yet to be made.
    ///
    /// AWS documents that Application Auto Scaling "turns off scale-in processes while Amazon ECS deployments are in
    /// progress", but not whether that covers the bake time of a blue/green one or the moments before it begins; held so, it can be seen.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshoot-service-auto-scaling.html>
    fn scale_in_is_held(&self) -> bool {
        let Observed {
            service,
            scalable_target,
            ..
        } = self.observed;
        let above = service
            .as_ref()
            .is_some_and(|running| running.desired_count > self.bounds().0);
        self.replacing && above && scalable_target.is_some()
    }

    /// What is to be suspended, and seen to be, before tasks are replaced.
    pub(super) fn scale_in_to_hold(&self) -> Option<Subject> {
        let subject = Subject::new(Kind::ScalableTarget, &self.scaling_resource());
        let found = self.observed.scalable_target.as_ref()?;
        let possible = !self.held.contains(&subject) && !is_left(self.spec, &subject);
        (self.scale_in_is_held() && !found.suspended.scale_in && possible).then_some(subject)
    }

    /// Needs the service to be there, not to be finished: load may come during a rollout too.
    pub(super) fn scalable_target(&mut self, service: Unsettled) -> Unsettled {
        let resource = self.scaling_resource();
        let subject = Subject::new(Kind::ScalableTarget, &resource);
        let target = self.target();
        let changes = match &self.observed.scalable_target {
            Some(found) => diff(found, &target)
                .into_iter()
                .map(|change| self.told_why(change))
                .collect(),
            None => vec![],
        };
        if self.observed.scalable_target.is_some() && changes.is_empty() {
            return None;
        }
        if self.observed.service.is_some() {
            let call = Call::RegisterScalableTarget { resource, target };
            self.step(&subject, call, changes);
        } else {
            self.needs(&subject, service.into_iter().collect());
        }
        Some(subject)
    }

    /// A suspension that the manifest does not ask for has a reason.
    fn told_why(&self, change: Change) -> Change {
        let held = change.path == "suspended.scale_in" && self.scale_in_is_held();
        Change {
            reason: held
                .then(|| "while tasks are replaced".to_owned())
                .or(change.reason),
            ..change
        }
    }

    /// Policies of this service that nobody wants are deleted: two masters of one count fight.
    pub(super) fn scaling_policies(&mut self, unsettled: Unsettled) {
        let (desired, observed) = (self.desired, self.observed);
        for (name, policy) in &desired.scaling_policies {
            let subject = Subject::new(Kind::ScalingPolicy, name);
            let found = observed.scaling_policies.get(name);
            let changes = found.map(|found| diff(found, policy));
            if changes.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            if observed.scalable_target.is_none() {
                self.needs(&subject, unsettled.clone().into_iter().collect());
                continue;
            }
            match self.policy_requests(policy) {
                Ok(requests_of) => {
                    let call = Call::PutScalingPolicy {
                        resource: self.scaling_resource(),
                        name: name.clone(),
                        policy: policy.clone(),
                        requests_of,
                    };
                    self.step(&subject, call, changes.unwrap_or_default());
                }
                Err(missing) => self.needs(&subject, missing),
            }
        }
        let unwanted = observed
            .scaling_policies
            .keys()
            .filter(|name| !desired.scaling_policies.contains_key(*name));
        for name in unwanted {
            let subject = Subject::new(Kind::ScalingPolicy, name);
            let call = Call::DeleteScalingPolicy {
                resource: self.scaling_resource(),
                name: name.clone(),
            };
            self.step(&subject, call, vec![]);
        }
    }

    /// Whose requests a policy is to track, where it does; or what must be there first.
    fn policy_requests(&self, policy: &ScalingPolicy) -> Result<Option<String>, Vec<Subject>> {
        let ScalingPolicy::Tracking(Tracking {
            requests_of: Join::Ours,
            ..
        }) = policy
        else {
            return Ok(None);
        };
        let balancer = self.observed.load_balancer.as_ref();
        let group = self.observed.target_group.as_ref();
        requests_of(balancer, group.map(|found| found.arn.as_str()))
            .map(Some)
            .ok_or_else(|| {
                let missing = [
                    (
                        balancer.is_none(),
                        Kind::LoadBalancer,
                        &self.spec.load_balancer.name,
                    ),
                    (
                        group.is_none(),
                        Kind::TargetGroup,
                        &self.desired.target_group.name,
                    ),
                ];
                let missing = missing.into_iter().filter(|(missing, ..)| *missing);
                missing
                    .map(|(_, kind, name)| Subject::new(kind, name))
                    .collect()
            })
    }

    /// As with policies: a second clock would fight ours.
    pub(super) fn scheduled_actions(&mut self, unsettled: Unsettled) {
        let (desired, observed) = (self.desired, self.observed);
        for (name, action) in &desired.scheduled_actions {
            let subject = Subject::new(Kind::ScheduledAction, name);
            let found = observed.scheduled_actions.get(name);
            let changes = found.map(|found| diff(found, action));
            if changes.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            if observed.scalable_target.is_none() {
                self.needs(&subject, unsettled.clone().into_iter().collect());
                continue;
            }
            let call = Call::PutScheduledAction {
                resource: self.scaling_resource(),
                name: name.clone(),
                action: action.clone(),
            };
            self.step(&subject, call, changes.unwrap_or_default());
        }
        let unwanted = observed
            .scheduled_actions
            .keys()
            .filter(|name| !desired.scheduled_actions.contains_key(*name));
        for name in unwanted {
            let subject = Subject::new(Kind::ScheduledAction, name);
            let call = Call::DeleteScheduledAction {
                resource: self.scaling_resource(),
                name: name.clone(),
            };
            self.step(&subject, call, vec![]);
        }
    }
}
