//! What `plan` says of a whole run, held against the run.

use contracts::reconciler::converge::Outcome;
use contracts::reconciler::desired::desired;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observe::observe;
use contracts::reconciler::plan::{forecast, report};

use crate::account::Account;
use crate::strategies::{manifest, stable};

/// Every step of every wave, as `reconcile` names what it applied.
async fn foreseen(account: &Account) -> Vec<String> {
    let wanted = desired(&account.spec);
    let observed = observe(&account.aws.read, &account.spec, &wanted)
        .await
        .unwrap();
    let waves = forecast(&account.spec, &wanted, &observed);
    let steps = waves.iter().flat_map(|wave| &wave.steps);
    steps
        .map(|step| format!("{} {}", step.call.operation(), step.subject.name))
        .collect()
}

async fn is_the_run(account: &Account) {
    let foreseen = foreseen(account).await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, foreseen));
}

#[tokio::test(start_paused = true)]
async fn the_plan_of_an_empty_account_is_the_whole_run() {
    is_the_run(&Account::new().await).await;
}

#[tokio::test(start_paused = true)]
async fn the_plan_of_a_change_is_the_whole_run() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    let spec = &mut account.spec;
    let level = ("LOG_LEVEL".to_owned(), "debug".to_owned());
    spec.task.environment.extend([level]);
    let secret = "/hokusai/development/contracts/rpc_endpoint".to_owned();
    spec.task
        .secrets
        .insert("SECOND_RPC_URL".to_owned(), secret);
    (spec.health.interval_seconds, spec.load_balancer.priority) = (10, 90);
    (spec.scaling.min, spec.scaling.cpu_percent) = (3, Some(50));
    spec.logs.retention_days = 7;
    is_the_run(&account).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_ends_the_plan_where_it_ends_the_run() {
    let account = Account::without_secrets().await;
    let foreseen = foreseen(&account).await;
    let (outcome, steps) = account.reconcile().await;
    assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
    assert_eq!(steps, foreseen);
}

/// Strategies that move requests are held to theirs in `strategies`.
#[tokio::test(start_paused = true)]
async fn a_rolling_update_takes_as_long_as_the_plan_says() {
    let mut account = stable("{}").await;
    account.behaves("0.1.0", "pull_seconds: 40");
    account.set("debug");
    let foreseen = Span::foreseen(&account, &manifest("{}")).await;
    let before = account.simulator.now();
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    foreseen.holds("rolling", (account.simulator.now() - before) / 1000);
}

/// From the first call to the last task gone, in seconds, as the plan has it. It counts what Fargate needs to start a task; the
/// simulator needs a second, and what an image's script says it takes to pull.
pub struct Span(u64, u64);

impl Span {
    pub async fn foreseen(account: &Account, manifest: &str) -> Span {
        let written = Manifest::parse("manifest.yaml", manifest).unwrap();
        let wanted = desired(&account.spec);
        let observed = observe(&account.aws.read, &account.spec, &wanted)
            .await
            .unwrap();
        let (least, most) = report(&written, &account.spec, &wanted, &observed).seconds;
        Span(least.into(), most.into())
    }

    /// The end is seen some seconds after it was.
    pub fn holds(self, what: &str, took: u64) {
        const UNTIL_SEEN_SECONDS: u64 = 20;
        let Span(least, most) = self;
        println!("{what}: {least} to {most} s foreseen, {took} s taken");
        assert!(
            (least..=most + UNTIL_SEEN_SECONDS).contains(&took),
            "{what}"
        );
    }
}
