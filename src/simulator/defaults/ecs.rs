//! Defaults of ECS. Recorded: reads of a bare Fargate service, us-east-1, July and August 2026.

use super::{EMPTY, Filled, Row, rows};

const CREATE_SERVICE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html";
const SERVICE: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html";

pub(in crate::simulator) mod service {
    use super::*;

    const ROLLOUT: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html";
    const BREAKER: &str = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentCircuitBreaker.html";
    const THRESHOLD: &str =
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ThresholdConfiguration.html";
    const NETWORK: &str =
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html";
    const LINKED_ROLE: &str = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html";

    rows! { "ecs", "service";
        PLATFORM_VERSION: Text = "LATEST", "platformVersion", CREATE_SERVICE;
        PLATFORM_FAMILY: Text = "Linux", "platformFamily", SERVICE;
        SCHEDULING_STRATEGY: Text = "REPLICA", "schedulingStrategy", CREATE_SERVICE;
        CONTROLLER: Text = "ECS", "deploymentController.type", SERVICE;
        GRACE_SECONDS: Count = 0, "healthCheckGracePeriodSeconds", CREATE_SERVICE;
        MANAGED_TAGS: Boolean = false, "enableECSManagedTags", SERVICE;
        PROPAGATE_TAGS: Text = "NONE", "propagateTags", CREATE_SERVICE;
        EXECUTE_COMMAND: Boolean = false, "enableExecuteCommand", SERVICE;
        ZONE_REBALANCING: Text = "ENABLED", "availabilityZoneRebalancing", CREATE_SERVICE;
        STRATEGY: Text = "ROLLING", "deploymentConfiguration.strategy", ROLLOUT;
        BAKE_MINUTES: Count = 0, "deploymentConfiguration.bakeTimeInMinutes", ROLLOUT;
        MAXIMUM_PERCENT: Count = 200, "deploymentConfiguration.maximumPercent", ROLLOUT;
        MINIMUM_HEALTHY_PERCENT: Count = 100, "deploymentConfiguration.minimumHealthyPercent", ROLLOUT;
        BREAKER_ENABLE: Boolean = false, "deploymentConfiguration.deploymentCircuitBreaker.enable", BREAKER;
        BREAKER_ROLLBACK: Boolean = false, "deploymentConfiguration.deploymentCircuitBreaker.rollback", BREAKER;
        BREAKER_RESET: Boolean = true, "deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask", BREAKER;
        BREAKER_KIND: Text = "BOUNDED_PERCENT",
            "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.type", THRESHOLD;
        BREAKER_VALUE: Count = 50,
            "deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.value", THRESHOLD;
        ALARMS_ENABLE: Boolean = false, "deploymentConfiguration.alarms.enable", ROLLOUT;
        ALARMS_ROLLBACK: Boolean = false, "deploymentConfiguration.alarms.rollback", ROLLOUT;
        ASSIGN_PUBLIC_IP: Text = "DISABLED", "networkConfiguration.awsvpcConfiguration.assignPublicIp", NETWORK;
        @"deploymentConfiguration.alarms.alarmNames" = EMPTY, ROLLOUT;
        @"networkConfiguration.awsvpcConfiguration.securityGroups" = EMPTY, NETWORK;
        @"loadBalancers" = EMPTY, SERVICE;
        @"serviceRegistries" = EMPTY, SERVICE;
        @"placementConstraints" = EMPTY, SERVICE;
        @"placementStrategy" = EMPTY, SERVICE;
        @"roleArn" =
            Filled::Derived("arn:aws:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"), LINKED_ROLE;
    }
}

pub(in crate::simulator) mod task_definition {
    use super::*;

    const DEFINITION: &str =
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html";

    rows! { "ecs", "task definition";
        FAULT_INJECTION: Boolean = false, "enableFaultInjection", DEFINITION;
        @"volumes" = EMPTY, DEFINITION;
        @"placementConstraints" = EMPTY, DEFINITION;
    }
}

pub(in crate::simulator) mod container {
    use super::*;

    const CONTAINER: &str =
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html";
    const PORT: &str =
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html";
    const CHECK: &str =
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html";

    rows! { "ecs", "container";
        CPU: Count = 0, "cpu", CONTAINER;
        ESSENTIAL: Boolean = true, "essential", CONTAINER;
        VERSION_CONSISTENCY: Text = "enabled", "versionConsistency", CONTAINER;
        PORT_PROTOCOL: Text = "tcp", "portMappings.0.protocol", PORT;
        CHECK_INTERVAL: Count = 30, "healthCheck.interval", CHECK;
        CHECK_TIMEOUT: Count = 5, "healthCheck.timeout", CHECK;
        CHECK_RETRIES: Count = 3, "healthCheck.retries", CHECK;
        @"portMappings.0.hostPort" = Filled::Derived("{portMappings.0.containerPort}"), PORT;
    }

    /// The members that are lists. AWS reads them back empty, as the recorded reads show.
    pub(in crate::simulator) const LISTS: &[Row] = &[
        list("entryPoint"),
        list("command"),
        list("environment"),
        list("mountPoints"),
        list("volumesFrom"),
        list("secrets"),
        list("dnsServers"),
        list("dnsSearchDomains"),
        list("ulimits"),
        list("systemControls"),
    ];

    const fn list(path: &'static str) -> Row {
        Row {
            service: "ecs",
            resource: "container",
            path,
            value: EMPTY,
            source: CONTAINER,
        }
    }
}
