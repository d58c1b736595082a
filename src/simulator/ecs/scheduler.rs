//! The service scheduler: keeps every service at its count, in its bounds, on its revision.
//!
//! Takes the world and the time, gives effects. Pure: it reads no clock and starts no process; what it decides is in the
//! world and in the effects.
//!
//! ```text
//! every task:    lifecycle::advance                                   (reports, timers, registrations)
//! every service: conditions → breaker, alarms, traffic → decide → stop, launch → steady?
//! ```

pub(super) mod launch;
mod settle;
mod shift;
mod stop;

use std::mem;

use self::stop::{stop_surplus, stop_unhealthy};
use super::decide::{Bounds, Decision, Fact, State as Condemned, decide};
use super::effect::Effect;
use super::health::{self, Cause, Condition};
use super::rollout::{self, Aim, Counts};
use super::service::{INACTIVE_MILLIS, Service, Status};
use super::task::{Stage, Task};
use super::{State, lifecycle};
use crate::simulator::call::Millis;
use crate::simulator::world::World;

/// How long a stopped task stays describable: "Stopped tasks … can be described for at least 1 hour" on AWS.
const STOPPED_MILLIS: Millis = 3_600_000;
/// Stopped tasks kept at most: a service that crashes all day must not fill the memory.
const STOPPED_MAX: usize = 1_000;

/// Moves everything to `now`.
pub fn step(world: &mut World, now: Millis) -> Vec<Effect> {
    let mut effects = Vec::new();
    // The state is taken out of the world while other services are called with it; none of them calls back here.
    let mut state = mem::take(&mut world.ecs);
    let State {
        services, tasks, ..
    } = &mut state;
    for task in tasks.iter_mut().filter(|task| task.stage != Stage::Stopped) {
        let service = services
            .iter_mut()
            .find(|service| task.service == Some(service.number));
        lifecycle::advance(world, service, task, now, &mut effects);
    }
    for index in 0..state.services.len() {
        schedule(world, &mut state, index, now);
    }
    forget(&mut state, now);
    world.ecs = state;
    effects
}

fn schedule(world: &mut World, state: &mut State, index: usize, now: Millis) {
    let State {
        services,
        tasks,
        hook_answers,
        ..
    } = state;
    let Some(service) = services
        .get_mut(index)
        .filter(|service| !service.is_inactive())
    else {
        return;
    };
    let facts = examine(world, service, tasks, now);
    let own = tasks
        .iter()
        .filter(|task| task.service == Some(service.number));
    let healthy = facts
        .iter()
        .filter(|(_, _, condemned)| *condemned == Condemned::Healthy);
    let counts = Counts::of(own, healthy.map(|(_, revision, _)| revision.as_str()));
    rollout::take_up(world, service, &counts, now);
    service.trip_breaker(now);
    service.trip_alarms(world, &counts, now);
    rollout::advance_traffic(world, service, &counts, hook_answers, now);
    let groups = match shift::aims(service, &facts) {
        Some(aims) => {
            let can_start = service.throttle.not_before <= now;
            let tasks = |wanted: &str| {
                let own = facts.iter().filter(|(_, revision, _)| revision == wanted);
                own.count() as u32
            };
            shift::groups(service, aims, tasks, can_start)
        }
        None => vec![roll(service, &counts, now)],
    };
    let mut launches = Vec::new();
    for group in groups {
        if let Some(launch) = follow(world, state, index, (&facts, group), now) {
            launches.push(launch);
        }
    }
    let Some(service) = state.services.get_mut(index) else {
        return;
    };
    // Those just stopped may have been the failures that end the rollout: then nothing more of it is started.
    service.trip_breaker(now);
    for (revision, start) in launches {
        let still =
            state
                .services
                .get(index)
                .is_some_and(|service| match shift::aims(service, &facts) {
                    Some(aims) => aims.contains(&(revision.clone(), Aim::All)),
                    None => service
                        .launching()
                        .is_some_and(|row| row.revision == revision),
                });
        if still {
            launch::launch(world, state, index, &revision, start, now);
        }
    }
    settle::settle(state, index, now);
}

/// Tasks that are decided about together.
struct Group {
    /// The revision that gets them.
    current: Option<String>,
    /// Whether the tasks of all other revisions are among them.
    all: bool,
    bounds: Bounds,
    can_start: bool,
}

