//! What AWS holds, as far as one unit is concerned, in the form in which `plan` can compare it.
//!
//! Plain values: `observe` fills them in, tests write them down. `None` means that AWS said it is not there, never that
//! it could not be read; a read that fails fails the whole observation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::resource::{
    Alarm, CompositeAlarm, Dashboard, DiscoveryService, ListenerRule, LogGroup, MetricFilter, Role,
    ScalableTarget, ScalingPolicy, ScheduledAction, Service, Subscription, TargetGroup,
    TaskDefinition, Topic,
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
    /// Versions of those that are there, by parameter name.
    #[serde(default)]
    pub secret_versions: BTreeMap<String, i64>,
    /// Of those that are not, the parameters elsewhere that have the same last name.
    pub similar_parameters: BTreeMap<String, BTreeSet<String>>,
    /// Of the parameters that are to hold contract addresses, by parameter name: the only values ever read.
    pub addresses: BTreeMap<String, Address>,
    /// The image the manifest names, as ECR has it.
    pub image: Image,
    /// Those of the named subnets that are there, by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Those of the tasks' and the load balancer's security groups that are there, by id.
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// Of the HTTPS listener: its default one and those it chooses by name.
    pub certificates: Vec<Certificate>,
    /// What the host's public DNS says.
    pub dns: Dns,
    /// By name.
    pub log_group: Option<Found<LogGroup>>,
    /// Of that group, whose names begin with the unit's; they have no owner but the group.
    pub metric_filters: BTreeMap<String, MetricFilter>,
    /// By name.
    pub execution_role: Option<Found<Role>>,
    /// By name.
    pub task_role: Option<Found<Role>>,
    /// By name.
    pub target_group: Option<Found<TargetGroup>>,
    /// By name; of a unit whose rollouts move requests.
    #[serde(default)]
    pub alternate_target_group: Option<Found<TargetGroup>>,
    /// The role by which ECS moves requests, whether or not it is still wanted.
    #[serde(default)]
    pub rollout_role: Option<Found<Role>>,
    /// Further target groups in the VPC that carry the unit's tag: ARN → name.
    #[serde(default)]
    pub left_target_groups: BTreeMap<String, String>,
    /// How many targets are healthy, in both target groups where there are two …
    pub healthy_targets: i32,
    /// … and how many of those in the second one.
    #[serde(default)]
    pub healthy_alternate: i32,
    /// Every rule of the HTTPS listener but the default one.
    pub rules: Vec<Found<ListenerRule>>,
    /// By name in the namespace.
    pub discovery: Option<Found<DiscoveryService>>,
    /// The ECS service, unless it is INACTIVE.
    pub service: Option<Running>,
    /// What there is to see of the newest rollout, where that is not through.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// The newest registered revision that says exactly what is wanted.
    pub wanted: Option<String>,
    /// The service's bounds.
    pub scalable_target: Option<ScalableTarget>,
    /// Of the service, by name.
    pub scaling_policies: BTreeMap<String, ScalingPolicy>,
    /// Their ARNs today, by name.
    pub scaling_policy_arns: BTreeMap<String, String>,
    /// Of the service, by name.
    pub scheduled_actions: BTreeMap<String, ScheduledAction>,
    /// The topic alarms are sent to, the unit's own or the one that is referenced.
    pub topic: Option<FoundTopic>,
    /// Whose names begin with the unit's. Of one that is as wanted nobody asked whose it is: its owner is absent.
    pub alarms: BTreeMap<String, Found<Alarm>>,
    /// The same of composite alarms.
    pub composite_alarms: BTreeMap<String, Found<CompositeAlarm>>,
    /// Of the unit's name.
    pub dashboard: Option<Found<Dashboard>>,
}

