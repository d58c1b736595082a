//! Rollouts that move requests: made, updated, failing, held for a person, and the way there and back.

use std::time::Duration;

use contracts::reconciler::aws::ecs::strategy::answer;
use contracts::reconciler::converge::Outcome;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observe::look;
use contracts::reconciler::plan::{Waiting, plan};
use contracts::reconciler::spec::Spec;
use contracts::simulator::image;
use serde_json::json;

use crate::account::{Account, DEVELOPMENT};
use crate::forecast::Span;
use crate::importing::{Answers, ask};

/// The development manifest with this under `rollout`. No alarm guards a rollout: ECS would watch each for as long as the slowest
/// of them needs, a quarter of an hour.
pub fn manifest(rollout: &str) -> String {
    let mut root: serde_yaml::Value = serde_yaml::from_str(DEVELOPMENT).unwrap();
    root["spec"]["alarms"]["stopRollout"] = false.into();
    root["spec"]["rollout"] = serde_yaml::from_str(rollout).unwrap();
    serde_yaml::to_string(&root).unwrap()
}

pub const BLUE_GREEN: &str = "{ strategy: blueGreen, bakeMinutes: 2, test: { host: test.contracts.hokus.ai, priority: 101 } }";
const CANARY: &str = "{ strategy: canary, bakeMinutes: 2, stepPercent: 10, stepBakeMinutes: 3 }";
const LINEAR: &str = "{ strategy: linear, bakeMinutes: 1, stepPercent: 25, stepBakeMinutes: 1 }";
const HELD: &str =
    "{ strategy: blueGreen, bakeMinutes: 1, hooks: [{ at: [postScaleUp], timeoutMinutes: 60 }] }";

impl Account {
    pub fn believe(&mut self, manifest: &str) {
        self.spec = Spec::believe(&Manifest::parse("manifest.yaml", manifest).unwrap()).unwrap();
    }

    pub fn set(&mut self, level: &str) {
        let environment = &mut self.spec.task.environment;
        environment.insert("LOG_LEVEL".to_owned(), level.to_owned());
    }

    /// Names of the target groups that the host's rule names, with their weights.
    fn weights(&self) -> Vec<(String, i64)> {
        let listener = crate::by_hand::listener(self);
        let input = json!({ "ListenerArn": listener });
        let rules = self.call("elasticloadbalancing", "DescribeRules", input);
        let rules = rules["Rules"].as_array().unwrap();
        let ours = rules.iter().find(|rule| rule["Priority"] == "100").unwrap();
        let groups = ours["Actions"][0]["ForwardConfig"]["TargetGroups"]
            .as_array()
            .unwrap();
        let group = |group: &serde_json::Value| {
            let arn = group["TargetGroupArn"].as_str().unwrap();
            let name = arn.split('/').nth(1).unwrap().to_owned();
            (name, group["Weight"].as_i64().unwrap_or(1))
        };
        let mut groups: Vec<_> = groups.iter().map(group).collect();
        groups.sort();
        groups
    }
}

pub async fn stable(rollout: &str) -> Account {
    let account = Account::of(&manifest(rollout)).await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    account.simulator.clear_calls();
    account
}

/// Says how many probes there were and that none failed.
pub fn none_failed(what: &str, answers: &Answers) {
    let answers = answers.lock().unwrap();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    println!("{what}: {} probes, {} failed", answers.len(), failed.len());
    assert!(
        answers.len() > 100 && failed.is_empty(),
        "{what}: {failed:#?}"
    );
}

/// Made, twice updated, and each time nothing is left to do and the requests have gone over to the other target group.
async fn updates(what: &str, rollout: &str) {
    let mut account = stable(rollout).await;
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
    account.behaves("0.1.0", "pull_seconds: 40");
    let answers = ask(&account);
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (level, first, second) in [("debug", 0, 100), ("warn", 100, 0)] {
        account.set(level);
        let foreseen = Span::foreseen(&account, &manifest(rollout)).await;
        let before = account.simulator.now();
        let (outcome, steps) = account.reconcile().await;
        assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
        assert_eq!(
            steps,
            [
                "ecs:RegisterTaskDefinition hokusai-contracts-task",
                "ecs:UpdateService hokusai-contracts-development"
            ]
        );
        let took = (account.simulator.now() - before) / 1000;
        foreseen.holds(what, took);
        let name = |end: &str| format!("hokusai-contracts-3001{end}");
        assert_eq!(account.weights(), [(name(""), first), (name("-b"), second)]);
        account.simulator.clear_calls();
        assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
        assert!(account.mutating().is_empty());
    }
    none_failed(what, &answers);
}

