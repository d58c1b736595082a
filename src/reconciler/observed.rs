//! What AWS holds, as far as one unit is concerned, in the form in which `plan` can compare it.
//!
//! Plain values: `observe` fills them in, tests write them down. `None` means that AWS said it is not there, never that
//! it could not be read; a read that fails fails the whole observation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::resource::{
    Alarm, DiscoveryService, ListenerRule, LogGroup, Role, ScalableTarget, ScalingPolicy, Service,
    TargetGroup, TaskDefinition,
};

/// A resource that is there: its value, its ARN today, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found<T> {
    /// AWS's own name for it.
    pub arn: String,
    /// The owner tag's value.
    pub owner: Option<String>,
    /// Its normal form.
    pub value: T,
}

/// Everything one pass saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The account the credentials belong to.
    pub account: String,
    /// Whether the referenced cluster is there and ACTIVE.
    pub cluster_active: bool,
    /// The referenced load balancer.
    pub load_balancer: Option<LoadBalancer>,
    /// Id of the referenced private DNS namespace.
    pub namespace: Option<String>,
    /// Referenced SSM parameters that are not there.
    pub missing_secrets: BTreeSet<String>,
    /// Of those, the parameters elsewhere that have the same last name.
    pub similar_parameters: BTreeMap<String, BTreeSet<String>>,
    /// By name.
    pub log_group: Option<Found<LogGroup>>,
    /// By name.
    pub execution_role: Option<Found<Role>>,
    /// By name.
    pub task_role: Option<Found<Role>>,
    /// By name.
    pub target_group: Option<Found<TargetGroup>>,
    /// How many of its targets are healthy.
    pub healthy_targets: i32,
    /// Every rule of the HTTPS listener but the default one.
    pub rules: Vec<Found<ListenerRule>>,
    /// By name in the namespace.
    pub discovery: Option<Found<DiscoveryService>>,
    /// The ECS service, unless it is INACTIVE.
    pub service: Option<Running>,
    /// The newest registered revision that says exactly what is wanted.
    pub wanted: Option<String>,
    /// The service's bounds.
    pub scalable_target: Option<ScalableTarget>,
    /// Of the service, by name.
    pub scaling_policies: BTreeMap<String, ScalingPolicy>,
    /// Whose names begin with the unit's.
    pub alarms: BTreeMap<String, Found<Alarm>>,
}

/// The referenced load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: String,
    /// The VPC its target groups must be in.
    pub vpc: String,
    /// ARN of its HTTPS listener on 443.
    pub listener: Option<String>,
}

/// An ECS service and what it is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The service itself.
    #[serde(flatten)]
    pub found: Found<Service>,
    /// DRAINING: deleted, its last tasks still stopping, its name not free yet.
    pub draining: bool,
    /// ARN of the revision it runs or is moving to.
    pub revision: String,
    /// What that revision says.
    pub definition: TaskDefinition,
    /// Owned by autoscaling, within its bounds.
    pub desired_count: i32,
    /// Tasks in RUNNING.
    pub running_count: i32,
    /// The newest rollout.
    pub rollout: Rollout,
    /// The newest service event, without its `(service …)` prefix.
    pub event: Option<String>,
}

/// How the newest rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rollout {
    /// Tasks are being replaced.
    InProgress,
    /// All tasks run the wanted revision.
    Completed,
    /// ECS is going back to the revision before.
    RollingBack,
    /// ECS gave up on a revision.
    Failed {
        /// ARN of the revision that failed, where ECS says it.
        revision: Option<String>,
        /// Whether the revision before is running again.
        rolled_back: bool,
        /// ECS's words.
        reason: String,
    },
}
