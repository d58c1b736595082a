//! Success is proved through the load balancer: who answers at the host, in virtual time. The same over TLS is in tests/scripts.

use std::cell::RefCell;
use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress};
use contracts::reconciler::enforce::{Accepted, Enforced, Offer, accept, enforce};
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::proof::{Answer, Unreachable};
use contracts::reconciler::spec::Spec;
use contracts::reconciler::store::Store;
use tokio::time::Instant;

use crate::account::{Account, DEVELOPMENT};

type Said = Result<Answer, Unreachable>;

pub fn says(body: impl Into<String>) -> Said {
    Ok(Answer {
        status: 200,
        body: body.into(),
    })
}

/// What happened, in words, and how long after the first question it ended.
struct Ended {
    outcome: Outcome,
    words: Vec<String>,
    seconds: u64,
    conditions: Vec<(String, bool)>,
}

/// A first rollout; `answer` gets the seconds since the first question.
async fn first_rollout(account: &Account, manifest: &str, answer: impl Fn(u64) -> Said) -> Ended {
    let manifest = Manifest::parse("development.yaml", manifest).unwrap();
    let spec = Spec::believe(&manifest).unwrap();
    let store = Store::of(&account.aws, &spec.name);
    let offer = Offer {
        manifest: &manifest,
        spec: &spec,
        commit: None,
        author: None,
        force: false,
    };
    let now = account.simulator.now();
    let accepted = accept(&account.aws, &store, offer, now).await.unwrap();
    let Accepted::New(publication) = accepted else {
        panic!("nothing was published before")
    };
    let asked: RefCell<Option<Instant>> = RefCell::default();
    let since = || {
        asked
            .borrow_mut()
            .get_or_insert_with(Instant::now)
            .elapsed()
            .as_secs()
    };
    let ask = async |host: &str, path: &str| {
        assert_eq!((host, path), ("contracts.hokus.ai", "/health"));
        answer(since())
    };
    let mut words = Vec::new();
    let report = |progress: &Progress<'_>| match progress {
        Progress::Doubted { doubt } => words.push(doubt.name().to_owned()),
        Progress::Proved { verdict } => words.push(verdict.to_string()),
        Progress::Planned { .. } | Progress::Applied { .. } | Progress::Unreadable { .. } => {}
    };
    let deadline = Duration::from_secs(600);
    let clock = || account.simulator.now();
    let enforced = enforce(
        &account.aws,
        &store,
        &publication,
        deadline,
        clock,
        ask,
        report,
    )
    .await;
    let Enforced::Ended { outcome } = enforced.unwrap() else {
        panic!("nobody else publishes")
    };
    words.dedup();
    let history = store.history().await.unwrap();
    let conditions = history.record.conditions.iter();
    Ended {
        outcome,
        words,
        seconds: since(),
        conditions: conditions
            .map(|(name, condition)| (name.clone(), condition.holds))
            .collect(),
    }
}

pub const OURS: &str =
    r#"{"service":"hokusai-contracts-development","version":"0.1.0","gitSha":"unknown"}"#;

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_as_the_unit_is_proof() {
    let account = Account::new().await;
    let ended = first_rollout(&account, DEVELOPMENT, |_| says(OURS)).await;
    assert_eq!(ended.outcome, Outcome::Settled);
    let [proof] = &ended.words[..] else {
        panic!("{:?}", ended.words)
    };
    assert!(
        proof.starts_with("proved: 2 tasks run sha256:e3b2f48c"),
        "{proof}"
    );
}

/// `existing-service` 7.6: another application answered 200 behind the same host.
#[tokio::test(start_paused = true)]
async fn another_application_that_answers_200_is_a_failure_within_a_minute() {
    let account = Account::new().await;
    let fastapi = |_| says(r#"{"status":"healthy"}"#);
    let ended = first_rollout(&account, DEVELOPMENT, fastapi).await;
    let Outcome::Unproved { doubt } = &ended.outcome else {
        panic!("{:?}", ended.outcome)
    };
    let told = doubt.to_string();
    assert!(
        told.starts_with("another service answers: https://contracts.hokus.ai/health"),
        "{told}"
    );
    assert!((50..=70).contains(&ended.seconds), "{} s", ended.seconds);
    let stable = ended.conditions.iter().find(|(name, _)| name == "Stable");
    assert_eq!(
        stable,
        Some(&("Stable".to_owned(), false)),
        "{:?}",
        ended.conditions
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_comes_round_in_time_is_proof() {
    let account = Account::new().await;
    let answer = |seconds| match seconds {
        0..20 => Err(Unreachable("no such name".to_owned())),
        20..40 => Ok(Answer {
            status: 503,
            body: String::new(),
        }),
        _ => says(OURS),
    };
    let ended = first_rollout(&account, DEVELOPMENT, answer).await;
    assert_eq!(ended.outcome, Outcome::Settled);
    assert_eq!(ended.words[..2], ["host not reached", "host refuses"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_host_out_of_reach_means_is_the_manifests_to_say() {
    let unreachable = |_| Err(Unreachable("connection refused".to_owned()));
    for (ask, want) in [
        ("ifReachable", "not proved: host not reached"),
        ("never", "not proved: the manifest"),
    ] {
        let manifest = DEVELOPMENT.replace(
            "  discovery:",
            &format!("    proof: {{ask: {ask}}}\n  discovery:"),
        );
        let account = Account::new().await;
        let ended = first_rollout(&account, &manifest, unreachable).await;
        assert_eq!(ended.outcome, Outcome::Settled);
        assert!(
            ended.words.last().unwrap().starts_with(want),
            "{:?}",
            ended.words
        );
    }
    let account = Account::new().await;
    let ended = first_rollout(&account, DEVELOPMENT, unreachable).await;
    assert!(
        matches!(ended.outcome, Outcome::Unproved { .. }),
        "{:?}",
        ended.outcome
    );
}

/// The tag was written again meanwhile: what runs is not what it stands for. That is waited for, and fails at the deadline.
#[tokio::test(start_paused = true)]
async fn a_task_of_another_digest_is_waited_for_until_the_deadline() {
    let account = Account::new().await;
    let began = account.simulator.now();
    let moved = RefCell::new(false);
    let answer = |_| {
        // The first question: what is asked of ECS is the same every time.
        if !moved.replace(true) {
            let repository = serde_json::json!({
                "repositoryName": "hokusai/contracts", "imageIds": [{ "imageTag": "0.1.1" }],
            });
            let mutable = serde_json::json!({
                "repositoryName": "hokusai/contracts", "imageTagMutability": "MUTABLE",
            });
            account.call("ecr", "PutImageTagMutability", mutable);
            let read = account.call("ecr", "BatchGetImage", repository);
            let manifest = read["images"][0]["imageManifest"].clone();
            let put = serde_json::json!({
                "repositoryName": "hokusai/contracts", "imageManifest": manifest, "imageTag": "0.1.0",
            });
            account.call("ecr", "PutImage", put);
        }
        says(r#"{"status":"somebody else"}"#)
    };
    let ended = first_rollout(&account, DEVELOPMENT, answer).await;
    let Outcome::Unproved { doubt } = &ended.outcome else {
        panic!("{:?}", ended.outcome)
    };
    assert_eq!(doubt.name(), "another image runs");
    let seconds = (account.simulator.now() - began) / 1000;
    assert!((590..=610).contains(&seconds), "{seconds} s");
}
