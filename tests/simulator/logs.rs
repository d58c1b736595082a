//! CloudWatch Logs through its SDK.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use contracts::simulator::{Simulator, logs};

use crate::{NOW, code, in_process, refusal, simulator};

const GROUP: &str = "/ecs/hokusai-contracts";

async fn with_group() -> (Simulator, Client) {
    let simulator = simulator();
    let client = Client::new(&in_process(&simulator));
    client
        .create_log_group()
        .log_group_name(GROUP)
        .tags("unit", "contracts")
        .send()
        .await
        .unwrap();
    (simulator, client)
}

fn event(at: u64, message: &str) -> InputLogEvent {
    InputLogEvent::builder()
        .timestamp(i64::try_from(at).unwrap())
        .message(message)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_log_group_reads_back_as_aws_gives_it() {
    let (_, client) = with_group().await;
    let groups = client
        .describe_log_groups()
        .log_group_name_prefix("/ecs/")
        .send()
        .await
        .unwrap();
    let [group] = groups.log_groups() else {
        panic!("one group expected: {groups:?}")
    };
    let arn = "arn:aws:logs:us-east-1:932100697590:log-group:/ecs/hokusai-contracts";
    assert_eq!(group.log_group_arn(), Some(arn));
    assert_eq!(group.arn(), Some(format!("{arn}:*").as_str()));
    assert_eq!(
        (group.retention_in_days(), group.metric_filter_count()),
        (None, Some(0))
    );
    assert!(
        group
            .creation_time()
            .is_some_and(|at| at >= i64::try_from(NOW).unwrap())
    );

    client
        .put_retention_policy()
        .log_group_name(GROUP)
        .retention_in_days(30)
        .send()
        .await
        .unwrap();
    let groups = client.describe_log_groups().send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(30));
    client
        .delete_retention_policy()
        .log_group_name(GROUP)
        .send()
        .await
        .unwrap();
    let groups = client.describe_log_groups().send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), None);

    client
        .tag_resource()
        .resource_arn(arn)
        .tags("owner", "x")
        .send()
        .await
        .unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .unwrap();
    let mut tags: Vec<_> = tags
        .tags()
        .unwrap()
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    tags.sort();
    assert_eq!(tags, ["owner=x", "unit=contracts"]);
}

#[tokio::test]
async fn log_groups_are_refused_as_aws_refuses_them() {
    let (_, client) = with_group().await;
    let create = |name: &str| client.create_log_group().log_group_name(name).send();
    assert_eq!(code(create(GROUP).await), "ResourceAlreadyExistsException");
    assert_eq!(
        code(create("with space").await),
        "InvalidParameterException"
    );
    let retention = |name: &str, days| {
        client
            .put_retention_policy()
            .log_group_name(name)
            .retention_in_days(days)
            .send()
    };
    assert_eq!(
        code(retention(GROUP, 31).await),
        "InvalidParameterException"
    );
    assert_eq!(
        code(retention("absent", 30).await),
        "ResourceNotFoundException"
    );
    assert_eq!(
        code(
            client
                .delete_log_group()
                .log_group_name("absent")
                .send()
                .await
        ),
        "ResourceNotFoundException"
    );
    let tags = client
        .list_tags_for_resource()
        .resource_arn("arn:aws:logs:us-east-1:932100697590:log-group:absent");
    assert_eq!(code(tags.send().await), "ResourceNotFoundException");
    let both = client
        .describe_log_groups()
        .log_group_name_prefix("a")
        .log_group_name_pattern("b");
    assert_eq!(code(both.send().await), "InvalidParameterException");
    assert_eq!(
        code(client.describe_log_groups().limit(51).send().await),
        "InvalidParameterException"
    );
    let stream = client
        .create_log_stream()
        .log_group_name(GROUP)
        .log_stream_name("a:b");
    assert_eq!(code(stream.send().await), "InvalidParameterException");
}

#[tokio::test]
async fn log_groups_come_in_pages_that_survive_deletions() {
    let (_, client) = with_group().await;
    for number in 0..5 {
        client
            .create_log_group()
            .log_group_name(format!("g{number}"))
            .send()
            .await
            .unwrap();
    }
    let first = client
        .describe_log_groups()
        .log_group_name_prefix("g")
        .limit(2)
        .send()
        .await
        .unwrap();
    client
        .delete_log_group()
        .log_group_name("g0")
        .send()
        .await
        .unwrap();
    let mut names: Vec<String> = first
        .log_groups()
        .iter()
        .map(|group| group.log_group_name().unwrap().to_owned())
        .collect();
    let mut token = first.next_token;
    while let Some(next) = token {
        let page = client
            .describe_log_groups()
            .log_group_name_prefix("g")
            .limit(2)
            .next_token(next)
            .send()
            .await
            .unwrap();
        names.extend(
            page.log_groups()
                .iter()
                .map(|group| group.log_group_name().unwrap().to_owned()),
        );
        token = page.next_token;
    }
    assert_eq!(names, ["g0", "g1", "g2", "g3", "g4"]);
    let (code, message) = refusal(
        client
            .describe_log_groups()
            .next_token("invented")
            .send()
            .await,
    );
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "InvalidParameterException",
            "The specified nextToken is invalid."
        )
    );
}

