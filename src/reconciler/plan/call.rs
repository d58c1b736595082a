//! The AWS calls a plan can hold, each with every argument it needs.
//!
//! `apply` turns one of these into one request and decides nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::reconciler::resource::{
    Alarm, DiscoveryService, HealthCheck, ListenerRule, ScalingPolicy, Service, TargetGroup,
    TaskDefinition,
};

/// One mutating call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(
    missing_docs,
    reason = "each variant is the AWS operation of that name, its fields that operation's parameters"
)]
pub enum Call {
    CreateLogGroup {
        name: String,
    },
    PutRetentionPolicy {
        group: String,
        days: i32,
    },
    CreateRole {
        role: String,
        trust: Value,
    },
    UpdateAssumeRolePolicy {
        role: String,
        trust: Value,
    },
    PutRolePolicy {
        role: String,
        policy: String,
        document: Value,
    },
    DeleteRolePolicy {
        role: String,
        policy: String,
    },
    DetachRolePolicy {
        role: String,
        policy_arn: String,
    },
    CreateTargetGroup {
        target_group: TargetGroup,
        vpc: String,
    },
    ModifyTargetGroup {
        arn: String,
        health_check: HealthCheck,
    },
    ModifyTargetGroupAttributes {
        arn: String,
        deregistration_delay_seconds: i64,
    },
    CreateRule {
        listener: String,
        rule: ListenerRule,
        target_group: String,
    },
    ModifyRule {
        arn: String,
        rule: ListenerRule,
        target_group: String,
    },
    SetRulePriority {
        arn: String,
        priority: i32,
    },
    CreateDiscoveryService {
        namespace: String,
        service: DiscoveryService,
    },
    UpdateDiscoveryService {
        arn: String,
        ttl_seconds: i64,
    },
    RegisterTaskDefinition {
        definition: TaskDefinition,
    },
    CreateService {
        service: ServiceCall,
        desired_count: i32,
    },
    /// `desired_count` only where autoscaling's bounds are broken; within them it is not ours.
    UpdateService {
        service: ServiceCall,
        desired_count: Option<i32>,
    },
    RegisterScalableTarget {
        resource: String,
        min: i32,
        max: i32,
    },
    PutScalingPolicy {
        resource: String,
        name: String,
        policy: ScalingPolicy,
    },
    DeleteScalingPolicy {
        resource: String,
        name: String,
    },
    /// Tags are taken by a new alarm only.
    PutMetricAlarm {
        name: String,
        dimensions: BTreeMap<String, String>,
        alarm: Alarm,
        create: bool,
    },
    DeleteAlarm {
        name: String,
    },
}

/// A service with its references resolved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceCall {
    /// Cluster name.
    pub cluster: String,
    /// What it should be.
    pub service: Service,
    /// ARN of the revision to run.
    pub task_definition: String,
    /// ARN.
    pub target_group: String,
    /// Container that takes the traffic.
    pub container: String,
    /// Port of that container.
    pub port: i32,
    /// ARN of the Cloud Map service.
    pub registry: String,
}

/// Whether a call adds something, changes it or takes it away: `+`, `~`, `-` in a printed plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants say it")]
pub enum Effect {
    Create,
    Change,
    Delete,
}

impl Call {
    /// `service:Operation`, as IAM policies and CloudTrail have it.
    pub fn operation(&self) -> &'static str {
        self.kind().0
    }

    /// What it does to its subject.
    pub fn effect(&self) -> Effect {
        self.kind().1
    }

    fn kind(&self) -> (&'static str, Effect) {
        use Effect::{Change, Create, Delete};
        match self {
            Call::CreateLogGroup { .. } => ("logs:CreateLogGroup", Create),
            Call::PutRetentionPolicy { .. } => ("logs:PutRetentionPolicy", Change),
            Call::CreateRole { .. } => ("iam:CreateRole", Create),
            Call::UpdateAssumeRolePolicy { .. } => ("iam:UpdateAssumeRolePolicy", Change),
            Call::PutRolePolicy { .. } => ("iam:PutRolePolicy", Change),
            Call::DeleteRolePolicy { .. } => ("iam:DeleteRolePolicy", Delete),
            Call::DetachRolePolicy { .. } => ("iam:DetachRolePolicy", Delete),
            Call::CreateTargetGroup { .. } => ("elasticloadbalancing:CreateTargetGroup", Create),
            Call::ModifyTargetGroup { .. } => ("elasticloadbalancing:ModifyTargetGroup", Change),
            Call::ModifyTargetGroupAttributes { .. } => {
                ("elasticloadbalancing:ModifyTargetGroupAttributes", Change)
            }
            Call::CreateRule { .. } => ("elasticloadbalancing:CreateRule", Create),
            Call::ModifyRule { .. } => ("elasticloadbalancing:ModifyRule", Change),
            Call::SetRulePriority { .. } => ("elasticloadbalancing:SetRulePriorities", Change),
            Call::CreateDiscoveryService { .. } => ("servicediscovery:CreateService", Create),
            Call::UpdateDiscoveryService { .. } => ("servicediscovery:UpdateService", Change),
            Call::RegisterTaskDefinition { .. } => ("ecs:RegisterTaskDefinition", Create),
            Call::CreateService { .. } => ("ecs:CreateService", Create),
            Call::UpdateService { .. } => ("ecs:UpdateService", Change),
            Call::RegisterScalableTarget { .. } => {
                ("application-autoscaling:RegisterScalableTarget", Change)
            }
            Call::PutScalingPolicy { .. } => ("application-autoscaling:PutScalingPolicy", Change),
            Call::DeleteScalingPolicy { .. } => {
                ("application-autoscaling:DeleteScalingPolicy", Delete)
            }
            Call::PutMetricAlarm { create: true, .. } => ("cloudwatch:PutMetricAlarm", Create),
            Call::PutMetricAlarm { create: false, .. } => ("cloudwatch:PutMetricAlarm", Change),
            Call::DeleteAlarm { .. } => ("cloudwatch:DeleteAlarms", Delete),
        }
    }
}
