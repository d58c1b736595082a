//! What is in the way, or not there: refused before the first write that would build on it, and said why; everything
//! else of the unit is made.

use contracts::reconciler::converge::Outcome;
use serde_json::json;

use crate::account::Account;
use crate::by_hand;

/// What one reconcile said, and the operations it wrote, in the order of the journal.
async fn refusal(account: &Account) -> (String, Vec<String>) {
    account.simulator.clear_journal();
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?} after {steps:#?}")
    };
    let mutating = account.mutating();
    let journal = account.simulator.journal();
    let written = journal
        .iter()
        .filter(|entry| mutating.contains_key(&format!("{}.{}", entry.service, entry.operation)))
        .map(|entry| format!("{}.{} {}", entry.service, entry.operation, entry.outcome))
        .collect();
    println!("{plan}\n{written:#?}");
    (plan.to_string(), written)
}

/// What a task definition that cannot work holds back, and what it does not.
const NEEDS_THE_REVISION: [&str; 2] = ["ecs.RegisterTaskDefinition", "ecs.CreateService"];
const MADE_WITHOUT: [&str; 6] = [
    "iam.CreateRole",
    "iam.PutRolePolicy",
    "logs.CreateLogGroup",
    "elasticloadbalancing.CreateTargetGroup",
    "elasticloadbalancing.CreateRule",
    "monitoring.PutMetricAlarm",
];

/// Nothing of `refused` was written, all of `made` was, and all of it was taken.
fn holds(written: &[String], refused: &[&str], made: &[&str]) {
    let has = |operation: &str| written.iter().any(|entry| entry.starts_with(operation));
    for operation in refused {
        assert!(!has(operation), "{operation} in {written:#?}");
    }
    for operation in made {
        assert!(has(operation), "{operation} in {written:#?}");
    }
    assert!(
        written.iter().all(|entry| entry.ends_with(" ok")),
        "{written:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_rule_at_our_priority() {
    let account = Account::new().await;
    let theirs = by_hand::target_group(&account, "theirs", 80, json!([]));
    by_hand::rule(&account, "other.hokus.ai", 100, &theirs);
    let (said, written) = refusal(&account).await;
    assert!(
        said.contains("has priority 100: write another spec.loadBalancer.priority"),
        "{said}"
    );
    holds(
        &written,
        &[
            "elasticloadbalancing.CreateRule",
            "elasticloadbalancing.ModifyRule",
            "elasticloadbalancing.SetRulePriorities",
            "ecs.CreateService",
        ],
        &[
            "iam.CreateRole",
            "logs.CreateLogGroup",
            "elasticloadbalancing.CreateTargetGroup",
            "ecs.RegisterTaskDefinition",
            "monitoring.PutMetricAlarm",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_group_of_another_unit() {
    let account = Account::new().await;
    let owner = json!([{ "Key": "hokus.ai/unit", "Value": "hokusai-monitor-testnet" }]);
    by_hand::target_group(&account, "hokusai-contracts-3001", 3001, owner);
    let (said, written) = refusal(&account).await;
    assert!(
        said.contains("belongs to unit hokusai-monitor-testnet"),
        "{said}"
    );
    holds(
        &written,
        &[
            "elasticloadbalancing.ModifyTargetGroup",
            "elasticloadbalancing.CreateRule",
            "ecs.CreateService",
        ],
        &[
            "iam.CreateRole",
            "logs.CreateLogGroup",
            "ecs.RegisterTaskDefinition",
            "monitoring.PutMetricAlarm",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret() {
    let account = Account::without_secrets().await;
    // The wrong environment's prefix, as in the outage of existing-service.md 7.1.
    let elsewhere = "/hokusai/production/contracts/api_keys";
    let input = json!({ "Name": elsewhere, "Value": "x", "Type": "SecureString" });
    account.call("ssm", "PutParameter", input);
    let (said, written) = refusal(&account).await;
    assert!(
        said.contains("/hokusai/development/contracts/deployer_key: is not there, and DEPLOYER_PRIVATE_KEY is read from it"),
        "{said}"
    );
    assert!(said.contains(&format!("there is {elsewhere}")), "{said}");
    holds(&written, &NEEDS_THE_REVISION, &MADE_WITHOUT);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there() {
    let mut account = Account::new().await;
    account.image("9.9.9");
    let (said, written) = refusal(&account).await;
    assert!(
        said.contains("hokusai/contracts:9.9.9: is not in ECR"),
        "{said}"
    );
    holds(&written, &NEEDS_THE_REVISION, &MADE_WITHOUT);
}

#[tokio::test(start_paused = true)]
async fn a_contract_address_of_zeros() {
    let account = Account::new().await;
    let name = "/hokusai/development/contracts/token_manager_address";
    let zeros = format!("0x{}", "0".repeat(40));
    let input = json!({ "Name": name, "Value": zeros, "Type": "String", "Overwrite": true });
    account.call("ssm", "PutParameter", input);
    let (said, written) = refusal(&account).await;
    assert!(
        said.contains(&format!("{name}: is the zero address")),
        "{said}"
    );
    holds(&written, &NEEDS_THE_REVISION, &MADE_WITHOUT);
}

/// A service that runs is left running, and healed in everything that the refusal is not about.
#[tokio::test(start_paused = true)]
async fn what_is_refused_stops_no_healing_of_a_service_that_runs() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let before = account.spec.clone();
    account.image("9.9.9");
    let edit = json!({ "logGroupName": "/ecs/hokusai-contracts", "retentionInDays": 1 });
    account.call("logs", "PutRetentionPolicy", edit);
    let (_, written) = refusal(&account).await;
    assert_eq!(written, ["logs.PutRetentionPolicy ok"]);
    account.spec = before;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
}
