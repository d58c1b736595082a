//! What is published, by whom, and who wins.

use contracts::reconciler::plan::plan;
use contracts::reconciler::status::conditions;
use contracts::reconciler::store::{Cause, Draft, Error, Published, Store};
use serde_json::json;

use crate::account::{Account, DEVELOPMENT};

fn draft(manifest: &str, commit: &str) -> Draft {
    Draft {
        manifest: Some(manifest.to_owned()),
        author: Some("alice".to_owned()),
        commit: Some(commit.to_owned()),
        cause: Cause::Reconcile,
    }
}

fn store(account: &Account) -> Store {
    Store::of(&account.aws, &account.spec.name)
}

/// Calls of SSM since the last time they were cleared.
fn calls(account: &Account) -> Vec<(String, u64)> {
    let calls = account.simulator.calls().into_iter();
    let calls = calls.filter(|(name, _)| name.starts_with("ssm."));
    let calls: Vec<(String, u64)> = calls.map(|(name, calls)| (name, calls.calls)).collect();
    account.simulator.clear_calls();
    calls
}

#[tokio::test(start_paused = true)]
async fn of_two_who_publish_at_once_one_is_told_who_won() {
    let account = Account::new().await;
    let (ours, theirs) = (store(&account), store(&account));
    let empty = ours.history().await.unwrap();
    assert_eq!(empty.current(), None);
    let (a, b) = (draft("a: 1", "aaa"), draft("b: 2", "bbb"));
    let (first, second) = tokio::join!(ours.publish(&empty, &a, 1), theirs.publish(&empty, &b, 2));
    let (winner, loser) = match (first, second) {
        (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
        both => panic!("{both:?}"),
    };
    println!("{loser}");
    let Error::Lost { winner: told } = &loser else {
        panic!("{loser:?}")
    };
    assert_eq!(**told, winner);
    assert_eq!(ours.history().await.unwrap().publications, [winner]);
}

#[tokio::test(start_paused = true)]
async fn a_publication_whose_answer_is_lost_is_nevertheless_ours() {
    let account = Account::new().await;
    let store = store(&account);
    let faults = "faults: [{ on: ssm.PutParameter, fault: lost-reply }]";
    let faults = contracts::simulator::fault::parse(faults).unwrap();
    account.simulator.set_faults(faults);
    let empty = store.history().await.unwrap();
    let published = store
        .publish(&empty, &draft("a: 1", "aaa"), 1)
        .await
        .unwrap();
    assert_eq!(published.number, 1);
    assert_eq!(store.history().await.unwrap().current(), Some(&published));
}

#[tokio::test(start_paused = true)]
async fn the_newest_fifty_are_kept_and_a_look_is_one_call() {
    let account = Account::new().await;
    let store = store(&account);
    let mut known = Vec::new();
    for number in 1..=57 {
        let history = store.history().await.unwrap();
        let draft = draft(&format!("number: {number}"), "aaa");
        known.push(store.publish(&history, &draft, number).await.unwrap());
    }
    let history = store.history().await.unwrap();
    let numbers: Vec<u64> = history.publications.iter().map(|it| it.number).collect();
    assert_eq!(numbers, (8..=57).collect::<Vec<u64>>());

    calls(&account);
    let published = store.current(known.last()).await.unwrap();
    assert_eq!(published.current.as_ref(), known.last());
    assert_eq!(calls(&account), [("ssm.GetParameters".to_owned(), 1)]);
    // From further behind it takes more, and from before what is kept all is read.
    for behind in [3, 8, 20, 55] {
        let published = store.current(known.get(56 - behind)).await.unwrap();
        assert_eq!(published.current.as_ref(), known.last(), "{behind} behind");
    }
    assert_eq!(
        Store::units(&account.aws)
            .await
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>(),
        std::slice::from_ref(&account.spec.name)
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_does_not_fit_is_refused_with_its_size_and_nothing_is_written() {
    let account = Account::new().await;
    let store = store(&account);
    let noise: Vec<String> = (0..900_u64)
        .map(|n| (n * n * 7_919_987 + 13).to_string())
        .collect();
    let error = store
        .publish(
            &store.history().await.unwrap(),
            &draft(&noise.join(" "), "aaa"),
            1,
        )
        .await
        .unwrap_err();
    println!("{error}");
    assert!(
        matches!(error, Error::TooLarge { bytes } if bytes > 4096),
        "{error}"
    );
    assert_eq!(account.mutating().get("ssm.PutParameter"), None);
}

#[tokio::test(start_paused = true)]
async fn a_publication_of_a_newer_format_is_refused_by_its_name() {
    let account = Account::new().await;
    let name = format!("/hokus.ai/units/{}/0000000001", account.spec.name);
    let value = json!({ "format": 2, "shape": "unknown" }).to_string();
    account.call(
        "ssm",
        "PutParameter",
        json!({ "Name": name, "Value": value, "Type": "String" }),
    );
    let error = store(&account).history().await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "parameter {name} is of format 2, and this program reads up to 1: use the one that wrote it, or a newer"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_unit_is_paused_until_it_is_resumed() {
    let account = Account::new().await;
    let store = store(&account);
    let published = store
        .publish(&store.history().await.unwrap(), &draft("a: 1", "aaa"), 1)
        .await
        .unwrap();
    store
        .pause(Some("bob"), Some("by hand\nfor now"), 5)
        .await
        .unwrap();
    let paused = store
        .current(Some(&published))
        .await
        .unwrap()
        .paused
        .unwrap();
    assert_eq!((paused.at, paused.by.as_deref()), (5, Some("bob")));
    assert_eq!(paused.reason.as_deref(), Some("by hand for now"));
    store.resume().await.unwrap();
    store.resume().await.unwrap();
    assert_eq!(store.current(Some(&published)).await.unwrap().paused, None);
}

#[tokio::test(start_paused = true)]
async fn conditions_are_written_when_they_change_and_not_otherwise() {
    let account = Account::new().await;
    let store = store(&account);
    let draft = draft(DEVELOPMENT, "aaa");
    let publication = store
        .publish(&store.history().await.unwrap(), &draft, 1)
        .await
        .unwrap();
    let (_, spec) = publication.believe(store.unit()).unwrap().unwrap();
    assert_eq!(spec, account.spec);
    let mut published = Published {
        current: Some(publication),
        ..Published::default()
    };
    account.reconcile().await;
    calls(&account);
    for now in [10, 20, 30] {
        let (wanted, observed) = contracts::reconciler::observe::look(&account.aws.read, &spec)
            .await
            .unwrap();
        let conditions = conditions(&plan(&spec, &wanted, &observed), &[], false);
        assert!(
            conditions.applied.holds && conditions.stable.holds,
            "{conditions:?}"
        );
        published.record = store.record(&published, &conditions, now).await.unwrap();
    }
    let puts = calls(&account)
        .into_iter()
        .find(|(name, _)| name == "ssm.PutParameter");
    assert_eq!(puts.unwrap().1, 1);
    let again = store.current(published.current.as_ref()).await.unwrap();
    assert_eq!(again.record, published.record);
    assert_eq!(again.record.conditions["Stable"].since, 10);
    assert!(again.record.stable.contains(&1));
}
