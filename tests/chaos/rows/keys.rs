//! Row 36: the parameter that the API keys are read from fails in every way, while clients go on.

use crate::audit::Granted;
use crate::support::api::{Api, KEY, OTHER_KEY, Signal, entry};
use crate::support::eventually;
use crate::support::parameter::{NAME, Parameter};
use crate::world::{Concluded, World};
use reqwest::Method;
use std::time::{Duration, Instant};

/// What is logged whenever the keys in force are not the source's.
const KEPT: &str = "the last good ones stay in force";

async fn status(api: &Api, key: &str) -> u16 {
    let request = api.request(Method::GET, "/api/deployments");
    let (status, _) = Api::json(request.header("x-api-key", key)).await;
    status.as_u16()
}

pub async fn unread() -> Concluded {
    let mut world = World::start().await;
    let old = entry("frontend", KEY);
    let new = format!("{};owner=frontend", entry("frontend-2", OTHER_KEY));
    let parameter = Parameter::holding(&old).await;
    world.set("API_KEYS", &old);
    world.set("METRICS_PORT", crate::support::free_port());
    for (name, value) in parameter.settings(NAME) {
        world.set(&name, value);
    }
    let api = world.replica().await;
    let metrics = format!(
        "http://127.0.0.1:{}/metrics",
        world.environment["METRICS_PORT"]
    );
    let not_read = async || {
        let text = crate::support::client().get(&metrics).send().await.unwrap();
        let text = text.text().await.unwrap();
        let counted = text.lines().find_map(|line| {
            line.strip_prefix("contracts_keys_not_read_total ")?
                .parse::<u64>()
                .ok()
        });
        counted.expect("it is counted")
    };
    let told = || world.logged().matches(KEPT).count();
    eventually("the keys are read at the start", 10, async || {
        (parameter.readings() > 0).then_some(())
    })
    .await;
    assert_eq!(not_read().await, 0);

    // The rotation is there, and cannot be read: refused, away, the answer lost, and hung.
    for (number, fault) in (1..).zip(["internal-error", "unavailable", "lost-reply", "timeout"]) {
        parameter.meets(Some(fault));
        parameter.put(&format!("{old},{new}"));
        let (begun, before) = (Instant::now(), told());
        api.signal(Signal::HUP);
        // Meanwhile clients are served by the last good list, and nobody waits for AWS.
        let id = world.client.submit(&format!("while-{fault}")).await;
        world.client.reaches(&id, "deployed", 30).await;
        assert_eq!(
            (status(&api, KEY).await, status(&api, OTHER_KEY).await),
            (200, 401)
        );
        eventually(&format!("{fault}: it says so"), 40, async || {
            (told() > before).then_some(())
        })
        .await;
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "{fault}: {:?}",
            begun.elapsed()
        );
        assert!(not_read().await >= number, "{fault}");
        assert_eq!(
            (status(&api, KEY).await, status(&api, OTHER_KEY).await),
            (200, 401)
        );
    }

    // It can be read again, and holds nonsense.
    parameter.meets(None);
    parameter.put("short");
    let (before, counted) = (told(), not_read().await);
    api.signal(Signal::HUP);
    eventually("the mistake is told", 40, async || {
        (told() > before).then_some(())
    })
    .await;
    assert!(not_read().await > counted);
    assert_eq!(status(&api, KEY).await, 200);

    // And then the rotation: without a signal, within a minute.
    parameter.put(&format!("{old},{new}"));
    eventually("the new key is taken", 60, async || {
        (status(&api, OTHER_KEY).await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&api, KEY).await, 200);
    // What both keys' owner asked for is both keys'.
    let (listed, body) = {
        let request = api.request(Method::GET, "/api/deployments");
        Api::json(request.header("x-api-key", OTHER_KEY)).await
    };
    assert_eq!(listed.as_u16(), 200);
    assert!(body.to_string().contains("while-timeout"), "{body}");

    // A revocation in force, and taken back for the audit, whose client has that key.
    parameter.put(&new);
    api.signal(Signal::HUP);
    eventually("the old key is refused", 40, async || {
        (status(&api, KEY).await == 401).then_some(())
    })
    .await;
    parameter.put(&format!("{old},{new}"));
    api.signal(Signal::HUP);
    eventually("the old key is back", 40, async || {
        (status(&api, KEY).await == 200).then_some(())
    })
    .await;
    world.conclude(Granted::default(), 60).await
}
