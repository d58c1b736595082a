//! The tasks of a rollout that moves traffic: each revision has its own count and none makes way for another.
//!
//! Takes the stage the rollout is in, gives a group of tasks per revision to decide about.

use super::super::decide::{Bounds, State as Condemned};
use super::super::rollout::{Aim, Status};
use super::super::service::Service;
use super::Group;

/// What each revision of such a rollout shall have; `None` for any other service.
pub(super) fn aims(
    service: &Service,
    facts: &[(usize, String, Condemned)],
) -> Option<Vec<(String, Aim)>> {
    let last = service.history.last().filter(|_| service.is_active())?;
    let traffic = last.traffic.as_ref()?;
    let over = match last.status {
        Status::InProgress | Status::RollbackRequested | Status::RollbackInProgress => false,
        // It has failed and nobody turns it back: both revisions stay as they are.
        Status::Stopped => true,
        Status::Pending
        | Status::Successful
        | Status::RollbackSuccessful
        | Status::RollbackFailed => return None,
    };
    let mut revisions: Vec<String> = traffic.source.iter().cloned().collect();
    let rest = [&last.target]
        .into_iter()
        .chain(facts.iter().map(|(_, revision, _)| revision));
    for revision in rest {
        if !revisions.contains(revision) {
            revisions.push(revision.clone());
        }
    }
    let aim = |revision: String| {
        let aim = traffic.aim(&revision, &last.target, over);
        (revision, aim)
    };
    Some(revisions.into_iter().map(aim).collect())
}

/// A group for each revision.
pub(super) fn groups(
    service: &Service,
    aims: Vec<(String, Aim)>,
    tasks: impl Fn(&str) -> u32,
    can_start: bool,
) -> Vec<Group> {
    let group = |(revision, aim): (String, Aim)| {
        let desired = match aim {
            Aim::All => service.desired,
            Aim::None => 0,
            Aim::Keep => tasks(&revision),
        };
        let bounds = Bounds {
            desired,
            min: service.configuration.tasks_min(desired),
            max: service.configuration.tasks_max(desired),
            keep: desired,
        };
        Group {
            current: Some(revision),
            all: false,
            bounds,
            can_start: can_start && aim == Aim::All,
        }
    };
    aims.into_iter().map(group).collect()
}
