//! Making tasks: where they are placed, what they are given, or why none can be made.
//!
//! Takes a service, a revision and a count; adds tasks in PROVISIONING to the state and says so in the service's events.
//! The processes come later, when `lifecycle` has the task's images and secrets.

use std::net::Ipv4Addr;

use super::super::service::{Launch, Propagate, Service, Settings};
use super::super::tags::{Tag, Tags};
use super::super::task::{ContainerState, Interface, Process, Stage, Task, Times};
use super::super::task_definition::TaskDefinition;
use super::super::{State, lifecycle};
use super::listed;
use crate::simulator::address::{FIRST_TASK_HOST, LAST_TASK_HOST};
use crate::simulator::call::Millis;
use crate::simulator::iam;
use crate::simulator::world::World;

/// Makes `count` tasks of a revision, or says why none can be made.
pub(super) fn launch(
    world: &mut World,
    state: &mut State,
    index: usize,
    revision: &str,
    count: u32,
    now: Millis,
) {
    let State {
        clusters: _,
        families,
        services,
        services_ever: _,
        tasks,
        network,
        last_host,
    } = state;
    let Some(service) = services.get_mut(index) else {
        return;
    };
    let Some(settings) = service
        .revision(revision)
        .map(|revision| revision.settings.clone())
    else {
        return;
    };
    let definitions = families
        .values()
        .flat_map(|family| family.revisions.values());
    let Some(definition) = definitions
        .into_iter()
        .find(|definition| definition.arn == settings.task_definition)
    else {
        return;
    };
    let mut made = Vec::new();
    for _ in 0..count {
        let host = next_host(tasks, *last_host);
        match placeable(world, &settings, definition, host) {
            Err(why) => {
                service.say(now, &why);
                service.count_failure(revision);
                lifecycle::hold_back(service, now);
                break;
            }
            Ok(host) => {
                *last_host = host;
                let [a, b, c, _] = network.octets();
                let address = Ipv4Addr::new(a, b, c, host);
                let task = new_task(
                    world, service, &settings, definition, revision, address, now,
                );
                made.push(task.id.clone());
                tasks.push(task);
            }
        }
    }
    if !made.is_empty() {
        service.say(
            now,
            &format!("has started {} tasks: {}.", made.len(), listed(&made)),
        );
    }
}

/// The host number a task gets, or the event that says why none can be placed.
fn placeable(
    world: &World,
    settings: &Settings,
    definition: &TaskDefinition,
    host: Option<u8>,
) -> Result<u8, String> {
    if settings.launch == Launch::Ec2 {
        return Err("was unable to place a task because no container instance met all of its requirements. Reason: No \
                    Container Instances were found in your cluster."
            .into());
    }
    if let Some(role) = definition.blueprint.execution_role.as_deref()
        && !iam::trusts(world, role, "ecs-tasks.amazonaws.com")
    {
        return Err(format!(
            "failed to launch a task with (error ECS was unable to assume the role '{role}' that was provided for this \
             task. Please verify that the role being passed has the proper trust relationship and permissions and that \
             your IAM user has permissions to pass this role.)."
        ));
    }
    // A whole subnet of tasks: AWS's own reason for having no address left.
    host.ok_or_else(|| "was unable to place a task. Reason: RESOURCE:ENI.".into())
}

/// The next host number after `last` that no task holds. A task holds its number until its processes are gone, and the
/// numbers go round, so that a client of a dead task does not meet a fresh one at once.
fn next_host(tasks: &[Task], last: u8) -> Option<u8> {
    let held = |host: u8| {
        tasks.iter().any(|task| {
            task.address.octets()[3] == host && (task.stage != Stage::Stopped || task.may_live())
        })
    };
    let after = (last.max(FIRST_TASK_HOST - 1).saturating_add(1)..=LAST_TASK_HOST)
        .chain(FIRST_TASK_HOST..=last);
    after
        .into_iter()
        .find(|host| (FIRST_TASK_HOST..=LAST_TASK_HOST).contains(host) && !held(*host))
}

fn new_task(
    world: &mut World,
    service: &Service,
    settings: &Settings,
    definition: &TaskDefinition,
    revision: &str,
    address: Ipv4Addr,
    now: Millis,
) -> Task {
    let subnets = settings
        .network
        .as_ref()
        .map_or(&[][..], |network| &network.subnets);
    // Fargate spreads a service's tasks over the zones of its subnets.
    let turn = usize::from(address.octets()[3]) % subnets.len().max(1);
    let subnet = subnets.get(turn).cloned().unwrap_or_default();
    let availability_zone = world.subnet(&subnet).map_or(String::new(), |(_, subnet)| {
        subnet.availability_zone.clone()
    });
    let mac = world.hex(10);
    let pairs: Vec<&str> = (0..5)
        .filter_map(|pair| mac.get(pair * 2..pair * 2 + 2))
        .collect();
    let mut containers = Vec::new();
    let id = world.hex(32);
    for container in &definition.blueprint.containers {
        containers.push(ContainerState {
            name: container.name.clone(),
            container_id: world.uuid(),
            runtime_id: format!("{id}-{}", world.hex(10)),
            process: Process::Absent,
            reason: None,
            checking: None,
        });
    }
    Task {
        cluster: service.cluster.clone(),
        service: service.number,
        service_name: service.name.clone(),
        revision: revision.to_owned(),
        task_definition: definition.arn.clone(),
        blueprint: definition.blueprint.clone(),
        address,
        interface: Interface {
            attachment: world.uuid(),
            eni: format!("eni-0{}", world.hex(16)),
            mac: format!("0a:{}", pairs.join(":")),
            subnet,
            security_groups: settings
                .network
                .as_ref()
                .map_or_else(Vec::new, |network| network.security_groups.clone()),
            availability_zone,
        },
        tags: task_tags(service, definition),
        stage: Stage::Provisioning {
            until: now + lifecycle::PROVISIONING_MILLIS,
        },
        stop: None,
        containers,
        proved: false,
        reported_unhealthy: false,
        times: Times {
            created: now,
            ..Times::default()
        },
        id,
    }
}

fn task_tags(service: &Service, definition: &TaskDefinition) -> Tags {
    let mut tags = match service.tagging.propagate {
        Propagate::TaskDefinition => definition.tags.clone(),
        Propagate::Service => service.tags.clone(),
        Propagate::None => Tags::default(),
    };
    if service.tagging.managed {
        tags.set(Tag {
            key: "aws:ecs:clusterName".into(),
            value: service.cluster.clone(),
        });
        tags.set(Tag {
            key: "aws:ecs:serviceName".into(),
            value: service.name.clone(),
        });
    }
    tags
}
