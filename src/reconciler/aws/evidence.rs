//! What AWS shows of a service's newest rollout, gathered from ECS, the load balancer and the log.
//!
//! Reads only, and only while a rollout is not through: five reads, and two more where a task failed. What may not be read is
//! said in the evidence and fails nothing: not knowing why is no reason not to go on.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{DesiredStatus, HealthStatus, Service, ServiceDeploymentBrief, Task};
use aws_smithy_types::DateTime;

use super::{AwsError, Clients, elb, failed, is_code};
use crate::reconciler::evidence::{Attempt, Evidence};
use crate::reconciler::resource::Container;
use crate::reconciler::secretive::masked;

/// The most tasks of one state looked at: ListTasks and DescribeTasks take a hundred at a time.
const TASKS_MAX: i32 = 100;
/// The most lines of the failed task's log.
const LINES_MAX: i32 = 20;
/// The longest of them that is kept, in characters.
const LINE_MAX: usize = 300;
/// The most events: ECS keeps a hundred.
const EVENTS_MAX: usize = 30;

/// Everything there is to see of the newest rollout; absent before the first one.
pub async fn evidence(
    aws: &Clients,
    cluster: &str,
    name: &str,
    container: &Container,
) -> Result<Option<Evidence>, AwsError> {
    let (service, newest) = tokio::try_join!(
        described(aws, cluster, name),
        newest_deployment(aws, cluster, name)
    )?;
    let (Some(service), Some(newest)) = (service, newest) else {
        return Ok(None);
    };
    let (Some(deployment), Some(began), Some(revision)) = (
        newest.service_deployment_arn,
        newest.created_at,
        target(aws, newest.target_service_revision_arn.as_deref()).await?,
    ) else {
        return Ok(None);
    };
    let mut unread = Vec::new();
    let mut said = |error: AwsError| match error.retryable {
        true => Err(error),
        false => {
            unread.push(error.to_string());
            Ok(())
        }
    };
    let mut tasks = Vec::new();
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        match tasks_of(aws, cluster, name, status).await {
            Ok(found) => tasks.extend(found),
            Err(error) => said(error)?,
        }
    }
    // The same task definition may have been rolled out before.
    tasks.retain(|task| {
        let of_it = task.task_definition_arn.as_deref() == Some(revision.as_str());
        of_it && task.created_at.is_some_and(|created| created >= began)
    });
    tasks.sort_by_key(|task| (task.created_at, task.task_arn.clone()));
    let targets = targets(aws, &service).await?;
    let attempts: Vec<Attempt> = tasks
        .iter()
        .map(|task| attempt(task, began, targets.as_ref()))
        .collect();
    let failing = |attempt: &&Attempt| {
        let by_itself = attempt.code.as_deref() != Some("ServiceSchedulerInitiated");
        let by_health = |reason: &String| reason.contains("health checks");
        let stopped = attempt.stopping.is_some()
            && (by_itself || attempt.reason.as_ref().is_some_and(by_health));
        attempt.started.is_some() && (stopped || attempt.unhealthy.is_some())
    };
    let mut log = Vec::new();
    if let Some(attempt) = attempts.iter().rev().find(failing) {
        match tail(aws, container, &attempt.id).await {
            Ok(lines) => log = lines,
            Err(error) => said(error)?,
        }
    }
    let events = service
        .events()
        .iter()
        .filter(|event| event.created_at.is_some_and(|at| at >= began))
        .take(EVENTS_MAX)
        .filter_map(|event| event.message.as_deref())
        .map(|event| {
            let own = format!("(service {name})");
            event.trim_start_matches(&own).trim().to_owned()
        })
        .collect();
    Ok(Some(Evidence {
        deployment,
        revision,
        age_seconds: seconds_between(began, DateTime::from(aws.time.now())),
        attempts,
        events,
        log,
        unread,
    }))
}

pub(super) async fn described(
    aws: &Clients,
    cluster: &str,
    name: &str,
) -> Result<Option<Service>, AwsError> {
    let call = aws.ecs.describe_services().cluster(cluster).services(name);
    let reply = call.send().await.map_err(failed("ecs:DescribeServices"))?;
    Ok(reply.services.unwrap_or_default().into_iter().next())
}

async fn newest_deployment(
    aws: &Clients,
    cluster: &str,
    name: &str,
) -> Result<Option<ServiceDeploymentBrief>, AwsError> {
    let call = aws.ecs.list_service_deployments();
    let call = call.cluster(cluster).service(name).max_results(20);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:ListServiceDeployments"))?;
    let deployments = reply.service_deployments.unwrap_or_default();
    // AWS lists the newest first: of two of one moment the first counts, which is the last from behind.
    Ok(deployments
        .into_iter()
        .rev()
        .max_by_key(|brief| brief.created_at))
}

