//! A task's credentials: those of its task role and no others, found by boto3 as on Fargate.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, LaunchType, LogConfiguration,
    LogDriver, NetworkConfiguration, NetworkMode,
};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::program::{ACCOUNT, program, ready};

const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
const ROLE: &str = "arn:aws:iam::932100697590:role/";

/// The image: `task.py` with this test's Python.
fn write_image(file: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = format!(
        "#!/bin/sh\nexport PATH='{}' PYTHONPATH='{}' PYTHONDONTWRITEBYTECODE=1 AWS_EC2_METADATA_DISABLED=true\nexec python3 '{}'\n",
        std::env::var("PATH").unwrap(),
        root.join("target/tools/python").display(),
        root.join("tests/simulator/task.py").display(),
    );
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o700)).unwrap();
}

async fn make_role(config: &SdkConfig, name: &str, action: &str, resource: &str) {
    let iam = aws_sdk_iam::Client::new(config);
    let role = iam.create_role().role_name(name);
    role.assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap();
    let policy =
        json!({ "Statement": { "Effect": "Allow", "Action": action, "Resource": resource } });
    let put = iam.put_role_policy().role_name(name).policy_name("own");
    put.policy_document(policy.to_string())
        .send()
        .await
        .unwrap();
}

/// Runs the image to its end as a task with this task role; its id and what it said.
async fn run(config: &SdkConfig, family: &str, task_role: Option<&str>) -> (String, Value) {
    let ecs = aws_sdk_ecs::Client::new(config);
    let log = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", "/tasks")
        .options("awslogs-region", "us-east-1")
        .options("awslogs-stream-prefix", family)
        .build()
        .unwrap();
    let container = ContainerDefinition::builder()
        .name("main")
        .image("932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0")
        .log_configuration(log)
        .build();
    let register = ecs.register_task_definition().family(family);
    register
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .execution_role_arn(format!("{ROLE}execution"))
        .set_task_role_arn(task_role.map(|role| format!("{ROLE}{role}")))
        .container_definitions(container)
        .send()
        .await
        .unwrap();
    let network = AwsVpcConfiguration::builder()
        .subnets("subnet-0a1b2c3d4e5f60718")
        .security_groups("sg-0c3d4e5f607182930")
        .build()
        .unwrap();
    let network = NetworkConfiguration::builder().awsvpc_configuration(network);
    let ran = ecs.run_task().cluster("hokusai-development");
    let ran = ran
        .task_definition(family)
        .launch_type(LaunchType::Fargate)
        .network_configuration(network.build())
        .send()
        .await
        .unwrap();
    let id = ran.tasks()[0].task_arn().unwrap().rsplit('/').next();
    let id = id.unwrap().to_owned();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let described = ecs.describe_tasks().cluster("hokusai-development");
        let described = described.tasks(&id).send().await.unwrap();
        if described.tasks()[0].last_status() == Some("STOPPED") {
            break;
        }
        assert!(Instant::now() < deadline, "the task does not end");
        sleep(Duration::from_millis(50)).await;
    }
    let logs = aws_sdk_cloudwatchlogs::Client::new(config);
    let events = logs.get_log_events().log_group_name("/tasks");
    let events = events.log_stream_name(format!("{family}/main/{id}"));
    let events = events.send().await.unwrap();
    let lines: Vec<&str> = events
        .events()
        .iter()
        .filter_map(|event| event.message())
        .collect();
    let said = lines
        .last()
        .and_then(|line| serde_json::from_str(line).ok());
    (id, said.unwrap_or_else(|| panic!("{lines:#?}")))
}

#[tokio::test]
async fn a_task_is_its_task_role_and_may_what_that_may_while_it_lives() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    write_image(&image);
    let mut command = program(ACCOUNT, directory.path());
    command.arg(format!("--image=hokusai/contracts={}", image.display()));
    let _simulator = command.spawn().unwrap();
    let ready = ready(&directory.path().join("ready.json")).await;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = crate::config(http, Some(ready["endpoint"].as_str().unwrap().to_owned()));
    make_role(&config, "execution", "*", "*").await;
    let own = "arn:aws:ssm:us-east-1:932100697590:parameter/its/own";
    make_role(&config, "program", "ssm:GetParameter", own).await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let group = logs.create_log_group().log_group_name("/tasks");
    group.send().await.unwrap();
    let ssm = aws_sdk_ssm::Client::new(&config);
    for (name, value) in [("/its/own", "the value"), ("/another", "not for it")] {
        let put = ssm.put_parameter().name(name).value(value);
        put.r#type(ParameterType::String).send().await.unwrap();
    }

    let (id, said) = run(&config, "with-role", Some("program")).await;
    let [url, token] = ["url", "token"].map(|name| said[name].as_str().unwrap());
    assert_eq!(
        said,
        json!({
            "region": "us-east-1", "method": "container-role",
            "arn": format!("arn:aws:sts::932100697590:assumed-role/program/{id}"),
            "parameters": ["the value", "AccessDeniedException"], "another token": 400, "url": url, "token": token,
        })
    );
    // Its end is theirs.
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "GET /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");

    let (_, said) = run(&config, "without-role", None).await;
    assert_eq!(said, json!({ "region": "us-east-1", "method": null }));
}
