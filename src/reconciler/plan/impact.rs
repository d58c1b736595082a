//! What a step does to what runs: made or changed in place, a new rollout, at whose risk, and for how long.
//!
//! Pure: read off the call, the settings and the counts. How long ECS takes to start a task is measured, the rest is the
//! unit's own settings; see [`rollout`].

use serde::Serialize;

use super::{Call, Step};
use crate::reconciler::observed::Observed;
use crate::reconciler::resource::{HealthCheck, Resources};

/// What a step means to what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// How it comes about.
    pub kind: Manner,
    /// What may go wrong on the way, if anything may.
    pub risk: Option<Risk>,
    /// Until it has its effect; absent where that is at once.
    pub takes: Option<Takes>,
}

/// How a change comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Manner {
    /// Something that was not there.
    Made,
    /// The same resource, changed.
    InPlace,
    /// One more revision of the task definition, which runs nothing yet.
    NewRevision,
    /// Tasks are started and old ones replaced.
    NewRollout,
    /// Something that was there is no more.
    Removed,
}

impl Manner {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Manner::Made => "made",
            Manner::InPlace => "in place",
            Manner::NewRevision => "a new revision, which runs nothing yet",
            Manner::NewRollout => "a new rollout",
            Manner::Removed => "removed",
        }
    }
}

/// What is at risk, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Risk {
    /// Requests.
    Traffic(String),
    /// The number of tasks.
    Capacity(String),
    /// What is stored.
    Data(String),
}

/// A span of time and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Takes {
    /// At least.
    pub seconds_min: u32,
    /// At most, if all goes well.
    pub seconds_max: u32,
    /// The sum.
    pub because: String,
}

/// From the scheduler's decision to a running container, image pulled: Fargate's, as measured by many.
/// `aws-facts` §4: a two-task update takes "start (30-60 s) + first health check + drain".
pub(super) const START_SECONDS: (u32, u32) = (30, 60);

/// What one step does, given what was seen when it was planned.
pub fn impact(step: &Step, desired: &Resources, observed: &Observed) -> Impact {
    use Manner::{InPlace, Made, NewRevision, NewRollout, Removed};
    let plain = |kind| Impact {
        kind,
        risk: None,
        takes: None,
    };
    let at_risk = |kind, risk| Impact {
        kind,
        risk: Some(risk),
        takes: None,
    };
    match &step.call {
        Call::CreateLogGroup { .. }
        | Call::CreateRole { .. }
        | Call::CreateTargetGroup { .. }
        | Call::CreateDiscoveryService { .. }
        | Call::CreateTopic { .. }
        | Call::Subscribe { .. } => plain(Made),
        Call::PutRetentionPolicy { group: _, days } => {
            let kept = observed
                .log_group
                .as_ref()
                .map(|group| group.value.retention_days);
            match kept {
                Some(kept) if kept.is_none_or(|kept| kept > *days) => at_risk(
                    InPlace,
                    Risk::Data(format!("events older than {days} days are deleted")),
                ),
                _ => plain(InPlace),
            }
        }
        Call::PutMetricFilter { .. }
        | Call::PutMetricAlarm { .. }
        | Call::PutCompositeAlarm { .. }
        | Call::PutDashboard { .. }
            if step.changes.is_empty() =>
        {
            plain(Made)
        }
        Call::UpdateAssumeRolePolicy { .. }
        | Call::PutRolePolicy { .. }
        | Call::PutMetricFilter { .. }
        | Call::PutMetricAlarm { .. }
        | Call::PutCompositeAlarm { .. }
        | Call::PutDashboard { .. } => plain(InPlace),
        Call::DeleteRolePolicy { .. }
        | Call::DetachRolePolicy { .. }
        | Call::DeleteMetricFilter { .. }
        | Call::DeleteAlarm { .. }
        | Call::DeleteDashboard { .. }
        | Call::DeregisterTaskDefinition { .. }
        | Call::DeleteTargetGroup { .. }
        | Call::DeleteDiscoveryService { .. }
        | Call::DeleteRole { .. }
        | Call::DeleteTopic { .. }
        | Call::Unsubscribe { .. } => plain(Removed),
        Call::DeleteLogGroup { .. } => at_risk(
            Removed,
            Risk::Data("every event in it is deleted".to_owned()),
        ),
        Call::DeleteRule { .. } => at_risk(
            Removed,
            Risk::Traffic("requests for its hosts go elsewhere from then on".to_owned()),
        ),
        Call::DeleteService { .. } => at_risk(
            Removed,
            Risk::Traffic("every task stops, once its requests are done".to_owned()),
        ),
        Call::ModifyTargetGroup {
            arn: _,
            health_check,
        } => health_check_changed(health_check),
        Call::ModifyTargetGroupAttributes { .. } => plain(InPlace),
        Call::CreateRule { .. } if observed.healthy_targets == 0 => at_risk(
            Made,
            Risk::Traffic("the host answers 503 until a task is healthy".to_owned()),
        ),
        Call::CreateRule { .. } => plain(Made),
        Call::ModifyRule { .. } | Call::SetRulePriority { .. } => at_risk(
            InPlace,
            Risk::Traffic("requests take the new way within seconds".to_owned()),
        ),
        Call::UpdateDiscoveryService { .. } => plain(InPlace),
        Call::RegisterTaskDefinition { .. } => plain(NewRevision),
        Call::CreateService {
            service: _,
            desired_count,
        } => Impact {
            kind: NewRollout,
            risk: None,
            takes: Some(first_start(desired, *desired_count)),
        },
        Call::UpdateService {
            service: _,
            desired_count,
        } => update(step, desired, observed, *desired_count),
        Call::StopServiceDeployment { .. } => at_risk(
            NewRollout,
            Risk::Capacity("tasks of the revision before take over again".to_owned()),
        ),
        Call::RegisterScalableTarget {
            resource: _,
            target,
        } => bounds(observed, target.min, target.max),
        Call::PutScalingPolicy { .. } | Call::PutScheduledAction { .. } => at_risk(
            if step.changes.is_empty() {
                Made
            } else {
                InPlace
            },
            Risk::Capacity("the number of tasks follows it from now on".to_owned()),
        ),
        Call::DeleteScalingPolicy { .. }
        | Call::DeleteScheduledAction { .. }
        | Call::DeregisterScalableTarget { .. } => at_risk(
            Removed,
            Risk::Capacity("the number of tasks no longer follows it".to_owned()),
        ),
    }
}

