//! The calls about tasks, and their read-back.
//!
//! Takes List/Describe/StopTask, gives AWS's output; a stop is only asked for here, the lifecycle carries it out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::health::{self, Verdict};
use super::super::input::{self, invalid, page, parse};
use super::super::{cluster, fargate_family, service};
use super::{ContainerState, Interface, Process, Stage, Stop, StopCode, Task, Times};
use crate::simulator::call::{Answer, Call, timestamp};
use crate::simulator::ecs;
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    service_name: Option<String>,
    family: Option<String>,
    desired_status: Option<String>,
    started_by: Option<String>,
    launch_type: Option<String>,
}

/// Tasks whose desired status is RUNNING unless STOPPED is asked for (API_ListTasks).
pub(in super::super) fn list(world: &mut World, call: &Call) -> Answer {
    let List {
        _cluster: _,
        service_name,
        family,
        desired_status,
        started_by,
        launch_type,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    let number = match service_name {
        None => None,
        Some(reference) => {
            let (_, index) = service::find(world, call, &reference)?;
            world.ecs.services.get(index).map(|service| service.number)
        }
    };
    let wanted = match desired_status.as_deref() {
        None | Some("RUNNING") => Some(true),
        Some("STOPPED") => Some(false),
        // "Amazon ECS never sets the desired status of a task to that value".
        Some("PENDING") => None,
        Some(other) => return Err(invalid(format!("Invalid desired status {other}."))),
    };
    let matches = |task: &&Task| {
        task.cluster == cluster
            && wanted == Some(task.is_wanted())
            && number.is_none_or(|number| task.service == Some(number))
            && family
                .as_ref()
                .is_none_or(|family| *family == task.blueprint.family)
            && started_by
                .as_ref()
                .is_none_or(|by| task.started_by.as_ref() == Some(by))
            && launch_type
                .as_ref()
                .is_none_or(|launch| launch == "FARGATE")
    };
    let arns = world
        .ecs
        .tasks
        .iter()
        .filter(matches)
        .map(|task| json!(arn(world, task)))
        .collect();
    page(call, "taskArns", arns, 100)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    tasks: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

pub(in super::super) fn describe(world: &mut World, call: &Call) -> Answer {
    let Describe {
        _cluster: _,
        tasks,
        include,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    if !(1..=100).contains(&tasks.len()) {
        return Err(invalid("Tasks must have between 1 and 100 entries."));
    }
    let with_tags = include.iter().any(|field| field == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in &tasks {
        match find(world, &cluster, reference) {
            Some(task) => found.push(one(world, task, with_tags)),
            None if reference.starts_with("arn:") => {
                failures.push(input::missing(reference.clone()))
            }
            None => failures.push(input::missing(
                world.arn("ecs", &format!("task/{cluster}/{reference}")),
            )),
        }
    }
    Ok(json!({ "tasks": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StopTask {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

pub(in super::super) fn stop(world: &mut World, call: &Call) -> Answer {
    let StopTask {
        _cluster: _,
        task: reference,
        reason,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    let missing = || invalid("The referenced task was not found.");
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > 1_024)
    {
        return Err(invalid("reason must have at most 1024 characters."));
    }
    let id = find(world, &cluster, &reference)
        .ok_or_else(missing)?
        .id
        .clone();
    let task = world
        .ecs
        .tasks
        .iter_mut()
        .find(|task| task.id == id)
        .ok_or_else(missing)?;
    task.ask_stop(
        StopCode::UserInitiated,
        reason.unwrap_or_else(|| "Task stopped by user".into()),
    );
    let task = find(world, &cluster, &id).ok_or_else(missing)?;
    Ok(json!({ "task": one(world, task, true) }))
}

fn find<'a>(world: &'a World, cluster: &str, reference: &str) -> Option<&'a Task> {
    let id = input::name(world, "task", reference)?;
    world
        .ecs
        .tasks
        .iter()
        .find(|task| task.cluster == cluster && task.id == id)
}

fn arn(world: &World, task: &Task) -> String {
    world.arn("ecs", &format!("task/{}/{}", task.cluster, task.id))
}

/// One task as AWS reads it back.
pub(in super::super) fn one(world: &World, task: &Task, with_tags: bool) -> Value {
    let Task {
        id: _,
        cluster,
        service: _,
        group,
        started_by,
        revision: _,
        run,
        provider,
        task_definition,
        blueprint,
        grant: _,
        address,
        interface:
            Interface {
                attachment,
                eni,
                mac,
                subnet,
                security_groups: _,
                availability_zone,
            },
        tags,
        stage,
        stop,
        containers,
        proved: _,
        reported_unhealthy: _,
        times,
    } = task;
    let detail = |name: &str, value: &str| json!({ "name": name, "value": value });
    let none = || {
        json!({
            "containerOverrides": containers.iter().map(|container| json!({ "name": container.name })).collect::<Value>(),
            "inferenceAcceleratorOverrides": [],
        })
    };
    let overrides = run.as_ref().map_or_else(none, |run| run.overrides.clone());
    let attached = match stage {
        Stage::Provisioning { .. } => "ATTACHING",
        Stage::Stopped => "DELETED",
        _ => "ATTACHED",
    };
    let mut value = json!({
        "taskArn": arn(world, task),
        "clusterArn": world.arn("ecs", &format!("cluster/{cluster}")),
        "taskDefinitionArn": task_definition,
        "group": group,
        "lastStatus": task.last_status().as_str(),
        "desiredStatus": if task.is_wanted() { "RUNNING" } else { "STOPPED" },
        "healthStatus": health_word(health::of_task(task)),
        "connectivity": "CONNECTED",
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": fargate_family(),
        "availabilityZone": availability_zone,
        "attachments": [{
            "id": attachment,
            "type": "ElasticNetworkInterface",
            "status": attached,
            "details": [
                detail("subnetId", subnet),
                detail("networkInterfaceId", eni),
                detail("macAddress", mac),
                detail("privateDnsName", &format!("ip-{}.ec2.internal", address.to_string().replace('.', "-"))),
                detail("privateIPv4Address", &address.to_string()),
            ],
        }],
        "containers": containers.iter().map(|container| container_value(world, task, container)).collect::<Value>(),
        "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
        "overrides": overrides,
        "enableExecuteCommand": run.as_ref().is_some_and(|run| run.execute_command),
        "inferenceAccelerators": [],
        "tags": if with_tags { tags.to_value() } else { json!([]) },
        "version": 1,
    });
    let Times {
        created,
        connected,
        pull_started,
        pull_stopped,
        started,
        stopping,
        execution_stopped,
        stopped,
    } = times;
    let at = |time: &Option<_>| time.map(timestamp);
    let members = [
        (
            "capacityProviderName",
            provider.map(|provider| json!(provider.as_str())),
        ),
        ("startedBy", started_by.as_ref().map(|by| json!(by))),
        ("createdAt", Some(timestamp(*created))),
        ("connectivityAt", at(connected)),
        ("pullStartedAt", at(pull_started)),
        ("pullStoppedAt", at(pull_stopped)),
        ("startedAt", at(started)),
        ("stoppingAt", at(stopping)),
        ("executionStoppedAt", at(execution_stopped)),
        ("stoppedAt", at(stopped)),
        (
            "cpu",
            blueprint.size.map(|size| json!(size.cpu_units.to_string())),
        ),
        (
            "memory",
            blueprint
                .size
                .map(|size| json!(size.memory_mib.to_string())),
        ),
        (
            "stopCode",
            stop.as_ref()
                .map(|Stop { code, reason: _ }| json!(code.as_str())),
        ),
        (
            "stoppedReason",
            stop.as_ref().map(|Stop { code: _, reason }| json!(reason)),
        ),
    ];
    if let Some(value) = value.as_object_mut() {
        value.extend(
            members
                .into_iter()
                .filter_map(|(name, member)| Some((name.into(), member?))),
        );
    }
    value
}

fn container_value(world: &World, task: &Task, container: &ContainerState) -> Value {
    let ContainerState {
        name,
        container_id,
        runtime_id,
        process,
        reason,
        image_digest,
        checking,
    } = container;
    let definition = task
        .blueprint
        .containers
        .iter()
        .find(|definition| definition.name == *name);
    let (status, exit_code) = match (process, task.stage) {
        (Process::Exited(code), _) => ("STOPPED", Some(*code)),
        (Process::Live { .. }, _) => ("RUNNING", None),
        (Process::Absent, Stage::Deprovisioning { .. } | Stage::Stopped) => ("STOPPED", None),
        (Process::Absent | Process::Asked, _) => ("PENDING", None),
    };
    let mut value = json!({
        "containerArn": world.arn("ecs", &format!("container/{}/{}/{container_id}", task.cluster, task.id)),
        "taskArn": arn(world, task),
        "name": name,
        "image": definition.map(|definition| definition.image.as_str()),
        "runtimeId": runtime_id,
        "lastStatus": status,
        "networkBindings": [],
        "networkInterfaces": [{
            "attachmentId": task.interface.attachment, "privateIpv4Address": task.address.to_string(),
        }],
        "healthStatus": health_word(checking.as_ref().map_or(Verdict::Unknown, |checking| checking.verdict())),
        "cpu": "0",
    });
    if let Some(value) = value.as_object_mut() {
        value.extend(exit_code.map(|code| ("exitCode".to_owned(), json!(code))));
        let digest = image_digest.as_ref();
        value.extend(digest.map(|digest| ("imageDigest".to_owned(), json!(digest))));
        value.extend(
            reason
                .as_ref()
                .map(|reason| ("reason".to_owned(), json!(reason))),
        );
    }
    value
}

fn health_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unknown => "UNKNOWN",
        Verdict::Healthy => "HEALTHY",
        Verdict::Unhealthy => "UNHEALTHY",
    }
}

/// The network interfaces of tasks that are neither still getting nor already rid of one.
pub(in super::super) fn interfaces(world: &World) -> Vec<ecs::Interface> {
    let tasks = world.ecs.tasks.iter();
    tasks
        .filter(|task| !matches!(task.stage, Stage::Provisioning { .. } | Stage::Stopped))
        .map(|task| ecs::Interface {
            id: task.interface.eni.clone(),
            attachment: task.interface.attachment.clone(),
            mac: task.interface.mac.clone(),
            address: task.address.to_string(),
            subnet: task.interface.subnet.clone(),
            security_groups: task.interface.security_groups.clone(),
            attached: task.times.connected.unwrap_or(task.times.created),
        })
        .collect()
}

/// Every task with its process, for `/_simulator/tasks`: what no AWS call says.
pub(in super::super) fn report(world: &World) -> Value {
    let tasks = world.ecs.tasks.iter().map(|task| {
        let pid = task
            .containers
            .iter()
            .find_map(|container| match container.process {
                Process::Live { pid } => Some(pid),
                Process::Absent | Process::Asked | Process::Exited(_) => None,
            });
        json!({
            "id": task.id,
            "cluster": task.cluster,
            "service": task.group.strip_prefix("service:"),
            "taskDefinition": format!("{}:{}", task.blueprint.family, task.blueprint.revision),
            "revision": task.revision,
            "status": task.last_status().as_str(),
            "desiredStatus": if task.is_wanted() { "RUNNING" } else { "STOPPED" },
            "health": health_word(health::of_task(task)),
            "address": task.address.to_string(),
            "pid": pid,
            "stoppedReason": task.stop.as_ref().map(|stop| stop.reason.as_str()),
        })
    });
    json!({ "tasks": tasks.collect::<Vec<_>>() })
}