#[tokio::test(start_paused = true)]
async fn blue_green_moves_all_requests_at_once_and_loses_none() {
    updates("blue/green", BLUE_GREEN).await;
}

#[tokio::test(start_paused = true)]
async fn canary_moves_a_share_first_and_loses_none() {
    updates("canary", CANARY).await;
}

#[tokio::test(start_paused = true)]
async fn linear_moves_share_by_share_and_loses_none() {
    updates("linear", LINEAR).await;
}

/// Raises the alarm on errors once the newest rollout bakes.
async fn alarm_while_it_bakes(account: &Account) {
    let (cluster, service) = (&account.spec.cluster, &account.spec.name);
    let bakes = || {
        let input = json!({ "cluster": cluster, "service": service, "status": ["IN_PROGRESS"] });
        let listed = account.call("ecs", "ListServiceDeployments", input);
        let arns = listed["serviceDeployments"].as_array().unwrap().iter();
        let arns: Vec<_> = arns
            .map(|brief| brief["serviceDeploymentArn"].clone())
            .collect();
        let input = json!({ "serviceDeploymentArns": arns });
        !arns.is_empty()
            && account.call("ecs", "DescribeServiceDeployments", input)["serviceDeployments"][0]["lifecycleStage"]
                == "BAKE_TIME"
    };
    while !bakes() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(account.weights()[1].1, 100, "green has the requests");
    let input = json!({
        "AlarmName": "hokusai-contracts-development-errors", "StateValue": "ALARM", "StateReason": "a test says so",
    });
    account.call("monitoring", "SetAlarmState", input);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_while_green_bakes_moves_the_requests_back() {
    let guarded = manifest(BLUE_GREEN).replace("stopRollout: false", "stopRollout: true");
    let mut account = Account::of(&guarded).await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let answers = ask(&account);
    tokio::time::sleep(Duration::from_secs(30)).await;
    account.set("debug");
    let reconciled = account.reconcile();
    let ((outcome, steps), ()) = tokio::join!(reconciled, alarm_while_it_bakes(&account));
    let Outcome::RolledBack { reason, .. } = &outcome else {
        panic!("{outcome:?} after {steps:#?}");
    };
    println!("{reason}");
    let (first, second) = (account.weights()[0].1, account.weights()[1].1);
    assert_eq!((first, second), (100, 0), "blue has the requests again");
    none_failed("alarm during bake", &answers);
}

#[tokio::test(start_paused = true)]
async fn a_green_that_is_never_healthy_never_gets_a_request() {
    let mut account = stable(BLUE_GREEN).await;
    let answers = ask(&account);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let script = "images: [{ image: 'hokusai/contracts:0.1.1', unhealthy: true }]";
    let scripts = image::parse(script).unwrap();
    account.simulator.with(|world, _| world.images = scripts);
    account.image("0.1.1");
    let (outcome, steps) = account
        .reconcile_within(Duration::from_secs(3 * 3600))
        .await;
    let Outcome::RolledBack { reason, .. } = &outcome else {
        panic!("{outcome:?} after {steps:#?}");
    };
    println!("{reason}");
    assert_eq!(account.weights()[0].1.max(account.weights()[1].1), 100);
    none_failed("unhealthy green", &answers);
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(steps, Vec::<String>::new(), "it is not tried again");
}

/// Waits until the rollout is held, answers, and waits for the end.
async fn answered(back: bool) -> (Account, Outcome) {
    let mut account = stable(HELD_LATER).await;
    account.believe(&manifest(HELD));
    account.set("debug");
    let reconciled = account.reconcile();
    let (outcome, ()) = tokio::join!(reconciled, async {
        let pause = loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let (wanted, observed) = look(&account.aws.read, &account.spec).await.unwrap();
            let decided = plan(&account.spec, &wanted, &observed);
            let held = |waiting: &Waiting| matches!(waiting, Waiting::Person { .. });
            if decided.waiting.iter().any(held) {
                println!("{decided}");
                let text = decided.to_string();
                assert!(text.contains("reconciler continue MANIFEST"), "{text}");
                assert!(text.contains("POST_SCALE_UP"), "{text}");
                break observed.service.unwrap().paused.unwrap();
            }
        };
        // It is held: an hour is not over in ten minutes.
        tokio::time::sleep(Duration::from_secs(600)).await;
        answer(&account.aws.write, &pause, back).await.unwrap();
    });
    (account, outcome.0)
}

