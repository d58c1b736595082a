//! ECS: the cluster, the service and its newest rollout, registered revisions, and the one service call.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    AdvancedConfiguration, AssignPublicIp, AwsVpcConfiguration, DeploymentAlarms,
    DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentRolloutState, LaunchType,
    LoadBalancer, NetworkConfiguration, PropagateTags, Service as SdkService,
    ServiceDeploymentBrief, ServiceDeploymentStatus, ServiceField, ServiceRegistry, SortOrder,
    StopServiceDeploymentStopType, Tag, TaskDefinitionField, TaskDefinitionStatus,
};

use super::elb::rule::{Groups, join};
use super::{AwsError, Clients, failed, lacking, task_definition};
use crate::reconciler::normal::number;
use crate::reconciler::observed::{Found, Rollout, Running, Shifting};
use crate::reconciler::plan::ServiceCall;
use crate::reconciler::resource::{
    Container, DIGEST_TAG, Join, OWNER_TAG, Service, TaskDefinition,
};

pub mod strategy;

pub use super::task_definition::register;

/// How many older revisions are looked through for one that already says what is wanted: enough for a rollback, and
/// DescribeTaskDefinition reads only one at a time.
const REVISIONS_MAX: i32 = 10;
/// How many of those are read side by side; ECS allows 20 such reads a second.
const REVISIONS_AT_ONCE: usize = 5;

/// What a service's references are compared with: this unit's ARNs today.
pub struct Own<'a> {
    /// The target groups'.
    pub groups: Groups<'a>,
    /// The listener rules': for users, and for tests.
    pub rules: (Option<&'a str>, Option<&'a str>),
    /// The Cloud Map service's.
    pub discovery: Option<&'a str>,
    /// What the service should run, where that is known already.
    pub wanted: Option<&'a TaskDefinition>,
}

pub(super) fn owner_tag(unit: &str) -> Tag {
    Tag::builder().key(OWNER_TAG).value(unit).build()
}

/// Whose a revision is, and what it says. People and other tools read the second; this program compares content, since who
/// copies a revision to change it copies its tags with it.
pub(super) fn revision_tags(unit: &str, definition: &TaskDefinition) -> Vec<Tag> {
    let digest = Tag::builder().key(DIGEST_TAG).value(definition.digest());
    vec![owner_tag(unit), digest.build()]
}

/// Whether a cluster is there and ACTIVE.
pub async fn cluster_active(aws: &Clients, cluster: &str) -> Result<bool, AwsError> {
    let reply = aws
        .ecs
        .describe_clusters()
        .clusters(cluster)
        .send()
        .await
        .map_err(failed("ecs:DescribeClusters"))?;
    Ok(reply
        .clusters()
        .iter()
        .any(|cluster| cluster.status.as_deref() == Some("ACTIVE")))
}

/// A service that is not INACTIVE, with what it runs and how its newest rollout stands.
pub async fn service(
    aws: &Clients,
    cluster: &str,
    name: &str,
    own: &Own<'_>,
) -> Result<Option<Running>, AwsError> {
    let operation = "ecs:DescribeServices";
    let call = aws
        .ecs
        .describe_services()
        .cluster(cluster)
        .services(name)
        .include(ServiceField::Tags);
    let reply = call.send().await.map_err(failed(operation))?;
    let found = reply
        .services
        .unwrap_or_default()
        .into_iter()
        .find(|service| service.status.as_deref() != Some("INACTIVE"));
    let Some(found) = found else { return Ok(None) };
    let revision = found
        .task_definition
        .clone()
        .ok_or_else(|| lacking(operation, "taskDefinition"))?;
    let (definition, rollout) = tokio::try_join!(
        definition(aws, &revision, own.wanted),
        rollout(aws, cluster, name, &found, own.wanted)
    )?;
    let owner = found
        .tags()
        .iter()
        .find(|tag| tag.key.as_deref() == Some(OWNER_TAG))
        .and_then(|tag| tag.value.clone());
    let event = found
        .events()
        .first()
        .and_then(|event| event.message.as_deref());
    let value = normal(name, &found, own);
    // Only a person's hook holds a rollout for long, and only while it is under way.
    let asks = value.hooks.iter().any(|hook| hook.function.is_none());
    let paused = if asks && rollout == Rollout::InProgress {
        strategy::paused(aws, cluster, name).await?
    } else {
        None
    };
    Ok(Some(Running {
        draining: found.status.as_deref() == Some("DRAINING"),
        definition,
        desired_count: found.desired_count,
        running_count: found.running_count,
        rollout,
        shifting: shifting(&found),
        paused,
        event: event.map(|event| {
            event
                .trim_start_matches(&format!("(service {name})"))
                .trim()
                .to_owned()
        }),
        revision,
        found: Found {
            arn: found
                .service_arn
                .clone()
                .ok_or_else(|| lacking(operation, "serviceArn"))?,
            owner,
            value,
        },
    }))
}

