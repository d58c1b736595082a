//! One registered revision ⇄ [`TaskDefinition`].
//!
//! AWS fills in `cpu: 0`, `essential: true`, `hostPort`, `protocol: tcp` and empty lists, and returns the environment in
//! any order; all of that ends here.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, CpuArchitecture, HealthCheck, KeyValuePair,
    LinuxParameters, LogConfiguration, LogDriver, NetworkMode, OsFamily, PortMapping,
    RuntimePlatform, Secret, TaskDefinition as SdkTaskDefinition, Ulimit as SdkUlimit, UlimitName,
};

use super::{AwsError, Clients, failed, lacking};
use crate::reconciler::normal::{flag, number, text};
use crate::reconciler::resource::{Container, TaskDefinition, Ulimit};

mod other;

/// What Fargate gives a container that says nothing of it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-resource-limits>
const OPEN_FILES: Ulimit = Ulimit {
    soft: 65_535,
    hard: 65_535,
};

/// Begins the docker label that holds a secret's version; the variable's name follows.
pub(super) const VERSION_LABEL: &str = "hokus.ai/secret-version.";

/// Those that labels tell.
fn secret_versions(labels: Option<&HashMap<String, String>>) -> BTreeMap<String, i64> {
    let labels = labels.into_iter().flatten();
    labels
        .filter_map(|(name, version)| {
            let name = name.strip_prefix(VERSION_LABEL)?;
            Some((name.to_owned(), version.parse().ok()?))
        })
        .collect()
}

/// A revision's content. `container` is the one the manifest means; without it, the first.
pub fn normal(found: SdkTaskDefinition, container: &str) -> TaskDefinition {
    let other = other::of_task(&found);
    let mut containers = found.container_definitions.unwrap_or_default();
    let index = containers
        .iter()
        .position(|each| each.name.as_deref() == Some(container))
        .unwrap_or(0);
    let chosen = if containers.is_empty() {
        ContainerDefinition::builder().build()
    } else {
        containers.remove(index)
    };
    let platform = found
        .runtime_platform
        .and_then(|platform| platform.cpu_architecture);
    let parsed = |size: Option<String>| size.and_then(|size| size.parse().ok()).unwrap_or_default();
    let (cpu, memory) = (parsed(found.cpu), parsed(found.memory));
    TaskDefinition {
        family: found.family.unwrap_or_default(),
        cpu,
        memory,
        execution_role: found.execution_role_arn.unwrap_or_default(),
        task_role: found.task_role_arn.unwrap_or_default(),
        architecture: platform
            .as_ref()
            .map_or(
                const { text("task_definition.architecture") },
                CpuArchitecture::as_str,
            )
            .to_owned(),
        container: normal_container(chosen, cpu, memory),
        other_containers: containers
            .into_iter()
            .filter_map(|container| container.name)
            .collect(),
        other,
    }
}

fn normal_container(found: ContainerDefinition, cpu: u32, memory: u32) -> Container {
    let other = other::of_container(&found, cpu, memory);
    let mut ulimits = BTreeMap::from([("nofile".to_owned(), OPEN_FILES)]);
    for limit in found.ulimits() {
        let SdkUlimit {
            name,
            soft_limit: soft,
            hard_limit: hard,
            ..
        } = limit.clone();
        ulimits.insert(name.as_str().to_owned(), Ulimit { soft, hard });
    }
    let init = found
        .linux_parameters
        .as_ref()
        .and_then(|linux| linux.init_process_enabled);
    let log = found
        .log_configuration
        .map(|log| log.options.unwrap_or_default())
        .unwrap_or_default();
    let option = |name: &str| log.get(name).cloned().unwrap_or_default();
    let health = found.health_check;
    let mut health_command = health
        .as_ref()
        .map(|health| health.command.clone())
        .unwrap_or_default();
    if health_command.first().is_some_and(|word| word == "CMD") {
        health_command.remove(0);
    }
    let health_number = |number: fn(&HealthCheck) -> Option<i32>, default| {
        health.as_ref().and_then(number).unwrap_or(default)
    };
    Container {
        name: found.name.unwrap_or_default(),
        image: found.image.unwrap_or_default(),
        port: found
            .port_mappings
            .unwrap_or_default()
            .first()
            .and_then(|mapping| mapping.container_port)
            .unwrap_or_default(),
        command: found.command.unwrap_or_default(),
        environment: found
            .environment
            .unwrap_or_default()
            .into_iter()
            .map(|pair| {
                (
                    pair.name.unwrap_or_default(),
                    pair.value.unwrap_or_default(),
                )
            })
            .collect(),
        secrets: found
            .secrets
            .unwrap_or_default()
            .into_iter()
            .map(|secret| (secret.name, secret.value_from))
            .collect(),
        secret_versions: secret_versions(found.docker_labels.as_ref()),
        log_group: option("awslogs-group"),
        log_stream_prefix: option("awslogs-stream-prefix"),
        health_interval_seconds: health_number(
            |health| health.interval,
            const { number("task_definition.container.health_interval_seconds") },
        ),
        health_timeout_seconds: health_number(
            |health| health.timeout,
            const { number("task_definition.container.health_timeout_seconds") },
        ),
        health_retries: health_number(
            |health| health.retries,
            const { number("task_definition.container.health_retries") },
        ),
        health_start_period_seconds: health_number(
            |health| health.start_period,
            const { number("task_definition.container.health_start_period_seconds") },
        ),
        health_command,
        stop_timeout_seconds: found
            .stop_timeout
            .unwrap_or(const { number("task_definition.container.stop_timeout_seconds") }),
        read_only: found
            .readonly_root_filesystem
            .unwrap_or(const { flag("task_definition.container.read_only") }),
        init: init.unwrap_or(const { flag("task_definition.container.init") }),
        user: found.user.filter(|user| !user.is_empty()),
        ulimits,
        other,
    }
}

