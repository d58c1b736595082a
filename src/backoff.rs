//! How long to wait before the next try.
//!
//! Takes the number of failures so far and a random number, gives a duration. Pure: it never sleeps and never
//! draws the random number itself.

use std::time::Duration;

/// Exponential backoff with jitter in its upper half: `floor · 2^failures`, at most `ceiling`, of which between half and
/// all is waited. `random` is in 0..1. The first failure is `failures == 0`.
///
/// Jitter keeps ten replicas from asking a recovering dependency in the same instant; the lower half is kept
/// so that a run of small random numbers does not become a busy loop.
pub fn delay(failures: u32, floor: Duration, ceiling: Duration, random: f64) -> Duration {
    // 2^16 times any sensible floor is past any sensible ceiling; the bound keeps the shift defined.
    let grown = floor.saturating_mul(1 << failures.min(16));
    let bounded = grown.min(ceiling);
    bounded.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::delay;
    use std::time::Duration;

    #[test]
    fn delays_double_up_to_the_ceiling_and_never_fall_below_half() {
        let (floor, ceiling) = (Duration::from_millis(100), Duration::from_secs(5));
        let longest: Vec<u128> = (0..8)
            .map(|n| delay(n, floor, ceiling, 1.0).as_millis())
            .collect();
        assert_eq!(longest, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(delay(1, floor, ceiling, 0.0).as_millis(), 100);
        assert_eq!(delay(u32::MAX, floor, ceiling, 1.0), ceiling);
    }
}
