//! AWS's request rates, kept to instead of run into: one token bucket per documented category, for a whole process.
//!
//! Takes every request the SDK is about to send, gives it on once its bucket has a token: waiting costs less than being
//! refused, which other users of the account are then too. Knows a request by what is on the wire (the service it is signed
//! for, the operation it names), so that the hand-written requests count as well. Never refuses and never retries. The
//! buckets are pure; only `Limited` waits, within the SDK's own deadline for an attempt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::Instant;

/// One category.
#[derive(Debug)]
pub struct Rate {
    /// The name requests are signed for.
    pub service: &'static str,
    /// Operations that share the bucket; a trailing `*` stands for any ending.
    pub operations: &'static [&'static str],
    /// What the bucket holds.
    pub burst: u32,
    /// Tokens that come back each second.
    pub per_second: u32,
}

const fn rate(
    service: &'static str,
    operations: &'static [&'static str],
    (burst, per_second): (u32, u32),
) -> Rate {
    Rate {
        service,
        operations,
        burst,
        per_second,
    }
}

/// Of what the reconciler calls; a call draws from the first row that names it. A rate without a burst is documented for
/// CloudWatch, Logs and SSM: their buckets hold a second's worth.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
/// <https://docs.aws.amazon.com/general/latest/gr/ssm.html>
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html>
pub const RATES: &[Rate] = &[
    rate(
        "ecs",
        &["RegisterTaskDefinition", "DeregisterTaskDefinition"],
        (20, 1),
    ),
    rate(
        "ecs",
        &["DescribeTaskDefinition", "ListTaskDefinitions"],
        (50, 20),
    ),
    rate(
        "ecs",
        &["CreateService", "UpdateService", "DeleteService"],
        (50, 5),
    ),
    rate("ecs", &["DescribeServices", "ListServices"], (100, 20)),
    rate(
        "ecs",
        &["DescribeServiceDeployments", "ListServiceDeployments"],
        (50, 20),
    ),
    rate("ecs", &["DescribeServiceRevisions"], (50, 20)),
    rate("ecs", &["TagResource", "UntagResource"], (20, 10)),
    rate("ecs", &["ListTagsForResource"], (50, 20)),
    rate("ecs", &["DescribeClusters"], (50, 20)),
    rate("ecs", &["DescribeTasks", "ListTasks"], (100, 20)),
    rate("elasticloadbalancing", &["Describe*"], (40, 10)),
    rate("elasticloadbalancing", &["*"], (20, 3)),
    rate("monitoring", &["PutMetricAlarm"], (3, 3)),
    rate("monitoring", &["PutCompositeAlarm"], (3, 3)),
    rate("monitoring", &["DescribeAlarms"], (9, 9)),
    rate("monitoring", &["PutDashboard"], (10, 10)),
    rate("monitoring", &["GetDashboard"], (10, 10)),
    rate("monitoring", &["ListTagsForResource"], (10, 10)),
    rate("monitoring", &["TagResource"], (20, 20)),
    rate("logs", &["DescribeLogGroups"], (10, 10)),
    rate("logs", &["DescribeLogStreams"], (25, 25)),
    rate(
        "ssm",
        &["GetParameter", "GetParameters", "GetParametersByPath"],
        (40, 40),
    ),
    rate("ec2", &["DescribeSubnets"], (100, 20)),
    rate("ec2", &["DescribeSecurityGroups"], (100, 20)),
    rate("route53", &["*"], (5, 5)),
];
/// For what AWS documents no rate for (IAM, Application Auto Scaling, Cloud Map, SNS, STS, and single operations of the others),
/// each service on its own. Ours, not AWS's: it is far above what units need, and keeps a mistake of ours from being a storm.
const UNDOCUMENTED: Rate = rate("", &["*"], (40, 20));

/// Of a rate that is used: AWS counts when requests arrive, and by its own clock.
const SHARE: f64 = 0.9;

/// What every bucket of one process holds.
#[derive(Debug, Default)]
struct Buckets {
    /// By row, or by the service where no row names the call: tokens, below zero when they are promised, and since when.
    held: BTreeMap<(usize, String), (f64, Duration)>,
}

impl Buckets {
    /// Takes a token; gives how long the caller has to wait until it is there.
    fn take(&mut self, service: &str, operation: &str, now: Duration) -> Duration {
        let row = RATES
            .iter()
            .position(|rate| rate.covers(service, operation));
        let rate = row.and_then(|row| RATES.get(row)).unwrap_or(&UNDOCUMENTED);
        let key = match row {
            Some(row) => (row, String::new()),
            None => (RATES.len(), service.to_owned()),
        };
        let (burst, per_second) = (f64::from(rate.burst), f64::from(rate.per_second) * SHARE);
        let (held, since) = self.held.entry(key).or_insert((burst, now));
        let gained = now.saturating_sub(*since).as_secs_f64() * per_second;
        *held = (*held + gained).min(burst) - 1.0;
        *since = now;
        Duration::from_secs_f64((-*held).max(0.0) / per_second)
    }
}

impl Rate {
    fn covers(&self, service: &str, operation: &str) -> bool {
        let named = |name: &&str| match name.strip_suffix('*') {
            Some(start) => operation.starts_with(start),
            None => *name == operation,
        };
        self.service == service && self.operations.iter().any(named)
    }
}

