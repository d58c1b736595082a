//! When to stop writing: the same steps again and again are a fight with another writer, or a step that AWS takes and that
//! changes nothing.
//!
//! Takes each list of steps that was tried, when, and for what, says whether one more try is sensible. Counts a list whether the ones
//! between were the same (A, A) or not (A, B, A), and whether all was well in between or not. Pure: the time, since any
//! fixed moment, is an argument. It forgets what is older than [`WINDOW`], so who is stopped tries again later, seldom; and all of
//! it once something else is wanted: five rollouts of an hour each suspend scaling in and resume it, and are no fight.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::plan::Plan;
use super::resource::Resources;

/// How often one and the same list of steps is tried within [`WINDOW`]: a step that AWS accepts this often and that is
/// still planned, or that it refuses this often, will not fare better.
pub const SAME_STEPS_MAX: usize = 5;
/// As long as a change by hand and its healing every few minutes are one fight, and short enough that one that has ended
/// is healed the same day. Longer than any one run's passes take.
pub const WINDOW: Duration = Duration::from_secs(3600);
/// Different lists remembered; what a unit can be brought to plan within an hour is far less.
const LISTS_MAX: usize = 256;

/// What was tried lately.
#[derive(Debug, Default)]
pub struct Watchdog {
    tried: BTreeMap<String, VecDeque<Duration>>,
    wanted: Option<Resources>,
}

impl Watchdog {
    /// From now on this is wanted: what was tried for something else says nothing of it.
    pub fn wants(&mut self, wanted: &Resources) {
        if self.wanted.as_ref() != Some(wanted) {
            *self = Watchdog {
                tried: BTreeMap::new(),
                wanted: Some(wanted.clone()),
            };
        }
    }

    /// Whether the plan's steps were tried so often that they are not to be tried now.
    pub fn stops(&mut self, plan: &Plan, now: Duration) -> bool {
        self.forget(now);
        let tried = self.tried.get(&key(plan));
        tried.is_some_and(|times| times.len() >= SAME_STEPS_MAX)
    }

    /// The plan's steps were tried.
    pub fn tried(&mut self, plan: &Plan, now: Duration) {
        self.forget(now);
        let key = key(plan);
        if !plan.steps.is_empty() && (self.tried.len() < LISTS_MAX || self.tried.contains_key(&key))
        {
            self.tried.entry(key).or_default().push_back(now);
        }
    }

    fn forget(&mut self, now: Duration) {
        self.tried.retain(|_, times| {
            times.retain(|at| now.saturating_sub(*at) < WINDOW);
            !times.is_empty()
        });
    }
}

fn key(plan: &Plan) -> String {
    format!("{:?}", plan.steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciler::desired::desired;
    use crate::reconciler::manifest::Manifest;
    use crate::reconciler::plan::{Call, Kind, Step, Subject};
    use crate::reconciler::spec::Spec;

    fn plan(alarms: &[&str]) -> Plan {
        let step = |name: &&str| Step {
            subject: Subject::new(Kind::Alarm, name),
            call: Call::DeleteAlarm {
                name: (*name).to_owned(),
            },
            changes: Vec::new(),
        };
        Plan {
            unit: "unit".to_owned(),
            steps: alarms.iter().map(step).collect(),
            waiting: Vec::new(),
            blocked: Vec::new(),
            notes: Vec::new(),
            diagnosis: None,
        }
    }

    fn at(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn the_same_steps_are_stopped_also_when_others_are_between_them_and_tried_again_after_the_window()
     {
        let (a, b) = (plan(&["a"]), plan(&["b"]));
        let mut watchdog = Watchdog::default();
        for minute in 0..5 {
            assert!(!watchdog.stops(&a, at(minute)), "try {minute}");
            watchdog.tried(&a, at(minute));
            if minute % 2 == 0 {
                watchdog.tried(&b, at(minute));
            }
        }
        assert!(watchdog.stops(&a, at(5)), "five tries of A");
        assert!(!watchdog.stops(&b, at(5)), "three of B");
        assert!(watchdog.stops(&a, at(59)));
        assert!(!watchdog.stops(&a, at(60)), "the first is an hour ago");
        watchdog.tried(&a, at(60));
        assert!(!watchdog.stops(&a, at(61)), "and so is the second");
        watchdog.tried(&a, at(61));
        assert!(watchdog.stops(&a, at(61)), "five within the hour");
    }

    #[test]
    fn what_was_tried_for_something_else_does_not_count() {
        let wanted = |days: &str| {
            let text = include_str!("../../manifests/development.yaml");
            let text = text.replace("retentionDays: 30", days);
            let manifest = Manifest::parse("development.yaml", &text).unwrap();
            desired(&Spec::believe(&manifest).unwrap())
        };
        let (one, other) = (wanted("retentionDays: 30"), wanted("retentionDays: 90"));
        let (a, mut watchdog) = (plan(&["a"]), Watchdog::default());
        watchdog.wants(&one);
        for _ in 0..5 {
            watchdog.wants(&one);
            watchdog.tried(&a, at(0));
        }
        assert!(watchdog.stops(&a, at(0)));
        watchdog.wants(&other);
        assert!(!watchdog.stops(&a, at(0)));
    }

    #[test]
    fn a_plan_without_steps_is_never_stopped() {
        let mut watchdog = Watchdog::default();
        for _ in 0..20 {
            watchdog.tried(&plan(&[]), at(0));
        }
        assert!(!watchdog.stops(&plan(&[]), at(0)));
    }
}
