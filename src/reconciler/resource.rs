//! The nouns both sides share: one struct per kind of AWS resource, in the form in which two of them can be compared.
//!
//! `desired` builds these from the Spec, `aws` from what AWS answered. Only what the manifest owns is in them: a field
//! that another controller owns (a service's desired count, under autoscaling) is an argument of its create call
//! instead, and ARNs stand beside the values, so neither can ever count as drift. Sets and maps are ordered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The tag that says whose a resource is; its value is the manifest's `metadata.name`. Nothing without it is changed
/// or deleted, and adding it by hand is how an existing resource is handed over to the reconciler.
pub const OWNER_TAG: &str = "hokus.ai/unit";

/// The tag of a registered revision that says what it says: [`TaskDefinition::digest`].
pub const DIGEST_TAG: &str = "hokus.ai/digest";

/// Everything one manifest stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Where the container's output goes.
    pub log_group: LogGroup,
    /// What is counted in it, by filter name.
    pub metric_filters: BTreeMap<String, MetricFilter>,
    /// What ECS itself may do to start a task: pull, log, read secrets.
    pub execution_role: Role,
    /// What the running program may do.
    pub task_role: Role,
    /// The tasks as the load balancer sees them.
    pub target_group: TargetGroup,
    /// Where a new revision's tasks are while requests move to it; absent where tasks are replaced one by one.
    #[serde(default)]
    pub alternate_target_group: Option<TargetGroup>,
    /// The way to a new revision before requests move.
    #[serde(default)]
    pub test_rule: Option<ListenerRule>,
    /// What ECS may do to move requests and to ask functions.
    #[serde(default)]
    pub rollout_role: Option<Role>,
    /// The host name's way to the target group.
    pub listener_rule: ListenerRule,
    /// The private DNS name.
    pub discovery: DiscoveryService,
    /// What a task runs.
    pub task_definition: TaskDefinition,
    /// How many tasks run where, joined to all of the above.
    pub service: Service,
    /// The bounds autoscaling keeps.
    pub scalable_target: ScalableTarget,
    /// What it scales on, by policy name.
    pub scaling_policies: BTreeMap<String, ScalingPolicy>,
    /// When the bounds change by the clock, by action name.
    pub scheduled_actions: BTreeMap<String, ScheduledAction>,
    /// Who hears of alarms; absent where the manifest names somebody else's topic.
    pub topic: Option<Topic>,
    /// What wakes a person, by alarm name.
    pub alarms: BTreeMap<String, Alarm>,
    /// What combines those, by alarm name.
    pub composite_alarms: BTreeMap<String, CompositeAlarm>,
    /// What one looks at then.
    pub dashboard: Option<Dashboard>,
}

/// A CloudWatch Logs group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Such as `/ecs/hokusai-contracts`.
    pub name: String,
    /// Absent: kept for ever, which is AWS's default.
    pub retention_days: Option<i32>,
}

/// A metric filter of the unit's log group: log events that match a pattern become data points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// In CloudWatch Logs' filter language, such as `{ $.level = "ERROR" }`.
    pub pattern: String,
    /// The metric's name.
    pub metric: String,
    /// The metric's namespace.
    pub namespace: String,
    /// What one event counts: a number, or a field such as `$.seconds`.
    pub value: String,
    /// Dimension → the field it is taken from, such as `$.chain`.
    pub dimensions: BTreeMap<String, String>,
    /// Counted in a minute in which events came and none matched. AWS takes none beside dimensions.
    pub default_value: Option<f64>,
    /// Such as `Count` or `Seconds`; AWS's `None` where it is not said.
    pub unit: String,
    /// What else a filter by hand may say, in AWS's words; ours has none.
    pub other: BTreeSet<String>,
}

/// An IAM role with everything that grants it anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Unique in the account.
    pub name: String,
    /// Who may assume it: the trust policy.
    pub trust: Value,
    /// Inline policies by name.
    pub policies: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
}

/// A target group for tasks with addresses of their own (`ip` targets over HTTP).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// At most 32 characters, unique in the region.
    pub name: String,
    /// Cannot be changed in place, like the protocol and the target type.
    pub port: i32,
    /// `HTTP`.
    pub protocol: String,
    /// `ip`, as awsvpc tasks need.
    pub target_type: String,
    /// How the load balancer decides that a task may have traffic.
    pub health_check: HealthCheck,
    /// How long a task that is going away still finishes requests.
    pub deregistration_delay_seconds: i64,
}

