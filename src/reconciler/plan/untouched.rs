//! What differs from run to run and is left alone, because somebody else owns it, and within what.
//!
//! Pure. Outside of its guard such a field is a change like any other, with the guard as its reason; see
//! [`workload`](super::workload).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::scaling::bounds;
use super::{Kind, Subject};
use crate::reconciler::normal::Owner;
use crate::reconciler::observed::Observed;
use crate::reconciler::resource::{Join, Resources};
use crate::reconciler::spec::Spec;

/// One field that is not ours to set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Untouched {
    /// Whose field.
    pub subject: Subject,
    /// Which.
    pub path: String,
    /// What it is.
    pub value: Value,
    /// Who decides it.
    pub owner: Owner,
    /// As long as this holds.
    pub guard: String,
}

/// All of a unit's, in the order of its resources.
pub fn untouched(spec: &Spec, desired: &Resources, observed: &Observed) -> Vec<Untouched> {
    let (min, max) = bounds(desired, observed);
    let running = observed.service.as_ref();
    let count =
        running.filter(|running| !running.draining && (min..=max).contains(&running.desired_count));
    let count = count.map(|running| Untouched {
        subject: Subject::new(Kind::Service, &spec.name),
        path: "desired_count".to_owned(),
        value: running.desired_count.into(),
        owner: Owner::AutoScaling,
        guard: within((min, max)),
    });
    let weights = weights(observed).map(|weights| Untouched {
        subject: Subject::new(Kind::ListenerRule, &spec.load_balancer.host),
        path: "weights".to_owned(),
        value: weights,
        owner: Owner::Ecs,
        guard: "0 to 100 of our two target groups".to_owned(),
    });
    let scheduled = (min, max) != (desired.scalable_target.min, desired.scalable_target.max);
    let resource = format!("service/{}/{}", spec.cluster, spec.name);
    let scheduled = scheduled.then(|| Untouched {
        subject: Subject::new(Kind::ScalableTarget, &resource),
        path: "bounds".to_owned(),
        value: format!("{min}–{max}").into(),
        owner: Owner::AutoScaling,
        guard: "as a scheduled action of the manifest's set them".to_owned(),
    });
    weights.into_iter().chain(count).chain(scheduled).collect()
}

/// The weights of the rule on which ECS moves requests from one of the service's target groups to the other, by ARN; none
/// where a third group takes part, or a weight is not ECS's.
pub fn weights(observed: &Observed) -> Option<Value> {
    let shifting = observed.service.as_ref()?.shifting.as_ref()?;
    let own = observed.target_group.as_ref()?;
    let rule = observed
        .rules
        .iter()
        .find(|rule| rule.arn == shifting.rule)?;
    // Between two rollouts one has all, whichever it is.
    let one = |join: &Join| match join {
        Join::Ours => Some(own.arn.clone()),
        Join::Alternate => Some(shifting.alternate.clone()),
        Join::Other(arn) => Some(arn.clone()),
        Join::None | Join::Split(_) => None,
    };
    let weights = match &rule.value.forward {
        Join::Split(weights) => weights.clone(),
        forward => {
            let idle = rule.value.idle.iter().map(|join| (one(join), 0));
            let all = [(one(forward), 100)].into_iter().chain(idle);
            let all: Option<BTreeMap<String, i32>> =
                all.map(|(arn, weight)| Some((arn?, weight))).collect();
            all.filter(|all| all.len() > 1)?
        }
    };
    let ecs = weights.iter().all(|(group, weight)| {
        (*group == own.arn || *group == shifting.alternate) && (0..=100).contains(weight)
    });
    ecs.then(|| serde_json::json!(weights))
}

/// The bounds of the desired count, in words.
pub fn within((min, max): (i32, i32)) -> String {
    format!("within {min}–{max}")
}
