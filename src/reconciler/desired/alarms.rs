//! The alarms a service has, from the manifest's thresholds, and the one that pages.
//!
//! What users notice pages, through one composite alarm, so that one outage is one page; what will become an outage
//! notifies by itself. Each description says what is wrong, what to do first and where the runbook goes on.

use std::collections::{BTreeMap, BTreeSet};

use super::metric::{program, running_tasks, tasks, traffic};
use super::scaling::step_name;
use super::{burn, signed};
use crate::reconciler::resource::{Alarm, CompositeAlarm, Measured, Watched, policy_action};
use crate::reconciler::spec::{ScalingMetric, Spec, StepScaling, Threshold};

/// Metric alarms. Their names begin with the unit's, which is how `observe` finds those that are no longer wanted.
pub fn alarms(spec: &Spec) -> BTreeMap<String, Alarm> {
    let mut alarms = BTreeMap::from([
        errors(spec),
        latency(spec),
        unavailable(),
        unhealthy_targets(),
        cpu(spec),
        memory(spec),
        running(spec),
    ]);
    // What only a contracts service says of itself.
    let wanted = &spec.alarms;
    alarms.extend(wanted.queue_depth.map(|depth| queue_depth(spec, depth)));
    alarms.extend(
        wanted
            .queue_age_seconds
            .map(|seconds| queue_age(spec, seconds)),
    );
    alarms.extend(wanted.balance_min.map(|coins| balance(spec, coins)));
    alarms.extend(wanted.rpc_failures.map(|failures| rpc(spec, failures)));
    alarms.extend(spec.task.keys_source().map(|_| keys(spec)));
    for (what, alarm) in &mut alarms {
        if !PAGING.contains(&what.as_str()) {
            alarm.actions = actions(spec);
        }
    }
    alarms.extend(burn::alarms(spec));
    let mut alarms = named(spec, alarms);
    alarms.extend(spec.scaling.steps.iter().map(|policy| step(spec, policy)));
    alarms
}

/// Alarms on alarms: the pairs of windows of each objective, and the page.
pub fn composite_alarms(spec: &Spec) -> BTreeMap<String, CompositeAlarm> {
    let mut composites = burn::composite_alarms(spec);
    let burning = composites
        .iter()
        .filter(|(_, composite)| composite.actions.is_empty())
        .map(|(what, _)| what.as_str());
    let children: Vec<String> = PAGING
        .into_iter()
        .chain(burning)
        .map(|what| in_alarm(spec, what))
        .collect();
    let page = CompositeAlarm {
        description: described(
            "Users are affected: errors, slow answers, no healthy task, or an error budget that burns.",
            "See which alarm of its rule is in ALARM, and go to that one's section.",
            "page",
        ),
        rule: children.join(" OR "),
        actions: actions(spec),
        ok_actions: actions(spec),
        actions_enabled: true,
        suppressor: None,
    };
    composites.insert("page".to_owned(), page);
    named(spec, composites)
}

/// The alarms that undo a rollout, where the manifest says so: what a bad revision shows at once.
pub fn rollback_alarms(spec: &Spec) -> BTreeSet<String> {
    let alarms = ["errors", "latency"]
        .into_iter()
        .filter(|_| spec.alarms.stop_rollout);
    alarms.map(|what| name(spec, what)).collect()
}

/// What users notice.
const PAGING: [&str; 3] = ["errors", "latency", "unavailable"];

/// In percent of requests, so that neither much traffic nor little moves it; with too few requests it says 0, and without
/// any it says nothing. The load balancer counts errors only where there are some, hence FILL.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
fn errors(spec: &Spec) -> (String, Alarm) {
    let (percent, requests_min) = (spec.alarms.error_percent, spec.alarms.requests_min);
    let share = format!("IF(requests >= {requests_min}, 100 * FILL(errors, 0) / requests, 0)");
    let metrics = [
        ("errors", traffic("HTTPCode_Target_5XX_Count", "Sum", 300)),
        ("requests", traffic("RequestCount", "Sum", 300)),
    ];
    let alarm = Alarm {
        description: described(
            &format!(
                "More than {percent} % of the requests of five minutes were answered with 5xx by the tasks."
            ),
            "See which check of /health/ready fails; if it began with a rollout, roll back.",
            "errors",
        ),
        threshold: percent,
        ..on(calculation(share, metrics), 1)
    };
    ("errors".to_owned(), alarm)
}

