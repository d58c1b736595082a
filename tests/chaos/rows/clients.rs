//! Rows 33 and 34, and M3: what clients do at once.

use crate::audit::Granted;
use crate::evidence;
use crate::support::api::minimal;
use crate::world::{Concluded, World};
use reqwest::StatusCode;
use std::collections::BTreeMap;

/// This many POSTs at once under one key; how many got which status.
async fn at_once(
    world: &World,
    count: usize,
    key: &str,
    model: impl Fn(usize) -> String,
) -> BTreeMap<u16, usize> {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let (client, key, body) = (
            world.client.clone(),
            key.to_string(),
            minimal(&model(number)),
        );
        tasks.spawn(async move { client.post(&body, Some(&key)).await.0 });
    }
    let mut statuses = BTreeMap::new();
    for status in tasks.join_all().await {
        *statuses.entry(status.as_u16()).or_default() += 1;
    }
    statuses
}

pub async fn one_key() -> Concluded {
    let world = World::start().await;
    let _replicas = (world.replica().await, world.replica().await);
    let same = at_once(&world, 100, "same", |_| "same".into()).await;
    assert_eq!(same, [(202, 100)].into());
    let other = at_once(&world, 100, "other", |number| {
        format!("other-{}", number % 2)
    })
    .await;
    let refused = other
        .get(&StatusCode::UNPROCESSABLE_ENTITY.as_u16())
        .copied()
        .unwrap_or_default();
    let conflict = other
        .get(&StatusCode::CONFLICT.as_u16())
        .copied()
        .unwrap_or_default();
    assert_eq!(
        (other.get(&202), refused + conflict),
        (Some(&50), 50),
        "{other:?}"
    );
    let ids: std::collections::BTreeSet<_> = world
        .client
        .accepted()
        .into_iter()
        .map(|accepted| accepted.id)
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let concluded = world.conclude(Granted::default(), 60).await;
    assert_eq!(evidence::mined(&world.chain).await.len(), 2);
    concluded
}

pub async fn two_hundred() -> Concluded {
    let world = World::start().await;
    let _replicas = (
        world.replica().await,
        world.replica().await,
        world.replica().await,
    );
    let statuses = at_once(&world, 200, "one", |_| "one-model".into()).await;
    assert_eq!(statuses, [(202, 200)].into());
    let ids: std::collections::BTreeSet<_> = world
        .client
        .accepted()
        .into_iter()
        .map(|accepted| accepted.id)
        .collect();
    assert_eq!(ids.len(), 1, "one job: {ids:?}");
    let concluded = world.conclude(Granted::default(), 60).await;
    assert_eq!(world.sent().len(), 1, "one transaction");
    assert_eq!(
        evidence::mined(&world.chain).await.len(),
        1,
        "one transaction"
    );
    concluded
}

pub async fn cancel() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    let mut told = BTreeMap::<u16, usize>::new();
    // Cancelled later and later: before it is sent, on its way, mined, deployed.
    for number in 0..8 {
        let id = world.client.submit(&format!("cancelled-{number}")).await;
        tokio::time::sleep(std::time::Duration::from_millis(number * 120)).await;
        let status = world.client.cancel(&id).await;
        *told.entry(status.as_u16()).or_default() += 1;
    }
    assert!(
        told.keys().all(|status| matches!(status, 200 | 202 | 409)),
        "{told:?}"
    );
    let concluded = world.conclude(Granted::default(), 60).await;
    println!("      cancelling was answered {told:?}");
    concluded
}
