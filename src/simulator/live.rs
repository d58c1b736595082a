//! Runs a simulation in real time: its tasks as processes of this machine.
//!
//! Takes a [`Simulator`] and which command stands for which image; steps the ECS scheduler, carries out its effects and
//! reports what became of them. Decides nothing. The load balancer and its probes are `balancer`'s.
//!
//! ```text
//! every 100 ms, after a call and after each report:  lock → signals::step, ecs::step → unlock → carry out
//! process started / line / ended, check done:        lock → ecs::started, logged, exited, health_checked → unlock
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Simulator;
use super::ecs::{self, Effect, Environment, ProcessId, Signal, Start};
use super::image;
use super::process::{Command, Signals, Spawner, SpawnerError, succeeds};
use super::signals;

/// Short against everything the scheduler waits for, and nothing against what a step costs.
const TICK_MILLIS: u64 = 100;
/// How long tasks get to end when the simulation does, before they are killed. Their stop timeouts are for rollouts; the
/// end of a simulation should not take half a minute.
const STOP_SECONDS: u64 = 5;
/// How long a killed process may take to be gone.
const KILL_SECONDS: u64 = 2;

/// How a simulation runs on this machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command for each image repository, such as `hokusai/contracts`.
    pub images: BTreeMap<String, PathBuf>,
    /// Any address of the /24 that tasks live in; whoever claimed it holds it while the simulation runs.
    pub network: Ipv4Addr,
}

/// Why a simulation does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command that cannot be what the user meant.
    #[error("the command for image {repository}, {}, is not an executable file", command.display())]
    NotExecutable {
        /// The image repository.
        repository: String,
        /// The path given for it.
        command: PathBuf,
    },
    /// Processes cannot be started at all.
    #[error(transparent)]
    Spawner(#[from] SpawnerError),
}

