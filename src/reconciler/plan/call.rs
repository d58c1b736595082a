//! The AWS calls a plan can hold, each with every argument it needs.
//!
//! `apply` turns one of these into one request and decides nothing.

use serde_json::Value;

use crate::reconciler::resource::{
    Alarm, CompositeAlarm, Dashboard, DiscoveryService, HealthCheck, ListenerRule, MetricFilter,
    ScalableTarget, ScalingPolicy, ScheduledAction, Service, Subscription, TargetGroup,
    TaskDefinition,
};

/// One mutating call.
#[derive(Debug, Clone, PartialEq)]
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
    PutMetricFilter {
        group: String,
        name: String,
        filter: MetricFilter,
    },
    DeleteMetricFilter {
        group: String,
        name: String,
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
        idle: Option<String>,
    },
    /// `idle` is joined to the rule and gets none of its requests.
    ModifyRule {
        arn: String,
        rule: ListenerRule,
        target_group: String,
        idle: Option<String>,
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
    /// Always with ROLLBACK.
    StopServiceDeployment {
        deployment: String,
    },
    RegisterScalableTarget {
        resource: String,
        target: ScalableTarget,
    },
    /// `requests_of` where the policy tracks requests: the load balancer's and target group's names in CloudWatch.
    PutScalingPolicy {
        resource: String,
        name: String,
        policy: ScalingPolicy,
        requests_of: Option<String>,
    },
    DeleteScalingPolicy {
        resource: String,
        name: String,
    },
    PutScheduledAction {
        resource: String,
        name: String,
        action: ScheduledAction,
    },
    DeleteScheduledAction {
        resource: String,
        name: String,
    },
    /// Takes the policies and scheduled actions along.
    DeregisterScalableTarget {
        resource: String,
    },
    DeleteService {
        cluster: String,
        name: String,
    },
    DeregisterTaskDefinition {
        revision: String,
    },
    DeleteRule {
        arn: String,
    },
    DeleteTargetGroup {
        arn: String,
    },
    DeleteDiscoveryService {
        arn: String,
    },
    DeleteLogGroup {
        name: String,
    },
    DeleteRole {
        role: String,
    },
    /// Tags are taken by a new alarm only.
    PutMetricAlarm {
        name: String,
        alarm: Alarm,
        create: bool,
    },
    PutCompositeAlarm {
        name: String,
        alarm: CompositeAlarm,
        create: bool,
    },
    DeleteAlarm {
        name: String,
    },
    PutDashboard {
        dashboard: Dashboard,
        create: bool,
    },
    DeleteDashboard {
        name: String,
    },
    CreateTopic {
        name: String,
    },
    /// Takes the subscriptions along.
    DeleteTopic {
        arn: String,
    },
    Subscribe {
        topic: String,
        subscription: Subscription,
    },
    Unsubscribe {
        arn: String,
    },
}

/// A service with its references resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceCall {
    /// Cluster name.
    pub cluster: String,
    /// What it should be.
    pub service: Service,
    /// ARN of the revision to run.
    pub task_definition: String,
    /// ARNs; none leaves the service's as they are, two are had while traffic moves from one to the other.
    pub target_groups: Vec<String>,
    /// Container that takes the traffic.
    pub container: String,
    /// Port of that container.
    pub port: i32,
    /// ARN of the Cloud Map service; absent leaves the service's as it is.
    pub registry: Option<String>,
    /// What ECS moves requests by, where it does.
    pub shifting: Option<ShiftingCall>,
}

/// What ECS moves requests by, as ARNs.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftingCall {
    /// The second target group.
    pub alternate: String,
    /// The rule for users.
    pub production_rule: String,
    /// The rule for tests.
    pub test_rule: Option<String>,
}

/// Whether a step adds something, changes it or takes it away: `+`, `~`, `-` in a printed plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants say it")]
pub enum Effect {
    Create,
    Change,
    Delete,
}

/// What an operation does: one effect, or (`Put`) creating what is not there and changing what is.
enum Verb {
    Always(Effect),
    Put,
}

