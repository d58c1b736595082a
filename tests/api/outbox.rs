//! What is untold, in the store's scripts on a real Redis: marked with the change, by one teller at a time, within a bound.

use crate::store::{prepared, request, settled, store, with_leases_of};
use crate::support::redis::Redis;
use contracts::deployment::store::outbox::{Left, Told};
use contracts::deployment::store::{Lease, Store, StoreError, Submitted};
use contracts::deployment::{Deployment, Event};
use redis::Script;
use std::time::Duration;
use uuid::Uuid;

const NOBODY: Told = Told {
    number: 0,
    failures: 0,
};

async fn submit(store: &Store, caller: &str, model: &str) -> Uuid {
    let deployment = Deployment::submitted(Uuid::new_v4(), caller.into(), request(model), 5);
    let submitted = store.submit(&deployment, None, false).await.unwrap();
    assert_eq!(submitted, Submitted::New);
    deployment.id
}

/// Ids and how far each was told of.
async fn due(store: &Store, lease: &Lease) -> Vec<(Uuid, Told)> {
    let outbox = store.outbox("web", lease, 10).await.unwrap();
    outbox.due.iter().map(|due| (due.id, due.told)).collect()
}

#[tokio::test]
async fn a_change_is_marked_with_it_and_one_that_is_made_while_another_is_told_is_not_lost() {
    let redis = Redis::start().await;
    let store = with_leases_of(&redis, b"key", Duration::from_secs(60));
    let store = store.telling(["web".to_string()].into());
    let id = submit(&store, "web", "told").await;
    submit(&store, "other", "untold").await;
    let teller = store
        .teller("web", None)
        .await
        .unwrap()
        .expect("it is free");
    assert_eq!(due(&store, &teller).await, [(id, NOBODY)]);
    let mut outbox = store.outbox("web", &teller, 10).await.unwrap();
    let read = outbox.due.pop().unwrap();

    // The next change comes between the reading and the writing down: it stays to be told.
    let lease = settled(&store).await;
    let queued = store.work(10).await.unwrap().queued;
    let job = queued.iter().find(|job| job.deployment.id == id).unwrap();
    let bound = store.bind(&lease, 0, vec![prepared(job, 0)]).await.unwrap();
    let first = Told {
        number: 1,
        failures: 0,
    };
    store
        .tell("web", &teller, &read, first, Left::Nothing)
        .await
        .unwrap();
    assert_eq!(due(&store, &teller).await, [(id, first)]);

    // Told of that one too, there is nothing left; a save that shows nobody anything new marks nothing.
    let mut outbox = store.outbox("web", &teller, 10).await.unwrap();
    let read = outbox.due.pop().unwrap();
    let second = Told {
        number: 2,
        failures: 0,
    };
    store
        .tell("web", &teller, &read, second, Left::Nothing)
        .await
        .unwrap();
    assert_eq!(due(&store, &teller).await, []);
    let noticed = Event::Noticed(contracts::deployment::Attention::FeeCapReached);
    let unseen = bound[0].deployment.after(noticed, 7).unwrap();
    let saved = store.save(&lease, &bound[0], unseen, false).await.unwrap();
    assert_eq!(due(&store, &teller).await, []);
    let seen = saved.deployment.after(Event::Accepted, 8).unwrap();
    store.save(&lease, &saved, seen, false).await.unwrap();
    assert_eq!(due(&store, &teller).await, [(id, second)]);

    // What failed comes back when its time has come, not before.
    let mut outbox = store.outbox("web", &teller, 10).await.unwrap();
    let read = outbox.due.pop().unwrap();
    let failed = Told {
        failures: 1,
        ..second
    };
    let later = Left::More(Duration::from_millis(150));
    store
        .tell("web", &teller, &read, failed, later)
        .await
        .unwrap();
    assert_eq!(due(&store, &teller).await, []);
    assert_eq!(store.outbox("web", &teller, 10).await.unwrap().untold, 1);
    crate::support::eventually("it is due again", 5, async || {
        (due(&store, &teller).await == [(id, failed)]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn only_the_holder_of_the_lease_tells() {
    let redis = Redis::start().await;
    let store = store(&redis, b"key").telling(["web".to_string()].into());
    submit(&store, "web", "told").await;
    let first = store
        .teller("web", None)
        .await
        .unwrap()
        .expect("it is free");
    assert_eq!(store.teller("web", None).await.unwrap(), None);
    let read = store
        .outbox("web", &first, 10)
        .await
        .unwrap()
        .due
        .pop()
        .unwrap();
    // Paused for longer than the lease, it is not told to go on.
    let second = crate::support::eventually("the lease ends", 5, async || {
        store.teller("web", None).await.unwrap()
    })
    .await;
    assert_eq!(store.teller("web", Some(&first)).await.unwrap(), None);
    let late = store.tell("web", &first, &read, NOBODY, Left::Over).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    let late = store.outbox("web", &first, 10).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    store.release_teller("web", &second).await.unwrap();
    assert!(store.teller("web", None).await.unwrap().is_some());
}

/// The bound is the scripts' argument, so it can be small here.
#[tokio::test]
async fn beyond_the_bound_what_was_untold_longest_is_forgotten_and_counted() {
    let redis = Redis::start().await;
    let mut connection = redis.connection().await;
    let mark = concat!(
        include_str!("../../src/deployment/store/mark.lua"),
        "mark(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2])"
    );
    let script = Script::new(mark);
    let keys = ["due", "since", "told", "forgotten"];
    for id in ["a", "b", "c", "b", "d", "e"] {
        let mut call = script.prepare_invoke();
        keys.iter().for_each(|key| {
            call.key(*key);
        });
        let () = call
            .arg(id)
            .arg(3)
            .invoke_async(&mut connection)
            .await
            .unwrap();
        // Redis counts milliseconds; those of one are in the order of their names, as here.
    }
    let mut pipeline = redis::pipe();
    pipeline
        .zrange("since", 0, -1)
        .zcard("due")
        .get("forgotten");
    let (left, due, forgotten): (Vec<String>, usize, u64) =
        pipeline.query_async(&mut connection).await.unwrap();
    assert_eq!((left.join(""), due, forgotten), ("cde".into(), 3, 2));
}
