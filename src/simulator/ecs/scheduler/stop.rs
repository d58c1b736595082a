//! Telling tasks to stop: those that make way for others, and those that are unhealthy; with the service's events.
//!
//! Takes positions in the list of tasks. A task's own way to its end is `lifecycle`'s.

use super::super::health::{self, Cause, Condition};
use super::super::lifecycle;
use super::super::rollout::deployment_id;
use super::super::service::Service;
use super::super::task::{StopCode, Task};
use crate::simulator::call::Millis;
use crate::simulator::world::World;

/// Stops tasks that make way for others.
pub(super) fn stop_surplus(
    service: &mut Service,
    tasks: &mut [Task],
    positions: impl Iterator<Item = usize>,
    now: Millis,
) {
    let primary = service
        .deployments
        .first()
        .map_or(String::new(), |primary| deployment_id(&primary.revision));
    let (mut running, mut pending) = (Vec::new(), 0);
    for position in positions {
        let Some(task) = tasks.get_mut(position) else {
            continue;
        };
        match task.last_status().is_running() {
            true => running.push(task.id.clone()),
            false => pending += 1,
        }
        task.ask_stop(
            StopCode::ServiceSchedulerInitiated,
            format!("Scaling activity initiated by (deployment {primary})"),
        );
    }
    if pending > 0 {
        service.say(now, &format!("stopped {pending} pending tasks."));
    }
    if !running.is_empty() {
        service.say(
            now,
            &format!(
                "has stopped {} running tasks: {}.",
                running.len(),
                listed(&running)
            ),
        );
    }
}

/// Stops a task that fails its checks.
pub(super) fn stop_unhealthy(
    world: &World,
    service: &mut Service,
    tasks: &mut [Task],
    position: usize,
    now: Millis,
) {
    let Some(task) = tasks.get_mut(position) else {
        return;
    };
    let reason = match health::condition(world, service, task, now) {
        Condition::Unhealthy(Cause::Target { target_group, .. }) => {
            format!("Task failed ELB health checks in (target-group {target_group})")
        }
        Condition::Unhealthy(Cause::Container) | Condition::Starting | Condition::Healthy => {
            "Task failed container health checks".into()
        }
    };
    lifecycle::fail(
        Some(service),
        task,
        StopCode::ServiceSchedulerInitiated,
        reason,
        now,
    );
    service.say(
        now,
        &format!(
            "has stopped 1 running tasks: {}.",
            listed(std::slice::from_ref(&task.id))
        ),
    );
}

/// `(task a) (task b)`.
pub(super) fn listed(ids: &[String]) -> String {
    ids.iter()
        .map(|id| format!("(task {id})"))
        .collect::<Vec<_>>()
        .join(" ")
}
