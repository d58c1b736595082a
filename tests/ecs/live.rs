//! Tasks as real processes. The container is this very test binary: [`a_container_serves_when_started_as_one`].

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use contracts::simulator::address::Subnet;
use contracts::simulator::balancer::Balancer;
use contracts::simulator::{Simulator, ecs, live};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::account::{self, CLUSTER, Surroundings, ask};

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs as a container when the task definition's environment says so; as a test it does nothing.
#[tokio::test]
async fn a_container_serves_when_started_as_one() {
    let Ok(script) = std::env::var("SCRIPT") else {
        return;
    };
    let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    println!("environment {}", names.join(","));
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let listener = TcpListener::bind((address(), 3001)).await.unwrap();
    println!("listening");
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (mut stream, _) = accepted.unwrap();
                tokio::spawn(async move {
                    let mut request = [0; 1_024];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
                });
            }
            _ = terminate.recv() => {
                println!("terminated");
                if script != "stubborn" {
                    std::process::exit(0);
                }
            }
        }
    }
}

/// The container's own health check: passes when the container answers.
#[tokio::test]
async fn a_container_is_checked_by_its_own_program() {
    if std::env::var_os("SCRIPT").is_some() {
        assert!(get(address()).await.is_some());
    }
}

fn address() -> Ipv4Addr {
    std::env::var("BIND_ADDRESS").unwrap().parse().unwrap()
}

async fn get(address: Ipv4Addr) -> Option<String> {
    let mut stream = TcpStream::connect((address, 3001)).await.ok()?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.ok()?;
    reply.starts_with("HTTP/1.1 200").then_some(reply)
}

/// A simulation of this test's own, on its own addresses.
struct Live {
    simulator: Simulator,
    surroundings: Surroundings,
    stop: Vec<oneshot::Sender<()>>,
    parts: Vec<JoinHandle<()>>,
    _subnet: Subnet,
    _directory: tempfile::TempDir,
}

impl Live {
    async fn start() -> Live {
        let mut world = account::bare();
        let surroundings = account::furnish(&mut world);
        let delay = json!({
            "TargetGroupArn": surroundings.target_group,
            "Attributes": [{ "Key": "deregistration_delay.timeout_seconds", "Value": "1" }],
        });
        ask(
            &mut world,
            0,
            "elasticloadbalancing",
            "ModifyTargetGroupAttributes",
            delay,
        )
        .unwrap();
        let simulator = Simulator::new(world, 1_700_000_000_000);
        let subnet = Subnet::claim().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let balancer = Balancer::bind(simulator.clone(), subnet.host(1), directory.path())
            .await
            .unwrap();
        let images = BTreeMap::from([("hokusai/contracts".to_owned(), program())]);
        let options = live::Options {
            images,
            network: subnet.host(0),
        };
        let (stop_live, stopped) = oneshot::channel::<()>();
        let running = live::run(simulator.clone(), options, async { drop(stopped.await) });
        let live = tokio::spawn(async { running.await.unwrap() });
        let (stop_balancer, stopped) = oneshot::channel::<()>();
        let balancing = tokio::spawn(balancer.run(async { drop(stopped.await) }));
        Live {
            simulator,
            surroundings,
            stop: vec![stop_live, stop_balancer],
            parts: vec![live, balancing],
            _subnet: subnet,
            _directory: directory,
        }
    }

    async fn stop(self) {
        drop(self.stop);
        for part in self.parts {
            timeout(PATIENCE, part).await.unwrap().unwrap();
        }
    }

    fn ask(&self, service: &'static str, operation: &str, input: Value) -> Value {
        self.simulator
            .with(|world, now| ask(world, now, service, operation, input))
            .unwrap()
    }

    /// Registers the small task definition, run by this binary as `script`, and creates a service on it.
    fn create(&self, script: &str, container: Value, service: Value) {
        let name = program().file_name().unwrap().to_str().unwrap().to_owned();
        let mut definition = json!({
            "command": [name, "live::a_container_serves_when_started_as_one", "--exact", "--nocapture"],
            "environment": [{ "name": "SCRIPT", "value": script }],
        });
        account::merge(&mut definition, container);
        self.ask(
            "ecs",
            "RegisterTaskDefinition",
            account::task_definition(definition),
        );
        self.ask(
            "ecs",
            "CreateService",
            account::service(&self.surroundings, service),
        );
    }

