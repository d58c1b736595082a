//! What the container agent does before a task's processes start: it fetches images, secrets and log destinations with
//! the execution role, and any of these may be missing or forbidden.
//!
//! Takes a task, gives the processes to start or the stopped reason AWS would give. Reads only.

use std::collections::BTreeMap;

use super::credentials;
use super::effect::{Environment, ProcessId, Start};
use super::lifecycle::PULLING_MILLIS;
use super::task::Task;
use super::task_definition::Container;
use crate::simulator::call::Millis;
use crate::simulator::world::World;
use crate::simulator::{ecr, iam, image, logs, secretsmanager, ssm};

/// The variable by which a task learns its own address: every task shares the host's network here, so one that listened
/// on all addresses would take its neighbours' ports.
const BIND_ADDRESS: &str = "BIND_ADDRESS";

/// The processes of a task, in the definition's order.
pub(super) fn prepare(world: &World, task: &Task) -> Result<Vec<Start>, String> {
    let agent = Agent { world, task };
    for container in &task.blueprint.containers {
        agent.pull(&container.image)?;
    }
    let mut starts = Vec::new();
    for container in &task.blueprint.containers {
        let secrets = agent.secrets(container)?;
        agent.log_stream(container)?;
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        environment.insert(BIND_ADDRESS.into(), task.address.to_string());
        environment.extend(credentials::variables(world, task));
        let plain = container
            .environment
            .iter()
            .map(|variable| (variable.name.clone(), variable.value.clone()));
        environment.extend(plain);
        environment.extend(secrets);
        starts.push(Start {
            process: ProcessId {
                task: task.id.clone(),
                container: container.name.clone(),
            },
            address: task.address,
            image: container.image.clone(),
            memory_mib: task.blueprint.size.map(|size| size.memory_mib),
            arguments: [&container.entry_point[..], &container.command[..]].concat(),
            environment: Environment(environment),
        });
    }
    Ok(starts)
}

/// How long fetching a task's images takes: they are fetched side by side.
pub(super) fn pull_millis(world: &World, task: &Task) -> Millis {
    let containers = task.blueprint.containers.iter();
    let pulls = containers.map(|container| {
        let script = image::script(world, &container.image);
        script
            .and_then(|script| script.pull_millis)
            .unwrap_or(PULLING_MILLIS)
    });
    pulls.max().unwrap_or(PULLING_MILLIS)
}

struct Agent<'a> {
    world: &'a World,
    task: &'a Task,
}

impl Agent<'_> {
    fn pull(&self, image: &str) -> Result<(), String> {
        if image.contains(".dkr.ecr.") {
            self.allowed("ecr:GetAuthorizationToken", "*").map_err(|denied| {
                format!(
                    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                     failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): {denied}"
                )
            })?;
        }
        let script = image::script(self.world, image);
        if let Some(reason) = script.and_then(|script| script.unpullable.as_ref()) {
            return Err(format!("CannotPullContainerError: {reason}"));
        }
        if ecr::image_digest(self.world, image).is_some() {
            return Ok(());
        }
        Err(format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: \
             {image}: not found"
        ))
    }

    fn secrets(&self, container: &Container) -> Result<Vec<(String, String)>, String> {
        let failed = |what: &str, cause: String| {
            format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                 failed: unable to retrieve {what}: service call has been retried 1 time(s): {cause}"
            )
        };
        let (mut values, mut missing) = (Vec::new(), Vec::new());
        for secret in &container.secrets {
            let reference = &secret.value_from;
            if secret.is_in_secrets_manager() {
                let resource: Vec<&str> = reference.splitn(8, ':').take(7).collect();
                self.allowed("secretsmanager:GetSecretValue", &resource.join(":"))
                    .and_then(|()| secretsmanager::injected(self.world, reference))
                    .map(|value| values.push((secret.name.clone(), value)))
                    .map_err(|cause| failed("secret from asm", cause))?;
                continue;
            }
            self.allowed("ssm:GetParameters", &ssm::arn(self.world, reference))
                .map_err(|cause| failed("secrets from ssm", cause))?;
            match ssm::value(self.world, reference) {
                Some(value) => values.push((secret.name.clone(), value)),
                None => missing.push(reference.as_str()),
            }
        }
        if missing.is_empty() {
            Ok(values)
        } else {
            let cause = format!("invalid ssm parameters: {}", missing.join(", "));
            Err(failed("secrets from ssm", cause))
        }
    }

    fn log_stream(&self, container: &Container) -> Result<(), String> {
        let Some(destination) = container.awslogs() else {
            return Ok(());
        };
        let failed = |cause: String| {
            format!(
                "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: \
                 failed to create Cloudwatch log stream: {cause} : exit status 1"
            )
        };
        let stream = format!("{}/{}/{}", destination.prefix, container.name, self.task.id);
        let resource = self.world.arn(
            "logs",
            &format!("log-group:{}:log-stream:{stream}", destination.group),
        );
        self.allowed("logs:CreateLogStream", &resource)
            .map_err(failed)?;
        if logs::group_exists(self.world, destination.group) {
            return Ok(());
        }
        Err(failed(
            "ResourceNotFoundException: The specified log group does not exist.".into(),
        ))
    }

    /// Whether the execution role may; a task without one runs nothing that needs it, which registration checked.
    fn allowed(&self, action: &str, resource: &str) -> Result<(), String> {
        let Some(role) = self.task.blueprint.execution_role.as_deref() else {
            return Ok(());
        };
        if iam::allows(self.world, role, action, resource) {
            return Ok(());
        }
        let name = role.rsplit('/').next().unwrap_or(role);
        Err(format!(
            "AccessDeniedException: User: arn:aws:sts::{}:assumed-role/{name}/{} is not authorized to perform: {action} on \
             resource: {resource} because no identity-based policy allows the {action} action",
            self.world.account, self.task.id
        ))
    }
}