/// Runs until `shutdown` completes; then every task is stopped before this returns.
pub async fn run(
    simulator: Simulator,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let Options { images, network } = options;
    for (repository, command) in &images {
        if !is_executable(command) {
            return Err(Error::NotExecutable {
                repository: repository.clone(),
                command: command.clone(),
            });
        }
    }
    simulator.with(|world, _| ecs::use_network(world, network));
    let mut machine = Machine {
        simulator: simulator.clone(),
        spawner: Spawner::new()?,
        images,
        running: BTreeMap::new(),
        work: JoinSet::new(),
        reported: Arc::new(Notify::new()),
    };
    let mut tick = interval(Duration::from_millis(TICK_MILLIS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    loop {
        let reported = Arc::clone(&machine.reported);
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = reported.notified() => {}
            () = simulator.changed() => {}
            _ = tick.tick() => {}
        }
        for effect in simulator.step(|world, now| {
            signals::step(world, now);
            ecs::step(world, now)
        }) {
            machine.carry_out(effect).await;
        }
        while let Some(ended) = machine.work.try_join_next() {
            if let Ok(Some(id)) = ended {
                machine.running.remove(&id);
            }
        }
    }
    machine.stop().await;
    Ok(())
}

struct Machine {
    simulator: Simulator,
    spawner: Spawner,
    images: BTreeMap<String, PathBuf>,
    running: BTreeMap<ProcessId, Running>,
    /// One per process and per health check; a process's gives its id.
    work: JoinSet<Option<ProcessId>>,
    /// Something happened that the scheduler may act on.
    reported: Arc<Notify>,
}

struct Running {
    signals: Signals,
    /// What its health checks run with: the same program and environment.
    command: Command,
}

impl Machine {
    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Start(start) => {
                let id = start.process.clone();
                if let Err(reason) = self.start(start).await {
                    tracing::warn!(process = %id, reason, "a container did not start");
                    self.simulator
                        .with(|world, _| ecs::start_failed(world, &id, reason));
                    self.reported.notify_one();
                }
            }
            Effect::Signal { process, signal } => {
                let Some(Running {
                    signals,
                    command: _,
                }) = self.running.get(&process)
                else {
                    return;
                };
                tracing::info!(%process, ?signal, "signalling a container");
                match signal {
                    Signal::Terminate => signals.terminate(),
                    Signal::Kill => signals.kill(),
                }
            }
            Effect::CheckHealth {
                process,
                command,
                timeout_millis,
            } => {
                self.check_health(process, &command, Duration::from_millis(timeout_millis));
            }
        }
    }

    async fn start(&mut self, start: Start) -> Result<(), String> {
        let Start {
            process: id,
            address,
            image,
            memory_mib: _,
            arguments,
            environment: Environment(environment),
        } = start;
        let repository = image::repository(&image);
        let program = self.images.get(repository).ok_or_else(|| {
            format!("CannotStartContainerError: no command stands for the image {repository}: start the simulator with --image {repository}=COMMAND")
        })?;
        let (program, arguments) = program_and_arguments(arguments, program);
        let command = Command {
            program,
            arguments,
            environment,
        };
        let spawned = self.spawner.spawn(command.clone(), Stdio::piped).await;
        let (process, signals) = spawned.map_err(|error| {
            format!("CannotStartContainerError: failed to create task for container: {error}")
        })?;
        let pid = process.id();
        tracing::info!(process = %id, pid, %address, "started a container");
        self.simulator
            .with(|world, _| ecs::started(world, &id, pid));
        self.reported.notify_one();
        self.running
            .insert(id.clone(), Running { signals, command });
        let (simulator, reported) = (self.simulator.clone(), Arc::clone(&self.reported));
        self.work.spawn(async move {
            let line = |line: &str| {
                let logged = simulator.with(|world, now| ecs::logged(world, &id, line, now));
                if let Err(refusal) = logged {
                    tracing::debug!(process = %id, code = refusal.code, "a log line was lost");
                }
            };
            // Not to be able to wait for a child of one's own is not a thing that happens; the task must end even so.
            let code = process.tend(line).await.unwrap_or(255);
            tracing::info!(process = %id, code, "a container ended");
            simulator.with(|world, _| ecs::exited(world, &id, code));
            reported.notify_one();
            Some(id)
        });
        Ok(())
    }

    /// Runs a check that names a program of the image. Another is not in it as far as this machine knows, and neither is a
    /// shell: such a check fails, as it would in an image without them.
    fn check_health(&mut self, id: ProcessId, check: &[String], limit: Duration) {
        let Some(Running {
            signals: _,
            command,
        }) = self.running.get(&id)
        else {
            return;
        };
        let (spawner, simulator, reported) = (
            self.spawner.clone(),
            self.simulator.clone(),
            Arc::clone(&self.reported),
        );
        let command = match check {
            [kind, program, arguments @ ..] if kind == "CMD" => beside(program, &command.program)
                .map(|program| Command {
                    program,
                    arguments: arguments.to_vec(),
                    environment: command.environment.clone(),
                }),
            _ => None,
        };
        self.work.spawn(async move {
            let passed = match command {
                Some(command) => succeeds(&spawner, command, limit).await,
                None => {
                    tracing::warn!(process = %id, "a health check names a program that is not in the image");
                    false
                }
            };
            simulator.with(|world, now| ecs::health_checked(world, &id, passed, now));
            reported.notify_one();
            None
        });
    }

    async fn stop(mut self) {
        for Running {
            signals,
            command: _,
        } in self.running.values()
        {
            signals.terminate();
        }
        let gone = timeout(Duration::from_secs(STOP_SECONDS), async {
            while self.work.join_next().await.is_some() {}
        });
        if gone.await.is_ok() {
            return;
        }
        for Running {
            signals,
            command: _,
        } in self.running.values()
        {
            signals.kill();
        }
        let _ = timeout(Duration::from_secs(KILL_SECONDS), async {
            while self.work.join_next().await.is_some() {}
        })
        .await;
        // Whatever is left is killed with the handles that are dropped here.
    }
}

/// What runs, and its arguments: a definition may name a program of the image first, or leave the image's own to be meant.
fn program_and_arguments(mut arguments: Vec<String>, own: &Path) -> (PathBuf, Vec<String>) {
    let named = arguments.first().and_then(|first| beside(first, own));
    if named.is_some() {
        arguments.remove(0);
    }
    (named.unwrap_or_else(|| own.to_owned()), arguments)
}

/// The program of that name in the image: its own, or another that is in the same directory.
fn beside(name: &str, own: &Path) -> Option<PathBuf> {
    let name = Path::new(name).file_name()?;
    if own.file_name() == Some(name) {
        return Some(own.to_owned());
    }
    Some(own.with_file_name(name)).filter(|program| is_executable(program))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_name_its_program_or_not() {
        let program = Path::new("/opt/contracts-api");
        for (given, want) in [
            (vec!["contracts-api", "serve"], vec!["serve"]),
            (vec!["/usr/local/bin/contracts-api"], vec![]),
            (vec!["serve"], vec!["serve"]),
        ] {
            let given = given.into_iter().map(String::from).collect();
            let want = want.into_iter().map(String::from).collect();
            assert_eq!(
                program_and_arguments(given, program),
                (program.to_owned(), want)
            );
        }
        let (test, shell) = (std::env::current_exe().unwrap(), Path::new("/bin/sh"));
        let own = test.with_file_name("not-this-one");
        assert_eq!(beside(test.to_str().unwrap(), &own), Some(test));
        assert_eq!(beside("sh", &own), None);
        assert_eq!(
            beside("sh", &shell.with_file_name("x")),
            Some(shell.to_owned())
        );
    }
}
