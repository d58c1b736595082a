//! Planning what wakes a person: alarms on metrics, alarms on alarms, and the dashboard they are looked at on.
//!
//! What is as wanted is never written again: alarms are the slowest thing to write, three a second.

use std::collections::{BTreeMap, BTreeSet};

use super::diff::diff;
use super::{Call, Kind, Planning, Subject, Unsettled};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{Alarm, Dashboard, Dimension, POLICY_ACTION, Watched};

/// What own dimensions and policies are called today, or what has to be there first.
struct Names<'a> {
    policies: &'a BTreeMap<String, String>,
    target_group: Result<String, Subject>,
    alternate: Result<String, Subject>,
    load_balancer: Result<String, Subject>,
}

impl Names<'_> {
    fn resolve(&self, dimension: &mut Dimension) -> Result<(), Subject> {
        *dimension = match dimension {
            Dimension::Text(_) => return Ok(()),
            Dimension::TargetGroup => Dimension::Text(self.target_group.clone()?),
            Dimension::AlternateTargetGroup => Dimension::Text(self.alternate.clone()?),
            Dimension::LoadBalancer => Dimension::Text(self.load_balancer.clone()?),
        };
        Ok(())
    }

    /// An alarm with every dimension and action as CloudWatch is told it.
    fn alarm(&self, alarm: &Alarm) -> Result<Alarm, Subject> {
        let mut alarm = alarm.clone();
        let measured = match &mut alarm.watched {
            Watched::Metric(measured) => vec![measured],
            Watched::Calculation { metrics, .. } => metrics.values_mut().collect(),
        };
        for dimension in measured
            .into_iter()
            .flat_map(|metric| metric.dimensions.values_mut())
        {
            self.resolve(dimension)?;
        }
        let action = |action: &String| match action.strip_prefix(POLICY_ACTION) {
            None => Ok(action.clone()),
            Some(policy) => {
                let arn = self.policies.get(policy).cloned();
                arn.ok_or_else(|| Subject::new(Kind::ScalingPolicy, policy))
            }
        };
        alarm.actions = alarm.actions.iter().map(action).collect::<Result<_, _>>()?;
        Ok(alarm)
    }

    /// The same of a dashboard.
    fn dashboard(&self, dashboard: &Dashboard) -> Result<Dashboard, Subject> {
        let mut missing = Ok(());
        let mut dashboard = dashboard.clone();
        dashboard.rename(|text| {
            let own = [
                Dimension::TargetGroup,
                Dimension::AlternateTargetGroup,
                Dimension::LoadBalancer,
            ];
            let mut own = own.into_iter().find(|own| own.word() == text)?;
            missing = missing.clone().and(self.resolve(&mut own));
            Some(own.word().to_owned())
        });
        missing.map(|()| dashboard)
    }
}

