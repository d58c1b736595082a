//! Spec → Resources: what AWS should hold.
//!
//! Total and pure: a Spec that cannot be built would be a bug in `spec`. Names no ARN that AWS chooses; references
//! between the unit's own resources are [`Join`]s, which `plan` resolves against what was observed.

use std::collections::{BTreeMap, BTreeSet};

use super::resource::{
    Container, DiscoveryService, HealthCheck, Join, ListenerRule, LogGroup, Resources,
    ScalableTarget, ScalingPolicy, Service, TargetGroup, TaskDefinition,
};
use super::spec::Spec;

mod alarms;
mod roles;

/// ECS's default time from SIGTERM to SIGKILL, written down so that the program's drain can be held against it.
const STOP_TIMEOUT_SECONDS: i32 = 30;

/// Everything the Spec stands for.
pub fn desired(spec: &Spec) -> Resources {
    Resources {
        log_group: LogGroup {
            name: spec.logs.group.clone(),
            retention_days: Some(signed(spec.logs.retention_days)),
        },
        execution_role: roles::execution(spec),
        task_role: roles::task(spec),
        target_group: target_group(spec),
        listener_rule: ListenerRule {
            hosts: BTreeSet::from([spec.load_balancer.host.clone()]),
            priority: signed(spec.load_balancer.priority),
            forward: Join::Ours,
            other: BTreeSet::new(),
        },
        discovery: DiscoveryService {
            name: spec.discovery.service.clone(),
            namespace: spec.discovery.namespace.clone(),
            record_type: "A".to_owned(),
            ttl_seconds: 10,
        },
        task_definition: task_definition(spec),
        service: service(spec),
        scalable_target: ScalableTarget {
            min: signed(spec.scaling.min),
            max: signed(spec.scaling.max),
            suspended: false,
        },
        scaling_policies: BTreeMap::from([
            policy(
                spec,
                "cpu",
                "ECSServiceAverageCPUUtilization",
                spec.scaling.cpu_percent,
            ),
            policy(
                spec,
                "memory",
                "ECSServiceAverageMemoryUtilization",
                spec.scaling.memory_percent,
            ),
        ]),
        alarms: alarms::alarms(spec),
    }
}

/// The manifest's numbers as AWS's models have them; every bound in `spec` is far below `i32::MAX`.
fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn target_group(spec: &Spec) -> TargetGroup {
    TargetGroup {
        name: spec.load_balancer.target_group.clone(),
        port: i32::from(spec.port),
        protocol: "HTTP".to_owned(),
        target_type: "ip".to_owned(),
        health_check: HealthCheck {
            path: spec.health.path.clone(),
            matcher: "200".to_owned(),
            interval_seconds: signed(spec.health.interval_seconds),
            timeout_seconds: signed(spec.health.timeout_seconds),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        },
        deregistration_delay_seconds: i64::from(spec.load_balancer.deregistration_delay_seconds),
    }
}

fn task_definition(spec: &Spec) -> TaskDefinition {
    let mut environment = spec.task.environment.clone();
    environment.insert("PORT".to_owned(), spec.port.to_string());
    TaskDefinition {
        family: spec.task.family.clone(),
        cpu: spec.task.cpu,
        memory: spec.task.memory,
        execution_role: roles::arn(spec, &spec.task.execution_role),
        task_role: roles::arn(spec, &spec.task.task_role),
        architecture: "X86_64".to_owned(),
        container: Container {
            name: spec.task.container.clone(),
            image: spec.image.uri.clone(),
            port: i32::from(spec.port),
            environment,
            secrets: spec
                .task
                .secrets
                .iter()
                .map(|(name, parameter)| (name.clone(), parameter_arn(spec, parameter)))
                .collect(),
            log_group: spec.logs.group.clone(),
            log_stream_prefix: spec.task.container.clone(),
            health_command: spec.health.command.clone(),
            health_interval_seconds: 10,
            health_timeout_seconds: 5,
            health_retries: 3,
            health_start_period_seconds: signed(spec.health.grace_period_seconds).min(300),
            stop_timeout_seconds: STOP_TIMEOUT_SECONDS,
            read_only: true,
        },
        other_containers: BTreeSet::new(),
    }
}

/// `arn:aws:ssm:…:parameter/a/b`: the name's own slash is the separator.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html>
fn parameter_arn(spec: &Spec, parameter: &str) -> String {
    spec.arn("ssm", &format!("parameter{parameter}"))
}

fn service(spec: &Spec) -> Service {
    Service {
        name: spec.name.clone(),
        target_group: Join::Ours,
        traffic: format!("{}:{}", spec.task.container, spec.port),
        discovery: Join::Ours,
        subnets: spec.network.subnets.clone(),
        security_groups: spec.network.security_groups.clone(),
        public_address: false,
        healthy_percent_min: 100,
        healthy_percent_max: 200,
        circuit_breaker: true,
        circuit_breaker_rollback: true,
        grace_period_seconds: signed(spec.health.grace_period_seconds),
        execute_command: false,
    }
}

/// Up within a minute of load, down after five of calm: a wrong step down costs more than a wrong step up.
fn policy(spec: &Spec, what: &str, metric: &str, percent: u32) -> (String, ScalingPolicy) {
    let policy = ScalingPolicy {
        metric: metric.to_owned(),
        target: f64::from(percent),
        scale_in_cooldown_seconds: 300,
        scale_out_cooldown_seconds: 60,
        scale_in_disabled: false,
    };
    (format!("{}-{what}", spec.name), policy)
}
