//! Whether one endpoint may be asked: its circuit breaker, its proof of serving our chain, and how far it is behind.
//!
//! Takes what happened and the time, gives decisions. Pure: the clock and the jitter are arguments.

use super::Fault;
use crate::backoff;
use std::time::Duration;
use tokio::time::Instant;

/// Consecutive faults that open the breaker.
const FAULTS_MAX: u32 = 3;
/// How long it stays open, doubling with each probe that fails.
const OPEN: Duration = Duration::from_secs(1);
const OPEN_MAX: Duration = Duration::from_secs(30);
/// A probe under way keeps others from probing too; longer than any request.
const PROBE: Duration = Duration::from_secs(5);
/// Further behind than this an endpoint is demoted at once.
const LAG_BLOCKS_MAX: u64 = 3;
/// Behind at all for longer than this an endpoint is demoted, however slow the chain's blocks.
const LAG_MAX: Duration = Duration::from_secs(30);

/// What is known of one endpoint.
#[derive(Debug, Default)]
pub struct Standing {
    /// It has named our chain since its breaker last opened.
    proved: bool,
    faults: u32,
    /// The breaker is open until then; from then on one request is a probe.
    retry_at: Option<Instant>,
    head: Option<u64>,
    behind_blocks: u64,
    behind_since: Option<Instant>,
}

/// How an endpoint may be used now, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// For everything.
    Healthy,
    /// It answers, and is behind: for broadcasts, and for reads when no other is left.
    Lagging,
    /// Its breaker is open and one request may try it.
    Due,
    /// Its breaker is open: only when nothing else is left.
    Open,
}

impl Standing {
    /// How it may be used at `now`.
    pub fn rank(&self, now: Instant) -> Rank {
        match self.retry_at {
            Some(at) if now < at => Rank::Open,
            Some(_) => Rank::Due,
            None if self.lags(now) => Rank::Lagging,
            None => Rank::Healthy,
        }
    }

    /// It is about to be asked. A probe takes the only place there is for one.
    pub fn asked(&mut self, now: Instant) {
        if let Some(at) = &mut self.retry_at {
            *at = now + PROBE;
        }
    }

    /// It gave an answer of any content.
    pub fn answered(&mut self) {
        self.faults = 0;
        self.retry_at = None;
    }

    /// It named our chain.
    pub fn prove(&mut self) {
        self.proved = true;
    }

    /// Whether it need not be asked for its chain.
    pub fn is_proved(&self) -> bool {
        self.proved
    }

    /// It did not answer, or not as it should. `random` is in 0..1.
    pub fn faulted(&mut self, fault: Fault, now: Instant, random: f64) {
        let at_once = match fault {
            Fault::WrongChain { .. } | Fault::Untrusted => true,
            Fault::TimedOut | Fault::Unreachable | Fault::Status(_) | Fault::Garbled => false,
            // It is well, and cannot know this.
            Fault::Behind => return,
        };
        self.faults = if at_once {
            self.faults.max(FAULTS_MAX - 1) + 1
        } else {
            self.faults.saturating_add(1)
        };
        if let Some(opened) = self.faults.checked_sub(FAULTS_MAX) {
            self.proved = false;
            self.retry_at = Some(now + backoff::delay(opened, OPEN, OPEN_MAX, random));
        }
    }

    /// It says that its newest block is `head`, while `reference` is taken for the newest of all.
    pub fn saw_head(&mut self, head: u64, reference: u64, now: Instant) {
        self.head = Some(head);
        self.behind_blocks = reference.saturating_sub(head);
        if self.behind_blocks == 0 {
            self.behind_since = None;
        } else {
            self.behind_since.get_or_insert(now);
        }
    }

    /// The newest block it spoke of.
    pub fn head(&self) -> Option<u64> {
        self.head
    }

    fn lags(&self, now: Instant) -> bool {
        self.behind_blocks > LAG_BLOCKS_MAX
            || self
                .behind_since
                .is_some_and(|since| now.duration_since(since) > LAG_MAX)
    }
}

