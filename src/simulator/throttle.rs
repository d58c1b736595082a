//! AWS's request limits: a token bucket per documented category, for the whole account.
//!
//! Takes calls with their time, gives AWS's refusal when a bucket is empty. Operations AWS documents no rate for are never
//! refused: a made-up limit would be an opinion. It knows no clock; a bucket fills by the times of the calls it sees.

use super::call::{Call, Millis, Refusal};

/// One documented category.
#[derive(Debug)]
pub struct Limit {
    /// The service's signing name.
    pub service: &'static str,
    /// Operations that share the bucket; a trailing `*` stands for any ending.
    pub operations: &'static [&'static str],
    /// What the bucket holds.
    pub burst: u64,
    /// Thousandths of a token that come back each second.
    pub refill_thousandths: u64,
    /// Where AWS says so.
    pub source: &'static str,
}

const fn limit(
    service: &'static str,
    operations: &'static [&'static str],
    (burst, refill_thousandths): (u64, u64),
    source: &'static str,
) -> Limit {
    Limit {
        service,
        operations,
        burst,
        refill_thousandths,
        source,
    }
}

const ECS: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html";
const ELB: &str =
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html";
/// A rate and no burst is documented here, so a bucket holds one second's worth; likewise for Logs and SSM.
const CLOUDWATCH: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html";
const LOGS: &str =
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html";
const SSM: &str = "https://docs.aws.amazon.com/general/latest/gr/ssm.html";
const CLOUD_MAP: &str = "https://docs.aws.amazon.com/cloud-map/latest/dg/throttling.html";
const ROUTE_53: &str =
    "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html";

/// A call draws from the first row that names it.
pub static LIMITS: [Limit; 33] = [
    limit(
        "ecs",
        &["RegisterTaskDefinition", "DeregisterTaskDefinition"],
        (20, 1_000),
        ECS,
    ),
    limit(
        "ecs",
        &[
            "DescribeTaskDefinition",
            "ListTaskDefinitions",
            "ListTaskDefinitionFamilies",
        ],
        (50, 20_000),
        ECS,
    ),
    limit("ecs", &["DeleteTaskDefinitions"], (5, 1_000), ECS),
    limit(
        "ecs",
        &["CreateService", "UpdateService", "DeleteService"],
        (50, 5_000),
        ECS,
    ),
    limit(
        "ecs",
        &["DescribeServices", "ListServices"],
        (100, 20_000),
        ECS,
    ),
    limit(
        "ecs",
        &["DescribeServiceDeployments", "ListServiceDeployments"],
        (50, 20_000),
        ECS,
    ),
    limit("ecs", &["DescribeServiceRevisions"], (50, 20_000), ECS),
    limit("ecs", &["TagResource", "UntagResource"], (20, 10_000), ECS),
    limit("ecs", &["ListTagsForResource"], (50, 20_000), ECS),
    limit(
        "ecs",
        &["DescribeClusters", "ListClusters"],
        (50, 20_000),
        ECS,
    ),
    limit(
        "ecs",
        &[
            "CreateCluster",
            "DeleteCluster",
            "UpdateCluster",
            "UpdateClusterSettings",
            "PutClusterCapacityProviders",
        ],
        (20, 1_000),
        ECS,
    ),
    limit("ecs", &["DescribeTasks", "ListTasks"], (100, 20_000), ECS),
    limit("ecs", &["ListServicesByNamespace"], (10, 1_000), ECS),
    limit("elasticloadbalancing", &["Describe*"], (40, 10_000), ELB),
    limit(
        "elasticloadbalancing",
        &["RegisterTargets", "DeregisterTargets"],
        (20, 4_000),
        ELB,
    ),
    limit(
        "elasticloadbalancing",
        &["CreateLoadBalancer", "SetSubnets"],
        (10, 200),
        ELB,
    ),
    // All that is left changes something.
    limit("elasticloadbalancing", &["*"], (20, 3_000), ELB),
    limit("monitoring", &["PutMetricAlarm"], (3, 3_000), CLOUDWATCH),
    limit("monitoring", &["PutCompositeAlarm"], (3, 3_000), CLOUDWATCH),
    limit("monitoring", &["DescribeAlarms"], (9, 9_000), CLOUDWATCH),
    limit(
        "monitoring",
        &["EnableAlarmActions"],
        (3, 3_000),
        CLOUDWATCH,
    ),
    limit(
        "monitoring",
        &["DisableAlarmActions"],
        (3, 3_000),
        CLOUDWATCH,
    ),
    limit("monitoring", &["SetAlarmState"], (3, 3_000), CLOUDWATCH),
    limit("monitoring", &["PutDashboard"], (10, 10_000), CLOUDWATCH),
    limit("monitoring", &["GetDashboard"], (10, 10_000), CLOUDWATCH),
    limit("monitoring", &["ListDashboards"], (10, 10_000), CLOUDWATCH),
    limit(
        "monitoring",
        &["ListTagsForResource"],
        (10, 10_000),
        CLOUDWATCH,
    ),
    limit("monitoring", &["TagResource"], (20, 20_000), CLOUDWATCH),
    limit("logs", &["DescribeLogGroups"], (10, 10_000), LOGS),
    limit("logs", &["DescribeLogStreams"], (25, 25_000), LOGS),
    limit(
        "ssm",
        &["GetParameter", "GetParameters", "GetParametersByPath"],
        (40, 40_000),
        SSM,
    ),
    limit(
        "servicediscovery",
        &["DiscoverInstances"],
        (2_000, 1_000_000),
        CLOUD_MAP,
    ),
    limit("route53", &["*"], (5, 5_000), ROUTE_53),
];

