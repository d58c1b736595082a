//! Alarms in time: when each is evaluated, the state that follows, and its actions.
//!
//! Takes the world and the time. Metric alarms are evaluated at every full minute, those with a period below a minute every
//! ten seconds, over the periods that end there: "if the period is 5 minutes … at the end of minute 6, the alarm evaluates
//! minutes 2 to 6" (AmazonCloudWatch/latest/monitoring/alarm-evaluation.html). Composite ones follow at once, in `alarms`.

use super::action;
use super::alarm::evaluate::{EXTRA_PERIODS, Verdict};
use super::alarm::reason;
use super::alarm::{Alarm, Kind};
use super::alarms::set;
use super::read::series::series;
use crate::simulator::autoscaling;
use crate::simulator::call::Millis;
use crate::simulator::world::World;

const TICK_MILLIS: Millis = 10_000;
const MINUTE_MILLIS: Millis = 60_000;

/// Moves every alarm to `now`.
pub fn step(world: &mut World, now: Millis) {
    action::release(world, now);
    let tick = now - now % TICK_MILLIS;
    let last = std::mem::replace(&mut world.cloudwatch.evaluated, tick);
    if tick == last {
        return;
    }
    let is_new_minute = tick / MINUTE_MILLIS != last / MINUTE_MILLIS;
    let due = |alarm: &Alarm| match &alarm.kind {
        Kind::Metric(watch) => is_new_minute || watch.period() < MINUTE_MILLIS,
        Kind::Composite(_) => false,
    };
    let names: Vec<String> = world
        .cloudwatch
        .alarms
        .iter()
        .filter(|(_, alarm)| due(alarm))
        .map(|(name, _)| name.clone())
        .collect();
    for name in names {
        evaluate(world, &name, tick, now);
    }
}

fn evaluate(world: &mut World, name: &str, tick: Millis, now: Millis) {
    let Some(alarm) = world.cloudwatch.alarms.get(name) else {
        return;
    };
    let Kind::Metric(watch) = &alarm.kind else {
        return;
    };
    let Some(criterion) = watch.criterion() else {
        return;
    };
    let period = watch.period();
    let end = tick - tick % period.min(MINUTE_MILLIS);
    let begin = |periods: usize| end.saturating_sub(period.saturating_mul(periods as u64));
    if let Some((least, query)) = watch.samples_min() {
        let counts = series(world, &[query], begin(criterion.periods), end);
        if counts.values().sum::<f64>() < least {
            return;
        }
    }
    let periods = criterion.periods + EXTRA_PERIODS;
    let points = series(world, &watch.queries(), begin(periods), end);
    let range: Vec<(Millis, Option<f64>)> = (1..=periods)
        .rev()
        .map(|back| {
            let at = begin(back);
            (at, points.get(&at).copied())
        })
        .collect();
    let recent = range.iter().rev().filter_map(|(_, value)| *value);
    let recent = recent.take(criterion.periods).collect();
    if let Verdict::State {
        value,
        evaluated,
        filled,
    } = criterion.judge(&range)
        && value != alarm.state.value
    {
        let words = reason::words(&criterion, value, &evaluated, filled);
        let data = reason::data(&criterion, watch.of_reason(), &evaluated, now);
        let path = &mut vec![name.to_owned()];
        set(world, name, value, words, Some(data), now, path);
    }
    trigger_scaling(world, name, recent);
}

/// "For Amazon EC2 Auto Scaling actions, the alarm continues to invoke the action for every period that the alarm remains in
/// the new state"; Application Auto Scaling's are the same. `recent` are the datapoints it was judged by, newest first.
pub(super) fn trigger_scaling(world: &mut World, name: &str, recent: Vec<f64>) {
    let Some(alarm) = world.cloudwatch.alarms.get(name) else {
        return;
    };
    let threshold = match &alarm.kind {
        Kind::Metric(watch) => watch.criterion().map(|criterion| criterion.threshold),
        Kind::Composite(_) => None,
    };
    let Some(threshold) = threshold else {
        return;
    };
    let policies: Vec<String> = alarm
        .common
        .actions_in(alarm.state.value)
        .iter()
        .filter(|action| action.starts_with("arn:aws:autoscaling:"))
        .cloned()
        .collect();
    let state = alarm.state.value;
    for policy in policies {
        let trigger = autoscaling::Trigger {
            policy,
            alarm: name.to_owned(),
            state,
            threshold,
            recent: recent.clone(),
        };
        autoscaling::triggered(world, trigger);
    }
}
