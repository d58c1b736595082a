//! A run is its seed's: what else ran in the process before, and what it did to the SDK's shared state, changes nothing.

use std::time::Duration;

use contracts::simulator::fault;

use crate::account::Account;

/// The journal of one reconcile under limits and faults, in a runtime of its own.
fn run(seed: u64, probability: f64, deadline: Duration) -> String {
    // The SDK draws backoff and idempotency tokens from this thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let account = Account::new().await;
        account.simulator.set_limits(true);
        let faults = format!(
            "seed: {seed}\nfaults: [{{ on: '*', probability: {probability}, fault: throttle }}]"
        );
        account.simulator.set_faults(fault::parse(&faults).unwrap());
        account.reconcile_within(deadline).await;
        let journal = account.simulator.journal();
        let lines = journal
            .iter()
            .map(|entry| serde_json::to_string(entry).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn a_run_is_the_same_alone_and_after_a_hundred_others() {
    let whole = || run(7, 0.1, Duration::from_secs(1800));
    let alone = whole();
    assert!(
        alone.contains("\"Throttling\""),
        "nothing was retried: {alone}"
    );
    assert!(alone.contains("CreateService"), "{alone}");
    let mut others = std::collections::BTreeSet::new();
    for seed in 0..100 {
        // So many retries that a budget shared with them would be spent.
        others.insert(run(seed, 0.7, Duration::from_secs(60)));
    }
    assert!(others.len() > 90, "{} different runs", others.len());
    similar(&alone, &whole());
}

/// The first line that differs says more than two long texts.
fn similar(first: &str, second: &str) {
    for (number, (first, second)) in first.lines().zip(second.lines()).enumerate() {
        assert_eq!(first, second, "line {number}");
    }
    assert_eq!(first.len(), second.len());
}
