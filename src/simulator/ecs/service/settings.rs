//! What a service revision freezes: task definition, load balancers, registries, network, where it runs.
//!
//! Takes the members of Create and UpdateService, gives [`Settings`] that hold together: every container, port, target
//! group, subnet and registry they name exists. Never changes the world.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::input::invalid;
use super::super::task_definition::{self, Blueprint};
use crate::simulator::call::Refusal;
use crate::simulator::world::World;
use crate::simulator::{elbv2, servicediscovery};

/// The settings of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Settings {
    /// Its ARN.
    pub(in super::super) task_definition: String,
    pub(in super::super) load_balancers: Vec<LoadBalancer>,
    pub(in super::super) registries: Vec<Registry>,
    pub(in super::super) network: Option<Network>,
    pub(in super::super) launch: Launch,
    pub(in super::super) platform_version: String,
}

/// One entry of `loadBalancers`: a target group and the container port that is registered in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct LoadBalancer {
    pub(in super::super) target_group_arn: String,
    pub(in super::super) container_name: String,
    pub(in super::super) container_port: u16,
}

/// One entry of `serviceRegistries`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct Registry {
    pub(in super::super) registry_arn: String,
    pub(in super::super) port: Option<u16>,
    pub(in super::super) container_name: Option<String>,
    pub(in super::super) container_port: Option<u16>,
}

/// Where tasks get their addresses from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct Network {
    pub(in super::super) subnets: Vec<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    assign_public_ip: Option<PublicIp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PublicIp {
    Enabled,
    Disabled,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NetworkConfiguration {
    awsvpc_configuration: Network,
}

/// What tasks are launched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Launch {
    Fargate,
    /// Container instances, of which this simulator has none: nothing can be placed.
    Ec2,
    Providers(Vec<ProviderItem>),
}

/// One capacity provider; both Fargate ones are the same machine here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct ProviderItem {
    capacity_provider: Provider,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    base: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Provider {
    Fargate,
    FargateSpot,
}

/// The members of CreateService that make settings.
pub(super) struct Given<'a> {
    pub(super) task_definition: &'a str,
    pub(super) load_balancers: Vec<LoadBalancer>,
    pub(super) service_registries: Vec<Registry>,
    pub(super) network_configuration: Option<NetworkConfiguration>,
    pub(super) launch_type: Option<String>,
    pub(super) capacity_provider_strategy: Option<Vec<ProviderItem>>,
    pub(super) platform_version: Option<String>,
}

/// The members of UpdateService that change settings.
pub(super) struct Changes<'a> {
    pub(super) task_definition: Option<&'a str>,
    pub(super) load_balancers: Option<Vec<LoadBalancer>>,
    pub(super) service_registries: Option<Vec<Registry>>,
    pub(super) network_configuration: Option<NetworkConfiguration>,
    pub(super) capacity_provider_strategy: Option<Vec<ProviderItem>>,
    pub(super) platform_version: Option<String>,
}

impl Settings {
    pub(super) fn new(world: &World, given: Given<'_>) -> Result<Settings, Refusal> {
        let launch = match (
            given.launch_type.as_deref(),
            given.capacity_provider_strategy,
        ) {
            (Some(_), Some(_)) => {
                let message = "Specifying both a launch type and capacity provider strategy is not supported. \
                               Remove one and try again.";
                return Err(invalid(message));
            }
            (Some("FARGATE"), None) => Launch::Fargate,
            // API_CreateService: without a launch type the cluster's default strategy is used, and without one EC2.
            (None | Some("EC2"), None) => Launch::Ec2,
            (Some(other), None) => return Err(invalid(format!("Invalid launch type {other}."))),
            (None, Some(items)) => Launch::Providers(items),
        };
        let settings = Settings {
            task_definition: task_definition::find_active(world, given.task_definition)?
                .arn
                .clone(),
            load_balancers: given.load_balancers,
            registries: given.service_registries,
            network: given
                .network_configuration
                .map(|configuration| configuration.awsvpc_configuration),
            launch,
            platform_version: given.platform_version.unwrap_or_else(|| "LATEST".into()),
        };
        settings.check(world)?;
        Ok(settings)
    }

