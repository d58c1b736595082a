//! `reconciler run` as a process: heals what is changed by hand, is watched over HTTP, ends at a signal with the call in its
//! hand, and goes on after a kill.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contracts::timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{MANIFEST, ROOT, Ran, UNIT, WELL, World, tools};

const INTERVAL: Duration = Duration::from_secs(5);
/// For one look and the calls it leads to, on a busy machine.
const LOOK: Duration = Duration::from_secs(4);
/// Below ECS's 30 s between SIGTERM and SIGKILL.
const END: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until there is a value; `seen` says what there was instead.
fn eventually<T>(what: &str, seen: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: {}", seen());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

/// One request, its status and body; of HTTP 1.0, so that the body comes as it is and the connection ends with it.
fn http(address: &str, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A loop under way; it is killed when this is dropped.
struct Looping {
    program: Child,
    address: String,
    log: PathBuf,
}

impl Drop for Looping {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Looping {
    /// Of what is published, or of a directory.
    fn start(world: &World, directory: Option<&str>) -> Looping {
        let log = world.directory.path().join("loop.log");
        let output = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
        command
            .arg("run")
            .args(directory)
            .args(["--interval", "5s", "--listen", "127.0.0.1:0"])
            .current_dir(world.work())
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output);
        let program = world.in_account(&mut command).spawn().unwrap();
        let mut looping = Looping {
            program,
            address: String::new(),
            log,
        };
        looping.address = eventually(
            "an address",
            || looping.said(),
            || {
                let said = looping.said();
                let line = said.lines().next()?;
                let running: Value = serde_json::from_str(line).ok()?;
                running["address"].as_str().map(str::to_owned)
            },
        );
        looping
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn get(&self, path: &str) -> (u16, String) {
        http(&self.address, "GET", path, "").unwrap_or_else(|| panic!("{path}: {}", self.said()))
    }

    fn unit(&self) -> Value {
        let (status, body) = self.get("/status");
        assert_eq!(status, 200, "{body}");
        let status: Value = serde_json::from_str(&body).unwrap();
        status["units"][UNIT].clone()
    }

    /// Waits until the unit is seen so.
    fn shows(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let seen = || format!("{:#}\n{}", self.unit(), self.said());
        eventually(what, seen, || holds(&self.unit()).then_some(()));
    }

    fn settles(&self) {
        self.shows("settled", |unit| unit["state"] == "settled");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.program.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// After SIGTERM: how long it took, and the exit code.
    fn ends(mut self) -> (Duration, Option<i32>, String) {
        let at = Instant::now();
        self.signal(Signal::TERM);
        while at.elapsed() < END {
            if let Some(status) = self.program.try_wait().unwrap() {
                return (at.elapsed(), status.code(), self.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not end: {}", self.said());
    }
}

impl World {
    fn admin(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.endpoint.strip_prefix("http://").unwrap();
        let (status, body) = http(address, method, &format!("/_simulator/{path}"), body).unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// How often an operation was called.
    fn called(&self, operation: &str) -> u64 {
        let calls = self.admin("GET", "calls", "");
        calls[operation]["calls"].as_u64().unwrap_or(0)
    }

    fn history(&self) -> Value {
        let ran = self.reconciler(&["history", UNIT, "--output", "json"]);
        assert_eq!(ran.code, 0);
        ran.json().remove(0)
    }

    fn rule(&self) -> String {
        let elb = |arguments: &[&str]| self.aws("elbv2", arguments);
        let balancers = elb(&["describe-load-balancers"]);
        let balancer = balancers["LoadBalancers"][0]["LoadBalancerArn"].clone();
        let listeners = elb(&["describe-listeners", "--load-balancer-arn", text(&balancer)]);
        let listener = listeners["Listeners"][0]["ListenerArn"].clone();
        let rules = elb(&["describe-rules", "--listener-arn", text(&listener)]);
        let mut rules = rules["Rules"].as_array().unwrap().iter();
        let ours = rules.find(|rule| rule["Priority"] == "100").unwrap();
        text(&ours["RuleArn"]).to_owned()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Somebody's edits, as they would type them, and the first call that heals each.
fn edits(world: &World) -> Vec<(&'static str, Vec<Vec<String>>, &'static str)> {
    let service = ["--cluster", "hokusai-development", "--service", UNIT];
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let update =
        |more: [&str; 2]| words(&[&["ecs", "update-service"], &service[..], &more].concat());
    let family = "hokusai-contracts-task";
    let described = world.aws(
        "ecs",
        &["describe-task-definition", "--task-definition", family],
    );
    let mut definition = described["taskDefinition"].clone();
    definition["containerDefinitions"][0]["environment"] =
        json!([{ "name": "LOG_LEVEL", "value": "trace" }]);
    let members = [
        "family",
        "containerDefinitions",
        "cpu",
        "memory",
        "networkMode",
        "requiresCompatibilities",
        "executionRoleArn",
        "taskRoleArn",
    ];
    let input: Value = members
        .iter()
        .map(|it| ((*it).to_owned(), definition[*it].clone()))
        .collect();
    let input = input.to_string();
    let alarm = format!("{UNIT}-cpu");
    vec![
        (
            "alarm deleted",
            vec![words(&[
                "cloudwatch",
                "delete-alarms",
                "--alarm-names",
                &alarm,
            ])],
            "cloudwatch:PutMetricAlarm",
        ),
        (
            "rule edited",
            vec![words(&[
                "elbv2",
                "modify-rule",
                "--rule-arn",
                &world.rule(),
                "--conditions",
                "Field=host-header,Values=elsewhere.hokus.ai",
            ])],
            "elasticloadbalancing:ModifyRule",
        ),
        (
            "fifty tasks",
            vec![update(["--desired-count", "50"])],
            "ecs:UpdateService",
        ),
        (
            "task definition changed",
            vec![
                words(&[
                    "ecs",
                    "register-task-definition",
                    "--cli-input-json",
                    &input,
                ]),
                update(["--task-definition", family]),
            ],
            "ecs:UpdateService",
        ),
    ]
}

/// What Prometheus' own client library for Python reads: samples by name and labels.
fn parsed(text: &str) -> Vec<(String, Value, f64)> {
    let script = "import json, sys
from prometheus_client.parser import text_string_to_metric_families as families
text = sys.stdin.read()
print(json.dumps([[s.name, s.labels, s.value] for f in families(text) for s in f.samples]))";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .env("PYTHONPATH", tools())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}\n{text}", ran.all());
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Must show 4 of the loop, with processes; in virtual time it is `tests/converge/controller.rs`.
#[test]
fn what_is_changed_by_hand_is_healed_within_one_interval_and_stands_in_the_history() {
    // Slow enough that autoscaling, which heals a count as well, takes longer than an interval.
    let world = World::at_speed("10", WELL);
    assert_eq!(world.reconciler(&["reconcile", MANIFEST]).code, 0);
    let looping = Looping::start(&world, None);
    let (status, health) = looping.get("/health");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["service"]), (200, &json!("reconciler")));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    looping.settles();

    let count = |what: &str, newest: u64| {
        let history = world.history();
        let publications = history["publications"].as_array().unwrap().clone();
        assert_eq!(publications.len(), 1, "{what}");
        let transitions = publications[0]["transitions"].as_array().unwrap().clone();
        let at = |it: &Value| timestamp::parse(text(&it["at"])).unwrap();
        let new = transitions.into_iter().filter(move |it| at(it) > newest);
        new.map(|it| (at(&it), it)).collect::<Vec<_>>()
    };
    for (what, calls, word) in edits(&world) {
        let newest = count(what, 0).iter().map(|(at, _)| *at).max().unwrap_or(0);
        let began = |(_, it): &&(u64, Value)| {
            it["condition"] == "Applied"
                && it["holds"] == false
                && text(&it["reason"]).contains(word)
        };
        let (edited, begun) = eventually(
            what,
            || looping.said(),
            || {
                for call in &calls {
                    let (service, rest) = call.split_first().unwrap();
                    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                    world.aws(service, &rest);
                }
                let edited = now();
                let until = edited + u64::try_from((INTERVAL + LOOK).as_millis()).unwrap();
                while now() < until {
                    if let Some((at, _)) = count(what, newest).iter().find(began) {
                        return Some((edited, *at));
                    }
                }
                // Only where autoscaling was there first may it be edited again.
                assert_eq!(
                    what,
                    "fifty tasks",
                    "not within an interval: {}",
                    looping.said()
                );
                None
            },
        );
        let healed = Duration::from_millis(begun.saturating_sub(edited));
        assert!(healed <= INTERVAL + LOOK, "{what} after {healed:?}");
        looping.settles();
        eventually(
            what,
            || looping.said(),
            || {
                // Newest first.
                let mut new = count(what, newest).into_iter().map(|(_, it)| it);
                let applied = new.find(|it| it["condition"] == "Applied")?;
                (applied["holds"] == true).then_some(())
            },
        );
        let plan = world.reconciler(&["plan", MANIFEST, "--exit-code"]);
        assert_eq!(plan.code, 0, "{what}");
        println!("{what}: begun {healed:?} after the edit");
    }

    let (status, metrics) = looping.get("/metrics");
    assert_eq!(status, 200);
    let samples = parsed(&metrics);
    let value = |name: &str, labels: Value| {
        let mut found = samples.iter().filter(|it| it.0 == name && it.1 == labels);
        found
            .next()
            .unwrap_or_else(|| panic!("{name} {labels}: {metrics}"))
            .2
    };
    let condition = |name: &str| {
        value(
            "reconciler_condition",
            json!({ "unit": UNIT, "condition": name }),
        )
    };
    assert_eq!(
        (condition("Applied"), condition("NotConverging")),
        (1.0, 0.0)
    );
    assert_eq!(value("reconciler_units", json!({})), 1.0);
    let applied = json!({ "unit": UNIT, "answer": "applied" });
    assert!(value("reconciler_steps_total", applied) >= 4.0, "{metrics}");
    let (took, code, said) = looping.ends();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        took < Duration::from_secs(5),
        "{took:?}: nothing was under way"
    );
}

#[test]
fn a_signal_ends_it_with_the_call_in_its_hand_and_a_killed_one_goes_on() {
    let world = World::start(WELL);
    let directory = world.work().join("units");
    std::fs::create_dir(&directory).unwrap();
    let manifest = std::fs::read_to_string(format!("{ROOT}/{MANIFEST}")).unwrap();
    let write = |days: &str| {
        let manifest = manifest.replace("retentionDays: 30", &format!("retentionDays: {days}"));
        std::fs::write(directory.join("contracts.yaml"), manifest).unwrap();
    };
    write("30");

    // Killed in the middle of creating the unit.
    let looping = Looping::start(&world, Some("units"));
    eventually(
        "something made",
        || looping.said(),
        || (world.called("elasticloadbalancing.CreateTargetGroup") > 0).then_some(()),
    );
    looping.signal(Signal::KILL);
    drop(looping);
    let looping = Looping::start(&world, Some("units"));
    looping.settles();
    let groups = world.aws("elbv2", &["describe-target-groups"]);
    assert_eq!(groups["TargetGroups"].as_array().unwrap().len(), 1);
    assert_eq!(world.called("ecs.CreateService"), 1);

    // The file is news.
    let at = Instant::now();
    let before = world.called("logs.PutRetentionPolicy");
    write("90");
    eventually(
        "the change",
        || looping.said(),
        || (world.called("logs.PutRetentionPolicy") > before).then_some(()),
    );
    assert!(at.elapsed() < Duration::from_secs(10), "{:?}", at.elapsed());
    looping.settles();
    let history = world.history();
    let unpublished = history["unpublished"].as_array().unwrap();
    let told = |it: &&Value| text(&it["reason"]).contains("logs:PutRetentionPolicy");
    assert!(unpublished.iter().any(|it| told(&it)), "{history:#}");

    // A call whose answer never comes: SIGTERM finds it under way.
    world.admin(
        "PUT",
        "faults",
        "faults: [{ on: logs.PutRetentionPolicy, fault: timeout-after }]",
    );
    let before = world.called("logs.PutRetentionPolicy");
    write("60");
    eventually(
        "the call",
        || looping.said(),
        || (world.called("logs.PutRetentionPolicy") > before).then_some(()),
    );
    let (took, code, said) = looping.ends();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("SIGTERM") && said.contains("\"ended\""),
        "{said}"
    );
    println!("ended {took:?} after SIGTERM, with a call under way");

    // It had its effect: there is nothing left to do.
    let before = world.called("logs.PutRetentionPolicy");
    let looping = Looping::start(&world, Some("units"));
    looping.settles();
    assert_eq!(world.called("logs.PutRetentionPolicy"), before);
    let group = world.aws("logs", &["describe-log-groups"]);
    assert_eq!(group["logGroups"][0]["retentionInDays"], 60);
}
