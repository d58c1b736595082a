//! The YAML as believed: every field parsed into a type that cannot be wrong, and the fields agree with each other.
//!
//! Takes a [`Manifest`], gives a [`Spec`] or every problem at once, each with its place and its fix. A field that
//! nothing reconciles is refused here, never ignored. Looks at no AWS: whether a name exists is `observe`'s.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::manifest::fields::Reading;
use super::manifest::schema::Field;
use super::manifest::{Manifest, Problem};
use super::resource::Subscription;
pub use super::resource::Suspended;

mod parse;
mod read;
mod signals;

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
    /// How a new revision takes over from the one before.
    pub rollout: Strategy,
    /// Its private DNS name.
    pub discovery: DnsName,
    /// How many tasks, and why more.
    pub scaling: Scaling,
    /// Where output goes.
    pub logs: Logs,
    /// What wakes a person.
    pub alarms: Alarms,
    /// What the service promises its users.
    pub slo: Slo,
    /// Who hears of alarms.
    pub notifications: Notifications,
    /// Whether there is a dashboard.
    pub dashboard: bool,
    /// Warnings that are meant: code and reason.
    pub allow: BTreeMap<String, String>,
    /// What is left as it is found: place → reason; see [`leave`](super::leave).
    pub leave: BTreeMap<String, String>,
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
    /// Which image of the repository.
    pub reference: Reference,
}

/// How an image of a repository is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// By a tag, which may be moved.
    Tag(String),
    /// By its digest, `sha256:…`.
    Digest(String),
}

/// Subnets and security groups of the tasks, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// At least two, so that one zone may fail.
    pub subnets: BTreeSet<String>,
    /// At least one.
    pub security_groups: BTreeSet<String>,
    /// Whether tasks get public addresses, as they must where their subnets have no other way out.
    pub public_address: bool,
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
    /// In place of the image's own command; empty: that.
    pub command: Vec<String>,
    /// Plain settings.
    pub environment: BTreeMap<String, String>,
    /// What the program may do in AWS beyond what follows from its other fields: a policy document in the [`document`] form.
    ///
    /// [`document`]: super::document
    pub policy: Option<Json>,
    /// Variable → SSM parameter name, beginning with a slash. Values are never read.
    pub secrets: BTreeMap<String, String>,
    /// Variable → name of an SSM parameter of type `String` that holds a contract's address: the only values ever read.
    pub addresses: BTreeMap<String, String>,
    /// Variables of those two that the program reads anew by itself: a new version starts no rollout.
    pub reloads: BTreeSet<String>,
    /// ARN of the KMS key the secrets are encrypted with, where it is not AWS's own `aws/ssm`.
    pub secrets_key: Option<String>,
    /// The processor the image is for.
    pub architecture: Architecture,
    /// Whether ECS puts an init process before the program.
    pub init: bool,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout_seconds: u32,
    /// Whether the root file system is read-only.
    pub read_only_root: bool,
    /// Who the program runs as, `uid` or `uid:gid`; not root.
    pub user: String,
    /// How many files and sockets the program may have open.
    pub open_files: u32,
    /// Whether one may open a shell in a task (ECS Exec).
    pub execute_command: bool,
}

/// A processor Fargate offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Intel and AMD.
    X86_64,
    /// Graviton.
    Arm64,
}

impl Architecture {
    /// ECS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Architecture::X86_64 => "X86_64",
            Architecture::Arm64 => "ARM64",
        }
    }

    /// The platform of an image for it.
    pub fn platform(self) -> &'static str {
        match self {
            Architecture::X86_64 => "linux/amd64",
            Architecture::Arm64 => "linux/arm64",
        }
    }
}

impl Task {
    /// Every parameter ECS puts into a task's environment: variable → name.
    pub fn parameters(&self) -> BTreeMap<&str, &str> {
        let all = self.secrets.iter().chain(&self.addresses);
        all.map(|(variable, name)| (variable.as_str(), name.as_str()))
            .collect()
    }

    /// Where the program reads its API keys again from while it runs: what `API_KEYS_SOURCE` says, or else the parameter that
    /// `API_KEYS` comes from. Derived, because of two names of one parameter an overlay might change only one.
    pub fn keys_source(&self) -> Option<&str> {
        let said = self.environment.get("API_KEYS_SOURCE");
        said.or_else(|| self.secrets.get("API_KEYS"))
            .map(String::as_str)
    }

