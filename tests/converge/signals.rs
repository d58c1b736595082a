//! Alarms, topic and dashboard: made, healed, left alone; and that what they look at is really emitted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::reconciler::converge::{Outcome, Progress, converge};
use contracts::reconciler::desired::desired;
use contracts::reconciler::plan::Plan;
use contracts::reconciler::resource::Measured;
use contracts::reconciler::spec::{ScalingMetric, StepChange, StepScaling, Threshold};
use contracts::simulator::load::{self, Load};
use contracts::simulator::sns;
use contracts::telemetry::metrics::{Answered, Gauges, METRICS, Metrics, NAMESPACE};
use serde_json::{Value, json};

use crate::account::Account;
use crate::drift::{heals, stable};
use crate::looked_at::{self, LookedAt};

const UNIT: &str = "hokusai-contracts-development";
const TOPIC: &str = "arn:aws:sns:us-east-1:932100697590:hokusai-contracts-development-alarms";

impl Account {
    fn messages(&self) -> Vec<Value> {
        let report = self.simulator.with(|world, _| sns::messages_report(world));
        report["messages"].as_array().unwrap().clone()
    }

    /// Subjects of what has been published, which begin with the alarm's new state.
    fn subjects(&self) -> Vec<String> {
        let subject = |message: &Value| message["subject"].as_str().unwrap().to_owned();
        self.messages().iter().map(subject).collect()
    }

