//! Old revisions: found again by what they say, and no more reads for having many.

use contracts::reconciler::converge::Outcome;
use contracts::reconciler::desired::desired;
use contracts::reconciler::observe::look;
use contracts::reconciler::resource::DIGEST_TAG;
use contracts::reconciler::versions::versioned;
use serde_json::json;

use crate::account::Account;

/// Reads of one reconcile that changes nothing.
async fn reads(account: &Account) -> u64 {
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
    let calls = account.simulator.calls();
    calls.values().map(|calls| calls.calls).sum()
}

/// Somebody else registers revisions of the same family that nobody runs.
fn register(account: &Account, count: usize) {
    for number in 0..count {
        let container = json!({ "name": "other", "image": format!("example/other:{number}") });
        let definition = json!({
            "family": account.spec.task.family, "cpu": "256", "memory": "512", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [container],
        });
        account.call("ecs", "RegisterTaskDefinition", definition);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_reads_no_more_for_thirty_old_revisions() {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let before = reads(&account).await;
    register(&account, 30);
    assert_eq!(reads(&account).await, before);
}

#[tokio::test(start_paused = true)]
async fn the_search_for_a_revision_that_is_not_there_is_bounded() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    register(&account, 30);
    account.simulator.clear_calls();
    let level = ("LOG_LEVEL".to_owned(), "debug".to_owned());
    account.spec.task.environment.extend([level]);
    let wanted = desired(&account.spec);
    let look = contracts::reconciler::observe::observe(&account.aws.read, &account.spec, &wanted);
    assert_eq!(look.await.unwrap().wanted, None);
    // The running one, and the ten newest.
    assert_eq!(
        account.simulator.calls()["ecs.DescribeTaskDefinition"].calls,
        11
    );
}

#[tokio::test(start_paused = true)]
async fn a_revision_says_what_it_says_in_a_tag() {
    let account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let ask = json!({ "taskDefinition": account.spec.task.family, "include": ["TAGS"] });
    let found = account.call("ecs", "DescribeTaskDefinition", ask);
    let tags = found["tags"].as_array().unwrap();
    let digest = tags.iter().find(|tag| tag["key"] == DIGEST_TAG).unwrap();
    let (wanted, observed) = look(&account.aws.read, &account.spec).await.unwrap();
    let wanted = versioned(&account.spec, wanted, &observed.secret_versions).task_definition;
    assert_eq!(digest["value"], wanted.digest());
}