    /// Whether the program reads this variable's parameter anew by itself: as the manifest says, and its API keys where they come from.
    pub fn reads_anew(&self, variable: &str) -> bool {
        let keys = variable == "API_KEYS";
        self.reloads.contains(variable)
            || (keys && self.keys_source() == self.secrets.get(variable).map(String::as_str))
    }
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
    /// How success is proved through it.
    pub proof: Proof,
}

/// What is asked at the host once all is stable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whether, and what it means if nothing answers.
    pub ask: Ask,
    /// Where the service says which build it is; absent: the health path.
    pub path: Option<String>,
}

/// When a proof is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A host that cannot be reached is a failure.
    Always,
    /// It is none, and said.
    IfReachable,
    /// Nothing is asked, and that is said.
    Never,
}

/// How a new revision takes over from the one before: ECS's own strategies.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service-options.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// Task by task in one target group.
    Rolling,
    /// All new tasks beside the old ones, in a second target group; then the requests move.
    Shifting(Shifting),
}

/// What a strategy that moves requests is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shifting {
    /// In how many steps.
    pub shift: Shift,
    /// How long both revisions run once all requests have moved.
    pub bake_minutes: u32,
    /// Name of the second target group.
    pub target_group: String,
    /// Where the new revision can be tried before requests move.
    pub test: Option<TestRoute>,
    /// What is asked on the way.
    pub hooks: Vec<Hook>,
}

/// The steps by which requests move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    /// All at once.
    BlueGreen,
    /// A share first, then the rest.
    Canary(ShiftStep),
    /// In equal shares.
    Linear(ShiftStep),
}

/// A share of the requests, and how long it stays at that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShiftStep {
    /// Of all requests.
    pub percent: u32,
    /// Until the next step.
    pub bake_minutes: u32,
}

/// A host name that leads to the new revision during a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRoute {
    /// The host name.
    pub host: String,
    /// Of its listener rule, 1 to 50000.
    pub priority: u32,
}

/// What holds a rollout until it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where, in AWS's words.
    pub stages: BTreeSet<String>,
    /// Who answers.
    pub asks: Asks,
}

/// Who answers a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// A Lambda function, by ARN.
    Function(String),
    /// A person, with `reconciler continue`.
    Person {
        /// How long ECS waits.
        timeout_minutes: u32,
        /// What it does then: goes on, or back.
        timeout_continues: bool,
    },
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
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// At least one.
    pub min: u32,
    /// Not below `min`.
    pub max: u32,
    /// CPU to hold; absent: not scaled on.
    pub cpu_percent: Option<u32>,
    /// Memory to hold; absent: not scaled on.
    pub memory_percent: Option<u32>,
    /// Requests a minute that each task is to have; absent: not scaled on.
    pub requests_per_target: Option<u32>,
    /// Between two steps down of the three above.
    pub scale_in_cooldown_seconds: u32,
    /// Between two steps up of them.
    pub scale_out_cooldown_seconds: u32,
    /// Further policies that jump where those above creep.
    pub steps: Vec<StepScaling>,
    /// Other bounds at other times.
    pub schedules: Vec<Schedule>,
    /// What is switched off for now.
    pub suspended: Suspended,
}

/// Tasks added or removed at once when a metric is beyond a threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct StepScaling {
    /// Ends the policy's and its alarm's name.
    pub name: String,
    /// What is watched.
    pub metric: ScalingMetric,
    /// From where on.
    pub threshold: Threshold,
    /// How many one-minute averages in a row.
    pub minutes: u32,
    /// In the order of `beyond`; the first at 0.
    pub changes: Vec<StepChange>,
    /// Until it may jump again.
    pub cooldown_seconds: u32,
}

/// What a step-scaling policy watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalingMetric {
    /// Average CPU of all tasks, in percent.
    Cpu,
    /// Average memory of all tasks, in percent.
    Memory,
    /// Requests a minute and task.
    RequestsPerTarget,
}

/// The side of a value that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Above it, or at it.
    Above(f64),
    /// Below it, or at it.
    Below(f64),
}