fn shifting(found: &SdkService) -> Option<Shifting> {
    let balancer = found.load_balancers().first()?;
    let advanced = balancer.advanced_configuration.as_ref()?;
    Some(Shifting {
        alternate: advanced.alternate_target_group_arn.clone()?,
        rule: advanced.production_listener_rule.clone()?,
    })
}

fn normal(name: &str, found: &SdkService, own: &Own<'_>) -> Service {
    let vpc = found
        .network_configuration
        .as_ref()
        .and_then(|network| network.awsvpc_configuration.as_ref());
    let deployment = found.deployment_configuration.as_ref();
    let breaker = deployment.and_then(|deployment| deployment.deployment_circuit_breaker.as_ref());
    // Names of alarms that are switched off change nothing.
    let alarms = deployment
        .and_then(|deployment| deployment.alarms.as_ref())
        .filter(|alarms| alarms.enable);
    // Ours if it is among them, else the first; the rest are further ones.
    let balancers = found.load_balancers();
    let is_ours = |balancer: &&LoadBalancer| {
        own.groups.ours.is_some() && balancer.target_group_arn.as_deref() == own.groups.ours
    };
    let balancer = balancers.iter().find(is_ours).or(balancers.first());
    let joined = balancer.and_then(|balancer| balancer.target_group_arn.as_deref());
    let other_target_groups = balancers
        .iter()
        .filter_map(|balancer| balancer.target_group_arn.as_deref())
        .filter(|arn| Some(*arn) != joined)
        .map(str::to_owned)
        .collect();
    let registry = found
        .service_registries()
        .first()
        .and_then(|registry| registry.registry_arn.as_deref());
    let reference = |arn: Option<&str>, ours| arn.map_or(Join::None, |arn| join(arn, ours));
    let advanced = balancer.and_then(|balancer| balancer.advanced_configuration.as_ref());
    let strategy = strategy::normal(deployment);
    Service {
        name: name.to_owned(),
        target_group: reference(joined, own.groups.ours),
        other_target_groups,
        traffic: balancer.map_or_else(String::new, |balancer| {
            format!(
                "{}:{}",
                balancer.container_name.as_deref().unwrap_or_default(),
                balancer.container_port.unwrap_or_default()
            )
        }),
        discovery: reference(registry, own.discovery),
        subnets: vpc
            .map(|vpc| vpc.subnets.iter().cloned().collect())
            .unwrap_or_default(),
        security_groups: vpc
            .map(|vpc| vpc.security_groups().iter().cloned().collect())
            .unwrap_or_default(),
        public_address: vpc.and_then(|vpc| vpc.assign_public_ip.as_ref())
            == Some(&AssignPublicIp::Enabled),
        healthy_percent_min: deployment
            .and_then(|deployment| deployment.minimum_healthy_percent)
            .unwrap_or(const { number("service.healthy_percent_min") }),
        healthy_percent_max: deployment
            .and_then(|deployment| deployment.maximum_percent)
            .unwrap_or(const { number("service.healthy_percent_max") }),
        circuit_breaker: breaker.is_some_and(|breaker| breaker.enable),
        circuit_breaker_rollback: breaker.is_some_and(|breaker| breaker.rollback),
        alarms: alarms
            .map(|alarms| alarms.alarm_names.iter().cloned().collect())
            .unwrap_or_default(),
        alarms_rollback: alarms.is_some_and(|alarms| alarms.rollback),
        grace_period_seconds: found
            .health_check_grace_period_seconds
            .unwrap_or(const { number("service.grace_period_seconds") }),
        execute_command: found.enable_execute_command,
        strategy: strategy.name,
        bake_minutes: strategy.bake_minutes,
        step_percent: strategy.step_percent,
        step_bake_minutes: strategy.step_bake_minutes,
        alternate: advanced
            .and_then(|advanced| advanced.alternate_target_group_arn.as_deref())
            .map_or(Join::None, |arn| own.groups.join(arn)),
        production_rule: reference(
            advanced.and_then(|advanced| advanced.production_listener_rule.as_deref()),
            own.rules.0,
        ),
        test_rule: reference(
            advanced.and_then(|advanced| advanced.test_listener_rule.as_deref()),
            own.rules.1,
        ),
        rollout_role: advanced.and_then(|advanced| advanced.role_arn.clone()),
        hooks: strategy.hooks,
    }
}

