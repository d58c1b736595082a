//! The real SDK client against the model, through the wire: numbers, booleans, lists and pages survive the way.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, HostHeaderConditionConfig, Matcher, ProtocolEnum, RuleCondition, Tag,
    TargetDescription, TargetHealthReasonEnum, TargetHealthStateEnum, TargetTypeEnum,
};
use contracts::simulator::{Simulator, client};

use crate::{LISTENER, LOAD_BALANCER, VPC, account_world};

fn client() -> Client {
    let simulator = Simulator::new(account_world(), 1_700_000_000_000);
    Client::new(&client::config(&simulator))
}

#[tokio::test]
async fn the_calls_of_a_reconciler_read_back_what_they_wrote() {
    let client = client();
    let tag = Tag::builder().key("owner").value("contracts").build();
    let made = client
        .create_target_group()
        .name("contracts")
        .protocol(ProtocolEnum::Http)
        .port(3001)
        .vpc_id(VPC)
        .target_type(TargetTypeEnum::Ip)
        .health_check_path("/health")
        .health_check_interval_seconds(10)
        .matcher(Matcher::builder().http_code("200-299").build())
        .tags(tag.clone())
        .send()
        .await
        .unwrap();
    let group = made.target_groups()[0].clone();
    let arn = group.target_group_arn().unwrap();
    assert_eq!(
        (group.port(), group.health_check_interval_seconds()),
        (Some(3001), Some(10))
    );
    assert_eq!(
        (
            group.health_check_enabled(),
            group.health_check_timeout_seconds()
        ),
        (Some(true), Some(5))
    );
    assert_eq!(group.matcher().unwrap().http_code(), Some("200-299"));
    assert_eq!(group.target_type(), Some(&TargetTypeEnum::Ip));

    let host = HostHeaderConditionConfig::builder()
        .values("contracts.hokus.ai")
        .build();
    let rule = client
        .create_rule()
        .listener_arn(LISTENER)
        .priority(100)
        .conditions(
            RuleCondition::builder()
                .field("host-header")
                .host_header_config(host)
                .build(),
        )
        .actions(
            Action::builder()
                .r#type(ActionTypeEnum::Forward)
                .target_group_arn(arn)
                .build(),
        )
        .tags(tag.clone())
        .send()
        .await
        .unwrap();
    let rule_arn = rule.rules()[0].rule_arn().unwrap();
    let rules = client
        .describe_rules()
        .listener_arn(LISTENER)
        .send()
        .await
        .unwrap();
    assert_eq!(rules.rules()[0], rule.rules()[0]);
    assert_eq!(
        rules.rules()[0].conditions()[0].values(),
        ["contracts.hokus.ai"]
    );
    let forward = rules.rules()[0].actions()[0].forward_config().unwrap();
    assert_eq!(forward.target_groups()[0].weight(), Some(1));
    assert_eq!(
        forward.target_group_stickiness_config().unwrap().enabled(),
        Some(false)
    );
    assert_eq!(
        (rules.rules()[1].priority(), rules.rules()[1].is_default()),
        (Some("default"), Some(true))
    );

    let tags = client
        .describe_tags()
        .resource_arns(arn)
        .resource_arns(rule_arn)
        .send()
        .await
        .unwrap();
    assert_eq!(
        tags.tag_descriptions()[0].tags(),
        std::slice::from_ref(&tag)
    );
    assert_eq!(tags.tag_descriptions()[1].tags(), [tag]);

    let targets = client.register_targets().target_group_arn(arn);
    targets
        .targets(TargetDescription::builder().id("10.0.2.10").build())
        .send()
        .await
        .unwrap();
    let health = client
        .describe_target_health()
        .target_group_arn(arn)
        .send()
        .await
        .unwrap();
    let described = &health.target_health_descriptions()[0];
    assert_eq!(described.target().unwrap().port(), Some(3001));
    let target_health = described.target_health().unwrap();
    assert_eq!(target_health.state(), Some(&TargetHealthStateEnum::Initial));
    assert_eq!(
        target_health.reason(),
        Some(&TargetHealthReasonEnum::RegistrationInProgress)
    );

    let balancers = client
        .describe_load_balancers()
        .names("hokusai-development")
        .send()
        .await
        .unwrap();
    let balancer = &balancers.load_balancers()[0];
    assert_eq!(balancer.load_balancer_arn(), Some(LOAD_BALANCER));
    assert_eq!(balancer.created_time().unwrap().secs(), 0);
    assert_eq!(balancer.availability_zones().len(), 2);
}

#[tokio::test]
async fn refusals_arrive_as_the_sdks_own_errors() {
    let client = client();
    let absent = client
        .describe_target_groups()
        .names("absent")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(absent.is_target_group_not_found_exception(), "{absent:?}");
    let listener = client
        .describe_rules()
        .listener_arn("arn:absent")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(listener.is_listener_not_found_exception(), "{listener:?}");
    let create = || {
        client
            .create_target_group()
            .name("contracts")
            .protocol(ProtocolEnum::Http)
            .vpc_id(VPC)
    };
    create().port(3001).send().await.unwrap();
    let clash = create()
        .port(8002)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(
        clash.is_duplicate_target_group_name_exception(),
        "{clash:?}"
    );
    let invalid = create()
        .port(3001)
        .health_check_timeout_seconds(30)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let message = "Health check timeout '30' must be smaller than the interval '30'";
    assert_eq!(
        (invalid.meta().code(), invalid.meta().message()),
        (Some("ValidationError"), Some(message))
    );
}

#[tokio::test]
async fn the_sdks_paginator_gets_every_target_group_once() {
    let client = client();
    for number in 0..5 {
        let create = client
            .create_target_group()
            .name(format!("group-{number}"))
            .protocol(ProtocolEnum::Http);
        create.port(3001).vpc_id(VPC).send().await.unwrap();
    }
    let pages = client
        .describe_target_groups()
        .page_size(2)
        .into_paginator()
        .items()
        .send();
    let groups: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let names: Vec<_> = groups
        .iter()
        .map(|group| group.target_group_name().unwrap())
        .collect();
    assert_eq!(
        names,
        ["group-0", "group-1", "group-2", "group-3", "group-4"]
    );
}
