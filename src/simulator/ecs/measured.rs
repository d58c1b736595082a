//! What of a service its metrics are made from. Changes nothing.

use super::service::Service;
use super::task::{LastStatus, Task};
use crate::simulator::world::World;

/// A service with what its running tasks have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// `service/<cluster>/<service>`
    pub resource: String,
    /// Tasks that are RUNNING.
    pub running: u32,
    /// Of the newest of them; 1,024 are one vCPU.
    pub cpu_units: u32,
    /// Of the newest of them.
    pub memory_mib: u32,
    /// ARNs, alternate ones too.
    pub target_groups: Vec<String>,
}

/// Every active service.
pub fn measured(world: &World) -> Vec<Measured> {
    let services = world.ecs.services.iter();
    services
        .filter(|service| service.is_active())
        .map(|service| one(world, service))
        .collect()
}

fn one(world: &World, service: &Service) -> Measured {
    let is_running = |task: &&Task| {
        task.service == Some(service.number) && task.last_status() == LastStatus::Running
    };
    let running: Vec<&Task> = world.ecs.tasks.iter().filter(is_running).collect();
    let size = running.last().and_then(|task| task.blueprint.size);
    let balancers = service.settings.load_balancers.iter();
    let groups = balancers.flat_map(|balancer| {
        let alternate = balancer.advanced_configuration.as_ref();
        let alternate = alternate.map(|advanced| advanced.alternate_target_group_arn.clone());
        [Some(balancer.target_group_arn.clone()), alternate]
    });
    Measured {
        resource: format!("service/{}/{}", service.cluster, service.name),
        running: u32::try_from(running.len()).unwrap_or(u32::MAX),
        cpu_units: size.map_or(0, |size| size.cpu_units),
        memory_mib: size.map_or(0, |size| size.memory_mib),
        target_groups: groups.flatten().collect(),
    }
}
