//! One task through its life: from network interface to processes, targets and back.
//!
//! Takes the time and what was reported of the task's processes, gives the next stage, the effects it needs and the
//! service's events. Decides nothing about how many tasks there are.
//!
//! ```text
//! Provisioning → Pulling → Starting → Activating → Running → Deactivating → Stopping → Deprovisioning → Stopped
//!   asked to stop: ───────────────┴→ (Starting: once every process has reported)         ↑
//!                  └────────────────────────────────────────────────────────→ Deprovisioning
//! ```

mod registration;

use super::agent;
use super::effect::{Effect, ProcessId, Signal};
use super::health::Checking;
use super::service::Service;
use super::task::{Process, Stage, Stop, StopCode, Task};
use crate::simulator::call::Millis;
use crate::simulator::ecr;
use crate::simulator::world::World;

/// Making a network interface takes AWS ten seconds or more. Simulated time is real, so this is only long enough for
/// PROVISIONING to be seen.
pub const PROVISIONING_MILLIS: Millis = 300;
/// Fetching image and secrets; as above, for PENDING. An image's script may say more.
pub const PULLING_MILLIS: Millis = 500;
/// Taking the network interface away; as above, for DEPROVISIONING.
pub const DEPROVISIONING_MILLIS: Millis = 200;
/// After this a container that reported nothing has failed to start ("timed out after waiting 1m",
/// stopped-task-error-codes.html).
pub const STARTING_MILLIS: Millis = 60_000;
/// How long after a SIGKILL the next one, for a process that has not reported its end.
const KILL_AGAIN_MILLIS: Millis = 5_000;
/// The first launch after a failed one waits this long, each further failure doubles it …
const THROTTLE_FIRST_MILLIS: Millis = 1_000;
/// … up to this. AWS goes to 27 minutes (service-throttle-logic.html); a person at a desk should see a repaired secret
/// take effect without waiting that out.
const THROTTLE_MAX_MILLIS: Millis = 60_000;
/// At this many failed launches in a row the service says that it cannot start tasks.
const INCONSISTENT_FAILURES: u32 = 3;

/// Moves a task on as far as it can go at `now`. A standalone task has no service; neither has one whose service is
/// forgotten.
pub(super) fn advance(
    world: &mut World,
    service: Option<&mut Service>,
    task: &mut Task,
    now: Millis,
    effects: &mut Vec<Effect>,
) {
    match task.stage {
        Stage::Provisioning { .. } | Stage::Pulling { .. } if !task.is_wanted() => {
            deprovision(task, now)
        }
        Stage::Provisioning { until } if until <= now => {
            task.times.connected = Some(now);
            task.times.pull_started = Some(now);
            task.stage = Stage::Pulling {
                until: now + agent::pull_millis(world, task),
            };
        }
        Stage::Pulling { until } if until <= now => match agent::prepare(world, task) {
            Ok(starts) => {
                task.times.pull_stopped = Some(now);
                task.stage = Stage::Starting {
                    deadline: now + STARTING_MILLIS,
                };
                for container in &mut task.containers {
                    container.process = Process::Asked;
                    let mut starts = starts.iter();
                    let start = starts.find(|start| start.process.container == container.name);
                    let digest = start.and_then(|start| ecr::image_digest(world, &start.image));
                    container.image_digest = digest.map(str::to_owned);
                }
                effects.extend(starts.into_iter().map(Effect::Start));
            }
            Err(reason) => {
                fail_start(service, task, reason, now);
                deprovision(task, now);
            }
        },
        Stage::Starting { deadline } => start(service, task, deadline, now, effects),
        Stage::Activating => {
            if let Some(service) = service {
                registration::register(world, service, task, now);
            }
            task.stage = Stage::Running;
        }
        Stage::Running => run(world, service, task, now, effects),
        Stage::Deactivating if !task.may_live() => deprovision(task, now),
        Stage::Deactivating
            if service.is_none_or(|service| registration::has_drained(world, service, task)) =>
        {
            terminate(task, now, effects)
        }
        Stage::Stopping { .. } if !task.may_live() => deprovision(task, now),
        Stage::Stopping { kill_at } if kill_at <= now => {
            task.stage = Stage::Stopping {
                kill_at: now + KILL_AGAIN_MILLIS,
            };
            signal(task, Signal::Kill, effects);
        }
        Stage::Deprovisioning { until } if until <= now => {
            task.stage = Stage::Stopped;
            task.times.stopped = Some(now);
        }
        Stage::Provisioning { .. }
        | Stage::Pulling { .. }
        | Stage::Deactivating
        | Stage::Stopping { .. }
        | Stage::Deprovisioning { .. }
        | Stage::Stopped => {}
    }
}

