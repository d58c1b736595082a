//! The table: every fault, what is expected, and the run that shows it. Numbers are those of `peers-relayers.md` §6.5; `21b` was found missing there; `M2` to `M4` are the
//! demonstrations that issue 7 asks for.

mod chain;
mod clients;
mod crashes;
mod endpoints;
mod keys;
mod redis;
mod replicas;
mod storm;
mod streams;
mod webhooks;

use crate::world::Concluded;
use std::pin::Pin;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    /// The fault and what is expected.
    pub fault: &'static str,
    /// Needs the machine for itself.
    pub alone: bool,
    pub run: Scenario,
}

/// A run that ends in an audit.
pub type Scenario = fn() -> Pin<Box<dyn Future<Output = Concluded>>>;

macro_rules! row {
    ($name:literal, $fault:literal, alone $run:path) => {
        Row {
            name: $name,
            fault: $fault,
            alone: true,
            run: || Box::pin($run()),
        }
    };
    ($name:literal, $fault:literal, $run:path) => {
        Row {
            name: $name,
            fault: $fault,
            alone: false,
            run: || Box::pin($run()),
        }
    };
}

pub const TABLE: &[Row] = &[
    row!(
        "1",
        "kill -9 before and after accepting: nothing answered is lost",
        crashes::accept
    ),
    row!(
        "2",
        "kill -9 after the preflight: asked again",
        crashes::preflight
    ),
    row!(
        "3",
        "kill -9 after signing: nothing was sent",
        crashes::sign
    ),
    row!(
        "4",
        "kill -9 before and after saving what was signed: the same bytes are sent",
        crashes::save_signed
    ),
    row!(
        "5",
        "kill -9 before and after sending: the same bytes are sent",
        crashes::send
    ),
    row!(
        "6",
        "kill -9 before and after saving that it was sent",
        crashes::save_broadcast
    ),
    row!(
        "7",
        "kill -9 before and after saving a replacement",
        crashes::save_replacement
    ),
    row!(
        "8",
        "kill -9 before and after saving that it is mined",
        crashes::save_mined
    ),
    row!(
        "9",
        "kill -9 before and after saving the outcome",
        crashes::save_outcome
    ),
    row!(
        "10",
        "kill -9 before and after posting a webhook: posted again under the same id",
        crashes::webhook
    ),
    row!(
        "11",
        "SIGTERM with 100 in flight: exit 0 in time, taken over in under 1 s",
        replicas::terminated
    ),
    row!(
        "12",
        "ten replicas start together: one leader",
        replicas::ten
    ),
    row!(
        "13",
        "the leader stopped past its lease, then continued: its writes are refused",
        replicas::stopped
    ),
    row!("14", "wall clocks an hour apart", replicas::clocks),
    row!(
        "15",
        "Redis restarts, keeping its file: pause, then on",
        redis::restart
    ),
    row!(
        "16",
        "Redis fails over to a replica that was behind",
        redis::failover
    ),
    row!(
        "17",
        "FLUSHALL: quarantine, rebuilt from the chain's logs",
        redis::flushed
    ),
    row!(
        "18",
        "Redis read-only, out of memory, slow, cut off in a script: 503, and read back",
        redis::refuses
    ),
    row!(
        "19",
        "a node takes the transaction and does not answer",
        endpoints::silent_after_send
    ),
    row!(
        "20",
        "5xx, 429, HTML, truncated, another's reply, 64 MiB, closed: another endpoint",
        endpoints::garbage
    ),
    row!(
        "21",
        "one endpoint gives a nonce of the past",
        endpoints::stale_nonce
    ),
    row!(
        "21b",
        "one endpoint gives a nonce that was never given out: no gap",
        endpoints::future_nonce
    ),
    row!(
        "22",
        "receipts that come and go: no verdict",
        endpoints::receipts_flicker
    ),
    row!(
        "23",
        "one endpoint on a fork, one on another chain",
        endpoints::forked
    ),
    row!(
        "24",
        "every endpoint away: accepted, not ready, then on",
        endpoints::all_away
    ),
    row!(
        "25",
        "already known, nonce too low, too high, underpriced, in any order",
        endpoints::refusals
    ),
    row!(
        "26",
        "no funds, then a top-up: wait, alert, resume, no gap",
        chain::funds
    ),
    row!(
        "27",
        "a reorganisation above the depth: elsewhere, and dropped",
        chain::shallow_reorg
    ),
    row!(
        "28",
        "a reorganisation below the depth: an alert, no new transaction",
        chain::deep_reorg
    ),
    row!(
        "29",
        "the base fee twenty times above the cap, then normal",
        chain::base_fee
    ),
    row!(
        "30",
        "the node's pool is emptied: sent again",
        chain::pool_emptied
    ),
    row!(
        "31",
        "a stranger's transaction with the same key: noticed, one rebinding",
        chain::foreign
    ),
    row!(
        "32",
        "the model is taken between preflight and mining: reverted, said clearly",
        chain::taken
    ),
    row!(
        "33",
        "100 POSTs at once under one key: one job; with other bodies: 422",
        clients::one_key
    ),
    row!(
        "34",
        "cancelling races with mining: what is mined is true",
        clients::cancel
    ),
    row!(
        "35",
        "a webhook's receiver is private, hangs, redirects, fails, is away: told later",
        webhooks::unwell
    ),
    row!(
        "36",
        "keys cannot be refreshed, are malformed, are revoked: the last good ones hold",
        keys::unread
    ),
    row!("37", "10,000 stuck event streams, drained", alone streams::stuck),
    row!(
        "M3",
        "200 POSTs at once of one model under one key: one job, one transaction",
        clients::two_hundred
    ),
    row!(
        "M4",
        "FLUSHALL in mid-flight: no second token, every retrying client learns its token",
        redis::flushed_in_flight
    ),
    row!("M2", "200 deployments, 3 replicas, kill -9 each 3 s, Redis restart, 2 reorganisations, a liar", alone storm::storm),
];
