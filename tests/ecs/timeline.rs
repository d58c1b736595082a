//! Whole service lives on a virtual clock, compared with the timelines in `timelines/` (`BLESS=1` rewrites them).

use serde_json::json;

use crate::account::{self, CLUSTER, SECRET, ask};
use crate::machine::Machine;

pub fn check(name: &str, machine: &Machine) {
    check_text(name, &machine.timeline());
}

/// Compares with a golden timeline.
pub fn check_text(name: &str, got: &str) {
    let path = format!(
        "{}/tests/ecs/timelines/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    let first = got
        .lines()
        .zip(want.lines())
        .position(|(got, want)| got != want);
    assert!(
        got == want,
        "{path} differs from line {:?} on; the run gave:\n{got}",
        first.map(|line| line + 1)
    );
}

/// A service of two tasks, steady.
pub fn steady() -> Machine {
    steady_of_seed(1)
}

fn steady_of_seed(seed: u64) -> Machine {
    let mut machine = Machine::of_seed(seed);
    machine.register(json!({}));
    machine.create(json!({}));
    machine.run_until_steady();
    machine
}

#[test]
fn a_first_rollout_starts_registers_and_completes() {
    check("first-rollout", &steady());
}

#[test]
fn an_update_starts_the_new_tasks_before_it_drains_the_old() {
    let mut machine = steady();
    machine.register(json!({ "environment": [{ "name": "PORT", "value": "3001" }, { "name": "NEW", "value": "1" }] }));
    machine.update(json!({ "taskDefinition": "contracts:2" }));
    machine.run_until_steady();
    check("update", &machine);
}

#[test]
fn a_crashing_image_trips_the_breaker_and_rolls_back() {
    let mut machine = steady();
    machine.register(json!({ "image": account::image("crash") }));
    machine.update(json!({ "taskDefinition": "contracts:2" }));
    machine.run_until_steady();
    check("crash-rolls-back", &machine);
    let service = account::described(&mut machine.world, machine.now);
    assert!(
        service["taskDefinition"]
            .as_str()
            .unwrap()
            .ends_with("contracts:1")
    );
}

#[test]
fn a_first_rollout_that_fails_has_nothing_to_return_to() {
    let mut machine = Machine::new();
    machine.register(json!({ "image": account::image("crash") }));
    machine.create(json!({}));
    machine.run_seconds(60);
    check("first-rollout-fails", &machine);
}

#[test]
fn tasks_that_never_pass_their_health_check_are_replaced_until_the_breaker_trips() {
    let mut machine = steady();
    machine.register(json!({ "image": account::image("sick") }));
    machine.update(json!({ "taskDefinition": "contracts:2" }));
    machine.run_until_steady();
    check("sick-rolls-back", &machine);
}

#[test]
fn a_killed_task_is_replaced() {
    let mut machine = steady();
    machine.kill("t1");
    machine.run_seconds(20);
    check("killed-task", &machine);
}

#[test]
fn an_unhealthy_task_serves_until_its_replacement_does() {
    let mut machine = steady();
    machine.sicken("t2");
    machine.run_seconds(40);
    check("unhealthy-task", &machine);
}

#[test]
fn scaling_out_and_in_is_no_rollout() {
    let mut machine = steady();
    machine.update(json!({ "desiredCount": 4 }));
    machine.run_until_steady();
    machine.update(json!({ "desiredCount": 2 }));
    machine.run_seconds(20);
    check("scale", &machine);
}

#[test]
fn a_missing_secret_is_said_and_tried_again_less_and_less_often() {
    let mut machine = Machine::new();
    ask(
        &mut machine.world,
        0,
        "ssm",
        "DeleteParameter",
        json!({ "Name": SECRET }),
    )
    .unwrap();
    machine.register(json!({}));
    machine.create(json!({ "deploymentConfiguration": {} }));
    machine.run_seconds(30);
    account::put_secret(&mut machine.world, "k3y");
    machine.run_until_steady();
    check("missing-secret", &machine);
}

#[test]
fn a_process_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let mut machine = Machine::new();
    machine.register(json!({ "image": account::image("stubborn"), "stopTimeout": 7 }));
    machine.create(json!({ "desiredCount": 1 }));
    machine.run_until_steady();
    machine.update(json!({ "desiredCount": 0 }));
    machine.run_seconds(30);
    check("stop-timeout", &machine);
}

#[test]
fn a_deleted_service_drains_and_its_name_is_free_again() {
    let mut machine = steady();
    machine.ecs(
        "DeleteService",
        json!({ "cluster": CLUSTER, "service": "contracts", "force": true }),
    );
    let again = account::service(&machine.surroundings, json!({}));
    let refused = ask(
        &mut machine.world,
        machine.now,
        "ecs",
        "CreateService",
        again,
    )
    .unwrap_err();
    assert_eq!(
        refused.message,
        "Unable to Start a service that is still Draining."
    );
    machine.run_seconds(20);
    machine.create(json!({ "desiredCount": 1 }));
    machine.run_until_steady();
    check("delete-and-reuse", &machine);
}

