//! The calls about service deployments and service revisions.
//!
//! Takes ARNs and filters, gives AWS's read-back of a service's history.

mod interfere;

use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::interfere::{resume, stop};
use super::input::{self, invalid, page, parse};
use super::rollout::{
    self, AlarmReport, BreakerReport, Revision, Rollback, Run, ServiceDeployment,
};
use super::service::{self, Service, Settings};
use super::{fargate_family, task_definition};
use crate::simulator::call::{Answer, Call, Millis, Refusal, instant, timestamp};
use crate::simulator::world::World;

/// AWS's limit of ARNs in one call.
const ARNS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    service: String,
    #[serde(rename = "cluster")]
    _cluster: Option<String>,
    #[serde(default)]
    status: Vec<String>,
    created_at: Option<Between>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Between {
    before: Option<Value>,
    after: Option<Value>,
}

/// Newest first.
pub(super) fn list(world: &mut World, call: &Call) -> Answer {
    let List {
        service: reference,
        _cluster: _,
        status,
        created_at,
    } = parse(call)?;
    let (_, index) = service::find(world, call, &reference)?;
    let Some(service) = world.ecs.services.get(index) else {
        return page(call, "serviceDeployments", Vec::new(), 20);
    };
    let bound = |value: Option<Value>| value.as_ref().and_then(instant);
    let Between { before, after } = created_at.unwrap_or(Between {
        before: None,
        after: None,
    });
    let (before, after) = (
        bound(before).unwrap_or(Millis::MAX),
        bound(after).unwrap_or(0),
    );
    let entries = service.history.iter().rev().filter(|entry| {
        (status.is_empty() || status.iter().any(|wanted| wanted == entry.status.as_str()))
            && (after..=before).contains(&entry.created_at)
    });
    let brief = entries.map(|entry| {
        let mut value = json!({
            "serviceDeploymentArn": rollout::deployment_arn(world, service, &entry.id),
            "serviceArn": service::arn(world, service),
            "clusterArn": world.arn("ecs", &format!("cluster/{}", service.cluster)),
            "createdAt": timestamp(entry.created_at),
            "targetServiceRevisionArn": rollout::revision_arn(world, service, &entry.target),
            "status": entry.status.as_str(),
        });
        insert_some(
            &mut value,
            [
                ("startedAt", entry.started_at.map(timestamp)),
                ("finishedAt", entry.finished_at.map(timestamp)),
                (
                    "statusReason",
                    entry.reason.as_ref().map(|reason| json!(reason)),
                ),
            ],
        );
        value
    });
    page(call, "serviceDeployments", brief.collect(), 20)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Describe {
    service_deployment_arns: Vec<String>,
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let Describe {
        service_deployment_arns,
    } = parse(call)?;
    bounded(&service_deployment_arns)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in service_deployment_arns {
        match find(world, &arn) {
            Some((service, entry)) => found.push(describe_one(world, service, entry)),
            None => failures.push(input::missing(arn)),
        }
    }
    Ok(json!({ "serviceDeployments": found, "failures": failures }))
}

fn describe_one(world: &World, service: &Service, entry: &ServiceDeployment) -> Value {
    let ServiceDeployment {
        id,
        target,
        sources,
        status,
        reason,
        rollback,
        configuration,
        breaker:
            BreakerReport {
                enabled,
                triggered,
                failures,
                threshold,
            },
        alarms,
        traffic,
        created_at,
        started_at,
        finished_at,
        stopped_at,
        updated_at,
        ..
    } = entry;
    let AlarmReport {
        names: alarm_names,
        triggered: triggered_alarms,
        ..
    } = alarms;
    let monitor = |enabled: bool, triggered: bool| match (enabled, triggered, status.is_final()) {
        (false, _, _) => "DISABLED",
        (true, true, _) => "TRIGGERED",
        (true, false, false) => "MONITORING",
        (true, false, true) => "MONITORING_COMPLETE",
    };
    let summary = |revision: &String| rollout::weighed_summary(world, service, entry, revision);
    let mut value = json!({
        "serviceDeploymentArn": rollout::deployment_arn(world, service, id),
        "serviceArn": service::arn(world, service),
        "clusterArn": world.arn("ecs", &format!("cluster/{}", service.cluster)),
        "createdAt": timestamp(*created_at),
        "updatedAt": timestamp(*updated_at),
        "sourceServiceRevisions": sources.iter().map(summary).collect::<Value>(),
        "targetServiceRevision": summary(target),
        "status": status.as_str(),
        "deploymentConfiguration": configuration,
        "deploymentCircuitBreaker": {
            "status": monitor(*enabled, *triggered), "failureCount": failures, "threshold": threshold,
        },
        "alarms": {
            "status": monitor(alarms.watched(), !triggered_alarms.is_empty()),
            "alarmNames": alarm_names,
            "triggeredAlarmNames": triggered_alarms,
        },
    });
    insert_some(
        &mut value,
        [
            (
                "lifecycleStage",
                traffic
                    .as_ref()
                    .map(|traffic| json!(traffic.stage.as_str())),
            ),
            (
                "lifecycleHookDetails",
                traffic
                    .as_ref()
                    .map(|traffic| traffic.hooks.iter().flatten().map(Run::to_value).collect()),
            ),
            ("startedAt", started_at.map(timestamp)),
            ("finishedAt", finished_at.map(timestamp)),
            ("stoppedAt", stopped_at.map(timestamp)),
            ("statusReason", reason.as_ref().map(|reason| json!(reason))),
            (
                "rollback",
                rollback.as_ref().map(
                    |Rollback {
                         reason,
                         started_at,
                         revision,
                     }| {
                        json!({
                            "reason": reason,
                            "startedAt": timestamp(*started_at),
                            "serviceRevisionArn": rollout::revision_arn(world, service, revision),
                        })
                    },
                ),
            ),
        ],
    );
    value
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeRevisions {
    service_revision_arns: Vec<String>,
}

pub(super) fn describe_revisions(world: &mut World, call: &Call) -> Answer {
    let DescribeRevisions {
        service_revision_arns,
    } = parse(call)?;
    bounded(&service_revision_arns)?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in service_revision_arns {
        let revision = world.ecs.services.iter().find_map(|service| {
            let revision = service.revisions.iter();
            revision
                .map(|revision| (service, revision))
                .find(|(_, revision)| rollout::revision_arn(world, service, &revision.id) == arn)
        });
        match revision {
            Some((service, revision)) => found.push(describe_revision(world, service, revision)),
            None => failures.push(input::missing(arn)),
        }
    }
    Ok(json!({ "serviceRevisions": found, "failures": failures }))
}

fn describe_revision(world: &World, service: &Service, revision: &Revision) -> Value {
    let Revision {
        id,
        settings,
        groups,
        created_at,
    } = revision;
    let Settings {
        task_definition,
        platform_version,
        ..
    } = settings;
    let images = match task_definition::find(world, task_definition) {
        Ok(definition) => definition
            .blueprint
            .containers
            .iter()
            .map(|container| json!({ "containerName": container.name, "image": container.image }))
            .collect(),
        Err(_) => json!([]),
    };
    let resolved = settings
        .load_balancers
        .iter()
        .zip(groups)
        .map(|(entry, group)| {
            let mut resolved = json!({ "targetGroupArn": group });
            if let Some(advanced) = &entry.advanced_configuration {
                resolved["productionListenerRule"] = json!(advanced.production_listener_rule);
            }
            resolved
        });
    let mut value = json!({
        "resolvedConfiguration": { "loadBalancers": resolved.collect::<Value>() },
        "serviceRevisionArn": rollout::revision_arn(world, service, id),
        "serviceArn": service::arn(world, service),
        "clusterArn": world.arn("ecs", &format!("cluster/{}", service.cluster)),
        "taskDefinition": task_definition,
        "platformVersion": service::platform_number(platform_version),
        "platformFamily": fargate_family(),
        "loadBalancers": settings.load_balancers_value(),
        "serviceRegistries": settings.registries_value(),
        "containerImages": images,
        "guardDutyEnabled": false,
        "createdAt": timestamp(*created_at),
    });
    let (member, launch) = settings.launch_member();
    insert_some(
        &mut value,
        [
            (member, Some(launch)),
            ("networkConfiguration", settings.network_value()),
        ],
    );
    value
}

fn find<'a>(world: &'a World, arn: &str) -> Option<(&'a Service, &'a ServiceDeployment)> {
    world.ecs.services.iter().find_map(|service| {
        let entry = service
            .history
            .iter()
            .find(|entry| rollout::deployment_arn(world, service, &entry.id) == arn)?;
        Some((service, entry))
    })
}

fn bounded(arns: &[String]) -> Result<(), Refusal> {
    if (1..=ARNS_MAX).contains(&arns.len()) {
        return Ok(());
    }
    Err(invalid(format!(
        "The list must have between 1 and {ARNS_MAX} members."
    )))
}

fn insert_some<const N: usize>(value: &mut Value, members: [(&str, Option<Value>); N]) {
    if let Some(object) = value.as_object_mut() {
        object.extend(
            members
                .into_iter()
                .filter_map(|(name, member)| Some((name.to_owned(), member?))),
        );
    }
}
