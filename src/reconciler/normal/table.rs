//! The rows, kind by kind. Adding a field to a type of [`resource`](crate::reconciler::resource) means adding its row here.

use super::AwsDefault::{Absent, Derived, Empty, Flag, Number, Required, Text};
use super::{Order, Owner, Row};

/// `path = default, order, owner, [manifest fields], source;`
macro_rules! rows {
    ($($path:literal = $default:expr, $order:ident, $owner:ident, [$($ask:literal),*], $source:expr;)*) => {
        &[$(Row { path: $path, default: $default, order: Order::$order, owner: Owner::$owner, asks: &[$($ask),*], source: $source }),*]
    };
}

/// Pages of AWS's references.
macro_rules! pages {
    ($($name:ident = $base:literal $page:literal;)*) => {
        $(const $name: &str = concat!("https://docs.aws.amazon.com/", $base, $page);)*
    };
}

pages! {
    LOG_GROUP = "AmazonCloudWatchLogs/latest/APIReference/" "API_LogGroup.html";
    FILTER = "AmazonCloudWatchLogs/latest/APIReference/" "API_PutMetricFilter.html";
    ROLE = "IAM/latest/APIReference/" "API_Role.html";
    ROLE_POLICY = "IAM/latest/APIReference/" "API_GetRolePolicy.html";
    TARGET_GROUP = "elasticloadbalancing/latest/APIReference/" "API_CreateTargetGroup.html";
    ATTRIBUTE = "elasticloadbalancing/latest/APIReference/" "API_TargetGroupAttribute.html";
    RULE = "elasticloadbalancing/latest/APIReference/" "API_Rule.html";
    WEIGHT = "elasticloadbalancing/latest/APIReference/" "API_TargetGroupTuple.html";
    DISCOVERY = "cloud-map/latest/api/" "API_CreateService.html";
    DEFINITION = "AmazonECS/latest/APIReference/" "API_TaskDefinition.html";
    CONTAINER = "AmazonECS/latest/APIReference/" "API_ContainerDefinition.html";
    PORT = "AmazonECS/latest/APIReference/" "API_PortMapping.html";
    CHECK = "AmazonECS/latest/APIReference/" "API_HealthCheck.html";
    PLATFORM = "AmazonECS/latest/APIReference/" "API_RuntimePlatform.html";
    AWSLOGS = "AmazonECS/latest/developerguide/" "using_awslogs.html";
    LINUX = "AmazonECS/latest/APIReference/" "API_LinuxParameters.html";
    FARGATE = "AmazonECS/latest/developerguide/" "fargate-tasks-services.html";
    STOP = "AmazonECS/latest/developerguide/" "task_definition_parameters.html";
    SERVICE = "AmazonECS/latest/APIReference/" "API_Service.html";
    CREATE_SERVICE = "AmazonECS/latest/APIReference/" "API_CreateService.html";
    ROLLOUT = "AmazonECS/latest/APIReference/" "API_DeploymentConfiguration.html";
    SHIFT = "AmazonECS/latest/APIReference/" "API_AdvancedConfiguration.html";
    HOOK = "AmazonECS/latest/APIReference/" "API_DeploymentLifecycleHook.html";
    BREAKER = "AmazonECS/latest/APIReference/" "API_DeploymentCircuitBreaker.html";
    NETWORK = "AmazonECS/latest/APIReference/" "API_AwsVpcConfiguration.html";
    SCALABLE = "autoscaling/application/APIReference/" "API_ScalableTarget.html";
    TRACKING = "autoscaling/application/APIReference/" "API_TargetTrackingScalingPolicyConfiguration.html";
    STEPS = "autoscaling/application/APIReference/" "API_StepScalingPolicyConfiguration.html";
    SCHEDULED = "autoscaling/application/APIReference/" "API_ScheduledAction.html";
    ALARM = "AmazonCloudWatch/latest/APIReference/" "API_PutMetricAlarm.html";
    QUERY = "AmazonCloudWatch/latest/APIReference/" "API_MetricDataQuery.html";
    COMPOSITE = "AmazonCloudWatch/latest/APIReference/" "API_PutCompositeAlarm.html";
    DASHBOARD = "AmazonCloudWatch/latest/APIReference/" "API_PutDashboard.html";
    TOPIC = "sns/latest/api/" "API_CreateTopic.html";
    SUBSCRIBE = "sns/latest/api/" "API_Subscribe.html";
    GENERATED = "autoscaling/application/userguide/" "target-tracking-scaling-policy-overview.html";
}