/// A target group's HTTP health check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked for.
    pub path: String,
    /// Accepted status codes, as AWS writes them: `200`, `200-299`.
    pub matcher: String,
    /// Between two probes; 5 to 300.
    pub interval_seconds: i32,
    /// Must be below the interval.
    pub timeout_seconds: i32,
    /// Passes until an unhealthy target is healthy again; a new one needs only one.
    pub healthy_threshold: i32,
    /// Failures until a healthy target is unhealthy.
    pub unhealthy_threshold: i32,
}

/// A rule on the HTTPS listener.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListenerRule {
    /// Host names, sorted.
    pub hosts: BTreeSet<String>,
    /// 1 to 50000, the lowest wins; 0 stands for AWS's word `default`.
    pub priority: i32,
    /// Where matching requests go.
    pub forward: Join,
    /// Joined to the rule and given none of them (weight 0): how a target group is made ready before it takes over.
    #[serde(default)]
    pub idle: BTreeSet<Join>,
    /// Conditions and actions beyond those above, in AWS's words; ours has none.
    pub other: BTreeSet<String>,
}

/// A reference from one resource to another that should be this unit's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Join {
    /// This unit's, whatever its ARN is today.
    #[serde(rename = "this unit's")]
    Ours,
    /// This unit's second target group, whatever its ARN is today.
    #[serde(rename = "this unit's other one")]
    Alternate,
    /// Nothing at all.
    #[serde(rename = "none")]
    #[default]
    None,
    /// Something else: its ARN.
    #[serde(untagged)]
    Other(String),
    /// Several, by ARN, each with its share of the requests.
    #[serde(untagged)]
    Split(BTreeMap<String, i32>),
}

/// A Cloud Map service under a private namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiscoveryService {
    /// The first label of the DNS name.
    pub name: String,
    /// The rest of it; the namespace is referenced, never made.
    pub namespace: String,
    /// `A` records, as awsvpc tasks register.
    pub record_type: String,
    /// How long a resolver may keep an address of a task that may be gone.
    pub ttl_seconds: i64,
}

/// A task definition's content: what one registered revision says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// Revisions count up within a family.
    pub family: String,
    /// CPU units, 1024 to a vCPU.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// ARN.
    pub execution_role: String,
    /// ARN.
    pub task_role: String,
    /// `X86_64` or `ARM64`.
    pub architecture: String,
    /// The one container.
    pub container: Container,
    /// Names of further containers, sidecars by hand; ours has none.
    pub other_containers: BTreeSet<String>,
    /// Members beyond those above, in AWS's words; ours has none.
    pub other: BTreeSet<String>,
}

impl TaskDefinition {
    /// The digest of this normal form: two revisions with one digest are the same, whatever their numbers.
    pub fn digest(&self) -> String {
        // Fields in the order of the type, maps and sets sorted: one text for one content.
        let text = serde_json::to_string(self).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }
}

/// The container of a task definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// The name the service's load balancer block refers to.
    pub name: String,
    /// Registry, repository and tag or digest.
    pub image: String,
    /// What it listens on.
    pub port: i32,
    /// In place of the image's own command; empty: that.
    pub command: Vec<String>,
    /// Plain settings.
    pub environment: BTreeMap<String, String>,
    /// Variable → ARN of the SSM parameter whose value ECS puts there.
    pub secrets: BTreeMap<String, String>,
    /// Variable → version of that parameter when the revision was made.
    #[serde(default)]
    pub secret_versions: BTreeMap<String, i64>,
    /// The log group its output goes to.
    pub log_group: String,
    /// The first part of the log stream's name.
    pub log_stream_prefix: String,
    /// Run inside the container; without the leading `CMD`.
    pub health_command: Vec<String>,
    /// Between two runs of it.
    pub health_interval_seconds: i32,
    /// When one run counts as failed.
    pub health_timeout_seconds: i32,
    /// Failures in a row until the task is unhealthy.
    pub health_retries: i32,
    /// Failures before this age do not count.
    pub health_start_period_seconds: i32,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout_seconds: i32,
    /// Whether the root file system is read-only.
    pub read_only: bool,
    /// Whether ECS puts an init process before the program, which reaps orphans and forwards signals.
    pub init: bool,
    /// Who the program runs as, `uid` or `uid:gid`; absent: whom the image says.
    pub user: Option<String>,
    /// Resource limits by AWS's name for them; Fargate lets only `nofile` be set.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Members beyond those above, such as an entry point in place of the image's, in AWS's words; ours has none.
    pub other: BTreeSet<String>,
}