    pub(super) fn updated(&self, world: &World, changes: Changes<'_>) -> Result<Settings, Refusal> {
        let Changes {
            task_definition,
            load_balancers,
            service_registries,
            network_configuration,
            capacity_provider_strategy,
            platform_version,
        } = changes;
        let mut settings = self.clone();
        if let Some(reference) = task_definition {
            settings.task_definition = task_definition::find_active(world, reference)?.arn.clone();
        }
        settings.load_balancers = load_balancers.unwrap_or(settings.load_balancers);
        settings.registries = service_registries.unwrap_or(settings.registries);
        settings.network = network_configuration
            .map(|given| given.awsvpc_configuration)
            .or(settings.network);
        settings.launch = capacity_provider_strategy.map_or(settings.launch, Launch::Providers);
        settings.platform_version = platform_version.unwrap_or(settings.platform_version);
        // An unchanged service is left alone even when something it names has gone since.
        if settings != *self {
            settings.check(world)?;
        }
        Ok(settings)
    }

    fn check(&self, world: &World) -> Result<(), Refusal> {
        let Settings {
            task_definition,
            load_balancers,
            registries,
            network,
            launch,
            platform_version,
        } = self;
        let blueprint = &task_definition::find(world, task_definition)?.blueprint;
        if *launch != Launch::Ec2 && blueprint.size.is_none() {
            return Err(invalid(
                "Task definition does not support launch_type FARGATE.",
            ));
        }
        if !matches!(platform_version.as_str(), "LATEST" | "1.4.0" | "1.3.0") {
            return Err(Refusal::new(
                "PlatformUnknownException",
                "The specified platform does not exist.",
            ));
        }
        match network {
            Some(network) => check_network(world, network)?,
            None if blueprint.is_awsvpc => {
                return Err(invalid(
                    "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
                ));
            }
            None => {}
        }
        if load_balancers.len() > 5 {
            return Err(invalid("A service can use at most five target groups."));
        }
        for entry in load_balancers {
            check_load_balancer(world, blueprint, entry)?;
        }
        if registries.len() > 1 {
            return Err(invalid("A service can use at most one service registry."));
        }
        for entry in registries {
            check_registry(world, blueprint, entry)?;
        }
        Ok(())
    }

    pub(in super::super) fn network_value(&self) -> Option<Value> {
        let Network {
            subnets,
            security_groups,
            assign_public_ip,
        } = self.network.as_ref()?;
        let assign_public_ip = match assign_public_ip {
            Some(PublicIp::Enabled) => "ENABLED",
            Some(PublicIp::Disabled) | None => "DISABLED",
        };
        Some(json!({ "awsvpcConfiguration": {
            "subnets": subnets, "securityGroups": security_groups, "assignPublicIp": assign_public_ip,
        }}))
    }

    /// `launchType` or `capacityProviderStrategy`, whichever applies, as a member to insert.
    pub(in super::super) fn launch_member(&self) -> (&'static str, Value) {
        match &self.launch {
            Launch::Fargate => ("launchType", json!("FARGATE")),
            Launch::Ec2 => ("launchType", json!("EC2")),
            Launch::Providers(items) => {
                let items = items.iter().map(
                    |ProviderItem {
                         capacity_provider,
                         weight,
                         base,
                     }| {
                        let name = match capacity_provider {
                            Provider::Fargate => "FARGATE",
                            Provider::FargateSpot => "FARGATE_SPOT",
                        };
                        json!({ "capacityProvider": name, "weight": weight, "base": base })
                    },
                );
                ("capacityProviderStrategy", items.collect())
            }
        }
    }

    pub(in super::super) fn load_balancers_value(&self) -> Value {
        let entries = self.load_balancers.iter();
        entries
            .map(
                |LoadBalancer {
                     target_group_arn,
                     container_name,
                     container_port,
                 }| {
                    json!({
                        "targetGroupArn": target_group_arn,
                        "containerName": container_name,
                        "containerPort": container_port,
                    })
                },
            )
            .collect()
    }

