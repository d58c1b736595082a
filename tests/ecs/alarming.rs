//! Alarms in time: M of N, missing data, long and short periods, calculations, messages, suppressors.

use contracts::simulator::call::Millis;
use contracts::simulator::sns;
use serde_json::{Value, json};

use crate::account;
use crate::stage::Stage;
use crate::timeline::check_text;

fn put(stage: &mut Stage, at: Millis, value: f64) {
    let datum = json!({ "MetricName": "Depth", "Value": value, "Timestamp": at / 1_000, "StorageResolution": 1 });
    stage.ask(
        "monitoring",
        "PutMetricData",
        json!({ "Namespace": "Queue", "MetricData": [datum] }),
    );
}

fn alarm(stage: &mut Stage, name: &str, changes: Value) {
    let mut input = json!({
        "AlarmName": name, "Namespace": "Queue", "MetricName": "Depth", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    account::merge(&mut input, changes);
    stage.ask("monitoring", "PutMetricAlarm", input);
}

fn state(stage: &mut Stage, name: &str) -> String {
    stage.alarm(name)["StateValue"].as_str().unwrap().to_owned()
}

fn topic(stage: &mut Stage) -> String {
    let input = json!({ "Name": "alarms" }).as_object().unwrap().clone();
    let call = contracts::simulator::Call {
        service: "sns",
        operation: "CreateTopic".into(),
        input,
        principal: None,
        now: stage.now,
    };
    let topic = sns::answer(&mut stage.world, &call).unwrap();
    topic["TopicArn"].as_str().unwrap().to_owned()
}

fn messages(stage: &Stage) -> Vec<Value> {
    let report = sns::messages_report(&stage.world);
    report["messages"].as_array().unwrap().clone()
}

#[test]
fn two_of_three_with_data_that_stop_and_come_again() {
    let mut stage = Stage::new();
    for missing in ["missing", "ignore", "breaching", "notBreaching"] {
        alarm(&mut stage, missing, json!({ "TreatMissingData": missing }));
    }
    // Six minutes of data, six of none, three of data.
    for value in [1.0, 9.0, 1.0, 9.0, 1.0, 1.0] {
        let now = stage.now;
        put(&mut stage, now, value);
        stage.run_minutes(1);
    }
    stage.run_minutes(6);
    for value in [9.0, 9.0, 1.0] {
        let now = stage.now;
        put(&mut stage, now, value);
        stage.run_minutes(1);
    }
    check_text("alarm-two-of-three", &stage.timeline());
}

#[test]
fn a_change_of_state_sends_one_message_in_awss_form() {
    let mut stage = Stage::new();
    let topic = topic(&mut stage);
    let absent = topic.replace("alarms", "absent");
    alarm(
        &mut stage,
        "deep",
        json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "AlarmActions": [topic, absent] }),
    );
    for _ in 0..3 {
        let now = stage.now;
        put(&mut stage, now, 9.0);
        stage.run_minutes(1);
    }
    let sent = messages(&stage);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(
        sent[0]["subject"],
        "ALARM: \"deep\" in US East (N. Virginia)"
    );
    let message: Value = serde_json::from_str(sent[0]["message"].as_str().unwrap()).unwrap();
    assert_eq!(message["OldStateValue"], "INSUFFICIENT_DATA");
    assert_eq!(message["StateChangeTime"], "2026-08-01T00:04:00.000+0000");
    assert_eq!(
        message["NewStateReason"],
        "Threshold Crossed: 1 out of the last 1 datapoint [9.0 (01/08/26 00:03:00)] was greater than the threshold (5.0) \
         (minimum 1 datapoint for OK -> ALARM transition)."
    );
    let trigger = json!({
        "MetricName": "Depth", "Namespace": "Queue", "StatisticType": "Statistic", "Statistic": "AVERAGE", "Unit": null,
        "Dimensions": [], "Period": 60, "EvaluationPeriods": 1, "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0, "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    });
    assert_eq!(message["Trigger"], trigger);
    let history = json!({ "AlarmName": "deep", "ScanBy": "TimestampAscending" });
    let history = stage.ask("monitoring", "DescribeAlarmHistory", history);
    let items = history["AlarmHistoryItems"].as_array().unwrap().iter();
    let summaries: Vec<&str> = items
        .map(|item| item["HistorySummary"].as_str().unwrap())
        .collect();
    assert_eq!(
        summaries[..2],
        [
            "Alarm \"deep\" created",
            "Alarm updated from INSUFFICIENT_DATA to ALARM"
        ]
    );
    assert_eq!(
        summaries[2],
        format!("Successfully executed action {topic}")
    );
    assert_eq!(summaries[3], format!("Failed to execute action {absent}"));
    assert_eq!(summaries.len(), 4);
}