fn latency(spec: &Spec) -> (String, Alarm) {
    let seconds = spec.alarms.latency_p99_seconds;
    let alarm = Alarm {
        description: described(
            &format!("One request in a hundred takes over {seconds} s, for 15 minutes."),
            "Compare the latencies of /health/detailed: Redis, the nodes, or a full CPU.",
            "latency",
        ),
        threshold: seconds,
        ..on(
            Watched::Metric(traffic("TargetResponseTime", "p99", 300)),
            3,
        )
    };
    ("latency".to_owned(), alarm)
}

fn unavailable() -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            "No task is healthy, for two minutes: clients get 503 from the load balancer.",
            "Read the service's events and the log's \"not ready to serve yet\".",
            "unavailable",
        ),
        threshold: 1.0,
        comparison: BELOW.to_owned(),
        // A target group that reports nothing has no target: that is the outage, not a lack of news.
        missing_data: "breaching".to_owned(),
        ..on(
            Watched::Metric(traffic("HealthyHostCount", "Minimum", 60)),
            2,
        )
    };
    ("unavailable".to_owned(), alarm)
}

fn unhealthy_targets() -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            "A task fails its health checks, for two minutes.",
            "ECS replaces it; ask the target group why, if it comes again.",
            "unhealthy-targets",
        ),
        ..on(
            Watched::Metric(traffic("UnHealthyHostCount", "Maximum", 60)),
            2,
        )
    };
    ("unhealthy-targets".to_owned(), alarm)
}

fn cpu(spec: &Spec) -> (String, Alarm) {
    let percent = spec.alarms.cpu_percent;
    let alarm = Alarm {
        description: described(
            &format!("CPU above {percent} % for 15 minutes, although scaling aims lower."),
            "See whether the service is at its maximum; raise scaling.max or task.cpu.",
            "cpu",
        ),
        threshold: f64::from(percent),
        ..on(
            Watched::Metric(tasks(spec, "CPUUtilization", "Average", 300)),
            3,
        )
    };
    ("cpu".to_owned(), alarm)
}

fn memory(spec: &Spec) -> (String, Alarm) {
    let percent = spec.alarms.memory_percent;
    let alarm = Alarm {
        description: described(
            &format!("Memory above {percent} % for 15 minutes: a leak or a flood."),
            "Drain the tasks one after the other.",
            "memory",
        ),
        threshold: f64::from(percent),
        ..on(
            Watched::Metric(tasks(spec, "MemoryUtilization", "Average", 300)),
            3,
        )
    };
    ("memory".to_owned(), alarm)
}

/// A rollout never goes below the minimum, so fewer tasks are tasks that fail.
fn running(spec: &Spec) -> (String, Alarm) {
    let min = spec.scaling.min;
    let alarm = Alarm {
        description: described(
            &format!(
                "Fewer than {min} tasks run, for five minutes: tasks end as often as ECS starts them, or cannot start."
            ),
            "Read why the last task stopped.",
            "tasks",
        ),
        threshold: f64::from(min),
        comparison: BELOW.to_owned(),
        missing_data: "breaching".to_owned(),
        ..on(Watched::Metric(running_tasks(spec)), 5)
    };
    ("tasks".to_owned(), alarm)
}

fn queue_depth(spec: &Spec, depth: u32) -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            &format!("More than {depth} contract deployments wait, for five minutes."),
            "See what the oldest waits for: gas, funds, the nodes.",
            "queue-depth",
        ),
        threshold: f64::from(depth),
        ..on(
            Watched::Metric(program(spec, "QueueDepth", "Maximum", 60)),
            5,
        )
    };
    ("queue-depth".to_owned(), alarm)
}

/// Said once a minute by whoever carries deployments through. Silence means that nobody does.
fn queue_age(spec: &Spec, seconds: u32) -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            &format!(
                "A contract deployment is unfinished after {seconds} s, or no task has carried any through for five minutes."
            ),
            "Follow the oldest one's id through the log.",
            "queue-age",
        ),
        threshold: f64::from(seconds),
        missing_data: "breaching".to_owned(),
        ..on(
            Watched::Metric(program(spec, "OldestAgeSeconds", "Maximum", 60)),
            5,
        )
    };
    ("queue-age".to_owned(), alarm)
}

