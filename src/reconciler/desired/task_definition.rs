//! The task definition: the manifest's `task`, `image`, `port`, `health` and `logs`, and what is decided here for all.
//!
//! Decided here, because one value is right for every unit: the container's health check is run every 10 s, fails after 5 s
//! and three times in a row; logs go to CloudWatch by `awslogs`; the program runs on Linux in a network of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{parameter_arn, roles, signed};
use crate::reconciler::resource::{Container, TaskDefinition, Ulimit};
use crate::reconciler::spec::Spec;

/// ECS forgives a starting container at most so long.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html>
const START_PERIOD_SECONDS_MAX: i32 = 300;

/// What one task runs.
pub fn task_definition(spec: &Spec) -> TaskDefinition {
    TaskDefinition {
        family: spec.task.family.clone(),
        cpu: spec.task.cpu,
        memory: spec.task.memory,
        execution_role: roles::arn(spec, &spec.task.execution_role),
        task_role: roles::arn(spec, &spec.task.task_role),
        architecture: spec.task.architecture.as_str().to_owned(),
        container: container(spec),
        other_containers: BTreeSet::new(),
        other: BTreeSet::new(),
    }
}

fn container(spec: &Spec) -> Container {
    let mut environment = spec.task.environment.clone();
    environment.insert("PORT".to_owned(), spec.port.to_string());
    // The dimension of the metrics the program emits; `metric` looks for them under it.
    environment.insert("SERVICE_NAME".to_owned(), spec.name.clone());
    if let Some(source) = spec.task.keys_source() {
        environment.insert("API_KEYS_SOURCE".to_owned(), source.to_owned());
    }
    let secrets = spec.task.parameters().into_iter();
    let secrets = secrets.map(|(variable, name)| (variable.to_owned(), parameter_arn(spec, name)));
    let open_files = signed(spec.task.open_files);
    Container {
        name: spec.task.container.clone(),
        image: spec.image.uri.clone(),
        port: i32::from(spec.port),
        command: spec.task.command.clone(),
        environment,
        secrets: secrets.collect(),
        // AWS knows them: see `versions`.
        secret_versions: BTreeMap::new(),
        log_group: spec.logs.group.clone(),
        log_stream_prefix: spec.task.container.clone(),
        health_command: spec.health.command.clone(),
        health_interval_seconds: 10,
        health_timeout_seconds: 5,
        health_retries: 3,
        health_start_period_seconds: signed(spec.health.grace_period_seconds)
            .min(START_PERIOD_SECONDS_MAX),
        stop_timeout_seconds: signed(spec.task.stop_timeout_seconds),
        read_only: spec.task.read_only_root,
        init: spec.task.init,
        user: Some(spec.task.user.clone()),
        ulimits: BTreeMap::from([(
            "nofile".to_owned(),
            Ulimit {
                soft: open_files,
                hard: open_files,
            },
        )]),
        other: BTreeSet::new(),
    }
}
