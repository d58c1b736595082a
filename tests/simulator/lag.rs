//! Read-after-write lag: what a client, and ECS itself, does not see yet.

use std::time::Duration;

use aws_sdk_ecs::types::{AwsVpcConfiguration, LaunchType, NetworkConfiguration};
use contracts::simulator::ecs::{self, Effect};
use contracts::simulator::{Simulator, client};
use tokio::time::sleep;

use crate::{code, simulator};

const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

fn late() -> Simulator {
    let simulator = simulator();
    simulator.set_lag(Duration::from_secs(3));
    simulator
}

#[tokio::test(start_paused = true)]
async fn a_read_sees_a_change_when_the_lag_is_over_and_a_write_at_once() {
    let simulator = late();
    let config = client::config(&simulator);
    let iam = aws_sdk_iam::Client::new(&config);
    let create = iam
        .create_role()
        .role_name("r")
        .assume_role_policy_document(TRUST);
    create.clone().send().await.unwrap();
    assert_eq!(
        code(iam.get_role().role_name("r").send().await),
        "NoSuchEntity"
    );
    assert_eq!(code(create.send().await), "EntityAlreadyExists");
    sleep(Duration::from_millis(2900)).await;
    assert_eq!(
        code(iam.get_role().role_name("r").send().await),
        "NoSuchEntity"
    );
    let tag = aws_sdk_iam::types::Tag::builder()
        .key("a")
        .value("b")
        .build()
        .unwrap();
    iam.tag_role()
        .role_name("r")
        .tags(tag)
        .send()
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    // The role shows, its tag does not yet.
    let tags = || async {
        iam.list_role_tags()
            .role_name("r")
            .send()
            .await
            .unwrap()
            .tags()
            .len()
    };
    assert_eq!(tags().await, 0);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(tags().await, 1);
    iam.delete_role().role_name("r").send().await.unwrap();
    assert!(iam.get_role().role_name("r").send().await.is_ok());
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        code(iam.get_role().role_name("r").send().await),
        "NoSuchEntity"
    );
}

#[tokio::test(start_paused = true)]
async fn one_services_changes_do_not_make_another_stale() {
    let simulator = late();
    let config = client::config(&simulator);
    let ecs = aws_sdk_ecs::Client::new(&config);
    let container = aws_sdk_ecs::types::ContainerDefinition::builder()
        .name("a")
        .image("busybox")
        .memory(64)
        .build();
    ecs.register_task_definition()
        .family("fresh")
        .container_definitions(container)
        .send()
        .await
        .unwrap();
    let families = || async {
        ecs.list_task_definitions()
            .send()
            .await
            .unwrap()
            .task_definition_arns()
            .len()
    };
    assert_eq!(families().await, 0);
    let ssm = aws_sdk_ssm::Client::new(&config);
    let put = ssm
        .put_parameter()
        .name("/a")
        .value("1")
        .r#type(aws_sdk_ssm::types::ParameterType::String);
    put.send().await.unwrap();
    assert!(ssm.get_parameter().name("/a").send().await.is_ok());
    simulator.set_lag(Duration::ZERO);
    assert_eq!(families().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_role_just_made_cannot_be_assumed_yet() {
    let simulator = late();
    let config = client::config(&simulator);
    let iam = aws_sdk_iam::Client::new(&config);
    iam.create_role()
        .role_name("exec")
        .assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap();
    let managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    iam.attach_role_policy()
        .role_name("exec")
        .policy_arn(managed)
        .send()
        .await
        .unwrap();
    let ecs = aws_sdk_ecs::Client::new(&config);
    let container = aws_sdk_ecs::types::ContainerDefinition::builder()
        .name("api")
        .image("932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0");
    let register = ecs
        .register_task_definition()
        .family("api")
        .requires_compatibilities(aws_sdk_ecs::types::Compatibility::Fargate)
        .network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .execution_role_arn("arn:aws:iam::932100697590:role/exec")
        .container_definitions(container.build());
    register.send().await.unwrap();
    let network = AwsVpcConfiguration::builder()
        .subnets("subnet-0a1b2c3d4e5f60718")
        .build()
        .unwrap();
    let create = ecs
        .create_service()
        .cluster("hokusai-development")
        .service_name("api")
        .task_definition("api")
        .launch_type(LaunchType::Fargate)
        .desired_count(1)
        .network_configuration(
            NetworkConfiguration::builder()
                .awsvpc_configuration(network)
                .build(),
        );
    create.send().await.unwrap();
    let mut starts = 0;
    let mut first = None;
    for tick in 0..1200 {
        let effects = simulator.step(ecs::step);
        starts += effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Start(_)))
            .count();
        if starts > 0 {
            first = Some(tick);
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let events = ecs
        .describe_services()
        .cluster("hokusai-development")
        .services("api")
        .send()
        .await
        .unwrap();
    let messages: Vec<&str> = events.services()[0]
        .events()
        .iter()
        .filter_map(|event| event.message())
        .collect();
    assert!(
        messages
            .iter()
            .any(|text| text.contains("ECS was unable to assume the role")),
        "{messages:?}"
    );
    assert!(
        first.is_some_and(|tick| tick >= 30),
        "a task started after {first:?} ticks: {messages:?}"
    );
}
