//! Images that no waiting makes healthy: each is turned back with its cause by name, sooner than ECS's circuit breaker would.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use contracts::reconciler::converge::Outcome;
use contracts::reconciler::diagnosis::Diagnosis;
use serde_json::{Value, json};

use crate::account::Account;
use crate::golden;

const BAD: &str = "0.1.1";
/// Enough for the pass that asks ECS for the rollout, and for none that looks at it.
const UNTIL_ASKED: Duration = Duration::from_millis(1_500);
const PARAMETER: &str = "/hokusai/development/contracts/rpc_endpoint";

/// What the bad image does, in the simulator's words, and what else goes wrong with it.
const ROWS: [(&str, &str, bool); 10] = [
    (
        "crashes",
        "crash: { after_seconds: 2, code: 1 }, lines: ['RPC_URL=https://user:secret@eth.example is refused']",
        false,
    ),
    ("hangs at start", "start_seconds: 3600", false),
    ("hangs when asked", "hangs: true", false),
    ("never healthy", "unhealthy: true", false),
    ("answers 404", "answers: 404", false),
    (
        "another port",
        "deaf: true, lines: ['listening on 0.0.0.0:8002']",
        false,
    ),
    ("out of memory", "leaks_mib_per_second: 200", false),
    (
        "not in the registry",
        "unpullable: 'pull image manifest has been retried 1 time(s): failed to resolve ref: not found'",
        false,
    ),
    (
        "wrong platform",
        "crash: { after_seconds: 0, code: 1 }, lines: ['exec /usr/bin/contracts-api: exec format error']",
        false,
    ),
    ("secret taken away", "", true),
];

/// How one rollout of the bad image went.
struct Run {
    outcome: Outcome,
    /// From the rollout's start to the beginning of its end, and to its end.
    stopped: f64,
    over: f64,
    status: String,
    /// The fewest healthy targets at any time.
    fewest: usize,
}

/// The service on the good image, the manifest on the bad one, and ECS asked for the rollout.
async fn begun(script: &str, take_secret: bool) -> Account {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    asked(&mut account, script).await;
    if take_secret {
        account.call("ssm", "DeleteParameter", json!({ "Name": PARAMETER }));
    }
    account
}

async fn asked(account: &mut Account, script: &str) {
    // As long as Fargate takes to start one; the simulator alone would have three fail within one look.
    account.behaves(BAD, &format!("pull_seconds: 20, {script}"));
    account.image(BAD);
    let (outcome, _) = account.reconcile_within(UNTIL_ASKED).await;
    assert!(
        matches!(outcome, Outcome::DeadlinePassed { .. }),
        "{outcome:?}"
    );
}

fn newest(account: &Account) -> Value {
    let listed = json!({ "cluster": account.spec.cluster, "service": account.spec.name });
    let listed = account.call("ecs", "ListServiceDeployments", listed);
    let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
    let described = json!({ "serviceDeploymentArns": [arn] });
    account.call("ecs", "DescribeServiceDeployments", described)["serviceDeployments"][0].clone()
}

fn healthy(account: &Account) -> usize {
    let group = json!({ "Names": [account.spec.load_balancer.target_group] });
    let group = account.call("elasticloadbalancing", "DescribeTargetGroups", group);
    let arn = &group["TargetGroups"][0]["TargetGroupArn"];
    let health = account.call(
        "elasticloadbalancing",
        "DescribeTargetHealth",
        json!({ "TargetGroupArn": arn }),
    );
    let targets = health["TargetHealthDescriptions"].as_array().unwrap();
    targets
        .iter()
        .filter(|target| target["TargetHealth"]["State"] == "healthy")
        .count()
}

