//! Service level objectives as alarms on how fast the error budget is spent.
//!
//! Google's SRE workbook, chapter 5, "multiwindow, multi-burn-rate alerts": a long window says that it matters, a short one
//! that it still goes on; both in ALARM are one alert. <https://sre.google/workbook/alerting-on-slos/>
//!
//! A window is one period of an alarm: CloudWatch takes any multiple of a minute, up to seven days for period times
//! periods where a period is an hour or more, and a day below that; three days and 30 minutes are within both.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use std::collections::{BTreeMap, BTreeSet};

use super::alarms::{actions, calculation, described, in_alarm, on};
use super::metric::traffic;
use crate::reconciler::resource::{Alarm, CompositeAlarm, Watched};
use crate::reconciler::spec::{LatencyObjective, Slo, Spec};

/// A pair of windows, and how many times faster than evenly the budget of 30 days is spent in both.
struct Burn {
    speed: &'static str,
    factor: f64,
    long: Window,
    short: Window,
    /// Of the budget, by the end of the long window: 2 %, 5 %, 10 %.
    spent_percent: u32,
    pages: bool,
}

struct Window {
    name: &'static str,
    seconds: i32,
}

/// The workbook's recommended parameters.
const BURNS: [Burn; 3] = [
    Burn {
        speed: "fast",
        factor: 14.4,
        long: Window {
            name: "1h",
            seconds: 3600,
        },
        short: Window {
            name: "5m",
            seconds: 300,
        },
        spent_percent: 2,
        pages: true,
    },
    Burn {
        speed: "medium",
        factor: 6.0,
        long: Window {
            name: "6h",
            seconds: 21_600,
        },
        short: Window {
            name: "30m",
            seconds: 1800,
        },
        spent_percent: 5,
        pages: true,
    },
    Burn {
        speed: "slow",
        factor: 1.0,
        long: Window {
            name: "3d",
            seconds: 259_200,
        },
        short: Window {
            name: "6h",
            seconds: 21_600,
        },
        spent_percent: 10,
        pages: false,
    },
];

/// Fewer bad requests than this in a long window are no burn, whatever share of little traffic they are: at 99.9 %, one
/// failure among 69 requests of an hour would page.
const BAD_REQUESTS_MIN: u32 = 5;

/// An objective: its name, the share of bad requests it allows in percent, and how a window's share is calculated.
struct Objective {
    name: &'static str,
    promise: String,
    budget_percent: f64,
    share: Box<dyn Fn(i32, u32) -> Watched>,
}

fn objectives(slo: &Slo) -> Vec<Objective> {
    let Slo {
        availability,
        latency,
    } = slo;
    let availability = availability.map(|percent| Objective {
        name: "slo-availability",
        promise: format!("{percent} % of requests without 5xx"),
        budget_percent: 100.0 - percent,
        share: Box::new(failed),
    });
    let latency = latency.map(|LatencyObjective { percent, seconds }| Objective {
        name: "slo-latency",
        promise: format!("{percent} % of requests within {seconds} s"),
        budget_percent: 100.0 - percent,
        share: Box::new(move |period, bad_min| slow(seconds, period, bad_min)),
    });
    availability.into_iter().chain(latency).collect()
}

/// Percent of a window's requests answered with 5xx, 0 below `bad_min` of them.
fn failed(period: i32, bad_min: u32) -> Watched {
    let share = format!("IF(FILL(errors, 0) >= {bad_min}, 100 * FILL(errors, 0) / requests, 0)");
    let metrics = [
        (
            "errors",
            traffic("HTTPCode_Target_5XX_Count", "Sum", period),
        ),
        ("requests", traffic("RequestCount", "Sum", period)),
    ];
    calculation(share, metrics)
}

/// Percent of a window's requests that took longer. `PR(:2)` is the percentage that took at most 2.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>
fn slow(seconds: f64, period: i32, bad_min: u32) -> Watched {
    let share = format!("IF(requests * (100 - within) / 100 >= {bad_min}, 100 - within, 0)");
    let within = format!("PR(:{seconds})");
    let metrics = [
        ("requests", traffic("RequestCount", "Sum", period)),
        ("within", traffic("TargetResponseTime", &within, period)),
    ];
    calculation(share, metrics)
}

/// Two alarms for each objective and speed; they notify nobody by themselves. Names without the unit's.
pub fn alarms(spec: &Spec) -> BTreeMap<String, Alarm> {
    let mut alarms = BTreeMap::new();
    for objective in objectives(&spec.slo) {
        for burn in &BURNS {
            let windows = [(&burn.long, BAD_REQUESTS_MIN), (&burn.short, 1)];
            for (window, bad_min) in windows {
                let alarm = Alarm {
                    description: described(
                        &format!(
                            "{}: the error budget is spent {} times as fast as it lasts 30 days, over {}.",
                            objective.promise, burn.factor, window.name
                        ),
                        "This is one of two windows; see whether the other one is in ALARM too.",
                        objective.name,
                    ),
                    threshold: millionths(objective.budget_percent * burn.factor),
                    ..on((objective.share)(window.seconds, bad_min), 1)
                };
                alarms.insert(
                    format!("{}-{}-{}", objective.name, burn.speed, window.name),
                    alarm,
                );
            }
        }
    }
    alarms
}

/// One for each objective and speed: both windows burn. The slow one notifies by itself, the others through the page.
pub fn composite_alarms(spec: &Spec) -> BTreeMap<String, CompositeAlarm> {
    let mut composites = BTreeMap::new();
    for objective in objectives(&spec.slo) {
        for burn in &BURNS {
            let what = format!("{}-{}", objective.name, burn.speed);
            let window = |window: &Window| in_alarm(spec, &format!("{what}-{}", window.name));
            let composite = CompositeAlarm {
                description: described(
                    &format!(
                        "{}: {} % of 30 days' budget is spent within {}, and it goes on.",
                        objective.promise, burn.spent_percent, burn.long.name
                    ),
                    "Find what began when the short window's alarm did: a rollout, a dependency, a client.",
                    objective.name,
                ),
                rule: format!("{} AND {}", window(&burn.long), window(&burn.short)),
                actions: if burn.pages {
                    BTreeSet::new()
                } else {
                    actions(spec)
                },
                ok_actions: BTreeSet::new(),
                actions_enabled: true,
                suppressor: None,
            };
            composites.insert(what, composite);
        }
    }
    composites
}

/// A threshold as a person writes it: 100 − 99.9 is not quite 0.1.
pub(super) fn millionths(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
