//! Spec → Resources: what AWS should hold.
//!
//! Total and pure: a Spec that cannot be built would be a bug in `spec`. Names no ARN that AWS chooses; references
//! between the unit's own resources are [`Join`]s, which `plan` resolves against what was observed.

use std::collections::BTreeSet;

use super::resource::{
    DiscoveryService, HealthCheck, Join, ListenerRule, Resources, Service, TargetGroup, Topic,
};
use super::spec::{Notifications, Spec};

mod alarms;
mod burn;
mod dashboard;
mod logs;
mod metric;
mod roles;
mod rollout;
mod scaling;
mod task_definition;

/// Everything the Spec stands for.
pub fn desired(spec: &Spec) -> Resources {
    let mut alarms = alarms::alarms(spec);
    let mut dashboard = dashboard::dashboard(spec);
    if spec.shifting().is_some() {
        for alarm in alarms.values_mut() {
            rollout::watch_both(&mut alarm.watched);
        }
        if let Some(dashboard) = &mut dashboard {
            rollout::show_both(dashboard);
        }
    }
    Resources {
        log_group: logs::group(spec),
        metric_filters: logs::metric_filters(spec),
        execution_role: roles::execution(spec),
        task_role: roles::task(spec),
        target_group: target_group(spec),
        alternate_target_group: rollout::alternate(spec, target_group(spec)),
        test_rule: rollout::test_rule(spec),
        rollout_role: rollout::role(spec),
        listener_rule: ListenerRule {
            hosts: BTreeSet::from([spec.load_balancer.host.clone()]),
            priority: signed(spec.load_balancer.priority),
            forward: Join::Ours,
            idle: spec
                .shifting()
                .map(|_| Join::Alternate)
                .into_iter()
                .collect(),
            other: BTreeSet::new(),
        },
        discovery: DiscoveryService {
            name: spec.discovery.service.clone(),
            namespace: spec.discovery.namespace.clone(),
            record_type: "A".to_owned(),
            ttl_seconds: 10,
        },
        task_definition: task_definition::task_definition(spec),
        service: service(spec),
        scalable_target: scaling::target(spec),
        scaling_policies: scaling::policies(spec),
        scheduled_actions: scaling::scheduled_actions(spec),
        topic: topic(spec),
        alarms,
        composite_alarms: alarms::composite_alarms(spec),
        dashboard,
    }
}

/// The unit's own topic. It needs no policy: AWS's default lets the account's alarms publish.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>
fn topic(spec: &Spec) -> Option<Topic> {
    match &spec.notifications {
        Notifications::Own {
            topic,
            subscriptions,
        } => Some(Topic {
            name: topic.clone(),
            subscriptions: subscriptions.clone(),
        }),
        Notifications::Existing { topic_arn: _ } => None,
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

/// `arn:aws:ssm:…:parameter/a/b`: the name's own slash is the separator.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html>
fn parameter_arn(spec: &Spec, parameter: &str) -> String {
    spec.arn("ssm", &format!("parameter{parameter}"))
}

fn service(spec: &Spec) -> Service {
    let rollout::Configuration {
        strategy,
        bake_minutes,
        step_percent,
        step_bake_minutes,
    } = rollout::configuration(spec);
    let join = |there: bool, join: Join| if there { join } else { Join::None };
    let shifting = spec.shifting();
    Service {
        name: spec.name.clone(),
        target_group: Join::Ours,
        other_target_groups: BTreeSet::new(),
        traffic: format!("{}:{}", spec.task.container, spec.port),
        discovery: Join::Ours,
        subnets: spec.network.subnets.clone(),
        security_groups: spec.network.security_groups.clone(),
        public_address: spec.network.public_address,
        healthy_percent_min: 100,
        healthy_percent_max: 200,
        circuit_breaker: true,
        circuit_breaker_rollback: true,
        alarms: alarms::rollback_alarms(spec),
        alarms_rollback: spec.alarms.stop_rollout,
        grace_period_seconds: signed(spec.health.grace_period_seconds),
        execute_command: spec.task.execute_command,
        strategy: strategy.to_owned(),
        bake_minutes,
        step_percent,
        step_bake_minutes,
        alternate: join(shifting.is_some(), Join::Alternate),
        production_rule: join(shifting.is_some(), Join::Ours),
        test_rule: join(shifting.is_some_and(|it| it.test.is_some()), Join::Ours),
        rollout_role: shifting.map(|_| roles::arn(spec, &spec.rollout_role())),
        hooks: rollout::hooks(spec),
    }
}
