//! Faults as the Rust SDK sees them: every kind, in each protocol; whether it retries; whether the effect is there.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::ErrorKind;
use contracts::simulator::{Simulator, client, fault};
use serde_json::json;

use crate::http::Server;
use crate::simulator;

/// How a call ended for the client: `200`, `400 Code`, `timeout`, `closed`.
fn seen<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E, HttpResponse>>) -> String {
    match result {
        Ok(_) => "200".to_owned(),
        Err(SdkError::ServiceError(error)) => {
            format!(
                "{} {}",
                error.raw().status().as_u16(),
                error.err().code().unwrap_or_default()
            )
        }
        Err(SdkError::TimeoutError(_)) => "timeout".to_owned(),
        Err(SdkError::DispatchFailure(failure))
            if failure.as_other() == Some(ErrorKind::TransientError) =>
        {
            "closed".to_owned()
        }
        Err(SdkError::DispatchFailure(failure)) if failure.is_timeout() => "timeout".to_owned(),
        Err(SdkError::DispatchFailure(failure)) => format!("dispatch: {failure:?}"),
        Err(_) => "something else".to_owned(),
    }
}

fn patient(config: SdkConfig, attempts: u32) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(2))
        .build();
    let retries = RetryConfig::standard().with_max_attempts(attempts);
    config
        .into_builder()
        .timeout_config(timeouts)
        .retry_config(retries)
        .build()
}

fn set(simulator: &Simulator, faults: &str) {
    simulator.set_faults(
        fault::parse(&format!("faults:\n  - {faults}"))
            .unwrap_or_else(|error| panic!("{faults}: {error:?}")),
    );
}

