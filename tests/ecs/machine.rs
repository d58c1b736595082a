//! A machine on a virtual clock: it carries out effects as scripted and writes down what happens.
//!
//! Stands where `live` stands. Everything else is the simulator's own: scheduler, target health, iam, ssm, logs.

use std::collections::{BTreeMap, BTreeSet};

use contracts::simulator::call::Millis;
use contracts::simulator::ecs::{self, Effect, ProcessId, Signal, Start};
use contracts::simulator::{World, elbv2, signals};
use serde_json::{Value, json};

use crate::account::{self, CLUSTER, Surroundings, ask};

const TICK_MILLIS: Millis = 100;

/// How the processes of one command behave, told by the first argument of the definition's command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Serves from the start; ends at once on SIGTERM.
    Serves,
    /// Ends by itself with code 1 soon after the start.
    Crashes,
    /// Serves, and ignores SIGTERM.
    Stubborn,
    /// Runs, but answers its health checks with 503.
    Sick,
}

struct Process {
    script: Script,
    ends_at: Option<(Millis, i32)>,
}

/// A second target group and the rules that choose between the two.
pub struct Shift {
    pub alternate: String,
    pub production: String,
    pub test: String,
}

pub struct Machine {
    pub world: World,
    pub surroundings: Surroundings,
    pub now: Millis,
    processes: BTreeMap<ProcessId, Process>,
    /// Addresses that answer 503 though their script serves.
    sick: BTreeSet<String>,
    /// What traffic is shifted between, where it is.
    pub shift: Option<Shift>,
    /// Whether to leave states out of the timeline: they cost a description of everything at every tick.
    pub brief: bool,
    events_seen: usize,
    names: Names,
    shown: BTreeMap<String, String>,
    lines: Vec<String>,
}

/// Short names for ids in the order they appear, so that a timeline reads.
#[derive(Default)]
struct Names {
    by_id: Vec<(String, String)>,
    tasks: usize,
    deployments: usize,
}

impl Names {
    fn add(&mut self, id: &str, task: bool) {
        if self.by_id.iter().any(|(known, _)| known == id) {
            return;
        }
        let count = if task {
            &mut self.tasks
        } else {
            &mut self.deployments
        };
        *count += 1;
        let name = if task {
            format!("t{count}")
        } else {
            format!("d{count}")
        };
        self.by_id.push((id.to_owned(), name));
    }

    fn shorten(&self, text: &str) -> String {
        self.by_id
            .iter()
            .fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }
}

