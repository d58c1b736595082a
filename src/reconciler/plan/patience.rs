//! How long a rollout may be without one healthy task, and how long a run waits for all of it, from the manifest's own numbers.
//!
//! Pure: sums of what the unit's settings allow, and of what AWS has been seen to take. All are upper bounds with room: being
//! late with giving up costs minutes, being early undoes a good rollout, or calls it a failure.

use std::fmt;
use std::time::Duration;

use super::impact::duration::{START_SECONDS, batches, watched_seconds};
use super::impact::positive;
use crate::reconciler::resource::Resources;
use crate::reconciler::spec::{Asks, Shift, Shifting, Spec, Strategy};

/// Fetching the image of the first task, beyond what starting takes anyway: far more than 200 MB need.
const PULL_SECONDS: u32 = 300;
/// How wrong this machine's clock may be: AWS refuses requests signed by one that is more than five minutes off.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html>
const CLOCK_SECONDS: u32 = 300;
/// What comes before the first task and after the last: a dozen resources in four waves, a second each at least, and the proof.
const AROUND_SECONDS: u32 = 120;
/// A function that answers a hook is asked again every 30 s; none of ours takes more than a few of those.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>
const FUNCTION_SECONDS: u32 = 300;

/// How long after its start a rollout may be without one healthy task: start, pull, grace, and whichever check takes longer to
/// be sure.
pub fn first_healthy_seconds(desired: &Resources) -> i64 {
    i64::from(START_SECONDS.1 + PULL_SECONDS + CLOCK_SECONDS + healthy_seconds(desired))
}

/// From a running container to one that every check is sure of.
fn healthy_seconds(desired: &Resources) -> u32 {
    let check = &desired.target_group.health_check;
    let container = &desired.task_definition.container;
    let balancer = positive(check.interval_seconds) * positive(check.unhealthy_threshold);
    let command = positive(container.health_start_period_seconds)
        + positive(container.health_interval_seconds) * positive(container.health_retries);
    let grace = positive(desired.service.grace_period_seconds);
    (grace + balancer).max(command)
}

/// How long one run waits, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// What is waited for, in words, and for how many seconds.
    pub parts: Vec<(String, u32)>,
}

impl Deadline {
    /// All of it.
    pub fn total(&self) -> Duration {
        let seconds = self.parts.iter().map(|(_, seconds)| u64::from(*seconds));
        Duration::from_secs(seconds.sum())
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(what, seconds)| format!("{what} {seconds} s"))
            .collect();
        write!(f, "{} s ({})", self.total().as_secs(), parts.join(", "))
    }
}

/// How long a run waits for a whole rollout of as many tasks as there may be, with every step, bake and answer that the manifest
/// asks for, and for ECS to undo it. A person has the time that the manifest gives; ECS goes on or back after it.
pub fn deadline(spec: &Spec, desired: &Resources) -> Deadline {
    let start = START_SECONDS.1 + PULL_SECONDS + healthy_seconds(desired);
    let drain = u32::try_from(desired.target_group.deregistration_delay_seconds).unwrap_or(0);
    let drain = drain + positive(desired.task_definition.container.stop_timeout_seconds);
    let mut parts = vec![("before and after".to_owned(), AROUND_SECONDS)];
    match &spec.rollout {
        Strategy::Rolling => {
            let most = i32::try_from(spec.scaling.max).unwrap_or(i32::MAX);
            let batches = batches(&desired.service, most);
            let times = if batches == 1 {
                String::new()
            } else {
                format!(", {batches} times")
            };
            let what = format!("start, pull, check, drain and stop{times}");
            parts.push((what, batches * (start + drain)));
        }
        Strategy::Shifting(shifting) => {
            parts.push(("start, pull and check".to_owned(), start));
            parts.extend(moving(shifting));
            parts.push(("drain and stop".to_owned(), drain));
        }
    }
    let bake = positive(desired.service.bake_minutes) * 60;
    let watched = watched_seconds(desired, &desired.service).saturating_sub(bake);
    parts.extend((watched > 0).then(|| ("alarms watched".to_owned(), watched)));
    parts.push(("going back".to_owned(), start + drain));
    Deadline { parts }
}