/// One change by each protocol: JSON, Query, CBOR. What it made is seen by the second.
async fn change(service: &str, config: &SdkConfig) -> String {
    match service {
        "ecs" => {
            let ecs = aws_sdk_ecs::Client::new(config);
            let container = aws_sdk_ecs::types::ContainerDefinition::builder()
                .name("a")
                .image("busybox")
                .memory(64);
            let register = ecs
                .register_task_definition()
                .family("fresh")
                .container_definitions(container.build());
            seen(register.send().await)
        }
        "iam" => {
            let iam = aws_sdk_iam::Client::new(config);
            let trust =
                r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
            seen(
                iam.create_role()
                    .role_name("fresh")
                    .assume_role_policy_document(trust)
                    .send()
                    .await,
            )
        }
        _ => {
            let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
            seen(
                cloudwatch
                    .set_alarm_state()
                    .alarm_name("absent")
                    .send()
                    .await,
            )
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_is_seen_as_the_error_aws_would_give_and_retried_when_that_is() {
    // Kind; what a client that does not retry sees, by protocol; what comes of the call on the server.
    let rows = [
        (
            "throttle",
            [
                "400 ThrottlingException",
                "400 Throttling",
                "400 Throttling",
            ],
            "Throttl",
        ),
        (
            "internal-error",
            [
                "500 ServerException",
                "500 ServiceFailure",
                "500 InternalServiceError",
            ],
            "Serv",
        ),
        (
            "unavailable",
            [
                "503 ServiceUnavailableException",
                "503 ServiceUnavailable",
                "503 ServiceUnavailable",
            ],
            "ServiceUnavailable",
        ),
        ("timeout", ["timeout"; 3], "lost before its effect"),
        ("disconnect", ["closed"; 3], "lost before its effect"),
        ("timeout-after", ["timeout"; 3], ", reply lost"),
        ("lost-reply", ["closed"; 3], ", reply lost"),
    ];
    for (kind, expected, outcome) in rows {
        for (service, expected) in ["ecs", "iam", "monitoring"].into_iter().zip(expected) {
            let simulator = simulator();
            let faulty = format!("{{ on: '{service}.*', times: 2, fault: {kind} }}");
            set(&simulator, &faulty);
            let once = patient(client::config(&simulator), 1);
            assert_eq!(
                change(service, &once).await,
                expected,
                "{kind} on {service}"
            );
            let journal = simulator.journal();
            assert!(
                journal[0].outcome.contains(outcome),
                "{kind} on {service}: {journal:?}"
            );

            // The second is met by the first attempt of a client that retries, and its second attempt gets through.
            simulator.clear_journal();
            let retrying = patient(client::config(&simulator), 3);
            let _ = change(service, &retrying).await;
            assert_eq!(
                simulator.journal().len(),
                2,
                "{kind} on {service} should be retried once"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_effect_is_there_or_not_as_the_kind_says() {
    for (kind, there) in [
        ("timeout", false),
        ("disconnect", false),
        ("timeout-after", true),
        ("lost-reply", true),
    ] {
        let simulator = simulator();
        set(
            &simulator,
            &format!("{{ on: iam.CreateRole, fault: {kind} }}"),
        );
        let config = patient(client::config(&simulator), 1);
        change("iam", &config).await;
        let role = aws_sdk_iam::Client::new(&config)
            .get_role()
            .role_name("fresh")
            .send()
            .await;
        assert_eq!(role.is_ok(), there, "{kind}");
    }
}

#[tokio::test]
async fn a_server_loses_replies_by_the_socket() {
    let server = Server::start().await;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = patient(crate::config(http, Some(server.endpoint.clone())), 1);
    let config = config
        .into_builder()
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .build();
    for (kind, expected) in [
        ("lost-reply", "closed"),
        ("disconnect", "closed"),
        ("timeout", "timeout"),
    ] {
        let begun = Instant::now();
        let (status, reply) = server
            .put(
                "faults",
                &format!("faults: [{{ on: 'ecs.*', fault: {kind} }}]"),
            )
            .await;
        assert_eq!((status.as_str(), reply), ("HTTP/1.1 200 OK", json!({})));
        assert_eq!(change("ecs", &config).await, expected, "{kind}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    let (status, reply) = server
        .put("faults", "faults: [{ on: 'ecs.*', fault: lost }]")
        .await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert!(
        reply["error"]
            .as_str()
            .unwrap()
            .contains("at line 1 column"),
        "{reply}"
    );
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_answers_with_what_was() {
    let simulator = simulator();
    let config = client::config(&simulator);
    let iam = aws_sdk_iam::Client::new(&config);
    set(
        &simulator,
        "{ on: iam.GetRole, nth: 2, seconds: 5, fault: stale-read }",
    );
    change("iam", &config).await;
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(iam.get_role().role_name("fresh").send().await.is_ok());
    }
    assert_eq!(found, [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_writer_comes_before_or_after() {
    for (kind, expected) in [
        ("foreign-write-before", "404 NoSuchEntity"),
        ("foreign-write-after", "200"),
    ] {
        let simulator = simulator();
        let config = client::config(&simulator);
        let iam = aws_sdk_iam::Client::new(&config);
        change("iam", &config).await;
        let call = "{ service: iam, operation: DeleteRole, input: { RoleName: fresh } }";
        set(
            &simulator,
            &format!("{{ on: iam.GetRole, fault: {kind}, call: {call} }}"),
        );
        assert_eq!(
            seen(iam.get_role().role_name("fresh").send().await),
            expected
        );
        assert_eq!(
            seen(iam.get_role().role_name("fresh").send().await),
            "404 NoSuchEntity"
        );
        let foreign: Vec<_> = simulator
            .journal()
            .into_iter()
            .filter(|entry| entry.operation == "DeleteRole")
            .collect();
        assert_eq!(foreign.len(), 1);
        assert_eq!(
            foreign[0].principal.as_deref(),
            Some("arn:aws:iam::932100697590:user/somebody-else")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn chance_is_the_seeds() {
    async fn struck(seed: u64) -> Vec<bool> {
        let simulator = simulator();
        let script =
            format!("seed: {seed}\nfaults: [{{ on: '*', probability: 0.3, fault: unavailable }}]");
        simulator.set_faults(fault::parse(&script).unwrap());
        let sts = aws_sdk_sts::Client::new(&crate::in_process(&simulator));
        let mut struck = Vec::new();
        for _ in 0..200 {
            struck.push(sts.get_caller_identity().send().await.is_err());
        }
        struck
    }
    let first = struck(7).await;
    assert_eq!(first, struck(7).await);
    assert_ne!(first, struck(8).await);
    let count = first.iter().filter(|struck| **struck).count();
    assert!((30..90).contains(&count), "{count} of 200");
}

#[test]
fn a_script_that_cannot_be_meant_is_located() {
    let many = format!("faults: [{}]", "{ on: '*', fault: throttle },".repeat(101));
    for (script, expected) in [
        (
            "faults: [{ on: ecs.X, fault: nothing }]",
            "faults[0].fault: unknown variant `nothing`",
        ),
        (
            "faults: [{ on: ecs.X }]",
            "faults[0]: missing field `fault`",
        ),
        (
            "faults: [{ on: ecs.X, fault: throttle, when: 3 }]",
            "faults[0]: unknown field `when`",
        ),
        (
            "faults: [{ on: '*', fault: throttle }, { on: s4.X, fault: throttle }]",
            "faults[1]: there is no service s4; there are: ecs",
        ),
        (
            "faults: [{ on: ecs, fault: throttle }]",
            "faults[0]: on: ecs is not service.Operation, service.* or *",
        ),
        (
            "faults: [{ on: '*', nth: 0, fault: throttle }]",
            "faults[0]: nth counts from 1",
        ),
        (
            "faults: [{ on: '*', nth: 1, probability: 0.5, fault: throttle }]",
            "faults[0]: nth and probability exclude each other",
        ),
        (
            "faults: [{ on: '*', probability: 1.5, fault: throttle }]",
            "faults[0]: probability 1.5 is not between 0 and 1",
        ),
        (
            "faults: [{ on: '*', probability: .nan, fault: throttle }]",
            "faults[0]: probability NaN is not between 0 and 1",
        ),
        (
            "faults: [{ on: '*', fault: stale-read }]",
            "faults[0]: seconds is missing",
        ),
        (
            "faults: [{ on: '*', seconds: 99999, fault: stale-read }]",
            "faults[0]: seconds: 99999 is over 86400",
        ),
        (
            "faults: [{ on: '*', fault: foreign-write-after }]",
            "faults[0]: call is missing",
        ),
        (
            "faults: [{ on: '*', seconds: 1, fault: throttle }]",
            "faults[0]: seconds belong to stale-read",
        ),
        (&many, "there are 101 faults; at most 100 are taken"),
    ] {
        let error = fault::parse(script).unwrap_err();
        let shown = contracts::telemetry::chain(&error);
        assert!(shown.contains(expected), "{script}: {shown}");
    }
}
