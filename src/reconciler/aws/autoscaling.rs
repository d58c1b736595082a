//! Application Auto Scaling: a service's bounds and target-tracking policies.
//!
//! Both belong to the ECS service by their resource id and vanish with it, so they carry no owner of their own.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};

use super::{AwsError, Clients, failed, lacking};
use crate::reconciler::resource::{ScalableTarget, ScalingPolicy};

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
    let suspended = target.suspended_state.is_some_and(|state| {
        [
            state.dynamic_scaling_in_suspended,
            state.dynamic_scaling_out_suspended,
            state.scheduled_scaling_suspended,
        ]
        .contains(&Some(true))
    });
    Ok(Some(ScalableTarget {
        min: target.min_capacity,
        max: target.max_capacity,
        suspended,
    }))
}

/// All policies of a resource by name.
pub async fn policies(
    aws: &Clients,
    resource: &str,
) -> Result<BTreeMap<String, ScalingPolicy>, AwsError> {
    let call = aws
        .autoscaling
        .describe_scaling_policies()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION);
    let mut pages = call.into_paginator().items().send();
    let mut policies = BTreeMap::new();
    while let Some(policy) = pages.next().await {
        let policy = policy.map_err(failed("application-autoscaling:DescribeScalingPolicies"))?;
        let tracking = policy.target_tracking_scaling_policy_configuration;
        let metric = tracking
            .as_ref()
            .and_then(|tracking| tracking.predefined_metric_specification.as_ref());
        let value = ScalingPolicy {
            metric: metric
                .map(|metric| metric.predefined_metric_type.as_str().to_owned())
                .unwrap_or_default(),
            target: tracking
                .as_ref()
                .map(|tracking| tracking.target_value)
                .unwrap_or_default(),
            // Absent means AWS's default for ECS, which is 300 s both ways.
            // https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html
            scale_in_cooldown_seconds: tracking
                .as_ref()
                .and_then(|tracking| tracking.scale_in_cooldown)
                .unwrap_or(300),
            scale_out_cooldown_seconds: tracking
                .as_ref()
                .and_then(|tracking| tracking.scale_out_cooldown)
                .unwrap_or(300),
            scale_in_disabled: tracking
                .and_then(|tracking| tracking.disable_scale_in)
                .unwrap_or(false),
        };
        policies.insert(policy.policy_name, value);
    }
    Ok(policies)
}

/// Sets the bounds, and lets scaling run if someone suspended it.
pub async fn register(aws: &Clients, resource: &str, min: i32, max: i32) -> Result<(), AwsError> {
    use aws_sdk_applicationautoscaling::types::SuspendedState;
    let running = SuspendedState::builder()
        .dynamic_scaling_in_suspended(false)
        .dynamic_scaling_out_suspended(false)
        .scheduled_scaling_suspended(false)
        .build();
    let call = aws
        .autoscaling
        .register_scalable_target()
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION)
        .min_capacity(min)
        .max_capacity(max)
        .suspended_state(running);
    call.send()
        .await
        .map_err(failed("application-autoscaling:RegisterScalableTarget"))
        .map(drop)
}

/// Makes or replaces a policy.
pub async fn put_policy(
    aws: &Clients,
    resource: &str,
    name: &str,
    policy: &ScalingPolicy,
) -> Result<(), AwsError> {
    let operation = "application-autoscaling:PutScalingPolicy";
    let ScalingPolicy {
        metric,
        target,
        scale_in_cooldown_seconds,
        scale_out_cooldown_seconds,
        scale_in_disabled,
    } = policy;
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::from(metric.as_str()))
        .build();
    let tracking = TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(*target)
        .predefined_metric_specification(metric.map_err(|_| lacking(operation, "metric"))?)
        .scale_in_cooldown(*scale_in_cooldown_seconds)
        .scale_out_cooldown(*scale_out_cooldown_seconds)
        .disable_scale_in(*scale_in_disabled)
        .build();
    let call = aws
        .autoscaling
        .put_scaling_policy()
        .policy_name(name)
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION)
        .policy_type(PolicyType::TargetTrackingScaling)
        .target_tracking_scaling_policy_configuration(
            tracking.map_err(|_| lacking(operation, "target"))?,
        );
    call.send().await.map_err(failed(operation)).map(drop)
}

/// Removes a policy and, with it, the alarms AWS made for it.
pub async fn delete_policy(aws: &Clients, resource: &str, name: &str) -> Result<(), AwsError> {
    let call = aws
        .autoscaling
        .delete_scaling_policy()
        .policy_name(name)
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION);
    call.send()
        .await
        .map_err(failed("application-autoscaling:DeleteScalingPolicy"))
        .map(drop)
}