/// Service deployments know about rollbacks, which the service's own deployments forget once they are over.
async fn rollout(
    aws: &Clients,
    cluster: &str,
    name: &str,
    found: &SdkService,
    wanted: Option<&TaskDefinition>,
) -> Result<Rollout, AwsError> {
    let call = aws
        .ecs
        .list_service_deployments()
        .cluster(cluster)
        .service(name)
        .max_results(20);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:ListServiceDeployments"))?;
    let newest = reply
        .service_deployments
        .unwrap_or_default()
        .into_iter()
        // AWS lists the newest first: of two of one moment the first counts, which is the last from behind.
        .rev()
        .max_by_key(|brief| brief.created_at);
    let primary = found
        .deployments()
        .iter()
        .find(|deployment| deployment.status.as_deref() == Some("PRIMARY"));
    if let Some(primary) = primary
        && primary.rollout_state == Some(DeploymentRolloutState::Failed)
    {
        let revision = primary.task_definition.as_deref();
        return Ok(Rollout::Failed {
            wanted: is_wanted(aws, revision, wanted).await?,
            rolled_back: false,
            reason: primary.rollout_state_reason.clone().unwrap_or_default(),
        });
    }
    let Some(newest) = newest else {
        let completed = primary.and_then(|primary| primary.rollout_state.as_ref())
            == Some(&DeploymentRolloutState::Completed);
        return Ok(if completed {
            Rollout::Completed
        } else {
            Rollout::InProgress
        });
    };
    match newest.status.as_ref() {
        Some(ServiceDeploymentStatus::Successful) => Ok(Rollout::Completed),
        Some(ServiceDeploymentStatus::RollbackSuccessful) => {
            failure(aws, &newest, true, wanted).await
        }
        Some(ServiceDeploymentStatus::RollbackFailed | ServiceDeploymentStatus::Stopped) => {
            failure(aws, &newest, false, wanted).await
        }
        Some(
            ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::StopRequested,
        ) => Ok(Rollout::RollingBack),
        // PENDING, IN_PROGRESS, and whatever AWS adds: not over yet, as far as this knows.
        _ => Ok(Rollout::InProgress),
    }
}

async fn failure(
    aws: &Clients,
    brief: &ServiceDeploymentBrief,
    rolled_back: bool,
    wanted: Option<&TaskDefinition>,
) -> Result<Rollout, AwsError> {
    let mut revision = None;
    if let Some(arn) = &brief.target_service_revision_arn {
        let call = aws
            .ecs
            .describe_service_revisions()
            .service_revision_arns(arn);
        let reply = call
            .send()
            .await
            .map_err(failed("ecs:DescribeServiceRevisions"))?;
        revision = reply
            .service_revisions
            .unwrap_or_default()
            .into_iter()
            .next()
            .and_then(|revision| revision.task_definition);
    }
    Ok(Rollout::Failed {
        wanted: is_wanted(aws, revision.as_deref(), wanted).await?,
        rolled_back,
        reason: brief.status_reason.clone().unwrap_or_default(),
    })
}

/// Whether a revision that ECS gave up on says what is wanted, by content: the same may have been registered again since.
async fn is_wanted(
    aws: &Clients,
    revision: Option<&str>,
    wanted: Option<&TaskDefinition>,
) -> Result<bool, AwsError> {
    match (revision, wanted) {
        (Some(revision), Some(wanted)) => {
            let found = definition(aws, revision, Some(wanted)).await?;
            Ok(found.digest() == wanted.digest())
        }
        (None, _) | (_, None) => Ok(false),
    }
}