#[test]
fn a_stopped_rollout_returns_to_where_it_came_from() {
    let mut machine = steady();
    machine.register(json!({ "image": account::image("sick") }));
    machine.update(json!({ "taskDefinition": "contracts:2" }));
    machine.run_seconds(3);
    let list = json!({ "cluster": CLUSTER, "service": "contracts", "status": ["IN_PROGRESS"] });
    let list = ask(
        &mut machine.world,
        machine.now,
        "ecs",
        "ListServiceDeployments",
        list,
    )
    .unwrap();
    let arn = list["serviceDeployments"][0]["serviceDeploymentArn"].clone();
    let stop = json!({ "serviceDeploymentArn": arn });
    ask(
        &mut machine.world,
        machine.now,
        "ecs",
        "StopServiceDeployment",
        stop,
    )
    .unwrap();
    machine.run_until_steady();
    check("stopped-rollout", &machine);
}

#[test]
fn without_room_above_the_desired_count_old_tasks_go_first() {
    let mut machine = Machine::new();
    machine.register(json!({}));
    let configuration = json!({ "maximumPercent": 100, "minimumHealthyPercent": 50 });
    machine.create(json!({ "deploymentConfiguration": configuration }));
    machine.run_until_steady();
    machine.update(json!({ "forceNewDeployment": true }));
    machine.run_until_steady();
    check("update-without-room", &machine);
}

/// An update of a steady service of the good image to another.
fn updated(mut machine: Machine, tag: &str) -> Machine {
    machine.register(json!({ "image": account::image(tag) }));
    machine.update(json!({ "taskDefinition": "contracts:2" }));
    machine.run_until_steady();
    machine
}

#[test]
fn an_image_takes_its_time_to_pull_and_to_start() {
    let mut machine = updated(steady(), "slow");
    check("slow-image", &machine);
    let running = json!({ "cluster": CLUSTER, "serviceName": "contracts" });
    let running = machine.ecs("ListTasks", running)["taskArns"].clone();
    let tasks = json!({ "cluster": CLUSTER, "tasks": running });
    let task = machine.ecs("DescribeTasks", tasks)["tasks"][0].clone();
    let at = |name: &str| task[name]["$timestamp"].as_u64().unwrap();
    let seconds = |from, to| (at(to) - at(from)) / 1_000;
    assert_eq!(
        (
            seconds("pullStartedAt", "pullStoppedAt"),
            seconds("pullStoppedAt", "startedAt")
        ),
        (12, 3)
    );
    let stream = text_after(task["taskArn"].as_str().unwrap());
    let events = json!({ "logGroupName": "/ecs/contracts", "logStreamName": format!("api/contracts-api/{stream}") });
    let events = ask(
        &mut machine.world,
        machine.now,
        "logs",
        "GetLogEvents",
        events,
    )
    .unwrap();
    assert_eq!(events["events"][0]["message"], "listening");
}

fn text_after(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

#[test]
fn an_image_that_crashes_twice_comes_up_at_last() {
    check("shaky-image", &updated(steady(), "shaky"));
}

#[test]
fn an_image_that_cannot_be_pulled_rolls_back() {
    check("unpullable-image", &updated(steady(), "unpullable"));
}

#[test]
fn an_image_that_leaks_is_killed_again_and_again() {
    let mut machine = updated(steady(), "leaky");
    machine.run_seconds(90);
    check("leaky-image", &machine);
}

#[test]
fn an_image_that_turns_bad_takes_its_running_tasks_along() {
    let mut machine = steady();
    machine.script("images: [{ image: hokusai/contracts, unhealthy: true }]");
    machine.run_seconds(20);
    machine.script("images: []");
    machine.run_until_steady();
    check("image-turns-bad", &machine);
}

#[test]
fn a_run_is_its_seeds() {
    let run = |seed| updated(steady_of_seed(seed), "crash");
    let (first, second, other) = (run(1), run(1), run(2));
    assert!(first.log().len() > 2_000, "{}", first.log());
    assert_eq!(first.log(), second.log());
    assert_ne!(first.log(), other.log());
}

#[test]
fn a_rollout_hangs_when_its_target_group_is_deleted_under_it() {
    let mut machine = steady();
    let rules = json!({ "ListenerArn": account::LISTENER });
    let elb = "elasticloadbalancing";
    let rules = ask(&mut machine.world, machine.now, elb, "DescribeRules", rules).unwrap();
    let rules = rules["Rules"].as_array().unwrap();
    let rule = rules
        .iter()
        .find(|rule| rule["IsDefault"] == false)
        .unwrap();
    let group = machine.surroundings.target_group.clone();
    machine.other(elb, "DeleteRule", json!({ "RuleArn": rule["RuleArn"] }));
    machine.other(elb, "DeleteTargetGroup", json!({ "TargetGroupArn": group }));
    machine.update(json!({ "forceNewDeployment": true }));
    machine.run_seconds(60);
    // aws/containers-roadmap#1884
    assert_eq!(machine.deployment()["status"], "IN_PROGRESS");
    let said = "failed to register targets in (target-group TG) with (error One or more target groups not found)";
    assert!(machine.timeline().contains(said), "{}", machine.timeline());
}
