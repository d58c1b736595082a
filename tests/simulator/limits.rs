//! Request limits as the SDK meets them: each service's own refusal, the retry that gets through, the switch.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use contracts::simulator::client;

use crate::{in_process, refusal, simulator};

#[tokio::test(start_paused = true)]
async fn an_empty_bucket_refuses_as_its_service_does_and_fills_again() {
    let simulator = simulator();
    simulator.set_limits(true);
    let config = in_process(&simulator);
    let ecs = aws_sdk_ecs::Client::new(&config);
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    let cloudwatch = aws_sdk_cloudwatch::Client::new(&config);
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    let ssm = aws_sdk_ssm::Client::new(&config);
    /// Calls so often, then once more, which must be refused; then waits for one token.
    macro_rules! exhausted {
        ($call:expr, $burst:expr, $refill:expr, $code:expr) => {
            for _ in 0..$burst {
                $call.send().await.unwrap();
            }
            let (code, message) = refusal($call.send().await);
            assert_eq!((code.as_str(), message.as_str()), ($code, "Rate exceeded"));
            tokio::time::sleep(Duration::from_millis(1000 / $refill + 1)).await;
            $call.send().await.unwrap();
        };
    }
    exhausted!(ecs.list_clusters(), 50, 20, "ThrottlingException");
    exhausted!(elb.describe_target_groups(), 40, 10, "Throttling");
    // Its CBOR client reads the code older Query clients know, from `x-amzn-query-error`.
    exhausted!(cloudwatch.describe_alarms(), 9, 9, "Throttling");
    exhausted!(logs.describe_log_groups(), 10, 10, "ThrottlingException");
    exhausted!(
        ssm.get_parameters().names("/x"),
        40,
        40,
        "ThrottlingException"
    );

    // Nobody documents a rate for it.
    let sts = aws_sdk_sts::Client::new(&config);
    for _ in 0..500 {
        sts.get_caller_identity().send().await.unwrap();
    }
    simulator.set_limits(false);
    for _ in 0..100 {
        cloudwatch.describe_alarms().send().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_sdks_retries_get_through_a_short_shortage() {
    let simulator = simulator();
    simulator.set_limits(true);
    let config = client::config(&simulator).into_builder();
    let cloudwatch =
        aws_sdk_cloudwatch::Client::new(&config.retry_config(RetryConfig::standard()).build());
    for _ in 0..12 {
        cloudwatch.describe_alarms().send().await.unwrap();
    }
    let outcomes: Vec<String> = simulator
        .journal()
        .into_iter()
        .map(|entry| entry.outcome)
        .collect();
    assert_eq!(
        outcomes.iter().filter(|outcome| *outcome == "ok").count(),
        12
    );
    assert!(
        outcomes.iter().any(|outcome| outcome == "Throttling"),
        "{outcomes:?}"
    );
}