    pub(in super::super) fn registries_value(&self) -> Value {
        let entries = self.registries.iter();
        entries
            .map(
                |Registry {
                     registry_arn,
                     port,
                     container_name,
                     container_port,
                 }| {
                    let mut value = json!({ "registryArn": registry_arn });
                    let members = [
                        ("port", port.map(|port| json!(port))),
                        (
                            "containerName",
                            container_name.as_ref().map(|name| json!(name)),
                        ),
                        ("containerPort", container_port.map(|port| json!(port))),
                    ];
                    if let Some(value) = value.as_object_mut() {
                        value.extend(
                            members
                                .into_iter()
                                .filter_map(|(name, member)| Some((name.into(), member?))),
                        );
                    }
                    value
                },
            )
            .collect()
    }
}

fn check_network(world: &World, network: &Network) -> Result<(), Refusal> {
    let Network {
        subnets,
        security_groups,
        assign_public_ip: _,
    } = network;
    if !(1..=16).contains(&subnets.len()) {
        return Err(invalid("subnets must have between 1 and 16 entries."));
    }
    if let Some(unknown) = subnets.iter().find(|id| world.subnet(id).is_none()) {
        return Err(invalid(format!(
            "Error retrieving subnet information for [{unknown}]: The subnet ID '{unknown}' does not exist"
        )));
    }
    let known = |id: &String| {
        world
            .vpcs
            .iter()
            .any(|vpc| vpc.security_groups.iter().any(|group| group.id == *id))
    };
    if let Some(unknown) = security_groups.iter().find(|id| !known(id)) {
        return Err(invalid(format!(
            "Error retrieving security group information for [{unknown}]: The security group '{unknown}' does not exist"
        )));
    }
    Ok(())
}

fn check_load_balancer(
    world: &World,
    blueprint: &Blueprint,
    entry: &LoadBalancer,
) -> Result<(), Refusal> {
    let LoadBalancer {
        target_group_arn,
        container_name,
        container_port,
    } = entry;
    check_port(blueprint, container_name, *container_port)?;
    if !elbv2::target_group_exists(world, target_group_arn) {
        return Err(invalid(format!(
            "The target group with targetGroupArn {target_group_arn} does not exist."
        )));
    }
    if !elbv2::target_group_is_attached(world, target_group_arn) {
        return Err(invalid(format!(
            "The target group with targetGroupArn {target_group_arn} does not have an associated load balancer."
        )));
    }
    Ok(())
}

fn check_registry(world: &World, blueprint: &Blueprint, entry: &Registry) -> Result<(), Refusal> {
    let Registry {
        registry_arn,
        port: _,
        container_name,
        container_port,
    } = entry;
    if !servicediscovery::service_exists(world, registry_arn) {
        return Err(invalid(format!(
            "The service registry {registry_arn} does not exist."
        )));
    }
    match (container_name, container_port) {
        (Some(name), Some(port)) => check_port(blueprint, name, *port),
        (None, None) => Ok(()),
        _ => Err(invalid(
            "A service registry needs both containerName and containerPort, or neither.",
        )),
    }
}

fn check_port(blueprint: &Blueprint, name: &str, port: u16) -> Result<(), Refusal> {
    let container = blueprint
        .containers
        .iter()
        .find(|container| container.name == name);
    let container = container.ok_or_else(|| {
        invalid(format!(
            "The container {name} does not exist in the task definition."
        ))
    })?;
    if container
        .port_mappings
        .iter()
        .any(|mapping| mapping.container_port == port)
    {
        return Ok(());
    }
    Err(invalid(format!(
        "The container {name} did not have a container port {port} defined."
    )))
}

/// Placement is for container instances; Fargate refuses both members when they say anything.
pub(super) fn refuse_placement(
    constraints: Option<&[Value]>,
    strategy: Option<&[Value]>,
) -> Result<(), Refusal> {
    if constraints.is_some_and(|list| !list.is_empty())
        || strategy.is_some_and(|list| !list.is_empty())
    {
        return Err(invalid(
            "Placement constraints and strategies are not supported with FARGATE launch type.",
        ));
    }
    Ok(())
}
