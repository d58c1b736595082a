//! Rows 1 to 9: a process that dies at a named place, and the next one that goes on.

use crate::audit::Granted;
use crate::support::eventually;
use crate::world::{Concluded, World};
use std::os::unix::process::ExitStatusExt;

/// Each row's places, in the order of the table.
const ROWS: [&[&str]; 9] = [
    &["before-accept", "after-accept"],
    &["after-preflight"],
    &["after-sign"],
    &["before-save-signed", "after-save-signed"],
    &["before-send", "after-send"],
    &["before-save-broadcast", "after-save-broadcast"],
    &["before-save-replacement", "after-save-replacement"],
    &["before-save-mined", "after-save-mined"],
    &[
        "before-save-deployed",
        "after-save-deployed",
        "before-save-ended",
        "after-save-ended",
        "before-settle",
        "after-settle",
        "before-release",
    ],
];

pub async fn accept() -> Concluded {
    dies_at_each(0).await
}

pub async fn preflight() -> Concluded {
    dies_at_each(1).await
}

pub async fn sign() -> Concluded {
    dies_at_each(2).await
}

pub async fn save_signed() -> Concluded {
    dies_at_each(3).await
}

pub async fn send() -> Concluded {
    dies_at_each(4).await
}

pub async fn save_broadcast() -> Concluded {
    dies_at_each(5).await
}

pub async fn save_replacement() -> Concluded {
    dies_at_each(6).await
}

pub async fn save_mined() -> Concluded {
    dies_at_each(7).await
}

pub async fn save_outcome() -> Concluded {
    dies_at_each(8).await
}

/// At each place of the row, with three deployments each: the first and the second time it is reached.
async fn dies_at_each(row: usize) -> Concluded {
    let mut world = World::start().await;
    world.set("REPLACE_AFTER_SECONDS", 1);
    for point in ROWS[row] {
        for time in 1..=2 {
            dies_at(&world, point, time).await;
        }
    }
    world.conclude(Granted::default(), 60).await
}

async fn dies_at(world: &World, point: &str, time: usize) {
    let mut doomed = world.spawn(&[("CRASH_AT", &format!("{point}:{time}"))]);
    let models: Vec<String> = (0..3)
        .map(|number| format!("{point}-{time}-{number}"))
        .collect();
    // Replacements happen only while nothing is mined.
    let replaced = point.ends_with("replacement");
    if replaced {
        doomed.healthy().await;
        world.stop_mining().await;
    }
    let client = world.client.clone();
    let submitted = tokio::spawn(async move { client.submit_all(models).await });
    if point == "before-release" {
        doomed.healthy().await;
        doomed.terminate();
    }
    let status = doomed.ended(30).await;
    assert_eq!(
        status.signal(),
        Some(9),
        "{point} is reached and the process dies there"
    );
    if replaced {
        world.resume_mining().await;
    }
    let next = world.replica().await;
    for id in submitted.await.unwrap() {
        world.client.reaches(&id, "deployed", 30).await;
    }
    next.terminate();
    eventually("the lease is given back", 10, async || {
        world.in_redis("lease").await.is_none().then_some(())
    })
    .await;
}
