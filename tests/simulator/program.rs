//! The program: starts from the account file, says where it is, ends at a signal and leaves nothing that misleads.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

pub const ACCOUNT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/account.yaml");

pub fn program(account: &str, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command
        .args([
            "--account",
            account,
            "--image",
            "hokusai/contracts=/bin/true",
            "--state",
        ])
        .arg(state)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn ended(child: Child) -> Output {
    timeout(Duration::from_secs(20), child.wait_with_output())
        .await
        .expect("it should end")
        .unwrap()
}

pub async fn ready(file: &Path) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(ready) = serde_json::from_str(&std::fs::read_to_string(file).unwrap_or_default())
        {
            return ready;
        }
        assert!(Instant::now() < deadline, "no ready.json");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn it_announces_its_addresses_answers_and_ends_at_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ready.json");
    // Left behind by a run that was killed.
    std::fs::write(&file, "stale").unwrap();
    let child = program(ACCOUNT, directory.path()).spawn().unwrap();
    let ready = ready(&file).await;
    let authority = std::fs::read_to_string(ready["ca_file"].as_str().unwrap()).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    let balancer = ready["load_balancer"].as_str().unwrap();
    tokio::net::TcpStream::connect(balancer).await.unwrap();
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = crate::config(http, Some(ready["endpoint"].as_str().unwrap().to_owned()));
    let clusters = aws_sdk_ecs::Client::new(&config)
        .list_clusters()
        .send()
        .await
        .unwrap();
    assert_eq!(
        clusters.cluster_arns(),
        ["arn:aws:ecs:us-east-1:932100697590:cluster/hokusai-development"]
    );

    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = ended(child).await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        log.contains("ready: {") && log.contains("SIGTERM: stopping"),
        "{log}"
    );
    assert!(!file.exists());
}

#[tokio::test]
async fn a_bad_account_file_is_named_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let account = directory.path().join("account.yaml");
    std::fs::write(&account, "account: \"1\"\nregoin: x\n").unwrap();
    let output = ended(
        program(account.to_str().unwrap(), directory.path())
            .spawn()
            .unwrap(),
    )
    .await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(
        log.contains(
            "account.yaml is refused: the account file does not read: unknown field `regoin`"
        ),
        "{log}"
    );
    let output = ended(program("/absent.yaml", directory.path()).spawn().unwrap()).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("failed to read /absent.yaml"));
    assert!(!directory.path().join("ready.json").exists());
}

#[tokio::test]
async fn what_is_for_the_other_kind_of_tasks_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, want) in [
        (
            ["--speed", "11"],
            "a --speed above 10 is for --tasks virtual",
        ),
        (["--tasks", "virtual"], "--image is for --tasks processes"),
    ] {
        let mut command = program(ACCOUNT, directory.path());
        let output = ended(command.args(arguments).spawn().unwrap()).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(want), "{said}");
    }
}

#[tokio::test]
async fn limits_lag_and_faults_are_set_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let faults = directory.path().join("faults.yaml");
    std::fs::write(
        &faults,
        "faults:\n  - { on: sts.GetCallerIdentity, nth: 2, fault: unavailable }\n",
    )
    .unwrap();
    let mut command = program(ACCOUNT, directory.path());
    command
        .args(["--limits", "on", "--lag", "60000", "--faults"])
        .arg(&faults);
    let child = command.spawn().unwrap();
    let file = directory.path().join("ready.json");
    let ready = ready(&file).await;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = crate::config(http, Some(ready["endpoint"].as_str().unwrap().to_owned()));
    let sts = aws_sdk_sts::Client::new(&config);
    sts.get_caller_identity().send().await.unwrap();
    assert_eq!(
        crate::code(sts.get_caller_identity().send().await),
        "ServiceUnavailable"
    );
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
    iam.create_role()
        .role_name("r")
        .assume_role_policy_document(trust)
        .send()
        .await
        .unwrap();
    assert_eq!(
        crate::code(iam.get_role().role_name("r").send().await),
        "NoSuchEntity"
    );
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(cloudwatch.describe_alarms().send().await.is_err());
    }
    assert!(refused > 0);
    drop(child);

    std::fs::write(&faults, "faults:\n  - { on: sts, fault: unavailable }\n").unwrap();
    let output = ended(
        program(ACCOUNT, directory.path())
            .arg("--faults")
            .arg(&faults)
            .spawn()
            .unwrap(),
    )
    .await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        log.contains("faults.yaml is refused: faults[0]: on: sts is not service.Operation"),
        "{log}"
    );
}