impl<'a> Planning<'a> {
    fn names(&self) -> Names<'a> {
        let Planning {
            spec,
            desired,
            observed,
            ..
        } = self;
        let target_group = observed
            .target_group
            .as_ref()
            .map(|found| found.arn.as_str());
        let alternate = observed.alternate_target_group.as_ref();
        let alternate_name = desired.alternate_target_group.as_ref();
        let load_balancer = observed
            .load_balancer
            .as_ref()
            .map(|found| found.arn.as_str());
        let needed = |kind, name: &str| {
            let subject = Subject::new(kind, name);
            move || subject
        };
        Names {
            policies: &observed.scaling_policy_arns,
            target_group: metric_name(target_group)
                .ok_or_else(needed(Kind::TargetGroup, &desired.target_group.name)),
            alternate: metric_name(alternate.map(|found| found.arn.as_str())).ok_or_else(needed(
                Kind::TargetGroup,
                alternate_name.map_or("", |group| group.name.as_str()),
            )),
            load_balancer: metric_name(load_balancer)
                .ok_or_else(needed(Kind::LoadBalancer, &spec.load_balancer.name)),
        }
    }

    /// Puts what differs, deletes what is ours and no longer wanted — but that only once the service has what it needs.
    pub(super) fn alarms(&mut self, service: Unsettled) {
        let (desired, observed) = (self.desired, self.observed);
        let names = self.names();
        for (name, alarm) in &desired.alarms {
            let subject = Subject::new(Kind::Alarm, name);
            let found = observed.alarms.get(name);
            let changes = found.map(|found| diff(&found.value, alarm));
            if changes.as_ref().is_some_and(Vec::is_empty)
                || found.is_some_and(|found| !self.is_ours(&subject, found))
            {
                continue;
            }
            if let Some(topic) = self.silent(&alarm.actions) {
                self.needs(&subject, vec![topic]);
                continue;
            }
            match names.alarm(alarm) {
                Ok(alarm) => {
                    let create = found.is_none();
                    let name = name.clone();
                    let call = Call::PutMetricAlarm {
                        name,
                        alarm,
                        create,
                    };
                    self.step(&subject, call, changes.unwrap_or_default());
                }
                Err(missing) => self.needs(&subject, vec![missing]),
            }
        }
        self.obsolete_alarms(&observed.alarms, &desired.alarms, Kind::Alarm, &service);
    }

    /// The same of alarms on alarms, which AWS takes only once those are there.
    pub(super) fn composite_alarms(&mut self, service: Unsettled) {
        let (desired, observed) = (self.desired, self.observed);
        for (name, alarm) in &desired.composite_alarms {
            let subject = Subject::new(Kind::CompositeAlarm, name);
            let found = observed.composite_alarms.get(name);
            let changes = found.map(|found| diff(&found.value, alarm));
            if changes.as_ref().is_some_and(Vec::is_empty)
                || found.is_some_and(|found| !self.is_ours(&subject, found))
            {
                continue;
            }
            let topic = self.silent(&alarm.actions).into_iter();
            let missing: Vec<Subject> = children(&alarm.rule)
                .filter_map(|child| {
                    let there = observed.alarms.contains_key(child)
                        || observed.composite_alarms.contains_key(child);
                    let kind = match desired.composite_alarms.contains_key(child) {
                        true => Kind::CompositeAlarm,
                        false => Kind::Alarm,
                    };
                    (!there).then(|| Subject::new(kind, child))
                })
                .chain(topic)
                .collect();
            if missing.is_empty() {
                let call = Call::PutCompositeAlarm {
                    name: name.clone(),
                    alarm: alarm.clone(),
                    create: found.is_none(),
                };
                self.step(&subject, call, changes.unwrap_or_default());
            } else {
                self.needs(&subject, missing);
            }
        }
        let (found, wanted) = (&observed.composite_alarms, &desired.composite_alarms);
        self.obsolete_alarms(found, wanted, Kind::CompositeAlarm, &service);
    }

    /// The referenced topic, where it is not there: an alarm that notifies somebody is not turned to one that does not.
    fn silent(&self, actions: &BTreeSet<String>) -> Option<Subject> {
        let missing = self.desired.topic.is_none() && self.observed.topic.is_none();
        let topic = self.spec.topic_arn();
        (missing && actions.contains(&topic)).then(|| Subject::new(Kind::Topic, &topic))
    }

    /// Deletes what is ours and not wanted: after what still names it in its rule, which AWS insists on.
    fn obsolete_alarms<T, W>(
        &mut self,
        found: &BTreeMap<String, Found<T>>,
        wanted: &BTreeMap<String, W>,
        kind: Kind,
        service: &Unsettled,
    ) {
        let obsolete = found.iter().filter(|(name, found)| {
            !wanted.contains_key(*name) && found.owner.as_deref() == Some(&self.spec.name)
        });
        let obsolete: Vec<&String> = obsolete.map(|(name, _)| name).collect();
        for name in obsolete {
            let subject = Subject::new(kind, name);
            let parents = self.observed.composite_alarms.iter();
            let parents = parents
                .filter(|(_, parent)| children(&parent.value.rule).any(|child| child == name));
            let parents = parents.map(|(parent, _)| Subject::new(Kind::CompositeAlarm, parent));
            let before: Vec<Subject> = service.iter().cloned().chain(parents).collect();
            if before.is_empty() {
                self.step(&subject, Call::DeleteAlarm { name: name.clone() }, vec![]);
            } else {
                self.needs(&subject, before);
            }
        }
    }

    pub(super) fn dashboard(&mut self) {
        let found = self.observed.dashboard.as_ref();
        let Some(desired) = &self.desired.dashboard else {
            let ours = found.filter(|found| found.owner.as_deref() == Some(&self.spec.name));
            if let Some(found) = ours {
                let name = found.value.name.clone();
                let subject = Subject::new(Kind::Dashboard, &name);
                self.step(&subject, Call::DeleteDashboard { name }, vec![]);
            }
            return;
        };
        let subject = Subject::new(Kind::Dashboard, &desired.name);
        let changes = found.map(|found| diff(&found.value, desired));
        if changes.as_ref().is_some_and(Vec::is_empty)
            || found.is_some_and(|found| !self.is_ours(&subject, found))
        {
            return;
        }
        match self.names().dashboard(desired) {
            Ok(dashboard) => {
                let create = found.is_none();
                let call = Call::PutDashboard { dashboard, create };
                self.step(&subject, call, changes.unwrap_or_default());
            }
            Err(missing) => self.needs(&subject, vec![missing]),
        }
    }
}

/// The alarms a rule names. Ours quotes them, and no name has a quote in it.
fn children(rule: &str) -> impl Iterator<Item = &str> {
    rule.split('"').skip(1).step_by(2)
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
