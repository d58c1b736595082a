//! What the scheduler wants done to processes, and what comes back.
//!
//! [`Effect`]s are data: `live` carries them out and reports each outcome through the functions here, which only write
//! down what happened. A secret's value is in a [`Start`] and nowhere else, and is not printed.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use super::task::{ContainerState, Process};
use crate::simulator::call::{Millis, Refusal};
use crate::simulator::logs;
use crate::simulator::world::World;

/// One container of one task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId {
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
}

/// Something to do outside the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start a container's process. To be answered by [`started`] or [`start_failed`].
    Start(Start),
    /// Send a signal. A process that ends is reported by [`exited`], whatever ended it.
    Signal {
        /// Whom to.
        process: ProcessId,
        /// Which.
        signal: Signal,
    },
    /// Run a container's health check. To be answered by [`health_checked`].
    CheckHealth {
        /// Whose.
        process: ProcessId,
        /// The definition's command, beginning with `CMD` or `CMD-SHELL`.
        command: Vec<String>,
        /// After this it has failed.
        timeout_millis: Millis,
    },
}

/// How a container stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, to the container's first process.
    Terminate,
    /// SIGKILL, to all of it.
    Kill,
}

/// A process to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The container it is.
    pub process: ProcessId,
    /// The task's own address.
    pub address: Ipv4Addr,
    /// The image as the definition names it.
    pub image: String,
    /// What the task may have of memory.
    pub memory_mib: Option<u32>,
    /// The definition's entry point and command, one after the other; empty means the image's own.
    pub arguments: Vec<String>,
    /// All it gets: the definition's variables, its secrets' values, `BIND_ADDRESS`.
    pub environment: Environment,
}

/// Environment variables by name. Prints names only: some values are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.task, self.container)
    }
}

/// A process runs under this process id.
pub fn started(world: &mut World, process: &ProcessId, pid: u32) {
    if let Some(container) = container(world, process) {
        container.process = Process::Live { pid };
    }
}

/// A process could not be started. `reason` is what the task's stopped reason will say, such as
/// `CannotStartContainerError: …`.
pub fn start_failed(world: &mut World, process: &ProcessId, reason: String) {
    if let Some(container) = container(world, process) {
        container.process = Process::Absent;
        container.reason = Some(reason);
    }
}

/// A process has ended with this exit code (128 and the signal's number for a signal) and holds its address no longer.
pub fn exited(world: &mut World, process: &ProcessId, code: i32) {
    if let Some(container) = container(world, process) {
        container.process = Process::Exited(code);
    }
}

/// A process was killed because its task's memory was used up.
pub fn ran_out_of_memory(world: &mut World, process: &ProcessId) {
    if let Some(container) = container(world, process) {
        container.process = Process::Exited(137);
        container.reason = Some("OutOfMemoryError: Container killed due to memory usage".into());
    }
}

/// A health check has ended.
pub fn health_checked(world: &mut World, process: &ProcessId, passed: bool, now: Millis) {
    let Some(task) = world
        .ecs
        .tasks
        .iter_mut()
        .find(|task| task.id == process.task)
    else {
        return;
    };
    let definition = task.blueprint.clone();
    let check = definition
        .containers
        .iter()
        .find(|container| container.name == process.container);
    let checking = task
        .container_mut(&process.container)
        .and_then(|container| container.checking.as_mut());
    if let (Some(check), Some(checking)) = (
        check.and_then(|container| container.health_check.as_ref()),
        checking,
    ) {
        checking.outcome(check, passed, now);
    }
}

/// Appends a line of a process's output to its log stream; without a log configuration it goes nowhere.
///
/// Refused when the log group has been deleted since the task started; the line is then lost, as on AWS.
pub fn logged(
    world: &mut World,
    process: &ProcessId,
    line: &str,
    now: Millis,
) -> Result<(), Refusal> {
    let task = world.ecs.tasks.iter().find(|task| task.id == process.task);
    let blueprint = task.map(|task| task.blueprint.clone());
    let container = blueprint.as_ref().and_then(|blueprint| {
        blueprint
            .containers
            .iter()
            .find(|container| container.name == process.container)
    });
    let Some(destination) = container.and_then(|container| container.awslogs()) else {
        return Ok(());
    };
    let stream = format!(
        "{}/{}/{}",
        destination.prefix, process.container, process.task
    );
    logs::append(world, destination.group, &stream, now, line)
}

fn container<'a>(world: &'a mut World, process: &ProcessId) -> Option<&'a mut ContainerState> {
    let task = world
        .ecs
        .tasks
        .iter_mut()
        .find(|task| task.id == process.task)?;
    task.container_mut(&process.container)
}
