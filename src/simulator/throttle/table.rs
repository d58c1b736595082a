//! The request rates AWS documents: one row a category, with its source. No behaviour.

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
const EC2: &str = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html";
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
pub static LIMITS: &[Limit] = &[
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
    limit(
        "ecs",
        &[
            "DescribeTasks",
            "ListTasks",
            "DescribeContainerInstances",
            "ListContainerInstances",
            "ListAttributes",
        ],
        (100, 20_000),
        ECS,
    ),
    limit("ecs", &["ListServicesByNamespace"], (10, 1_000), ECS),
    limit(
        "ecs",
        &[
            "CreateCapacityProvider",
            "DeleteCapacityProvider",
            "UpdateCapacityProvider",
        ],
        (10, 1_000),
        ECS,
    ),
    limit("ecs", &["DescribeCapacityProviders"], (50, 20_000), ECS),
    limit(
        "ecs",
        &[
            "DeleteAccountSetting",
            "PutAccountSetting",
            "PutAccountSettingDefault",
        ],
        (10, 1_000),
        ECS,
    ),
    limit("ecs", &["ListAccountSettings"], (50, 20_000), ECS),
    limit(
        "ecs",
        &[
            "RunTask",
            "StartTask",
            "StopTask",
            "ExecuteCommand",
            "PutAttributes",
            "DeleteAttributes",
        ],
        (100, 40_000),
        ECS,
    ),
    limit(
        "ecs",
        &["GetTaskProtection", "UpdateTaskProtection"],
        (200, 80_000),
        ECS,
    ),
    // Each of EC2's operations has a bucket of its own.
    limit("ec2", &["DescribeSubnets"], (100, 20_000), EC2),
    limit("ec2", &["DescribeSecurityGroups"], (100, 20_000), EC2),
    limit("ec2", &["DescribeVpcs"], (100, 20_000), EC2),
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
