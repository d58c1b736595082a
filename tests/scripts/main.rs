//! The scripts and workflows people and CI start: the real files, the real programs, a simulated AWS with virtual tasks.
//!
//! The scripts of the service before this one failed in eight ways, a to h; each has a test here that such a script would not
//! pass. Pushing to a registry is `make push-test`, which needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod deploy;
mod failing;
mod looping;
mod proof;
mod verbs;
mod workflows;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// A year of rollouts would take less than a week; the reconciler's own pauses are in real seconds.
const SPEED: &str = "60";

const MANIFEST: &str = "manifests/development.yaml";
const UNIT: &str = "hokusai-contracts-development";
const WELL: &str = r#"images: [{ image: hokusai/contracts, start_seconds: 2, says: '{"service":"hokusai-contracts-development"}' }]"#;

/// How it ended, and both streams.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Standard output, which is one document or one a line.
    fn json(&self) -> Vec<serde_json::Value> {
        let read = serde_json::Deserializer::from_str(&self.stdout).into_iter();
        read.map(|it| it.unwrap_or_else(|error| panic!("{error}: {}", self.all())))
            .collect()
    }

    /// Both streams, for the case that a test fails.
    fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A committed work tree with the scripts and manifests, and the account its credentials are for.
struct World {
    directory: tempfile::TempDir,
    endpoint: String,
    /// Where the load balancer listens, and the authority its certificate is of.
    door: [(&'static str, String); 2],
    program: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl World {
    /// `images` is how the images behave, as the simulator's `--images` takes it.
    fn start(images: &str) -> World {
        World::at_speed(SPEED, images)
    }

    fn at_speed(speed: &str, images: &str) -> World {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let behaviour = directory.path().join("images.yaml");
        std::fs::write(&behaviour, images).unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .args(["--tasks", "virtual", "--speed", speed, "--images"])
            .arg(&behaviour)
            .arg("--account")
            .arg(Path::new(ROOT).join("tests/fixtures/account.yaml"))
            .arg("--state")
            .arg(&state)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut world = World {
            directory,
            endpoint: String::new(),
            door: Default::default(),
            program,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        world.endpoint = loop {
            let ready = std::fs::read_to_string(state.join("ready.json")).unwrap_or_default();
            if let Ok(ready) = serde_json::from_str::<serde_json::Value>(&ready) {
                let of = |name: &str| ready[name].as_str().unwrap().to_owned();
                world.door = [
                    ("RECONCILER_CONNECT_TO", of("load_balancer")),
                    ("RECONCILER_CA_FILE", of("ca_file")),
                ];
                break of("endpoint");
            }
            assert!(Instant::now() < deadline, "the simulator is not ready");
            std::thread::sleep(Duration::from_millis(25));
        };
        work_tree(&world.work());
        world.put_parameters();
        world
    }

    fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// Those the manifest names; one process for all, because starting one is what takes long.
    fn put_parameters(&self) {
        let put = r#"
import boto3
ssm = boto3.client("ssm")
for name in ("deployer_key", "rpc_endpoint", "redis_url", "api_keys"):
    ssm.put_parameter(Name="/hokusai/development/contracts/" + name, Type="SecureString", Value="nobody reads it")
for digit, name in enumerate(("token_manager_address", "model_registry_address"), 1):
    ssm.put_parameter(Name="/hokusai/development/contracts/" + name, Type="String", Value="0x" + str(digit) * 40)
"#;
        let mut command = Command::new("python3");
        command.args(["-c", put]).env("PYTHONPATH", tools());
        let ran = Ran::of(self.in_account(&mut command).output().unwrap());
        assert_eq!(ran.code, 0, "run scripts/install.sh, or: {}", ran.all());
    }

    /// The AWS CLI; gives what it printed, as JSON.
    fn aws(&self, service: &str, arguments: &[&str]) -> serde_json::Value {
        let tools = tools();
        let mut command = Command::new("python3");
        command
            .arg(tools.join("bin/aws"))
            .args([service, "--output", "json"]);
        command.args(arguments).env("PYTHONPATH", tools);
        let ran = Ran::of(self.in_account(&mut command).output().unwrap());
        assert_eq!(ran.code, 0, "{service} {arguments:?}: {}", ran.all());
        serde_json::from_str(&ran.stdout).unwrap_or_default()
    }

    /// A script of the work tree, as CI starts it.
    fn run(&self, script: &str, arguments: &[&str]) -> Ran {
        let mut command = Command::new(self.work().join("scripts").join(script));
        command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null());
        command.env("RECONCILER", env!("CARGO_BIN_EXE_reconciler"));
        command.env("GITHUB_STEP_SUMMARY", self.summary());
        let ran = Ran::of(self.in_account(&mut command).output().unwrap());
        println!("--- {script} {arguments:?}: {}\n{}", ran.code, ran.all());
        ran
    }

    /// The program itself, in the work tree.
    fn reconciler(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
        command
            .args(arguments)
            .current_dir(self.work())
            .stdin(Stdio::null());
        let ran = Ran::of(self.in_account(&mut command).output().unwrap());
        println!("--- {arguments:?}: {}\n{}", ran.code, ran.all());
        ran
    }

    fn summary(&self) -> PathBuf {
        self.directory.path().join("summary.md")
    }

    fn in_account<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .envs(self.door.clone())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "demo")
            .env("AWS_SECRET_ACCESS_KEY", "demo")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
    }
}

fn tools() -> PathBuf {
    Path::new(ROOT).join("target/tools/python")
}

/// A git work tree with what the scripts need, committed.
fn work_tree(work: &Path) {
    std::fs::create_dir_all(work).unwrap();
    let copied = Command::new("cp")
        .args(["-r", "scripts", "manifests", "Cargo.toml", ".gitignore"])
        .arg(work)
        .current_dir(ROOT)
        .status();
    assert!(copied.unwrap().success());
    git(work, &["init", "-q", "-b", "main"]);
    commit(work, "manifests: what is deployed");
}

fn commit(work: &Path, message: &str) -> String {
    git(work, &["add", "-A"]);
    git(work, &["commit", "-qm", message]);
    git(work, &["rev-parse", "HEAD"])
}

fn git(work: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let mut command = Command::new("git");
    command.args(identity).args(arguments).current_dir(work);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 0, "git {arguments:?}: {}", ran.all());
    ran.stdout.trim().to_owned()
}