/// What a revision says, to be compared with what is wanted.
async fn definition(
    aws: &Clients,
    revision: &str,
    wanted: Option<&TaskDefinition>,
) -> Result<TaskDefinition, AwsError> {
    let operation = "ecs:DescribeTaskDefinition";
    let reply = aws
        .ecs
        .describe_task_definition()
        .task_definition(revision)
        .send()
        .await
        .map_err(failed(operation))?;
    let found = reply
        .task_definition
        .ok_or_else(|| lacking(operation, "taskDefinition"))?;
    let container = wanted.map_or("", |wanted| wanted.container.name.as_str());
    let mut found = task_definition::normal(found, container);
    // A secret of which no version is wanted: its parameter is gone, or the program reads it anew. Neither calls for new tasks.
    if let Some(wanted) = wanted {
        let Container {
            secrets,
            secret_versions,
            ..
        } = &wanted.container;
        found.container.secret_versions.retain(|variable, _| {
            secret_versions.contains_key(variable) || !secrets.contains_key(variable)
        });
    }
    Ok(found)
}

/// The newest of the last ten revisions that says exactly what is wanted: found by content, whoever registered it.
pub async fn revision(aws: &Clients, wanted: &TaskDefinition) -> Result<Option<String>, AwsError> {
    let call = aws
        .ecs
        .list_task_definitions()
        .family_prefix(&wanted.family)
        .status(TaskDefinitionStatus::Active)
        .sort(SortOrder::Desc)
        .max_results(REVISIONS_MAX);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:ListTaskDefinitions"))?;
    let digest = wanted.digest();
    let arns = reply.task_definition_arns.unwrap_or_default();
    for batch in arns.chunks(REVISIONS_AT_ONCE) {
        let same = |index: usize| {
            let (arn, digest) = (batch.get(index), &digest);
            async move {
                let Some(arn) = arn else { return Ok(None) };
                let found = definition(aws, arn, Some(wanted)).await?;
                Ok::<_, AwsError>((found.digest() == *digest).then_some(arn))
            }
        };
        let (a, b, c, d, e) = tokio::try_join!(same(0), same(1), same(2), same(3), same(4))?;
        if let Some(arn) = [a, b, c, d, e].into_iter().flatten().next() {
            return Ok(Some(arn.clone()));
        }
    }
    Ok(None)
}

fn network(service: &Service) -> Option<NetworkConfiguration> {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(service.subnets.iter().cloned().collect()))
        .set_security_groups(Some(service.security_groups.iter().cloned().collect()))
        .assign_public_ip(if service.public_address {
            AssignPublicIp::Enabled
        } else {
            AssignPublicIp::Disabled
        })
        .build()
        .ok()?;
    Some(
        NetworkConfiguration::builder()
            .awsvpc_configuration(vpc)
            .build(),
    )
}

fn deployment(service: &Service) -> DeploymentConfiguration {
    let breaker = DeploymentCircuitBreaker::builder()
        .enable(service.circuit_breaker)
        .rollback(service.circuit_breaker_rollback)
        .build();
    // Sent without names as well: an update that leaves them out keeps those there were.
    let alarms = DeploymentAlarms::builder()
        .set_alarm_names(Some(service.alarms.iter().cloned().collect()))
        .enable(!service.alarms.is_empty())
        .rollback(service.alarms_rollback)
        .build();
    strategy::configuration(service)
        // Every member is there, and the builder asks for no more.
        .set_alarms(alarms.ok())
        .minimum_healthy_percent(service.healthy_percent_min)
        .maximum_percent(service.healthy_percent_max)
        .deployment_circuit_breaker(breaker)
        .build()
}

fn balancers(call: &ServiceCall) -> Option<Vec<LoadBalancer>> {
    let advanced = call.shifting.as_ref().map(|shifting| {
        AdvancedConfiguration::builder()
            .alternate_target_group_arn(&shifting.alternate)
            .production_listener_rule(&shifting.production_rule)
            .set_test_listener_rule(shifting.test_rule.clone())
            .set_role_arn(call.service.rollout_role.clone())
            .build()
    });
    let balancer = |arn: &String| {
        LoadBalancer::builder()
            .target_group_arn(arn)
            .container_name(&call.container)
            .container_port(call.port)
            .set_advanced_configuration(advanced.clone())
            .build()
    };
    let all: Vec<_> = call.target_groups.iter().map(balancer).collect();
    (!all.is_empty()).then_some(all)
}

fn registries(call: &ServiceCall) -> Option<Vec<ServiceRegistry>> {
    let registry = call.registry.as_ref()?;
    Some(vec![
        ServiceRegistry::builder().registry_arn(registry).build(),
    ])
}

