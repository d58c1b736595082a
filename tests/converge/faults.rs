//! A network and an AWS that misbehave delay the reconciler and do not stop it.

use contracts::reconciler::converge::Outcome;
use contracts::simulator::fault;

use crate::account::Account;

async fn settles(faults: &str) {
    let account = Account::new().await;
    account.simulator.set_faults(fault::parse(faults).unwrap());
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{faults}: {steps:#?}");
    account
        .simulator
        .set_faults(fault::parse("faults: []").unwrap());
    account.simulator.clear_calls();
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    assert_eq!(
        account.mutating(),
        [].into(),
        "{faults}: a second reconcile changes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn replies_that_are_lost_are_asked_for_again() {
    // The reader's SDK retries twice by itself: the third loss is the reconciler's to bear.
    for kind in ["disconnect", "lost-reply", "timeout", "timeout-after"] {
        settles(&format!(
            "faults: [{{ on: ecs.DescribeServices, times: 4, fault: {kind} }}]"
        ))
        .await;
        settles(&format!(
            "faults: [{{ on: elasticloadbalancing.CreateTargetGroup, fault: {kind} }}]"
        ))
        .await;
        settles(&format!(
            "faults: [{{ on: ecs.CreateService, fault: {kind} }}]"
        ))
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_and_outages_pass() {
    for kind in ["throttle", "internal-error", "unavailable"] {
        settles(&format!(
            "seed: 3\nfaults: [{{ on: '*', probability: 0.1, fault: {kind} }}]"
        ))
        .await;
    }
}
