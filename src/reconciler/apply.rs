//! Plan → AWS: one call per step, all of them tried, each outcome kept.
//!
//! Decides nothing and never waits: what a call leads to is seen by the next observation. A step that fails does not
//! stop the others, which are independent of it by the plan's own rule.

use super::aws::{
    Aws, AwsError, autoscaling, cloudwatch, discovery, ecs, elb, iam, logs, metric_filter, sns,
};
use super::plan::{Call, Step};
use super::spec::Spec;

/// Makes one step's call, once. An error whose `retryable` is set may have had its effect nevertheless.
pub async fn apply(aws: &Aws, spec: &Spec, step: &Step) -> Result<(), AwsError> {
    let (aws, unit) = (&aws.write, spec.name.as_str());
    match &step.call {
        Call::CreateLogGroup { name } => logs::create(aws, name, unit).await,
        Call::PutRetentionPolicy { group, days } => logs::put_retention(aws, group, *days).await,
        Call::PutMetricFilter {
            group,
            name,
            filter,
        } => metric_filter::put(aws, group, name, filter).await,
        Call::DeleteMetricFilter { group, name } => metric_filter::delete(aws, group, name).await,
        Call::CreateRole { role, trust } => iam::create(aws, role, trust, unit).await,
        Call::UpdateAssumeRolePolicy { role, trust } => iam::update_trust(aws, role, trust).await,
        Call::PutRolePolicy {
            role,
            policy,
            document,
        } => iam::put_policy(aws, role, policy, document).await,
        Call::DeleteRolePolicy { role, policy } => iam::delete_policy(aws, role, policy).await,
        Call::DetachRolePolicy { role, policy_arn } => {
            iam::detach_policy(aws, role, policy_arn).await
        }
        Call::CreateTargetGroup { target_group, vpc } => {
            elb::create_target_group(aws, target_group, vpc, unit).await
        }
        Call::ModifyTargetGroup { arn, health_check } => {
            elb::modify_target_group(aws, arn, health_check).await
        }
        Call::ModifyTargetGroupAttributes {
            arn,
            deregistration_delay_seconds,
        } => elb::modify_attributes(aws, arn, *deregistration_delay_seconds).await,
        Call::CreateRule {
            listener,
            rule,
            target_group,
            idle,
        } => elb::rule::create(aws, listener, rule, target_group, idle.as_deref(), unit).await,
        Call::ModifyRule {
            arn,
            rule,
            target_group,
            idle,
        } => elb::rule::modify(aws, arn, rule, target_group, idle.as_deref()).await,
        Call::DeleteRule { arn } => elb::rule::delete(aws, arn).await,
        Call::DeleteTargetGroup { arn } => elb::delete_target_group(aws, arn).await,
        Call::SetRulePriority { arn, priority } => {
            elb::rule::set_priority(aws, arn, *priority).await
        }
        Call::CreateDiscoveryService { namespace, service } => {
            discovery::create(aws, namespace, service, unit).await
        }
        Call::UpdateDiscoveryService { arn, ttl_seconds } => {
            discovery::update(aws, arn, *ttl_seconds).await
        }
        Call::RegisterTaskDefinition { definition } => {
            ecs::register(aws, definition, &spec.region, unit).await
        }
        Call::CreateService {
            service,
            desired_count,
        } => ecs::create_service(aws, service, *desired_count, unit).await,
        Call::UpdateService {
            service,
            desired_count,
        } => ecs::update_service(aws, service, *desired_count).await,
        Call::StopServiceDeployment { deployment } => ecs::stop_deployment(aws, deployment).await,
        Call::RegisterScalableTarget { resource, target } => {
            autoscaling::register(aws, resource, target).await
        }
        Call::PutScalingPolicy {
            resource,
            name,
            policy,
            requests_of,
        } => autoscaling::policy::put(aws, resource, name, policy, requests_of.as_deref()).await,
        Call::DeleteScalingPolicy { resource, name } => {
            autoscaling::policy::delete(aws, resource, name).await
        }
        Call::PutScheduledAction {
            resource,
            name,
            action,
        } => autoscaling::put_scheduled_action(aws, resource, name, action).await,
        Call::DeleteScheduledAction { resource, name } => {
            autoscaling::delete_scheduled_action(aws, resource, name).await
        }
        Call::CreateTopic { name } => sns::create(aws, name, unit).await,
        Call::DeleteTopic { arn } => sns::delete(aws, arn).await,
        Call::Subscribe {
            topic,
            subscription,
        } => sns::subscribe(aws, topic, subscription).await,
        Call::Unsubscribe { arn } => sns::unsubscribe(aws, arn).await,
        Call::DeregisterScalableTarget { resource } => autoscaling::deregister(aws, resource).await,
        Call::DeleteService { cluster, name } => ecs::delete_service(aws, cluster, name).await,
        Call::DeregisterTaskDefinition { revision } => ecs::deregister(aws, revision).await,
        Call::DeleteDiscoveryService { arn } => discovery::delete(aws, arn).await,
        Call::DeleteLogGroup { name } => logs::delete(aws, name).await,
        Call::DeleteRole { role } => iam::delete(aws, role).await,
        Call::PutMetricAlarm {
            name,
            alarm,
            create,
        } => cloudwatch::put_alarm(aws, name, alarm, create.then_some(unit)).await,
        Call::PutCompositeAlarm {
            name,
            alarm,
            create,
        } => cloudwatch::put_composite_alarm(aws, name, alarm, create.then_some(unit)).await,
        Call::DeleteAlarm { name } => cloudwatch::delete_alarm(aws, name).await,
        Call::PutDashboard { dashboard, create } => {
            cloudwatch::dashboard::put(aws, dashboard, create.then_some(unit)).await
        }
        Call::DeleteDashboard { name } => cloudwatch::dashboard::delete(aws, name).await,
    }
}
