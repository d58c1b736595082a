//! The end of a step: is the service steady, is its rollout through, is it gone.
//!
//! Takes the tasks as the step left them; changes deployments and the service's status, never a task.

use super::super::State;
use super::super::rollout::{RolloutState, is_present};
use super::super::service::Status;
use super::super::task::Stage;
use crate::simulator::call::Millis;

/// Drops deployments that are over, and says when the service is steady or gone.
pub(super) fn settle(state: &mut State, index: usize, now: Millis) {
    let State {
        services, tasks, ..
    } = state;
    let Some(service) = services.get_mut(index) else {
        return;
    };
    let own = || {
        tasks
            .iter()
            .filter(|task| task.service == Some(service.number))
    };
    if service.status == Status::Draining {
        if own().all(|task| task.stage == Stage::Stopped) {
            service.status = Status::Inactive(now);
        }
        return;
    }
    let Some(primary) = service
        .deployments
        .first()
        .map(|primary| (primary.revision.clone(), primary.state))
    else {
        return;
    };
    let (revision, rollout) = primary;
    let healthy = own().filter(|task| {
        task.revision == revision && task.is_wanted() && task.stage == Stage::Running
    });
    // `reported_unhealthy` is what the examination of this step found.
    let healthy = healthy
        .filter(|task| task.proved && !task.reported_unhealthy)
        .count();
    let others = own()
        .filter(|task| is_present(task))
        .filter(|task| task.revision != revision || !task.is_wanted())
        .count();
    let wanted = own()
        .filter(|task| task.revision == revision && task.is_wanted())
        .count();
    let desired = service.desired as usize;
    let busy: Vec<String> = own()
        .filter(|task| is_present(task))
        .map(|task| task.revision.clone())
        .collect();
    let launching = service
        .launching()
        .map(|deployment| deployment.revision.clone());
    service.deployments.retain(|deployment| {
        deployment.revision == revision
            || busy.contains(&deployment.revision)
            || launching.as_ref() == Some(&deployment.revision)
            // A failed deployment stays in sight until its rollback is through.
            || (deployment.state == RolloutState::Failed && rollout == RolloutState::InProgress)
    });
    if healthy == desired && wanted == desired && others == 0 && service.may_complete(now) {
        service.become_steady(now);
    } else {
        service.steady = None;
        service.succeed_early(healthy as u32, others as u32, now);
    }
}
