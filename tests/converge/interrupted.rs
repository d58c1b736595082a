//! A reconciler that dies anywhere, and the next one.

use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress, converge};
use serde_json::json;

use crate::account::Account;
use crate::importing::ask;
use crate::strategies::{BLUE_GREEN, manifest, none_failed};

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

/// Runs that each die right after their first call, until one finds nothing to call; gives how many died. Nothing of a run is
/// left but what AWS has, so this is a death between every two calls of the whole.
async fn dying(account: &Account) -> u64 {
    for deaths in 0.. {
        let (aws, spec) = (account.aws.clone(), account.spec.clone());
        let run = tokio::spawn(async move {
            let report = |progress: &Progress<'_>| {
                assert!(!matches!(progress, Progress::Applied { .. }), "killed");
            };
            converge(&aws, &spec, Duration::from_secs(3600), report).await
        });
        match run.await {
            Err(error) => assert!(error.is_panic()),
            Ok(outcome) => {
                assert_eq!(outcome, Outcome::Settled);
                return deaths;
            }
        }
    }
    unreachable!("it never ends");
}

/// The same changes without and with deaths: as many calls, and AWS has the same.
#[tokio::test(start_paused = true)]
async fn killed_after_every_call_of_updates_and_blue_green_nothing_is_lost_or_doubled() {
    let (mut whole, mut killed) = (Account::new().await, Account::new().await);
    assert_eq!(whole.reconcile().await.0, Outcome::Settled);
    assert_eq!(dying(&killed).await, whole.mutating().values().sum::<u64>());
    let answers = ask(&killed);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let rolling = whole.spec.clone();
    type Edit<'a> = &'a dyn Fn(&mut Account);
    let changes: [(&str, Edit<'_>); 4] = [
        ("a rolling update", &|account| account.set("debug")),
        ("to blue/green", &|account| {
            account.believe(&manifest(BLUE_GREEN))
        }),
        ("a blue/green update", &|account| account.set("warn")),
        ("back to rolling", &|account| account.spec = rolling.clone()),
    ];
    for (what, change) in changes {
        for account in [&mut whole, &mut killed] {
            account.simulator.clear_calls();
            change(account);
        }
        let (outcome, steps) = whole.reconcile_within(Duration::from_secs(7200)).await;
        assert_eq!(outcome, Outcome::Settled, "{what}: {steps:#?}");
        let deaths = dying(&killed).await;
        println!("{what}: killed after each of {deaths} calls");
        assert_eq!(killed.mutating(), whole.mutating(), "{what}");
        assert_eq!(deaths, whole.mutating().values().sum::<u64>(), "{what}");
        let names = |account: &Account| {
            let groups = account.call("elasticloadbalancing", "DescribeTargetGroups", json!({}));
            let groups = groups["TargetGroups"].as_array().unwrap().iter();
            groups
                .map(|group| group["TargetGroupName"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&killed), names(&whole), "{what}");
        assert_eq!(
            killed.reconcile().await,
            (Outcome::Settled, vec![]),
            "{what}"
        );
    }
    none_failed("killed after every call", &answers);
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
