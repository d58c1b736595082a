//! Containers as operating-system processes.
//!
//! Takes a command, its arguments and its whole environment; gives a [`Process`] that can be signalled and reports its
//! lines and its end. Knows nothing of tasks or of AWS. No process outlives the simulator, not even when it is killed
//! with SIGKILL: every one is started through `setpriv --pdeathsig KILL`.

mod output;
mod spawner;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub use spawner::{Spawner, SpawnerError};

/// How long a process's last lines may take to be read after its end. They are in the pipe already, unless a descendant
/// holds it open.
const OUTPUT_MILLIS: u64 = 500;
/// Signals that may wait for one process: a SIGTERM and a few SIGKILLs.
const SIGNALS_MAX: usize = 8;

/// A command to run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: BTreeMap<String, String>,
}

/// A process that has started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
    signals: mpsc::Receiver<Ask>,
}

/// Sends signals to a process as long as it lives.
#[derive(Debug, Clone)]
pub struct Signals(mpsc::Sender<Ask>);

#[derive(Debug, Clone, Copy)]
enum Ask {
    Terminate,
    Kill,
}

impl Signals {
    /// SIGTERM to the process, which is the container's first and the only one that a container runtime signals.
    pub fn terminate(&self) {
        // A full queue already holds signals that have not been read; a closed one belongs to a process that has ended.
        let _ = self.0.try_send(Ask::Terminate);
    }

    /// SIGKILL to the process and whatever it started in its group.
    pub fn kill(&self) {
        let _ = self.0.try_send(Ask::Kill);
    }
}

impl Process {
    fn new(child: Child) -> io::Result<(Process, Signals)> {
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pid =
            pid.ok_or_else(|| io::Error::other("the process ended before it had a process id"))?;
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        Ok((
            Process {
                child,
                pid,
                signals,
            },
            Signals(sender),
        ))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Tends it until it has ended: delivers signals and hands every line of its output to `line`. Gives its exit code,
    /// 128 and the signal's number when a signal ended it.
    pub async fn tend(mut self, line: impl Fn(&str) + Clone) -> io::Result<i32> {
        let stdout = self.child.stdout.take();
        let stderr = self.child.stderr.take();
        let output = async {
            let (line, other) = (line.clone(), line);
            tokio::join!(output::lines(stdout, line), output::lines(stderr, other));
        };
        tokio::pin!(output);
        let mut reading = true;
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status?,
                // Its own sender is held by whoever wants to signal it; once that is dropped nothing more comes.
                Some(ask) = self.signals.recv() => self.send(ask),
                () = &mut output, if reading => reading = false,
            }
        };
        // Descendants go with the container. While one lives the group's number cannot be given to another process; with
        // none left the signal finds nobody.
        let _ = kill_process_group(self.pid, Signal::KILL);
        if reading {
            let _ = timeout(Duration::from_millis(OUTPUT_MILLIS), output).await;
        }
        Ok(exit_code(status))
    }

    /// Called only while the process has not been waited for, so that its number is still its own.
    fn send(&self, ask: Ask) {
        let sent = match ask {
            Ask::Terminate => kill_process(self.pid, Signal::TERM),
            Ask::Kill => kill_process_group(self.pid, Signal::KILL),
        };
        if let Err(error) = sent {
            tracing::debug!(pid = self.id(), %error, "a signal did not reach its process");
        }
    }
}

/// Runs a command to its end, without its output. `false` when it fails, cannot be started or takes longer.
pub async fn succeeds(spawner: &Spawner, command: Command, limit: Duration) -> bool {
    let Ok((process, signals)) = spawner.spawn(command, Stdio::null).await else {
        return false;
    };
    let end = process.tend(|_| {});
    tokio::pin!(end);
    match timeout(limit, &mut end).await {
        Ok(code) => code.is_ok_and(|code| code == 0),
        Err(_) => {
            signals.kill();
            let _ = end.await;
            false
        }
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255)
}
