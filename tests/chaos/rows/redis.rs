//! Rows 15 to 18 and M4: Redis restarts, falls back, loses everything, refuses.

use crate::audit::{Granted, deployments};
use crate::evidence;
use crate::support::api::{Api, minimal};
use crate::support::eventually;
use crate::world::{Concluded, World};
use reqwest::StatusCode;
use std::time::{Duration, Instant};

pub async fn restart() -> Concluded {
    let mut world = World::start().await;
    let api = world.replica().await;
    world.stop_mining().await;
    world
        .client
        .submit_all((0..10).map(|number| format!("restart-{number}")))
        .await;
    world.sends(5).await;
    world.redis.stop();
    refused(&api, "while-redis-is-away").await;
    world.redis.resume().await;
    world.resume_mining().await;
    world.client.submit("after-restart").await;
    world.conclude(Granted::default(), 60).await
}

/// A POST is answered in time: 503, and when to come back.
async fn refused(api: &Api, model: &str) {
    let begun = Instant::now();
    let request = api.request(reqwest::Method::POST, "/api/deployments");
    let request = request
        .header("x-api-key", crate::support::api::KEY)
        .json(&minimal(model));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        response.headers().contains_key("retry-after"),
        "{response:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
}

pub async fn failover() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    let kept = world.client.submit("kept").await;
    world.client.reaches(&kept, "deployed", 30).await;
    let snapshot = world.redis.snapshot().await;
    // What is accepted, sent and mined from here on is not in the replica.
    let lost = world.client.submit("lost-and-mined").await;
    world.client.reaches(&lost, "deployed", 30).await;
    world.stop_mining().await;
    world
        .client
        .submit_all((0..3).map(|number| format!("lost-{number}")))
        .await;
    world.sends(5).await;
    world.redis.fall_back_to(&snapshot).await;
    let granted = retried(
        &world,
        &["kept", "lost-and-mined", "lost-0", "lost-1", "lost-2"],
        5,
    )
    .await;
    let after = world.client.submit("after-failover").await;
    world.client.reaches(&after, "deployed", 60).await;
    world.conclude(granted, 60).await
}

pub async fn flushed() -> Concluded {
    let world = World::start().await;
    let _api = world.replica().await;
    let models: Vec<String> = (0..5).map(|number| format!("flushed-{number}")).collect();
    world.client.submit_all(models.clone()).await;
    world.client.all_final(30).await;
    world.redis.command(&["FLUSHALL"]).await;
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let granted = retried(&world, &models, 5).await;
    let after = world.client.submit("after-the-flush").await;
    world.client.reaches(&after, "deployed", 60).await;
    world.conclude(granted, 60).await
}

pub async fn flushed_in_flight() -> Concluded {
    let world = World::on(&["--block-time", "1"]).await;
    let _first = world.replica().await;
    let _second = world.replica().await;
    let models: Vec<String> = (0..30)
        .map(|number| format!("in-flight-{number}"))
        .collect();
    world.client.submit_all(models.clone()).await;
    // Some queued, some sent, some mined.
    world.sends(20).await;
    world.redis.command(&["FLUSHALL"]).await;
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let granted = retried(&world, &models, 30).await;
    world.conclude(granted, 90).await
}

/// Every client sends its request again under its key, until it learns its model's token: as `deployed` under an id, or with the refusal
/// that the model has one. No model has a second token or transaction.
async fn retried(world: &World, models: &[&str], tokens: usize) -> Granted {
    world.resume_mining().await;
    for model in models {
        eventually(
            &format!("the client of {model} learns its token"),
            90,
            async || {
                let (status, body) = world
                    .client
                    .post(&minimal(model), Some(&format!("key-of-{model}")))
                    .await;
                let told = match status {
                    StatusCode::ACCEPTED => {
                        let id = body["data"]["requestId"].as_str().unwrap();
                        world.client.look(id).await.and_then(|answer| answer.token)
                    }
                    _ => body["error"]["details"]["tokenAddress"]
                        .as_str()
                        .map(str::to_lowercase),
                };
                let made = evidence::tokens(&world.chain).await;
                let hash = evidence::hash_of(model);
                let made = made.iter().find(|token| token.model_hash == hash)?;
                (told? == made.address).then_some(())
            },
        )
        .await;
    }
    assert_eq!(evidence::tokens(&world.chain).await.len(), tokens);
    let mined = evidence::mined(&world.chain).await;
    assert_eq!(
        deployments(&mined),
        tokens,
        "one transaction each: {mined:?}"
    );
    Granted {
        redis_lost: true,
        ..Granted::default()
    }
}

pub async fn refuses() -> Concluded {
    let world = World::start().await;
    let api = world.replica().await;
    for (name, broken, mended) in [
        (
            "read-only",
            &["REPLICAOF", "127.0.0.1", "1"][..],
            &["REPLICAOF", "NO", "ONE"][..],
        ),
        (
            "full",
            &["CONFIG", "SET", "maxmemory", "1"],
            &["CONFIG", "SET", "maxmemory", "0"],
        ),
        ("slow", &["CLIENT", "PAUSE", "3000", "ALL"], &["PING"]),
    ] {
        world.client.submit(&format!("before-{name}")).await;
        world.redis.command(broken).await;
        refused(&api, &format!("while-{name}")).await;
        let sent = world.sent().len();
        // One look of the engine at least.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(
            world.sent().len() <= sent + 1,
            "{name}: nothing new is bound"
        );
        if !mended.is_empty() {
            world.redis.command(mended).await;
        }
        let id = world.client.submit(&format!("after-{name}")).await;
        world.client.reaches(&id, "deployed", 30).await;
    }
    // A model is named first by the script that accepts; the lease and what is in flight are the worker's.
    for (needle, times) in [(":model:", 3), (":inflight", 2), (":lease", 3)] {
        let cuts = world.link.cuts();
        world.link.cut_replies_to(needle, times);
        let number = cuts + times;
        world.client.submit(&format!("cut-{number}")).await;
        let what = format!("replies to {needle} were cut");
        eventually(&what, 20, async || {
            (world.link.cuts() >= number).then_some(())
        })
        .await;
    }
    world.conclude(Granted::default(), 60).await
}
