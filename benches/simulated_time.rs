//! How fast simulated time goes: 1,000 minutes of one service of two tasks behind the load balancer, a rollout each 100.
//!
//! Prints simulated minutes per second, and the cost in sorts of a million numbers measured in the same run, which says the
//! same on a fast machine and on a slow one. Fails when it costs more sorts than it may. `make bench` runs it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../tests/ecs/account.rs"]
#[allow(dead_code)]
mod account;

use std::time::{Duration, Instant};

use contracts::simulator::call::Millis;
use contracts::simulator::play::Player;
use serde_json::json;

const MINUTES: u64 = 1_000;
const ROLLOUT_MINUTES: u64 = 100;
/// The finest step there is (`play::run`).
const STEP_MILLIS: Millis = 100;
/// Ten times what it costs as this is written.
const SORTS_MAX: f64 = 400.0;

fn main() {
    let yardstick = best(5, sort_a_million);
    let run = best(3, simulate);
    let sorts = run.as_secs_f64() / yardstick.as_secs_f64();
    println!(
        "{MINUTES} simulated minutes in {:.3} s: {:.0} minutes a second, {sorts:.1} sorts of a million numbers ({:.1} ms each)",
        run.as_secs_f64(),
        MINUTES as f64 / run.as_secs_f64(),
        yardstick.as_secs_f64() * 1_000.0,
    );
    assert!(sorts < SORTS_MAX, "it may cost {SORTS_MAX} sorts");
}

/// The shortest of some runs: what disturbs a measurement makes it longer.
fn best(times: usize, run: impl Fn()) -> Duration {
    let runs = (0..times).map(|_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    });
    runs.min().unwrap()
}

fn sort_a_million() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut numbers: Vec<u64> = (0..1_000_000).map(|_| random.u64(..)).collect();
    numbers.sort_unstable();
    assert!(std::hint::black_box(numbers).is_sorted());
}

fn simulate() {
    let mut world = account::bare();
    let surroundings = account::furnish(&mut world);
    let definition = account::task_definition(json!({}));
    account::ecs(&mut world, "RegisterTaskDefinition", definition).unwrap();
    let service = account::service(&surroundings, json!({}));
    account::ecs(&mut world, "CreateService", service).unwrap();
    let mut player = Player::default();
    let mut rollouts = 1;
    for now in (0..MINUTES * 60_000).step_by(usize::try_from(STEP_MILLIS).unwrap()) {
        if now == rollouts * ROLLOUT_MINUTES * 60_000 {
            let update = json!({ "cluster": account::CLUSTER, "service": "contracts", "forceNewDeployment": true });
            account::ask(&mut world, now, "ecs", "UpdateService", update).unwrap();
            rollouts += 1;
        }
        player.step(&mut world, now);
    }
    let service = account::described(&mut world, MINUTES * 60_000);
    assert_eq!(
        (
            &service["runningCount"],
            &service["deployments"][0]["rolloutState"]
        ),
        (&json!(2), &json!("COMPLETED"))
    );
    let list = json!({ "cluster": account::CLUSTER, "service": "contracts" });
    let list = account::ask(
        &mut world,
        MINUTES * 60_000,
        "ecs",
        "ListServiceDeployments",
        list,
    );
    let deployments = list.unwrap()["serviceDeployments"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(deployments as u64, MINUTES / ROLLOUT_MINUTES);
}
