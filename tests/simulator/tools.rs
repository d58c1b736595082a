//! Other people's tools against the program, unmodified: ecs-deploy and the AWS CLI's waiter, with virtual tasks.
//!
//! Never skipped: without the tools it fails and says what to run.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_ecs::types::{DeploymentCircuitBreaker, DeploymentConfiguration};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CLUSTER: &str = "hokusai-development";
const SERVICE: &str = "hokusai-contracts-development";
const REGISTRY: &str = "932100697590.dkr.ecr.us-east-1.amazonaws.com";
const PATIENCE: Duration = Duration::from_secs(120);

/// The program with virtual tasks and a service of one task; it ends with this.
struct Played {
    endpoint: String,
    ecs: aws_sdk_ecs::Client,
    _program: Child,
    _directory: tempfile::TempDir,
}

impl Played {
    async fn start(speed: &str, images: &str) -> Played {
        let directory = tempfile::tempdir().unwrap();
        let behaviour = directory.path().join("images.yaml");
        std::fs::write(&behaviour, images).unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .args(["--tasks", "virtual", "--speed", speed, "--account"])
            .arg(Path::new(ROOT).join("tests/fixtures/account.yaml"))
            .arg("--images")
            .arg(&behaviour)
            .arg("--state")
            .arg(directory.path())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ready = crate::program::ready(&directory.path().join("ready.json")).await;
        let endpoint = ready["endpoint"].as_str().unwrap().to_owned();
        let http = aws_smithy_http_client::Builder::new().build_http();
        let config = crate::config(http, Some(endpoint.clone()));
        crate::add_service(&config).await;
        let played = Played {
            endpoint,
            ecs: aws_sdk_ecs::Client::new(&config),
            _program: program,
            _directory: directory,
        };
        played.until_completed().await;
        played
    }