fn start(
    service: Option<&mut Service>,
    task: &mut Task,
    deadline: Millis,
    now: Millis,
    effects: &mut Vec<Effect>,
) {
    let reported = task
        .containers
        .iter()
        .all(|container| container.process != Process::Asked);
    let failed = task
        .containers
        .iter()
        .find(|container| container.process == Process::Absent);
    if let Some(reason) = failed.and_then(|container| container.reason.clone()) {
        fail_start(service, task, reason, now);
    } else if !reported && deadline <= now {
        let reason = "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m";
        fail_start(service, task, reason.into(), now);
    } else if !reported {
        return;
    }
    if !task.is_wanted() {
        return terminate(task, now, effects);
    }
    task.times.started = Some(now);
    task.stage = Stage::Activating;
    let blueprint = task.blueprint.clone();
    for (container, definition) in task.containers.iter_mut().zip(&blueprint.containers) {
        let runs = |check: &&super::task_definition::HealthCheck| {
            check.command.first().is_some_and(|kind| kind != "NONE")
        };
        container.checking = definition
            .health_check
            .as_ref()
            .filter(runs)
            .map(|check| Checking::new(check, now));
    }
}

fn run(
    world: &mut World,
    mut service: Option<&mut Service>,
    task: &mut Task,
    now: Millis,
    effects: &mut Vec<Effect>,
) {
    if essential_exited(task) {
        fail(
            service.as_deref_mut(),
            task,
            StopCode::EssentialContainerExited,
            "Essential container in task exited".into(),
            now,
        );
    }
    if !task.is_wanted() {
        task.times.stopping = Some(now);
        if let Some(service) = service {
            registration::deregister(world, service, task, now);
        }
        task.stage = Stage::Deactivating;
        return;
    }
    let blueprint = task.blueprint.clone();
    for (container, definition) in task.containers.iter_mut().zip(&blueprint.containers) {
        let (Some(checking), Some(check)) = (&mut container.checking, &definition.health_check)
        else {
            continue;
        };
        if checking.is_due(check, now) {
            effects.push(Effect::CheckHealth {
                process: ProcessId {
                    task: task.id.clone(),
                    container: container.name.clone(),
                },
                command: check.command.clone(),
                timeout_millis: Millis::from(check.timeout) * 1_000,
            });
        }
    }
}

fn essential_exited(task: &Task) -> bool {
    let containers = task.containers.iter().zip(&task.blueprint.containers);
    containers.into_iter().any(|(state, definition)| {
        definition.essential && matches!(state.process, Process::Exited(_))
    })
}

/// SIGTERM to what lives; the longest stop timeout of its containers is the task's.
fn terminate(task: &mut Task, now: Millis, effects: &mut Vec<Effect>) {
    task.times.stopping.get_or_insert(now);
    if !task.may_live() {
        return deprovision(task, now);
    }
    let timeout = task
        .blueprint
        .containers
        .iter()
        .map(|container| container.stop_timeout_seconds())
        .max();
    task.stage = Stage::Stopping {
        kill_at: now + Millis::from(timeout.unwrap_or(0)) * 1_000,
    };
    signal(task, Signal::Terminate, effects);
}

fn signal(task: &Task, signal: Signal, effects: &mut Vec<Effect>) {
    let live = task
        .containers
        .iter()
        .filter(|container| container.process.may_live());
    effects.extend(live.map(|container| Effect::Signal {
        process: ProcessId {
            task: task.id.clone(),
            container: container.name.clone(),
        },
        signal,
    }));
}

fn deprovision(task: &mut Task, now: Millis) {
    task.times.stopping.get_or_insert(now);
    task.times.execution_stopped = Some(now);
    task.stage = Stage::Deprovisioning {
        until: now + DEPROVISIONING_MILLIS,
    };
}

fn fail_start(mut service: Option<&mut Service>, task: &mut Task, reason: String, now: Millis) {
    if let (Some(service), true) = (service.as_deref_mut(), task.is_wanted()) {
        service.say(
            now,
            &format!("was unable to place a task. Reason: {reason}."),
        );
    }
    fail(service, task, StopCode::TaskFailedToStart, reason, now);
}

/// Ends a task that failed. Before it has ever been healthy this is a failed start: it counts against the rollout and
/// holds back the next launch. AWS throttles only tasks that never reach RUNNING; here RUNNING comes within a second of
/// the launch, so that the limit is drawn at the first sign of health instead.
pub(super) fn fail(
    service: Option<&mut Service>,
    task: &mut Task,
    code: StopCode,
    reason: String,
    now: Millis,
) {
    if !task.is_wanted() {
        return;
    }
    task.ask_stop(code, reason);
    let Some(service) = service else { return };
    let by_health = matches!(
        &task.stop,
        Some(Stop {
            code: StopCode::ServiceSchedulerInitiated,
            ..
        })
    );
    if !task.proved || by_health {
        service.count_failure(&task.revision);
    }
    if !task.proved {
        hold_back(service, now);
    }
}

/// Counts a failed launch and puts off the next one. Tasks that fail while one is already put off were launched
/// together with the one that failed first.
pub(super) fn hold_back(service: &mut Service, now: Millis) {
    let throttle = &mut service.throttle;
    if now < throttle.not_before {
        return;
    }
    throttle.failures += 1;
    let doublings = throttle.failures.saturating_sub(1).min(16);
    throttle.not_before = now + (THROTTLE_FIRST_MILLIS << doublings).min(THROTTLE_MAX_MILLIS);
    if throttle.failures == INCONSISTENT_FAILURES {
        service.say(
            now,
            "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section \
             of the Amazon ECS Developer Guide.",
        );
    }
}
