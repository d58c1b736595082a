//! Scaling policies: target tracking and steps.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::types::{
    AdjustmentType, MetricAggregationType, MetricType, PolicyType, PredefinedMetricSpecification,
    ScalingPolicy as SdkPolicy, ServiceNamespace, StepAdjustment, StepScalingPolicyConfiguration,
    TargetTrackingScalingPolicyConfiguration,
};

use super::DIMENSION;
use crate::reconciler::aws::elb::rule::join;
use crate::reconciler::aws::{AwsError, Clients, failed, lacking};
use crate::reconciler::normal::{flag, number, text};
use crate::reconciler::resource::{Join, ScalingPolicy, Step, Steps, Tracking};

/// All policies of a resource by name, each with its ARN; `requests_of` is how AWS names this unit's own requests.
pub async fn all(
    aws: &Clients,
    resource: &str,
    requests_of: Option<&str>,
) -> Result<BTreeMap<String, (String, ScalingPolicy)>, AwsError> {
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
        let value = normal(&policy, requests_of);
        policies.insert(policy.policy_name, (policy.policy_arn, value));
    }
    Ok(policies)
}

fn normal(policy: &SdkPolicy, requests_of: Option<&str>) -> ScalingPolicy {
    let SdkPolicy {
        policy_type,
        target_tracking_scaling_policy_configuration: tracking,
        step_scaling_policy_configuration: steps,
        ..
    } = policy;
    match (tracking, steps) {
        (Some(tracking), _) => ScalingPolicy::Tracking(normal_tracking(tracking, requests_of)),
        (None, Some(steps)) => ScalingPolicy::Steps(normal_steps(steps)),
        (None, None) => ScalingPolicy::Other {
            kind: policy_type.as_str().to_owned(),
        },
    }
}

fn normal_tracking(
    found: &TargetTrackingScalingPolicyConfiguration,
    requests_of: Option<&str>,
) -> Tracking {
    let metric = found.predefined_metric_specification.as_ref();
    let label = metric.and_then(|metric| metric.resource_label.as_deref());
    Tracking {
        metric: metric
            .map(|metric| metric.predefined_metric_type.as_str().to_owned())
            .unwrap_or_default(),
        requests_of: label.map_or(Join::None, |label| join(label, requests_of)),
        target: found.target_value,
        scale_in_cooldown_seconds: found
            .scale_in_cooldown
            .unwrap_or(const { number("scaling_policies.*.tracking.scale_in_cooldown_seconds") }),
        scale_out_cooldown_seconds: found
            .scale_out_cooldown
            .unwrap_or(const { number("scaling_policies.*.tracking.scale_out_cooldown_seconds") }),
        scale_in_disabled: found
            .disable_scale_in
            .unwrap_or(const { flag("scaling_policies.*.tracking.scale_in_disabled") }),
    }
}

fn normal_steps(found: &StepScalingPolicyConfiguration) -> Steps {
    let mut steps: Vec<Step> = found
        .step_adjustments()
        .iter()
        .map(|step| Step {
            from: step.metric_interval_lower_bound,
            to: step.metric_interval_upper_bound,
            change: step.scaling_adjustment,
        })
        .collect();
    // They do not overlap; the one without a lower bound is the first.
    let from = |step: &Step| step.from.unwrap_or(f64::NEG_INFINITY);
    steps.sort_by(|a, b| from(a).total_cmp(&from(b)));
    Steps {
        adjustment: found
            .adjustment_type
            .as_ref()
            .map(|adjustment| adjustment.as_str().to_owned())
            .unwrap_or_default(),
        steps,
        aggregation: found
            .metric_aggregation_type
            .as_ref()
            .map_or(
                const { text("scaling_policies.*.steps.aggregation") },
                |aggregation| aggregation.as_str(),
            )
            .to_owned(),
        cooldown_seconds: found
            .cooldown
            .unwrap_or(const { number("scaling_policies.*.steps.cooldown_seconds") }),
        tasks_min: found
            .min_adjustment_magnitude
            .unwrap_or(const { number("scaling_policies.*.steps.tasks_min") }),
    }
}

/// Makes or replaces a policy. `label` names the requests of a policy that tracks them.
pub async fn put(
    aws: &Clients,
    resource: &str,
    name: &str,
    policy: &ScalingPolicy,
    label: Option<&str>,
) -> Result<(), AwsError> {
    let operation = "application-autoscaling:PutScalingPolicy";
    let call = aws
        .autoscaling
        .put_scaling_policy()
        .policy_name(name)
        .service_namespace(ServiceNamespace::Ecs)
        .resource_id(resource)
        .scalable_dimension(DIMENSION);
    let call = match policy {
        ScalingPolicy::Tracking(tracking) => call
            .policy_type(PolicyType::TargetTrackingScaling)
            .target_tracking_scaling_policy_configuration(
                tracking_configuration(tracking, label)
                    .ok_or_else(|| lacking(operation, "metric"))?,
            ),
        ScalingPolicy::Steps(steps) => call
            .policy_type(PolicyType::StepScaling)
            .step_scaling_policy_configuration(
                steps_configuration(steps).ok_or_else(|| lacking(operation, "adjustment"))?,
            ),
        // Never desired, so never put.
        ScalingPolicy::Other { kind: _ } => return Err(lacking(operation, "configuration")),
    };
    call.send().await.map_err(failed(operation)).map(drop)
}

fn tracking_configuration(
    tracking: &Tracking,
    label: Option<&str>,
) -> Option<TargetTrackingScalingPolicyConfiguration> {
    let Tracking {
        metric,
        requests_of: _,
        target,
        scale_in_cooldown_seconds,
        scale_out_cooldown_seconds,
        scale_in_disabled,
    } = tracking;
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::from(metric.as_str()))
        .set_resource_label(label.map(str::to_owned))
        .build()
        .ok()?;
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(*target)
        .predefined_metric_specification(metric)
        .scale_in_cooldown(*scale_in_cooldown_seconds)
        .scale_out_cooldown(*scale_out_cooldown_seconds)
        .disable_scale_in(*scale_in_disabled)
        .build()
        .ok()
}

fn steps_configuration(policy: &Steps) -> Option<StepScalingPolicyConfiguration> {
    let Steps {
        adjustment,
        steps,
        aggregation,
        cooldown_seconds,
        tasks_min,
    } = policy;
    let steps: Option<Vec<StepAdjustment>> = steps
        .iter()
        .map(|Step { from, to, change }| {
            StepAdjustment::builder()
                .set_metric_interval_lower_bound(*from)
                .set_metric_interval_upper_bound(*to)
                .scaling_adjustment(*change)
                .build()
                .ok()
        })
        .collect();
    let configuration = StepScalingPolicyConfiguration::builder()
        .adjustment_type(AdjustmentType::from(adjustment.as_str()))
        .set_step_adjustments(Some(steps?))
        .metric_aggregation_type(MetricAggregationType::from(aggregation.as_str()))
        .cooldown(*cooldown_seconds)
        .set_min_adjustment_magnitude((*tasks_min > 0).then_some(*tasks_min));
    Some(configuration.build())
}

/// Removes a policy and, with it, the alarms AWS made for it.
pub async fn delete(aws: &Clients, resource: &str, name: &str) -> Result<(), AwsError> {
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