/// Millionths of a token, so that a thousandth a second is a whole number a millisecond.
const TOKEN: u64 = 1_000_000;

/// The buckets of [`LIMITS`], full at first.
#[derive(Debug)]
pub(super) struct Throttle {
    /// What a bucket held, and when; absent is full.
    buckets: [Option<(u64, Millis)>; LIMITS.len()],
}

impl Throttle {
    pub(super) fn new() -> Self {
        Throttle {
            buckets: [None; LIMITS.len()],
        }
    }

    /// Takes a token for `call`; an empty bucket refuses, and that costs nothing.
    pub(super) fn take(&mut self, call: &Call) -> Result<(), Refusal> {
        let drawn = LIMITS
            .iter()
            .zip(&mut self.buckets)
            .find(|(limit, _)| limit.covers(call));
        let Some((limit, bucket)) = drawn else {
            return Ok(());
        };
        let full = limit.burst * TOKEN;
        let (held, since) = bucket.unwrap_or((full, call.now));
        let gained = call
            .now
            .saturating_sub(since)
            .saturating_mul(limit.refill_thousandths);
        let held = held.saturating_add(gained).min(full);
        let left = held.checked_sub(TOKEN);
        *bucket = Some((left.unwrap_or(held), call.now.max(since)));
        left.map(|_| ()).ok_or_else(|| refusal(call))
    }
}

impl Limit {
    fn covers(&self, call: &Call) -> bool {
        self.service == call.service
            && self
                .operations
                .iter()
                .any(|name| match name.strip_suffix('*') {
                    Some(start) => call.operation.starts_with(start),
                    None => *name == call.operation,
                })
    }
}

/// What each service says to a caller who is too fast.
///
/// ELB's guide names `ThrottlingException`, but what its Query API sends, and every report of it shows, is `Throttling`.
pub(super) fn refusal(call: &Call) -> Refusal {
    let (code, status, message) = match call.service {
        "elasticloadbalancing" | "monitoring" | "iam" | "sts" | "sns" | "route53" => {
            ("Throttling", 400, "Rate exceeded")
        }
        "ec2" => ("RequestLimitExceeded", 503, "Request limit exceeded."),
        // botocore's model: RequestLimitExceeded, HTTP 429.
        "servicediscovery" if call.operation.starts_with("Discover") => {
            ("RequestLimitExceeded", 429, "Rate exceeded")
        }
        _ => ("ThrottlingException", 400, "Rate exceeded"),
    };
    Refusal {
        code,
        message: message.to_owned(),
        status,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    /// Every row under calls at random times: never more than burst and refill allow, never fewer by one.
    #[test]
    fn each_category_follows_its_burst_and_refill_within_one_call() {
        for (seed, limit) in LIMITS.iter().enumerate() {
            let mut random = fastrand::Rng::with_seed(seed as u64);
            let operation = |index: usize| {
                let names = limit.operations;
                names[index % names.len()]
                    .replace('*', "DescribeAnything")
                    .replace("DescribeDescribe", "Describe")
            };
            // The last row of a service catches what is left, so a reader's name would be another row's.
            let operation = |index: usize| match (limit.service, limit.operations) {
                ("elasticloadbalancing", ["*"]) => "CreateRule".to_owned(),
                _ => operation(index),
            };
            let mut throttle = Throttle::new();
            // What the bucket holds by exact arithmetic, in millionths.
            let mut held = u128::from(limit.burst * TOKEN);
            let mut now = 1_000_000;
            let mut refused = 0;
            for index in 0..usize::try_from(limit.burst).unwrap() * 3 + 50 {
                let step = if index as u64 <= limit.burst {
                    0
                } else {
                    random.u64(0..2_000_000 / limit.refill_thousandths)
                };
                now += step;
                held = (held + u128::from(step * limit.refill_thousandths))
                    .min(u128::from(limit.burst * TOKEN));
                let call = Call {
                    service: limit.service,
                    operation: operation(index),
                    input: Map::new(),
                    principal: None,
                    now,
                };
                let allowed = throttle.take(&call).is_ok();
                assert_eq!(
                    allowed,
                    held >= u128::from(TOKEN),
                    "call {index} of {limit:?}"
                );
                if allowed {
                    held -= u128::from(TOKEN);
                } else {
                    refused += 1;
                }
                if index as u64 == limit.burst {
                    assert!(!allowed, "the burst is larger than documented: {limit:?}");
                }
            }
            assert!(refused > 1, "{limit:?}");
        }
    }

    #[test]
    fn one_bucket_does_not_empty_another_and_a_clock_set_back_fills_none() {
        let mut throttle = Throttle::new();
        let mut take = |operation: &str, now| {
            let call = Call {
                service: "monitoring",
                operation: operation.to_owned(),
                input: Map::new(),
                principal: None,
                now,
            };
            throttle.take(&call).is_ok()
        };
        assert_eq!((0..5).filter(|_| take("PutMetricAlarm", 10_000)).count(), 3);
        assert!(take("DescribeAlarms", 10_000));
        assert!(take("PutMetricData", 10_000));
        assert!(!take("PutMetricAlarm", 9_000));
        assert!(!take("PutMetricAlarm", 10_333));
        assert!(take("PutMetricAlarm", 10_334));
    }
}