/// What was called, and how long calls waited here for their turn.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calls {
    /// How often, with retries.
    pub count: u64,
    /// For all of them together.
    pub waited: Duration,
}

/// The buckets of one process, shared by all of its clients of one account.
#[derive(Debug, Clone)]
pub struct Limiter {
    began: Instant,
    inner: Arc<Mutex<(Buckets, BTreeMap<String, Calls>)>>,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter {
            began: Instant::now(),
            inner: Arc::default(),
        }
    }
}

impl Limiter {
    /// The same configuration, its requests limited.
    pub fn over(&self, config: SdkConfig) -> SdkConfig {
        let Some(inner) = config.http_client() else {
            return config;
        };
        let limited = Limited {
            inner: inner.clone(),
            limiter: self.clone(),
        };
        config.into_builder().http_client(limited).build()
    }

    /// Calls so far by `service.Operation`; as many as there are operations.
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.clone()
    }

    fn take(&self, service: &str, operation: &str) -> Duration {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (buckets, calls) = &mut *inner;
        let wait = buckets.take(service, operation, self.began.elapsed());
        let counted = calls.entry(format!("{service}.{operation}")).or_default();
        counted.count += 1;
        counted.waited += wait;
        wait
    }
}

/// An HTTP client whose every request waits for its turn.
#[derive(Debug)]
struct Limited {
    inner: SharedHttpClient,
    limiter: Limiter,
}

impl HttpClient for Limited {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Turn {
            inner: self.inner.http_connector(settings, components),
            limiter: self.limiter.clone(),
        })
    }
}

#[derive(Debug)]
struct Turn {
    inner: SharedHttpConnector,
    limiter: Limiter,
}

impl HttpConnector for Turn {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (service, operation) = named(&request);
        let wait = self.limiter.take(service, operation);
        if wait.is_zero() {
            return self.inner.call(request);
        }
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(wait).await;
            inner.call(request).await
        })
    }
}

/// The service a signed request is for and the operation it names; empty where it does not say.
fn named(request: &HttpRequest) -> (&str, &str) {
    let header = |name| request.headers().get(name).unwrap_or_default();
    // AWS4-HMAC-SHA256 Credential=<id>/<date>/<region>/<service>/aws4_request, …
    let service = header("authorization").split('/').nth(3);
    // AWS's JSON protocols name the operation in a header, RPC v2 in the path, the Query protocol in the body.
    let target = header("x-amz-target").rsplit_once('.').map(|it| it.1);
    let path = || request.uri().split_once("/operation/").map(|it| it.1);
    let body = request.body().bytes().unwrap_or_default();
    let query = || {
        let (_, action) = std::str::from_utf8(body).ok()?.split_once("Action=")?;
        action.split('&').next()
    };
    let operation = target.or_else(path).or_else(query);
    (service.unwrap_or_default(), operation.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate_and_no_other_is_touched() {
        let mut buckets = Buckets::default();
        let mut take = |operation, seconds| {
            let now = Duration::from_secs(seconds);
            buckets.take("ecs", operation, now).as_secs_f64()
        };
        let waits: Vec<f64> = (0..23).map(|_| take("RegisterTaskDefinition", 0)).collect();
        assert!(waits[..20].iter().all(|wait| *wait == 0.0), "{waits:?}");
        let seconds = |wait: f64| (wait * SHARE * 10.0).round() / 10.0;
        let queued: Vec<f64> = waits[20..].iter().map(|wait| seconds(*wait)).collect();
        assert_eq!(queued, [1.0, 2.0, 3.0]);
        let same = take("DeregisterTaskDefinition", 1);
        assert_eq!(seconds(same), 3.1, "the same bucket, a second later");
        assert_eq!(take("DescribeServices", 1), 0.0, "another");
        assert_eq!(take("RegisterTaskDefinition", 1000), 0.0, "full again");
        assert_eq!(
            buckets.take("iam", "GetRole", Duration::ZERO),
            Duration::ZERO
        );
    }

    #[test]
    fn a_request_is_known_by_what_is_on_the_wire() {
        let signed = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/";
        let request = |service: &str, target: Option<&str>, uri: &str, body: &'static str| {
            let mut request = HttpRequest::new(body.into());
            request.set_uri(uri.to_owned()).unwrap();
            let headers = request.headers_mut();
            headers.insert(
                "authorization",
                format!("{signed}{service}/aws4_request, SignedHeaders=host"),
            );
            if let Some(target) = target {
                headers.insert("x-amz-target", target.to_owned());
            }
            let (service, operation) = named(&request);
            format!("{service}.{operation}")
        };
        let target = Some("AmazonEC2ContainerServiceV20141113.DescribeServices");
        assert_eq!(
            request("ecs", target, "https://ecs/", "{}"),
            "ecs.DescribeServices"
        );
        let path =
            "https://monitoring/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        assert_eq!(
            request("monitoring", None, path, ""),
            "monitoring.DescribeAlarms"
        );
        let body = "Action=DescribeRules&Version=2015-12-01&ListenerArn=x";
        let expected = "elasticloadbalancing.DescribeRules";
        assert_eq!(
            request("elasticloadbalancing", None, "https://elb/", body),
            expected
        );
        assert_eq!(
            request(
                "route53",
                None,
                "https://route53/2013-04-01/hostedzonesbyname",
                ""
            ),
            "route53."
        );
    }
}
