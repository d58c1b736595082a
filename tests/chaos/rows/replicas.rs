//! Rows 11 to 14: several replicas, one of which ends, stops or lives in another hour.

use crate::audit::Granted;
use crate::support::api::{Api, Signal};
use crate::support::eventually;
use crate::support::proxy::{Fault, SEND};
use crate::world::{Concluded, LEASE, World};
use std::time::{Duration, Instant};

pub async fn terminated() -> Concluded {
    let mut world = World::on(&["--block-time", "0.2", "--gas-limit", "300000000"]).await;
    world.set("IN_FLIGHT_MAX", 100);
    let mut first = world.replica().await;
    let second = world.replica().await;
    world.stop_mining().await;
    world
        .client
        .submit_all((0..100).map(|number| format!("flying-{number}")))
        .await;
    world.sends(100).await;
    let before = world.in_redis("lease").await;

    first.terminate();
    let begun = Instant::now();
    assert_eq!(first.ended(10).await.code(), Some(0));
    let ended = begun.elapsed();
    assert!(ended < Duration::from_secs(5), "it took {ended:?} to end");
    eventually("the lease is another's", 5, async || {
        let now = world.in_redis("lease").await;
        (now.is_some() && now != before).then_some(())
    })
    .await;
    let taken = begun.elapsed() - ended;
    assert!(
        taken < Duration::from_secs(1),
        "taken over {taken:?} after the end"
    );
    world.resume_mining().await;
    let concluded = world.conclude(Granted::default(), 60).await;
    drop(second);
    concluded
}

pub async fn ten() -> Concluded {
    let world = World::start().await;
    let replicas: Vec<Api> = (0..10).map(|_| world.spawn(&[])).collect();
    // The first token ever given.
    let first = eventually("one leads", 20, async || world.in_redis("fence").await).await;
    for replica in &replicas {
        replica.healthy().await;
    }
    let models = (0..20).map(|number| format!("ten-{number}"));
    world.client.submit_all(models).await;
    world.client.all_final(60).await;
    let last = world.in_redis("fence").await;
    assert_eq!(last, Some(first), "the lease went to one of them for good");
    world.conclude(Granted::default(), 60).await
}

pub async fn stopped() -> Concluded {
    let world = World::start().await;
    let first = world.replica().await;
    let second = world.spawn(&[]);
    second.healthy().await;
    // So that it is stopped between two of many steps.
    world.every_node(|node| node.always(SEND, Fault::Slow(Duration::from_millis(100))));
    world
        .client
        .submit_all((0..12).map(|number| format!("stopped-{number}")))
        .await;
    world.sends(3).await;
    let before = world.in_redis("fence").await;
    first.signal(Signal::STOP);
    eventually("another leads", LEASE.as_secs() + 10, async || {
        (world.in_redis("fence").await != before).then_some(())
    })
    .await;
    first.signal(Signal::CONT);
    let concluded = world.conclude(Granted::default(), 60).await;
    drop((first, second));
    concluded
}

pub async fn clocks() -> Concluded {
    const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    assert!(
        std::path::Path::new(LIBRARY).exists(),
        "scripts/install.sh packages faketime"
    );
    let world = World::start().await;
    // In the order in which they lead: each ends after its turn.
    for (number, offset) in ["+1h", "-1h", "+0"].into_iter().enumerate() {
        let clock = [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME", offset),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        let replica = world.spawn(&clock);
        replica.healthy().await;
        let models = (0..6).map(|model| format!("clock-{number}-{model}"));
        world.client.submit_all(models).await;
        world.sends(6 * number + 3).await;
        replica.kill_9();
    }
    let logged = world.logged();
    let hour = |line: &str| {
        Some(
            line.split_once("\"timestamp\":\"")?
                .1
                .get(11..13)?
                .to_string(),
        )
    };
    let mut hours: Vec<String> = logged.lines().filter_map(hour).collect();
    hours.sort();
    hours.dedup();
    assert!(hours.len() >= 3, "the clocks were not apart: {hours:?}");
    let last = world.replica().await;
    let concluded = world.conclude(Granted::default(), 60).await;
    drop(last);
    concluded
}
