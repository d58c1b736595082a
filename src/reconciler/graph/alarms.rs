//! Alarm dimension → a name that exists: an alarm on a metric of something else, or of nothing, never fires.

use super::{Graph, Remedy};
use crate::reconciler::plan::{Kind, Subject};
use crate::reconciler::resource::Dimension;

impl Graph<'_> {
    /// Alarms that cannot be put before the target group is there and ours.
    pub(super) fn target_group_alarms(&self) -> Vec<Subject> {
        self.desired
            .alarms
            .iter()
            .filter(|(_, alarm)| {
                let mut dimensions = alarm.dimensions().into_iter();
                dimensions.any(|(_, value)| {
                    [Dimension::TargetGroup, Dimension::AlternateTargetGroup].contains(value)
                })
            })
            .map(|(name, _)| Subject::new(Kind::Alarm, name))
            .collect()
    }

    pub(super) fn dimensions(&mut self) {
        for (name, found) in &self.observed.alarms {
            for (dimension, value) in found.value.dimensions() {
                let Dimension::Text(value) = value else {
                    continue;
                };
                let to = match dimension {
                    "TargetGroup" => self.target_group(),
                    "LoadBalancer" => {
                        Subject::new(Kind::LoadBalancer, &self.spec.load_balancer.name)
                    }
                    "ServiceName" if *value != self.spec.name => self.service(),
                    "ClusterName" if *value != self.spec.cluster => {
                        Subject::new(Kind::Cluster, &self.spec.cluster)
                    }
                    _ => continue,
                };
                // Only what the manifest wants is put right; an alarm of somebody else's may watch what it likes.
                if self.desired.alarms.contains_key(name) {
                    let alarm = Subject::new(Kind::Alarm, name);
                    let why = format!(
                        "its dimension {dimension} is {value:?}: it watches something else, or nothing"
                    );
                    self.find(alarm, to, why, Remedy::Reconcile);
                }
            }
        }
    }
}