impl Machine {
    pub fn new() -> Machine {
        let mut world = account::bare();
        let surroundings = account::furnish(&mut world);
        Machine {
            world,
            surroundings,
            now: 0,
            processes: BTreeMap::new(),
            sick: BTreeSet::new(),
            shift: None,
            brief: false,
            events_seen: 0,
            names: Names::default(),
            shown: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// Registers the small task definition with changes to its container.
    pub fn register(&mut self, container: Value) {
        self.ecs(
            "RegisterTaskDefinition",
            account::task_definition(container),
        );
    }

    pub fn create(&mut self, changes: Value) {
        let input = account::service(&self.surroundings, changes);
        self.ecs("CreateService", input);
    }

    pub fn update(&mut self, changes: Value) {
        let mut input = json!({ "cluster": CLUSTER, "service": "contracts" });
        account::merge(&mut input, changes);
        self.ecs("UpdateService", input);
    }

    /// A call of another service, as somebody makes it.
    pub fn other(&mut self, service: &'static str, operation: &str, input: Value) -> Value {
        self.say(format!("> {operation} {}", brief(&input)));
        ask(&mut self.world, self.now, service, operation, input).unwrap()
    }

    /// The newest service deployment, as it is described.
    pub fn deployment(&mut self) -> Value {
        let now = self.now;
        let input = json!({ "cluster": CLUSTER, "service": "contracts" });
        let list = ask(&mut self.world, now, "ecs", "ListServiceDeployments", input).unwrap();
        let arn = list["serviceDeployments"][0]["serviceDeploymentArn"].clone();
        let input = json!({ "serviceDeploymentArns": [arn] });
        let described = ask(
            &mut self.world,
            now,
            "ecs",
            "DescribeServiceDeployments",
            input,
        );
        described.unwrap()["serviceDeployments"][0].clone()
    }

    pub fn ecs(&mut self, operation: &str, input: Value) -> Value {
        let brief = match operation {
            "RegisterTaskDefinition" | "CreateService" => String::new(),
            _ => format!(" {}", brief(&input)),
        };
        self.say(format!("> {operation}{brief}"));
        ask(&mut self.world, self.now, "ecs", operation, input).unwrap()
    }

    /// `kill -9` of a task's process from outside.
    pub fn kill(&mut self, task: &str) {
        let (id, _) = self
            .names
            .by_id
            .iter()
            .find(|(_, name)| name == task)
            .unwrap();
        let id = ProcessId {
            task: id.clone(),
            container: "contracts-api".into(),
        };
        self.say(format!("> kill -9 {task}"));
        self.processes.get_mut(&id).unwrap().ends_at = Some((self.now, 137));
    }

    /// From now on a task answers its health checks with 503.
    pub fn sicken(&mut self, task: &str) {
        let (id, _) = self
            .names
            .by_id
            .iter()
            .find(|(_, name)| name == task)
            .unwrap();
        self.sick.insert(id.clone());
        self.lines.push(format!(
            "{:>7.1}  > {task} answers 503",
            self.now as f64 / 1_000.0
        ));
    }

    /// Names of tasks whose process runs.
    pub fn task_names(&self) -> Vec<String> {
        let ids = self.processes.keys().map(|process| &process.task);
        ids.filter_map(|id| {
            Some(
                self.names
                    .by_id
                    .iter()
                    .find(|(known, _)| known == id)?
                    .1
                    .clone(),
            )
        })
        .collect()
    }

    pub fn run_seconds(&mut self, seconds: u64) {
        let end = self.now + seconds * 1_000;
        while self.now < end {
            self.now += TICK_MILLIS;
            self.tick();
        }
    }

    /// Runs until the service is steady on its newest deployment, or panics with the timeline.
    pub fn run_until_steady(&mut self) {
        let end = self.now + 600_000;
        loop {
            self.run_seconds(1);
            let service = account::described(&mut self.world, self.now);
            let rows = service["deployments"].as_array().unwrap().len();
            if rows == 1
                && service["deployments"][0]["rolloutState"] == "COMPLETED"
                && service["runningCount"] == service["desiredCount"]
            {
                return;
            }
            assert!(
                self.now < end,
                "not steady after ten minutes:\n{}",
                self.lines.join("\n")
            );
        }
    }

    pub fn timeline(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    pub fn tick(&mut self) {
        let now = self.now;
        let ended: Vec<(ProcessId, i32)> = self
            .processes
            .iter()
            .filter_map(|(id, process)| {
                process
                    .ends_at
                    .filter(|(at, _)| *at <= now)
                    .map(|(_, code)| (id.clone(), code))
            })
            .collect();
        for (id, code) in ended {
            self.processes.remove(&id);
            ecs::exited(&mut self.world, &id, code);
        }
        for probe in elbv2::step(&mut self.world, now) {
            let outcome = self.probe(&probe.address.to_string());
            elbv2::probed(&mut self.world, &probe, outcome, now);
        }
        signals::step(&mut self.world, now);
        let effects = ecs::step(&mut self.world, now);
        self.name_new();
        let events = ecs::events(&self.world, CLUSTER, "contracts");
        for (_, message) in events.iter().skip(self.events_seen) {
            self.say(message.replace("(service contracts) ", "  "));
        }
        self.events_seen = events.len();
        for effect in effects {
            self.carry_out(effect);
        }
        if !self.brief {
            self.show_states();
        }
    }

    fn probe(&self, address: &str) -> elbv2::Outcome {
        let report = ecs::tasks_report(&self.world);
        let task = report["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .find(|task| task["address"] == address);
        let id = task
            .and_then(|task| task["id"].as_str())
            .unwrap_or_default();
        let process = self
            .processes
            .iter()
            .find(|(process, _)| process.task == id);
        match process {
            None => elbv2::Outcome::Unreachable,
            Some((_, process)) if process.script == Script::Sick || self.sick.contains(id) => {
                elbv2::Outcome::Status(503)
            }
            Some(_) => elbv2::Outcome::Status(200),
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Start(start) => {
                self.say(format!(
                    "  start {} at {} with {:?}",
                    start.process, start.address, start.environment
                ));
                let Start {
                    process, arguments, ..
                } = start;
                let script = match arguments.first().map(String::as_str) {
                    Some("crash") => Script::Crashes,
                    Some("stubborn") => Script::Stubborn,
                    Some("sick") => Script::Sick,
                    _ => Script::Serves,
                };
                let ends_at = (script == Script::Crashes).then_some((self.now + 400, 1));
                ecs::started(&mut self.world, &process, 4_242);
                self.processes.insert(process, Process { script, ends_at });
            }
            Effect::Signal { process, signal } => {
                self.say(format!("  {signal:?} {process}"));
                let Some(running) = self.processes.get_mut(&process) else {
                    return;
                };
                match signal {
                    Signal::Terminate if running.script == Script::Stubborn => {}
                    Signal::Terminate => running.ends_at = Some((self.now + 100, 0)),
                    Signal::Kill => running.ends_at = Some((self.now, 137)),
                }
            }
            Effect::CheckHealth { process, .. } => {
                let sick = self.sick.contains(&process.task);
                ecs::health_checked(&mut self.world, &process, !sick, self.now);
            }
        }
    }

    fn name_new(&mut self) {
        let report = ecs::tasks_report(&self.world);
        for task in report["tasks"].as_array().unwrap() {
            self.names.add(task["id"].as_str().unwrap(), true);
        }
        let service = account::described(&mut self.world, self.now);
        for row in service["deployments"].as_array().into_iter().flatten() {
            let id = row["id"]
                .as_str()
                .unwrap()
                .trim_start_matches("ecs-svc/")
                .to_owned();
            self.names.add(&id, false);
        }
    }

    /// Writes down each task's and deployment's state when it has changed.
    fn show_states(&mut self) {
        let now = self.now;
        let service = account::described(&mut self.world, now);
        let mut states = Vec::new();
        for row in service["deployments"].as_array().into_iter().flatten() {
            let state = format!(
                "{} {} desired {} running {} pending {} failed {}",
                text(&row["status"]),
                text(&row["rolloutState"]),
                row["desiredCount"],
                row["runningCount"],
                row["pendingCount"],
                row["failedTasks"],
            );
            states.push((text(&row["id"]), state));
        }
        let input = json!({ "cluster": CLUSTER, "service": "contracts" });
        if let Ok(list) = ask(&mut self.world, now, "ecs", "ListServiceDeployments", input) {
            for (index, entry) in list["serviceDeployments"]
                .as_array()
                .unwrap()
                .iter()
                .rev()
                .enumerate()
            {
                let state = format!(
                    "{} {}",
                    text(&entry["status"]),
                    text(&entry["statusReason"])
                );
                states.push((format!("service deployment {}", index + 1), state));
            }
        }
        for task in ecs::tasks_report(&self.world)["tasks"].as_array().unwrap() {
            if task["status"] == "STOPPED" {
                let input = json!({ "cluster": CLUSTER, "tasks": [task["id"]] });
                let task =
                    ask(&mut self.world, now, "ecs", "DescribeTasks", input).unwrap()["tasks"][0]
                        .clone();
                let container = &task["containers"][0];
                let state = format!(
                    "STOPPED {} exit {}: {}",
                    text(&task["stopCode"]),
                    container["exitCode"],
                    text(&task["stoppedReason"])
                );
                states.push((
                    text(&task["taskArn"])
                        .rsplit('/')
                        .next()
                        .unwrap()
                        .to_owned(),
                    state,
                ));
            }
        }
        states.push(("service".into(), text(&service["status"])));
        if service["status"] == "ACTIVE" {
            states.extend(self.traffic());
        }
        for (what, state) in states {
            let what = self.names.shorten(&what);
            if self.shown.get(&what) != Some(&state) {
                self.say(format!("  [{what} {}]", state.trim_end()));
                self.shown.insert(what, state);
            }
        }
    }

    /// Stage, hooks and traffic of a rollout that has them, with what the rules really do.
    fn traffic(&mut self) -> Vec<(String, String)> {
        let deployment = self.deployment();
        let mut states = Vec::new();
        if let Some(triggered) = deployment["alarms"]["triggeredAlarmNames"].as_array()
            && !triggered.is_empty()
        {
            let alarms = format!("{} {triggered:?}", text(&deployment["alarms"]["status"]));
            states.push(("alarms".into(), alarms));
        }
        if deployment["lifecycleStage"].is_null() {
            return states;
        }
        let target = &deployment["targetServiceRevision"];
        states.push((
            "stage".into(),
            format!(
                "{} production {} test {}",
                text(&deployment["lifecycleStage"]),
                target["requestedProductionTrafficWeight"],
                target["requestedTestTrafficWeight"],
            ),
        ));
        for hook in deployment["lifecycleHookDetails"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let what = format!("hook {}", text(&hook["targetType"]));
            states.push((what, text(&hook["status"])));
        }
        for (what, rule) in ["production", "test"].into_iter().zip(self.rules()) {
            states.push((format!("rule {what}"), rule));
        }
        states
    }

    /// What the two rules forward to, by weight.
    fn rules(&mut self) -> Vec<String> {
        let Some(Shift {
            production, test, ..
        }) = &self.shift
        else {
            return Vec::new();
        };
        let rules = [production.clone(), test.clone()];
        let shown = rules.map(|rule| {
            let groups = elbv2::rule_weights(&self.world, &rule).unwrap_or_default();
            let groups = groups
                .iter()
                .map(|(group, weight)| format!("{} {weight}", self.shorten(group)));
            groups.collect::<Vec<_>>().join(", ")
        });
        shown.to_vec()
    }

    fn shorten(&self, line: &str) -> String {
        let line = self
            .names
            .shorten(line)
            .replace(&self.surroundings.target_group, "TG");
        match &self.shift {
            None => line,
            Some(shift) => line
                .replace(&shift.alternate, "TG2")
                .replace(&shift.production, "RULE")
                .replace(&shift.test, "TEST"),
        }
    }

    fn say(&mut self, line: String) {
        let line = self.shorten(&line);
        self.lines
            .push(format!("{:>7.1}  {line}", self.now as f64 / 1_000.0));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An input without what every call carries.
fn brief(input: &Value) -> String {
    let mut input = input.clone();
    for name in ["cluster", "service"] {
        input.as_object_mut().unwrap().remove(name);
    }
    input.to_string()
}