/// One resource limit of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What the program starts with.
    pub soft: i32,
    /// How far it may raise it.
    pub hard: i32,
}

/// An ECS service, without what autoscaling owns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Unique in its cluster.
    pub name: String,
    /// Where its tasks get traffic from.
    pub target_group: Join,
    /// ARNs of further target groups its tasks are in; ours has none but while traffic moves from one to the other.
    #[serde(default)]
    pub other_target_groups: BTreeSet<String>,
    /// `container:port` of that traffic.
    pub traffic: String,
    /// Where its tasks are registered by name.
    pub discovery: Join,
    /// Subnets of the tasks.
    pub subnets: BTreeSet<String>,
    /// Security groups of the tasks.
    pub security_groups: BTreeSet<String>,
    /// Whether tasks get public addresses.
    pub public_address: bool,
    /// How many tasks may be missing during a rollout, in percent of desired.
    pub healthy_percent_min: i32,
    /// How many tasks may run during a rollout, in percent of desired.
    pub healthy_percent_max: i32,
    /// Whether a rollout that keeps failing is stopped …
    pub circuit_breaker: bool,
    /// … and undone.
    pub circuit_breaker_rollback: bool,
    /// The alarms during which a rollout is stopped, by name …
    pub alarms: BTreeSet<String>,
    /// … and undone. False without any.
    pub alarms_rollback: bool,
    /// How long a new task's failing health checks are forgiven.
    pub grace_period_seconds: i32,
    /// Whether one may open a shell in a task.
    pub execute_command: bool,
    /// How a new revision takes over: `ROLLING`, `BLUE_GREEN`, `CANARY` or `LINEAR`.
    #[serde(default = "rolling")]
    pub strategy: String,
    /// How long both revisions run once all requests have moved.
    #[serde(default)]
    pub bake_minutes: i32,
    /// The share of the requests that moves first, or in each step.
    #[serde(default)]
    pub step_percent: Option<f64>,
    /// Until the next step.
    #[serde(default)]
    pub step_bake_minutes: Option<i32>,
    /// The target group that takes turns with the other.
    #[serde(default)]
    pub alternate: Join,
    /// The rule whose weights ECS sets.
    #[serde(default)]
    pub production_rule: Join,
    /// The rule by which a new revision is tried first.
    #[serde(default)]
    pub test_rule: Join,
    /// ARN of the role by which ECS does so.
    #[serde(default)]
    pub rollout_role: Option<String>,
    /// What holds a rollout until it is answered, sorted.
    #[serde(default)]
    pub hooks: Vec<Hook>,
}

fn rolling() -> String {
    "ROLLING".to_owned()
}

/// What holds a rollout until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hook {
    /// Where, in AWS's words.
    pub stages: BTreeSet<String>,
    /// ARN of the function that answers; absent: a person does.
    pub function: Option<String>,
    /// ARN of the role by which ECS asks it.
    pub role: Option<String>,
    /// How long a person is waited for.
    pub timeout_minutes: Option<i32>,
    /// `ROLLBACK` or `CONTINUE`, when none answered.
    pub timeout_action: Option<String>,
}

/// The bounds of a service's task count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// Never fewer tasks.
    pub min: i32,
    /// Never more.
    pub max: i32,
    /// Which kinds of scaling are switched off.
    pub suspended: Suspended,
}

/// What autoscaling must not do for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suspended {
    /// Remove tasks by a policy.
    pub scale_in: bool,
    /// Add tasks by a policy.
    pub scale_out: bool,
    /// Change the bounds by the clock.
    pub scheduled: bool,
}

