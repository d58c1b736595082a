//! RunTask: tasks without a service, such as a migration before a rollout.
//!
//! Takes the call, makes tasks in PROVISIONING as the scheduler makes a service's; `lifecycle` moves them on alike. Nothing
//! replaces one that ends.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cluster;
use super::cluster::providers::ProviderItem;
use super::input::{client, invalid, parse};
use super::scheduler::launch;
use super::service::{Launch, NetworkConfiguration, Propagate, check_network};
use super::tags::{Tag, Tags};
use super::task::{self, Run};
use super::task_definition::{self, Blueprint, Variable};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// "You can specify up to 10 tasks for each call" (API_RunTask).
const COUNT_MAX: i64 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunTask {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    task_definition: String,
    count: Option<i64>,
    launch_type: Option<String>,
    capacity_provider_strategy: Option<Vec<ProviderItem>>,
    platform_version: Option<String>,
    network_configuration: Option<NetworkConfiguration>,
    #[serde(default)]
    overrides: Overrides,
    group: Option<String>,
    started_by: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    propagate_tags: Option<Propagate>,
    #[serde(rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: Option<bool>,
    enable_execute_command: Option<bool>,
    client_token: Option<String>,
    #[serde(rename = "referenceId")]
    _reference_id: Option<String>,
}

/// What a run changes of its definition. Sizes and roles of a task stay the definition's.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Overrides {
    #[serde(default)]
    container_overrides: Vec<ContainerOverride>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContainerOverride {
    name: String,
    command: Option<Vec<String>>,
    #[serde(default)]
    environment: Vec<Variable>,
}

pub(super) fn run(world: &mut World, call: &Call) -> Answer {
    let RunTask {
        _cluster: _,
        task_definition: reference,
        count,
        launch_type,
        capacity_provider_strategy,
        platform_version,
        network_configuration,
        overrides,
        group,
        started_by,
        tags,
        propagate_tags,
        enable_ecs_managed_tags,
        enable_execute_command,
        client_token,
        _reference_id: _,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    let request = Value::Object(call.input.clone());
    if let Some(token) = &client_token
        && let Some(answer) = repeated(world, &cluster, token, &request)
    {
        return answer;
    }
    let count = count.unwrap_or(1);
    if !(1..=COUNT_MAX).contains(&count) {
        return Err(invalid(format!("Count must be between 1 and {COUNT_MAX}.")));
    }
    check_names(started_by.as_deref(), group.as_deref())?;
    let definition = task_definition::find_active(world, &reference)?;
    let (arn, family) = (definition.arn.clone(), definition.family.clone());
    let mut all_tags = match propagate_tags {
        Some(Propagate::TaskDefinition) => definition.tags.clone(),
        Some(Propagate::Service) => {
            return Err(invalid(
                "SERVICE is not a valid value for a task without a service.",
            ));
        }
        Some(Propagate::None) | None => Tags::default(),
    };
    let blueprint = Arc::clone(&definition.blueprint);
    let launched = launch_type.as_deref();
    let launch = Launch::of(world, &cluster, launched, capacity_provider_strategy)?;
    if launch == Launch::Ec2 {
        return Err(invalid(
            "No Container Instances were found in your cluster.",
        ));
    }
    if blueprint.size.is_none() {
        return Err(invalid(
            "Task definition does not support launch_type FARGATE.",
        ));
    }
    if !matches!(
        platform_version.as_deref(),
        None | Some("LATEST" | "1.4.0" | "1.3.0")
    ) {
        return Err(Refusal::new(
            "PlatformUnknownException",
            "The specified platform does not exist.",
        ));
    }
    let network = network_configuration.ok_or_else(|| {
        invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    })?;
    let network = network.awsvpc_configuration;
    check_network(world, &network)?;
    if let Some(why) = launch::untrusted_role(world, &blueprint) {
        return Err(client(why));
    }
    let (blueprint, overrides) = overridden(&blueprint, overrides)?;
    all_tags.add(tags)?;
    if enable_ecs_managed_tags == Some(true) {
        all_tags.set(Tag {
            key: "aws:ecs:clusterName".into(),
            value: cluster.clone(),
        });
    }
    let (mut made, mut failures) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let Some(host) = launch::next_host(&world.ecs.tasks, world.ecs.last_host) else {
            // As AWS says that a subnet has no address left.
            failures.push(json!({ "reason": "RESOURCE:ENI" }));
            continue;
        };
        world.ecs.last_host = host;
        let address = launch::address(world.ecs.network, host);
        let definition = (arn.as_str(), &blueprint);
        let mut task = launch::new_task(
            world,
            &cluster,
            definition,
            Some(&network),
            address,
            call.now,
        );
        task.group = group.clone().unwrap_or_else(|| format!("family:{family}"));
        task.started_by.clone_from(&started_by);
        task.provider = launch.provider();
        task.tags = all_tags.clone();
        task.run = Some(Run {
            overrides: overrides.clone(),
            execute_command: enable_execute_command.unwrap_or(false),
            token: client_token.clone().map(|token| (token, request.clone())),
        });
        made.push(task.id.clone());
        world.ecs.tasks.push(task);
    }
    Ok(json!({ "tasks": shown(world, &made), "failures": failures }))
}