/// A rolling update, scaling and replacement: all tasks of a service make way for those of one revision.
fn roll(service: &Service, counts: &Counts, now: Millis) -> Group {
    let launching = service
        .launching()
        .map(|deployment| deployment.revision.clone());
    let can_start =
        launching.is_some() && service.is_active() && service.throttle.not_before <= now;
    // A failed first rollout launches nothing but keeps what it has: "the deployment is stalled"
    // (deployment-circuit-breaker.html).
    let current = launching.or(service
        .deployments
        .first()
        .map(|primary| primary.revision.clone()));
    let desired = service.desired;
    let healthy = current
        .as_ref()
        .map_or(0, |revision| counts.get(revision).healthy);
    let early = service.configuration.early_success(desired);
    let keep = match early {
        Some((least, true)) if healthy >= least => least,
        _ => desired,
    };
    let bounds = Bounds {
        desired,
        min: service.configuration.tasks_min(desired),
        max: service.configuration.tasks_max(desired),
        keep,
    };
    Group {
        current,
        all: true,
        bounds,
        can_start,
    }
}

/// Stops what a decision about a group of tasks stops; gives what it starts.
fn follow(
    world: &World,
    state: &mut State,
    index: usize,
    (facts, group): (&[(usize, String, Condemned)], Group),
    now: Millis,
) -> Option<(String, u32)> {
    let State {
        services, tasks, ..
    } = state;
    let service = services.get_mut(index)?;
    let Group {
        current,
        all,
        bounds,
        can_start,
    } = group;
    let (positions, facts): (Vec<usize>, Vec<Fact>) = facts
        .iter()
        .map(|(position, revision, condemned)| {
            let fact = Fact {
                current: current.as_ref() == Some(revision),
                state: *condemned,
            };
            (*position, fact)
        })
        .filter(|(_, fact)| all || fact.current)
        .unzip();
    let Decision {
        start,
        surplus,
        unhealthy,
    } = decide(&facts, bounds, can_start);
    let at = |fact: &usize| positions.get(*fact).copied();
    stop_surplus(service, tasks, surplus.iter().filter_map(at), now);
    for position in unhealthy.iter().filter_map(at) {
        stop_unhealthy(world, service, tasks, position, now);
    }
    current
        .filter(|_| start > 0)
        .map(|current| (current, start))
}

/// The wanted tasks of a service, with what to make of each; says of a task that it is unhealthy when it becomes so.
fn examine(
    world: &World,
    service: &mut Service,
    tasks: &mut [Task],
    now: Millis,
) -> Vec<(usize, String, Condemned)> {
    let mut facts = Vec::new();
    let number = service.number;
    let wanted = tasks
        .iter_mut()
        .enumerate()
        .filter(|(_, task)| task.service == Some(number) && task.is_wanted());
    for (position, task) in wanted {
        let condemned = match health::condition(world, service, task, now) {
            Condition::Starting => Condemned::Starting,
            Condition::Healthy => {
                if !mem::replace(&mut task.proved, true) {
                    service.count_healthy(&task.revision);
                }
                task.reported_unhealthy = false;
                Condemned::Healthy
            }
            Condition::Unhealthy(cause) => {
                if !mem::replace(&mut task.reported_unhealthy, true) {
                    let what = match cause {
                        Cause::Container => {
                            format!("(task {}) failed container health checks.", task.id)
                        }
                        Cause::Target {
                            target_group,
                            port,
                            description,
                        } => format!(
                            "(task {}) (port {port}) is unhealthy in (target-group {target_group}) due to (reason \
                             {description}).",
                            task.id
                        ),
                    };
                    service.say(now, &what);
                }
                if task.proved {
                    Condemned::Ailing
                } else {
                    Condemned::Failed
                }
            }
        };
        facts.push((position, task.revision.clone(), condemned));
    }
    facts
}

/// Forgets what AWS would no longer tell.
fn forget(state: &mut State, now: Millis) {
    let State {
        services, tasks, ..
    } = state;
    let stopped = tasks
        .iter()
        .filter(|task| task.stage == Stage::Stopped)
        .count();
    let mut excess = stopped.saturating_sub(STOPPED_MAX);
    tasks.retain(|task| match (task.stage, task.times.stopped) {
        (Stage::Stopped, Some(_)) if excess > 0 => {
            excess -= 1;
            false
        }
        (Stage::Stopped, Some(at)) => now < at + STOPPED_MILLIS,
        _ => true,
    });
    services.retain(|service| match service.status {
        Status::Inactive(at) => {
            now < at + INACTIVE_MILLIS
                || tasks
                    .iter()
                    .any(|task| task.service == Some(service.number))
        }
        Status::Active | Status::Draining => true,
    });
}
