//! A task's credentials: a session of its task role, given out over HTTP as ECS's agent does.
//!
//! Takes a task, gives the variables by which SDKs find the place; takes what a client shows there, gives the credentials or
//! nothing. ECS names a link-local address that only its agent can make (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`); here it is
//! the whole URL, which SDKs take when it is loopback, with a token of the task's own instead of a network of its own.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use serde_json::Value;

use super::task::Task;
use crate::simulator::call::Millis;
use crate::simulator::sts;
use crate::simulator::world::World;

/// What the credentials of one task are asked for with. No secret of anybody's but the simulation's.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    id: String,
    token: String,
}

/// A grant for a task with a task role, where there is an endpoint to ask.
pub(super) fn grant(world: &mut World, task_role: Option<&str>) -> Option<Grant> {
    (world.endpoint.is_some() && task_role.is_some()).then(|| Grant {
        id: world.uuid(),
        token: world.hex(64),
    })
}

/// What a task is told of AWS: the region as on Fargate, the simulator for every service, and its credentials if it has any.
pub(super) fn variables(world: &World, task: &Task) -> Vec<(String, String)> {
    let Some(endpoint) = &world.endpoint else {
        return Vec::new();
    };
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", endpoint.clone()),
        ("AWS_REGION", world.region.clone()),
        ("AWS_DEFAULT_REGION", world.region.clone()),
    ];
    if let Some(Grant { id, token }) = &task.grant {
        let url = format!("{endpoint}/_simulator/credentials/{id}");
        variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", url));
        variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.clone()));
    }
    let named = variables.into_iter();
    named
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The credentials of the task this id and token were given to, while it lives and its role trusts ECS.
pub fn credentials(world: &mut World, id: &str, token: &str, now: Millis) -> Option<Value> {
    let mut tasks = world.ecs.tasks.iter();
    let task = tasks.find(|task| task.grant.as_ref().is_some_and(|grant| grant.id == id))?;
    let shown = task
        .grant
        .as_ref()
        .is_some_and(|grant| grant.token == token);
    let role = task.blueprint.task_role.clone()?;
    // Its id is the session's name: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    let name = task.id.clone();
    if !shown || !task.may_live() {
        return None;
    }
    sts::of_task(world, &role, &name, now)
}
