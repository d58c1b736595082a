//! The YAML as believed: every field parsed into a type that cannot be wrong, and the fields agree with each other.
//!
//! Takes a [`Manifest`], gives a [`Spec`] or every problem at once, each with its place and its fix. A field that
//! nothing reconciles is refused here, never ignored. Looks at no AWS: whether a name exists is `observe`'s.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::fields::Reading;
use super::manifest::schema::Field;
use super::manifest::{Manifest, Problem};

mod parse;
mod read;

/// One service and everything around it, as the manifest wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The unit: names the ECS service and owns every resource.
    pub name: String,
    /// Twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// The ECS cluster, referenced.
    pub cluster: String,
    /// What runs.
    pub image: Image,
    /// What it listens on.
    pub port: u16,
    /// Where its tasks have their addresses.
    pub network: Network,
    /// One task.
    pub task: Task,
    /// When a task is healthy.
    pub health: Health,
    /// How requests reach it.
    pub load_balancer: LoadBalancer,
    /// Its private DNS name.
    pub discovery: DnsName,
    /// How many tasks, and why more.
    pub scaling: Scaling,
    /// Where output goes.
    pub logs: Logs,
    /// What wakes a person.
    pub alarms: Alarms,
}

/// An image in ECR, by tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The whole reference as the manifest has it.
    pub uri: String,
    /// The repository's name, such as `hokusai/contracts`.
    pub repository: String,
    /// The account whose registry holds it.
    pub account: String,
    /// The region of that registry.
    pub region: String,
}

/// Subnets and security groups of the tasks, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// At least two, so that one zone may fail.
    pub subnets: BTreeSet<String>,
    /// At least one.
    pub security_groups: BTreeSet<String>,
}

/// What one task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The task definition's family.
    pub family: String,
    /// The container's name.
    pub container: String,
    /// CPU units.
    pub cpu: u32,
    /// MiB; one that Fargate offers for this `cpu`.
    pub memory: u32,
    /// Role name.
    pub execution_role: String,
    /// Role name.
    pub task_role: String,
    /// Plain settings.
    pub environment: BTreeMap<String, String>,
    /// Variable → SSM parameter name, beginning with a slash.
    pub secrets: BTreeMap<String, String>,
}

/// How the load balancer and ECS ask a task how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// HTTP path, asked by the target group.
    pub path: String,
    /// Run inside the container.
    pub command: Vec<String>,
    /// Between two probes.
    pub interval_seconds: u32,
    /// Below the interval.
    pub timeout_seconds: u32,
    /// How long a starting task is forgiven.
    pub grace_period_seconds: u32,
}

/// The referenced load balancer and this service's share of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Referenced, never made; its HTTPS listener on 443 is used.
    pub name: String,
    /// The host name that is routed here.
    pub host: String,
    /// Of the listener rule, 1 to 50000.
    pub priority: u32,
    /// The target group's name.
    pub target_group: String,
    /// How long a leaving task finishes requests.
    pub deregistration_delay_seconds: u32,
}

/// A name in a private DNS namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsName {
    /// The first label.
    pub service: String,
    /// The rest, referenced, never made.
    pub namespace: String,
}

/// Bounds and targets of autoscaling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaling {
    /// At least one.
    pub min: u32,
    /// Not below `min`.
    pub max: u32,
    /// CPU to hold.
    pub cpu_percent: u32,
    /// Memory to hold.
    pub memory_percent: u32,
}

/// The log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    /// Its name.
    pub group: String,
    /// One of the spans CloudWatch Logs offers.
    pub retention_days: u32,
}

/// Thresholds of the alarms every service has.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarms {
    /// 5xx answers from tasks in five minutes.
    pub errors: u32,
    /// Seconds within which 99 of 100 requests are answered.
    pub latency_p99_seconds: f64,
    /// Average of all tasks.
    pub cpu_percent: u32,
    /// Average of all tasks.
    pub memory_percent: u32,
}

impl Spec {
    /// Believes a manifest, or says everything that keeps it from being believed.
    pub fn believe(manifest: &Manifest) -> Result<Spec, Vec<Problem>> {
        let reading = Reading::of(manifest);
        let spec = read::unit(&reading);
        let problems = reading.problems();
        match spec {
            Some(spec) if problems.is_empty() => Ok(spec),
            _ => Err(problems),
        }
    }

    /// Every field a manifest may have, in the order of their reading: asked of the reading itself, so that there is no other list.
    pub fn fields() -> Vec<Field> {
        let nothing = Manifest::empty();
        let reading = Reading::describing(&nothing);
        read::unit(&reading);
        reading.described()
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>` in this unit's account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }
}
