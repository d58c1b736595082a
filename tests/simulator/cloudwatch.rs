//! CloudWatch through its SDK, which speaks CBOR.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricDatum, MetricStat,
    StateValue, Statistic, Tag,
};
use aws_smithy_types::DateTime;
use contracts::simulator::cloudwatch;

use crate::{NOW, code, in_process, simulator};

fn client() -> Client {
    Client::new(&in_process(&simulator()))
}

/// A complete alarm on CPU.
fn cpu(client: &Client, name: &str) -> PutMetricAlarmFluentBuilder {
    client
        .put_metric_alarm()
        .alarm_name(name)
        .namespace("AWS/ECS")
        .metric_name("CPUUtilization")
        .statistic(Statistic::Average)
        .dimensions(
            Dimension::builder()
                .name("ServiceName")
                .value("hokusai-contracts")
                .build(),
        )
        .period(300)
        .evaluation_periods(3)
        .threshold(70.0)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold)
}

async fn only(client: &Client, name: &str) -> MetricAlarm {
    let found = client
        .describe_alarms()
        .alarm_names(name)
        .send()
        .await
        .unwrap();
    let [alarm] = found.metric_alarms() else {
        panic!("one alarm expected: {found:?}")
    };
    alarm.clone()
}

#[tokio::test]
async fn an_alarm_reads_back_with_awss_defaults() {
    let client = client();
    cpu(&client, "high").send().await.unwrap();
    let alarm = only(&client, "high").await;
    assert_eq!(
        alarm.alarm_arn(),
        Some("arn:aws:cloudwatch:us-east-1:932100697590:alarm:high")
    );
    assert_eq!(
        (
            alarm.threshold(),
            alarm.period(),
            alarm.evaluation_periods()
        ),
        (Some(70.0), Some(300), Some(3))
    );
    assert_eq!(alarm.actions_enabled(), Some(true));
    assert_eq!(alarm.treat_missing_data(), Some("missing"));
    assert_eq!(alarm.state_value(), Some(&StateValue::InsufficientData));
    assert_eq!(
        (alarm.datapoints_to_alarm(), alarm.alarm_actions().len()),
        (None, 0)
    );
    assert_eq!(
        alarm
            .alarm_configuration_updated_timestamp()
            .unwrap()
            .secs(),
        1_785_542_400
    );
    assert_eq!(alarm.dimensions()[0].value(), Some("hokusai-contracts"));
}

#[tokio::test]
async fn putting_an_alarm_again_replaces_all_but_its_state_and_tags() {
    let client = client();
    let tag = Tag::builder().key("unit").value("contracts").build();
    let action = "arn:aws:sns:us-east-1:932100697590:topic";
    cpu(&client, "a")
        .alarm_description("d")
        .alarm_actions(action)
        .tags(tag)
        .send()
        .await
        .unwrap();
    let set = client
        .set_alarm_state()
        .alarm_name("a")
        .state_value(StateValue::Alarm)
        .state_reason("test");
    set.send().await.unwrap();
    cpu(&client, "a").threshold(80.0).send().await.unwrap();
    let alarm = only(&client, "a").await;
    assert_eq!(
        (
            alarm.threshold(),
            alarm.alarm_description(),
            alarm.alarm_actions().len()
        ),
        (Some(80.0), None, 0)
    );
    assert_eq!(
        (alarm.state_value(), alarm.state_reason()),
        (Some(&StateValue::Alarm), Some("test"))
    );
    let arn = alarm.alarm_arn().unwrap();
    client
        .tag_resource()
        .resource_arn(arn)
        .tags(Tag::builder().key("b").value("2").build())
        .send()
        .await
        .unwrap();
    client
        .untag_resource()
        .resource_arn(arn)
        .tag_keys("unit")
        .send()
        .await
        .unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(
        tags.tags()
            .iter()
            .map(|tag| tag.key().unwrap())
            .collect::<Vec<_>>(),
        ["b"]
    );
}

