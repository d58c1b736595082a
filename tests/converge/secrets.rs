//! A secret that was changed: a new rollout, or none where the manifest says that the program reads it anew.

use contracts::reconciler::converge::Outcome;
use contracts::reconciler::observe::look;
use contracts::reconciler::plan::diff::Change;
use contracts::reconciler::plan::plan;
use serde_json::{Value, json};

use crate::account::Account;

const REDIS_URL: &str = "/hokusai/development/contracts/redis_url";

fn put(account: &Account, name: &str) {
    let input =
        json!({ "Name": name, "Value": "another", "Type": "SecureString", "Overwrite": true });
    account.call("ssm", "PutParameter", input);
}

/// The container of the revision that the service runs.
fn container(account: &Account) -> Value {
    let spec = &account.spec;
    let service = json!({ "cluster": spec.cluster, "services": [spec.name] });
    let service = account.call("ecs", "DescribeServices", service);
    let revision = json!({ "taskDefinition": service["services"][0]["taskDefinition"] });
    let revision = account.call("ecs", "DescribeTaskDefinition", revision);
    revision["taskDefinition"]["containerDefinitions"][0].clone()
}

/// What the plan says of one field.
async fn planned(account: &Account, path: &str) -> String {
    let (wanted, observed) = look(&account.aws.read, &account.spec).await.unwrap();
    let plan = plan(&account.spec, &wanted, &observed);
    let mut changes = plan.steps.iter().flat_map(|step| &step.changes);
    let change = changes.find(|change| change.path == path);
    let Change {
        from,
        to,
        reason,
        path: _,
    } = change.unwrap_or_else(|| panic!("{plan}"));
    format!("{from} → {to} ({})", reason.clone().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_secret_is_a_new_rollout() {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let label =
        |container: &Value| container["dockerLabels"]["hokus.ai/secret-version.REDIS_URL"].clone();
    let before = container(&account);
    assert_eq!(label(&before), "1");
    assert_eq!(before["dockerLabels"].as_object().unwrap().len(), 5);

    put(&account, REDIS_URL);
    let told = planned(&account, "container.secret_versions.REDIS_URL").await;
    assert_eq!(
        told,
        "1 → 2 (secret REDIS_URL was changed: a new rollout takes it up)"
    );
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled);
    let steps: Vec<_> = steps
        .iter()
        .filter_map(|step| step.split(' ').next())
        .collect();
    assert_eq!(steps, ["ecs:RegisterTaskDefinition", "ecs:UpdateService"]);
    assert_eq!(label(&container(&account)), "2");
    assert!(
        account.reconcile().await.1.is_empty(),
        "nothing is left to do"
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_the_program_reads_anew_is_none_and_nor_is_one_that_is_gone() {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    put(&account, "/hokusai/development/contracts/api_keys");
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));

    account.call("ssm", "DeleteParameter", json!({ "Name": REDIS_URL }));
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
    assert!(steps.is_empty(), "{steps:?}");
    put(&account, REDIS_URL);
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
}
