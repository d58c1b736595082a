//! The whole unit back to what was published before, by a person or after ECS, while others enforce what is published.

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::reconciler::controller::board::Board;
use contracts::reconciler::controller::regions::Regions;
use contracts::reconciler::controller::source::Source;
use contracts::reconciler::controller::{Settings, run};
use contracts::reconciler::converge::Outcome;
use contracts::reconciler::enforce::{Accepted, Enforced, Offer, Refused, accept, enforce};
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::spec::Spec;
use contracts::reconciler::store::{Draft, Publication, Store};
use contracts::shutdown::{self, Trigger};
use contracts::simulator::client;
use serde_json::json;

use crate::account::{Account, DEVELOPMENT};
use crate::proved::{OURS, says};

const DEADLINE: Duration = Duration::from_secs(1800);

/// The development manifest with some fields set.
fn manifest(sets: &[&str]) -> Manifest {
    let fields = Spec::fields();
    let manifest = Manifest::parse("development.yaml", DEVELOPMENT).unwrap();
    sets.iter().fold(manifest, |manifest, set| {
        manifest
            .set(set, &fields)
            .unwrap_or_else(|problems| panic!("{problems:?}"))
    })
}

/// `reconciler reconcile` as CI runs it.
struct Ci<'a> {
    account: &'a Account,
    store: Store,
}

impl Ci<'_> {
    fn of(account: &Account) -> Ci<'_> {
        let store = Store::of(&account.aws, &account.spec.name);
        Ci { account, store }
    }

    async fn accept(
        &self,
        commit: &str,
        sets: &[&str],
        force: bool,
    ) -> Result<Publication, Refused> {
        let manifest = manifest(sets);
        let spec = Spec::believe(&manifest).unwrap();
        let offer = Offer {
            manifest: &manifest,
            spec: &spec,
            commit: Some(commit.to_owned()),
            author: Some("alice".to_owned()),
            force,
        };
        let now = self.account.simulator.now();
        match accept(&self.account.aws, &self.store, offer, now).await? {
            Accepted::New(publication) | Accepted::Already(publication) => Ok(publication),
        }
    }

    async fn enforce(&self, publication: &Publication) -> Enforced {
        let now = || self.account.simulator.now();
        let (aws, store) = (&self.account.aws, &self.store);
        let ask = async |_: &str, _: &str| says(OURS);
        enforce(aws, store, publication, DEADLINE, now, ask, |_| ())
            .await
            .unwrap()
    }

    async fn reconcile(&self, commit: &str, sets: &[&str]) -> Enforced {
        let publication = self.accept(commit, sets, false).await.unwrap();
        self.enforce(&publication).await
    }

    /// `reconciler rollback --yes`.
    async fn roll_back(&self) -> (Publication, Enforced) {
        let history = self.store.history().await.unwrap();
        let target = history.target(None).unwrap();
        let draft = Draft::back_to(target, Some("bob".to_owned()), None, false);
        let now = self.account.simulator.now();
        let published = self.store.publish(&history, &draft, now).await.unwrap();
        let enforced = self.enforce(&published).await;
        (published, enforced)
    }

    async fn history(&self) -> String {
        let history = self.store.history().await.unwrap();
        history.text(self.store.unit())
    }

    /// LOG_LEVEL of what runs, the alarm threshold of CPU, and the upper bound of scaling.
    fn unit(&self) -> (String, f64, i64) {
        let spec = &self.account.spec;
        let service = json!({ "cluster": spec.cluster, "services": [spec.name] });
        let service = self.account.call("ecs", "DescribeServices", service);
        let revision = json!({ "taskDefinition": service["services"][0]["taskDefinition"] });
        let revision = self.account.call("ecs", "DescribeTaskDefinition", revision);
        let environment = &revision["taskDefinition"]["containerDefinitions"][0]["environment"];
        let environment = environment.as_array().unwrap();
        let level = environment
            .iter()
            .find(|it| it["name"] == "LOG_LEVEL")
            .unwrap();
        let alarm = json!({ "AlarmNames": [format!("{}-cpu", spec.name)] });
        let alarm = self.account.call("monitoring", "DescribeAlarms", alarm);
        let target = json!({ "ServiceNamespace": "ecs" });
        let target =
            self.account
                .call("application-autoscaling", "DescribeScalableTargets", target);
        (
            level["value"].as_str().unwrap().to_owned(),
            alarm["MetricAlarms"][0]["Threshold"].as_f64().unwrap(),
            target["ScalableTargets"][0]["MaxCapacity"]
                .as_i64()
                .unwrap(),
        )
    }
}

