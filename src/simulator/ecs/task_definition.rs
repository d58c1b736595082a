//! Task definitions: families of numbered revisions, immutable once registered.
//!
//! Takes RegisterTaskDefinition's input, gives AWS's read-back of it and a [`Blueprint`], the typed part that tasks are
//! started from. Never starts anything.

mod container;
mod delete;
mod list;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) use container::{Container, HealthCheck, Variable};
pub(super) use delete::{delete, forget_deleted};
pub(super) use list::{families as list_families, list};

use super::fargate::{self, Size};
use super::input::{client, parse};
use super::tags::{Tag, Tags};
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::defaults::ecs::task_definition as default;
use crate::simulator::world::World;

/// The revisions of one family.
#[derive(Debug, Clone, Default)]
pub(super) struct Family {
    /// The highest number given out; numbers are never reused, not even after all revisions are deregistered.
    last: u32,
    pub(super) revisions: BTreeMap<u32, TaskDefinition>,
}

/// One registered revision.
#[derive(Debug, Clone)]
pub(super) struct TaskDefinition {
    pub(super) arn: String,
    pub(super) family: String,
    pub(super) revision: u32,
    pub(super) tags: Tags,
    pub(super) blueprint: Arc<Blueprint>,
    registered_at: Millis,
    deregistered_at: Option<Millis>,
    delete_requested_at: Option<Millis>,
    /// What AWS reads back, without the members that change.
    normal: Map<String, Value>,
}

/// What a task is made from.
#[derive(Debug, Clone)]
pub(super) struct Blueprint {
    pub(super) family: String,
    pub(super) revision: u32,
    /// Absent for a definition that cannot run on Fargate.
    pub(super) size: Option<Size>,
    pub(super) execution_role: Option<String>,
    pub(super) task_role: Option<String>,
    pub(super) containers: Vec<Container>,
    pub(super) is_awsvpc: bool,
}

impl TaskDefinition {
    pub(super) fn is_active(&self) -> bool {
        self.deregistered_at.is_none()
    }

