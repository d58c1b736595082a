//! What tasks are launched on: Fargate by name or through its capacity providers, or container instances.

use crate::simulator::call::Refusal;
use crate::simulator::world::World;

use super::super::super::cluster::{
    self,
    providers::{self, Provider, ProviderItem},
};
use super::super::super::input::invalid;

/// What tasks are launched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super) enum Launch {
    Fargate,
    /// Container instances, of which this simulator has none: nothing can be placed.
    Ec2,
    Providers(Vec<ProviderItem>),
}

impl Launch {
    /// API_CreateService and API_RunTask: without a launch type the cluster's default strategy is used, without one EC2.
    pub(in super::super::super) fn of(
        world: &World,
        cluster: &str,
        launch_type: Option<&str>,
        strategy: Option<Vec<ProviderItem>>,
    ) -> Result<Launch, Refusal> {
        let strategy = strategy.filter(|items| !items.is_empty());
        match (launch_type, strategy) {
            (Some(_), Some(_)) => Err(invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            )),
            (Some("FARGATE"), None) => Ok(Launch::Fargate),
            (Some("EC2"), None) => Ok(Launch::Ec2),
            (Some(other), None) => Err(invalid(format!("Invalid launch type {other}."))),
            (None, Some(items)) => {
                providers::check_in(world, cluster, &items)?;
                Ok(Launch::Providers(items))
            }
            (None, None) => {
                let default = &cluster::get(world, Some(cluster))?.strategy;
                Ok(match default.is_empty() {
                    true => Launch::Ec2,
                    false => Launch::Providers(default.clone()),
                })
            }
        }
    }

    /// The first provider of the strategy: both Fargate ones are the same machine here.
    pub(in super::super::super) fn provider(&self) -> Option<Provider> {
        match self {
            Launch::Fargate | Launch::Ec2 => None,
            Launch::Providers(items) => items.first().map(|item| item.capacity_provider),
        }
    }
}
