//! Which unit is looked at next, and when.
//!
//! Takes wishes (a unit, a time) and says whose time has come. A unit is in it once, with the earliest time anyone wished
//! for, and never given out a second time before it is brought back; what is wished for meanwhile waits for that. Pure:
//! times are durations since any fixed moment. Does not know what is done with a unit, nor where units come from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The units that are to be looked at. As large as the number of units, which its user bounds.
#[derive(Debug, Default)]
pub struct Queue {
    due: BTreeMap<String, Duration>,
    running: BTreeSet<String>,
}

impl Queue {
    /// `unit` is to be looked at then, or earlier if somebody wished that.
    pub fn request(&mut self, unit: &str, at: Duration) {
        let due = self.due.entry(unit.to_owned()).or_insert(at);
        *due = at.min(*due);
    }

    /// The unit that has waited longest past its time, which is the caller's until [`Queue::done`].
    pub fn take(&mut self, now: Duration) -> Option<String> {
        let (_, unit) = self.waiting().filter(|(at, _)| *at <= now).min()?;
        let unit = unit.to_owned();
        self.due.remove(&unit);
        self.running.insert(unit.clone());
        Some(unit)
    }

    /// The caller is through with it.
    pub fn done(&mut self, unit: &str) {
        self.running.remove(unit);
    }

    /// It is not to be looked at any more. If it is out, that look is the last.
    pub fn forget(&mut self, unit: &str) {
        self.due.remove(unit);
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Duration> {
        self.waiting().map(|(at, _)| at).min()
    }

    fn waiting(&self) -> impl Iterator<Item = (Duration, &str)> {
        let idle = self
            .due
            .iter()
            .filter(|(unit, _)| !self.running.contains(*unit));
        idle.map(|(unit, at)| (*at, unit.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_earliest_wish_wins_and_a_unit_is_in_it_once() {
        let mut queue = Queue::default();
        queue.request("a", at(300));
        queue.request("a", at(10));
        queue.request("a", at(20));
        assert_eq!(queue.next(), Some(at(10)));
        assert_eq!(queue.take(at(9)), None);
        assert_eq!(queue.take(at(10)).as_deref(), Some("a"));
        assert_eq!((queue.take(at(1000)), queue.next()), (None, None));
    }

    #[test]
    fn a_wish_for_a_unit_that_is_out_waits_until_it_is_back() {
        let mut queue = Queue::default();
        queue.request("a", at(0));
        queue.take(at(0));
        queue.request("a", at(1));
        assert_eq!((queue.take(at(5)), queue.next()), (None, None));
        queue.done("a");
        assert_eq!(queue.take(at(5)).as_deref(), Some("a"));
    }

    #[test]
    fn who_has_waited_longest_is_first_and_who_is_forgotten_does_not_come_back() {
        let mut queue = Queue::default();
        for (unit, due) in [("late", 3), ("early", 1), ("gone", 2)] {
            queue.request(unit, at(due));
        }
        queue.forget("gone");
        assert_eq!(queue.take(at(9)).as_deref(), Some("early"));
        queue.forget("early");
        queue.done("early");
        assert_eq!(queue.take(at(9)).as_deref(), Some("late"));
        assert_eq!(queue.take(at(9)), None);
    }

    /// Random wishes from many sides: never two at once, nothing early, nothing lost.
    #[test]
    fn nothing_is_lost_doubled_or_early() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut queue, mut out) = (Queue::default(), BTreeSet::new());
            // The earliest wish that has not been answered by a take that began at or after it.
            let mut wished: BTreeMap<String, Duration> = BTreeMap::new();
            for now in 0..500 {
                let unit = random.u8(0..6).to_string();
                if random.bool() {
                    let due = at(now + random.u64(0..40));
                    queue.request(&unit, due);
                    let first = wished.entry(unit).or_insert(due);
                    *first = due.min(*first);
                } else if out.remove(&unit) {
                    queue.done(&unit);
                }
                while let Some(taken) = queue.take(at(now)) {
                    let due = wished.remove(&taken);
                    assert!(due.is_some_and(|due| due <= at(now)), "seed {seed}: early");
                    assert!(out.insert(taken), "seed {seed}: twice at once");
                }
                let lost = wished
                    .iter()
                    .find(|(unit, due)| **due <= at(now) && !out.contains(*unit));
                assert_eq!(lost, None, "seed {seed}");
            }
        }
    }
}
