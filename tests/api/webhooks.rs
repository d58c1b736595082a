//! Webhooks against a real receiver: what arrives, what a receiver's answer leads to, and what does not happen.

use crate::World;
use crate::support::api::{Api, Environment, OTHER_KEY, minimal};
use crate::support::eventually;
use crate::support::receiver::{Meets, OLD_SECRET, Received, Receiver, SECRET, verified};
use reqwest::{Method, StatusCode};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn with(world: &World, entries: &str) -> Environment {
    let mut environment = world.with("WEBHOOKS", entries);
    environment.insert("WEBHOOKS_TO_LOOPBACK".into(), "true".into());
    environment
}

/// Id and change's number of what was taken, repetitions left out.
fn taken(received: &[Received], id: &str) -> Vec<u32> {
    let taken = received.iter().filter(|one| one.taken);
    let changes = taken.map(Received::change);
    let mut numbers: Vec<u32> = changes
        .filter(|(deployment, _)| deployment == id)
        .map(|(_, number)| number)
        .collect();
    numbers.dedup();
    numbers
}

#[tokio::test]
async fn each_change_is_posted_signed_and_in_order_to_its_own_caller_and_to_nobody_else() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let entry = format!("{} {OLD_SECRET}", receiver.entry("frontend"));
    let environment = with(&world, &entry);
    // Either may send, and either may make the changes.
    let (first, second) = (
        Api::start(&environment).await,
        Api::start(&environment).await,
    );
    let id = first.submit("told").await;
    let others = second
        .request(Method::POST, "/api/deployments")
        .header("x-api-key", OTHER_KEY);
    let (status, _) = Api::json(others.json(&minimal("untold"))).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let status = second.reaches(&id, "deployed").await;
    let received = receiver.told(&id, "deployed", 20).await;

    let numbers = taken(&received, &id);
    let last = *numbers.last().unwrap();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "each, in order");
    let events: Vec<_> = received.iter().map(Received::json).collect();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"deployment.pending"));
    assert_eq!(kinds.last(), Some(&"deployment.deployed"));
    assert!(kinds.contains(&"deployment.processing"), "{kinds:?}");
    let last = events.last().unwrap();
    assert_eq!(last["data"], status, "what a GET answers");
    assert_eq!(last["timestamp"], status["lastUpdated"]);
    for event in &events {
        assert_eq!(event["data"]["modelId"], "told");
    }
    let ids: BTreeSet<&String> = received.iter().map(|one| &one.id).collect();
    assert_eq!(ids.len(), received.len(), "nobody died: each once");

    // Whoever knows either secret can check it; a changed one, or another secret, is refused.
    for secret in [SECRET, OLD_SECRET] {
        assert!(verified(&received, secret).iter().all(|said| said == "ok"));
    }
    let mut spoilt = received[0].clone();
    spoilt.body = spoilt.body.replace("pending", "deployed");
    let mut renamed = received[0].clone();
    renamed.id = renamed.id.replacen('1', "2", 1);
    let said = verified(&[spoilt, renamed], SECRET);
    assert!(
        said.len() == 2 && !said.contains(&"ok".to_string()),
        "{said:?}"
    );
    let stranger = "whsec_c3RyYW5nZXItc2VjcmV0LW51bWJlci0z";
    assert!(
        verified(&received, stranger)
            .iter()
            .all(|said| said != "ok")
    );

    // Nothing is kept for a caller who is not told, and nothing for what is over.
    let kept: Vec<String> = world
        .redis
        .dump()
        .await
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let kept: Vec<&String> = kept.iter().filter(|key| key.contains(":hook:")).collect();
    assert!(
        kept.iter()
            .all(|key| key.ends_with(":hook:frontend:teller")),
        "{kept:?}"
    );
    for api in [&first, &second] {
        api.has_logged_no_secret();
        let logs = api.logs();
        for secret in [&SECRET[6..], &OLD_SECRET[6..], "part-of-the-address"] {
            assert!(!logs.contains(secret), "{secret} is in the log:\n{logs}");
        }
    }
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_under_the_same_id_and_keeps_no_other_waiting() {
    let world = World::start().await;
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    receiver.script([Meets::Redirect(elsewhere.url.clone())]);
    let api = Api::start(&with(&world, &receiver.entry("frontend"))).await;
    let held = api.submit("held").await;
    eventually("the first is refused", 10, async || {
        (receiver.received().len() == 1).then_some(())
    })
    .await;
    let other = api.submit("free").await;
    receiver.told(&other, "deployed", 20).await;
    let received = receiver.told(&held, "deployed", 20).await;
    assert_eq!(elsewhere.received().len(), 0, "nobody is followed");
    let numbers = taken(&received, &held);
    assert_eq!(numbers, (1..=*numbers.last().unwrap()).collect::<Vec<_>>());
    let again = received.iter().filter(|one| one.id == received[0].id);
    let again: Vec<&Received> = again.collect();
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].body, again[1].body);
    assert!(again[1].at - again[0].at >= Duration::from_secs(5));
    assert!(again[1].timestamp >= again[0].timestamp + 5, "signed anew");
    let free = received.iter().position(|one| one.change().0 == other);
    let retried = received.iter().rposition(|one| one.id == received[0].id);
    assert!(free < retried, "the other went on meanwhile");
}