/// Why tasks are added and removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScalingPolicy {
    /// As many tasks as hold a metric at a value.
    Tracking(Tracking),
    /// So many tasks more or fewer, by how far an alarm's metric is beyond its threshold.
    Steps(Steps),
    /// Of another kind; ours has none.
    Other {
        /// AWS's word for it.
        kind: String,
    },
}

/// A target-tracking policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tracking {
    /// `ECSServiceAverageCPUUtilization`, `ECSServiceAverageMemoryUtilization` or `ALBRequestCountPerTarget`; empty when it
    /// is none of AWS's predefined ones.
    pub metric: String,
    /// Whose requests are counted; [`Join::None`] for a metric of the service's own.
    pub requests_of: Join,
    /// The value to hold: percent, or requests per minute and task.
    pub target: f64,
    /// Between two steps down.
    pub scale_in_cooldown_seconds: i32,
    /// Between two steps up.
    pub scale_out_cooldown_seconds: i32,
    /// Whether it only ever adds tasks.
    pub scale_in_disabled: bool,
}

/// A step-scaling policy. The alarm that sets it off is one of the unit's alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    /// `ChangeInCapacity`, `PercentChangeInCapacity` or `ExactCapacity`.
    pub adjustment: String,
    /// In the order of their bounds.
    pub steps: Vec<Step>,
    /// How an alarm's data points become one value: `Average`, `Minimum` or `Maximum`.
    pub aggregation: String,
    /// Until it is set off again.
    pub cooldown_seconds: i32,
    /// The least number of tasks that a percentage means; 0: no least.
    pub tasks_min: i32,
}

/// One step of a step-scaling policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From how far beyond the threshold; absent: without bound.
    pub from: Option<f64>,
    /// To how far beyond it; absent: without bound.
    pub to: Option<f64>,
    /// Tasks or percent, by the policy's `adjustment`; negative removes.
    pub change: i32,
}

/// New bounds at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduledAction {
    /// `cron(…)`, `rate(…)` or `at(…)`.
    pub schedule: String,
    /// The time zone a `cron` or `at` is meant in, by its IANA name.
    pub time_zone: String,
    /// The new least number of tasks; absent: as it is.
    pub min: Option<i32>,
    /// The new largest; absent: as it is.
    pub max: Option<i32>,
    /// Not before this, in seconds since 1970; ours has none.
    pub start: Option<i64>,
    /// Not after this; ours has none.
    pub end: Option<i64>,
}

/// An SNS topic with all of its subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Unique in the account and region; its ARN follows from it.
    pub name: String,
    /// Everyone who hears of what is published. One that has not confirmed yet is among them.
    pub subscriptions: BTreeSet<Subscription>,
}

/// Where a topic's messages go: `email alerts@hokus.ai`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Subscription {
    /// `email`, `https`, `sqs` …, AWS's words.
    pub protocol: String,
    /// An address, URL or ARN, as the protocol has it.
    pub endpoint: String,
}

impl From<Subscription> for String {
    fn from(subscription: Subscription) -> String {
        let Subscription { protocol, endpoint } = subscription;
        format!("{protocol} {endpoint}")
    }
}

impl TryFrom<String> for Subscription {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (protocol, endpoint) = text.split_once(' ').ok_or("no protocol and endpoint")?;
        Ok(Subscription {
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
        })
    }
}

/// A CloudWatch metric alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Shown to whom it wakes: what is wrong, what to do first, where to read on.
    pub description: String,
    /// What is compared with the threshold.
    pub watched: Watched,
    /// How many periods are looked at …
    pub evaluation_periods: i32,
    /// … and how many of those must be beyond the threshold.
    pub datapoints_to_alarm: i32,
    /// In the metric's own unit.
    pub threshold: f64,
    /// Such as `GreaterThanThreshold`.
    pub comparison: String,
    /// `breaching`, `notBreaching`, `ignore` or `missing`.
    pub missing_data: String,
    /// What happens when it fires: ARNs, and [`policy_action`]s.
    pub actions: BTreeSet<String>,
    /// What happens when it is over: ARNs.
    pub ok_actions: BTreeSet<String>,
    /// Whether those happen at all.
    pub actions_enabled: bool,
}

/// The action that sets off a scaling policy of this unit's, whatever its ARN is today.
pub fn policy_action(name: &str) -> String {
    format!("{POLICY_ACTION}{name}")
}

