//! The loop in virtual time: what somebody else changes it heals, two of them and a CI's run do not fight.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use contracts::reconciler::aws::Aws;
use contracts::reconciler::aws::limit::RATES;
use contracts::reconciler::controller::board::{Board, Unit};
use contracts::reconciler::controller::regions::Regions;
use contracts::reconciler::controller::source::Source;
use contracts::reconciler::controller::{Settings, run};
use contracts::reconciler::converge::{Outcome, converge};
use contracts::reconciler::desired::desired;
use contracts::reconciler::observe::look;
use contracts::reconciler::plan::plan;
use contracts::reconciler::store::{Cause, Draft, Store};
use contracts::reconciler::watchdog::WINDOW;
use contracts::shutdown::{self, Trigger};
use contracts::simulator::client;
use contracts::simulator::throttle::LIMITS;
use contracts::timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::account::{Account, DEVELOPMENT};

const INTERVAL: Duration = Duration::from_secs(300);
const UNIT: &str = "hokusai-contracts-development";
const ALARM: &str = "hokusai-contracts-development-cpu";

/// A loop under way; it ends when this is dropped.
pub struct Loop {
    pub board: Board,
    trigger: Trigger,
    ended: tokio::task::JoinHandle<()>,
}

impl Loop {
    fn start(account: &Account, source: Source) -> Loop {
        Loop::by(account, client::config(&account.simulator), source)
    }

    /// By whoever the configuration's credentials are.
    pub fn by(account: &Account, config: SdkConfig, source: Source) -> Loop {
        let regions = Regions::default().with(account.simulator.region(), config);
        let settings = Settings {
            interval: INTERVAL,
            started_ms: account.simulator.now(),
        };
        let (board, (trigger, shutdown)) = (Board::default(), shutdown::channel());
        let ended = tokio::spawn(run(source, regions, settings, board.clone(), shutdown));
        Loop {
            board,
            trigger,
            ended,
        }
    }

    /// Over what is published.
    fn published(account: &Account) -> Loop {
        let region = account.simulator.region().to_owned();
        Loop::start(
            account,
            Source::Published {
                region,
                units: BTreeSet::new(),
            },
        )
    }

    fn unit(&self) -> Option<Unit> {
        self.board.read().units.remove(UNIT)
    }

