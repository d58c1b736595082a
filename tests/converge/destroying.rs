//! A unit taken away: in order, only what is its own, and to the end whenever it was cut off.

use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress, remove};
use serde_json::{Value, json};

use crate::account::Account;

const DEADLINE: Duration = Duration::from_secs(1800);

async fn stable() -> Account {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account
}

async fn removed(account: &Account) -> (Outcome, Vec<String>) {
    let mut steps = Vec::new();
    let outcome = remove(&account.aws, &account.spec, DEADLINE, |progress| {
        if let Progress::Applied { step, error } = progress {
            assert_eq!(*error, None, "{step}");
            steps.push(step.call.operation().to_owned());
        }
    });
    let outcome = outcome.await;
    (outcome, steps)
}

/// How many there are of what the unit was made of.
fn left(account: &Account) -> Vec<(&'static str, usize)> {
    let count = |service, operation: &str, input: Value, member: &str| {
        let answer = account.call(service, operation, input);
        answer[member].as_array().map_or(0, Vec::len)
    };
    let cluster = json!({ "cluster": account.spec.cluster });
    vec![
        (
            "services",
            count("ecs", "ListServices", cluster, "serviceArns"),
        ),
        (
            "revisions",
            count(
                "ecs",
                "ListTaskDefinitions",
                json!({}),
                "taskDefinitionArns",
            ),
        ),
        (
            "target groups",
            count(
                "elasticloadbalancing",
                "DescribeTargetGroups",
                json!({}),
                "TargetGroups",
            ),
        ),
        (
            "rules",
            count(
                "elasticloadbalancing",
                "DescribeRules",
                json!({ "ListenerArn": crate::by_hand::listener(account) }),
                "Rules",
            ) - 1,
        ),
        (
            "names",
            count("servicediscovery", "ListServices", json!({}), "Services"),
        ),
        (
            "alarms",
            count("monitoring", "DescribeAlarms", json!({}), "MetricAlarms"),
        ),
        (
            "composite alarms",
            count(
                "monitoring",
                "DescribeAlarms",
                json!({ "AlarmTypes": ["CompositeAlarm"] }),
                "CompositeAlarms",
            ),
        ),
        (
            "dashboards",
            count(
                "monitoring",
                "ListDashboards",
                json!({}),
                "DashboardEntries",
            ),
        ),
        ("topics", count("sns", "ListTopics", json!({}), "Topics")),
        (
            "log groups",
            count("logs", "DescribeLogGroups", json!({}), "logGroups"),
        ),
        (
            "targets",
            count(
                "application-autoscaling",
                "DescribeScalableTargets",
                json!({ "ServiceNamespace": "ecs" }),
                "ScalableTargets",
            ),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn all_of_it_goes_in_order_and_nothing_else() {
    let account = stable().await;
    // Somebody else's, under a name like ours.
    let theirs = "hokusai-contracts-development-theirs";
    let alarm = json!({
        "AlarmName": theirs, "Namespace": "x", "MetricName": "y", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    account.call("monitoring", "PutMetricAlarm", alarm);
    account.simulator.clear_calls();
    let (outcome, steps) = removed(&account).await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    println!("{steps:#?}");
    let at = |operation: &str| {
        let found = steps.iter().position(|step| step == operation);
        found.unwrap_or_else(|| panic!("{operation} in {steps:#?}"))
    };
    let order = [
        "application-autoscaling:DeregisterScalableTarget",
        "ecs:DeleteService",
        "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:DeleteTargetGroup",
    ];
    assert!(order.iter().map(|step| at(step)).is_sorted(), "{steps:#?}");
    let rest: Vec<_> = left(&account)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(rest, [("alarms", 1)], "only {theirs} is left");
    // What is referenced is as it was.
    let writes = account.mutating();
    println!("{writes:?}");
    for never in [
        "ecs.DeleteCluster",
        "ssm.DeleteParameter",
        "elasticloadbalancing.DeleteLoadBalancer",
    ] {
        assert!(!writes.contains_key(never), "{writes:?}");
    }
    let (outcome, steps) = removed(&account).await;
    assert_eq!(
        (outcome, steps),
        (Outcome::Settled, vec![]),
        "again is nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_cut_off_after_any_step_is_finished_by_the_next() {
    let whole = removed(&stable().await).await.1.len();
    for cut_off in (1..whole).step_by(3) {
        let account = stable().await;
        let (aws, spec) = (account.aws.clone(), account.spec.clone());
        let run = tokio::spawn(async move {
            let mut steps = 0;
            let report = |progress: &Progress<'_>| {
                steps += usize::from(matches!(progress, Progress::Applied { .. }));
                assert!(steps != cut_off, "cut off");
            };
            remove(&aws, &spec, DEADLINE, report).await
        });
        assert!(run.await.unwrap_err().is_panic());
        let (outcome, steps) = removed(&account).await;
        assert_eq!(outcome, Outcome::Settled, "after {cut_off}: {steps:#?}");
        assert_eq!(steps.len(), whole - cut_off, "after {cut_off}: {steps:#?}");
        assert!(
            left(&account).iter().all(|(_, count)| *count == 0),
            "{:?}",
            left(&account)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_without_the_tag_stays_and_so_does_what_it_stands_on() {
    let account = stable().await;
    let arn = account.call(
        "ecs",
        "DescribeServices",
        json!({ "cluster": account.spec.cluster, "services": [account.spec.name] }),
    )["services"][0]["serviceArn"]
        .clone();
    let untag = json!({ "resourceArn": arn, "tagKeys": ["hokus.ai/unit"] });
    account.call("ecs", "UntagResource", untag);
    let before = left(&account);
    account.simulator.clear_calls();
    let (outcome, steps) = removed(&account).await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        plan.to_string().contains("has not this unit's tag"),
        "{plan}"
    );
    assert_eq!((steps, left(&account)), (vec![], before));
}