/// What moving requests takes beside the tasks.
fn moving(shifting: &Shifting) -> Vec<(String, u32)> {
    let Shifting {
        shift,
        bake_minutes,
        target_group: _,
        test: _,
        hooks,
    } = shifting;
    let steps = match shift {
        Shift::BlueGreen => 0,
        Shift::Canary(step) => step.bake_minutes,
        // The last step is followed by the bake of all.
        Shift::Linear(step) => (100_u32.div_ceil(step.percent.max(1)) - 1) * step.bake_minutes,
    };
    let (mut functions, mut people) = (0, 0);
    for hook in hooks {
        let stages = u32::try_from(hook.stages.len()).unwrap_or(u32::MAX);
        match &hook.asks {
            Asks::Function(_) => functions += stages * FUNCTION_SECONDS,
            Asks::Person {
                timeout_minutes,
                timeout_continues: _,
            } => people += stages * timeout_minutes * 60,
        }
    }
    [
        ("steps", steps * 60),
        ("bake", bake_minutes * 60),
        ("functions", functions),
        ("people", people),
    ]
    .into_iter()
    .filter(|(_, seconds)| *seconds > 0)
    .map(|(what, seconds)| (what.to_owned(), seconds))
    .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::reconciler::desired::desired;
    use crate::reconciler::manifest::Manifest;

    const DEVELOPMENT: &str = include_str!("../../../manifests/development.yaml");

    #[test]
    fn a_run_waits_for_what_the_manifest_asks_for() {
        let rows = [
            (
                "{}",
                "1140 s (before and after 120 s, start, pull, check, drain and stop 510 s, going back 510 s)",
            ),
            (
                "{strategy: blueGreen}",
                "1440 s (before and after 120 s, start, pull and check 450 s, bake 300 s, drain and stop 60 s, going back 510 s)",
            ),
            (
                "{strategy: canary, stepPercent: 5, stepBakeMinutes: 10, bakeMinutes: 0}",
                "1740 s (before and after 120 s, start, pull and check 450 s, steps 600 s, drain and stop 60 s, going back 510 s)",
            ),
            (
                "{strategy: linear, stepPercent: 30, stepBakeMinutes: 2, bakeMinutes: 1}",
                "1560 s (before and after 120 s, start, pull and check 450 s, steps 360 s, bake 60 s, drain and stop 60 s, going back 510 s)",
            ),
            (
                "{strategy: blueGreen, bakeMinutes: 0, hooks: [{at: [postScaleUp, preProductionTrafficShift], timeoutMinutes: 60}, {at: [preScaleUp], function: 'arn:aws:lambda:us-east-1:932100697590:function:gate'}]}",
                "8640 s (before and after 120 s, start, pull and check 450 s, functions 300 s, people 7200 s, drain and stop 60 s, going back 510 s)",
            ),
        ];
        for (rollout, want) in rows {
            let rollout = format!("  rollout: {rollout}\n  discovery:");
            let text = DEVELOPMENT.replace("  discovery:", &rollout);
            let spec = Spec::believe(&Manifest::parse("m.yaml", &text).unwrap()).unwrap();
            let mut desired = desired(&spec);
            desired.service.alarms.clear();
            let told = deadline(&spec, &desired).to_string();
            assert_eq!(told, want, "{rollout}");
        }
    }

    #[test]
    fn what_may_run_at_once_makes_the_batches() {
        let spec = Spec::believe(&Manifest::parse("m.yaml", DEVELOPMENT).unwrap()).unwrap();
        let mut desired = desired(&spec);
        desired.service.healthy_percent_max = 120;
        desired.service.alarms = desired.alarms.keys().take(1).cloned().collect();
        let told = deadline(&spec, &desired).to_string();
        assert!(
            told.contains("stop, 5 times 2550 s, alarms watched "),
            "{told}"
        );
    }
}