    async fn until_completed(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let read = self
                .ecs
                .describe_services()
                .cluster(CLUSTER)
                .services(SERVICE);
            let services = read.send().await.unwrap().services.unwrap();
            let deployments = services[0].deployments();
            let state = deployments[0].rollout_state().unwrap();
            if deployments.len() == 1 && state.as_str() == "COMPLETED" {
                return;
            }
            assert!(Instant::now() < deadline, "{services:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// A Python program of `target/tools/<directory>`, as its users run it.
    async fn tool(&self, directory: &str, program: &str, arguments: &[&str]) -> Output {
        let directory = Path::new(ROOT).join("target/tools").join(directory);
        let program = directory.join("bin").join(program);
        assert!(
            program.exists(),
            "{program:?} is missing: run scripts/install.sh"
        );
        let run = Command::new("python3")
            .arg(program)
            .args(arguments)
            .env("PYTHONPATH", directory)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "demo")
            .env("AWS_SECRET_ACCESS_KEY", "demo")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            // A developer's own profile must not lead it elsewhere, nor his proxy.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("NO_PROXY", "*")
            .kill_on_drop(true)
            .output();
        timeout(PATIENCE, run)
            .await
            .expect("it should end")
            .unwrap()
    }

    /// `ecs deploy` of an image by its tag: the exit code and everything it said.
    async fn deploy(&self, tag: &str, more: &[&str]) -> (Option<i32>, String) {
        let image = format!("{REGISTRY}/hokusai/contracts:{tag}");
        let arguments = [
            "deploy",
            CLUSTER,
            SERVICE,
            "--image",
            "api",
            &image,
            "--timeout",
            "60",
        ];
        let output = self
            .tool("deploy", "ecs", &[&arguments, more].concat())
            .await;
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// The service's running task's image, by its tag.
    async fn running_tag(&self) -> String {
        let list = self.ecs.list_tasks().cluster(CLUSTER).service_name(SERVICE);
        let tasks = list.send().await.unwrap().task_arns.unwrap();
        let read = self.ecs.describe_tasks().cluster(CLUSTER);
        let read = read.set_tasks(Some(tasks)).send().await.unwrap();
        let image = read.tasks()[0].containers()[0].image().unwrap();
        image.rsplit_once(':').unwrap().1.to_owned()
    }

    async fn own(&self, method: &str, path: &str, body: &str) -> Value {
        let mut curl = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "-X", method])
            .args(["--data-binary", "@-"])
            .arg(format!("{}/_simulator/{path}", self.endpoint))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = curl.stdin.take().unwrap();
        stdin.write_all(body.as_bytes()).await.unwrap();
        drop(stdin);
        let output = curl.wait_with_output().await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[tokio::test]
async fn ecs_deploy_sees_a_good_image_succeed_and_bad_ones_fail() {
    let images = "images: [{ image: hokusai/contracts, pull_seconds: 20, start_seconds: 5 }]";
    let played = Played::start("100", images).await;
    let (code, said) = played.deploy("0.1.1", &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Deployment successful"), "{said}");
    assert_eq!(played.running_tag().await, "0.1.1");

    let bad = "images: [{ image: 'hokusai/contracts:0.1.0', unpullable: the registry is on fire }]";
    assert_eq!(
        played.own("PUT", "images", bad).await,
        serde_json::json!({})
    );
    let (code, said) = played.deploy("0.1.0", &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("CannotPullContainerError: the registry is on fire")
            && said.contains("Deployment failed"),
        "{said}"
    );
    // Interval, timeout, retries, start period: without a check a task is well as soon as it runs.
    let check = ["--health-check", "api", "true", "5", "2", "2", "0"];
    let (code, said) = played.deploy("0.1.1", &[]).await;
    assert_eq!(code, Some(0), "{said}");

    let bad = "images: [{ image: 'hokusai/contracts:0.1.0', crash: { after_seconds: 1 } }]";
    played.own("PUT", "images", bad).await;
    let breaker = DeploymentCircuitBreaker::builder()
        .enable(true)
        .rollback(false);
    let configuration = DeploymentConfiguration::builder()
        .deployment_circuit_breaker(breaker.build())
        .build();
    let update = played
        .ecs
        .update_service()
        .cluster(CLUSTER)
        .service(SERVICE);
    let update = update.deployment_configuration(configuration);
    update.send().await.unwrap();
    let (code, said) = played.deploy("0.1.0", &check).await;
    assert_eq!(code, Some(1), "{said}");
    // Which it sees first, the event or the rollout's end, is a matter of time.
    assert!(
        said.contains("Deployment failed") || said.contains("Deployment Failed!"),
        "{said}"
    );
    assert_eq!(
        played.running_tag().await,
        "0.1.1",
        "the last good one stays"
    );

    let refused = played.own("PUT", "images", "images: [{}]").await;
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("missing field `image`"), "{error}");
}

#[tokio::test]
async fn the_cli_waits_until_the_service_is_stable() {
    let played = Played::start("10", "images: []").await;
    let slow = "images: [{ image: hokusai/contracts, pull_seconds: 120 }]";
    played.own("PUT", "images", slow).await;
    let update = played.ecs.update_service().cluster(CLUSTER);
    let update = update.service(SERVICE).force_new_deployment(true);
    update.send().await.unwrap();
    played.own("DELETE", "calls", "").await;
    let wait = [
        "ecs",
        "wait",
        "services-stable",
        "--cluster",
        CLUSTER,
        "--services",
        SERVICE,
    ];
    let waited = played.tool("python", "aws", &wait).await;
    let said = String::from_utf8_lossy(&waited.stderr);
    assert!(waited.status.success(), "{said}");
    // It asks every fifteen seconds, and did not see a stable service at once.
    let calls = played.own("GET", "calls", "").await;
    let asked = calls["ecs.DescribeServices"]["calls"].as_u64().unwrap();
    assert!(asked >= 2, "{calls}");
}