/// Every field, ours and AWS's.
pub const TABLE: &[Row] = rows! {
    "log_group.name" = Required, Name, Manifest, ["spec.logs.group"], LOG_GROUP;
    "log_group.retention_days" = Absent, One, Manifest, ["spec.logs.retentionDays"], LOG_GROUP;

    "metric_filters.*.pattern" = Text(""), One, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.metric" = Required, One, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.namespace" = Required, One, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.value" = Required, One, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.dimensions.*" = Empty, Set, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.default_value" = Absent, One, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.unit" = Text("None"), One, Manifest, ["spec.logs.metricFilters"], FILTER;
    "metric_filters.*.other" = Empty, Set, Manifest, [], FILTER;

    "execution_role.name" = Required, Name, Manifest, ["spec.task.executionRole"], ROLE;
    "execution_role.trust" = Required, One, Manifest, ["spec.account"], ROLE;
    "execution_role.policies.*" = Empty, Set, Manifest, ["spec.image", "spec.logs.group", "spec.task.secrets", "spec.task.addresses"], ROLE_POLICY;
    "execution_role.attached" = Empty, Set, Manifest, [], ROLE;
    "task_role.name" = Required, Name, Manifest, ["spec.task.taskRole"], ROLE;
    "task_role.trust" = Required, One, Manifest, ["spec.account"], ROLE;
    "task_role.policies.*" = Empty, Set, Manifest, ["spec.task.policy", "spec.task.secrets", "spec.task.executeCommand"], ROLE_POLICY;
    "task_role.attached" = Empty, Set, Manifest, [], ROLE;

    "target_group.name" = Required, Name, Manifest, ["spec.loadBalancer.targetGroup"], TARGET_GROUP;
    "target_group.port" = Required, One, Manifest, ["spec.port"], TARGET_GROUP;
    "target_group.protocol" = Required, One, Manifest, [], TARGET_GROUP;
    "target_group.target_type" = Text("instance"), One, Manifest, [], TARGET_GROUP;
    "target_group.health_check.path" = Text("/"), One, Manifest, ["spec.health.path"], TARGET_GROUP;
    "target_group.health_check.matcher" = Text("200"), One, Manifest, [], TARGET_GROUP;
    "target_group.health_check.interval_seconds" = Number(30), One, Manifest, ["spec.health.intervalSeconds"], TARGET_GROUP;
    "target_group.health_check.timeout_seconds" = Number(5), One, Manifest, ["spec.health.timeoutSeconds"], TARGET_GROUP;
    "target_group.health_check.healthy_threshold" = Number(5), One, Manifest, [], TARGET_GROUP;
    "target_group.health_check.unhealthy_threshold" = Number(2), One, Manifest, [], TARGET_GROUP;
    "target_group.health_check.enabled" = Flag(true), One, Aws, [], TARGET_GROUP;
    "target_group.health_check.port" = Text("traffic-port"), One, Aws, [], TARGET_GROUP;
    "target_group.health_check.protocol" = Text("HTTP"), One, Aws, [], TARGET_GROUP;
    "target_group.protocol_version" = Text("HTTP1"), One, Aws, [], TARGET_GROUP;
    "target_group.ip_address_type" = Text("ipv4"), One, Aws, [], TARGET_GROUP;
    "target_group.vpc" = Derived("the load balancer's"), One, Aws, [], TARGET_GROUP;
    "target_group.load_balancers" = Derived("the rules that lead to it"), Set, Aws, [], TARGET_GROUP;
    "target_group.deregistration_delay_seconds" = Number(300), One, Manifest, ["spec.loadBalancer.deregistrationDelaySeconds"], ATTRIBUTE;
    "target_group.attributes.deregistration_delay.timeout_seconds" = Number(300), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.stickiness.enabled" = Flag(false), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.stickiness.type" = Text("lb_cookie"), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.stickiness.lb_cookie.duration_seconds" = Number(86400), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.stickiness.app_cookie.cookie_name" = Text(""), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.stickiness.app_cookie.duration_seconds" = Number(86400), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.slow_start.duration_seconds" = Number(0), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.load_balancing.algorithm.type" = Text("round_robin"), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.load_balancing.algorithm.anomaly_mitigation" = Text("off"), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.load_balancing.cross_zone.enabled" = Text("use_load_balancer_configuration"), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.target_group_health.dns_failover.minimum_healthy_targets.count" = Number(1), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.target_group_health.dns_failover.minimum_healthy_targets.percentage" = Text("off"), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.target_group_health.unhealthy_state_routing.minimum_healthy_targets.count" = Number(1), One, Aws, [], ATTRIBUTE;
    "target_group.attributes.target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage" = Text("off"), One, Aws, [], ATTRIBUTE;

    "listener_rule.hosts" = Required, Set, Manifest, ["spec.loadBalancer.host"], RULE;
    "listener_rule.priority" = Required, One, Manifest, ["spec.loadBalancer.priority"], RULE;
    "listener_rule.forward" = Required, One, Manifest, ["spec.loadBalancer.targetGroup"], RULE;
    "listener_rule.idle" = Empty, Set, Manifest, [], RULE;
    "listener_rule.other" = Empty, Set, Manifest, [], RULE;
    // 1 for a lone target group; 0 to 100 of two while ECS moves traffic between them.
    "listener_rule.weights" = Number(1), One, Ecs, [], WEIGHT;
    "listener_rule.stickiness" = Flag(false), One, Aws, [], WEIGHT;

    "discovery.name" = Required, Name, Manifest, ["spec.discovery"], DISCOVERY;
    "discovery.namespace" = Required, Name, Manifest, ["spec.discovery"], DISCOVERY;
    "discovery.record_type" = Required, One, Manifest, [], DISCOVERY;
    "discovery.ttl_seconds" = Required, One, Manifest, [], DISCOVERY;
    "discovery.routing_policy" = Text("MULTIVALUE"), One, Aws, [], DISCOVERY;
    "discovery.instance_count" = Derived("tasks ECS registered"), One, Ecs, [], DISCOVERY;

    "alternate_target_group.name" = Required, Name, Manifest, ["spec.rollout.alternateTargetGroup"], TARGET_GROUP;
    "alternate_target_group.port" = Required, One, Manifest, ["spec.port"], TARGET_GROUP;
    "alternate_target_group.protocol" = Required, One, Manifest, [], TARGET_GROUP;
    "alternate_target_group.target_type" = Text("instance"), One, Manifest, [], TARGET_GROUP;
    "alternate_target_group.health_check.path" = Text("/"), One, Manifest, ["spec.health.path"], TARGET_GROUP;
    "alternate_target_group.health_check.matcher" = Text("200"), One, Manifest, [], TARGET_GROUP;
    "alternate_target_group.health_check.interval_seconds" = Number(30), One, Manifest, ["spec.health.intervalSeconds"], TARGET_GROUP;
    "alternate_target_group.health_check.timeout_seconds" = Number(5), One, Manifest, ["spec.health.timeoutSeconds"], TARGET_GROUP;
    "alternate_target_group.health_check.healthy_threshold" = Number(5), One, Manifest, [], TARGET_GROUP;
    "alternate_target_group.health_check.unhealthy_threshold" = Number(2), One, Manifest, [], TARGET_GROUP;
    "alternate_target_group.deregistration_delay_seconds" = Number(300), One, Manifest, ["spec.loadBalancer.deregistrationDelaySeconds"], ATTRIBUTE;

    "test_rule.hosts" = Required, Set, Manifest, ["spec.rollout.test"], RULE;
    "test_rule.priority" = Required, One, Manifest, ["spec.rollout.test"], RULE;
    "test_rule.forward" = Required, One, Manifest, ["spec.rollout.test"], RULE;
    "test_rule.idle" = Empty, Set, Manifest, ["spec.rollout.test"], RULE;
    "test_rule.other" = Empty, Set, Manifest, ["spec.rollout.test"], RULE;

    "rollout_role.name" = Required, Name, Manifest, ["spec.rollout.strategy"], ROLE;
    "rollout_role.trust" = Required, One, Manifest, ["spec.rollout.strategy"], ROLE;
    "rollout_role.policies.*" = Empty, Set, Manifest, ["spec.rollout.strategy"], ROLE_POLICY;
    "rollout_role.attached" = Empty, Set, Manifest, ["spec.rollout.strategy"], ROLE;

    "task_definition.family" = Required, One, Manifest, ["spec.task.family"], DEFINITION;
    "task_definition.cpu" = Required, One, Manifest, ["spec.task.cpu"], DEFINITION;
    "task_definition.memory" = Required, One, Manifest, ["spec.task.memory"], DEFINITION;
    "task_definition.execution_role" = Absent, One, Manifest, ["spec.task.executionRole"], DEFINITION;
    "task_definition.task_role" = Absent, One, Manifest, ["spec.task.taskRole"], DEFINITION;
    "task_definition.architecture" = Text("X86_64"), One, Manifest, ["spec.task.architecture"], PLATFORM;
    "task_definition.other_containers" = Empty, Set, Manifest, [], DEFINITION;
    "task_definition.other" = Empty, Set, Manifest, [], DEFINITION;
    "task_definition.container.name" = Required, One, Manifest, ["spec.task.container"], CONTAINER;
    "task_definition.container.image" = Required, One, Manifest, ["spec.image"], CONTAINER;
    "task_definition.container.port" = Absent, One, Manifest, ["spec.port"], PORT;
    "task_definition.container.command" = Empty, Sequence, Manifest, ["spec.task.command"], CONTAINER;
    "task_definition.container.environment.*" = Empty, Set, Manifest, ["spec.task.environment.*"], CONTAINER;
    "task_definition.container.environment.PORT" = Empty, Set, Manifest, ["spec.port"], CONTAINER;
    "task_definition.container.secrets.*" = Empty, Set, Manifest, ["spec.task.secrets.*", "spec.task.addresses.*"], CONTAINER;
    "task_definition.container.secret_versions.*" = Empty, Set, Manifest, ["spec.task.secrets.*", "spec.task.addresses.*"], CONTAINER;
    "task_definition.container.log_group" = Absent, One, Manifest, ["spec.logs.group"], AWSLOGS;
    "task_definition.container.log_stream_prefix" = Absent, One, Manifest, ["spec.task.container"], AWSLOGS;
    "task_definition.container.health_command" = Absent, Sequence, Manifest, ["spec.health.command"], CHECK;
    "task_definition.container.health_interval_seconds" = Number(30), One, Manifest, [], CHECK;
    "task_definition.container.health_timeout_seconds" = Number(5), One, Manifest, [], CHECK;
    "task_definition.container.health_retries" = Number(3), One, Manifest, [], CHECK;
    "task_definition.container.health_start_period_seconds" = Number(0), One, Manifest, ["spec.health.gracePeriodSeconds"], CHECK;
    "task_definition.container.stop_timeout_seconds" = Number(30), One, Manifest, ["spec.task.stopTimeoutSeconds"], STOP;
    "task_definition.container.read_only" = Flag(false), One, Manifest, ["spec.task.readOnlyRoot"], CONTAINER;
    "task_definition.container.init" = Flag(false), One, Manifest, ["spec.task.init"], LINUX;
    "task_definition.container.user" = Absent, One, Manifest, ["spec.task.user"], CONTAINER;
    // Fargate's own limit of open files is AWS's default; the others are not to be set there.
    "task_definition.container.ulimits.*.soft" = Derived("65535 for nofile"), One, Manifest, ["spec.task.openFiles"], FARGATE;
    "task_definition.container.ulimits.*.hard" = Derived("65535 for nofile"), One, Manifest, ["spec.task.openFiles"], FARGATE;
    "task_definition.container.other" = Empty, Set, Manifest, [], CONTAINER;
    "task_definition.container.cpu" = Number(0), One, Aws, [], CONTAINER;
    "task_definition.container.essential" = Flag(true), One, Aws, [], CONTAINER;
    "task_definition.container.host_port" = Derived("the container's port"), One, Aws, [], PORT;
    "task_definition.container.protocol" = Text("tcp"), One, Aws, [], PORT;
    "task_definition.container.version_consistency" = Text("enabled"), One, Aws, [], CONTAINER;
    "task_definition.container.log_region" = Derived("the service's region"), One, Aws, [], AWSLOGS;
    "task_definition.container.mount_points" = Empty, Set, Aws, [], CONTAINER;
    "task_definition.container.volumes_from" = Empty, Set, Aws, [], CONTAINER;
    "task_definition.container.system_controls" = Empty, Set, Aws, [], CONTAINER;
    "task_definition.network_mode" = Required, One, Aws, [], DEFINITION;
    "task_definition.operating_system" = Text("LINUX"), One, Aws, [], PLATFORM;
    "task_definition.volumes" = Empty, Set, Aws, [], DEFINITION;
    "task_definition.placement_constraints" = Empty, Set, Aws, [], DEFINITION;
    "task_definition.fault_injection" = Flag(false), One, Aws, [], DEFINITION;
    "task_definition.revision" = Derived("one more than the newest of the family"), One, Aws, [], DEFINITION;
    "task_definition.status" = Text("ACTIVE"), One, Aws, [], DEFINITION;
    "task_definition.compatibilities" = Derived("what it would run on"), Set, Aws, [], DEFINITION;
    "task_definition.requires_attributes" = Derived("what it asks of a host"), Set, Aws, [], DEFINITION;
    "task_definition.registered" = Derived("when, and by whom"), One, Aws, [], DEFINITION;

    "service.name" = Required, Name, Manifest, ["metadata.name"], SERVICE;
    "service.target_group" = Absent, One, Manifest, ["spec.loadBalancer.targetGroup"], SERVICE;
    "service.other_target_groups" = Empty, Set, Manifest, [], SERVICE;
    "service.traffic" = Absent, One, Manifest, ["spec.task.container", "spec.port"], SERVICE;
    "service.discovery" = Absent, One, Manifest, ["spec.discovery"], SERVICE;
    "service.subnets" = Required, Set, Manifest, ["spec.network.subnets"], NETWORK;
    "service.security_groups" = Empty, Set, Manifest, ["spec.network.securityGroups"], NETWORK;
    "service.public_address" = Flag(false), One, Manifest, ["spec.network.publicAddress"], NETWORK;
    "service.healthy_percent_min" = Number(100), One, Manifest, [], ROLLOUT;
    "service.healthy_percent_max" = Number(200), One, Manifest, [], ROLLOUT;
    "service.circuit_breaker" = Flag(false), One, Manifest, [], BREAKER;
    "service.circuit_breaker_rollback" = Flag(false), One, Manifest, [], BREAKER;
    "service.alarms" = Empty, Set, Manifest, ["spec.alarms.stopRollout"], ROLLOUT;
    "service.alarms_rollback" = Flag(false), One, Manifest, ["spec.alarms.stopRollout"], ROLLOUT;
    "service.grace_period_seconds" = Number(0), One, Manifest, ["spec.health.gracePeriodSeconds"], CREATE_SERVICE;
    "service.execute_command" = Flag(false), One, Manifest, ["spec.task.executeCommand"], SERVICE;
    "service.strategy" = Text("ROLLING"), One, Manifest, ["spec.rollout.strategy"], ROLLOUT;
    "service.bake_minutes" = Number(0), One, Manifest, ["spec.rollout.bakeMinutes"], ROLLOUT;
    "service.step_percent" = Derived("5 of canary, 10 of linear"), One, Manifest, ["spec.rollout.stepPercent"], ROLLOUT;
    "service.step_bake_minutes" = Derived("10 of canary, 6 of linear"), One, Manifest, ["spec.rollout.stepBakeMinutes"], ROLLOUT;
    "service.alternate" = Absent, One, Manifest, ["spec.rollout.strategy"], SHIFT;
    "service.production_rule" = Absent, One, Manifest, ["spec.rollout.strategy"], SHIFT;
    "service.test_rule" = Absent, One, Manifest, ["spec.rollout.test"], SHIFT;
    "service.rollout_role" = Absent, One, Manifest, ["spec.rollout.strategy"], SHIFT;
    "service.hooks" = Empty, Set, Manifest, ["spec.rollout.hooks"], HOOK;
    "service.desired_count" = Required, One, AutoScaling, ["spec.scaling.min", "spec.scaling.max"], SERVICE;
    "service.running_count" = Number(0), One, Ecs, [], SERVICE;
    "service.pending_count" = Number(0), One, Ecs, [], SERVICE;
    "service.deployments" = Empty, Set, Ecs, [], SERVICE;
    "service.task_sets" = Empty, Set, Ecs, [], SERVICE;
    "service.events" = Empty, Sequence, Ecs, [], SERVICE;
    "service.status" = Text("ACTIVE"), One, Ecs, [], SERVICE;
    "service.launch_type" = Required, One, Aws, [], CREATE_SERVICE;
    "service.platform_version" = Text("LATEST"), One, Aws, [], CREATE_SERVICE;
    "service.platform_family" = Text("Linux"), One, Aws, [], SERVICE;
    "service.scheduling_strategy" = Text("REPLICA"), One, Aws, [], CREATE_SERVICE;
    // Absent in reads of 2022 (aws/containers-roadmap, cloudformation-coverage-roadmap#1259), there in those of 2026.
    "service.deployment_controller" = Text("ECS"), One, Aws, [], SERVICE;
    "service.circuit_breaker_threshold" = Text("BOUNDED_PERCENT 50"), One, Aws, [], BREAKER;
    "service.circuit_breaker_reset" = Flag(true), One, Aws, [], BREAKER;
    "service.availability_zone_rebalancing" = Text("ENABLED"), One, Aws, [], CREATE_SERVICE;
    "service.managed_tags" = Flag(false), One, Aws, [], SERVICE;
    "service.propagate_tags" = Text("NONE"), One, Aws, [], CREATE_SERVICE;
    "service.role" = Derived("the service-linked role of ECS"), One, Aws, [], SERVICE;
    "service.placement" = Empty, Set, Aws, [], SERVICE;

    "scalable_target.min" = Required, One, Manifest, ["spec.scaling.min"], SCALABLE;
    "scalable_target.max" = Required, One, Manifest, ["spec.scaling.max"], SCALABLE;
    "scalable_target.suspended.scale_in" = Flag(false), One, Manifest, ["spec.scaling.suspended.scaleIn"], SCALABLE;
    "scalable_target.suspended.scale_out" = Flag(false), One, Manifest, ["spec.scaling.suspended.scaleOut"], SCALABLE;
    "scalable_target.suspended.scheduled" = Flag(false), One, Manifest, ["spec.scaling.suspended.scheduled"], SCALABLE;
    // Whatever was set, it reads back as the service-linked role (pulumi/pulumi-aws#718).
    "scalable_target.role" = Derived("the service-linked role of Application Auto Scaling"), One, Aws, [], SCALABLE;
    "scaling_policies.*.tracking.metric" = Required, One, Manifest, [], TRACKING;
    "scaling_policies.*.tracking.requests_of" = Absent, One, Manifest, [], TRACKING;
    "scaling_policies.*.tracking.target" = Required, One, Manifest, ["spec.scaling.cpuPercent", "spec.scaling.memoryPercent", "spec.scaling.requestsPerTarget"], TRACKING;
    "scaling_policies.*.tracking.scale_in_cooldown_seconds" = Number(300), One, Manifest, ["spec.scaling.scaleInCooldownSeconds"], TRACKING;
    "scaling_policies.*.tracking.scale_out_cooldown_seconds" = Number(300), One, Manifest, ["spec.scaling.scaleOutCooldownSeconds"], TRACKING;
    "scaling_policies.*.tracking.scale_in_disabled" = Flag(false), One, Manifest, [], TRACKING;
    "scaling_policies.*.steps.adjustment" = Required, One, Manifest, [], STEPS;
    "scaling_policies.*.steps.steps" = Required, Sequence, Manifest, ["spec.scaling.steps"], STEPS;
    "scaling_policies.*.steps.aggregation" = Text("Average"), One, Manifest, [], STEPS;
    "scaling_policies.*.steps.cooldown_seconds" = Number(300), One, Manifest, ["spec.scaling.steps"], STEPS;
    "scaling_policies.*.steps.tasks_min" = Number(0), One, Manifest, [], STEPS;
    "scaling_policies.*.other.kind" = Required, One, Manifest, [], STEPS;
    "scaling_policies.*.alarms" = Derived("TargetTracking-…, two a policy"), Set, Generated, [], GENERATED;

    "scheduled_actions.*.schedule" = Required, One, Manifest, ["spec.scaling.schedules"], SCHEDULED;
    "scheduled_actions.*.time_zone" = Text("UTC"), One, Manifest, ["spec.scaling.schedules"], SCHEDULED;
    "scheduled_actions.*.min" = Absent, One, Manifest, ["spec.scaling.schedules"], SCHEDULED;
    "scheduled_actions.*.max" = Absent, One, Manifest, ["spec.scaling.schedules"], SCHEDULED;
    "scheduled_actions.*.start" = Absent, One, Manifest, [], SCHEDULED;
    "scheduled_actions.*.end" = Absent, One, Manifest, [], SCHEDULED;

    "topic.name" = Required, Name, Manifest, ["spec.notifications.topic"], TOPIC;
    "topic.subscriptions" = Empty, Set, Manifest, ["spec.notifications.subscriptions"], SUBSCRIBE;
    "topic.confirmed" = Derived("whether each endpoint has confirmed"), Set, Aws, [], SUBSCRIBE;

    "alarms.*.description" = Text(""), One, Manifest, ["spec.alarms", "spec.slo"], ALARM;
    "alarms.*.watched.metric.namespace" = Required, One, Manifest, [], ALARM;
    "alarms.*.watched.metric.metric" = Required, One, Manifest, [], ALARM;
    "alarms.*.watched.metric.statistic" = Required, One, Manifest, [], ALARM;
    "alarms.*.watched.metric.dimensions.*" = Empty, Set, Manifest, [], ALARM;
    "alarms.*.watched.metric.period_seconds" = Required, One, Manifest, [], ALARM;
    "alarms.*.watched.metric.unit" = Absent, One, Manifest, [], ALARM;
    "alarms.*.watched.calculation.expressions.*" = Required, One, Manifest, ["spec.alarms", "spec.slo"], QUERY;
    "alarms.*.watched.calculation.metrics.*.namespace" = Required, One, Manifest, [], QUERY;
    "alarms.*.watched.calculation.metrics.*.metric" = Required, One, Manifest, [], QUERY;
    "alarms.*.watched.calculation.metrics.*.statistic" = Required, One, Manifest, [], QUERY;
    "alarms.*.watched.calculation.metrics.*.dimensions.*" = Empty, Set, Manifest, [], QUERY;
    "alarms.*.watched.calculation.metrics.*.period_seconds" = Required, One, Manifest, [], QUERY;
    "alarms.*.watched.calculation.metrics.*.unit" = Absent, One, Manifest, [], QUERY;
    "alarms.*.watched.calculation.compared" = Required, Set, Manifest, [], QUERY;
    "alarms.*.evaluation_periods" = Required, One, Manifest, [], ALARM;
    "alarms.*.datapoints_to_alarm" = Derived("as many as are evaluated"), One, Manifest, [], ALARM;
    "alarms.*.threshold" = Required, One, Manifest, ["spec.alarms", "spec.slo"], ALARM;
    "alarms.*.comparison" = Required, One, Manifest, [], ALARM;
    "alarms.*.missing_data" = Text("missing"), One, Manifest, [], ALARM;
    "alarms.*.actions" = Empty, Set, Manifest, ["spec.notifications.topic"], ALARM;
    "alarms.*.ok_actions" = Empty, Set, Manifest, ["spec.notifications.topic"], ALARM;
    "alarms.*.actions_enabled" = Flag(true), One, Manifest, [], ALARM;
    "alarms.*.state" = Text("INSUFFICIENT_DATA"), One, Aws, [], ALARM;
    "alarms.*.insufficient_data_actions" = Empty, Set, Aws, [], ALARM;
    "composite_alarms.*.description" = Text(""), One, Manifest, ["spec.alarms", "spec.slo"], COMPOSITE;
    "composite_alarms.*.rule" = Required, One, Manifest, ["spec.alarms", "spec.slo"], COMPOSITE;
    "composite_alarms.*.actions" = Empty, Set, Manifest, ["spec.notifications.topic"], COMPOSITE;
    "composite_alarms.*.ok_actions" = Empty, Set, Manifest, ["spec.notifications.topic"], COMPOSITE;
    "composite_alarms.*.actions_enabled" = Flag(true), One, Manifest, [], COMPOSITE;
    "composite_alarms.*.suppressor" = Absent, One, Manifest, [], COMPOSITE;

    "dashboard.name" = Required, Name, Manifest, ["metadata.name"], DASHBOARD;
    "dashboard.body" = Required, One, Manifest, ["spec.dashboard"], DASHBOARD;
};