const SECOND: [&str; 3] = [
    "task.environment.LOG_LEVEL=debug",
    "alarms.cpuPercent=75",
    "scaling.max=12",
];

fn settled(enforced: &Enforced) -> bool {
    *enforced
        == Enforced::Ended {
            outcome: Outcome::Settled,
        }
}

/// `reconciler run` over what is published; it ends when this is dropped.
fn looping(account: &Account) -> Trigger {
    let region = account.simulator.region().to_owned();
    let regions = Regions::default().with(&region, client::config(&account.simulator));
    let settings = Settings {
        interval: Duration::from_secs(300),
        started_ms: account.simulator.now(),
    };
    let (trigger, shutdown) = shutdown::channel();
    let source = Source::Published {
        region,
        units: BTreeSet::new(),
    };
    tokio::spawn(run(source, regions, settings, Board::default(), shutdown));
    trigger
}

#[tokio::test(start_paused = true)]
async fn a_rollback_sticks_while_the_loop_runs() {
    let account = Account::new().await;
    let ci = Ci::of(&account);
    let _loop = looping(&account);
    assert!(settled(&ci.reconcile("aaa", &[]).await));
    let first = ci.unit();
    assert!(settled(&ci.reconcile("bbb", &SECOND).await));
    assert_eq!(ci.unit(), ("debug".to_owned(), 75.0, 12));

    let (published, enforced) = ci.roll_back().await;
    assert!(settled(&enforced), "{enforced:?}");
    assert_eq!((published.number, ci.unit()), (3, first.clone()));
    account.simulator.clear_calls();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(ci.unit(), first, "an hour later");
    assert_eq!(
        account.mutating().into_keys().collect::<Vec<_>>(),
        Vec::<String>::new()
    );

    // The same commit again, and a later one that left the manifest alone, are refused.
    for commit in ["bbb", "ccc"] {
        let refused = ci.accept(commit, &SECOND, false).await.unwrap_err();
        println!("{refused}");
        assert!(
            matches!(refused, Refused::Superseded { to: 1, .. }),
            "{refused}"
        );
    }
    // The next one that changes it is not; and the same one by force.
    assert!(settled(&ci.reconcile("ddd", &["scaling.max=11"]).await));
    assert_eq!(ci.unit(), (first.0.clone(), first.1, 11));
    let forced = ci.accept("bbb", &SECOND, true).await.unwrap();
    assert!(settled(&ci.enforce(&forced).await));
    assert_eq!(ci.unit(), ("debug".to_owned(), 75.0, 12));
    println!("{}", ci.history().await);
}