/// Until the newest rollout is over, by whoever ends it.
async fn over(account: &Account) -> Value {
    for _ in 0..7_200 {
        let newest = newest(account);
        if newest["finishedAt"].is_object() {
            return newest;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("not over after two hours: {}", newest(account));
}

async fn run(script: &str, take_secret: bool, stop: bool) -> Run {
    let account = Rc::new(begun(script, take_secret).await);
    let fewest = Rc::new(Cell::new(usize::MAX));
    let watched = (Rc::clone(&account), Rc::clone(&fewest));
    let watch = async move {
        let (account, fewest) = watched;
        loop {
            fewest.set(fewest.get().min(healthy(&account)));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let end = async {
        let outcome = match stop {
            true => account.reconcile().await.0,
            false => Outcome::Settled,
        };
        (outcome, over(&account).await)
    };
    let (outcome, newest) = tokio::select! {
        () = watch => unreachable!(),
        end = end => end,
    };
    let millis = |time: &Value| time["$timestamp"].as_f64().unwrap();
    let at = |time: &Value| (millis(time) - millis(&newest["createdAt"])) / 1_000.0;
    Run {
        outcome,
        stopped: at(&newest["rollback"]["startedAt"]),
        over: at(&newest["finishedAt"]),
        status: newest["status"].as_str().unwrap().to_owned(),
        fewest: fewest.get(),
    }
}

fn diagnosed(outcome: &Outcome) -> Diagnosis {
    match outcome {
        Outcome::RolledBack {
            diagnosis: Some(diagnosis),
            ..
        } => diagnosis.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_is_rolled_back_with_its_cause_before_the_circuit_breaker_would() {
    let mut table = "seconds from a rollout's start until it is turned back, and until it is over; two tasks, at least two healthy\n\n".to_owned();
    writeln!(
        table,
        "{:<20} {:>11} {:>15}  {:>7}  cause",
        "image", "here", "circuit breaker", "healthy"
    )
    .unwrap();
    let mut causes = String::new();
    for (name, script, take_secret) in ROWS {
        let ours = run(script, take_secret, true).await;
        let theirs = run(script, take_secret, false).await;
        let diagnosis = diagnosed(&ours.outcome);
        writeln!(
            table,
            "{name:<20} {:>5.1} {:>5.1} {:>9.1} {:>5.1}  {:>7}  {}",
            ours.stopped,
            ours.over,
            theirs.stopped,
            theirs.over,
            ours.fewest,
            diagnosis.cause.name(),
        )
        .unwrap();
        writeln!(causes, "{name}\n    {diagnosis}").unwrap();
        assert_eq!(
            (ours.status.as_str(), theirs.status.as_str()),
            ("ROLLBACK_SUCCESSFUL", "ROLLBACK_SUCCESSFUL")
        );
        assert!(
            ours.stopped < theirs.stopped,
            "{name}: {} is not before {}",
            ours.stopped,
            theirs.stopped
        );
        // 100 % of two.
        assert!(ours.fewest >= 2, "{name}: {} healthy", ours.fewest);
    }
    println!("{table}\n{causes}");
    assert!(
        causes.contains("log: RPC_URL=[redacted]@eth.example is refused"),
        "{causes}"
    );
    golden::check(
        "../converge/doomed.txt",
        &format!("{table}\n{}", without_ids(&causes)),
    );
}

/// Ids of tasks, which are as random as the simulator's seed.
fn without_ids(text: &str) -> String {
    let ids = regex_lite::Regex::new("task [0-9a-f]{8}").unwrap();
    ids.replace_all(text, "task …").into_owned()
}

/// There is nothing to return to: it is stopped all the same, and said to be a person's turn.
#[tokio::test(start_paused = true)]
async fn a_first_rollout_is_stopped_with_its_cause_and_blocked() {
    let mut account = Account::new().await;
    account.behaves(BAD, "crash: { after_seconds: 2, code: 3 }");
    account.image(BAD);
    let (outcome, steps) = account.reconcile().await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?} after {steps:#?}")
    };
    assert_eq!(
        steps.last().unwrap(),
        "ecs:StopServiceDeployment hokusai-contracts-development"
    );
    let text = plan.to_string();
    assert!(
        text.contains("there was no revision to go back to"),
        "{text}"
    );
    assert!(
        text.contains("crash loop: the program ends by itself with exit code 3"),
        "{text}"
    );
    assert_eq!(newest(&account)["status"], "ROLLBACK_FAILED");
    // Nothing is tried again.
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
    assert_eq!(steps, Vec::<String>::new());
}