/// A topic and what its subscriptions are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundTopic {
    /// The topic itself.
    #[serde(flatten)]
    pub found: Found<Topic>,
    /// ARNs of the confirmed subscriptions.
    pub arns: BTreeMap<Subscription, String>,
    /// Subscriptions that their endpoints have not confirmed.
    pub unconfirmed: BTreeSet<Subscription>,
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
    /// Where it answers, in lower case without a final dot.
    pub dns_name: String,
    /// Ids of its own security groups.
    pub security_groups: BTreeSet<String>,
}

/// A referenced image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Image {
    /// ECR has none of this tag or digest, or no such repository.
    Missing {
        /// ECR's words.
        reason: String,
    },
    /// What a task would pull.
    Found {
        /// What the tag stands for today, `sha256:…`.
        digest: String,
        /// As stored, compressed.
        size_bytes: u64,
        /// Such as `linux/amd64`; empty where the manifest does not say, which is so for an image without an index: the
        /// answer is then in its configuration, a blob that ECR hands out by download only.
        platforms: BTreeSet<String>,
    },
}

/// The value of a parameter that is to hold a contract's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Address {
    /// As it stands there, in whatever form.
    Value(String),
    /// Not of type `String`: a secret, and not read.
    Secret,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC it is in.
    pub vpc: String,
    /// Its availability zone, such as `us-east-1a`.
    pub zone: String,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// The VPC it is in.
    pub vpc: String,
    /// What it lets in.
    pub ingress: Vec<Permission>,
    /// What it lets out.
    pub egress: Vec<Permission>,
}

/// What one entry of a security group lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    pub protocol: String,
    /// First and last port; absent: all.
    pub ports: Option<(i32, i32)>,
    /// From or to whom: security groups, address ranges, prefix lists.
    pub peers: BTreeSet<String>,
}

impl Permission {
    /// Whether TCP on this port is let through, from or to this peer by its own name. Says nothing about an address range
    /// that holds the peer.
    pub fn admits(&self, port: u16, peer: &str) -> bool {
        let Permission {
            protocol,
            ports,
            peers,
        } = self;
        let port = i32::from(port);
        ["tcp", "6", "-1"].contains(&protocol.as_str())
            && ports.is_none_or(|(first, last)| (first..=last).contains(&port))
            && peers.contains(peer)
    }
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its ARN.
    pub arn: String,
    /// The names it is good for, such as `*.hokus.ai`; empty where Certificate Manager has none of this ARN, as with one
    /// uploaded to IAM.
    pub domains: BTreeSet<String>,
    /// `ISSUED`, `EXPIRED` …
    pub status: String,
    /// When it ends, in seconds since 1970.
    pub expires: Option<i64>,
}

/// What the public DNS of this account says of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dns {
    /// Id of the closest public hosted zone above the host; absent: its DNS is not in this account.
    pub zone: Option<String>,
    /// The host's own records, or those of the wildcard beside it: type → values, an alias as its target's name in lower case
    /// without `dualstack.` and final dot.
    pub records: BTreeMap<String, BTreeSet<String>>,
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
    /// What ECS may move requests between while it rolls out, where the service has two target groups.
    pub shifting: Option<Shifting>,
    /// The pause hook that holds the newest rollout.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// The newest service event, without its `(service …)` prefix.
    pub event: Option<String>,
}

/// A blue/green service's second target group, and the rule on which ECS sets the weights.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AdvancedConfiguration.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shifting {
    /// ARN of the target group that takes turns with the unit's own.
    pub alternate: String,
    /// ARN of the production rule.
    pub rule: String,
}

/// A hook that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// ARN of the service deployment that it holds.
    pub deployment: String,
    /// What answers name.
    pub hook: String,
    /// The stage it is at, in AWS's words.
    pub stage: String,
    /// When ECS stops waiting, in seconds since 1970.
    pub expires: Option<i64>,
    /// `ROLLBACK` or `CONTINUE`: what it does then.
    pub then: String,
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
        /// Whether the revision that failed says exactly what is wanted, whatever its number: it would fail again.
        wanted: bool,
        /// Whether the revision before is running again.
        rolled_back: bool,
        /// ECS's words.
        reason: String,
    },
}