/// Makes the service, owned from the start.
pub async fn create_service(
    aws: &Clients,
    call: &ServiceCall,
    desired_count: i32,
    unit: &str,
) -> Result<(), AwsError> {
    let operation = "ecs:CreateService";
    let ServiceCall {
        cluster,
        service,
        task_definition,
        target_groups: _,
        container: _,
        port: _,
        registry: _,
        shifting: _,
    } = call;
    let request = aws
        .ecs
        .create_service()
        .cluster(cluster)
        .service_name(&service.name)
        .task_definition(task_definition)
        .desired_count(desired_count)
        .launch_type(LaunchType::Fargate)
        .network_configuration(network(service).ok_or_else(|| lacking(operation, "subnets"))?)
        .set_load_balancers(balancers(call))
        .set_service_registries(registries(call))
        .deployment_configuration(deployment(service))
        .health_check_grace_period_seconds(service.grace_period_seconds)
        .enable_execute_command(service.execute_command)
        .propagate_tags(PropagateTags::Service)
        .tags(owner_tag(unit));
    request.send().await.map_err(failed(operation)).map(drop)
}

/// Brings the service to what it should be: one call, one rollout.
pub async fn update_service(
    aws: &Clients,
    call: &ServiceCall,
    desired_count: Option<i32>,
) -> Result<(), AwsError> {
    let operation = "ecs:UpdateService";
    let ServiceCall {
        cluster,
        service,
        task_definition,
        target_groups: _,
        container: _,
        port: _,
        registry: _,
        shifting: _,
    } = call;
    let request = aws
        .ecs
        .update_service()
        .cluster(cluster)
        .service(&service.name)
        .task_definition(task_definition)
        .set_desired_count(desired_count)
        .network_configuration(network(service).ok_or_else(|| lacking(operation, "subnets"))?)
        .set_load_balancers(balancers(call))
        .set_service_registries(registries(call))
        .deployment_configuration(deployment(service))
        .health_check_grace_period_seconds(service.grace_period_seconds)
        .enable_execute_command(service.execute_command);
    request.send().await.map_err(failed(operation)).map(drop)
}

/// Deletes a service, whatever its count: it drains, and is there until its last task has stopped. Application Auto
/// Scaling forgets it at once.
pub async fn delete_service(aws: &Clients, cluster: &str, name: &str) -> Result<(), AwsError> {
    let call = aws
        .ecs
        .delete_service()
        .cluster(cluster)
        .service(name)
        .force(true);
    call.send()
        .await
        .map_err(failed("ecs:DeleteService"))
        .map(drop)
}

/// Turns a service deployment back to the revision before; without one it only ends.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html>
pub async fn stop_deployment(aws: &Clients, arn: &str) -> Result<(), AwsError> {
    let call = aws
        .ecs
        .stop_service_deployment()
        .service_deployment_arn(arn)
        .stop_type(StopServiceDeploymentStopType::Rollback);
    call.send()
        .await
        .map_err(failed("ecs:StopServiceDeployment"))
        .map(drop)
}

/// Takes a revision out of use. Tasks that run it go on.
pub async fn deregister(aws: &Clients, revision: &str) -> Result<(), AwsError> {
    let call = aws
        .ecs
        .deregister_task_definition()
        .task_definition(revision);
    call.send()
        .await
        .map_err(failed("ecs:DeregisterTaskDefinition"))
        .map(drop)
}

/// ACTIVE revisions of a family that carry the unit's tag, the newest `max` of the family looked at.
pub async fn owned_revisions(
    aws: &Clients,
    family: &str,
    unit: &str,
    max: i32,
) -> Result<BTreeSet<String>, AwsError> {
    let call = aws
        .ecs
        .list_task_definitions()
        .family_prefix(family)
        .status(TaskDefinitionStatus::Active)
        .sort(SortOrder::Desc)
        .max_results(max);
    let reply = call
        .send()
        .await
        .map_err(failed("ecs:ListTaskDefinitions"))?;
    let mut owned = BTreeSet::new();
    for arn in reply.task_definition_arns.unwrap_or_default() {
        let call = aws
            .ecs
            .describe_task_definition()
            .task_definition(&arn)
            .include(TaskDefinitionField::Tags);
        let reply = call
            .send()
            .await
            .map_err(failed("ecs:DescribeTaskDefinition"))?;
        let ours =
            |tag: &Tag| tag.key.as_deref() == Some(OWNER_TAG) && tag.value.as_deref() == Some(unit);
        if reply.tags().iter().any(ours) {
            owned.insert(arn);
        }
    }
    Ok(owned)
}
