//! Virtual tasks: what containers and the network do when there are none, by the scripts of `image`.
//!
//! Takes a world and the time; carries out ECS's effects, answers the load balancer's probes and the containers' health
//! checks, and reports what became of the processes. Pure but for its own list of processes: no clock, socket or process.
//! `play::run` drives it in tokio's time.

mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub use run::run;

use super::call::Millis;
use super::ecs::{self, Effect, ProcessId, Signal, Start};
use super::elbv2;
use super::image::{self, Script};
use super::signals;
use super::world::World;

/// How long a process takes to end after SIGTERM.
const TERMINATION_MILLIS: Millis = 100;
/// 128 and the number of SIGKILL.
const KILLED: i32 = 137;

/// The virtual processes; at most as many as there are tasks' containers.
#[derive(Debug, Default)]
pub struct Player {
    processes: BTreeMap<ProcessId, Process>,
    /// Tasks made to fail their checks by [`Player::sicken`].
    sick: BTreeSet<String>,
    started: u32,
}

#[derive(Debug)]
struct Process {
    image: String,
    address: Ipv4Addr,
    memory_mib: Option<u32>,
    phase: Phase,
    end: Option<(Millis, End)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting { until: Millis },
    Running,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Exit(i32),
    OutOfMemory,
}

impl Player {
    /// Moves the world and everything in it to `now`. Gives the effects that were carried out, for whoever writes them down.
    pub fn step(&mut self, world: &mut World, now: Millis) -> Vec<Effect> {
        self.advance(world, now);
        for probe in elbv2::step(world, now) {
            let outcome = self.probed(world, probe.address);
            elbv2::probed(world, &probe, outcome, now);
        }
        signals::step(world, now);
        let effects = ecs::step(world, now);
        for effect in &effects {
            self.carry_out(world, effect, now);
        }
        effects
    }

    /// `kill -9` from outside.
    pub fn kill(&mut self, process: &ProcessId, now: Millis) {
        if let Some(process) = self.processes.get_mut(process) {
            process.end = Some((now, End::Exit(KILLED)));
        }
    }

    /// From now on a task fails its health checks, whatever its image.
    pub fn sicken(&mut self, task: &str) {
        self.sick.insert(task.to_owned());
    }

    /// Starts and ends what is due.
    fn advance(&mut self, world: &mut World, now: Millis) {
        let due = |process: &Process| {
            let starting = matches!(process.phase, Phase::Starting { until } if until <= now);
            starting || process.end.is_some_and(|(at, _)| at <= now)
        };
        let due: Vec<ProcessId> = self
            .processes
            .iter()
            .filter(|(_, process)| due(process))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.start(world, &id, now);
            let ended = self.processes.get(&id).and_then(|process| process.end);
            let Some((_, end)) = ended.filter(|(at, _)| *at <= now) else {
                continue;
            };
            self.processes.remove(&id);
            self.sick.remove(&id.task);
            match end {
                End::Exit(code) => ecs::exited(world, &id, code),
                End::OutOfMemory => ecs::ran_out_of_memory(world, &id),
            }
        }
    }

    /// Reports a process that has started by now, and sees what will become of it.
    fn start(&mut self, world: &mut World, id: &ProcessId, now: Millis) {
        let Some(process) = self.processes.get_mut(id) else {
            return;
        };
        if !matches!(process.phase, Phase::Starting { until } if until <= now) {
            return;
        }
        process.phase = Phase::Running;
        self.started += 1;
        ecs::started(world, id, self.started);
        let Some(script) = image::script(world, &process.image).cloned() else {
            return;
        };
        for line in &script.lines {
            if let Err(refusal) = ecs::logged(world, id, line, now) {
                tracing::debug!(process = %id, code = refusal.code, "a log line was lost");
            }
        }
        let crash =
            image::crash(world, &process.image).map(|(after, code)| (now + after, End::Exit(code)));
        let ends = [process.end, crash, leak(&script, process.memory_mib, now)];
        process.end = ends.into_iter().flatten().min_by_key(|(at, _)| *at);
    }

    fn carry_out(&mut self, world: &mut World, effect: &Effect, now: Millis) {
        match effect {
            Effect::Start(Start {
                process: id,
                address,
                image,
                memory_mib,
                arguments: _,
                environment: _,
            }) => {
                let start = image::script(world, image).map_or(0, |script| script.start_millis);
                let process = Process {
                    image: image.clone(),
                    address: *address,
                    memory_mib: *memory_mib,
                    phase: Phase::Starting { until: now + start },
                    end: None,
                };
                self.processes.insert(id.clone(), process);
                self.start(world, id, now);
            }
            Effect::Signal { process, signal } => {
                let Some(process) = self.processes.get_mut(process) else {
                    return;
                };
                let stubborn = image::script(world, &process.image)
                    .is_some_and(|script| script.ignores_sigterm);
                let end = match signal {
                    Signal::Terminate if stubborn => return,
                    Signal::Terminate => (now + TERMINATION_MILLIS, End::Exit(0)),
                    Signal::Kill => (now, End::Exit(KILLED)),
                };
                process.end = Some(process.end.map_or(
                    end,
                    |own| {
                        if own.0 <= end.0 { own } else { end }
                    },
                ));
            }
            Effect::CheckHealth { process: id, .. } => {
                let passed = self
                    .processes
                    .get(id)
                    .is_some_and(|process| self.is_well(world, id, process));
                ecs::health_checked(world, id, passed, now);
            }
        }
    }

    /// What a probe of an address finds. A task listens on every port and knows every path; it is as well as its containers.
    fn probed(&self, world: &World, address: Ipv4Addr) -> elbv2::Outcome {
        let mut listening = self
            .processes
            .iter()
            .filter(|(_, process)| process.address == address && process.phase == Phase::Running)
            .peekable();
        let script = |process: &Process| image::script(world, &process.image).cloned();
        let scripts = listening.clone().filter_map(|(_, process)| script(process));
        let (mut hangs, mut deaf, mut answers) = (false, false, None);
        for script in scripts {
            hangs |= script.hangs;
            deaf |= script.deaf;
            answers = answers.or(script.answers);
        }
        if listening.peek().is_none() || deaf {
            elbv2::Outcome::Unreachable
        } else if hangs {
            elbv2::Outcome::TimedOut
        } else if let Some(status) = answers {
            elbv2::Outcome::Status(status)
        } else if listening.all(|(id, process)| self.is_well(world, id, process)) {
            elbv2::Outcome::Status(200)
        } else {
            elbv2::Outcome::Status(503)
        }
    }

    fn is_well(&self, world: &World, id: &ProcessId, process: &Process) -> bool {
        let unhealthy = image::script(world, &process.image)
            .is_some_and(|script| script.unhealthy || script.hangs);
        !unhealthy && !self.sick.contains(&id.task)
    }
}

fn leak(script: &Script, memory_mib: Option<u32>, now: Millis) -> Option<(Millis, End)> {
    let rate = Millis::from(script.leaks_mib_per_second?);
    let full = (Millis::from(memory_mib?) * 1_000).checked_div(rate)?;
    Some((now + full, End::OutOfMemory))
}
