//! From an empty account to a stable service, and back to it after somebody else's edits.

use contracts::reconciler::converge::Outcome;
use contracts::reconciler::desired::desired;
use serde_json::{Value, json};

use crate::account::Account;

pub async fn stable() -> Account {
    let account = Account::new().await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    account.simulator.clear_calls();
    account
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_converges_and_a_second_run_writes_nothing() {
    let account = Account::new().await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    let mutating = account.mutating();
    println!("first run: {mutating:?}");
    assert_eq!(mutating["ecs.CreateService"], 1);
    assert_eq!(mutating["ecs.RegisterTaskDefinition"], 1);
    let resources = desired(&account.spec);
    let alarms = resources.alarms.len() as u64;
    assert_eq!(
        mutating["monitoring.PutMetricAlarm"], alarms,
        "each written once"
    );
    let composites = resources.composite_alarms.len() as u64;
    assert_eq!(mutating["monitoring.PutCompositeAlarm"], composites);
    assert_eq!(
        steps.len() as u64,
        mutating.values().sum::<u64>(),
        "one call a step, each step once: {steps:#?}"
    );

    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
    println!("second run: {:?}", account.simulator.calls());
    assert_eq!(account.mutating(), Default::default());
}

/// Somebody else's edit, then one reconcile, which must undo it by exactly these calls.
pub async fn heals(service: &'static str, operation: &str, input: Value, expected: &[&str]) {
    let account = stable().await;
    account.call(service, operation, input);
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    assert_eq!(steps, expected);
    assert_eq!(
        account.mutating().values().sum::<u64>(),
        expected.len() as u64
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_alarm_is_put_back() {
    let name = "hokusai-contracts-development-cpu";
    heals(
        "monitoring",
        "DeleteAlarms",
        json!({ "AlarmNames": [name] }),
        &[&format!("cloudwatch:PutMetricAlarm {name}")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_log_retention_is_set_back() {
    let input = json!({ "logGroupName": "/ecs/hokusai-contracts", "retentionInDays": 1 });
    heals(
        "logs",
        "PutRetentionPolicy",
        input,
        &["logs:PutRetentionPolicy /ecs/hokusai-contracts"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_widened_role_is_narrowed() {
    let role = "hokusai-contracts-task-role";
    let input = json!({ "RoleName": role, "PolicyName": "by-hand", "PolicyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}" });
    heals(
        "iam",
        "PutRolePolicy",
        input,
        &["iam:DeleteRolePolicy hokusai-contracts-task-role"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_listener_rule_is_made_again() {
    let account = stable().await;
    let balancers = account.call("elasticloadbalancing", "DescribeLoadBalancers", json!({}));
    let listeners = account.call(
        "elasticloadbalancing",
        "DescribeListeners",
        json!({ "LoadBalancerArn": balancers["LoadBalancers"][0]["LoadBalancerArn"] }),
    );
    let rules = account.call(
        "elasticloadbalancing",
        "DescribeRules",
        json!({ "ListenerArn": listeners["Listeners"][0]["ListenerArn"] }),
    );
    let ours = rules["Rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["Priority"] == "100")
        .unwrap();
    account.call(
        "elasticloadbalancing",
        "DeleteRule",
        json!({ "RuleArn": ours["RuleArn"] }),
    );
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(
        (outcome, steps),
        (
            Outcome::Settled,
            vec!["elasticloadbalancing:CreateRule contracts.hokus.ai".to_owned()]
        )
    );
}

#[tokio::test(start_paused = true)]
async fn an_edited_health_path_is_set_back() {
    let account = stable().await;
    let groups = account.call("elasticloadbalancing", "DescribeTargetGroups", json!({}));
    let arn = groups["TargetGroups"][0]["TargetGroupArn"].clone();
    account.call(
        "elasticloadbalancing",
        "ModifyTargetGroup",
        json!({ "TargetGroupArn": arn, "HealthCheckPath": "/nowhere" }),
    );
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    assert_eq!(
        steps,
        ["elasticloadbalancing:ModifyTargetGroup hokusai-contracts-3001"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_scaled_to_nothing_by_hand_is_brought_back_within_its_bounds() {
    let account = stable().await;
    let input = json!({ "cluster": "hokusai-development", "service": account.spec.name, "desiredCount": 0 });
    account.call("ecs", "UpdateService", input);
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    assert_eq!(steps, ["ecs:UpdateService hokusai-contracts-development"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_scaled_within_its_bounds_is_left_alone() {
    let account = stable().await;
    let input = json!({ "cluster": "hokusai-development", "service": account.spec.name, "desiredCount": 5 });
    account.call("ecs", "UpdateService", input);
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_is_named_and_everything_else_is_made() {
    let account = Account::without_secrets().await;
    let (outcome, steps) = account.reconcile().await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?}")
    };
    let text = plan.to_string();
    assert!(
        text.contains("SSM parameter /hokusai/development/contracts/deployer_key: is not there"),
        "{text}"
    );
    assert!(
        steps
            .iter()
            .any(|step| step.starts_with("elasticloadbalancing:CreateRule")),
        "{steps:#?}"
    );
    assert!(
        !steps
            .iter()
            .any(|step| step.starts_with("ecs:CreateService")),
        "{steps:#?}"
    );
}
