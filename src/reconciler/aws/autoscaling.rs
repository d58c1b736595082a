//! Application Auto Scaling: a service's bounds, and when they change by the clock.
//!
//! All of it belongs to the ECS service by its resource id and vanishes with it, so it carries no owner of its own.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTargetAction, ServiceNamespace, SuspendedState,
};

use super::{AwsError, Clients, failed};
use crate::reconciler::resource::{ScalableTarget, ScheduledAction, Suspended};

pub mod policy;

const DIMENSION: ScalableDimension = ScalableDimension::EcsServiceDesiredCount;

/// The bounds of `service/<cluster>/<service>`.
pub async fn scalable_target(
    aws: &Clients,
    resource: &str,
) -> Result<Option<ScalableTarget>, AwsError> {
    let call = aws
        .autoscaling
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_ids(resource)
        .scalable_dimension(DIMENSION);
    let mut pages = call.into_paginator().items().send();
    let Some(target) = pages.next().await else {
        return Ok(None);
    };
    let target = target.map_err(failed("application-autoscaling:DescribeScalableTargets"))?;
    let suspended = target.suspended_state.as_ref();
    let is = |which: fn(&SuspendedState) -> Option<bool>| suspended.and_then(which) == Some(true);
    Ok(Some(ScalableTarget {
        min: target.min_capacity,
        max: target.max_capacity,
        suspended: Suspended {
            scale_in: is(|state| state.dynamic_scaling_in_suspended),
            scale_out: is(|state| state.dynamic_scaling_out_suspended),
            scheduled: is(|state| state.scheduled_scaling_suspended),
        },
    }))
}

/// Sets the bounds, and what is suspended.
pub async fn register(
    aws: &Clients,
    resource: &str,
    target: &ScalableTarget,
) -> Result<(), AwsError> {
    let ScalableTarget {
        min,
        max,
        suspended,
    } = target;
    let Suspended {
        scale_in,
        scale_out,
        scheduled,
    } = suspended;
    let suspended = SuspendedState::builder()
        .dynamic_scaling_in_suspended(*scale_in)
        .dynamic_scaling_out_suspended(*scale_out)
        .scheduled_scaling_suspended(*scheduled)
        .build();
    let call = aws
        .autoscaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION)
        .min_capacity(*min)
        .max_capacity(*max)
        .suspended_state(suspended);
    call.send()
        .await
        .map_err(failed("application-autoscaling:RegisterScalableTarget"))
        .map(drop)
}

/// What a schedule without a time zone is meant in.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
const UTC: &str = "UTC";

/// All scheduled actions of a resource by name.
pub async fn scheduled_actions(
    aws: &Clients,
    resource: &str,
) -> Result<BTreeMap<String, ScheduledAction>, AwsError> {
    let call = aws
        .autoscaling
        .describe_scheduled_actions()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION);
    let mut pages = call.into_paginator().items().send();
    let mut actions = BTreeMap::new();
    while let Some(action) = pages.next().await {
        let action = action.map_err(failed("application-autoscaling:DescribeScheduledActions"))?;
        let bounds = action.scalable_target_action.as_ref();
        let value = ScheduledAction {
            schedule: action.schedule,
            time_zone: action.timezone.unwrap_or_else(|| UTC.to_owned()),
            min: bounds.and_then(|bounds| bounds.min_capacity),
            max: bounds.and_then(|bounds| bounds.max_capacity),
            start: action.start_time.map(|time| time.secs()),
            end: action.end_time.map(|time| time.secs()),
        };
        actions.insert(action.scheduled_action_name, value);
    }
    Ok(actions)
}

/// Makes or replaces a scheduled action; start and end that are not sent are removed.
pub async fn put_scheduled_action(
    aws: &Clients,
    resource: &str,
    name: &str,
    action: &ScheduledAction,
) -> Result<(), AwsError> {
    let ScheduledAction {
        schedule,
        time_zone,
        min,
        max,
        start: _,
        end: _,
    } = action;
    let bounds = ScalableTargetAction::builder()
        .set_min_capacity(*min)
        .set_max_capacity(*max)
        .build();
    let call = aws
        .autoscaling
        .put_scheduled_action()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION)
        .scheduled_action_name(name)
        .schedule(schedule)
        .timezone(time_zone)
        .scalable_target_action(bounds);
    call.send()
        .await
        .map_err(failed("application-autoscaling:PutScheduledAction"))
        .map(drop)
}

/// Removes a scheduled action.
pub async fn delete_scheduled_action(
    aws: &Clients,
    resource: &str,
    name: &str,
) -> Result<(), AwsError> {
    let call = aws
        .autoscaling
        .delete_scheduled_action()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION)
        .scheduled_action_name(name);
    call.send()
        .await
        .map_err(failed("application-autoscaling:DeleteScheduledAction"))
        .map(drop)
}

/// Forgets the bounds and, with them, every policy and scheduled action of the service.
pub async fn deregister(aws: &Clients, resource: &str) -> Result<(), AwsError> {
    let call = aws
        .autoscaling
        .deregister_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION);
    call.send()
        .await
        .map_err(failed("application-autoscaling:DeregisterScalableTarget"))
        .map(drop)
}
