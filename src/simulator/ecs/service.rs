//! Services: what is asked of the scheduler, and the calls that ask it.
//!
//! Takes Create/Update/DeleteService, gives the changed [`Service`] as AWS reads it back. Starts a rollout where AWS
//! does; never starts or stops a task, which is the scheduler's.

mod configuration;
mod create;
mod describe;
mod settings;
mod update;

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use configuration::{Action, Breaker, Configuration, Hook, Step, TargetType};
pub(super) use create::create;
pub(super) use describe::{arn, describe, list, list_by_namespace, platform_number};
pub(super) use settings::check::check_network;
use settings::check::check_strategy;
pub(super) use settings::{
    Advanced, Launch, LoadBalancer, Network, NetworkConfiguration, Registry, Settings,
};
pub(super) use update::update;

use super::cluster;
use super::input::{self, client, invalid, parse};
use super::rollout::{Deployment, Revision, ServiceDeployment};
use super::tags::Tags;
use crate::simulator::autoscaling;
use crate::simulator::call::{Answer, Call, Millis, Refusal};
use crate::simulator::world::World;

/// Events kept, as AWS does: "the most recent 100" (API_Service).
const EVENTS_MAX: usize = 100;
/// AWS's quota of tasks in one service; it also bounds the arithmetic of percentages.
const DESIRED_MAX: i64 = 5_000;
/// How long a deleted service stays describable. AWS says only that it is cleaned up later and may then be missing.
pub(super) const INACTIVE_MILLIS: Millis = 3_600_000;

/// One service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    /// Tells a service from an earlier one of the same name.
    pub(super) number: u64,
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) desired: u32,
    /// What a revision freezes; changing it starts a rollout.
    pub(super) settings: Settings,
    pub(super) configuration: Configuration,
    pub(super) grace_seconds: u32,
    pub(super) tags: Tags,
    pub(super) tagging: Tagging,
    execute_command: bool,
    zone_rebalancing: ZoneRebalancing,
    pub(super) created_at: Millis,
    /// PRIMARY first, then the others, newest first.
    pub(super) deployments: Vec<Deployment>,
    pub(super) revisions: Vec<Revision>,
    /// Service deployments, oldest first.
    pub(super) history: Vec<ServiceDeployment>,
    /// The revision that last reached a steady state: what a rollback returns to.
    pub(super) completed: Option<String>,
    pub(super) throttle: Throttle,
    /// When it last said that it is steady, if it is.
    pub(super) steady: Option<Millis>,
    events: VecDeque<Event>,
    events_ever: u64,
    /// The members it was created with, to tell a repeated request from another.
    request: Value,
}

/// A service's own state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    /// Deleted, with tasks still stopping.
    Draining,
    /// Gone since then.
    Inactive(Millis),
}

/// Tags that tasks get from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tagging {
    pub(super) managed: bool,
    pub(super) propagate: Propagate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Propagate {
    TaskDefinition,
    Service,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ZoneRebalancing {
    Enabled,
    Disabled,
}

/// Holds back launches after launches that failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Throttle {
    pub(super) failures: u32,
    pub(super) not_before: Millis,
}

/// One line of a service's event log.
#[derive(Debug, Clone)]
pub(super) struct Event {
    number: u64,
    at: Millis,
    message: String,
}

impl Service {
    pub(super) fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    pub(super) fn is_inactive(&self) -> bool {
        matches!(self.status, Status::Inactive(_))
    }

    /// Logs `(service <name>) <what>`.
    pub(super) fn say(&mut self, now: Millis, what: &str) {
        self.events_ever += 1;
        let message = format!("(service {}) {what}", self.name);
        self.events.push_front(Event {
            number: self.events_ever,
            at: now,
            message,
        });
        self.events.truncate(EVENTS_MAX);
    }

