//! A service on a coarse virtual clock whose tasks always serve: for what takes hours, such as alarms and scaling.
//!
//! Everything is the simulator's own but the processes. Writes down alarms' states, scaling activities and running tasks.

use std::collections::BTreeMap;

use contracts::simulator::call::Millis;
use contracts::simulator::ecs::{self, Effect};
use contracts::simulator::load::{self, Load};
use contracts::simulator::{World, elbv2, signals};
use serde_json::{Value, json};

use crate::account::{self, CLUSTER, Surroundings, ask};

/// 2026-08-01T00:00:00Z, a Saturday.
pub const START: Millis = 1_785_542_400_000;
pub const RESOURCE: &str = "service/hokusai-development/contracts";

pub struct Stage {
    pub world: World,
    pub now: Millis,
    pub surroundings: Surroundings,
    alarms: BTreeMap<String, String>,
    activities: usize,
    running: u64,
    lines: Vec<String>,
}

impl Stage {
    /// A service of two tasks that run, at the beginning of a minute.
    pub fn new() -> Stage {
        let mut world = account::bare();
        let surroundings = account::furnish(&mut world);
        let mut stage = Stage {
            world,
            now: START,
            surroundings,
            alarms: BTreeMap::new(),
            activities: 0,
            running: 0,
            lines: Vec::new(),
        };
        stage.ask(
            "ecs",
            "RegisterTaskDefinition",
            account::task_definition(json!({})),
        );
        let service = account::service(&stage.surroundings, json!({}));
        stage.ask("ecs", "CreateService", service);
        stage.run_minutes(3);
        assert_eq!(stage.described()["runningCount"], 2);
        stage
    }

    pub fn ask(&mut self, service: &'static str, operation: &str, input: Value) -> Value {
        ask(&mut self.world, self.now, service, operation, input).unwrap()
    }

    /// An Application Auto Scaling call about the service.
    pub fn scaling(&mut self, operation: &str, input: Value) -> Value {
        let mut all = json!({
            "ServiceNamespace": "ecs", "ResourceId": RESOURCE, "ScalableDimension": "ecs:service:DesiredCount",
        });
        account::merge(&mut all, input);
        self.ask("application-autoscaling", operation, all)
    }

    /// A policy that holds a predefined metric at a value.
    pub fn track(&mut self, name: &str, metric: &str, target: f64, changes: Value) {
        let mut configuration = json!({
            "TargetValue": target, "PredefinedMetricSpecification": { "PredefinedMetricType": metric },
            "ScaleOutCooldown": 60, "ScaleInCooldown": 300,
        });
        account::merge(&mut configuration, changes);
        let policy = json!({
            "PolicyName": name, "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        });
        self.scaling("PutScalingPolicy", policy);
    }

    pub fn load(&mut self, load: Load) {
        self.say(format!("> load {} a second", load.requests_per_second));
        load::set(&mut self.world, CLUSTER, "contracts", load);
    }

    pub fn run_minutes(&mut self, minutes: u64) {
        self.run_seconds(minutes * 60);
    }

    pub fn run_seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1_000;
            self.tick();
        }
    }

    pub fn described(&mut self) -> Value {
        account::described(&mut self.world, self.now)
    }

    pub fn desired(&self) -> u32 {
        ecs::desired_count(&self.world, RESOURCE).unwrap()
    }

    /// Every activity, newest first.
    pub fn activities(&mut self) -> Vec<Value> {
        let input = json!({ "IncludeNotScaledActivities": true });
        let found = self.scaling("DescribeScalingActivities", input);
        found["ScalingActivities"].as_array().unwrap().clone()
    }

    pub fn alarm(&mut self, name: &str) -> Value {
        let input =
            json!({ "AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
        let found = self.ask("monitoring", "DescribeAlarms", input);
        let kinds = [&found["MetricAlarms"][0], &found["CompositeAlarms"][0]];
        kinds
            .into_iter()
            .find(|alarm| !alarm.is_null())
            .unwrap()
            .clone()
    }

    pub fn timeline(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    fn tick(&mut self) {
        let now = self.now;
        for probe in elbv2::step(&mut self.world, now) {
            elbv2::probed(&mut self.world, &probe, elbv2::Outcome::Status(200), now);
        }
        signals::step(&mut self.world, now);
        for effect in ecs::step(&mut self.world, now) {
            match effect {
                Effect::Start(start) => ecs::started(&mut self.world, &start.process, 1),
                Effect::Signal { process, .. } => ecs::exited(&mut self.world, &process, 0),
                Effect::CheckHealth { process, .. } => {
                    ecs::health_checked(&mut self.world, &process, true, now);
                }
            }
        }
        if (now - START).is_multiple_of(10_000) {
            self.look();
        }
    }

    fn look(&mut self) {
        let found = self.ask(
            "monitoring",
            "DescribeAlarms",
            json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] }),
        );
        let lists = ["MetricAlarms", "CompositeAlarms"].map(|member| found[member].clone());
        for alarm in lists.iter().flat_map(|list| list.as_array().unwrap()) {
            let name = alarm["AlarmName"].as_str().unwrap();
            // Generated names end in a random part.
            let name =
                name.split_at_checked(name.len().saturating_sub(37))
                    .map_or(name, |(start, _)| {
                        if name.starts_with("TargetTracking-") {
                            start
                        } else {
                            name
                        }
                    });
            let state = format!("{}: {}", alarm["StateValue"], alarm["StateReason"]);
            let state = state.replace('"', "");
            if self.alarms.insert(name.to_owned(), state.clone()) != Some(state.clone()) {
                self.say(format!("  [{name} {state}]"));
            }
        }
        let activities = self.activities();
        for activity in activities.iter().rev().skip(self.activities) {
            let reasons = &activity["NotScaledReasons"][0]["Code"];
            let reasons = reasons
                .as_str()
                .map_or(String::new(), |code| format!(" ({code})"));
            let cause = activity["Cause"].as_str().unwrap();
            let cause = cause
                .split_whitespace()
                .map(|word| match word.rsplit_once("-Alarm") {
                    Some((_, side)) => format!("…-Alarm{}", side.split('-').next().unwrap()),
                    None => word.to_owned(),
                });
            let cause: Vec<String> = cause.collect();
            let description = activity["Description"].as_str().unwrap();
            self.say(format!(
                "  {description}{reasons} Cause: {}",
                cause.join(" ")
            ));
        }
        self.activities = activities.len();
        let running = self.described()["runningCount"].as_u64().unwrap();
        if running != self.running {
            self.running = running;
            self.say(format!("  running {running}"));
        }
    }

    fn say(&mut self, line: String) {
        let seconds = (self.now - START) / 1_000;
        self.lines
            .push(format!("{:>4}:{:02}  {line}", seconds / 60, seconds % 60));
    }
}
