//! The store's scripts on a real Redis: who may write what, and when not.

use crate::support::redis::Redis;
use contracts::deployment::chain::{Address, H256, U256};
use contracts::deployment::fees::Fees;
use contracts::deployment::request::{DeploymentRequest, ModelId, TokenName, TokenSymbol};
use contracts::deployment::store::connection::Connection;
use contracts::deployment::store::{
    Idempotency, Lease, Seal, Store, StoreError, Stored, Submitted, Wish,
};
use contracts::deployment::{
    Attempt, Deployment, Event, Failure, Purpose, SignedTransaction, State,
};
use contracts::secret::Secret;
use std::time::Duration;

const TTL: Duration = Duration::from_millis(300);

pub fn store(redis: &Redis, key: &[u8]) -> Store {
    with_leases_of(redis, key, TTL)
}

pub fn with_leases_of(redis: &Redis, key: &[u8], ttl: Duration) -> Store {
    let connection = Connection::lazy(&Secret::new(redis.url())).unwrap();
    Store::new(connection, 1, Address::repeat_byte(7), Seal::new(key), ttl)
}

pub fn request(model: &str) -> DeploymentRequest {
    DeploymentRequest {
        model_id: ModelId::try_from(model.to_string()).unwrap(),
        recipient: Address::repeat_byte(8),
        token_name: TokenName::try_from("M".to_string()).unwrap(),
        token_symbol: TokenSymbol::try_from("M".to_string()).unwrap(),
        supply_wei: None,
    }
}

async fn submit(store: &Store, model: &str, key: Option<&str>, has_token: bool) -> Submitted {
    let idempotency = key.map(|key| Idempotency {
        key: key.into(),
        fingerprint: model.into(),
    });
    let id = store.id_for("caller", idempotency.as_ref());
    let deployment = Deployment::submitted(id, "caller".into(), request(model), 5);
    let submitted = store.submit(&deployment, idempotency.as_ref(), has_token);
    submitted.await.unwrap()
}

pub fn prepared(job: &Stored, nonce: u64) -> (Stored, Deployment) {
    let attempt = Attempt {
        purpose: Purpose::Deploy,
        transaction: SignedTransaction {
            nonce,
            hash: H256::from_low_u64_be(nonce),
            raw: "0x02".into(),
            cost_wei_max: U256::one(),
        },
        fees: Fees::Legacy {
            price_wei: U256::one(),
        },
        gas_limit: U256::one(),
        at_ms: 6,
    };
    let next = job.deployment.after(Event::Prepared(attempt), 6).unwrap();
    (job.clone(), next)
}

pub async fn settled(store: &Store) -> Lease {
    let lease = store.lease(None).await.unwrap().expect("it is free");
    store.settle(&lease, 0, &[]).await.unwrap();
    store
        .lease(Some(&lease))
        .await
        .unwrap()
        .expect("it is ours")
}

#[tokio::test]
async fn only_the_holder_of_the_lease_writes_and_only_over_what_it_has_read() {
    let redis = Redis::start().await;
    let (first, second) = (store(&redis, b"key"), store(&redis, b"key"));
    for model in ["a", "b", "c"] {
        assert_eq!(submit(&first, model, None, false).await, Submitted::New);
    }
    let lease = settled(&first).await;
    assert!(second.lease(None).await.unwrap().is_none(), "it is taken");
    let queued = first.work(10).await.unwrap().queued;
    assert_eq!(queued.len(), 3);

    // All or none, and never below what was given out.
    let jobs = vec![prepared(&queued[0], 0), prepared(&queued[1], 1)];
    let bound = first.bind(&lease, 0, jobs).await.unwrap();
    for nonce in [0, 1] {
        let again = first
            .bind(&lease, nonce, vec![prepared(&queued[2], nonce)])
            .await;
        assert!(matches!(again, Err(StoreError::NonceTaken(_))), "{again:?}");
    }
    let outdated = vec![prepared(&queued[2], 2), prepared(&queued[0], 3)];
    let refused = first.bind(&lease, 2, outdated).await;
    assert!(matches!(refused, Err(StoreError::Stale(_))), "{refused:?}");
    let work = first.work(10).await.unwrap();
    assert_eq!(
        (work.in_flight.len(), work.queued.len(), work.next_nonce),
        (2, 1, 2)
    );
    assert_eq!(work.in_flight, bound);

    // An older revision is not written over.
    let accepted = bound[0].deployment.after(Event::Accepted, 7).unwrap();
    first
        .save(&lease, &bound[0], accepted.clone(), false)
        .await
        .unwrap();
    let refused = first.save(&lease, &bound[0], accepted.clone(), false).await;
    assert!(matches!(refused, Err(StoreError::Stale(_))), "{refused:?}");

    // A holder that was away too long writes nothing, and is told.
    tokio::time::sleep(TTL * 2).await;
    let taken = second.lease(None).await.unwrap().expect("it has ended");
    let late = first.save(&lease, &bound[1], accepted, false).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    let late = first.bind(&lease, 2, vec![prepared(&queued[2], 2)]).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    for late in [
        first.renew(&lease).await,
        first.park(&lease, queued[2].deployment.id, 8, false).await,
        first.settle(&lease, 9, &[]).await,
    ] {
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    }
    first.release(&lease).await.unwrap();
    second
        .renew(&taken)
        .await
        .expect("another's release does nothing");
    assert_eq!(second.work(10).await.unwrap().next_nonce, 2);
}

