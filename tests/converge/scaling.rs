//! Load, autoscaling and rollouts at once, in virtual time: who sets which count when.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress, converge};
use contracts::simulator::image;
use contracts::simulator::load::{self, Load};
use serde_json::json;

use crate::account::Account;

const CLUSTER: &str = "hokusai-development";
const UNIT: &str = "hokusai-contracts-development";
/// Three vCPUs: ten tasks of half a one at 60 %.
const BUSY: Load = Load {
    requests_per_second: 100.0,
    seconds_per_request: 0.05,
    error_share: 0.0,
    cpu_seconds_per_request: 0.03,
    memory_mib_per_task: 300.0,
};
const IDLE: Load = Load {
    requests_per_second: 1.0,
    ..BUSY
};
/// How often it is looked: as often as a person would.
const LOOK_SECONDS: u64 = 5;

/// What somebody who watches the service writes down: a line whenever something is different.
struct Timeline<'a> {
    account: &'a Account,
    begun: u64,
    last: String,
    lines: String,
}

impl Timeline<'_> {
    fn of(account: &Account) -> Timeline<'_> {
        Timeline {
            account,
            begun: account.simulator.now(),
            last: String::new(),
            lines: String::new(),
        }
    }

    fn say(&mut self, what: &str) {
        let seconds = (self.account.simulator.now() - self.begun) / 1000;
        let _ = writeln!(
            self.lines,
            "{:02}:{:02}  {what}",
            seconds / 60,
            seconds % 60
        );
    }

    fn look(&mut self) {
        let asked = json!({ "cluster": CLUSTER, "services": [UNIT] });
        let services = self.account.call("ecs", "DescribeServices", asked);
        let service = &services["services"][0];
        let parts = [
            (
                service["deployments"][0]["rolloutState"] != "COMPLETED",
                ", a rollout",
            ),
            (suspended(self.account).0, ", scale-in held"),
            (asks_for_less(self.account), ", an alarm asks for fewer"),
        ];
        let parts = parts.iter().filter(|(is, _)| *is).map(|(_, part)| *part);
        let seen = format!(
            "{} wanted, {} run{}",
            service["desiredCount"],
            service["runningCount"],
            parts.collect::<String>()
        );
        if seen != self.last {
            self.say(&seen);
            self.last = seen;
        }
    }

    async fn watch(&mut self, seconds: u64) {
        for _ in 0..seconds / LOOK_SECONDS {
            tokio::time::sleep(Duration::from_secs(LOOK_SECONDS)).await;
            self.look();
        }
    }

    /// A changed setting is rolled out; watched to its end.
    async fn roll_out(&mut self, level: &str) {
        self.say(&format!("LOG_LEVEL={level} is reconciled"));
        let mut spec = self.account.spec.clone();
        spec.task
            .environment
            .insert("LOG_LEVEL".to_owned(), level.to_owned());
        let aws = self.account.aws.clone();
        let run =
            tokio::spawn(
                async move { converge(&aws, &spec, Duration::from_secs(3600), |_| ()).await },
            );
        while !run.is_finished() {
            self.watch(LOOK_SECONDS).await;
        }
        assert_eq!(run.await.unwrap(), Outcome::Settled);
        self.say("settled");
    }

    fn load(&mut self, what: &str, load: Load) {
        self.say(what);
        let set = |world: &mut _, _| load::set(world, CLUSTER, UNIT, load);
        self.account.simulator.with(set);
    }
}

/// Whether scaling in is suspended, and scaling out.
fn suspended(account: &Account) -> (bool, bool) {
    let resource = format!("service/{CLUSTER}/{UNIT}");
    let asked = json!({ "ServiceNamespace": "ecs", "ResourceIds": [resource] });
    let targets = account.call("application-autoscaling", "DescribeScalableTargets", asked);
    let state = &targets["ScalableTargets"][0]["SuspendedState"];
    let is = |which: &str| state[which].as_bool() == Some(true);
    (
        is("DynamicScalingInSuspended"),
        is("DynamicScalingOutSuspended"),
    )
}

/// Whether the low alarm of the policy that tracks the processor is in ALARM.
fn asks_for_less(account: &Account) -> bool {
    let asked = json!({ "AlarmNamePrefix": "TargetTracking-" });
    let alarms = account.call("monitoring", "DescribeAlarms", asked);
    let mut alarms = alarms["MetricAlarms"].as_array().unwrap().iter();
    alarms.any(|alarm| {
        alarm["MetricName"] == "CPUUtilization"
            && alarm["ComparisonOperator"] == "LessThanThreshold"
            && alarm["StateValue"] == "ALARM"
    })
}

async fn standing() -> Account {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account.simulator.clear_calls();
    account
}

/// Autoscaling alone sets the count, up and down; a rollout takes the count there is; and no task is taken away while tasks are
/// replaced, though the load has gone and its alarm says so.
#[tokio::test(start_paused = true)]
async fn load_drives_two_tasks_to_ten_and_back_while_rollouts_run_and_nobody_fights() {
    let account = standing().await;
    let slow = "images: [{ image: hokusai/contracts, pull_seconds: 120, start_seconds: 5 }]";
    let slow = image::parse(slow).unwrap();
    account.simulator.with(|world, _| world.images = slow);
    let mut timeline = Timeline::of(&account);
    timeline.look();
    timeline.load("load comes", BUSY);
    timeline.watch(150).await;
    timeline.roll_out("debug").await;
    timeline.watch(600).await;
    timeline.load("load goes", IDLE);
    // The alarm for less takes fifteen minutes: <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>
    timeline.watch(14 * 60).await;
    timeline.roll_out("warn").await;
    timeline.watch(20 * 60).await;

    golden(&timeline.lines);
    let counts = account.mutating();
    assert_eq!(counts["ecs.UpdateService"], 2, "{counts:?}");
    assert_eq!(suspended(&account), (false, false));
}

/// Killed right after it suspended, and right after the service call: the next run lifts it, and nothing else remembers.
#[tokio::test(start_paused = true)]
async fn a_suspension_outlives_its_reconciler_by_one_run() {
    for dies_after in [
        "application-autoscaling:RegisterScalableTarget",
        "ecs:UpdateService",
    ] {
        let mut account = standing().await;
        let more = json!({ "cluster": CLUSTER, "service": UNIT, "desiredCount": 5 });
        account.call("ecs", "UpdateService", more);
        assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
        let environment = &mut account.spec.task.environment;
        environment.insert("LOG_LEVEL".to_owned(), "debug".to_owned());
        let (aws, spec) = (account.aws.clone(), account.spec.clone());
        let run = tokio::spawn(async move {
            let report = |progress: &Progress<'_>| {
                let done = matches!(progress, Progress::Applied { step, .. } if step.call.operation() == dies_after);
                assert!(!done, "killed");
            };
            converge(&aws, &spec, Duration::from_secs(600), report).await
        });
        assert!(run.await.unwrap_err().is_panic());
        assert_eq!(suspended(&account), (true, false), "{dies_after}");
        let (outcome, steps) = account.reconcile().await;
        assert_eq!(outcome, Outcome::Settled, "{dies_after}: {steps:#?}");
        assert_eq!(suspended(&account), (false, false), "{dies_after}");
        let running = json!({ "cluster": CLUSTER, "services": [UNIT] });
        let running = account.call("ecs", "DescribeServices", running);
        assert_eq!(running["services"][0]["desiredCount"], 5, "{dies_after}");
    }
}

fn golden(found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/converge/scaling.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "BLESS=1 rewrites it\n--- expected\n{expected}\n--- found\n{found}"
    );
}