impl Call {
    /// `service:Operation`, as IAM policies and CloudTrail have it.
    pub fn operation(&self) -> &'static str {
        self.kind().0
    }

    /// What it does to its subject, given whether that was there with fields to change.
    pub(super) fn effect(&self, changes: bool) -> Effect {
        match self.kind().1 {
            Verb::Always(effect) => effect,
            Verb::Put if changes => Effect::Change,
            Verb::Put => Effect::Create,
        }
    }

    fn kind(&self) -> (&'static str, Verb) {
        const CREATE: Verb = Verb::Always(Effect::Create);
        const CHANGE: Verb = Verb::Always(Effect::Change);
        const DELETE: Verb = Verb::Always(Effect::Delete);
        match self {
            Call::CreateLogGroup { .. } => ("logs:CreateLogGroup", CREATE),
            Call::PutRetentionPolicy { .. } => ("logs:PutRetentionPolicy", CHANGE),
            Call::PutMetricFilter { .. } => ("logs:PutMetricFilter", Verb::Put),
            Call::DeleteMetricFilter { .. } => ("logs:DeleteMetricFilter", DELETE),
            Call::CreateRole { .. } => ("iam:CreateRole", CREATE),
            Call::UpdateAssumeRolePolicy { .. } => ("iam:UpdateAssumeRolePolicy", CHANGE),
            Call::PutRolePolicy { .. } => ("iam:PutRolePolicy", CHANGE),
            Call::DeleteRolePolicy { .. } => ("iam:DeleteRolePolicy", DELETE),
            Call::DetachRolePolicy { .. } => ("iam:DetachRolePolicy", DELETE),
            Call::CreateTargetGroup { .. } => ("elasticloadbalancing:CreateTargetGroup", CREATE),
            Call::ModifyTargetGroup { .. } => ("elasticloadbalancing:ModifyTargetGroup", CHANGE),
            Call::ModifyTargetGroupAttributes { .. } => {
                ("elasticloadbalancing:ModifyTargetGroupAttributes", CHANGE)
            }
            Call::CreateRule { .. } => ("elasticloadbalancing:CreateRule", CREATE),
            Call::ModifyRule { .. } => ("elasticloadbalancing:ModifyRule", CHANGE),
            Call::SetRulePriority { .. } => ("elasticloadbalancing:SetRulePriorities", CHANGE),
            Call::CreateDiscoveryService { .. } => ("servicediscovery:CreateService", CREATE),
            Call::UpdateDiscoveryService { .. } => ("servicediscovery:UpdateService", CHANGE),
            Call::RegisterTaskDefinition { .. } => ("ecs:RegisterTaskDefinition", CREATE),
            Call::CreateService { .. } => ("ecs:CreateService", CREATE),
            Call::UpdateService { .. } => ("ecs:UpdateService", CHANGE),
            Call::StopServiceDeployment { .. } => ("ecs:StopServiceDeployment", CHANGE),
            Call::RegisterScalableTarget { .. } => {
                ("application-autoscaling:RegisterScalableTarget", Verb::Put)
            }
            Call::PutScalingPolicy { .. } => {
                ("application-autoscaling:PutScalingPolicy", Verb::Put)
            }
            Call::DeleteScalingPolicy { .. } => {
                ("application-autoscaling:DeleteScalingPolicy", DELETE)
            }
            Call::PutScheduledAction { .. } => {
                ("application-autoscaling:PutScheduledAction", Verb::Put)
            }
            Call::DeleteScheduledAction { .. } => {
                ("application-autoscaling:DeleteScheduledAction", DELETE)
            }
            Call::DeregisterScalableTarget { .. } => {
                ("application-autoscaling:DeregisterScalableTarget", DELETE)
            }
            Call::DeleteService { .. } => ("ecs:DeleteService", DELETE),
            Call::DeregisterTaskDefinition { .. } => ("ecs:DeregisterTaskDefinition", DELETE),
            Call::DeleteRule { .. } => ("elasticloadbalancing:DeleteRule", DELETE),
            Call::DeleteTargetGroup { .. } => ("elasticloadbalancing:DeleteTargetGroup", DELETE),
            Call::DeleteDiscoveryService { .. } => ("servicediscovery:DeleteService", DELETE),
            Call::DeleteLogGroup { .. } => ("logs:DeleteLogGroup", DELETE),
            Call::DeleteRole { .. } => ("iam:DeleteRole", DELETE),
            Call::PutMetricAlarm { .. } => ("cloudwatch:PutMetricAlarm", Verb::Put),
            Call::PutCompositeAlarm { .. } => ("cloudwatch:PutCompositeAlarm", Verb::Put),
            Call::DeleteAlarm { .. } => ("cloudwatch:DeleteAlarms", DELETE),
            Call::PutDashboard { .. } => ("cloudwatch:PutDashboard", Verb::Put),
            Call::DeleteDashboard { .. } => ("cloudwatch:DeleteDashboards", DELETE),
            Call::DeleteTopic { .. } => ("sns:DeleteTopic", DELETE),
            Call::CreateTopic { .. } => ("sns:CreateTopic", CREATE),
            Call::Subscribe { .. } => ("sns:Subscribe", CREATE),
            Call::Unsubscribe { .. } => ("sns:Unsubscribe", DELETE),
        }
    }
}
