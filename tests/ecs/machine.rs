//! A machine on a virtual clock: virtual tasks with images by script, and what happens to them written down.
//!
//! Everything is the simulator's own, stepped here; this only calls it and looks.

use std::collections::BTreeMap;

use contracts::simulator::call::Millis;
use contracts::simulator::ecs::{self, Effect, ProcessId};
use contracts::simulator::play::Player;
use contracts::simulator::{World, elbv2, image};
use serde_json::{Value, json};

use crate::account::{self, CLUSTER, Surroundings, ask};

const TICK_MILLIS: Millis = 100;
/// The images there are beside the one that serves, each by its tag.
const IMAGES: &str = "
images:
  - { image: 'hokusai/contracts:crash', crash: { after_seconds: 0.4 } }
  - { image: 'hokusai/contracts:stubborn', ignores_sigterm: true }
  - { image: 'hokusai/contracts:sick', unhealthy: true }
  - { image: 'hokusai/contracts:slow', pull_seconds: 12, start_seconds: 3, lines: [listening] }
  - { image: 'hokusai/contracts:shaky', pull_seconds: 2, crash: { after_seconds: 1, code: 3, times: 2 } }
  - { image: 'hokusai/contracts:leaky', pull_seconds: 5, leaks_mib_per_second: 20 }
  - image: hokusai/contracts:unpullable
    pull_seconds: 4
    unpullable: >-
      ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: failed to do request: i/o timeout
";

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
    player: Player,
    /// What traffic is shifted between, where it is.
    pub shift: Option<Shift>,
    /// Whether to leave states out of the timeline: they cost a description of everything at every tick.
    pub brief: bool,
    events_seen: usize,
    names: Names,
    shown: BTreeMap<String, String>,
    lines: Vec<String>,
    /// The same with every id as it is.
    log: String,
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
        Machine::of_seed(1)
    }

    /// One whose ids follow from another seed.
    pub fn of_seed(seed: u64) -> Machine {
        let mut world = account::of_seed(seed);
        world.images = image::parse(IMAGES).unwrap();
        for tag in [
            "crash",
            "stubborn",
            "sick",
            "slow",
            "shaky",
            "leaky",
            "unpullable",
        ] {
            account::push(&mut world, tag);
        }
        let surroundings = account::furnish(&mut world);
        Machine {
            world,
            surroundings,
            now: 0,
            player: Player::default(),
            shift: None,
            brief: false,
            events_seen: 0,
            names: Names::default(),
            shown: BTreeMap::new(),
            lines: Vec::new(),
            log: String::new(),
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
        self.player.kill(&id, self.now);
    }

    /// From now on a task answers its health checks with 503.
    pub fn sicken(&mut self, task: &str) {
        let (id, _) = self
            .names
            .by_id
            .iter()
            .find(|(_, name)| name == task)
            .unwrap();
        self.player.sicken(id);
        self.lines.push(format!(
            "{:>7.1}  > {task} answers 503",
            self.now as f64 / 1_000.0
        ));
    }

    /// Names of tasks whose process runs.
    pub fn task_names(&self) -> Vec<String> {
        let report = ecs::tasks_report(&self.world);
        let tasks = report["tasks"].as_array().unwrap().iter();
        let running = tasks.filter(|task| !task["pid"].is_null());
        running
            .map(|task| self.names.shorten(task["id"].as_str().unwrap()))
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

    /// From now on these images behave so, and no others specially.
    pub fn script(&mut self, images: &str) {
        self.say(format!("> {images}"));
        self.world.images = image::parse(images).unwrap();
    }

    /// Everything said, with ids: what two runs must agree on.
    pub fn log(&self) -> &str {
        &self.log
    }

    pub fn tick(&mut self) {
        let effects = self.player.step(&mut self.world, self.now);
        self.name_new();
        let events = ecs::events(&self.world, CLUSTER, "contracts");
        for (_, message) in events.iter().skip(self.events_seen) {
            self.say(message.replace("(service contracts) ", "  "));
        }
        self.events_seen = events.len();
        for effect in effects {
            match effect {
                Effect::Start(start) => self.say(format!(
                    "  start {} at {} with {:?}",
                    start.process, start.address, start.environment
                )),
                Effect::Signal { process, signal } => self.say(format!("  {signal:?} {process}")),
                Effect::CheckHealth { .. } => {}
            }
        }
        if !self.brief {
            self.show_states();
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
                let mut state = format!(
                    "STOPPED {} exit {}: {}",
                    text(&task["stopCode"]),
                    container["exitCode"],
                    text(&task["stoppedReason"])
                );
                if let Some(reason) = container["reason"].as_str() {
                    state.push_str(&format!(" ({reason})"));
                }
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
        self.log.push_str(&format!("{} {line}\n", self.now));
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
