//! One container of a task definition: as written, as AWS reads it back, as the agent needs it.
//!
//! Takes a container's members, gives its normal form (AWS's defaults filled in) and a typed [`Container`]. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::fargate::Size;
use super::super::input::{client, typed};
use super::is_identifier;
use crate::simulator::call::Refusal;
use crate::simulator::defaults::ecs::container as default;

/// The members of AWS's ContainerDefinition that this simulator keeps, beside the lists of [`default::LISTS`].
const MEMBERS: [&str; 20] = [
    "name",
    "image",
    "cpu",
    "memory",
    "memoryReservation",
    "portMappings",
    "essential",
    "linuxParameters",
    "startTimeout",
    "stopTimeout",
    "versionConsistency",
    "user",
    "workingDirectory",
    "privileged",
    "readonlyRootFilesystem",
    "interactive",
    "pseudoTerminal",
    "dockerLabels",
    "logConfiguration",
    "healthCheck",
];

/// Members that change what a container does in a way a plain process cannot follow.
const NOT_MODELLED: [&str; 12] = [
    "repositoryCredentials",
    "links",
    "restartPolicy",
    "environmentFiles",
    "dependsOn",
    "hostname",
    "disableNetworking",
    "extraHosts",
    "dockerSecurityOptions",
    "resourceRequirements",
    "firelensConfiguration",
    "credentialSpecs",
];

/// What the agent needs of a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Container {
    pub(in super::super) name: String,
    pub(in super::super) image: String,
    pub(in super::super) essential: bool,
    #[serde(default)]
    pub(in super::super) entry_point: Vec<String>,
    #[serde(default)]
    pub(in super::super) command: Vec<String>,
    #[serde(default)]
    pub(in super::super) environment: Vec<Variable>,
    #[serde(default)]
    pub(in super::super) secrets: Vec<SecretVariable>,
    #[serde(default)]
    pub(in super::super) port_mappings: Vec<PortMapping>,
    stop_timeout: Option<u32>,
    pub(in super::super) health_check: Option<HealthCheck>,
    log_configuration: Option<LogConfiguration>,
}

#[derive(Debug, Clone, Deserialize)]
pub(in super::super) struct Variable {
    pub(in super::super) name: String,
    #[serde(default)]
    pub(in super::super) value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct SecretVariable {
    pub(in super::super) name: String,
    pub(in super::super) value_from: String,
}

impl SecretVariable {
    /// Whether it is an ARN of Secrets Manager; anything else names a parameter.
    pub(in super::super) fn is_in_secrets_manager(&self) -> bool {
        self.value_from.starts_with("arn:aws:secretsmanager:")
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PortMapping {
    pub(in super::super) container_port: u16,
}

/// A container health check; times in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct HealthCheck {
    pub(in super::super) command: Vec<String>,
    pub(in super::super) interval: u32,
    pub(in super::super) timeout: u32,
    pub(in super::super) retries: u32,
    #[serde(default)]
    pub(in super::super) start_period: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogConfiguration {
    log_driver: String,
    #[serde(default)]
    options: BTreeMap<String, String>,
}

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct AwsLogs<'a> {
    pub(in super::super) group: &'a str,
    pub(in super::super) prefix: &'a str,
}

impl Container {
    pub(super) fn read(normal: &Value) -> Result<Container, Refusal> {
        typed(normal, "Container")
    }

    pub(in super::super) fn stop_timeout_seconds(&self) -> u32 {
        // API_ContainerDefinition: "if the parameter is not specified, the default value of 30 seconds is used".
        self.stop_timeout.unwrap_or(30)
    }

