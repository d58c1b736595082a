//! Services as AWS reads them back.
//!
//! Takes services and tasks, gives DescribeServices' and ListServices' output. Reads only.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::input::{self, invalid, page, parse};
use super::super::rollout::{self, RolloutState};
use super::super::task::{LastStatus, Task};
use super::super::{cluster, fargate_family};
use super::{Event, Propagate, Service, Settings, Status, Tagging, ZoneRebalancing, position_of};
use crate::simulator::call::{Answer, Call, Refusal, timestamp};
use crate::simulator::defaults::ecs::service as default;
use crate::simulator::servicediscovery;
use crate::simulator::world::World;

/// AWS's limit of names in one call.
const SERVICES_MAX: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    services: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

pub(in super::super) fn describe(world: &mut World, call: &Call) -> Answer {
    let Describe {
        _cluster: _,
        services,
        include,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    if services.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if services.len() > SERVICES_MAX {
        return Err(invalid(format!(
            "Members of the list should be less than or equal to {SERVICES_MAX}."
        )));
    }
    let with_tags = include.iter().any(|field| field == "TAGS");
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in &services {
        let name = input::name(world, "service", reference);
        let index = name.and_then(|name| {
            super::position(world, &cluster, name).or_else(|| {
                position_of(world, |service| {
                    service.cluster == cluster && service.name == name
                })
            })
        });
        match index.and_then(|index| world.ecs.services.get(index)) {
            Some(service) => found.push(one(world, service, with_tags)),
            None if reference.starts_with("arn:") => {
                failures.push(input::missing(reference.clone()))
            }
            None => failures.push(input::missing(
                world.arn("ecs", &format!("service/{cluster}/{reference}")),
            )),
        }
    }
    Ok(json!({ "services": found, "failures": failures }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    launch_type: Option<String>,
    #[serde(rename = "schedulingStrategy")]
    _scheduling_strategy: Option<super::SchedulingStrategy>,
}

pub(in super::super) fn list(world: &mut World, call: &Call) -> Answer {
    let List {
        _cluster: _,
        launch_type,
        _scheduling_strategy: _,
    } = parse(call)?;
    let cluster = cluster::find(world, call.text("cluster"))?;
    let launched = |service: &Service| {
        let (member, value) = service.settings.launch_member();
        launch_type
            .as_ref()
            .is_none_or(|wanted| member == "launchType" && value == json!(wanted))
    };
    let services = world.ecs.services.iter();
    let listed = services.filter(|service| {
        service.cluster == cluster && !service.is_inactive() && launched(service)
    });
    let arns = listed.map(|service| json!(arn(world, service))).collect();
    page(call, "serviceArns", arns, 10)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListByNamespace {
    namespace: String,
}

/// "All of the services that are associated with a Cloud Map namespace" by Service Connect (API_ListServicesByNamespace):
/// none is, because CreateService refuses Service Connect here.
pub(in super::super) fn list_by_namespace(world: &mut World, call: &Call) -> Answer {
    let ListByNamespace { namespace } = parse(call)?;
    if !servicediscovery::namespace_exists(world, &namespace, call.now) {
        return Err(Refusal::new(
            "NamespaceNotFoundException",
            "The specified namespace wasn't found.",
        ));
    }
    page(call, "serviceArns", Vec::new(), 10)
}

/// A service's ARN, in the long form that names its cluster.
pub(in super::super) fn arn(world: &World, service: &Service) -> String {
    world.arn(
        "ecs",
        &format!("service/{}/{}", service.cluster, service.name),
    )
}

/// One service as AWS reads it back.
pub(super) fn one(world: &World, service: &Service, with_tags: bool) -> Value {
    let Service {
        number,
        cluster,
        name,
        status,
        desired,
        settings,
        configuration,
        grace_seconds,
        tags,
        tagging: Tagging { managed, propagate },
        execute_command,
        zone_rebalancing,
        created_at,
        deployments,
        revisions: _,
        history: _,
        completed: _,
        throttle: _,
        steady: _,
        events,
        events_ever: _,
        request: _,
    } = service;
    let Settings {
        task_definition,
        load_balancers: _,
        registries: _,
        network: _,
        launch: _,
        platform_version,
    } = settings;
    let tasks: Vec<&Task> = world
        .ecs
        .tasks
        .iter()
        .filter(|task| task.service == Some(*number))
        .collect();
    let rows = deployments.iter().enumerate().map(|(index, deployment)| {
        let settings = service.revision(&deployment.revision).map_or(settings, |revision| &revision.settings);
        let own: Vec<&Task> = tasks.iter().copied().filter(|task| task.revision == deployment.revision).collect();
        // An older deployment is wanted at whatever it still has; the primary at the service's count.
        let wanted = own.iter().filter(|task| task.is_wanted()).count();
        let primary = index == 0;
        let mut row = json!({
            "id": rollout::deployment_id(&deployment.revision),
            "status": match (primary, status) {
                (_, Status::Inactive(_)) => "INACTIVE",
                (true, _) => "PRIMARY",
                (false, _) => "ACTIVE",
            },
            "taskDefinition": settings.task_definition,
            "desiredCount": if primary && deployment.state != RolloutState::Failed { json!(desired) } else { json!(wanted) },
            "pendingCount": pending(&own),
            "runningCount": running(&own),
            "failedTasks": deployment.failed_tasks,
            "createdAt": timestamp(deployment.created_at),
            "updatedAt": timestamp(deployment.updated_at),
            "platformVersion": platform_number(&settings.platform_version),
            "platformFamily": fargate_family(),
            "networkConfiguration": settings.network_value(),
            "rolloutState": deployment.state.as_str(),
            "rolloutStateReason": deployment.reason,
        });
        insert(&mut row, settings.launch_member());
        row
    });
    let mut value = json!({
        "serviceArn": arn(world, service),
        "serviceName": name,
        "clusterArn": world.arn("ecs", &format!("cluster/{cluster}")),
        "loadBalancers": settings.load_balancers_value(),
        "serviceRegistries": settings.registries_value(),
        "status": match status {
            Status::Active => "ACTIVE",
            Status::Draining => "DRAINING",
            Status::Inactive(_) => "INACTIVE",
        },
        "desiredCount": desired,
        "runningCount": running(&tasks),
        "pendingCount": pending(&tasks),
        "platformVersion": platform_version,
        "platformFamily": fargate_family(),
        "taskDefinition": task_definition,
        "deploymentConfiguration": configuration.to_value(),
        "deployments": rows.collect::<Value>(),
        "roleArn": format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", world.account
        ),
        "events": events.iter().map(|event| event_value(*number, event)).collect::<Value>(),
        "createdAt": timestamp(*created_at),
        "currentServiceDeployment": service.history.last().map(|last| rollout::deployment_arn(world, service, &last.id)),
        "currentServiceRevisions": rollout::running_summaries(world, service),
        "placementConstraints": [],
        "placementStrategy": [],
        "networkConfiguration": settings.network_value(),
        "healthCheckGracePeriodSeconds": grace_seconds,
        "schedulingStrategy": default::SCHEDULING_STRATEGY,
        "deploymentController": { "type": default::CONTROLLER },
        "createdBy": format!("arn:aws:iam::{}:root", world.account),
        "enableECSManagedTags": managed,
        "propagateTags": match propagate {
            Propagate::TaskDefinition => "TASK_DEFINITION",
            Propagate::Service => "SERVICE",
            Propagate::None => "NONE",
        },
        "enableExecuteCommand": execute_command,
        "availabilityZoneRebalancing": match zone_rebalancing {
            ZoneRebalancing::Enabled => "ENABLED",
            ZoneRebalancing::Disabled => "DISABLED",
        },
    });
    insert(&mut value, settings.launch_member());
    if with_tags {
        insert(&mut value, ("tags", tags.to_value()));
    }
    value
}

fn insert(value: &mut Value, (name, member): (&str, Value)) {
    if let Some(members) = value.as_object_mut() {
        members.insert(name.into(), member);
    }
}

/// What `LATEST` stands for on a deployment and a task.
pub(in super::super) fn platform_number(version: &str) -> &str {
    if version == "LATEST" {
        "1.4.0"
    } else {
        version
    }
}

/// AWS's event ids are UUIDs; these follow from the service and the event, so that reading changes nothing.
fn event_value(service: u64, event: &Event) -> Value {
    let Event {
        number,
        at,
        message,
    } = event;
    let bits = fastrand::Rng::with_seed(service << 32 | number).u128(..);
    let id = uuid::Builder::from_random_bytes(bits.to_be_bytes())
        .into_uuid()
        .to_string();
    json!({ "id": id, "createdAt": timestamp(*at), "message": message })
}

pub(in super::super) fn running(tasks: &[&Task]) -> usize {
    tasks
        .iter()
        .filter(|task| task.last_status() == LastStatus::Running)
        .count()
}

pub(in super::super) fn pending(tasks: &[&Task]) -> usize {
    tasks
        .iter()
        .filter(|task| task.last_status().is_pending())
        .count()
}