    fn alarm_state(&self, name: &str) -> String {
        let input = json!({ "AlarmNames": [format!("{UNIT}-{name}")], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
        let found = self.call("monitoring", "DescribeAlarms", input);
        let alarms =
            ["MetricAlarms", "CompositeAlarms"].map(|kind| found[kind].as_array().unwrap().clone());
        alarms.concat()[0]["StateValue"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn load(&self, load: Load) {
        self.simulator
            .with(|world, _| load::set(world, "hokusai-development", UNIT, load));
    }

    /// Lines of the program's, logged as its container would.
    fn log(&self, lines: &[String]) {
        let (group, stream) = (
            "/ecs/hokusai-contracts",
            "contract-deployer/contract-deployer/by-test",
        );
        let named = json!({ "logGroupName": group, "logStreamNamePrefix": stream });
        let found = self.call("logs", "DescribeLogStreams", named);
        if found["logStreams"].as_array().unwrap().is_empty() {
            let input = json!({ "logGroupName": group, "logStreamName": stream });
            self.call("logs", "CreateLogStream", input);
        }
        let now = self.simulator.now();
        let events: Vec<Value> = lines
            .iter()
            .map(|line| json!({ "timestamp": now, "message": line }))
            .collect();
        let input = json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events });
        self.call("logs", "PutLogEvents", input);
    }

    async fn last_plan(&self) -> Plan {
        let mut last = None;
        converge(
            &self.aws,
            &self.spec,
            Duration::from_secs(600),
            |progress| {
                if let Progress::Planned { plan, .. } = progress {
                    last = Some((*plan).clone());
                }
            },
        )
        .await;
        last.unwrap()
    }
}

fn calm() -> Gauges {
    Gauges {
        queued: 0,
        in_flight: 0,
        parked: 0,
        oldest_age: Duration::ZERO,
        balance: Some(2.5),
    }
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_subscription_is_a_note_and_no_difference() {
    let account = stable().await;
    let plan = account.last_plan().await;
    assert!(plan.is_settled(), "{plan}");
    let text = plan.to_string();
    assert!(
        text.contains("subscription email alerts@hokus.ai hears nothing yet"),
        "{text}"
    );
    let report = account
        .simulator
        .with(|world, _| sns::messages_report(world));
    let token = &report["unconfirmed"][0]["token"];
    account.call(
        "sns",
        "ConfirmSubscription",
        json!({ "TopicArn": TOPIC, "Token": token }),
    );
    assert_eq!(account.last_plan().await.to_string(), "no changes\n");
    assert_eq!(
        account.mutating().keys().collect::<Vec<_>>(),
        ["sns.ConfirmSubscription"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_is_made_and_subscribed_again() {
    let expected = [
        "sns:CreateTopic hokusai-contracts-development-alarms",
        "sns:Subscribe email alerts@hokus.ai",
    ];
    heals(
        "sns",
        "DeleteTopic",
        json!({ "TopicArn": TOPIC }),
        &expected,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_by_hand_is_ended() {
    let queue = "arn:aws:sqs:us-east-1:932100697590:by-hand";
    let input = json!({ "TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": queue });
    heals(
        "sns",
        "Subscribe",
        input,
        &[&format!("sns:Unsubscribe sqs {queue}")],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dashboard_edited_by_hand_is_put_back() {
    let body = json!({ "widgets": [] }).to_string();
    let input = json!({ "DashboardName": UNIT, "DashboardBody": body });
    heals(
        "monitoring",
        "PutDashboard",
        input,
        &[&format!("cloudwatch:PutDashboard {UNIT}")],
    )
    .await;
}

/// The same JSON in another order and with other spaces is the same dashboard.
#[tokio::test(start_paused = true)]
async fn a_dashboard_written_otherwise_is_left_alone() {
    let account = stable().await;
    let found = account.call(
        "monitoring",
        "GetDashboard",
        json!({ "DashboardName": UNIT }),
    );
    let body: Value = serde_json::from_str(found["DashboardBody"].as_str().unwrap()).unwrap();
    let body = serde_json::to_string_pretty(&body).unwrap();
    let input = json!({ "DashboardName": UNIT, "DashboardBody": body });
    account.call("monitoring", "PutDashboard", input);
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_calculation_edited_by_hand_is_put_back() {
    let account = stable().await;
    let name = format!("{UNIT}-errors");
    let found = account.call(
        "monitoring",
        "DescribeAlarms",
        json!({ "AlarmNames": [name] }),
    );
    let mut alarm = found["MetricAlarms"][0].as_object().unwrap().clone();
    let formula = alarm["Metrics"].as_array_mut().unwrap();
    let formula = formula
        .iter_mut()
        .find(|query| query["Expression"].is_string())
        .unwrap();
    formula["Expression"] = json!("100 * errors / requests");
    let settable = [
        "AlarmName",
        "AlarmDescription",
        "ActionsEnabled",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "Threshold",
        "ComparisonOperator",
        "TreatMissingData",
        "Metrics",
    ];
    alarm.retain(|member, _| settable.contains(&member.as_str()));
    account.call("monitoring", "PutMetricAlarm", Value::Object(alarm));
    account.simulator.clear_calls();
    let mut changes = Vec::new();
    let outcome = converge(
        &account.aws,
        &account.spec,
        Duration::from_secs(600),
        |progress| {
            if let Progress::Applied { step, .. } = progress {
                changes.extend(step.changes.iter().map(|change| change.path.clone()));
            }
        },
    );
    assert_eq!(outcome.await, Outcome::Settled);
    assert_eq!(changes, ["watched.calculation.expressions.share"]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_composite_alarm_is_put_back() {
    let name = format!("{UNIT}-page");
    let input = json!({ "AlarmNames": [name] });
    heals(
        "monitoring",
        "DeleteAlarms",
        input,
        &[&format!("cloudwatch:PutCompositeAlarm {name}")],
    )
    .await;
}

/// A child is deleted only when no rule names it any more, which takes three passes.
#[tokio::test(start_paused = true)]
async fn objectives_given_up_take_their_alarms_along() {
    let mut account = stable().await;
    account.spec.slo.availability = None;
    account.spec.slo.latency = None;
    account.spec.dashboard = false;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    let deleted = steps
        .iter()
        .filter(|step| step.starts_with("cloudwatch:DeleteAlarms"));
    assert_eq!(deleted.count(), 2 * 3 * 3, "{steps:#?}");
    assert!(
        steps.contains(&format!("cloudwatch:DeleteDashboards {UNIT}")),
        "{steps:#?}"
    );
    assert!(
        !steps.iter().any(|step| step.contains("Exception")),
        "{steps:#?}"
    );
}

/// Reads do not grow with the number of alarms: one listing, and no tags of what is as wanted.
#[tokio::test(start_paused = true)]
async fn a_settled_unit_is_one_listing_of_its_alarms() {
    let account = stable().await;
    account.reconcile().await;
    let calls = account.simulator.calls();
    let reads: BTreeMap<&str, u64> = calls
        .iter()
        .filter(|(name, _)| name.starts_with("monitoring.") || name.starts_with("sns."))
        .map(|(name, calls)| (name.as_str(), calls.calls))
        .collect();
    let expected = [
        ("monitoring.DescribeAlarms", 1),
        ("monitoring.GetDashboard", 1),
        ("monitoring.ListTagsForResource", 1),
        ("sns.ListSubscriptionsByTopic", 1),
        ("sns.ListTagsForResource", 1),
    ];
    assert_eq!(reads, BTreeMap::from(expected));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_topic_is_named_and_left_alone() {
    let account = Account::new().await;
    account.call(
        "sns",
        "CreateTopic",
        json!({ "Name": "hokusai-contracts-development-alarms" }),
    );
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        plan.to_string()
            .contains("topic hokusai-contracts-development-alarms is not managed here"),
        "{plan}"
    );
    assert!(
        !steps.iter().any(|step| step.starts_with("sns:")),
        "{steps:#?}"
    );
    assert!(
        steps
            .iter()
            .any(|step| step.starts_with("ecs:CreateService")),
        "{steps:#?}"
    );
}

/// Every metric of every alarm and widget, with its dimensions as CloudWatch is told them.
fn looked_at(account: &Account) -> BTreeSet<LookedAt> {
    let alarms = account.call(
        "monitoring",
        "DescribeAlarms",
        json!({ "AlarmNamePrefix": UNIT, "MaxRecords": 100 }),
    );
    let mut found = BTreeSet::new();
    let mut count = 0;
    for alarm in alarms["MetricAlarms"].as_array().unwrap() {
        count += 1;
        let queries = alarm["Metrics"].as_array().cloned().unwrap_or_default();
        let single = alarm["MetricName"].is_string().then(|| alarm.clone());
        let queried = queries
            .iter()
            .filter_map(|query| query["MetricStat"].get("Metric").cloned());
        let metrics = single.into_iter().chain(queried);
        found.extend(metrics.map(|metric| looked_at::exactly(looked_at::emitted(&metric))));
    }
    assert_eq!(count, desired(&account.spec).alarms.len());
    let dashboard = account.call(
        "monitoring",
        "GetDashboard",
        json!({ "DashboardName": UNIT }),
    );
    let body = dashboard["DashboardBody"].as_str().unwrap();
    found.extend(looked_at::by_dashboard(
        &serde_json::from_str(body).unwrap(),
    ));
    found
}

fn answered() -> Answered<'static> {
    Answered {
        route: "/api/deployments",
        method: &http::Method::POST,
        status: http::StatusCode::ACCEPTED,
        caller: Some(("web", "web-2")),
        took: Duration::from_millis(5),
    }
}

/// Both faults of the dashboard there was: metrics without the dimensions that have data, and a namespace nobody emits.
/// Here AWS's metrics come from the simulated balancer and scheduler under load, the program's from its own lines.
#[tokio::test(start_paused = true)]
async fn every_metric_that_is_looked_at_is_emitted_and_every_emitted_one_is_looked_at() {
    let account = stable().await;
    account.load(Load {
        requests_per_second: 5.0,
        seconds_per_request: 0.1,
        error_share: 0.01,
        cpu_seconds_per_request: 0.01,
        memory_mib_per_task: 80.0,
    });
    let metrics = Metrics::default();
    metrics.deployed(Duration::from_secs(40));
    metrics.answered(answered());
    metrics.stands(Some(calm()));
    account.log(&metrics.lines(UNIT, account.simulator.now()));
    minutes(3).await;
    let listed = account.call("monitoring", "ListMetrics", json!({}));
    let emitted = looked_at::listed(&listed);
    let looked_at = looked_at(&account);
    looked_at::join(&looked_at, &emitted);
    assert!(looked_at.len() >= 16, "{}", looked_at.len());
    let names = |namespace: &str| -> BTreeSet<&str> {
        let of = emitted.iter().filter(|(found, ..)| found == namespace);
        of.map(|(_, name, _)| name.as_str()).collect()
    };
    let table: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(
        names(NAMESPACE),
        table,
        "what is emitted is what the table has"
    );
}

/// What the program writes about itself names nobody: no key, no URL, no address, no model.
#[test]
fn a_line_has_the_metrics_and_the_service_and_nothing_else() {
    let metrics = Metrics::default();
    for seconds in 0..250 {
        metrics.deployed(Duration::from_secs(seconds));
    }
    metrics.answered(answered());
    metrics.stands(Some(calm()));
    let lines = metrics.lines("unit", 1_000);
    assert_eq!(
        lines.len(),
        3 + 2,
        "an array holds a hundred numbers at most; one line a route, one a caller"
    );
    for line in &lines {
        let line: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        for (name, value) in &line {
            match name.as_str() {
                "_aws" | "level" | "message" => {}
                "Service" => assert_eq!(value, "unit"),
                "Route" => assert_eq!(value, "POST /api/deployments"),
                "Caller" => assert_eq!(value, "web-2"),
                metric => {
                    assert!(METRICS.iter().any(|known| known.name == metric), "{metric}");
                    let is_number = |value: &Value| value.is_number();
                    assert!(
                        value.is_number() || value.as_array().unwrap().iter().all(is_number),
                        "{value}"
                    );
                }
            }
        }
    }
    // Counted once: the next line has what happened since.
    metrics.rpc_failures(4);
    metrics.stands(None);
    let next = metrics.lines("unit", 2_000);
    assert_eq!(next.len(), 1, "{next:#?}");
    let next: Value = serde_json::from_str(&next[0]).unwrap();
    assert_eq!(
        (&next["DeploymentsDeployed"], &next["RpcFailures"]),
        (&json!(0), &json!(4))
    );
    assert_eq!(
        next.get("QueueDepth"),
        None,
        "only the replica that leads says it"
    );
}

/// A unit of measurement that the data do not have would hide them, and no alarm of ours names one.
#[tokio::test(start_paused = true)]
async fn no_alarm_names_a_unit_or_goes_beyond_what_cloudwatch_evaluates() {
    let account = Account::new().await;
    for (name, alarm) in desired(&account.spec).alarms {
        for Measured {
            unit,
            period_seconds,
            ..
        } in alarm.measured()
        {
            assert_eq!(*unit, None, "{name}");
            let span = period_seconds * alarm.evaluation_periods;
            let most = if *period_seconds < 3600 {
                86_400
            } else {
                604_800
            };
            assert!(span <= most && period_seconds % 60 == 0, "{name}: {span}");
        }
    }
}

/// From the line the program writes to the message somebody gets.
#[tokio::test(start_paused = true)]
async fn a_deployment_that_does_not_end_notifies_within_minutes() {
    let account = stable().await;
    let metrics = Metrics::default();
    let mut age = Duration::ZERO;
    let mut told = None;
    for minute in 0..40 {
        metrics.leads(Some(
            account.simulator.now() - u64::try_from(age.as_millis()).unwrap() - 1,
        ));
        let oldest_age = metrics.oldest_age(account.simulator.now()).unwrap();
        let gauges = Gauges {
            queued: 1,
            oldest_age,
            ..calm()
        };
        metrics.stands(Some(gauges));
        account.log(&metrics.lines(UNIT, account.simulator.now()));
        minutes(1).await;
        age += Duration::from_secs(60);
        let age_seconds = age.as_secs();
        if minute == 12 {
            assert_eq!(
                account.alarm_state("queue-age"),
                "OK",
                "after {age_seconds} s"
            );
        }
        if account
            .subjects()
            .iter()
            .any(|subject| subject.starts_with("ALARM") && subject.contains("queue-age"))
        {
            told = Some(age_seconds);
            break;
        }
    }
    // 900 s, and five minutes in a row above it.
    let told = told.expect("nobody was told");
    assert!((1200..=1380).contains(&told), "told after {told} s");
    let message: Value = serde_json::from_str(
        account.messages().last().unwrap()["message"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert!(
        message["AlarmDescription"]
            .as_str()
            .unwrap()
            .ends_with("docs/runbook.md#queue-age"),
        "{message}"
    );
    assert_eq!(account.messages().last().unwrap()["topic"], TOPIC);
}

/// Nobody who emits is nobody who works.
#[tokio::test(start_paused = true)]
async fn silence_of_the_program_notifies_as_well() {
    let account = stable().await;
    let metrics = Metrics::default();
    for _ in 0..8 {
        metrics.stands(Some(calm()));
        account.log(&metrics.lines(UNIT, account.simulator.now()));
        minutes(1).await;
    }
    assert_eq!(account.alarm_state("queue-age"), "OK");
    assert_eq!(account.alarm_state("balance"), "OK");
    minutes(10).await;
    assert_eq!(account.alarm_state("queue-age"), "ALARM");
    // What is not known is not low.
    assert_eq!(account.alarm_state("balance"), "OK");
}

/// Two per cent of errors burn a budget of 0.1 % twenty times too fast: one page, however many alarms agree.
#[tokio::test(start_paused = true)]
async fn a_budget_that_burns_pages_once_and_says_when_it_is_over() {
    let account = stable().await;
    let load = |error_share| Load {
        requests_per_second: 20.0,
        seconds_per_request: 0.05,
        error_share,
        ..Load::default()
    };
    account.load(load(0.0));
    minutes(10).await;
    // Whatever the first minutes told, before there was a task.
    let told = account.subjects().len();
    let pages = || -> Vec<String> {
        let subjects = account.subjects().into_iter().skip(told);
        let pages = subjects.filter(|subject| subject.contains("-page\""));
        pages.map(|subject| subject[..5].to_owned()).collect()
    };
    account.load(load(0.02));
    minutes(90).await;
    assert_eq!(
        account.alarm_state("errors"),
        "OK",
        "2 % is below the error alarm's 5 %"
    );
    assert_eq!(account.alarm_state("slo-availability-fast"), "ALARM");
    assert_eq!(pages(), ["ALARM"]);
    account.load(load(0.0));
    minutes(60).await;
    assert_eq!(account.alarm_state("slo-availability-fast"), "OK");
    assert_eq!(pages(), ["ALARM", "OK: \""]);
}

/// Three failures of four requests in five minutes of a night are no incident.
#[tokio::test(start_paused = true)]
async fn quiet_traffic_does_not_page() {
    let account = stable().await;
    account.load(Load {
        requests_per_second: 4.0 / 300.0,
        seconds_per_request: 0.05,
        error_share: 0.75,
        ..Load::default()
    });
    minutes(5).await;
    for alarm in ["errors", "latency", "unavailable", "page"] {
        assert_eq!(account.alarm_state(alarm), "OK", "{alarm}");
    }
    account.load(Load::default());
    minutes(30).await;
    for alarm in ["errors", "page"] {
        assert_eq!(account.alarm_state(alarm), "OK", "no data is no error");
    }
}

/// The policy's ARN is known only once it is there, and another one after it was made again.
#[tokio::test(start_paused = true)]
async fn a_step_policys_alarm_acts_through_todays_policy() {
    let mut account = Account::new().await;
    account.spec.scaling.steps = vec![StepScaling {
        name: "surge".to_owned(),
        metric: ScalingMetric::Cpu,
        threshold: Threshold::Above(85.0),
        minutes: 2,
        changes: vec![StepChange {
            beyond: 0.0,
            tasks: 2,
        }],
        cooldown_seconds: 60,
    }];
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
    let name = format!("{UNIT}-step-surge");
    let policy = json!({
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "PolicyName": name,
        "ResourceId": format!("service/hokusai-development/{UNIT}"),
    });
    account.call("application-autoscaling", "DeleteScalingPolicy", policy);
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    let expected = [
        format!("application-autoscaling:PutScalingPolicy {name}"),
        format!("cloudwatch:PutMetricAlarm {name}"),
    ];
    assert_eq!(steps, expected);
    // It works: a full CPU for two minutes adds two tasks.
    account.load(Load {
        requests_per_second: 100.0,
        cpu_seconds_per_request: 1.0,
        ..Load::default()
    });
    minutes(6).await;
    let input = json!({ "cluster": "hokusai-development", "services": [UNIT] });
    let found = account.call("ecs", "DescribeServices", input);
    assert!(
        found["services"][0]["desiredCount"].as_u64().unwrap() >= 4,
        "{found}"
    );
}

/// The rollback alarms are there before the service that names them. (That ECS undoes a rollout during which one fires is `tests/ecs`'s.)
#[tokio::test(start_paused = true)]
async fn alarms_undo_a_rollout_where_the_manifest_says_so() {
    let mut account = Account::new().await;
    account.spec.alarms.stop_rollout = true;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    let at = |what: &str| {
        steps
            .iter()
            .position(|step| step.starts_with(what))
            .unwrap()
    };
    assert!(at(&format!("cloudwatch:PutMetricAlarm {UNIT}-errors")) < at("ecs:CreateService"));
    let input = json!({ "cluster": "hokusai-development", "services": [UNIT] });
    let found = account.call("ecs", "DescribeServices", input);
    let alarms = &found["services"][0]["deploymentConfiguration"]["alarms"];
    let names = [format!("{UNIT}-errors"), format!("{UNIT}-latency")];
    assert_eq!(
        *alarms,
        json!({ "alarmNames": names, "enable": true, "rollback": true })
    );
    assert_eq!(account.reconcile().await, (Outcome::Settled, vec![]));
    account.spec.alarms.stop_rollout = false;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(
        (outcome, steps),
        (Outcome::Settled, vec![format!("ecs:UpdateService {UNIT}")])
    );
}