#[tokio::test]
async fn events_are_put_read_and_found() {
    let (simulator, client) = with_group().await;
    let put = |events: Vec<InputLogEvent>| {
        client
            .put_log_events()
            .log_group_name(GROUP)
            .log_stream_name("s")
            .set_log_events(Some(events))
            .send()
    };
    assert_eq!(
        code(put(vec![event(NOW, "early")]).await),
        "ResourceNotFoundException"
    );
    client
        .create_log_stream()
        .log_group_name(GROUP)
        .log_stream_name("s")
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(put(vec![event(NOW + 1, "b"), event(NOW, "a")]).await),
        "InvalidParameterException"
    );
    assert_eq!(code(put(vec![]).await), "InvalidParameterException");
    let fifteen_days = 15 * 24 * 3_600_000;
    let kept = put(vec![
        event(NOW - fifteen_days, "too old"),
        event(NOW, "one"),
        event(NOW, "two error"),
    ])
    .await
    .unwrap();
    assert_eq!(
        kept.rejected_log_events_info()
            .unwrap()
            .too_old_log_event_end_index(),
        Some(1)
    );

    // A task's output lands beside what is put by hand.
    simulator
        .with(|world, _| logs::append(world, GROUP, "api/c/1", NOW + 5, "three error").unwrap());
    assert!(simulator.with(|world, _| logs::append(world, "absent", "s", NOW, "x").is_err()));

    let found = client
        .filter_log_events()
        .log_group_name(GROUP)
        .filter_pattern("error")
        .send()
        .await
        .unwrap();
    let found: Vec<_> = found
        .events()
        .iter()
        .map(|event| (event.log_stream_name().unwrap(), event.message().unwrap()))
        .collect();
    assert_eq!(found, [("s", "two error"), ("api/c/1", "three error")]);
    let broken = client
        .filter_log_events()
        .log_group_name(GROUP)
        .filter_pattern("{ $.level }");
    assert_eq!(code(broken.send().await), "InvalidParameterException");

    let streams = client.describe_log_streams().log_group_name(GROUP);
    let newest_first = streams
        .order_by("LastEventTime".into())
        .descending(true)
        .send()
        .await
        .unwrap();
    let names: Vec<_> = newest_first
        .log_streams()
        .iter()
        .map(|stream| stream.log_stream_name().unwrap())
        .collect();
    assert_eq!(names, ["api/c/1", "s"]);
}

#[tokio::test]
async fn a_stream_is_read_from_either_end_and_the_tokens_stand_still_there() {
    let (simulator, client) = with_group().await;
    simulator.with(|world, _| {
        for number in 0..5 {
            logs::append(world, GROUP, "s", NOW + number, &format!("line {number}")).unwrap();
        }
    });
    let read = || {
        client
            .get_log_events()
            .log_group_name(GROUP)
            .log_stream_name("s")
            .limit(2)
    };
    let lines = |output: &aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput| {
        output
            .events()
            .iter()
            .map(|event| event.message().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let newest = read().send().await.unwrap();
    assert_eq!(lines(&newest), ["line 3", "line 4"]);
    let before = read()
        .next_token(newest.next_backward_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(lines(&before), ["line 1", "line 2"]);
    let end = read()
        .next_token(newest.next_forward_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(lines(&end), Vec::<String>::new());
    assert_eq!(end.next_forward_token(), newest.next_forward_token());
    let head = read().start_from_head(true).send().await.unwrap();
    assert_eq!(lines(&head), ["line 0", "line 1"]);
}

#[tokio::test]
async fn a_stream_keeps_its_newest_ten_thousand_events() {
    let (simulator, client) = with_group().await;
    simulator.with(|world, _| {
        for number in 0..10_003 {
            logs::append(world, GROUP, "s", NOW, &format!("line {number}")).unwrap();
        }
    });
    let head = client
        .get_log_events()
        .log_group_name(GROUP)
        .log_stream_name("s")
        .limit(1)
        .start_from_head(true);
    assert_eq!(
        head.send().await.unwrap().events()[0].message(),
        Some("line 3")
    );
}