#[tokio::test]
async fn alarms_that_aws_refuses_are_refused() {
    let client = client();
    let put = || cpu(&client, "x");
    for (what, put) in [
        ("period 7", put().period(7)),
        ("period 90", put().period(90)),
        ("no evaluation periods", put().set_evaluation_periods(None)),
        ("more datapoints than periods", put().datapoints_to_alarm(4)),
        ("longer than a day", put().evaluation_periods(289)),
        ("two statistics", put().extended_statistic("p99")),
        ("no statistic", put().set_statistic(None)),
        ("no threshold", put().set_threshold(None)),
        ("no comparison", put().set_comparison_operator(None)),
        (
            "an unknown way with missing data",
            put().treat_missing_data("guess"),
        ),
        ("an action that is no ARN", put().alarm_actions("mail me")),
        ("no metric", put().set_metric_name(None)),
    ] {
        assert_eq!(code(put.send().await), "ValidationError", "{what}");
    }
    let percentile = put().set_statistic(None).extended_statistic("p101");
    assert_eq!(code(percentile.send().await), "InvalidParameterValue");
    assert_eq!(
        client
            .describe_alarms()
            .send()
            .await
            .unwrap()
            .metric_alarms()
            .len(),
        0
    );

    let delete = client
        .delete_alarms()
        .alarm_names("absent")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(delete.is_resource_not_found(), "{delete:?}");
    let set = client
        .set_alarm_state()
        .alarm_name("absent")
        .state_value(StateValue::Ok)
        .state_reason("r");
    assert!(
        set.send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found()
    );
    let tags = client
        .list_tags_for_resource()
        .resource_arn("arn:aws:cloudwatch:us-east-1:932100697590:alarm:absent");
    assert!(
        tags.send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    let token = client
        .describe_alarms()
        .next_token("invented")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(token.is_invalid_next_token(), "{token:?}");
    let both = client
        .describe_alarms()
        .alarm_names("a")
        .alarm_name_prefix("a");
    assert_eq!(code(both.send().await), "ValidationError");
}

#[tokio::test]
async fn alarms_are_listed_by_prefix_in_pages_and_deleted_together() {
    let client = client();
    for name in ["a1", "a2", "a3", "b1"] {
        cpu(&client, name).send().await.unwrap();
    }
    let first = client
        .describe_alarms()
        .alarm_name_prefix("a")
        .max_records(2)
        .send()
        .await
        .unwrap();
    assert_eq!(first.metric_alarms().len(), 2);
    let rest = client
        .describe_alarms()
        .alarm_name_prefix("a")
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(rest.metric_alarms()[0].alarm_name(), Some("a3"));
    assert_eq!(rest.next_token(), None);
    // A wrong name is refused, and the others go all the same.
    let one_wrong = client
        .delete_alarms()
        .alarm_names("a1")
        .alarm_names("absent")
        .alarm_names("a2")
        .send()
        .await;
    assert_eq!(code(one_wrong), "ResourceNotFound");
    let left = client.describe_alarms().send().await.unwrap();
    assert_eq!(
        left.metric_alarms()
            .iter()
            .map(|alarm| alarm.alarm_name().unwrap())
            .collect::<Vec<_>>(),
        ["a3", "b1"]
    );
}

#[tokio::test]
async fn an_alarm_on_metric_math_reads_back_its_queries() {
    let client = client();
    let metric = |id: &str, name: &str| {
        let metric = Metric::builder()
            .namespace("AWS/ApplicationELB")
            .metric_name(name)
            .build();
        let stat = MetricStat::builder()
            .metric(metric)
            .period(300)
            .stat("Sum")
            .build();
        MetricDataQuery::builder()
            .id(id)
            .metric_stat(stat)
            .return_data(false)
            .build()
    };
    let ratio = MetricDataQuery::builder()
        .id("ratio")
        .expression("100 * errors / requests")
        .label("errors %")
        .build();
    let put = client
        .put_metric_alarm()
        .alarm_name("errors")
        .metrics(metric("errors", "HTTPCode_Target_5XX_Count"))
        .metrics(metric("requests", "RequestCount"))
        .metrics(ratio)
        .evaluation_periods(2)
        .threshold(0.5)
        .comparison_operator(ComparisonOperator::GreaterThanThreshold);
    put.send().await.unwrap();
    let alarm = only(&client, "errors").await;
    assert_eq!(
        (alarm.metric_name(), alarm.period(), alarm.threshold()),
        (None, None, Some(0.5))
    );
    let [errors, _, ratio] = alarm.metrics() else {
        panic!("three queries expected: {alarm:?}")
    };
    assert_eq!(errors.metric_stat().unwrap().period(), Some(300));
    assert_eq!(
        (errors.return_data(), ratio.return_data()),
        (Some(false), Some(true))
    );
    assert_eq!(ratio.expression(), Some("100 * errors / requests"));
}

#[tokio::test]
async fn metric_data_are_kept_up_to_a_bound() {
    let simulator = simulator();
    let client = Client::new(&in_process(&simulator));
    let datum = |second: u64| {
        MetricDatum::builder()
            .metric_name("queued")
            .timestamp(DateTime::from_secs((NOW / 1000 - 60_000 + second) as i64))
            .storage_resolution(1)
            .value(second as f64)
            .build()
    };
    for batch in 0..51 {
        let data = (0..1000)
            .map(|number| datum(batch * 1000 + number))
            .collect();
        client
            .put_metric_data()
            .namespace("Hokusai")
            .set_metric_data(Some(data))
            .send()
            .await
            .unwrap();
    }
    simulator.with(|world, _| {
        let metric = cloudwatch::Metric {
            namespace: "Hokusai".to_owned(),
            name: "queued".to_owned(),
            dimensions: BTreeMap::new(),
        };
        let values: Vec<f64> = cloudwatch::samples(world, &metric)
            .map(|(_, sample)| sample.sum)
            .collect();
        assert!(
            (45_000..=50_000).contains(&values.len()),
            "{}",
            values.len()
        );
        assert_eq!(values.last(), Some(&50_999.0));
    });
    let reserved = client
        .put_metric_data()
        .namespace("AWS/ECS")
        .metric_data(datum(1));
    assert_eq!(code(reserved.send().await), "InvalidParameterValue");
}