#[tokio::test]
async fn a_receiver_that_is_busy_is_left_alone_and_one_that_is_gone_for_good() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let environment = with(&world, &receiver.entry("frontend"));
    let api = Api::start(&environment).await;
    receiver.script([Meets::Busy(3)]);
    let busy = api.submit("busy").await;
    eventually("it says that it is busy", 10, async || {
        (receiver.received().len() == 1).then_some(())
    })
    .await;
    // Of others it hears nothing either before the time is over.
    let other = api.submit("another").await;
    let received = receiver.told(&other, "deployed", 20).await;
    assert!(received[1].at - received[0].at >= Duration::from_secs(3));
    receiver.told(&busy, "deployed", 20).await;

    receiver.always(Meets::Status(410));
    let before = receiver.received().len();
    let gone = api.submit("gone").await;
    api.reaches(&gone, "deployed").await;
    eventually("it is disabled", 10, async || {
        api.logs().contains("answered 410").then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), before + 1, "asked once");
    // The next process tries it once more, and nothing was lost.
    receiver.always(Meets::Status(200));
    api.kill_9();
    let _next = Api::start(&environment).await;
    let received = receiver.told(&gone, "deployed", 20).await;
    let numbers = taken(&received, &gone);
    assert_eq!(numbers, (1..=*numbers.last().unwrap()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_neither_the_engine_nor_the_end_of_the_process() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Meets::Silence);
    let environment = with(&world, &receiver.entry("frontend"));
    let mut api = Api::start(&environment).await;
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(api.submit(&format!("patient-{number}")).await);
    }
    for id in &ids {
        api.reaches(id, "deployed").await;
    }
    let at_once = receiver.received().len();
    assert!((1..=8).contains(&at_once), "{at_once} requests at once");
    api.terminate();
    let begun = Instant::now();
    assert_eq!(api.ended(15).await.code(), Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    // Whoever is next takes the lease at once, and what was in hand is sent again.
    receiver.always(Meets::Status(200));
    let _next = Api::start(&environment).await;
    for id in &ids {
        receiver.told(id, "deployed", 20).await;
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to_and_the_engine_goes_on() {
    let world = World::start().await;
    let environment = world.with(
        "WEBHOOKS",
        &format!("frontend https://localhost/hooks {SECRET}"),
    );
    let api = Api::start(&environment).await;
    let id = api.submit("guarded").await;
    api.reaches(&id, "deployed").await;
    eventually("it is refused", 10, async || {
        let logs = api.logs();
        logs.contains("no address that webhooks may go to")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_the_setting_nothing_is_kept_and_nothing_is_sent() {
    let world = World::start().await;
    let api = world.api().await;
    let id = api.submit("quiet").await;
    api.reaches(&id, "deployed").await;
    let hooks = world.redis.dump().await.into_iter();
    let hooks: Vec<String> = hooks
        .map(|(key, _)| key)
        .filter(|key| key.contains(":hook:"))
        .collect();
    assert_eq!(hooks, Vec::<String>::new());
    assert!(!api.logs().contains("webhook"));
}

#[tokio::test]
async fn a_wrong_entry_refuses_the_start_by_its_number_and_is_never_shown() {
    let world = World::start().await;
    let entries = format!(
        "frontend https://app.example.com/hooks {SECRET}, backend https://10.0.0.7/secret-path {SECRET}"
    );
    let environment = world.with("WEBHOOKS", &entries);
    let (status, output, _) = crate::support::api::run(&[], &environment, "");
    assert_eq!(status.code(), Some(64));
    assert!(
        output.contains("entry 2 must have an https:// URL"),
        "{output}"
    );
    for secret in [&SECRET[6..], "secret-path"] {
        assert!(!output.contains(secret), "{output}");
    }
}
