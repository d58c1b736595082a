//! Images that are good and slow, or lose a task on their way: none of them is turned back.

use contracts::reconciler::converge::Outcome;
use fastrand::Rng;

use crate::account::Account;

const GOOD: &str = "0.1.1";

/// A good image: it starts within what ECS forgives, is pulled in minutes, and may lose its first task.
fn script(random: &mut Rng, grace_seconds: u32) -> String {
    // Registration, and the time a probe comes after it, are the rest of the grace.
    let starts = random.u32(0..=55.min(grace_seconds.saturating_sub(15)));
    let pull = [1, 20, 90, 290][random.usize(0..4)];
    let crash = match random.u8(0..3) {
        0 => format!(
            ", crash: {{ after_seconds: {}, code: 1, times: 1 }}",
            random.u32(0..20)
        ),
        _ => String::new(),
    };
    format!("pull_seconds: {pull}, start_seconds: {starts}{crash}")
}

#[tokio::test(start_paused = true)]
async fn a_slow_rollout_that_will_succeed_is_never_stopped() {
    // Of 1 to 40 each passed when this was written; three are quick.
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let first: u64 = number("SEED", 1);
    for seed in first..first + number("SEEDS", 3) {
        let mut random = Rng::with_seed(seed);
        let mut account = Account::new().await;
        let spec = &mut account.spec;
        spec.health.grace_period_seconds = random.u32(30..=90);
        spec.health.interval_seconds = random.u32(5..=30);
        spec.scaling.min = random.u32(2..=8);
        let grace = spec.health.grace_period_seconds;
        let count = spec.scaling.min;
        assert_eq!(account.reconcile().await.0, Outcome::Settled);
        let script = script(&mut random, grace);
        println!("seed {seed}: {count} tasks, grace {grace} s, {script}");
        account.behaves(GOOD, &script);
        account.image(GOOD);
        account.simulator.clear_calls();
        let (outcome, steps) = account.reconcile().await;
        assert_eq!(
            outcome,
            Outcome::Settled,
            "seed {seed}: {script}: {steps:#?}"
        );
        assert_eq!(account.mutating().get("ecs.StopServiceDeployment"), None);
    }
}