    fn scale(&self, count: u32) {
        self.ask(
            "ecs",
            "UpdateService",
            json!({ "cluster": CLUSTER, "service": "contracts", "desiredCount": count }),
        );
    }

    fn described(&self) -> Value {
        self.simulator.with(account::described)
    }

    fn tasks(&self) -> Vec<Value> {
        let report = self.simulator.with(|world, _| ecs::tasks_report(world));
        report["tasks"].as_array().unwrap().clone()
    }

    /// Until the service is steady at `count` tasks; gives them.
    async fn steady(&self, count: u64) -> Vec<Value> {
        let steady = || {
            let service = self.described();
            let settled = service["runningCount"] == count
                && service["pendingCount"] == 0
                && service["deployments"].as_array().unwrap().len() == 1
                && service["deployments"][0]["rolloutState"] == "COMPLETED";
            let running: Vec<Value> = self
                .tasks()
                .into_iter()
                .filter(|task| task["desiredStatus"] == "RUNNING")
                .collect();
            (settled && running.len() as u64 == count).then_some(running)
        };
        self.until("steady", steady).await
    }

    /// Until a task has stopped; gives its description.
    async fn stopped(&self, id: &Value) -> Value {
        self.until("the task stopped", || {
            let input = json!({ "cluster": CLUSTER, "tasks": [id] });
            let task = self.ask("ecs", "DescribeTasks", input)["tasks"][0].clone();
            (task["lastStatus"] == "STOPPED").then_some(task)
        })
        .await
    }

    /// Until the log stream of a task has a line.
    async fn logged(&self, id: &Value, line: &str) {
        let stream = format!("api/contracts-api/{}", id.as_str().unwrap());
        self.until(line, || {
            let input = json!({ "logGroupName": "/ecs/contracts", "logStreamName": stream, "startFromHead": true });
            let events = self.simulator.with(|world, now| ask(world, now, "logs", "GetLogEvents", input)).ok()?;
            let found = events["events"].as_array()?.iter().any(|event| event["message"].as_str().unwrap().ends_with(line));
            found.then_some(())
        })
        .await;
    }

    async fn until<T>(&self, what: &str, check: impl FnMut() -> Option<T>) -> T {
        match poll(check).await {
            Some(found) => found,
            None => panic!(
                "not {what} in time:\n{:#}\n{:#?}",
                self.described(),
                self.tasks()
            ),
        }
    }
}

