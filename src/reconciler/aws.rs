//! SDK ⇄ resource types: the one place that knows AWS's request and response shapes.
//!
//! Takes resource types and plain arguments, gives them back in normal form: AWS's defaults, echoes and orderings end
//! here. Decides nothing. Reads retry as the SDK's standard mode does; mutating calls are made once, since several of
//! them take no idempotency token, and an outcome that is unknown is resolved by the next observation.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::retry::RetryPartition;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::telemetry::chain;

pub mod acm;
pub mod autoscaling;
pub mod cloudwatch;
pub mod discovery;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod evidence;
pub mod iam;
pub mod limit;
pub mod logs;
pub mod metric_filter;
pub mod parameters;
pub mod route53;
pub mod running;
mod signed;
pub mod sns;
pub mod ssm;
pub mod sts;
pub mod tag;
mod task_definition;

/// One attempt of one call; AWS answers in well under a second, and a reply this late is a lost one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// One call with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(40);

/// Clients for everything a unit is made of.
#[derive(Clone)]
pub struct Clients {
    ecs: aws_sdk_ecs::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    autoscaling: aws_sdk_applicationautoscaling::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    iam: aws_sdk_iam::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    sns: aws_sdk_sns::Client,
    ssm: aws_sdk_ssm::Client,
    discovery: aws_sdk_servicediscovery::Client,
    sts: aws_sdk_sts::Client,
    signed: signed::Signed,
    /// The clock requests are signed by.
    time: SharedTimeSource,
}

/// AWS as one unit's reconciler reaches it.
#[derive(Clone)]
pub struct Aws {
    /// Retrying.
    pub read: Clients,
    /// Never retrying.
    pub write: Clients,
}

impl Aws {
    /// Clients for a region, with credentials as the AWS CLI finds them. `url` is another address than AWS's own, such as the
    /// simulator's. Makes no call.
    pub async fn connect(region: &str, url: Option<&str>) -> Aws {
        Aws::over(&Aws::config(region, url).await)
    }

    /// What clients are made from.
    pub async fn config(region: &str, url: Option<&str>) -> SdkConfig {
        let tls = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(tls);
        if let Some(url) = url {
            loader = loader.endpoint_url(url);
        }
        loader.load().await
    }

    /// Clients over a configuration; deadlines and retries are this module's whatever it says of them.
    pub fn over(config: &SdkConfig) -> Aws {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        // One budget of retries for all of its clients. The SDK's own would be shared with every other in the process.
        let budget = RetryPartition::custom("reconciler").build();
        let clients = |retries| {
            let config = config.to_builder().timeout_config(timeouts.clone());
            Clients::new(&config.retry_config(retries).build(), &budget)
        };
        Aws {
            read: clients(RetryConfig::standard()),
            write: clients(RetryConfig::disabled()),
        }
    }
}

impl Clients {
    fn new(config: &SdkConfig, budget: &RetryPartition) -> Self {
        /// A client of one service; their builders have no type in common.
        macro_rules! client {
            ($service:ident) => {{
                let config = $service::config::Builder::from(config);
                $service::Client::from_conf(config.retry_partition(budget.clone()).build())
            }};
        }
        Clients {
            ecs: client!(aws_sdk_ecs),
            elb: client!(aws_sdk_elasticloadbalancingv2),
            autoscaling: client!(aws_sdk_applicationautoscaling),
            logs: client!(aws_sdk_cloudwatchlogs),
            iam: client!(aws_sdk_iam),
            cloudwatch: client!(aws_sdk_cloudwatch),
            sns: client!(aws_sdk_sns),
            ssm: client!(aws_sdk_ssm),
            discovery: client!(aws_sdk_servicediscovery),
            sts: client!(aws_sdk_sts),
            signed: signed::Signed::over(config, budget),
            time: config.time_source().unwrap_or_default(),
        }
    }
}

/// An AWS call that gave no answer to work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct AwsError {
    /// `service:Operation`.
    pub operation: &'static str,
    /// AWS's code and message, or what kept the call from being answered.
    pub reason: String,
    /// Whether the same call may fare better later.
    pub retryable: bool,
}

/// Codes that say "later", beyond transport faults and 5xx.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const RETRYABLE_CODES: [&str; 10] = [
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "ServerException",
    "ConcurrentUpdateException",
    "OperationAbortedException",
    "InternalServiceException",
    "InternalFailure",
];

/// Turns an SDK error into ours, for `map_err`.
fn failed<E: ProvideErrorMetadata>(
    operation: &'static str,
) -> impl Fn(SdkError<E, HttpResponse>) -> AwsError {
    move |error| {
        let (reason, retryable) = match &error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("an error without a code");
                let message = service.err().message().unwrap_or_default();
                let later =
                    service.raw().status().as_u16() >= 500 || RETRYABLE_CODES.contains(&code);
                (format!("{code}: {message}"), later)
            }
            SdkError::TimeoutError(_) => ("no answer in time".to_owned(), true),
            SdkError::DispatchFailure(failure) => {
                let cause = failure
                    .as_connector_error()
                    .map_or_else(|| "could not be sent".to_owned(), |error| chain(error));
                // Without credentials no later attempt fares better; everything else is the network's, and a connection that
                // closed before the reply is an `other` that calls itself transient.
                (cause, !failure.is_other() || failure.as_other().is_some())
            }
            SdkError::ResponseError(_) => ("an answer that is not AWS's".to_owned(), true),
            SdkError::ConstructionFailure(_) | _ => (
                "could not be put together: are there credentials?".to_owned(),
                false,
            ),
        };
        AwsError {
            operation,
            reason,
            retryable,
        }
    }
}

/// Whether an error is AWS saying that the thing is not there.
fn is_code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    matches!(error, SdkError::ServiceError(service) if service.err().code() == Some(code))
}

/// A reply that lacks what AWS always sends.
fn lacking(operation: &'static str, member: &str) -> AwsError {
    AwsError {
        operation,
        reason: format!("the answer has no {member}"),
        retryable: true,
    }
}
