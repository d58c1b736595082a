//! Simulated ECS: clusters, task definitions, services with their rollouts, and tasks that are real processes.
//!
//! Takes calls (the API), the time ([`step`]) and reports about processes ([`started`], [`exited`], …); gives AWS's
//! answers and [`Effect`]s to carry out. Pure: `live` owns the processes and the clock.
//!
//! Modelled is Fargate with ECS's own deployments: rolling updates by percentages, blue/green, canary and linear by moving
//! traffic, circuit breaker, alarms, lifecycle hooks (their functions answer by script), rollback, service deployments and
//! revisions, load balancer and container health, restart throttling, draining. Not modelled, and refused where a call asks
//! for it: container instances, daemons, Service Connect, volumes that hold anything. Hooks of a rolling update are kept
//! and not run.
//!
//! ```text
//! input, tags        what callers send            task, lifecycle, agent   one task through its life
//! task_definition    what tasks are made from     health, decide           is it well; how many to start and stop
//! run                a task without a service     account_setting          what new resources get
//! credentials        a task's, of its task role
//! service, rollout   what is wanted, how far      scheduler, effect        the whole step; what it asks of processes
//! cluster, history   reading it back
//! ```

mod account_setting;
mod agent;
mod cluster;
mod credentials;
mod decide;
mod effect;
mod fargate;
mod health;
mod history;
mod input;
mod lifecycle;
mod measured;
mod rollout;
mod run;
mod scheduler;
mod service;
mod tags;
mod task;
mod task_definition;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

pub use credentials::credentials;
pub use effect::{
    Effect, Environment, ProcessId, Signal, Start, exited, health_checked, logged,
    ran_out_of_memory, start_failed, started,
};
pub use lifecycle::{DEPROVISIONING_MILLIS, PROVISIONING_MILLIS, PULLING_MILLIS, STARTING_MILLIS};
pub use measured::{Measured, measured};
pub use scheduler::step;

use crate::simulator::call::{Answer, Call, Millis};
use crate::simulator::world::World;

/// Everything this service holds.
#[derive(Debug, Clone)]
pub struct State {
    clusters: Vec<cluster::Cluster>,
    families: BTreeMap<String, task_definition::Family>,
    services: Vec<service::Service>,
    /// Services ever made; the source of their numbers.
    services_ever: u64,
    /// Oldest first.
    tasks: Vec<task::Task>,
    /// The /24 that tasks get their addresses from.
    network: Ipv4Addr,
    /// The host number given out last.
    last_host: u8,
    /// What lifecycle hooks' functions will answer.
    hook_answers: rollout::Answers,
    /// Account settings that differ from AWS's defaults.
    settings: BTreeMap<String, String>,
}

impl Default for State {
    fn default() -> Self {
        State {
            clusters: Vec::new(),
            families: BTreeMap::new(),
            services: Vec::new(),
            services_ever: 0,
            tasks: Vec::new(),
            // Without live processes an address is only a name; this is the one of the documentation network.
            network: Ipv4Addr::new(192, 0, 2, 0),
            last_host: 0,
            hook_answers: rollout::Answers::new(),
            settings: BTreeMap::new(),
        }
    }
}

/// The answer to one ECS call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    task_definition::forget_deleted(world, call.now);
    match call.operation.as_str() {
        "CreateCluster" => cluster::create(world, call),
        "DescribeClusters" => cluster::describe(world, call),
        "ListClusters" => cluster::list(world, call),
        "UpdateCluster" => cluster::update(world, call),
        "UpdateClusterSettings" => cluster::update_settings(world, call),
        "PutClusterCapacityProviders" => cluster::put_providers(world, call),
        "DeleteCluster" => cluster::delete(world, call),
        "DescribeCapacityProviders" => cluster::providers::describe(world, call),
        "RegisterTaskDefinition" => task_definition::register(world, call),
        "DescribeTaskDefinition" => task_definition::describe(world, call),
        "DeleteTaskDefinitions" => task_definition::delete(world, call),
        "DeregisterTaskDefinition" => task_definition::deregister(world, call),
        "ListTaskDefinitions" => task_definition::list(world, call),
        "ListTaskDefinitionFamilies" => task_definition::list_families(world, call),
        "CreateService" => service::create(world, call),
        "UpdateService" => service::update(world, call),
        "DeleteService" => service::delete(world, call),
        "DescribeServices" => service::describe(world, call),
        "ListServices" => service::list(world, call),
        "ListServicesByNamespace" => service::list_by_namespace(world, call),
        "RunTask" => run::run(world, call),
        "ListTasks" => task::list(world, call),
        "DescribeTasks" => task::describe(world, call),
        "StopTask" => task::stop(world, call),
        "ListServiceDeployments" => history::list(world, call),
        "DescribeServiceDeployments" => history::describe(world, call),
        "DescribeServiceRevisions" => history::describe_revisions(world, call),
        "StopServiceDeployment" => history::stop(world, call),
        "ContinueServiceDeployment" => history::resume(world, call),
        "PutAccountSetting" | "PutAccountSettingDefault" => account_setting::put(world, call),
        "ListAccountSettings" => account_setting::list(world, call),
        "DeleteAccountSetting" => account_setting::delete(world, call),
        "TagResource" => tags::tag(world, call),
        "UntagResource" => tags::untag(world, call),
        "ListTagsForResource" => tags::list(world, call),
        _ => Err(call.unknown_operation()),
    }
}