    pub(in super::super) fn awslogs(&self) -> Option<AwsLogs<'_>> {
        let LogConfiguration {
            log_driver,
            options,
        } = self.log_configuration.as_ref()?;
        if log_driver != "awslogs" {
            return None;
        }
        let option = |name: &str| options.get(name).map(String::as_str);
        Some(AwsLogs {
            group: option("awslogs-group")?,
            prefix: option("awslogs-stream-prefix")?,
        })
    }
}

/// The normal form of every container.
pub(super) fn normalize_all(
    containers: Vec<Map<String, Value>>,
    awsvpc: bool,
) -> Result<Vec<Value>, Refusal> {
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    containers
        .into_iter()
        .map(|container| normalize(container, awsvpc))
        .collect()
}

fn normalize(mut given: Map<String, Value>, awsvpc: bool) -> Result<Value, Refusal> {
    if let Some(name) = NOT_MODELLED
        .iter()
        .find(|name| given.get(**name).is_some_and(|value| !is_empty(value)))
    {
        let message = format!("The simulator does not model the container member {name}.");
        return Err(Refusal::new("UnsupportedFeatureException", message));
    }
    let mut normal = Map::new();
    let lists = default::LISTS.iter().map(|row| row.path);
    for name in MEMBERS.into_iter().chain(lists) {
        if let Some(value) = given.remove(name).filter(|value| !value.is_null()) {
            normal.insert(name.into(), value);
        }
    }
    let defaults = [
        ("cpu", json!(default::CPU)),
        ("essential", json!(default::ESSENTIAL)),
        ("versionConsistency", json!(default::VERSION_CONSISTENCY)),
        ("portMappings", json!([])),
    ];
    let defaults = defaults
        .into_iter()
        .chain(default::LISTS.iter().map(|row| (row.path, json!([]))));
    for (name, value) in defaults {
        normal.entry(name).or_insert(value);
    }
    for mapping in normal
        .get_mut("portMappings")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let Some(mapping) = mapping.as_object_mut() else {
            continue;
        };
        mapping
            .entry("protocol")
            .or_insert(json!(default::PORT_PROTOCOL));
        if let (true, Some(port)) = (awsvpc, mapping.get("containerPort").cloned()) {
            mapping.entry("hostPort").or_insert(port);
        }
    }
    if let Some(check) = normal.get_mut("healthCheck").and_then(Value::as_object_mut) {
        let defaults = [
            ("interval", default::CHECK_INTERVAL),
            ("timeout", default::CHECK_TIMEOUT),
            ("retries", default::CHECK_RETRIES),
        ];
        for (name, value) in defaults {
            check.entry(name).or_insert(json!(value));
        }
    }
    Ok(Value::Object(normal))
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// AWS's rules for containers; `size` is there when the definition must run on Fargate.
pub(super) fn check(
    containers: &[Container],
    size: Option<Size>,
    execution_role: bool,
) -> Result<(), Refusal> {
    for (index, container) in containers.iter().enumerate() {
        let Container {
            name,
            image,
            secrets,
            health_check,
            log_configuration,
            environment,
            port_mappings,
            ..
        } = container;
        if !is_identifier(name) {
            return Err(client("Container.name contains invalid characters."));
        }
        if containers
            .iter()
            .take(index)
            .any(|other| other.name == *name)
        {
            return Err(client(format!("Container.name: {name} is duplicated.")));
        }
        if image.is_empty() {
            return Err(client("Container.image should not be null or empty."));
        }
        if !secrets.is_empty() && !execution_role {
            return Err(client(
                "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
            ));
        }
        for secret in secrets {
            if environment
                .iter()
                .any(|variable| variable.name == secret.name)
            {
                return Err(client(format!(
                    "The secret name must be unique and not shared with any new or existing environment variables set on \
                     the container, such as '{}'.",
                    secret.name
                )));
            }
        }
        if let Some(check) = health_check {
            check_health_check(check)?;
        }
        if let Some(logs) = log_configuration {
            check_logs(logs, size.is_some(), execution_role)?;
        }
        if size.is_some() && container.stop_timeout.is_some_and(|seconds| seconds > 120) {
            return Err(client(
                "Container.stopTimeout must be at most 120 for Fargate tasks.",
            ));
        }
        if port_mappings
            .iter()
            .any(|mapping| mapping.container_port == 0)
        {
            return Err(client("Container port must be between 1 and 65535."));
        }
    }
    if !containers.iter().any(|container| container.essential) {
        return Err(client(
            "At least one container must be marked as essential.",
        ));
    }
    Ok(())
}

/// Ranges of API_HealthCheck.
fn check_health_check(check: &HealthCheck) -> Result<(), Refusal> {
    let HealthCheck {
        command,
        interval,
        timeout,
        retries,
        start_period,
    } = check;
    let named = match command.split_first() {
        Some((kind, rest)) => {
            matches!(kind.as_str(), "CMD" | "CMD-SHELL" | "NONE")
                && (kind == "NONE" || !rest.is_empty())
        }
        None => false,
    };
    let rules = [
        (
            named,
            "HealthCheck.command must start with CMD, CMD-SHELL or NONE and name a command.",
        ),
        (
            (5..=300).contains(interval),
            "HealthCheck.interval must be between 5 and 300 seconds.",
        ),
        (
            (2..=60).contains(timeout),
            "HealthCheck.timeout must be between 2 and 60 seconds.",
        ),
        (
            (1..=10).contains(retries),
            "HealthCheck.retries must be between 1 and 10.",
        ),
        (
            (0..=300).contains(start_period),
            "HealthCheck.startPeriod must be between 0 and 300 seconds.",
        ),
    ];
    match rules.into_iter().find(|(kept, _)| !kept) {
        None => Ok(()),
        Some((_, broken)) => Err(client(broken)),
    }
}

fn check_logs(logs: &LogConfiguration, fargate: bool, execution_role: bool) -> Result<(), Refusal> {
    let LogConfiguration {
        log_driver,
        options,
    } = logs;
    if log_driver != "awslogs" {
        let message = format!("The simulator does not model the log driver {log_driver}.");
        return Err(Refusal::new("UnsupportedFeatureException", message));
    }
    if fargate && !execution_role {
        return Err(client(
            "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
        ));
    }
    for option in ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"] {
        if fargate && !options.contains_key(option) {
            return Err(client(format!(
                "Log driver awslogs requires options: {option}"
            )));
        }
    }
    Ok(())
}
