//! How many tasks, and why more: bounds, target tracking, steps and the clock.

use std::collections::BTreeMap;

use super::signed;
use crate::reconciler::resource::{
    Join, ScalableTarget, ScalingPolicy, ScheduledAction, Step, Steps, Tracking,
};
use crate::reconciler::spec::{Spec, StepScaling, Threshold};

/// The bounds autoscaling keeps.
pub fn target(spec: &Spec) -> ScalableTarget {
    ScalableTarget {
        min: signed(spec.scaling.min),
        max: signed(spec.scaling.max),
        suspended: spec.scaling.suspended,
    }
}

/// Every policy by name. All of them may add tasks; tasks are removed only when all of them agree.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html>
pub fn policies(spec: &Spec) -> BTreeMap<String, ScalingPolicy> {
    let scaling = &spec.scaling;
    let tracked = [
        (
            "cpu",
            "ECSServiceAverageCPUUtilization",
            Join::None,
            scaling.cpu_percent,
        ),
        (
            "memory",
            "ECSServiceAverageMemoryUtilization",
            Join::None,
            scaling.memory_percent,
        ),
        (
            "requests",
            "ALBRequestCountPerTarget",
            Join::Ours,
            scaling.requests_per_target,
        ),
    ];
    let tracked = tracked
        .into_iter()
        .filter_map(|(what, metric, requests_of, target)| {
            let policy = Tracking {
                metric: metric.to_owned(),
                requests_of,
                target: f64::from(target?),
                scale_in_cooldown_seconds: signed(scaling.scale_in_cooldown_seconds),
                scale_out_cooldown_seconds: signed(scaling.scale_out_cooldown_seconds),
                scale_in_disabled: false,
            };
            Some((
                format!("{}-{what}", spec.name),
                ScalingPolicy::Tracking(policy),
            ))
        });
    let steps = scaling
        .steps
        .iter()
        .map(|policy| (step_name(spec, policy), ScalingPolicy::Steps(steps(policy))));
    tracked.chain(steps).collect()
}

/// The name of a step-scaling policy and of the alarm that sets it off.
pub fn step_name(spec: &Spec, policy: &StepScaling) -> String {
    format!("{}-step-{}", spec.name, policy.name)
}

/// Bounds are relative to the alarm's threshold, ascending, without a gap; beyond the last step there is no end.
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html>
fn steps(policy: &StepScaling) -> Steps {
    let changes = &policy.changes;
    let ends = changes.iter().skip(1).map(|next| Some(next.beyond));
    let mut steps: Vec<Step> = changes
        .iter()
        .zip(ends.chain([None]))
        .map(|(change, end)| match policy.threshold {
            Threshold::Above(_) => Step {
                from: Some(change.beyond),
                to: end,
                change: signed(change.tasks),
            },
            Threshold::Below(_) => Step {
                from: end.map(|end| 0.0 - end),
                to: Some(0.0 - change.beyond),
                change: -signed(change.tasks),
            },
        })
        .collect();
    if matches!(policy.threshold, Threshold::Below(_)) {
        steps.reverse();
    }
    Steps {
        adjustment: "ChangeInCapacity".to_owned(),
        steps,
        aggregation: "Average".to_owned(),
        cooldown_seconds: signed(policy.cooldown_seconds),
        tasks_min: 0,
    }
}

/// Other bounds at other times.
pub fn scheduled_actions(spec: &Spec) -> BTreeMap<String, ScheduledAction> {
    let schedules = spec.scaling.schedules.iter();
    schedules
        .map(|schedule| {
            let action = ScheduledAction {
                schedule: schedule.at.clone(),
                time_zone: schedule.time_zone.clone(),
                min: Some(signed(schedule.min)),
                max: Some(signed(schedule.max)),
                start: None,
                end: None,
            };
            (format!("{}-{}", spec.name, schedule.name), action)
        })
        .collect()
}