/// The task definition of a service revision.
async fn target(aws: &Clients, revision: Option<&str>) -> Result<Option<String>, AwsError> {
    let Some(arn) = revision else { return Ok(None) };
    let call = aws
        .ecs
        .describe_service_revisions()
        .service_revision_arns(arn);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:DescribeServiceRevisions"))?;
    let revision = reply.service_revisions.unwrap_or_default();
    Ok(revision
        .into_iter()
        .next()
        .and_then(|revision| revision.task_definition))
}

pub(super) async fn tasks_of(
    aws: &Clients,
    cluster: &str,
    name: &str,
    status: DesiredStatus,
) -> Result<Vec<Task>, AwsError> {
    let call = aws
        .ecs
        .list_tasks()
        .cluster(cluster)
        .service_name(name)
        .desired_status(status)
        .max_results(TASKS_MAX);
    let reply = call.send().await.map_err(failed("ecs:ListTasks"))?;
    let arns = reply.task_arns.unwrap_or_default();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let call = aws.ecs.describe_tasks().cluster(cluster);
    let reply = call
        .set_tasks(Some(arns))
        .send()
        .await
        .map_err(failed("ecs:DescribeTasks"))?;
    Ok(reply.tasks.unwrap_or_default())
}

/// Address → what the load balancer makes of it, in all target groups the service's tasks are in; absent without any.
async fn targets(
    aws: &Clients,
    service: &Service,
) -> Result<Option<BTreeMap<String, elb::TargetState>>, AwsError> {
    let balancers = service.load_balancers();
    let mut groups = Vec::new();
    for balancer in balancers {
        let advanced = balancer.advanced_configuration.as_ref();
        groups.extend(balancer.target_group_arn.clone());
        groups.extend(advanced.and_then(|advanced| advanced.alternate_target_group_arn.clone()));
    }
    let mut states: BTreeMap<String, elb::TargetState> = BTreeMap::new();
    for group in groups {
        for (address, state) in elb::target_states(aws, &group).await? {
            // A task of a blue/green service is in one target group at a time, and draining in the other.
            if state.healthy || !states.contains_key(&address) {
                states.insert(address, state);
            }
        }
    }
    Ok((!balancers.is_empty()).then_some(states))
}

fn attempt(
    task: &Task,
    began: DateTime,
    targets: Option<&BTreeMap<String, elb::TargetState>>,
) -> Attempt {
    let since = |at: &DateTime| seconds_between(began, *at);
    let container = task.containers().first();
    let details = task.attachments().iter().flat_map(|it| it.details());
    let mut addresses =
        details.filter(|detail| detail.name.as_deref() == Some("privateIPv4Address"));
    let address = addresses.next().and_then(|detail| detail.value.as_ref());
    let target = targets.and_then(|targets| targets.get(address?));
    let running = task.last_status.as_deref() == Some("RUNNING")
        && task.desired_status.as_deref() == Some("RUNNING")
        && task.health_status != Some(HealthStatus::Unhealthy);
    Attempt {
        id: task
            .task_arn
            .as_deref()
            .and_then(|arn| arn.rsplit('/').next())
            .unwrap_or_default()
            .to_owned(),
        created: task.created_at.as_ref().map_or(0, since),
        started: task.started_at.as_ref().map(since),
        // A container that ended takes its task with it some moments later.
        stopping: match (&task.stopping_at, &task.stopped_at) {
            (Some(at), _) | (None, Some(at)) => Some(since(at)),
            (None, None) => (task.desired_status.as_deref() == Some("STOPPED"))
                .then(|| task.started_at.as_ref().map_or(0, since)),
        },
        healthy: running && targets.is_none_or(|_| target.is_some_and(|target| target.healthy)),
        code: task.stop_code.as_ref().map(|code| code.as_str().to_owned()),
        reason: task.stopped_reason.clone(),
        exit_code: container.and_then(|container| container.exit_code),
        container_reason: container.and_then(|container| container.reason.clone()),
        unhealthy: target.and_then(|target| target.unhealthy.clone()),
    }
}

/// The newest lines of a task's log, masked.
async fn tail(aws: &Clients, container: &Container, task: &str) -> Result<Vec<String>, AwsError> {
    let Container {
        name,
        log_group,
        log_stream_prefix,
        ..
    } = container;
    let call = aws
        .logs
        .get_log_events()
        .log_group_name(log_group)
        .log_stream_name(format!("{log_stream_prefix}/{name}/{task}"))
        .start_from_head(false)
        .limit(LINES_MAX);
    let reply = match call.send().await {
        // It wrote nothing.
        Err(error) if is_code(&error, "ResourceNotFoundException") => return Ok(Vec::new()),
        reply => reply.map_err(failed("logs:GetLogEvents"))?,
    };
    let events = reply.events.unwrap_or_default();
    let lines = events.into_iter().filter_map(|event| event.message);
    Ok(lines
        .map(|line| masked(line.trim_end()).chars().take(LINE_MAX).collect())
        .collect())
}

fn seconds_between(from: DateTime, to: DateTime) -> i64 {
    to.secs() - from.secs()
}