    /// Event messages, oldest first, with when they were logged.
    pub(super) fn messages(&self) -> impl Iterator<Item = (Millis, &str)> {
        self.events
            .iter()
            .rev()
            .map(|event| (event.at, event.message.as_str()))
    }
}

/// The one controller that is modelled: ECS's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeploymentController {
    #[serde(rename = "type")]
    _kind: EcsController,
}

#[derive(Deserialize)]
enum EcsController {
    #[serde(rename = "ECS")]
    Ecs,
}

/// The one strategy that is modelled.
#[derive(Deserialize)]
enum SchedulingStrategy {
    #[serde(rename = "REPLICA")]
    Replica,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    service: String,
    force: Option<bool>,
}

/// Deletes a service: it drains and becomes inactive once its tasks have stopped. Its scaling policies go at once and
/// silently (hashicorp/terraform-provider-aws#5747).
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let Delete {
        _cluster: _,
        service: reference,
        force,
    } = parse(call)?;
    let (cluster, index) = find(world, call, &reference)?;
    let service = world.ecs.services.get_mut(index).ok_or_else(not_found)?;
    if service.is_inactive() {
        return Err(not_found());
    }
    if service.desired > 0 && !force.unwrap_or(false) {
        return Err(invalid(
            "The service cannot be stopped while it is scaled above 0.",
        ));
    }
    service.status = Status::Draining;
    service.set_desired(0);
    let resource_id = format!("service/{cluster}/{}", service.name);
    autoscaling::forget_service(world, &resource_id);
    let service = describe_at(world, &cluster, index)?;
    Ok(json!({ "service": service }))
}

fn describe_at(world: &World, cluster: &str, index: usize) -> Answer {
    match world.ecs.services.get(index) {
        Some(service) if service.cluster == cluster => Ok(describe::one(world, service, true)),
        _ => Err(not_found()),
    }
}

fn not_found() -> Refusal {
    Refusal::new("ServiceNotFoundException", "Service not found.")
}

/// The service a call names, in the cluster it names; a deleted one while it is remembered.
pub(super) fn find(
    world: &World,
    call: &Call,
    reference: &str,
) -> Result<(String, usize), Refusal> {
    let cluster = cluster::find(world, call.text("cluster"))?;
    let index = input::name(world, "service", reference).and_then(|name| {
        position(world, &cluster, name).or_else(|| {
            position_of(world, |service| {
                service.cluster == cluster && service.name == name
            })
        })
    });
    Ok((cluster, index.ok_or_else(not_found)?))
}

/// The service of that name that is not gone.
pub(super) fn position(world: &World, cluster: &str, name: &str) -> Option<usize> {
    position_of(world, |service| {
        service.cluster == cluster && service.name == name && !service.is_inactive()
    })
}

/// The newest that matches.
fn position_of(world: &World, matches: impl Fn(&Service) -> bool) -> Option<usize> {
    world.ecs.services.iter().rposition(matches)
}

/// The revisions that tasks of a service are running, each once.
pub(super) fn running_revisions(world: &World, number: u64) -> Vec<String> {
    let mut revisions: Vec<String> = Vec::new();
    for task in world
        .ecs
        .tasks
        .iter()
        .filter(|task| task.service == Some(number) && task.is_wanted())
    {
        if !revisions.contains(&task.revision) {
            revisions.push(task.revision.clone());
        }
    }
    revisions
}

fn count(member: &str, value: i64) -> Result<u32, Refusal> {
    u32::try_from(value)
        .ok()
        .filter(|_| value <= DESIRED_MAX)
        .ok_or_else(|| invalid(format!("{member} must be between 0 and {DESIRED_MAX}.")))
}

fn seconds(member: &str, value: i64) -> Result<u32, Refusal> {
    // API_CreateService: "up to 2,147,483,647 seconds".
    i32::try_from(value)
        .ok()
        .and_then(|value| u32::try_from(value).ok())
        .ok_or_else(|| client(format!("{member} must be between 0 and 2147483647.")))
}
