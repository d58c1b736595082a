//! The simulated AWS through the real SDK clients, in process and over HTTP, and through boto3.
//!
//! A test that fails here says that the simulator does not answer as AWS does; ECS and ELBv2 have binaries of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod account;
mod asking;
mod autoscaling;
mod boto3;
mod cloudwatch;
mod credentials;
mod ecr;
mod faults;
mod fuzz;
mod http;
mod iam;
mod journal;
mod lag;
mod limits;
mod load;
mod logs;
mod model;
mod program;
mod servicediscovery;
mod sign;
mod signature;
mod ssm;
mod sts;
mod tools;
mod wire;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::HttpClient;
use contracts::simulator::{Simulator, account as fixture, client};

/// 2026-08-01T00:00:00Z
const NOW: u64 = 1_785_542_400_000;

/// The starting account, as the demo has it.
fn simulator() -> Simulator {
    at_speed(1)
}

fn at_speed(speed: u64) -> Simulator {
    let account = fixture::parse(include_str!("../fixtures/account.yaml")).unwrap();
    Simulator::at_speed(account.into_world(7, NOW), NOW, speed)
}

#[tokio::test(start_paused = true)]
async fn a_fast_clock_shows_more_time_than_passes() {
    let (usual, fast) = (simulator(), at_speed(10));
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    assert_eq!((usual.now(), fast.now()), (NOW + 3_000, NOW + 30_000));
}

/// A server's clients sign by the real time, so its clock must show that.
fn simulator_now() -> Simulator {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    let account = fixture::parse(include_str!("../fixtures/account.yaml")).unwrap();
    Simulator::new(account.into_world(7, now), now)
}

/// What SDK clients of a server are made from; no retries, so that a refusal is seen.
fn config(http_client: impl HttpClient + 'static, endpoint: Option<String>) -> SdkConfig {
    let credentials = Credentials::new("demo", "demo", None, None, "test");
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client);
    builder.set_endpoint_url(endpoint);
    builder.build()
}

fn in_process(simulator: &Simulator) -> SdkConfig {
    let config = client::config(simulator).into_builder();
    config.retry_config(RetryConfig::disabled()).build()
}

/// The code and message of a refused call.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(
    result: Result<T, SdkError<E, R>>,
) -> (String, String) {
    let error = result.expect_err("the call should have been refused");
    let code = error
        .code()
        .unwrap_or_else(|| panic!("no code in {error:?}"))
        .to_owned();
    (code, error.message().unwrap_or_default().to_owned())
}

fn code<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(
    result: Result<T, SdkError<E, R>>,
) -> String {
    refusal(result).0
}

/// Makes the service that scaling tests scale: one task wanted.
async fn add_service(config: &SdkConfig) {
    use aws_sdk_ecs::types::{
        AwsVpcConfiguration, Compatibility, ContainerDefinition, LaunchType, NetworkConfiguration,
        NetworkMode,
    };
    let ecs = aws_sdk_ecs::Client::new(config);
    let image = "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0";
    let container = ContainerDefinition::builder()
        .name("api")
        .image(image)
        .build();
    let register = ecs
        .register_task_definition()
        .family("hokusai-contracts-task")
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .container_definitions(container);
    register.send().await.unwrap();
    let network = AwsVpcConfiguration::builder()
        .subnets("subnet-0a1b2c3d4e5f60718")
        .security_groups("sg-0c3d4e5f607182930")
        .build()
        .unwrap();
    let create = ecs
        .create_service()
        .cluster("hokusai-development")
        .service_name("hokusai-contracts-development")
        .task_definition("hokusai-contracts-task")
        .launch_type(LaunchType::Fargate)
        .desired_count(1)
        .network_configuration(
            NetworkConfiguration::builder()
                .awsvpc_configuration(network)
                .build(),
        );
    create.send().await.unwrap();
}
