//! What a service revision freezes: task definition, load balancers, registries, network, where it runs.
//!
//! Takes the members of Create and UpdateService, gives [`Settings`] that hold together: every container, port, target
//! group, subnet and registry they name exists. Never changes the world.

pub(super) mod check;
mod launch;

use serde::Deserialize;
use serde_json::{Value, json};

pub(in super::super) use self::launch::Launch;
use super::super::cluster::providers::{self, ProviderItem};
use super::super::input::invalid;
use super::super::task_definition;
use crate::simulator::call::Refusal;
use crate::simulator::world::World;

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
    pub(in super::super) advanced_configuration: Option<Advanced>,
}

/// What traffic is shifted between and by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct Advanced {
    pub(in super::super) alternate_target_group_arn: String,
    pub(in super::super) production_listener_rule: String,
    pub(in super::super) test_listener_rule: Option<String>,
    pub(in super::super) role_arn: String,
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
    pub(in super::super) security_groups: Vec<String>,
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
pub(in super::super) struct NetworkConfiguration {
    pub(in super::super) awsvpc_configuration: Network,
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
    pub(super) fn new(world: &World, cluster: &str, given: Given<'_>) -> Result<Settings, Refusal> {
        let launch = Launch::of(
            world,
            cluster,
            given.launch_type.as_deref(),
            given.capacity_provider_strategy,
        )?;
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
        check::check(world, &settings)?;
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
            check::check(world, &settings)?;
        }
        Ok(settings)
    }

    /// The target group of each load balancer entry.
    pub(in super::super) fn groups(&self) -> Vec<String> {
        let entries = self.load_balancers.iter();
        entries
            .map(|entry| entry.target_group_arn.clone())
            .collect()
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
            Launch::Providers(items) => ("capacityProviderStrategy", providers::to_value(items)),
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
                     advanced_configuration,
                 }| {
                    let mut value = json!({
                        "targetGroupArn": target_group_arn,
                        "containerName": container_name,
                        "containerPort": container_port,
                    });
                    if let Some(advanced) = advanced_configuration {
                        value["advancedConfiguration"] = advanced.to_value();
                    }
                    value
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

impl Advanced {
    fn to_value(&self) -> Value {
        let Advanced {
            alternate_target_group_arn,
            production_listener_rule,
            test_listener_rule,
            role_arn,
        } = self;
        let mut value = json!({
            "alternateTargetGroupArn": alternate_target_group_arn,
            "productionListenerRule": production_listener_rule,
            "roleArn": role_arn,
        });
        if let Some(rule) = test_listener_rule {
            value["testListenerRule"] = json!(rule);
        }
        value
    }
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