#[tokio::test(start_paused = true)]
async fn where_ecs_goes_back_the_whole_unit_follows() {
    let account = Account::new().await;
    let ci = Ci::of(&account);
    assert!(settled(&ci.reconcile("aaa", &[]).await));
    let first = ci.unit();
    account.unpullable("0.1.1");
    let bad = [&SECOND[..], &["image.tag=0.1.1"]].concat();
    let enforced = ci.reconcile("bbb", &bad).await;
    let Enforced::RolledBack {
        failed: Some(Outcome::RolledBack { .. }),
        back,
    } = &enforced
    else {
        panic!("{enforced:?}")
    };
    assert_eq!(*back, Some((3, Outcome::Settled)));
    assert_eq!(ci.unit(), first, "alarms and bounds as well");
    let history = ci.history().await;
    println!("{history}");
    assert!(
        history.contains("   3  automatic rollback to 1 ("),
        "{history}"
    );
    assert!(history.contains("[in force, was stable]"), "{history}");
    assert!(history.contains("[rolled back by 3]"), "{history}");
    let refused = ci.accept("bbb", &bad, false).await.unwrap_err();
    assert!(matches!(refused, Refused::Superseded { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn two_who_see_ecs_go_back_at_once_publish_that_once() {
    let account = Account::new().await;
    let (ci, other) = (Ci::of(&account), Ci::of(&account));
    assert!(settled(&ci.reconcile("aaa", &[]).await));
    account.unpullable("0.1.1");
    let bad = ci.accept("bbb", &["image.tag=0.1.1"], false).await.unwrap();
    let (ours, theirs) = tokio::join!(ci.enforce(&bad), other.enforce(&bad));
    for enforced in [ours, theirs] {
        let Enforced::RolledBack { back, .. } = &enforced else {
            panic!("{enforced:?}")
        };
        assert_eq!(*back, Some((3, Outcome::Settled)));
    }
    assert_eq!(ci.store.history().await.unwrap().publications.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_first_rollout_that_fails_has_nothing_to_go_back_to() {
    let account = Account::new().await;
    let ci = Ci::of(&account);
    account.unpullable("0.1.1");
    let enforced = ci.reconcile("aaa", &["image.tag=0.1.1"]).await;
    assert!(
        matches!(
            &enforced,
            Enforced::Ended {
                outcome: Outcome::Blocked { .. }
            }
        ),
        "{enforced:?}"
    );
    assert_eq!(ci.store.history().await.unwrap().publications.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_overtaken_writes_no_more() {
    let account = Account::new().await;
    let ci = Ci::of(&account);
    assert!(settled(&ci.reconcile("aaa", &[]).await));
    let first = ci.accept("bbb", &SECOND, false).await.unwrap();
    let overtaken = async {
        let overtaken = ci.enforce(&first).await;
        account.simulator.clear_calls();
        overtaken
    };
    let later = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        ci.accept("ccc", &["scaling.max=11"], false).await.unwrap()
    };
    let (overtaken, later) = tokio::join!(overtaken, later);
    let Enforced::Overtaken { by: 3, whose } = &overtaken else {
        panic!("{overtaken:?}")
    };
    assert!(whose.starts_with("by alice of commit ccc at "), "{whose}");
    assert!(settled(&ci.enforce(&later).await));
    assert_eq!(ci.unit().2, 11);
}

#[tokio::test(start_paused = true)]
async fn a_paused_unit_is_published_to_by_nobody() {
    let account = Account::new().await;
    let ci = Ci::of(&account);
    assert!(settled(&ci.reconcile("aaa", &[]).await));
    ci.store
        .pause(Some("bob"), Some("incident 12"), 0)
        .await
        .unwrap();
    let refused = ci.accept("bbb", &SECOND, true).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "paused since 1970-01-01T00:00:00.000Z by bob (incident 12): `reconciler resume` ends that"
    );
    ci.store.resume().await.unwrap();
    assert!(settled(&ci.reconcile("bbb", &SECOND).await));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_force_already_is_not_published_again() {
    let account = Account::new().await;
    let ci = Ci::of(&account);
    assert!(settled(&ci.reconcile("aaa", &[]).await));
    account.simulator.clear_calls();
    // Another commit, the same manifest.
    assert!(settled(&ci.reconcile("bbb", &[]).await));
    assert_eq!(
        account.mutating().into_keys().collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    assert_eq!(ci.store.history().await.unwrap().publications.len(), 1);
}
