//! What a step does to what runs: made or changed in place, a new rollout, at whose risk, and for how long.
//!
//! Pure: read off the call, the settings and the counts. For how long is [`duration`]'s.

use serde::Serialize;

use super::{Call, Step};
use crate::reconciler::observed::Observed;
use crate::reconciler::resource::{HealthCheck, Resources, Service};

pub(super) mod duration;

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
            service,
            desired_count,
        } => Impact {
            kind: NewRollout,
            risk: None,
            takes: Some(duration::made(desired, &service.service, *desired_count)),
        },
        Call::UpdateService {
            service,
            desired_count,
        } => update(step, desired, observed, (&service.service, *desired_count)),
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
const WITHOUT_ROLLOUT: [&str; 13] = [
    "alarms",
    "alarms_rollback",
    "bake_minutes",
    "desired_count",
    "healthy_percent_min",
    "healthy_percent_max",
    "circuit_breaker",
    "circuit_breaker_rollback",
    "grace_period_seconds",
    "hooks",
    "step_bake_minutes",
    "step_percent",
    "strategy",
];

fn update(
    step: &Step,
    desired: &Resources,
    observed: &Observed,
    (service, desired_count): (&Service, Option<i32>),
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
        let takes = (count > before).then(|| duration::scaled_out(desired, count));
        return Impact {
            kind: Manner::InPlace,
            risk: moved,
            takes,
        };
    }
    Impact {
        kind: Manner::NewRollout,
        risk: Some(Risk::Capacity(duration::meanwhile(service, count))),
        takes: Some(duration::replaced(desired, service, count)),
    }
}

pub(super) fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
