//! New revisions, good and bad.

use contracts::reconciler::converge::Outcome;

use crate::account::Account;

#[tokio::test(start_paused = true)]
async fn a_changed_setting_is_one_revision_and_one_service_call() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account.simulator.clear_calls();
    account
        .spec
        .task
        .environment
        .insert("LOG_LEVEL".to_owned(), "debug".to_owned());
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    assert_eq!(
        steps,
        [
            "ecs:RegisterTaskDefinition hokusai-contracts-task",
            "ecs:UpdateService hokusai-contracts-development"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn going_back_uses_the_revision_that_is_already_there() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let before = account.spec.task.environment.clone();
    account
        .spec
        .task
        .environment
        .insert("LOG_LEVEL".to_owned(), "debug".to_owned());
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account.spec.task.environment = before;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled);
    assert_eq!(steps, ["ecs:UpdateService hokusai-contracts-development"]);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_rolled_back_and_not_tried_again() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account.unpullable("0.1.1");
    account.image("0.1.1");
    let (outcome, steps) = account.reconcile().await;
    let Outcome::RolledBack { reason, .. } = outcome else {
        panic!("{outcome:?} after {steps:#?}")
    };
    println!("{reason}");
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(steps, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_first_rollout_that_fails_gives_up_with_ecs_words() {
    let mut account = Account::new().await;
    account.unpullable("0.1.1");
    account.image("0.1.1");
    let (outcome, _) = account.reconcile().await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?}")
    };
    println!("{plan}");
    assert!(
        plan.to_string()
            .contains("the rollout of this revision failed"),
        "{plan}"
    );
}
