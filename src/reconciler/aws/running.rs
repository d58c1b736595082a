//! Which tasks of a service run, of which revision and from which image. Reads only: three reads.

use super::evidence::{described, tasks_of};
use super::{AwsError, Clients, lacking};
use crate::reconciler::proof::Task;
use aws_sdk_ecs::types::DesiredStatus;

/// A service's revision, and its tasks in RUNNING that are to stay.
pub struct Running {
    /// ARN of the task definition the service is to run.
    pub revision: String,
    /// At most a hundred.
    pub tasks: Vec<Task>,
}

/// What runs of a service; an error where there is none.
pub async fn running(aws: &Clients, cluster: &str, name: &str) -> Result<Running, AwsError> {
    let service = described(aws, cluster, name);
    let tasks = tasks_of(aws, cluster, name, DesiredStatus::Running);
    let (service, tasks) = tokio::try_join!(service, tasks)?;
    let revision = service.and_then(|service| service.task_definition);
    let tasks = tasks.into_iter();
    let tasks = tasks.filter(|task| task.last_status.as_deref() == Some("RUNNING"));
    Ok(Running {
        revision: revision.ok_or_else(|| lacking("ecs:DescribeServices", "taskDefinition"))?,
        tasks: tasks
            .map(|task| Task {
                digest: task
                    .containers()
                    .first()
                    .and_then(|container| container.image_digest.clone()),
                id: task
                    .task_arn
                    .and_then(|arn| arn.rsplit('/').next().map(str::to_owned))
                    .unwrap_or_default(),
                revision: task.task_definition_arn.unwrap_or_default(),
            })
            .collect(),
    })
}