/// How many tasks from how far beyond a threshold on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepChange {
    /// In the metric's unit, away from the threshold.
    pub beyond: f64,
    /// Added, or removed where the threshold is a lower one.
    pub tasks: u32,
}

/// New bounds by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Ends the scheduled action's name.
    pub name: String,
    /// `cron(…)`, `rate(…)` or `at(…)`.
    pub at: String,
    /// IANA name.
    pub time_zone: String,
    /// The new least number of tasks.
    pub min: u32,
    /// The new largest.
    pub max: u32,
}

/// The log group.
#[derive(Debug, Clone, PartialEq)]
pub struct Logs {
    /// Its name.
    pub group: String,
    /// One of the spans CloudWatch Logs offers.
    pub retention_days: u32,
    /// What is counted in it.
    pub metric_filters: Vec<LogMetric>,
}

/// A metric made of log events.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMetric {
    /// Ends the filter's name.
    pub name: String,
    /// In CloudWatch Logs' filter language.
    pub pattern: String,
    /// The metric's name.
    pub metric: String,
    /// The metric's namespace.
    pub namespace: String,
    /// What one event counts: a number, or a field of it such as `$.seconds`.
    pub value: String,
    /// Dimension → field.
    pub dimensions: BTreeMap<String, String>,
    /// Counted while events come and none matches; never together with dimensions.
    pub default_value: Option<f64>,
    /// CloudWatch's word for the unit.
    pub unit: String,
}

/// Thresholds of the alarms every service has.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarms {
    /// Share of requests answered with 5xx by a task, over five minutes …
    pub error_percent: f64,
    /// … in which there were at least so many requests: one failure of three is no rate.
    pub requests_min: u32,
    /// Seconds within which 99 of 100 requests are answered.
    pub latency_p99_seconds: f64,
    /// Average of all tasks.
    pub cpu_percent: u32,
    /// Average of all tasks.
    pub memory_percent: u32,
    /// Contract deployments that wait for a nonce. Absent, as the three below, of a unit that is no contracts service.
    pub queue_depth: Option<u32>,
    /// Age of the oldest contract deployment that is neither deployed nor failed.
    pub queue_age_seconds: Option<u32>,
    /// What the deployer's account should have, in the chain's coin.
    pub balance_min: Option<f64>,
    /// Requests that no endpoint or the first one did not answer, in five minutes, all tasks together.
    pub rpc_failures: Option<u32>,
    /// Whether the error and latency alarms undo a rollout.
    pub stop_rollout: bool,
}

/// Service level objectives. Each becomes alarms on how fast its error budget is spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Percent of requests not answered with 5xx.
    pub availability: Option<f64>,
    /// How fast requests are answered.
    pub latency: Option<LatencyObjective>,
}

/// So many percent of requests are answered within so many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyObjective {
    /// 99 for `p99`.
    pub percent: f64,
    /// The time they may take.
    pub seconds: f64,
}

/// Who hears of alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notifications {
    /// A topic of this unit's own.
    Own {
        /// Its name.
        topic: String,
        /// All of its subscriptions: one that is not here is removed.
        subscriptions: BTreeSet<Subscription>,
    },
    /// A topic that is there already, in this account and region: referenced, never changed.
    Existing {
        /// Its ARN.
        topic_arn: String,
    },
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

    /// What the strategy needs, where it moves requests.
    pub fn shifting(&self) -> Option<&Shifting> {
        match &self.rollout {
            Strategy::Rolling => None,
            Strategy::Shifting(shifting) => Some(shifting),
        }
    }

    /// The name of the role by which ECS moves requests. It follows from the unit's alone, so that it is found again when the
    /// manifest no longer asks for one; IAM takes 64 characters.
    pub fn rollout_role(&self) -> String {
        const SUFFIX: &str = "-rollout";
        let name: String = self.name.chars().take(64 - SUFFIX.len()).collect();
        format!("{name}{SUFFIX}")
    }

    /// The ARN of the topic alarms are sent to; of the unit's own it is known before the topic is made.
    pub fn topic_arn(&self) -> String {
        match &self.notifications {
            Notifications::Own {
                topic,
                subscriptions: _,
            } => self.arn("sns", topic),
            Notifications::Existing { topic_arn } => topic_arn.clone(),
        }
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>` in this unit's account.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }
}
