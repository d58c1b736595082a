//! Virtual tasks in tokio's time: under a paused clock everything is virtual, in a server `--speed` times as fast as real.
//!
//! Takes a simulation and holds its clock: the time goes on from step to step, never past what has not been stepped, so that
//! a slow machine delays the simulation and changes nothing in it.

use std::future::Future;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Player;
use crate::simulator::Simulator;
use crate::simulator::call::Millis;

/// The finest step of a task's life; see `live`.
const STEP_MILLIS: Millis = 100;
/// A thousand steps a second are about what a debug build manages, so that beyond a hundredfold the steps grow: at a
/// thousandfold they are the second in which the load balancer's intervals are counted.
const STEPS_PER_SECOND: u64 = 1_000;

/// Runs until `shutdown` completes. The tasks end with it.
pub async fn run(simulator: Simulator, shutdown: impl Future<Output = ()>) {
    let mut player = Player::default();
    let speed = simulator.speed();
    let step = STEP_MILLIS.max(speed * 1_000 / STEPS_PER_SECOND);
    let mut tick = interval(Duration::from_millis((STEP_MILLIS / speed).max(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    let mut at = simulator.now();
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            () = tokio::task::yield_now(), if at < simulator.due() => {}
            () = simulator.changed() => {}
            _ = tick.tick() => {}
        }
        at = simulator.due().min(at + step);
        simulator.hold(at);
        simulator.step(|world, now| player.step(world, now));
    }
}
