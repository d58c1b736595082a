//! What a rollout needs to know before it moves anything: its target groups, its alarms, what has the traffic now.
//!
//! Takes a pending service deployment and makes it IN_PROGRESS; takes up a rollback that was asked for. Reads load
//! balancer and alarms through their own functions.

use super::super::service::{LoadBalancer, Service};
use super::Status;
use super::counts::Counts;
use super::shift::{other_group, set_production};
use super::traffic::{ALL, Stage, Traffic};
use crate::simulator::call::Millis;
use crate::simulator::cloudwatch;
use crate::simulator::world::World;

/// Takes up what is asked of the latest service deployment.
pub(in super::super) fn take_up(
    world: &mut World,
    service: &mut Service,
    counts: &Counts,
    now: Millis,
) {
    match service.history.last().map(|last| last.status) {
        Some(Status::Pending) => start(world, service, counts, now),
        Some(Status::RollbackRequested) => service.obey_request(now),
        Some(
            Status::InProgress
            | Status::Successful
            | Status::Stopped
            | Status::RollbackInProgress
            | Status::RollbackSuccessful
            | Status::RollbackFailed,
        )
        | None => {}
    }
}

fn start(world: &mut World, service: &mut Service, counts: &Counts, now: Millis) {
    let Some(target) = service.history.last().map(|last| last.target.clone()) else {
        return;
    };
    let source = service.completed.clone().filter(|id| *id != target);
    // A rollout that was overtaken may have left its traffic half way.
    let unfinished = service
        .history
        .iter()
        .rev()
        .nth(1)
        .is_some_and(|before| before.traffic.is_some() && before.status == Status::Stopped);
    if let Some(source) = source.as_deref().filter(|_| unfinished)
        && counts.get(source).healthy > 0
    {
        // A rule that has gone is reported where this rollout checks its networking.
        let _ = set_production(world, service, source, ALL);
    }
    let steps = service.configuration.steps();
    let groups: Vec<String> = service
        .settings
        .load_balancers
        .iter()
        .enumerate()
        .map(|(index, entry)| group(service, source.as_deref(), (index, entry), steps.is_some()))
        .collect();
    if let Some(revision) = service
        .revisions
        .iter_mut()
        .find(|revision| revision.id == target)
    {
        revision.groups = groups;
    }
    let active = counts.revisions().filter(|revision| *revision != target);
    let first = match active.count() {
        0 | 1 => Stage::PreScaleUp,
        _ => Stage::ReconcileService,
    };
    let configured = service.configuration.bake_millis();
    let Some(last) = service.history.last_mut() else {
        return;
    };
    let alarms = &mut last.alarms;
    // Alarms guard updates: a first rollout has nothing to return to (aws/copilot-cli#4294).
    alarms.ignored = source.is_none()
        || alarms
            .names
            .iter()
            .any(|name| cloudwatch::is_in_alarm(world, name));
    // "Amazon ECS computes this time period based on the alarm configuration" (deployment-alarm-failure.html); the
    // formula is not documented. An alarm needs all its periods to judge the new tasks.
    let spans = alarms
        .names
        .iter()
        .map(|name| cloudwatch::alarm_span(world, name));
    let watched = if alarms.watched() {
        spans.max().unwrap_or(0)
    } else {
        0
    };
    last.bake = configured.max(watched);
    last.traffic = steps.map(|steps| Traffic::new(source, steps, first));
    last.status = Status::InProgress;
    last.started_at = Some(now);
    last.updated_at = now;
}

/// The target group that a new revision's tasks go to: beside the ones that serve when traffic is to move, the same one
/// otherwise.
fn group(
    service: &Service,
    source: Option<&str>,
    (index, entry): (usize, &LoadBalancer),
    shifting: bool,
) -> String {
    let alternate = entry.advanced_configuration.as_ref();
    let alternate = alternate.map(|advanced| &advanced.alternate_target_group_arn);
    let serving = source
        .and_then(|id| service.revision(id)?.groups.get(index))
        .filter(|group| **group == entry.target_group_arn || Some(*group) == alternate);
    match serving {
        Some(serving) if shifting => {
            other_group(entry, serving).unwrap_or_else(|| entry.target_group_arn.clone())
        }
        Some(serving) => serving.clone(),
        None => entry.target_group_arn.clone(),
    }
}
