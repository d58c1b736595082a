//! Starts processes from one thread that lives as long as they may.
//!
//! The kernel delivers a parent-death signal when the *thread* that started a process ends (prctl(2), PR_SET_PDEATHSIG:
//! "the parent … is considered to be the thread that created this process"). A runtime's threads come and go; this one
//! stays until its [`Spawner`] is dropped.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Command, Process, Signals};

/// Where util-linux, essential on Debian, puts it; for hosts whose PATH is unusual.
const USUAL_PLACES: &str = "/usr/bin:/bin";

/// Why no processes can be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnerError {
    /// util-linux is missing.
    #[error("setpriv is not installed; it is part of util-linux (apt-get install util-linux)")]
    NoSetpriv,
    /// The system has no thread left.
    #[error("failed to start the thread that starts processes")]
    Thread(#[source] io::Error),
}

/// Starts processes.
#[derive(Debug, Clone)]
pub struct Spawner {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
struct Order {
    command: Command,
    output: fn() -> Stdio,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// A spawner for the present tokio runtime.
    pub fn new() -> Result<Spawner, SpawnerError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let setpriv = find(&path)
            .or_else(|| find(OsStr::new(USUAL_PLACES)))
            .ok_or(SpawnerError::NoSetpriv)?;
        let runtime = Handle::current();
        let (orders, inbox) = mpsc::channel::<Order>();
        let work = move || {
            let _runtime = runtime.enter();
            for Order {
                command,
                output,
                reply,
            } in inbox
            {
                // A requester that has gone drops the child, which kills it.
                let _ = reply.send(start(&setpriv, command, output));
            }
        };
        thread::Builder::new()
            .name("spawner".into())
            .spawn(work)
            .map_err(SpawnerError::Thread)?;
        Ok(Spawner { orders })
    }

    /// Starts a command in a process group of its own, with its two outputs as `output` says and no input.
    pub async fn spawn(
        &self,
        command: Command,
        output: fn() -> Stdio,
    ) -> io::Result<(Process, Signals)> {
        // The program is tried through setpriv, which would only say so on its standard error.
        if !command.program.is_file() {
            let message = format!("{} is not a file", command.program.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let gone = || io::Error::other("the thread that starts processes has ended");
        let (reply, started) = oneshot::channel();
        self.orders
            .send(Order {
                command,
                output,
                reply,
            })
            .map_err(|_| gone())?;
        Process::new(started.await.map_err(|_| gone())??)
    }
}

fn start(setpriv: &Path, command: Command, output: fn() -> Stdio) -> io::Result<Child> {
    let Command {
        program,
        arguments,
        environment,
    } = command;
    tokio::process::Command::new(setpriv)
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(output())
        .stderr(output())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn find(path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|place| place.join("setpriv"))
        .find(|file| file.is_file())
}
