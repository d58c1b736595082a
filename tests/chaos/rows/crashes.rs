//! Rows 1 to 10: a process that dies at a named place, and the next one that goes on.

use crate::audit::Granted;
use crate::evidence;
use crate::world::{Concluded, World};
use contracts::crash::POINTS;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

/// Each row's places, in the order of the table.
const ROWS: [&[&str]; 10] = [
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
    &["before-webhook", "after-webhook"],
];

#[test]
fn every_place_to_die_is_in_a_row() {
    let mut named: Vec<&str> = ROWS.concat();
    named.sort_unstable();
    let mut points = POINTS.to_vec();
    points.sort_unstable();
    assert_eq!(named, points);
}

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

pub async fn webhook() -> Concluded {
    dies_at_each(9).await
}

/// At each place of the row, the first and the second time it is reached, each in a world of its own.
async fn dies_at_each(row: usize) -> Concluded {
    let mut last = None;
    for point in ROWS[row] {
        let once = point.contains("settle") || *point == "before-release";
        for time in 1..=if once { 1 } else { 2 } {
            last = Some(dies_at(point, time).await);
        }
    }
    last.unwrap()
}

async fn dies_at(point: &str, time: usize) -> Concluded {
    let mut world = World::start().await;
    world.set("REPLACE_AFTER_SECONDS", 1);
    // Replacements happen only while nothing is mined; what is cancelled must not have been sent.
    let (replaced, ended) = (point.ends_with("replacement"), point.ends_with("ended"));
    if replaced {
        world.stop_mining().await;
    }
    if ended {
        world.set_balance("0x1").await;
    }
    let mut doomed = world.spawn(&[("CRASH_AT", &format!("{point}:{time}"))]);
    if point == "before-release" {
        doomed.healthy().await;
        doomed.terminate();
    }
    let mut asked = 0;
    let ask = async {
        loop {
            asked += 1;
            let id = world.client.submit(&format!("model-{asked}")).await;
            if ended {
                world.client.cancel(&id).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let status = tokio::select! {
        status = doomed.ended(40) => status,
        () = ask => unreachable!(),
    };
    assert_eq!(status.signal(), Some(9), "it dies at {point}");
    if replaced {
        world.resume_mining().await;
    }
    if ended {
        world.set_balance("0x56bc75e2d63100000").await;
    }
    let next = world.replica().await;
    // Whoever did not hear asks again under the same key.
    for number in 1..=asked {
        world.client.submit(&format!("model-{number}")).await;
    }
    let concluded = world.conclude(Granted::default(), 60).await;
    if point == "after-webhook" {
        // That it is the same is the audit's matter.
        let mut ids: Vec<String> = world.webhooks().into_iter().map(|one| one.id).collect();
        let posted = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert!(ids.len() < posted, "what was in hand is posted again");
    }
    let deployed = evidence::tokens(&world.chain).await.len();
    assert!(
        ended || deployed == asked,
        "{point}: {deployed} of {asked} are deployed"
    );
    drop(next);
    concluded
}