/// Registers a new revision. Not idempotent: every call makes one more.
pub async fn register(
    aws: &Clients,
    definition: &TaskDefinition,
    region: &str,
    unit: &str,
) -> Result<(), AwsError> {
    let operation = "ecs:RegisterTaskDefinition";
    let TaskDefinition {
        family,
        cpu,
        memory,
        execution_role,
        task_role,
        architecture,
        container,
        other_containers: _,
        other: _,
    } = definition;
    let platform = RuntimePlatform::builder()
        .cpu_architecture(CpuArchitecture::from(architecture.as_str()))
        .operating_system_family(OsFamily::Linux)
        .build();
    let call = aws
        .ecs
        .register_task_definition()
        .family(family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu(cpu.to_string())
        .memory(memory.to_string())
        .execution_role_arn(execution_role)
        .task_role_arn(task_role)
        .runtime_platform(platform)
        .container_definitions(
            container_definition(container, region)
                .ok_or_else(|| lacking(operation, "container"))?,
        )
        .set_tags(Some(super::ecs::revision_tags(unit, definition)));
    call.send().await.map_err(failed(operation)).map(drop)
}

fn container_definition(container: &Container, region: &str) -> Option<ContainerDefinition> {
    let Container {
        name,
        image,
        port,
        command,
        environment,
        secrets,
        secret_versions,
        log_group,
        log_stream_prefix,
        health_command,
        health_interval_seconds,
        health_timeout_seconds,
        health_retries,
        health_start_period_seconds,
        stop_timeout_seconds,
        read_only,
        init,
        user,
        ulimits,
        other: _,
    } = container;
    let ulimits: Option<Vec<SdkUlimit>> = ulimits
        .iter()
        .map(|(name, Ulimit { soft, hard })| {
            SdkUlimit::builder()
                .name(UlimitName::from(name.as_str()))
                .soft_limit(*soft)
                .hard_limit(*hard)
                .build()
                .ok()
        })
        .collect();
    let linux = LinuxParameters::builder()
        .init_process_enabled(*init)
        .build();
    let secrets: Option<Vec<Secret>> = secrets
        .iter()
        .map(|(name, from)| Secret::builder().name(name).value_from(from).build().ok())
        .collect();
    let health = HealthCheck::builder()
        .set_command(Some(
            // A command for the shell says so itself.
            (health_command
                .first()
                .is_none_or(|word| word != "CMD-SHELL"))
            .then(|| "CMD".to_owned())
            .into_iter()
            .chain(health_command.iter().cloned())
            .collect(),
        ))
        .interval(*health_interval_seconds)
        .timeout(*health_timeout_seconds)
        .retries(*health_retries)
        .start_period(*health_start_period_seconds)
        .build()
        .ok()?;
    let labels = secret_versions.iter();
    let labels =
        labels.map(|(name, version)| (format!("{VERSION_LABEL}{name}"), version.to_string()));
    let labels: HashMap<String, String> = labels.collect();
    let log = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", log_group)
        .options("awslogs-region", region)
        .options("awslogs-stream-prefix", log_stream_prefix)
        .build()
        .ok()?;
    let environment = environment
        .iter()
        .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
    Some(
        ContainerDefinition::builder()
            .name(name)
            .image(image)
            .essential(true)
            .port_mappings(PortMapping::builder().container_port(*port).build())
            .set_command((!command.is_empty()).then(|| command.clone()))
            .set_environment(Some(environment.collect()))
            .set_secrets(Some(secrets?))
            .set_docker_labels((!labels.is_empty()).then_some(labels))
            .log_configuration(log)
            .health_check(health)
            .stop_timeout(*stop_timeout_seconds)
            .readonly_root_filesystem(*read_only)
            .linux_parameters(linux)
            .set_user(user.clone())
            .set_ulimits(Some(ulimits?))
            .build(),
    )
}
