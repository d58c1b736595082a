//! Planning what wakes a person.

use std::collections::BTreeMap;

use super::diff::diff;
use super::{Call, Kind, Planning, Subject, Unsettled};
use crate::reconciler::resource::Dimension;

impl Planning<'_> {
    /// Puts what differs, deletes what is ours and no longer wanted — but that only once the service has what it needs.
    pub(super) fn alarms(&mut self, service: Unsettled) {
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