    /// Waits until the unit is seen so.
    pub async fn shows(&self, what: &str, holds: impl Fn(&Unit) -> bool) {
        let ends = Instant::now() + Duration::from_secs(3600);
        while !self.unit().is_some_and(|unit| holds(&unit)) {
            assert!(
                Instant::now() < ends,
                "never {what}: {:#?}",
                self.board.read()
            );
            sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn publish(account: &Account, manifest: &str) -> u64 {
    let store = Store::of(&account.aws, UNIT);
    let history = store.history().await.unwrap();
    let draft = Draft {
        manifest: Some(manifest.to_owned()),
        author: Some("alice".to_owned()),
        commit: Some("1a2b3c".to_owned()),
        cause: Cause::Reconcile,
    };
    let now = account.simulator.now();
    store.publish(&history, &draft, now).await.unwrap().number
}

/// An account whose unit is published and kept.
async fn kept() -> (Account, Loop) {
    let account = Account::new().await;
    account.simulator.set_limits(true);
    publish(&account, DEVELOPMENT).await;
    let looping = Loop::published(&account);
    looping
        .shows("settled", |unit| unit.state == "settled")
        .await;
    (account, looping)
}

async fn is_settled(account: &Account) -> bool {
    let (wanted, observed) = look(&account.aws.read, &account.spec).await.unwrap();
    plan(&account.spec, &wanted, &observed).is_settled()
}

fn our_rule(account: &Account) -> Value {
    let balancers = account.call("elasticloadbalancing", "DescribeLoadBalancers", json!({}));
    let balancer = &balancers["LoadBalancers"][0]["LoadBalancerArn"];
    let listeners = account.call(
        "elasticloadbalancing",
        "DescribeListeners",
        json!({ "LoadBalancerArn": balancer }),
    );
    let listener = &listeners["Listeners"][0]["ListenerArn"];
    let rules = account.call(
        "elasticloadbalancing",
        "DescribeRules",
        json!({ "ListenerArn": listener }),
    );
    let rules = rules["Rules"].as_array().unwrap();
    let ours: Vec<&Value> = rules
        .iter()
        .filter(|rule| rule["Priority"] == "100")
        .collect();
    assert_eq!(ours.len(), 1, "{rules:#?}");
    ours[0].clone()
}

/// Somebody's edit by hand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Edit {
    AlarmDeleted,
    RuleEdited,
    FiftyTasks,
    TaskDefinitionChanged,
    HealthPathChanged,
    RoleWidened,
    LogsShortened,
    PolicyDeleted,
}

const EDITS: [Edit; 8] = [
    Edit::AlarmDeleted,
    Edit::RuleEdited,
    Edit::FiftyTasks,
    Edit::TaskDefinitionChanged,
    Edit::HealthPathChanged,
    Edit::RoleWidened,
    Edit::LogsShortened,
    Edit::PolicyDeleted,
];

impl Edit {
    /// Calls of AWS it takes.
    fn make(self, account: &Account) {
        let service = json!({ "cluster": "hokusai-development", "service": UNIT });
        let update = |member: &str, value: Value| {
            let mut input = service.clone();
            input[member] = value;
            account.call("ecs", "UpdateService", input);
        };
        match self {
            Edit::AlarmDeleted => {
                let names = json!({ "AlarmNames": [ALARM] });
                let alarms = account.call("monitoring", "DescribeAlarms", names.clone());
                // Of two such edits between two looks the second finds nothing to delete.
                if alarms["MetricAlarms"].get(0).is_some() {
                    account.call("monitoring", "DeleteAlarms", names);
                }
            }
            Edit::RuleEdited => {
                let conditions =
                    json!([{ "Field": "host-header", "Values": ["elsewhere.hokus.ai"] }]);
                let rule = our_rule(account)["RuleArn"].clone();
                let input = json!({ "RuleArn": rule, "Conditions": conditions });
                account.call("elasticloadbalancing", "ModifyRule", input);
            }
            Edit::FiftyTasks => update("desiredCount", json!(50)),
            Edit::TaskDefinitionChanged => {
                let family = &account.spec.task.family;
                let input = json!({ "taskDefinition": family });
                let described = account.call("ecs", "DescribeTaskDefinition", input);
                let mut definition = described["taskDefinition"].clone();
                let environment = json!([{ "name": "LOG_LEVEL", "value": "trace" }]);
                definition["containerDefinitions"][0]["environment"] = environment;
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
                account.call("ecs", "RegisterTaskDefinition", input);
                update("taskDefinition", json!(family));
            }
            Edit::HealthPathChanged => {
                let groups =
                    account.call("elasticloadbalancing", "DescribeTargetGroups", json!({}));
                let arn = groups["TargetGroups"][0]["TargetGroupArn"].clone();
                let input = json!({ "TargetGroupArn": arn, "HealthCheckPath": "/nowhere" });
                account.call("elasticloadbalancing", "ModifyTargetGroup", input);
            }
            Edit::RoleWidened => {
                let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
                let input = json!({ "RoleName": "hokusai-contracts-task-role", "PolicyName": "by-hand", "PolicyDocument": document });
                account.call("iam", "PutRolePolicy", input);
            }
            Edit::LogsShortened => {
                let input =
                    json!({ "logGroupName": "/ecs/hokusai-contracts", "retentionInDays": 1 });
                account.call("logs", "PutRetentionPolicy", input);
            }
            Edit::PolicyDeleted => {
                let resource = format!("service/hokusai-development/{UNIT}");
                let namespace = json!({ "ServiceNamespace": "ecs", "ResourceId": resource });
                let policies = account.call(
                    "application-autoscaling",
                    "DescribeScalingPolicies",
                    namespace.clone(),
                );
                let Some(policy) = policies["ScalingPolicies"].get(0) else {
                    return;
                };
                let mut input = namespace;
                input["PolicyName"] = policy["PolicyName"].clone();
                input["ScalableDimension"] = json!("ecs:service:DesiredCount");
                account.call("application-autoscaling", "DeleteScalingPolicy", input);
            }
        }
    }

    /// The first call that heals it.
    fn healed_by(self) -> &'static str {
        match self {
            Edit::AlarmDeleted => "cloudwatch:PutMetricAlarm",
            Edit::RuleEdited => "elasticloadbalancing:ModifyRule",
            Edit::FiftyTasks | Edit::TaskDefinitionChanged => "ecs:UpdateService",
            Edit::HealthPathChanged => "elasticloadbalancing:ModifyTargetGroup",
            Edit::RoleWidened => "iam:DeleteRolePolicy",
            Edit::LogsShortened => "logs:PutRetentionPolicy",
            Edit::PolicyDeleted => "application-autoscaling:PutScalingPolicy",
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_by_hand_is_healed_within_one_interval_and_stands_in_the_history() {
    let (account, looping) = kept().await;
    for edit in EDITS {
        if edit == Edit::FiftyTasks {
            // Application Auto Scaling brings a count back into its bounds too, within a minute or so: only a look that comes before sees it.
            let due = |unit: &Unit| unit.due.as_deref().and_then(timestamp::parse);
            let soon = |at: u64| at <= account.simulator.now() + 2_000;
            looping
                .shows("about to look", |unit| due(unit).is_some_and(soon))
                .await;
        }
        let before = Store::of(&account.aws, UNIT).history().await.unwrap();
        let before = before.record.transitions.last().map_or(0, |it| it.at);
        let (at, applied) = (
            account.simulator.now(),
            looping.unit().unwrap().counts.applied,
        );
        edit.make(&account);
        looping
            .shows("healing", |unit| unit.counts.applied > applied)
            .await;
        let healed = Duration::from_millis(account.simulator.now() - at);
        assert!(
            healed <= INTERVAL + Duration::from_secs(2),
            "{edit:?} after {healed:?}"
        );
        looping
            .shows("settled", |unit| unit.state == "settled")
            .await;
        let settled = Duration::from_millis(account.simulator.now() - at);
        assert!(is_settled(&account).await, "{edit:?}");

        let history = Store::of(&account.aws, UNIT).history().await.unwrap();
        let new: Vec<_> = history
            .record
            .transitions
            .iter()
            .filter(|it| it.at > before)
            .collect();
        let word = edit.healed_by();
        let began = new
            .iter()
            .find(|it| it.condition == "Applied" && !it.holds && it.reason.contains(word));
        assert!(began.is_some(), "{edit:?}: no {word} in {new:#?}");
        let ended = new.iter().rfind(|it| it.condition == "Applied").unwrap();
        assert!(ended.holds && ended.publication == 1, "{edit:?}: {ended:?}");
        println!(
            "{edit:?}: begun after {} s, settled after {} s",
            healed.as_secs(),
            settled.as_secs()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_publication_is_followed_at_once_a_pause_is_obeyed_and_a_signal_ends_it() {
    let (account, looping) = kept().await;
    let store = Store::of(&account.aws, UNIT);

    store
        .pause(Some("alice"), Some("looking"), account.simulator.now())
        .await
        .unwrap();
    looping.shows("paused", |unit| unit.state == "paused").await;
    Edit::AlarmDeleted.make(&account);
    sleep(INTERVAL * 3).await;
    assert!(!is_settled(&account).await, "nobody heals what is paused");
    store.resume().await.unwrap();
    let at = Instant::now();
    looping
        .shows("settled", |unit| unit.state == "settled")
        .await;
    assert!(at.elapsed() < Duration::from_secs(60), "{:?}", at.elapsed());
    assert!(is_settled(&account).await);

    let at = Instant::now();
    publish(
        &account,
        &DEVELOPMENT.replace("retentionDays: 30", "retentionDays: 90"),
    )
    .await;
    let applied = looping.unit().unwrap().counts.applied;
    looping
        .shows("the new one", |unit| unit.counts.applied > applied)
        .await;
    assert!(at.elapsed() < Duration::from_secs(20), "{:?}", at.elapsed());
    looping
        .shows("both publications", |unit| {
            unit.publications.len() == 2 && unit.wanted.starts_with("publication 2 ")
        })
        .await;

    publish(&account, "kind: Nonsense").await;
    looping
        .shows("what is wrong", |unit| {
            unit.state == "invalid" && !unit.blocked.is_empty()
        })
        .await;

    looping.trigger.shut_down();
    let at = Instant::now();
    looping.ended.await.unwrap();
    assert!(at.elapsed() < Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_directory_is_followed_file_by_file_and_one_that_is_wrong_stops_no_other() {
    let account = Account::new().await;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    file("contracts.yaml", DEVELOPMENT);
    file("wrong.yaml", "spec: [");
    let looping = Loop::start(&account, Source::Directory(directory.path().to_owned()));
    looping
        .shows("settled", |unit| unit.state == "settled")
        .await;
    let units = looping.board.read().units;
    let (_, wrong) = units
        .iter()
        .find(|(name, _)| name.ends_with("wrong.yaml"))
        .unwrap();
    assert!(
        wrong.state == "invalid" && wrong.blocked[0].contains("wrong.yaml:2:1"),
        "{wrong:#?}"
    );

    file(
        "contracts.yaml",
        &DEVELOPMENT.replace("retentionDays: 30", "retentionDays: 90"),
    );
    let applied = looping.unit().unwrap().counts.applied;
    let at = Instant::now();
    looping
        .shows("the change", |unit| unit.counts.applied > applied)
        .await;
    assert!(at.elapsed() < Duration::from_secs(35), "{:?}", at.elapsed());
    std::fs::remove_file(directory.path().join("contracts.yaml")).unwrap();
    sleep(Duration::from_secs(40)).await;
    assert!(
        looping.unit().is_none(),
        "forgotten, and its service left as it is"
    );
    let services = account.call(
        "ecs",
        "ListServices",
        json!({ "cluster": "hokusai-development" }),
    );
    assert_eq!(services["serviceArns"].as_array().unwrap().len(), 1);
}

/// The simulator read the same pages on its own.
#[test]
fn the_rates_kept_to_are_those_the_simulator_enforces() {
    for rate in RATES {
        for operation in rate.operations {
            let mut limits = LIMITS.iter();
            let limit =
                limits.find(|it| it.service == rate.service && it.operations.contains(operation));
            let found = limit.map(|it| (it.burst, it.refill_thousandths));
            let kept = (u64::from(rate.burst), u64::from(rate.per_second) * 1000);
            assert_eq!(found, Some(kept), "{}.{operation}", rate.service);
        }
    }
}

/// Somebody deletes the same alarm again and again: after five times within an hour the loop says so and stops writing; once
/// that somebody has stopped, the alarm is back within the hour.
#[tokio::test(start_paused = true)]
async fn a_fight_is_ended_and_told() {
    let (account, looping) = kept().await;
    for _ in 0..5 {
        Edit::AlarmDeleted.make(&account);
        let applied = looping.unit().unwrap().counts.applied;
        looping
            .shows("healing", |unit| unit.counts.applied > applied)
            .await;
        looping
            .shows("settled", |unit| unit.state == "settled")
            .await;
    }
    Edit::AlarmDeleted.make(&account);
    looping
        .shows("stopped", |unit| {
            unit.state == "stopped" && unit.conditions["NotConverging"].holds
        })
        .await;
    account.simulator.clear_calls();
    sleep(INTERVAL * 3).await;
    let writes = account.mutating();
    assert_eq!(writes, [].into(), "nothing is written meanwhile");
    looping
        .shows("healed again", |unit| {
            unit.state == "settled" && !unit.conditions["NotConverging"].holds
        })
        .await;
    assert!(is_settled(&account).await);
}

/// Each of six rollouts within an hour, with more tasks than must, suspends scaling in and resumes it: the same two steps
/// each time, and no fight.
#[tokio::test(start_paused = true)]
async fn six_rollouts_of_an_hour_are_no_fight() {
    let (account, looping) = kept().await;
    let begun = Instant::now();
    for number in 1..=6 {
        let service =
            json!({ "cluster": "hokusai-development", "service": UNIT, "desiredCount": 5 });
        account.call("ecs", "UpdateService", service);
        account.simulator.clear_calls();
        let level = format!("LOG_LEVEL: level-{number}");
        publish(&account, &DEVELOPMENT.replace("LOG_LEVEL: info", &level)).await;
        let wanted = format!("publication {} ", number + 1);
        let follows = |unit: &Unit| unit.wanted.starts_with(&wanted);
        let settled = |unit: &Unit| follows(unit) && unit.state == "settled";
        looping.shows("settled", settled).await;
        let calls = account.mutating();
        let held = "application-autoscaling.RegisterScalableTarget";
        assert_eq!(calls.get(held), Some(&2), "{number}: {calls:?}");
    }
    assert!(begun.elapsed() < WINDOW, "{:?}", begun.elapsed());
    let history = Store::of(&account.aws, UNIT).history().await.unwrap();
    let mut transitions = history.record.transitions.iter();
    let fight = transitions.find(|it| it.condition == "NotConverging" && it.holds);
    assert_eq!(fight, None);
}

/// What the manifest does not suspend goes on: somebody's suspension is drift, as any field is that the manifest has. A
/// pause of the unit keeps it.
#[tokio::test(start_paused = true)]
async fn a_suspension_by_hand_is_healed_unless_the_unit_is_paused() {
    let (account, looping) = kept().await;
    let store = Store::of(&account.aws, UNIT);
    let resource = format!("service/hokusai-development/{UNIT}");
    let suspend = || {
        let input = json!({
            "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount",
            "SuspendedState": { "DynamicScalingInSuspended": true },
        });
        account.call("application-autoscaling", "RegisterScalableTarget", input);
    };
    let applied = looping.unit().unwrap().counts.applied;
    suspend();
    looping
        .shows("healed", |unit| unit.counts.applied > applied)
        .await;
    assert!(is_settled(&account).await);

    let now = account.simulator.now();
    store.pause(Some("alice"), None, now).await.unwrap();
    looping.shows("paused", |unit| unit.state == "paused").await;
    suspend();
    sleep(INTERVAL * 3).await;
    assert!(!is_settled(&account).await, "it is as somebody left it");
    store.resume().await.unwrap();
    looping
        .shows("settled", |unit| unit.state == "settled")
        .await;
    assert!(is_settled(&account).await);
}

/// Two loops and a CI that reconciles, all at once, while somebody edits at random: seed and hours give the same run.
async fn many_writers(seed: u64, hours: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let account = Account::new().await;
    account.simulator.set_limits(true);
    publish(&account, DEVELOPMENT).await;
    let loops = [Loop::published(&account), Loop::published(&account)];
    let ci = Aws::over(&client::config(&account.simulator));
    let spec = account.spec.clone();
    let mut schedule = random.fork();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let ci = tokio::spawn(async move {
        loop {
            let outcome = converge(&ci, &spec, Duration::from_secs(900), |_| {}).await;
            assert!(!matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
            counted.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_secs(schedule.u64(60..3600))).await;
        }
    });
    loops[0]
        .shows("settled", |unit| unit.state == "settled")
        .await;
    account.simulator.clear_calls();

    let ends = Instant::now() + Duration::from_secs(3600 * hours);
    let mut edits = std::collections::BTreeMap::<String, u64>::new();
    while Instant::now() < ends {
        let edit = EDITS[random.usize(0..EDITS.len())];
        edit.make(&account);
        *edits.entry(format!("{edit:?}")).or_default() += 1;
        sleep(Duration::from_secs(random.u64(30..1200))).await;
    }
    let made: u64 = edits.values().sum();
    // What an hour holds back is tried again after it.
    let settled = async {
        while !is_settled(&account).await {
            sleep(Duration::from_secs(30)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2 * 3600), settled)
        .await
        .unwrap_or_else(|_| panic!("seed {seed}: {:#?}", loops[0].board.read()));
    let mutating = account.mutating();
    let calls = account.simulator.calls();
    let calls: u64 = calls.values().map(|call| call.calls).sum();
    let looks = loops
        .iter()
        .filter_map(Loop::unit)
        .map(|it| it.counts.looks);
    println!(
        "seed {seed}, {hours} h: {made} edits {edits:?}\n{calls} calls; passes of the loops: {:?}, of CI: {} runs\nwrites, edits among them: {mutating:?}",
        looks.collect::<Vec<_>>(),
        runs.load(Ordering::Relaxed),
    );
    // An edit is at most two calls, a healing at most one of each of three writers and a second for what it hangs together with; each
    // loop writes down that and when it healed.
    let records = mutating.get("ssm.PutParameter").copied().unwrap_or(0);
    let writes = mutating.values().sum::<u64>() - records;
    assert!(
        writes <= made * (2 + 3 * 2),
        "seed {seed}: {writes} writes for {made} edits: {mutating:?}"
    );
    assert!(
        records <= made * 12,
        "seed {seed}: {records} records for {made} edits"
    );

    // No duplicate, and nobody has anything left to do.
    sleep(INTERVAL * 2).await;
    account.simulator.clear_calls();
    sleep(INTERVAL * 3).await;
    let writes = account.mutating();
    assert_eq!(writes, [].into(), "seed {seed}: still writing");
    ci.abort();
    our_rule(&account);
    let count = |service, operation: &str, input: Value, member: &str| {
        account.call(service, operation, input)[member]
            .as_array()
            .unwrap()
            .len()
    };
    let wanted = desired(&account.spec);
    let cluster = json!({ "cluster": "hokusai-development" });
    assert_eq!(count("ecs", "ListServices", cluster, "serviceArns"), 1);
    assert_eq!(
        count(
            "elasticloadbalancing",
            "DescribeTargetGroups",
            json!({}),
            "TargetGroups"
        ),
        1
    );
    let resource = format!("service/hokusai-development/{UNIT}");
    let input = json!({ "ServiceNamespace": "ecs", "ResourceId": resource });
    let policies = count(
        "application-autoscaling",
        "DescribeScalingPolicies",
        input,
        "ScalingPolicies",
    );
    assert_eq!(policies, wanted.scaling_policies.len());
    let input = json!({ "AlarmNamePrefix": format!("{UNIT}-"), "MaxRecords": 100 });
    assert_eq!(
        count("monitoring", "DescribeAlarms", input, "MetricAlarms"),
        wanted.alarms.len()
    );
    // Somebody's revisions are no more than they made, and ours one: it is found again each time.
    let family = json!({ "familyPrefix": account.spec.task.family });
    let revisions = count("ecs", "ListTaskDefinitions", family, "taskDefinitionArns") as u64;
    let theirs = edits.get("TaskDefinitionChanged").copied().unwrap_or(0);
    assert!(
        revisions <= 2 + theirs,
        "seed {seed}: {revisions} revisions, {theirs} by hand"
    );
    for looping in loops {
        looping.trigger.shut_down();
        looping.ended.await.unwrap();
    }
}

/// `LOOP_SEED` and `LOOP_HOURS` choose another run; `make loop-hours` is ten hours.
#[test]
fn two_loops_and_a_ci_do_not_fight_while_somebody_edits() {
    let number = |name: &str, otherwise| {
        let set = std::env::var(name).ok();
        set.map_or(otherwise, |text| text.parse().unwrap())
    };
    let (seed, hours) = (number("LOOP_SEED", 8), number("LOOP_HOURS", 1));
    println!("LOOP_SEED={seed} LOOP_HOURS={hours}");
    // The SDK and the loop draw their jitter from this thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(many_writers(seed, hours));
}
