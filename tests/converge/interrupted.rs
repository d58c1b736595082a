//! A reconciler that dies anywhere, and the next one.

use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress, converge};

use crate::account::Account;

/// Dies after each single step in turn, as `kill -9` between two calls does: nothing of the run is left but what AWS has.
#[tokio::test(start_paused = true)]
async fn a_run_cut_off_after_any_step_is_finished_by_the_next_without_doubling_anything() {
    let whole = Account::new().await.reconcile().await.1.len();
    for cut_off in 1..=whole {
        let account = Account::new().await;
        let (aws, spec) = (account.aws.clone(), account.spec.clone());
        let run = tokio::spawn(async move {
            let mut steps = 0;
            let report = |progress: &Progress<'_>| {
                steps += u32::from(matches!(progress, Progress::Applied { .. }));
                assert!(steps as usize != cut_off, "cut off");
            };
            converge(&aws, &spec, Duration::from_secs(600), report).await
        });
        assert!(run.await.unwrap_err().is_panic());
        let (outcome, steps) = account.reconcile().await;
        assert_eq!(
            outcome,
            Outcome::Settled,
            "cut off after step {cut_off}: {steps:#?}"
        );
        assert_eq!(
            steps.len(),
            whole - cut_off,
            "cut off after step {cut_off}: {steps:#?}"
        );
        assert!(account.mutating().values().sum::<u64>() == whole as u64);
    }
}

/// Two at once: each may find the other's work done, neither may undo it.
#[tokio::test(start_paused = true)]
async fn two_reconcilers_at_once_end_in_the_same_place() {
    let account = Account::new().await;
    let ((first, _), (second, _)) = tokio::join!(account.reconcile(), account.reconcile());
    assert_eq!((first, second), (Outcome::Settled, Outcome::Settled));
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
}
