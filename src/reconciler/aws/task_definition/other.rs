//! What a revision says beyond what [`TaskDefinition`](crate::reconciler::resource::TaskDefinition) has: an entry point in
//! place of the image's, a volume, a capability. Their names are enough, since ours has none of them: a revision with one is never
//! taken for the wanted one.
//!
//! A member AWS adds after this was written is not in here, and so never causes a write.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    ContainerDefinition, LinuxParameters, LogConfiguration, LogDriver, NetworkMode, OsFamily,
    TaskDefinition,
};

use super::VERSION_LABEL;

/// Members that are there.
fn present<const N: usize>(members: [(&str, bool); N]) -> BTreeSet<String> {
    members
        .into_iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether a list or map has anything in it; AWS reads empty ones back for absent ones.
fn some<T>(list: Option<&[T]>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

fn yes(flag: Option<bool>) -> bool {
    flag == Some(true)
}

/// Of the task.
pub fn of_task(found: &TaskDefinition) -> BTreeSet<String> {
    let platform = found.runtime_platform.as_ref();
    let os = platform.and_then(|platform| platform.operating_system_family.as_ref());
    present([
        ("volumes", some(found.volumes.as_deref())),
        (
            "placementConstraints",
            some(found.placement_constraints.as_deref()),
        ),
        (
            "inferenceAccelerators",
            some(found.inference_accelerators.as_deref()),
        ),
        ("pidMode", found.pid_mode.is_some()),
        ("ipcMode", found.ipc_mode.is_some()),
        ("proxyConfiguration", found.proxy_configuration.is_some()),
        ("ephemeralStorage", found.ephemeral_storage.is_some()),
        ("enableFaultInjection", yes(found.enable_fault_injection)),
        (
            "networkMode",
            found.network_mode.as_ref() != Some(&NetworkMode::Awsvpc),
        ),
        (
            "operatingSystemFamily",
            os.is_some_and(|os| *os != OsFamily::Linux),
        ),
    ])
}

/// Of its container. A share of CPU and memory that is the whole task's says nothing.
pub fn of_container(found: &ContainerDefinition, cpu: u32, memory: u32) -> BTreeSet<String> {
    let less = |share: Option<i32>, whole| {
        share.is_some_and(|share| u32::try_from(share).is_ok_and(|share| share != whole))
    };
    let ports = found.port_mappings();
    let health = found.health_check.as_ref();
    let shell = health.and_then(|health| health.command.first());
    let mut members = present([
        (
            "repositoryCredentials",
            found.repository_credentials.is_some(),
        ),
        ("cpu", found.cpu != 0 && less(Some(found.cpu), cpu)),
        ("memory", less(found.memory, memory)),
        ("memoryReservation", less(found.memory_reservation, memory)),
        ("links", some(found.links.as_deref())),
        ("portMappings", ports.len() > 1),
        ("essential", found.essential == Some(false)),
        ("restartPolicy", found.restart_policy.is_some()),
        ("entryPoint", some(found.entry_point.as_deref())),
        ("environmentFiles", some(found.environment_files.as_deref())),
        ("mountPoints", some(found.mount_points.as_deref())),
        ("volumesFrom", some(found.volumes_from.as_deref())),
        ("dependsOn", some(found.depends_on.as_deref())),
        ("startTimeout", found.start_timeout.is_some()),
        ("hostname", found.hostname.is_some()),
        ("workingDirectory", found.working_directory.is_some()),
        ("disableNetworking", yes(found.disable_networking)),
        ("privileged", yes(found.privileged)),
        ("dnsServers", some(found.dns_servers.as_deref())),
        (
            "dnsSearchDomains",
            some(found.dns_search_domains.as_deref()),
        ),
        ("extraHosts", some(found.extra_hosts.as_deref())),
        (
            "dockerSecurityOptions",
            some(found.docker_security_options.as_deref()),
        ),
        ("interactive", yes(found.interactive)),
        ("pseudoTerminal", yes(found.pseudo_terminal)),
        (
            "dockerLabels",
            found
                .docker_labels
                .as_ref()
                .is_some_and(|labels| labels.keys().any(|name| !name.starts_with(VERSION_LABEL))),
        ),
        ("systemControls", some(found.system_controls.as_deref())),
        (
            "resourceRequirements",
            some(found.resource_requirements.as_deref()),
        ),
        (
            "firelensConfiguration",
            found.firelens_configuration.is_some(),
        ),
        ("credentialSpecs", some(found.credential_specs.as_deref())),
        (
            "healthCheck.command by a shell",
            shell.is_some_and(|word| word != "CMD"),
        ),
    ]);
    if let Some(linux) = &found.linux_parameters {
        members.extend(of_linux(linux));
    }
    if let Some(log) = &found.log_configuration {
        members.extend(of_log(log));
    }
    members
}

fn of_linux(linux: &LinuxParameters) -> BTreeSet<String> {
    let capabilities = linux.capabilities.as_ref();
    present([
        (
            "linuxParameters.capabilities",
            capabilities.is_some_and(|all| !all.add().is_empty() || !all.drop().is_empty()),
        ),
        ("linuxParameters.devices", some(linux.devices.as_deref())),
        (
            "linuxParameters.sharedMemorySize",
            linux.shared_memory_size.is_some(),
        ),
        ("linuxParameters.tmpfs", some(linux.tmpfs.as_deref())),
        ("linuxParameters.maxSwap", linux.max_swap.is_some()),
        ("linuxParameters.swappiness", linux.swappiness.is_some()),
    ])
}

/// The region is the unit's: a log group elsewhere would be another one of the same name, and ours is made here.
fn of_log(log: &LogConfiguration) -> BTreeSet<String> {
    const OURS: [&str; 3] = ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"];
    let mut options: BTreeSet<String> = log
        .options
        .iter()
        .flatten()
        .filter(|(name, _)| !OURS.contains(&name.as_str()))
        .map(|(name, _)| format!("logConfiguration.options.{name}"))
        .collect();
    if log.log_driver != LogDriver::Awslogs {
        options.insert(format!(
            "logConfiguration.logDriver {}",
            log.log_driver.as_str()
        ));
    }
    if some(log.secret_options.as_deref()) {
        options.insert("logConfiguration.secretOptions".to_owned());
    }
    options
}