#[test]
fn short_periods_are_judged_every_ten_seconds_and_long_ones_over_sliding_minutes() {
    let mut stage = Stage::new();
    let one = json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1 });
    alarm(
        &mut stage,
        "short",
        json!({ "Period": 10, "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }),
    );
    alarm(
        &mut stage,
        "long",
        json!({ "Period": 300, "Statistic": "Sum", "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }),
    );
    alarm(&mut stage, "minute", one);
    let now = stage.now;
    put(&mut stage, now, 9.0);
    stage.run_seconds(10);
    assert_eq!(state(&mut stage, "short"), "ALARM");
    assert_eq!(state(&mut stage, "minute"), "INSUFFICIENT_DATA");
    stage.run_seconds(50);
    assert_eq!(state(&mut stage, "minute"), "ALARM");
    assert_eq!(state(&mut stage, "long"), "ALARM");
    // Three periods of ten seconds after its last datapoint there is none in range.
    assert_eq!(state(&mut stage, "short"), "INSUFFICIENT_DATA");
}

#[test]
fn percentiles_of_few_samples_and_calculations() {
    let mut stage = Stage::new();
    let percentile = |low: &str| {
        json!({
            "Statistic": null, "ExtendedStatistic": "p90", "EvaluateLowSampleCountPercentile": low,
            "EvaluationPeriods": 1, "DatapointsToAlarm": 1,
        })
    };
    alarm(&mut stage, "evaluated", percentile("evaluate"));
    alarm(&mut stage, "ignored", percentile("ignore"));
    let ratio = json!({
        "AlarmName": "ratio", "EvaluationPeriods": 1, "Threshold": 50.0, "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            { "Id": "share", "Expression": "100 * depth / limit", "ReturnData": true },
            { "Id": "depth", "ReturnData": false, "MetricStat": {
                "Metric": { "Namespace": "Queue", "MetricName": "Depth" }, "Period": 60, "Stat": "Sum" } },
            { "Id": "limit", "ReturnData": false, "MetricStat": {
                "Metric": { "Namespace": "Queue", "MetricName": "Limit" }, "Period": 60, "Stat": "Maximum" } },
        ],
    });
    stage.ask("monitoring", "PutMetricAlarm", ratio);
    let limit =
        json!({ "Namespace": "Queue", "MetricData": [{ "MetricName": "Limit", "Value": 10.0 }] });
    stage.ask("monitoring", "PutMetricData", limit);
    let now = stage.now;
    put(&mut stage, now, 9.0);
    stage.run_minutes(1);
    assert_eq!(state(&mut stage, "evaluated"), "ALARM");
    assert_eq!(state(&mut stage, "ignored"), "INSUFFICIENT_DATA");
    assert_eq!(state(&mut stage, "ratio"), "ALARM");
    assert_eq!(
        stage.alarm("ratio")["StateReason"],
        "Threshold Crossed: 1 datapoint [90.0 (01/08/26 00:03:00)] was greater than the threshold (50.0)."
    );
}

/// The alarm goes off while its suppressor is quiet, then during the wait, then while the suppressor is on.
#[test]
fn a_suppressor_holds_back_a_composite_alarms_actions() {
    let mut stage = Stage::new();
    let topic = topic(&mut stage);
    for name in ["child", "maintenance"] {
        // Left in the state it is set to.
        alarm(&mut stage, name, json!({ "TreatMissingData": "ignore" }));
    }
    stage.ask("monitoring", "PutCompositeAlarm", json!({
        "AlarmName": "unit", "AlarmRule": "ALARM(child)", "AlarmActions": [topic], "ActionsSuppressor": "maintenance",
        "ActionsSuppressorWaitPeriod": 20, "ActionsSuppressorExtensionPeriod": 30,
    }));
    let set = |stage: &mut Stage, name: &str, value: &str| {
        let input = json!({ "AlarmName": name, "StateValue": value, "StateReason": "by hand" });
        stage.ask("monitoring", "SetAlarmState", input);
    };
    set(&mut stage, "child", "ALARM");
    assert_eq!(stage.alarm("unit")["ActionsSuppressedBy"], "WaitPeriod");
    stage.run_seconds(19);
    assert_eq!(messages(&stage).len(), 0);
    stage.run_seconds(1);
    assert_eq!(messages(&stage).len(), 1);
    set(&mut stage, "child", "OK");
    set(&mut stage, "child", "ALARM");
    stage.run_seconds(5);
    set(&mut stage, "maintenance", "ALARM");
    stage.run_seconds(25);
    assert_eq!(stage.alarm("unit")["ActionsSuppressedBy"], "Alarm");
    assert_eq!(messages(&stage).len(), 1);
    set(&mut stage, "maintenance", "OK");
    assert_eq!(
        stage.alarm("unit")["ActionsSuppressedBy"],
        "ExtensionPeriod"
    );
    stage.run_seconds(29);
    assert_eq!(messages(&stage).len(), 1);
    stage.run_seconds(2);
    assert_eq!(messages(&stage).len(), 2);
}
