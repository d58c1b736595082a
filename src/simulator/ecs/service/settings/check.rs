//! AWS's rules for what a service names: it exists, and the parts fit each other.
//!
//! Takes settings, gives the first broken rule in AWS's words. Reads only.

use super::super::super::input::invalid;
use super::super::super::task_definition::{self, Blueprint};
use super::{Advanced, Launch, LoadBalancer, Network, Registry, Settings};
use crate::simulator::call::Refusal;
use crate::simulator::world::World;
use crate::simulator::{elbv2, servicediscovery};

/// Whether settings hold together.
pub(super) fn check(world: &World, settings: &Settings) -> Result<(), Refusal> {
    let Settings {
        task_definition,
        load_balancers,
        registries,
        network,
        launch,
        platform_version,
    } = settings;
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

/// Whether settings suit a strategy; `shifting` is one that moves traffic (troubleshooting-blue-green.html).
pub(in super::super) fn check_strategy(
    world: &World,
    settings: &Settings,
    shifting: bool,
) -> Result<(), Refusal> {
    let entries = &settings.load_balancers;
    let with = entries
        .iter()
        .filter(|entry| entry.advanced_configuration.is_some());
    let with = with.count();
    if shifting && with < entries.len() {
        return Err(invalid(
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
        ));
    }
    if with > 0 && with < entries.len() {
        return Err(invalid(
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ));
    }
    for entry in entries {
        let Some(advanced) = &entry.advanced_configuration else {
            continue;
        };
        let production = &advanced.production_listener_rule;
        if advanced.test_listener_rule.as_ref() == Some(production) {
            return Err(invalid(format!(
                "The following rules cannot be used as both production and test listener rules: {production}"
            )));
        }
        let groups = elbv2::rule_weights(world, production).unwrap_or_default();
        let knows = |arn: &String| groups.iter().any(|(group, _)| group == arn);
        let both = knows(&entry.target_group_arn) && knows(&advanced.alternate_target_group_arn);
        if !both && advanced.test_listener_rule.is_none() {
            return Err(invalid(
                "For Application LoadBalancer, testListenerRule is required when productionListenerRule is not associated \
                 with both targetGroup and alternateTargetGroup",
            ));
        }
    }
    Ok(())
}

pub(in super::super::super) fn check_network(
    world: &World,
    network: &Network,
) -> Result<(), Refusal> {
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
        advanced_configuration,
    } = entry;
    check_port(blueprint, container_name, *container_port)?;
    if let Some(advanced) = advanced_configuration {
        check_advanced(world, advanced)?;
    }
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

fn check_advanced(world: &World, advanced: &Advanced) -> Result<(), Refusal> {
    let Advanced {
        alternate_target_group_arn,
        production_listener_rule,
        test_listener_rule,
        role_arn: _,
    } = advanced;
    if !elbv2::target_group_exists(world, alternate_target_group_arn) {
        return Err(invalid(format!(
            "The target group with targetGroupArn {alternate_target_group_arn} does not exist."
        )));
    }
    let mut rules = [production_listener_rule]
        .into_iter()
        .chain(test_listener_rule);
    match rules.find(|arn| !elbv2::rule_exists(world, arn)) {
        None => Ok(()),
        Some(rule) => Err(invalid(format!("The listener rule {rule} does not exist."))),
    }
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