    fn status(&self) -> &'static str {
        match (self.deregistered_at, self.delete_requested_at) {
            (None, _) => "ACTIVE",
            (Some(_), None) => "INACTIVE",
            (Some(_), Some(_)) => "DELETE_IN_PROGRESS",
        }
    }

    fn to_value(&self) -> Value {
        let mut value = self.normal.clone();
        value.insert("status".into(), json!(self.status()));
        value.insert("registeredAt".into(), timestamp(self.registered_at));
        if let Some(at) = self.deregistered_at {
            value.insert("deregisteredAt".into(), timestamp(at));
        }
        if let Some(at) = self.delete_requested_at {
            value.insert("deleteRequestedAt".into(), timestamp(at));
        }
        Value::Object(value)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Register {
    family: String,
    container_definitions: Vec<Map<String, Value>>,
    task_role_arn: Option<String>,
    execution_role_arn: Option<String>,
    network_mode: Option<String>,
    #[serde(default)]
    requires_compatibilities: Vec<String>,
    cpu: Option<String>,
    memory: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    volumes: Vec<Value>,
    #[serde(default)]
    placement_constraints: Vec<Value>,
    runtime_platform: Option<Value>,
    ephemeral_storage: Option<Value>,
    enable_fault_injection: Option<bool>,
}

pub(super) fn register(world: &mut World, call: &Call) -> Answer {
    let Register {
        family,
        container_definitions,
        task_role_arn,
        execution_role_arn,
        network_mode,
        requires_compatibilities,
        cpu,
        memory,
        tags,
        volumes,
        placement_constraints,
        runtime_platform,
        ephemeral_storage,
        enable_fault_injection,
    } = parse(call)?;
    if !is_identifier(&family) {
        return Err(client("Family contains invalid characters."));
    }
    // ecs-deploy sends an empty role for none, and deploys on AWS with it.
    let given = |role: Option<String>| role.filter(|role| !role.is_empty());
    let (task_role_arn, execution_role_arn) = (given(task_role_arn), given(execution_role_arn));
    if let Some(other) = requires_compatibilities
        .iter()
        .find(|name| !matches!(name.as_str(), "FARGATE" | "EC2"))
    {
        return Err(client(format!("Invalid requires compatibility {other}.")));
    }
    let tags = Tags::new(tags)?;
    let fargate = requires_compatibilities
        .iter()
        .any(|name| name == "FARGATE");
    let is_awsvpc = network_mode.as_deref() == Some("awsvpc");
    if fargate && !is_awsvpc {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    // Sizes and other limits are checked against Fargate only when the definition asks for it, as on AWS.
    let size = if fargate {
        Some(fargate::size(cpu.as_deref(), memory.as_deref())?)
    } else {
        None
    };
    let containers = container::normalize_all(container_definitions, is_awsvpc)?;
    let typed: Vec<Container> = containers
        .iter()
        .map(Container::read)
        .collect::<Result<_, _>>()?;
    container::check(&typed, size, execution_role_arn.is_some())?;

    let last = world
        .ecs
        .families
        .get(&family)
        .map_or(0, |known| known.last);
    let revision = last + 1;
    let arn = world.arn("ecs", &format!("task-definition/{family}:{revision}"));
    let (cpu, memory) = match size {
        Some(Size {
            cpu_units,
            memory_mib,
        }) => (Some(cpu_units.to_string()), Some(memory_mib.to_string())),
        None => (cpu, memory),
    };
    let mut compatibilities = vec!["EC2"];
    if is_awsvpc && fargate {
        compatibilities.push("FARGATE");
    }
    let normal = json!({
        "taskDefinitionArn": arn,
        "family": family,
        "revision": revision,
        "containerDefinitions": containers.into_iter().map(|value| shuffled_environment(world, value)).collect::<Value>(),
        "taskRoleArn": task_role_arn.clone(),
        "executionRoleArn": execution_role_arn,
        "networkMode": network_mode,
        "volumes": volumes,
        "requiresAttributes": required_attributes(&typed, execution_role_arn.is_some(), task_role_arn.is_some(), is_awsvpc),
        "placementConstraints": placement_constraints,
        "compatibilities": compatibilities,
        "requiresCompatibilities": requires_compatibilities,
        "cpu": cpu,
        "memory": memory,
        "runtimePlatform": runtime_platform,
        "ephemeralStorage": ephemeral_storage,
        "enableFaultInjection": enable_fault_injection.unwrap_or(default::FAULT_INJECTION),
        "registeredBy": format!("arn:aws:iam::{}:root", world.account),
    });
    let Value::Object(mut normal) = normal else {
        return Err(client("Unreadable task definition."));
    };
    normal.retain(|_, value| !value.is_null());
    let definition = TaskDefinition {
        arn,
        family: family.clone(),
        revision,
        tags,
        blueprint: Arc::new(Blueprint {
            family: family.clone(),
            revision,
            size,
            execution_role: execution_role_arn,
            task_role: task_role_arn,
            containers: typed,
            is_awsvpc,
        }),
        registered_at: call.now,
        deregistered_at: None,
        delete_requested_at: None,
        normal,
    };
    let output =
        json!({ "taskDefinition": definition.to_value(), "tags": definition.tags.to_value() });
    let known = world.ecs.families.entry(family).or_default();
    known.last = revision;
    known.revisions.insert(revision, definition);
    Ok(output)
}

/// AWS reads the environment back in any order; whoever compares it must not rely on theirs.
fn shuffled_environment(world: &mut World, mut container: Value) -> Value {
    if let Some(list) = container
        .get_mut("environment")
        .and_then(Value::as_array_mut)
    {
        let mut keyed: Vec<(String, Value)> =
            list.drain(..).map(|entry| (world.hex(8), entry)).collect();
        keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
        list.extend(keyed.into_iter().map(|(_, entry)| entry));
    }
    container
}

/// The capabilities AWS derives; the ones a Fargate service of ours meets, not AWS's whole list.
fn required_attributes(
    containers: &[Container],
    execution: bool,
    task_role: bool,
    awsvpc: bool,
) -> Value {
    let awslogs = containers
        .iter()
        .any(|container| container.awslogs().is_some());
    let has_secret = |in_secrets_manager: bool| {
        let mut secrets = containers.iter().flat_map(|container| &container.secrets);
        secrets.any(|secret| secret.is_in_secrets_manager() == in_secrets_manager)
    };
    let ecr = containers
        .iter()
        .any(|container| container.image.contains(".dkr.ecr."));
    let checked = containers
        .iter()
        .any(|container| container.health_check.is_some());
    [
        (
            awslogs,
            "com.amazonaws.ecs.capability.logging-driver.awslogs",
        ),
        (
            awslogs && execution,
            "ecs.capability.execution-role-awslogs",
        ),
        (ecr, "com.amazonaws.ecs.capability.ecr-auth"),
        (ecr && execution, "ecs.capability.execution-role-ecr-pull"),
        (
            has_secret(true),
            "ecs.capability.secrets.asm.environment-variables",
        ),
        (
            has_secret(false),
            "ecs.capability.secrets.ssm.environment-variables",
        ),
        (checked, "ecs.capability.container-health-check"),
        (task_role, "com.amazonaws.ecs.capability.task-iam-role"),
        (awsvpc, "ecs.capability.task-eni"),
    ]
    .into_iter()
    .filter(|(needed, _)| *needed)
    .map(|(_, name)| json!({ "name": name }))
    .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Describe {
    task_definition: String,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let Describe {
        task_definition,
        include,
    } = parse(call)?;
    let definition = find(world, &task_definition)?;
    let mut output = json!({ "taskDefinition": definition.to_value() });
    if let (true, Some(output)) = (
        include.iter().any(|field| field == "TAGS"),
        output.as_object_mut(),
    ) {
        output.insert("tags".into(), definition.tags.to_value());
    }
    Ok(output)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Deregister {
    task_definition: String,
}

/// Deregistering leaves running services alone: "Existing tasks and services that reference an INACTIVE task definition
/// continue to run without disruption" (API_DeregisterTaskDefinition).
pub(super) fn deregister(world: &mut World, call: &Call) -> Answer {
    let Deregister { task_definition } = parse(call)?;
    if !task_definition.contains(':') {
        return Err(client("Invalid revision number. Number: null"));
    }
    let (family, revision) = {
        let definition = find(world, &task_definition)?;
        if !definition.is_active() {
            return Err(client("The specified task definition is inactive."));
        }
        (definition.family.clone(), definition.revision)
    };
    let definition = world
        .ecs
        .families
        .get_mut(&family)
        .and_then(|known| known.revisions.get_mut(&revision));
    let definition = definition.ok_or_else(unknown)?;
    definition.deregistered_at = Some(call.now);
    Ok(json!({ "taskDefinition": definition.to_value() }))
}

fn unknown() -> Refusal {
    client("Unable to describe task definition.")
}

/// The revision `family:revision`, its ARN, or for a bare family its newest active revision.
pub(super) fn find<'a>(world: &'a World, reference: &str) -> Result<&'a TaskDefinition, Refusal> {
    let prefix = world.arn("ecs", "task-definition/");
    let name = match reference.strip_prefix("arn:") {
        None => reference,
        Some(_) => reference.strip_prefix(&prefix).ok_or_else(unknown)?,
    };
    let found = match name.split_once(':') {
        None => world.ecs.families.get(name).and_then(|known| {
            known
                .revisions
                .values()
                .rev()
                .find(|definition| definition.is_active())
        }),
        Some((family, revision)) => {
            let revision: u32 = revision
                .parse()
                .map_err(|_| client(format!("Invalid revision number. Number: {revision}")))?;
            world
                .ecs
                .families
                .get(family)
                .and_then(|known| known.revisions.get(&revision))
        }
    };
    found.ok_or_else(unknown)
}

/// The revision a service may be given: it exists and is active.
pub(super) fn find_active<'a>(
    world: &'a World,
    reference: &str,
) -> Result<&'a TaskDefinition, Refusal> {
    let definition = find(world, reference).map_err(|refusal| match refusal.message.as_str() {
        "Unable to describe task definition." => client("TaskDefinition not found."),
        _ => refusal,
    })?;
    if definition.is_active() {
        Ok(definition)
    } else {
        Err(client("TaskDefinition is inactive"))
    }
}

/// Letters, digits, `-` and `_`, at most 255: families, services, containers.
pub(super) fn is_identifier(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