fn health_check_changed(check: &HealthCheck) -> Impact {
    let HealthCheck {
        interval_seconds,
        unhealthy_threshold,
        ..
    } = check;
    let seconds = positive(*interval_seconds) * positive(*unhealthy_threshold);
    Impact {
        kind: Manner::InPlace,
        risk: Some(Risk::Traffic(format!(
            "a task that fails the new check gets no requests after {seconds} s ({interval_seconds} s × {unhealthy_threshold})"
        ))),
        takes: None,
    }
}

fn bounds(observed: &Observed, min: i32, max: i32) -> Impact {
    let count = observed
        .service
        .as_ref()
        .map(|running| running.desired_count);
    let moved = count.filter(|count| !(min..=max).contains(count));
    let made = observed.scalable_target.is_none();
    Impact {
        kind: if made { Manner::Made } else { Manner::InPlace },
        risk: moved.map(|count| {
            let to = count.clamp(min, max);
            Risk::Capacity(format!("{count} tasks become {to}"))
        }),
        takes: None,
    }
}

/// What ECS changes without replacing a task: "doesn't trigger a new service deployment".
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
const WITHOUT_ROLLOUT: [&str; 8] = [
    "alarms",
    "alarms_rollback",
    "desired_count",
    "healthy_percent_min",
    "healthy_percent_max",
    "circuit_breaker",
    "circuit_breaker_rollback",
    "grace_period_seconds",
];

fn update(
    step: &Step,
    desired: &Resources,
    observed: &Observed,
    desired_count: Option<i32>,
) -> Impact {
    let before = observed
        .service
        .as_ref()
        .map_or(0, |running| running.desired_count);
    let count = desired_count.unwrap_or(before);
    let in_place = |path: &str| WITHOUT_ROLLOUT.contains(&path);
    if step.changes.iter().all(|change| in_place(&change.path)) {
        let moved =
            (count != before).then(|| Risk::Capacity(format!("{before} tasks become {count}")));
        let takes = (count > before).then(|| first_start(desired, count));
        return Impact {
            kind: Manner::InPlace,
            risk: moved,
            takes,
        };
    }
    let service = &desired.service;
    let fewest = rounded_up(count, service.healthy_percent_min);
    let most = rounded_down(count, service.healthy_percent_max);
    Impact {
        kind: Manner::NewRollout,
        risk: Some(Risk::Capacity(format!(
            "from {fewest} to {most} tasks run meanwhile, of {count}"
        ))),
        takes: Some(rollout(desired, count)),
    }
}

/// Tasks that were not there: started, and healthy once. A target that was just registered needs one pass only
/// (`aws-facts` §4), and so does the container's own check.
fn first_start(desired: &Resources, count: i32) -> Takes {
    let check = first_check(desired);
    Takes {
        seconds_min: START_SECONDS.0,
        seconds_max: START_SECONDS.1 + check,
        because: format!(
            "start {} to {} s, first health check up to {check} s; {count} at once",
            START_SECONDS.0, START_SECONDS.1
        ),
    }
}

fn first_check(desired: &Resources) -> u32 {
    let balancer = desired.target_group.health_check.interval_seconds;
    let container = desired.task_definition.container.health_interval_seconds;
    positive(balancer.max(container))
}

/// A rolling replacement of `count` tasks. Each batch is as many as fit between the fewest and the most that may run;
/// it starts, is seen healthy, and the tasks it replaces drain and stop. A task that drains counts as running until it has
/// stopped, so batches follow each other.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>
pub(super) fn rollout(desired: &Resources, count: i32) -> Takes {
    let service = &desired.service;
    let room = rounded_down(count, service.healthy_percent_max)
        - rounded_up(count, service.healthy_percent_min);
    let batches = positive(count).div_ceil(positive(room).max(1)).max(1);
    let check = first_check(desired);
    let drain = u32::try_from(desired.target_group.deregistration_delay_seconds).unwrap_or(0);
    let stop = positive(desired.task_definition.container.stop_timeout_seconds);
    let times = if batches == 1 {
        String::new()
    } else {
        format!(", {batches} times")
    };
    Takes {
        seconds_min: batches * (START_SECONDS.0 + drain),
        seconds_max: batches * (START_SECONDS.1 + check + drain + stop),
        because: format!(
            "start {} to {} s, first health check up to {check} s, drain {drain} s, stop up to {stop} s{times}",
            START_SECONDS.0, START_SECONDS.1
        ),
    }
}

pub(super) fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// ECS rounds the fewest up and the most down (API_DeploymentConfiguration).
fn rounded_up(count: i32, percent: i32) -> i32 {
    (count * percent + 99) / 100
}

fn rounded_down(count: i32, percent: i32) -> i32 {
    count * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecs_rounds_the_fewest_up_and_the_most_down() {
        assert_eq!((rounded_up(3, 50), rounded_down(3, 150)), (2, 4));
        assert_eq!((rounded_up(2, 100), rounded_down(2, 200)), (2, 4));
    }
}
