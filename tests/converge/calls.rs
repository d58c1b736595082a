//! `make bench-calls`: what a look at one converged unit costs in calls, and that history does not make it cost more.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use contracts::reconciler::converge::Outcome;
use contracts::reconciler::policy::rights;
use serde_json::json;

use crate::account::Account;

/// Calls of one pass that finds nothing to do, reads and writes apart.
async fn no_op(account: &Account) -> [BTreeMap<String, u64>; 2] {
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
    let mut calls = [BTreeMap::new(), BTreeMap::new()];
    for (name, count) in account.simulator.calls() {
        let (service, operation) = name.split_once('.').unwrap();
        let service = match service {
            "monitoring" => "cloudwatch",
            service => service,
        };
        calls[usize::from(count.mutating)].insert(format!("{service}:{operation}"), count.calls);
    }
    calls
}

/// Old revisions of the family and old alarms beside the unit's, as years leave them.
fn age(account: &Account, count: usize) {
    let spec = &account.spec;
    let family = &spec.task.family;
    let described = account.call(
        "ecs",
        "DescribeTaskDefinition",
        json!({ "taskDefinition": family }),
    );
    let containers = &described["taskDefinition"]["containerDefinitions"];
    for number in 0..count {
        let revision = json!({
            "family": family, "containerDefinitions": containers, "cpu": "256", "memory": "512",
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "executionRoleArn": described["taskDefinition"]["executionRoleArn"],
        });
        account.call("ecs", "RegisterTaskDefinition", revision);
        let alarm = json!({
            "AlarmName": format!("{family}-old-{number}"), "Namespace": "AWS/ECS", "MetricName": "CPUUtilization",
            "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
        });
        account.call("monitoring", "PutMetricAlarm", alarm);
    }
}

/// Why the reconciler reads this.
fn why(operation: &str) -> &'static str {
    let right = rights().find(|right| right.action == operation);
    match (operation, right) {
        ("sts:GetCallerIdentity", _) => "whether the credentials are of the manifest's account",
        (_, Some(right)) => right.why,
        (_, None) => panic!("{operation} is read for no reason"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_no_op_reads_no_more_for_all_its_history_and_writes_nothing() {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let [reads, writes] = no_op(&account).await;
    age(&account, 200);
    let [reads_later, writes_later] = no_op(&account).await;

    let sum = |calls: &BTreeMap<String, u64>| calls.values().sum::<u64>();
    let mut report = String::new();
    for (operation, count) in &reads {
        writeln!(report, "{count:>4}  {operation:<52} {}", why(operation)).unwrap();
    }
    for (history, reads, writes) in [
        ("no old revisions and alarms", &reads, &writes),
        (
            "200 old revisions and 200 old alarms",
            &reads_later,
            &writes_later,
        ),
    ] {
        writeln!(report, "with {history}:").unwrap();
        writeln!(report, "reads {} writes {}", sum(reads), sum(writes)).unwrap();
    }
    println!("{report}");
    // For `make bench-calls`, which prints it.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-calls.txt");
    std::fs::write(path, &report).unwrap();
    assert_eq!(reads_later, reads);
    assert_eq!((writes, writes_later), Default::default());
}