/// Adds an existing cluster.
pub fn add_cluster(world: &mut World, name: &str) {
    world.ecs.clusters.push(cluster::Cluster::new(name));
}

/// Gives tasks addresses of the /24 that holds `address`. For a simulator whose tasks are real processes; to be called
/// before the first task is made.
pub fn use_network(world: &mut World, address: Ipv4Addr) {
    world.ecs.network = address;
}

/// Whether an active service has this resource id, `service/<cluster>/<service>`.
pub fn service_exists(world: &World, resource_id: &str) -> bool {
    desired_count(world, resource_id).is_some()
}

/// The desired count of the active service with this resource id.
pub fn desired_count(world: &World, resource_id: &str) -> Option<u32> {
    let (cluster, name) = resource_id.strip_prefix("service/")?.split_once('/')?;
    let service = world
        .ecs
        .services
        .get(service::position(world, cluster, name)?)?;
    service.is_active().then_some(service.desired)
}

/// Sets a service's desired count, as Application Auto Scaling does: without a rollout. A service that is not there or
/// is being deleted is left alone.
pub fn set_desired_count(world: &mut World, cluster: &str, service: &str, count: u32) {
    let Some(index) = service::position(world, cluster, service) else {
        return;
    };
    if let Some(service) = world
        .ecs
        .services
        .get_mut(index)
        .filter(|service| service.is_active())
    {
        service.set_desired(count);
    }
}

/// A task's network interface, for EC2 to describe.
#[derive(Debug)]
pub struct Interface {
    /// `eni-…`.
    pub id: String,
    /// ECS's attachment of it, a UUID.
    pub attachment: String,
    /// Its hardware address.
    pub mac: String,
    /// Its private address.
    pub address: String,
    /// The subnet it is in.
    pub subnet: String,
    /// The security groups it has.
    pub security_groups: Vec<String>,
    /// When it was attached.
    pub attached: Millis,
}

/// The network interfaces of all tasks that have one.
pub fn interfaces(world: &World) -> Vec<Interface> {
    task::interfaces(world)
}

/// Sets what the functions of lifecycle hooks answer, call by call: `{"<function ARN>": ["IN_PROGRESS", "SUCCEEDED"]}`.
/// A function that is not named, or has answered all, answers SUCCEEDED.
///
/// Refused when it is no such object.
pub fn script_hooks(world: &mut World, script: &[u8]) -> Result<(), serde_json::Error> {
    world.ecs.hook_answers = serde_json::from_slice(script)?;
    Ok(())
}

/// Every task with its process, for `/_simulator/tasks`.
pub fn tasks_report(world: &World) -> Value {
    task::report(world)
}

/// The image of the task that runs at an address, as its task definition names it; of several containers, the first's.
pub fn image_at(world: &World, address: Ipv4Addr) -> Option<&str> {
    let mut tasks = world.ecs.tasks.iter();
    let task = tasks.find(|task| task.address == address && task.may_live())?;
    let container = task.blueprint.containers.first()?;
    Some(&container.image)
}

/// A service's events as `(when, message)`, oldest first; empty when there is no such service.
pub fn events(world: &World, cluster: &str, service: &str) -> Vec<(Millis, String)> {
    let index = service::position(world, cluster, service);
    let service = index.and_then(|index| world.ecs.services.get(index));
    service.map_or(Vec::new(), |service| {
        service
            .messages()
            .map(|(at, text)| (at, text.to_owned()))
            .collect()
    })
}

/// What AWS reads back of every Fargate service and task of ours.
fn fargate_family() -> &'static str {
    super::defaults::ecs::service::PLATFORM_FAMILY
}