/// The head that lag is measured against: the highest; of three or more the second highest, so that one endpoint which invents a height demotes nobody.
pub fn reference(heads: &[u64]) -> Option<u64> {
    let sorted = descending(heads);
    sorted.get(usize::from(sorted.len() > 2)).copied()
}

/// The height that most endpoints have reached: what depth is counted from.
pub fn reached(heads: &[u64]) -> Option<u64> {
    let sorted = descending(heads);
    sorted.get(sorted.len() / 2).copied()
}

fn descending(heads: &[u64]) -> Vec<u64> {
    let mut sorted = heads.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_breaker_opens_after_three_faults_lets_one_probe_through_and_doubles() {
        let start = Instant::now();
        let mut standing = Standing::default();
        standing.prove();
        let fault = |standing: &mut Standing, at| standing.faulted(Fault::TimedOut, at, 1.0);
        fault(&mut standing, start);
        fault(&mut standing, start);
        assert_eq!(standing.rank(start), Rank::Healthy);
        assert!(standing.is_proved());
        fault(&mut standing, start);
        assert_eq!(standing.rank(start), Rank::Open);
        // On re-entry it must name its chain again.
        assert!(!standing.is_proved());
        let later = start + seconds(1);
        assert_eq!(standing.rank(later), Rank::Due);
        standing.asked(later);
        assert_eq!(standing.rank(later), Rank::Open, "one probe at a time");
        fault(&mut standing, later);
        assert_eq!(standing.rank(later + seconds(1)), Rank::Open);
        assert_eq!(standing.rank(later + seconds(2)), Rank::Due);
        for _ in 0..50 {
            fault(&mut standing, later);
        }
        assert_eq!(standing.rank(later + seconds(30)), Rank::Due);
        standing.answered();
        assert_eq!(standing.rank(later), Rank::Healthy);
        // An answer in between starts the count anew.
        fault(&mut standing, later);
        fault(&mut standing, later);
        assert_eq!(standing.rank(later), Rank::Healthy);
    }

    #[test]
    fn another_chain_opens_the_breaker_at_once_and_missing_history_never() {
        let now = Instant::now();
        let mut standing = Standing::default();
        for _ in 0..9 {
            standing.faulted(Fault::Behind, now, 1.0);
        }
        assert_eq!(standing.rank(now), Rank::Healthy);
        let (found, expected) = (1, 2);
        standing.faulted(Fault::WrongChain { found, expected }, now, 1.0);
        assert_eq!(standing.rank(now), Rank::Open);
    }

    #[test]
    fn more_than_three_blocks_or_thirty_seconds_behind_is_a_demotion_until_it_catches_up() {
        let start = Instant::now();
        let mut standing = Standing::default();
        let rank = |standing: &Standing, after| standing.rank(start + seconds(after));
        standing.saw_head(97, 100, start);
        assert_eq!(rank(&standing, 0), Rank::Healthy);
        standing.saw_head(97, 101, start);
        assert_eq!(rank(&standing, 0), Rank::Lagging);
        standing.saw_head(101, 101, start);
        assert_eq!(rank(&standing, 0), Rank::Healthy);
        // One block behind, with blocks so slow that it never becomes four.
        standing.saw_head(101, 102, start);
        assert_eq!(rank(&standing, 30), Rank::Healthy);
        assert_eq!(rank(&standing, 31), Rank::Lagging);
    }

    #[test]
    fn one_of_three_endpoints_can_neither_invent_a_height_nor_hold_the_others_back() {
        for (heads, expected) in [
            (vec![], (None, None)),
            (vec![7], (Some(7), Some(7))),
            (vec![7, 9], (Some(9), Some(7))),
            (vec![100, 100, 1_000_000], (Some(100), Some(100))),
            (vec![3, 100, 101], (Some(100), Some(100))),
        ] {
            assert_eq!((reference(&heads), reached(&heads)), expected, "{heads:?}");
        }
    }
}