/// Unknown while the nodes are away, which is the `rpc` alarm's matter.
fn balance(spec: &Spec, coins: f64) -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            &format!("The deployer's account has less than {coins} of the chain's coin."),
            "Send funds; deployments that wait for them go on by themselves.",
            "balance",
        ),
        threshold: coins,
        comparison: BELOW.to_owned(),
        missing_data: "ignore".to_owned(),
        ..on(
            Watched::Metric(program(spec, "DeployerBalance", "Minimum", 300)),
            1,
        )
    };
    ("balance".to_owned(), alarm)
}

fn rpc(spec: &Spec, failures: u32) -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            &format!(
                "RPC endpoints failed more than {failures} times in five minutes, twice in a row."
            ),
            "Ask each endpoint for its chain id; replace the one that does not answer.",
            "rpc",
        ),
        threshold: f64::from(failures),
        ..on(Watched::Metric(program(spec, "RpcFailures", "Sum", 300)), 2)
    };
    ("rpc".to_owned(), alarm)
}

/// A task tries twelve times in five minutes, so one failure is no news, and a value it cannot use is told within a quarter of an hour.
fn keys(spec: &Spec) -> (String, Alarm) {
    let alarm = Alarm {
        description: described(
            "API keys could not be read again more than three times in five minutes, twice in a row: new keys are not taken and \
             removed ones still are.",
            "Read why in the log; if it is the value, put the last good one back.",
            "keys",
        ),
        threshold: 3.0,
        ..on(Watched::Metric(program(spec, "KeysNotRead", "Sum", 300)), 2)
    };
    ("keys".to_owned(), alarm)
}

/// Sets off the step-scaling policy of its name, and notifies nobody: it is work done, not work to do.
fn step(spec: &Spec, policy: &StepScaling) -> (String, Alarm) {
    let name = step_name(spec, policy);
    let watched = match policy.metric {
        ScalingMetric::Cpu => tasks(spec, "CPUUtilization", "Average", 60),
        ScalingMetric::Memory => tasks(spec, "MemoryUtilization", "Average", 60),
        ScalingMetric::RequestsPerTarget => traffic("RequestCountPerTarget", "Sum", 60),
    };
    let (threshold, comparison) = match policy.threshold {
        Threshold::Above(value) => (value, "GreaterThanOrEqualToThreshold"),
        Threshold::Below(value) => (value, "LessThanOrEqualToThreshold"),
    };
    let alarm = Alarm {
        description: described(
            "The service scales in steps.",
            "Nothing; if it stays, see whether the service is at its maximum.",
            "cpu",
        ),
        threshold,
        comparison: comparison.to_owned(),
        actions: BTreeSet::from([policy_action(&name)]),
        ..on(Watched::Metric(watched), signed(policy.minutes))
    };
    (name, alarm)
}

const BELOW: &str = "LessThanThreshold";

/// An alarm on a value above zero in every one of `periods`, quiet where there are no data.
pub(super) fn on(watched: Watched, periods: i32) -> Alarm {
    Alarm {
        description: String::new(),
        watched,
        evaluation_periods: periods,
        datapoints_to_alarm: periods,
        threshold: 0.0,
        comparison: "GreaterThanThreshold".to_owned(),
        missing_data: "notBreaching".to_owned(),
        actions: BTreeSet::new(),
        ok_actions: BTreeSet::new(),
        actions_enabled: true,
    }
}

/// One formula over metrics, itself compared.
pub(super) fn calculation<const N: usize>(
    expression: String,
    metrics: [(&str, Measured); N],
) -> Watched {
    const ID: &str = "share";
    Watched::Calculation {
        expressions: BTreeMap::from([(ID.to_owned(), expression)]),
        metrics: metrics.map(|(id, metric)| (id.to_owned(), metric)).into(),
        compared: BTreeSet::from([ID.to_owned()]),
    }
}

/// What whoever is woken reads: what is wrong, what to do first, the runbook's section.
pub(super) fn described(what: &str, first: &str, section: &str) -> String {
    format!("{what} First: {first} Then: docs/runbook.md#{section}")
}

pub(super) fn actions(spec: &Spec) -> BTreeSet<String> {
    BTreeSet::from([spec.topic_arn()])
}

pub(super) fn name(spec: &Spec, what: &str) -> String {
    format!("{}-{what}", spec.name)
}

/// The part of a composite alarm's rule that says that an alarm of ours has fired.
pub(super) fn in_alarm(spec: &Spec, what: &str) -> String {
    format!("ALARM(\"{}\")", name(spec, what))
}

fn named<T>(spec: &Spec, alarms: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let named = alarms
        .into_iter()
        .map(|(what, alarm)| (name(spec, &what), alarm));
    named.collect()
}
