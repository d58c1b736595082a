//! The demo as a test: what it promises on its last lines, and that nothing of it outlives it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

/// A whole run takes about a minute and a half on an idle machine; most of it is health checks and confirmations.
const RUN_SECONDS_MAX: u64 = 420;

/// Orphans come to the process, so two demos in one process could not be told apart. (nextest gives each test its own.)
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Demo {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    directory: tempfile::TempDir,
    deadline: Instant,
    _alone: MutexGuard<'static, ()>,
}

impl Demo {
    fn start(script: &str) -> Demo {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever the demo leaves behind becomes this process's child and can be seen.
        set_child_subreaper(Some(getpid())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let binaries = Path::new(env!("CARGO_BIN_EXE_simulator")).parent().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new("python3")
            .arg(script)
            .current_dir(root)
            .env("LOCAL_BINARIES", binaries)
            .env("LOCAL_DIRECTORY", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    println!("{line}");
                    let _ = sender.send(line);
                }
            });
        }
        let deadline = Instant::now() + Duration::from_secs(RUN_SECONDS_MAX);
        Demo {
            child,
            lines,
            said: Vec::new(),
            directory,
            deadline,
            _alone: alone,
        }
    }

    /// Reads on until a line contains `text`.
    fn until(&mut self, text: &str) {
        while !self.said.last().is_some_and(|line| line.contains(text)) {
            match self
                .lines
                .recv_timeout(self.deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} in time"),
                Err(RecvTimeoutError::Disconnected) => panic!("the demo ended without {text:?}"),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads to the end and waits for it.
    fn finish(&mut self) -> ExitStatus {
        while let Ok(line) = self
            .lines
            .recv_timeout(self.deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push(line);
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // After a failed assertion: give it the chance to clean up.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// Live descendants of this process, by command line.
fn left_behind() -> Vec<String> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // pid (name) state parent …; a name may contain anything, so the last parenthesis counts.
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next().unwrap(), fields.next().unwrap());
        if parent == own.to_string() && state != "Z" {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

fn assert_nothing_left_behind() {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left = left_behind();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still running: {left:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(directory)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

#[test]
fn the_demo_ends_with_a_token_read_from_chain_and_no_changes() {
    let mut demo = Demo::start("scripts/demo.py");
    let status = demo.finish();
    assert_eq!(status.code(), Some(0), "{status}");
    let [.., token, last] = demo.said.as_slice() else {
        panic!("too few lines: {:?}", demo.said)
    };
    let (address, name) = token.split_once(' ').unwrap();
    let hex = address.strip_prefix("0x").unwrap();
    assert!(
        hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{token}"
    );
    assert_eq!(name, "(Demo Token)");
    assert_eq!(last, "no changes");
    for promised in [
        "makes 0 mutating calls",
        "11 MB body 413",
        "then the first refused",
        "kill -9 of task",
        "sees all three",
        "one token on chain",
    ] {
        assert!(
            demo.said.iter().any(|line| line.contains(promised)),
            "no line with {promised:?}"
        );
    }
    assert_nothing_left_behind();
    assert_eq!(
        files(demo.directory.path()),
        Vec::<std::path::PathBuf>::new()
    );
}

/// The reconciler's own manifest: what it deploys keeps another unit and itself, with the rights it has there and no others.
#[test]
fn the_reconciler_deployed_by_itself_heals_the_service_and_its_own_unit() {
    let mut demo = Demo::start("scripts/self_hosting.py");
    let status = demo.finish();
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(
        demo.said.last().unwrap(),
        "hokusai-contracts-development and hokusai-reconciler are kept by hokusai-reconciler"
    );
    assert_nothing_left_behind();
}

#[test]
fn sigterm_midway_takes_every_process_and_file_with_it() {
    let mut demo = Demo::start("scripts/demo.py");
    demo.until("healthy at 127.");
    demo.signal(Signal::TERM);
    let status = demo.finish();
    assert_eq!(status.code(), Some(143), "{status}");
    assert!(
        demo.said
            .iter()
            .any(|line| line.contains("stopped by SIGTERM"))
    );
    assert_nothing_left_behind();
    assert_eq!(
        files(demo.directory.path()),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn sigkill_midway_takes_every_process_with_it() {
    let mut demo = Demo::start("scripts/demo.py");
    demo.until("healthy at 127.");
    demo.signal(Signal::KILL);
    demo.finish();
    assert_nothing_left_behind();
}