fn check_names(started_by: Option<&str>, group: Option<&str>) -> Result<(), Refusal> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_/".contains(letter);
    if started_by.is_some_and(|by| by.len() > 128 || !by.chars().all(allowed)) {
        return Err(invalid(
            "startedBy must have at most 128 letters, numbers, hyphens, slashes and underscores.",
        ));
    }
    if group.is_some_and(|group| group.starts_with("service:")) {
        return Err(invalid(
            "The group prefix service: is reserved for the tasks of a service.",
        ));
    }
    Ok(())
}

/// The tasks an earlier request with this token made; another request with it is a conflict (API_RunTask).
fn repeated(world: &World, cluster: &str, token: &str, request: &Value) -> Option<Answer> {
    let mut made = Vec::new();
    for task in world
        .ecs
        .tasks
        .iter()
        .filter(|task| task.cluster == cluster)
    {
        let run = task.run.as_ref().and_then(|run| run.token.as_ref());
        match run {
            Some((known, earlier)) if known == token && earlier == request => {
                made.push(task.id.clone());
            }
            Some((known, _)) if known == token => {
                let text = "The client token was used by another request.";
                return Some(Err(Refusal::new("ConflictException", text)));
            }
            _ => {}
        }
    }
    (!made.is_empty()).then(|| Ok(json!({ "tasks": shown(world, &made), "failures": [] })))
}

fn shown(world: &World, ids: &[String]) -> Value {
    let tasks = world.ecs.tasks.iter();
    tasks
        .filter(|task| ids.contains(&task.id))
        .map(|task| task::one(world, task, true))
        .collect()
}

/// The definition as this run has it, and the overrides as AWS reads them back: an entry a container.
fn overridden(
    blueprint: &Arc<Blueprint>,
    overrides: Overrides,
) -> Result<(Arc<Blueprint>, Value), Refusal> {
    let mut changed = Blueprint::clone(blueprint);
    let mut entries: Vec<(String, Map<String, Value>)> = Vec::new();
    for container in &changed.containers {
        let entry = Map::from_iter([("name".to_owned(), json!(container.name))]);
        entries.push((container.name.clone(), entry));
    }
    for given in overrides.container_overrides {
        let ContainerOverride {
            name,
            command,
            environment,
        } = given;
        let mut containers = changed.containers.iter_mut();
        let container = containers.find(|container| container.name == name);
        let entry = entries.iter_mut().find(|(known, _)| *known == name);
        let (Some(container), Some((_, entry))) = (container, entry) else {
            return Err(invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        };
        if !environment.is_empty() {
            let shown = environment.iter();
            let shown = shown
                .map(|v| json!({ "name": v.name, "value": v.value }))
                .collect();
            entry.insert("environment".into(), shown);
        }
        container
            .environment
            .retain(|known| !environment.iter().any(|v| v.name == known.name));
        container.environment.extend(environment);
        if let Some(command) = command {
            entry.insert("command".into(), json!(command));
            container.command = command;
        }
    }
    let entries: Value = entries
        .into_iter()
        .map(|(_, entry)| Value::Object(entry))
        .collect();
    let shown = json!({ "containerOverrides": entries, "inferenceAcceleratorOverrides": [] });
    Ok((Arc::new(changed), shown))
}
