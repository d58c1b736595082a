//! Making tasks: where they are placed, what they are given, or why none can be made.
//!
//! Takes a service, a revision and a count; adds tasks in PROVISIONING to the state and says so in the service's events.
//! The processes come later, when `lifecycle` has the task's images and secrets.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::super::credentials;
use super::super::rollout::deployment_id;
use super::super::service::{Launch, Network, Propagate, Service, Settings};
use super::super::tags::{Tag, Tags};
use super::super::task::{ContainerState, Interface, Process, Stage, Task, Times};
use super::super::task_definition::{Blueprint, TaskDefinition};
use super::super::{State, lifecycle};
use super::stop::listed;
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
        families,
        services,
        tasks,
        network,
        last_host,
        ..
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
                let mut task = new_task(
                    world,
                    &service.cluster,
                    (&definition.arn, &definition.blueprint),
                    settings.network.as_ref(),
                    address(*network, host),
                    now,
                );
                task.service = Some(service.number);
                task.group = format!("service:{}", service.name);
                task.started_by = Some(deployment_id(revision));
                task.revision = revision.to_owned();
                task.provider = settings.launch.provider();
                task.tags = task_tags(service, definition);
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
    if let Some(why) = untrusted_role(world, &definition.blueprint) {
        return Err(format!("failed to launch a task with (error {why})."));
    }
    // A whole subnet of tasks: AWS's own reason for having no address left.
    host.ok_or_else(|| "was unable to place a task. Reason: RESOURCE:ENI.".into())
}

/// Why the execution role cannot be assumed for a task, if it cannot.
pub(in super::super) fn untrusted_role(world: &World, blueprint: &Blueprint) -> Option<String> {
    let role = blueprint.execution_role.as_deref()?;
    (!iam::trusts(world, role, "ecs-tasks.amazonaws.com")).then(|| {
        format!(
            "ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role \
             being passed has the proper trust relationship and permissions and that your IAM user has permissions to \
             pass this role."
        )
    })
}

/// The next host number after `last` that no task holds. A task holds its number until its processes are gone, and the
/// numbers go round, so that a client of a dead task does not meet a fresh one at once.
pub(in super::super) fn next_host(tasks: &[Task], last: u8) -> Option<u8> {
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

/// A host's address in the network of tasks.
pub(in super::super) fn address(network: Ipv4Addr, host: u8) -> Ipv4Addr {
    let [a, b, c, _] = network.octets();
    Ipv4Addr::new(a, b, c, host)
}

/// A task that begins; whose it is, the caller fills in.
pub(in super::super) fn new_task(
    world: &mut World,
    cluster: &str,
    (definition, blueprint): (&str, &Arc<Blueprint>),
    network: Option<&Network>,
    address: Ipv4Addr,
    now: Millis,
) -> Task {
    let subnets = network.map_or(&[][..], |network| &network.subnets);
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
    for container in &blueprint.containers {
        containers.push(ContainerState {
            name: container.name.clone(),
            container_id: world.uuid(),
            runtime_id: format!("{id}-{}", world.hex(10)),
            process: Process::Absent,
            reason: None,
            image_digest: None,
            checking: None,
        });
    }
    Task {
        cluster: cluster.to_owned(),
        service: None,
        group: String::new(),
        started_by: None,
        revision: String::new(),
        run: None,
        provider: None,
        task_definition: definition.to_owned(),
        blueprint: Arc::clone(blueprint),
        grant: credentials::grant(world, blueprint.task_role.as_deref()),
        address,
        interface: Interface {
            attachment: world.uuid(),
            eni: format!("eni-0{}", world.hex(16)),
            mac: format!("0a:{}", pairs.join(":")),
            subnet,
            security_groups: network
                .map_or_else(Vec::new, |network| network.security_groups.clone()),
            availability_zone,
        },
        tags: Tags::default(),
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