async fn poll<T>(mut check: impl FnMut() -> Option<T>) -> Option<T> {
    let found = async {
        loop {
            if let Some(found) = check() {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, found).await.ok()
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn pid(task: &Value) -> Pid {
    Pid::from_raw(task["pid"].as_i64().unwrap() as i32).unwrap()
}

/// Runs a test's body against a simulation and stops it, also when the body panics.
async fn with_live<F: Future<Output = ()> + Send + 'static>(
    body: impl FnOnce(std::sync::Arc<Live>) -> F,
) {
    let live = std::sync::Arc::new(Live::start().await);
    let outcome = tokio::spawn(body(live.clone())).await;
    let pids: Vec<Pid> = live
        .tasks()
        .iter()
        .filter(|task| task["pid"].is_u64())
        .map(pid)
        .collect();
    std::sync::Arc::into_inner(live).unwrap().stop().await;
    let left = pids
        .into_iter()
        .filter(|pid| test_kill_process(*pid).is_ok())
        .count();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic.into_panic());
    }
    assert_eq!(left, 0, "processes outlived their simulator");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_get_their_environment_only_answer_log_and_end_on_sigterm() {
    with_live(|live| async move {
        let check = json!({ "command": ["CMD", "/usr/local/bin/".to_owned() + program().file_name().unwrap().to_str().unwrap(),
            "live::a_container_is_checked_by_its_own_program", "--exact"], "interval": 5, "timeout": 5 });
        live.create("serve", json!({ "healthCheck": check }), json!({}));
        let tasks = live.steady(2).await;
        assert_ne!(tasks[0]["address"], tasks[1]["address"]);
        for task in &tasks {
            assert_eq!(task["health"], "HEALTHY");
            let address = task["address"].as_str().unwrap().parse().unwrap();
            assert!(get(address).await.is_some());
            live.logged(&task["id"], "environment BIND_ADDRESS,DEPLOYER_PRIVATE_KEY,SCRIPT").await;
        }
        live.scale(0);
        for task in &tasks {
            let stopped = live.stopped(&task["id"]).await;
            assert_eq!(stopped["containers"][0]["exitCode"], 0);
            assert_eq!(stopped["stopCode"], "ServiceSchedulerInitiated");
            live.logged(&task["id"], "terminated").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    with_live(|live| async move {
        live.create(
            "stubborn",
            json!({ "stopTimeout": 2 }),
            json!({ "desiredCount": 1 }),
        );
        let task = live.steady(1).await.remove(0);
        live.scale(0);
        live.logged(&task["id"], "terminated").await;
        let stopped = live.stopped(&task["id"]).await;
        assert_eq!(stopped["containers"][0]["exitCode"], 137);
        let at = |member: &str| stopped[member]["$timestamp"].as_u64().unwrap();
        assert!(
            at("executionStoppedAt") - at("stoppingAt") >= 3_000,
            "drained for 1 s, then waited 2 s: {stopped:#}"
        );
        assert!(test_kill_process(pid(&task)).is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_from_outside_is_replaced() {
    with_live(|live| async move {
        live.create("serve", json!({}), json!({}));
        let before = live.steady(2).await;
        kill_process(pid(&before[0]), Signal::KILL).unwrap();
        let stopped = live.stopped(&before[0]["id"]).await;
        assert_eq!(stopped["containers"][0]["exitCode"], 137);
        assert_eq!(
            stopped["stoppedReason"],
            "Essential container in task exited"
        );
        let after = live.steady(2).await;
        assert!(after.iter().any(|task| task["id"] == before[1]["id"]));
        assert!(
            after.iter().all(
                |task| task["id"] != before[0]["id"] && task["address"] != before[0]["address"]
            )
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_a_command_is_a_failed_start_that_says_how_to_map_it() {
    with_live(|live| async move {
        let push = "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/other:1";
        live.simulator.with(|world, now| {
            let manifest = json!({ "schemaVersion": 2, "manifests": [] }).to_string();
            let image = contracts::simulator::account::Image {
                tags: vec!["1".into()],
                digest: contracts::simulator::ecr::digest(&manifest),
                manifest,
            };
            let repository = contracts::simulator::account::Repository {
                name: "hokusai/other".into(),
                images: vec![image],
            };
            contracts::simulator::ecr::add_repository(world, &repository, now);
        });
        live.create(
            "serve",
            json!({ "image": push }),
            json!({ "desiredCount": 1 }),
        );
        let task = live
            .until("launched", || live.tasks().first().cloned())
            .await;
        let stopped = live.stopped(&task["id"]).await;
        assert_eq!(stopped["stopCode"], "TaskFailedToStart");
        let reason = stopped["stoppedReason"].as_str().unwrap();
        assert!(reason.contains("--image hokusai/other=COMMAND"), "{reason}");
    })
    .await;
}

/// Runs as a simulator when the test below starts it; as a test it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_simulator_runs_when_started_as_one() {
    if std::env::var_os("RUN_SIMULATOR").is_none() {
        return;
    }
    let live = Live::start().await;
    live.create("stubborn", json!({}), json!({}));
    for task in live.steady(2).await {
        println!("pid {}", task["pid"]);
    }
    println!("ready");
    sleep(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_die_with_a_simulator_that_is_killed() {
    let mut simulator = tokio::process::Command::new(program())
        .args([
            "live::a_simulator_runs_when_started_as_one",
            "--exact",
            "--nocapture",
        ])
        .env("RUN_SIMULATOR", "1")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(simulator.stdout.take().unwrap()).lines();
    let mut pids = Vec::new();
    let read = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(id) = line.strip_prefix("pid ") {
                pids.push(Pid::from_raw(id.parse().unwrap()).unwrap());
            }
            if line == "ready" {
                return;
            }
        }
        panic!("the simulator ended before it was ready");
    };
    timeout(PATIENCE, read).await.unwrap();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| test_kill_process(*pid).is_ok()));
    simulator.start_kill().unwrap();
    simulator.wait().await.unwrap();
    let gone = poll(|| {
        pids.iter()
            .all(|pid| test_kill_process(*pid).is_err())
            .then_some(())
    })
    .await;
    assert!(gone.is_some(), "tasks outlived a killed simulator");
}