#[tokio::test]
async fn after_a_loss_no_nonce_is_given_out_before_the_chain_was_asked_and_no_old_token_is_valid() {
    let redis = Redis::start().await;
    let store = store(&redis, b"key");
    submit(&store, "a", None, false).await;
    let before = settled(&store).await;
    let mut connection = redis.connection().await;
    let _: () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
    submit(&store, "a", None, false).await;
    // What is asked again, of a model that has a token: not yet known whether we made it; unkeyed requests need not know.
    assert_eq!(
        submit(&store, "made", Some("k"), true).await,
        Submitted::Settling
    );
    assert_eq!(
        submit(&store, "made", None, true).await,
        Submitted::HasToken
    );

    assert!(store.renew(&before).await.is_err());
    let after = store
        .lease(Some(&before))
        .await
        .unwrap()
        .expect("it is free");
    assert_ne!(after, before);
    assert_eq!(after.epoch, None);
    let queued = store.work(10).await.unwrap().queued;
    let refused = store.bind(&after, 0, vec![prepared(&queued[0], 0)]).await;
    assert!(matches!(refused, Err(StoreError::Unsettled)), "{refused:?}");

    let model = contracts::deployment::chain::abi::model_topic(&request("made").model_id);
    store.settle(&after, 12, &[model]).await.unwrap();
    let after = store.lease(Some(&after)).await.unwrap().unwrap();
    assert!(after.epoch.is_some());
    assert_eq!(
        submit(&store, "made", Some("k"), true).await,
        Submitted::New
    );
    assert_eq!(
        submit(&store, "strangers", Some("s"), true).await,
        Submitted::HasToken
    );
    let below = store.bind(&after, 11, vec![prepared(&queued[0], 11)]).await;
    assert!(
        matches!(below, Err(StoreError::NonceTaken(11))),
        "{below:?}"
    );
    store
        .bind(&after, 12, vec![prepared(&queued[0], 12)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_record_sealed_with_another_key_is_no_record() {
    let redis = Redis::start().await;
    let (ours, theirs) = (store(&redis, b"key"), store(&redis, b"another key"));
    submit(&theirs, "theirs", None, false).await;
    let work = ours.work(10).await.unwrap();
    assert!(work.queued.is_empty());
    assert!(
        matches!(work.unreadable[..], [(_, StoreError::Forged(_))]),
        "{work:?}"
    );
}

#[tokio::test]
async fn a_wish_is_kept_until_it_is_answered_and_forgotten_with_the_end() {
    let redis = Redis::start().await;
    let store = store(&redis, b"key");
    submit(&store, "a", Some("k"), false).await;
    let lease = settled(&store).await;
    let job = store.work(10).await.unwrap().queued.remove(0);
    let id = job.deployment.id;
    assert!(
        !store
            .wish(uuid::Uuid::from_u128(1), Wish::Cancel)
            .await
            .unwrap()
    );
    assert!(store.wish(id, Wish::Cancel).await.unwrap());
    let wishes = store.work(10).await.unwrap().wishes;
    assert_eq!(wishes, [(id, Wish::Cancel, Some(job.clone()))]);
    let failed = job
        .deployment
        .after(Event::Refused(Failure::Cancelled), 7)
        .unwrap();
    store.save(&lease, &job, failed, true).await.unwrap();
    assert!(!store.is_wished(id).await.unwrap());
    let ended = store.read(id).await.unwrap().unwrap();
    assert!(matches!(ended.state, State::Failed { .. }));
    // The model is free again; the key still means the request that failed.
    assert_eq!(
        submit(&store, "a", Some("k"), false).await,
        Submitted::Existing(id)
    );
    assert_eq!(
        submit(&store, "b", Some("k"), false).await,
        Submitted::Mismatch
    );
    assert_eq!(
        submit(&store, "a", Some("other"), false).await,
        Submitted::New
    );
}