/// Blue/green without a hook: the first rollout of all would wait as well.
const HELD_LATER: &str = "{ strategy: blueGreen, bakeMinutes: 1 }";

#[tokio::test(start_paused = true)]
async fn a_held_rollout_waits_for_a_person_and_goes_on() {
    let (account, outcome) = answered(false).await;
    assert_eq!(outcome, Outcome::Settled);
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_held_rollout_goes_back_when_a_person_says_so() {
    let (_, outcome) = answered(true).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

/// From rolling to blue/green, an update by it, and back while the second target group has the requests.
#[tokio::test(start_paused = true)]
async fn another_strategy_is_a_sequence_that_loses_no_request() {
    let mut account = crate::drift::stable().await;
    let rolling = account.spec.clone();
    let answers = ask(&account);
    tokio::time::sleep(Duration::from_secs(30)).await;
    account.believe(&manifest(BLUE_GREEN));
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    println!("to blue/green: {steps:#?}");
    account.set("debug");
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    println!("{:?}", account.weights());
    account.spec = rolling;
    let (outcome, steps) = account.reconcile_within(Duration::from_secs(7200)).await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    println!("back: {steps:#?}");
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
    none_failed("rolling, blue/green, rolling", &answers);
    let groups = account.call("elasticloadbalancing", "DescribeTargetGroups", json!({}));
    assert_eq!(groups["TargetGroups"].as_array().unwrap().len(), 1);
    let roles = account.call("iam", "ListRoles", json!({}));
    assert!(!roles.to_string().contains("-rollout"), "{roles}");
}

/// Weights by hand, between two rollouts: whoever has the tasks gets the requests again.
#[tokio::test(start_paused = true)]
async fn weights_by_hand_are_set_back_to_where_the_tasks_are() {
    let mut account = stable(BLUE_GREEN).await;
    account.set("debug");
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let listener = crate::by_hand::listener(&account);
    let rules = account.call(
        "elasticloadbalancing",
        "DescribeRules",
        json!({ "ListenerArn": listener }),
    );
    let rules = rules["Rules"].as_array().unwrap();
    let ours = rules.iter().find(|rule| rule["Priority"] == "100").unwrap();
    let mut groups = ours["Actions"][0]["ForwardConfig"]["TargetGroups"].clone();
    for (first, second) in [(50, 50), (100, 0)] {
        for group in groups.as_array_mut().unwrap() {
            let is_second = group["TargetGroupArn"].as_str().unwrap().contains("-b/");
            group["Weight"] = json!(if is_second { second } else { first });
        }
        let actions = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }]);
        let input = json!({ "RuleArn": ours["RuleArn"], "Actions": actions });
        account.call("elasticloadbalancing", "ModifyRule", input);
        let (outcome, steps) = account.reconcile().await;
        assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
        assert_eq!(
            steps,
            ["elasticloadbalancing:ModifyRule contracts.hokus.ai"]
        );
        assert_eq!(account.weights()[0].1, 0);
        assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
    }
}

/// Taking the unit away takes all of it.
#[tokio::test(start_paused = true)]
async fn a_blue_green_unit_is_destroyed_whole() {
    use contracts::reconciler::converge::remove;
    let account = stable(BLUE_GREEN).await;
    let outcome = remove(
        &account.aws,
        &account.spec,
        Duration::from_secs(1800),
        |_| {},
    )
    .await;
    assert_eq!(outcome, Outcome::Settled);
    let groups = account.call("elasticloadbalancing", "DescribeTargetGroups", json!({}));
    assert_eq!(groups["TargetGroups"], json!([]));
    let roles = account.call("iam", "ListRoles", json!({}));
    assert!(!roles.to_string().contains("-rollout"), "{roles}");
}