/// What such an action begins with; ARNs begin otherwise.
pub const POLICY_ACTION: &str = "this unit's scaling policy ";

impl Alarm {
    /// Every metric it looks at.
    pub fn measured(&self) -> Vec<&Measured> {
        match &self.watched {
            Watched::Metric(measured) => vec![measured],
            Watched::Calculation {
                expressions: _,
                metrics,
                compared: _,
            } => metrics.values().collect(),
        }
    }

    /// Their dimensions, each once.
    pub fn dimensions(&self) -> BTreeSet<(&str, &Dimension)> {
        let metrics = self.measured().into_iter();
        let all = metrics.flat_map(|metric| &metric.dimensions);
        all.map(|(name, value)| (name.as_str(), value)).collect()
    }
}

/// What an alarm compares with its threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Watched {
    /// One metric.
    Metric(Measured),
    /// A calculation: metric math.
    Calculation {
        /// Formulas by id, over metrics and each other.
        expressions: BTreeMap<String, String>,
        /// What they use, by id.
        metrics: BTreeMap<String, Measured>,
        /// The ids whose values are compared: one, where AWS's rules hold.
        compared: BTreeSet<String>,
    },
}

/// One metric of one set of dimensions, and how its data become a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Such as `AWS/ApplicationELB`.
    pub namespace: String,
    /// Such as `HTTPCode_Target_5XX_Count`.
    pub metric: String,
    /// `Sum`, `Average`, `Maximum`, `Minimum`, `SampleCount`, a percentile such as `p99`, a share such as `PR(:2)`.
    pub statistic: String,
    /// What exactly is measured.
    pub dimensions: BTreeMap<String, Dimension>,
    /// Length of one data point.
    pub period_seconds: i32,
    /// Absent: whatever unit the data have. Another one than theirs would hide them.
    pub unit: Option<String>,
}

/// A CloudWatch alarm on other alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompositeAlarm {
    /// Shown to whom it wakes.
    pub description: String,
    /// `ALARM("a") OR ALARM("b")`, as written.
    pub rule: String,
    /// What happens when it fires: ARNs.
    pub actions: BTreeSet<String>,
    /// What happens when it is over: ARNs.
    pub ok_actions: BTreeSet<String>,
    /// Whether those happen at all.
    pub actions_enabled: bool,
    /// The alarm that silences it; ours has none.
    pub suppressor: Option<String>,
}

/// A CloudWatch dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dashboard {
    /// Unique in the account.
    pub name: String,
    /// Its widgets as AWS's JSON. Where a metric's dimension is this unit's target group or the load balancer, the text is
    /// [`Dimension`]'s own word for it.
    pub body: Value,
}

/// The value of an alarm's dimension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dimension {
    /// The ending of this unit's target group's ARN, from `targetgroup/` on.
    #[serde(rename = "this unit's target group")]
    TargetGroup,
    /// The same of its second target group.
    #[serde(rename = "this unit's other target group")]
    AlternateTargetGroup,
    /// The ending of the load balancer's ARN, from `app/` on.
    #[serde(rename = "the load balancer")]
    LoadBalancer,
    /// A name known beforehand, or anything AWS had that is not this unit's.
    #[serde(untagged)]
    Text(String),
}

impl Dashboard {
    /// Replaces texts in the rows of its widgets' metrics, where `replacement` has one.
    pub fn rename(&mut self, mut replacement: impl FnMut(&str) -> Option<String>) {
        let widgets = self.body.get_mut("widgets").and_then(Value::as_array_mut);
        let rows = widgets.into_iter().flatten().filter_map(|widget| {
            widget
                .pointer_mut("/properties/metrics")
                .and_then(Value::as_array_mut)
        });
        for part in rows.flatten().filter_map(Value::as_array_mut).flatten() {
            if let Some(text) = part.as_str().and_then(&mut replacement) {
                *part = Value::String(text);
            }
        }
    }
}

impl Dimension {
    /// The word that stands for it where a dashboard names it.
    pub fn word(&self) -> &str {
        match self {
            Dimension::TargetGroup => "this unit's target group",
            Dimension::AlternateTargetGroup => "this unit's other target group",
            Dimension::LoadBalancer => "the load balancer",
            Dimension::Text(text) => text,
        }
    }
}
