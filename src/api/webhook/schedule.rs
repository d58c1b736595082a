//! When an event is tried again, and when it is given up.
//!
//! Takes what came of an attempt, gives what is to be done. Pure: age and randomness are arguments. The delays are those that Standard Webhooks
//! recommends; the first attempt is at once.

use std::time::Duration;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// After the first failure, the second, …; the last holds for all that follow.
const DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    minutes(5),
    minutes(30),
    minutes(2 * 60),
    minutes(5 * 60),
    minutes(10 * 60),
    minutes(14 * 60),
    minutes(20 * 60),
    minutes(24 * 60),
];
/// Of a delay, at most so much is added at random, so that what failed together is not tried again together.
const JITTER: f64 = 0.2;
/// What is asked for in `Retry-After` is waited for, but no longer than this.
pub const RETRY_AFTER_MAX: Duration = minutes(60);
/// An event of a change so long ago is tried no more. One that waited so long behind an earlier one is tried once.
pub const DEADLINE: Duration = minutes(72 * 60);

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A status from 200 to 299.
    Delivered,
    /// 410: the receiver wants nothing more.
    Gone,
    /// Anything else; how long the receiver asked to be left alone.
    Failed {
        /// `Retry-After`, in seconds.
        retry_after: Option<Duration>,
    },
}

/// What is to be done with the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is done with.
    Done,
    /// It is tried again after this long.
    Retry(Duration),
    /// It is never tried again, and those after it are.
    GiveUp,
    /// Nothing is sent to this endpoint any more.
    Disable,
}

/// What follows from an attempt at an event of a change `age` ago that had failed `failures` times before. `random` is in 0..1.
pub fn next(outcome: Outcome, failures: u32, age: Duration, random: f64) -> Next {
    let retry_after = match outcome {
        Outcome::Delivered => return Next::Done,
        Outcome::Gone => return Next::Disable,
        Outcome::Failed { retry_after } => retry_after.unwrap_or_default().min(RETRY_AFTER_MAX),
    };
    let step = usize::try_from(failures).unwrap_or(usize::MAX);
    let [.., last] = DELAYS;
    let delay = DELAYS.get(step).copied().unwrap_or(last);
    let delay = delay.mul_f64(1.0 + JITTER * random.clamp(0.0, 1.0));
    let delay = delay.max(retry_after);
    if age.saturating_add(delay) > DEADLINE {
        return Next::GiveUp;
    }
    Next::Retry(delay)
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    const FAILED: Outcome = Outcome::Failed { retry_after: None };

    /// Every attempt at an event that is never taken, in seconds after its change.
    fn attempts(outcome: Outcome, first_at: Duration, random: f64) -> Vec<u64> {
        let (mut age, mut at) = (first_at, Vec::new());
        loop {
            at.push(age.as_secs());
            let failures = u32::try_from(at.len() - 1).unwrap_or(u32::MAX);
            match next(outcome, failures, age, random) {
                Next::Retry(delay) => age += delay,
                Next::GiveUp => return at,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_event_is_tried_at_growing_intervals_within_three_days() {
        let expected = [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705];
        assert_eq!(attempts(FAILED, Duration::ZERO, 0.0), expected);
        for random in [0.0, 0.5, 1.0] {
            let at = attempts(FAILED, Duration::ZERO, random);
            assert!((8..=9).contains(&at.len()), "{at:?}");
            assert!(at.iter().all(|at| *at <= DEADLINE.as_secs()), "{at:?}");
            // The receiver can be away for two days and miss nothing.
            assert!(at.iter().any(|at| *at > 30 * 3600), "{at:?}");
        }
        // What waited behind another for longer is tried once all the same.
        assert_eq!(attempts(FAILED, DEADLINE * 2, 0.0).len(), 1);
    }

    #[test]
    fn what_the_receiver_asks_for_is_obeyed_within_bounds() {
        let asked = |seconds| Outcome::Failed {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let after = |outcome, failures| next(outcome, failures, Duration::ZERO, 0.0);
        assert_eq!(after(asked(60), 0), Next::Retry(Duration::from_secs(60)));
        assert_eq!(after(asked(1), 0), Next::Retry(Duration::from_secs(5)));
        assert_eq!(after(asked(u64::MAX), 0), Next::Retry(RETRY_AFTER_MAX));
        assert_eq!(after(asked(u64::MAX), 3), Next::Retry(minutes(120)));
        assert_eq!(after(Outcome::Delivered, 3), Next::Done);
        assert_eq!(after(Outcome::Gone, 0), Next::Disable);
        // However often the receiver asks for more time, there is an end.
        assert!(attempts(asked(u64::MAX), Duration::ZERO, 0.0).len() <= 12);
    }
}
