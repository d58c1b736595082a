//! One contract deployment: the record that is stored and the machine it goes through.
//!
//! Takes a record and an [`Event`], gives the next record or says that the event cannot happen there. Pure: the clock
//! is an argument, and nothing here knows Redis, HTTP or a node.
//!
//! ```text
//!                ┌──────────────── displaced (a stranger used the nonce; once) ◄───────┐
//!                ▼                                                                     │
//! submit ──► queued ──prepared──► signed ──accepted──► broadcast ──mined──► mined ──confirmed──► deployed ■
//!              │ ▲ │                │ ▲   replaced (bump) │   ◄──unmined──┘ │ │             │
//!              │ │ │                └─┴──◄────────────────┘ └──mined──► ◄───┘ │             └─► registration, below
//!              │ │ │                 closing (no-op at the same nonce):       │
//!              │ │ └──refused──►     what is mined decides ───────────────────┴──refused──► failed ■
//!              │ └─retried─┐         (cancelled, expired, rejected, closed, reverted, …)      ▲
//!              └──parked──►parked ───────────────────────────refused─────────────────────────┘
//!
//! registration: wanted ──prepared──► signed … mined ──registered──► done ■        (the same steps, another nonce)
//!                  └──registered / unregistered──► done ■ / not ■ ◄──unregistered──┘
//! ```
//!
//! ■ is final. A broadcast transaction cannot be decided again, so no state ever forgets one: everything that was ever
//! signed stays in [`Deployment::attempts`], and a nonce is held from `signed` until what used it is settled on chain. `deployed` is final
//! for the client; its registration is a second step that can fail without taking anything back.

pub mod chain;
pub mod economics;
pub mod fees;
pub mod listener;
pub mod request;
pub mod signer;
mod state;
pub mod store;
pub mod transaction;
pub mod verdict;
pub mod worker;

use chain::{H256, U256};
use fees::Fees;
use request::DeploymentRequest;
use serde::{Deserialize, Serialize};
pub use state::{
    Attention, Block, Closing, Event, Failure, Flight, Illegal, ParkReason, Progress, Registration,
    Stage, State, Token, advance,
};
use uuid::Uuid;

/// Transactions that may be signed for one nonce. From 1 gwei to the default cap of 500 gwei it takes 53 bumps.
pub const ATTEMPTS_MAX: usize = 64;
/// Changes that a record remembers, the newest ones: what has more was sent back and forth by reorganisations.
pub const CHANGES_MAX: usize = 64;
/// How often a deployment may lose its nonce to a stranger and be given another.
pub const REBINDS_MAX: u8 = 1;

/// A deployment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// What the client polls with; a version 4 UUID.
    pub id: Uuid,
    /// The name of the API key that submitted it, the only one that may read it.
    pub caller: String,
    /// What was asked for.
    pub request: DeploymentRequest,
    /// When it was accepted, milliseconds since 1970.
    pub submitted_at_ms: u64,
    /// When it last changed, milliseconds since 1970.
    pub updated_at_ms: u64,
    /// Every transaction ever signed for it, oldest first. A token counts as ours only if one of these made it.
    pub attempts: Vec<Attempt>,
    /// How often its nonce was lost to a stranger.
    pub displacements: u8,
    /// What an operator should know of it, until it goes on.
    pub attention: Option<Attention>,
    /// What whoever asked was to be told, oldest first, the present state included: event streams and webhooks are made from it. Empty in a
    /// record of before there were any.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Where it stands.
    pub state: State,
}

/// One state that looked different from the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// 1 for the acceptance, then one more each.
    pub number: u32,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// What it became.
    pub state: State,
}

/// One signed transaction of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it does.
    pub purpose: Purpose,
    /// What was signed.
    #[serde(flatten)]
    pub transaction: SignedTransaction,
    /// What it offers per gas.
    pub fees: Fees,
    /// Its gas limit.
    pub gas_limit: U256,
    /// When it was signed, milliseconds since 1970 by the clock of whoever signed it.
    pub at_ms: u64,
}

/// What a transaction of ours does. One with the nonce of an earlier one replaces that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Makes the token.
    Deploy,
    /// Enters the token into the ModelRegistry.
    Register,
    /// Sends nothing to ourselves, so that a nonce is spent.
    NoOp,
}

/// A transaction ready to be sent, and sent again: the same bytes have the same hash, so they count once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// The account nonce it uses.
    pub nonce: u64,
    /// Its hash.
    pub hash: H256,
    /// The bytes for `eth_sendRawTransaction`, as 0x hex. Kept when all is final, since a deep reorganisation asks for them again.
    pub raw: String,
    /// The most it can take from the account: gas limit × fee cap + value, in wei.
    pub cost_wei_max: U256,
}

impl Deployment {
    /// A new one, queued.
    pub fn submitted(id: Uuid, caller: String, request: DeploymentRequest, now_ms: u64) -> Self {
        Self {
            id,
            caller,
            request,
            submitted_at_ms: now_ms,
            updated_at_ms: now_ms,
            attempts: Vec::new(),
            displacements: 0,
            attention: None,
            changes: vec![Change {
                number: 1,
                at_ms: now_ms,
                state: State::Queued,
            }],
            state: State::Queued,
        }
    }

    /// The record after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the event cannot happen in this state; the record is then unchanged in the store.
    pub fn after(&self, event: Event, now_ms: u64) -> Result<Self, Illegal> {
        let mut next = self.clone();
        match &event {
            Event::Prepared(attempt) | Event::Replaced(attempt) | Event::Closing(_, attempt) => {
                next.attempts.push(attempt.clone());
            }
            Event::Displaced => next.displacements = next.displacements.saturating_add(1),
            // Whoever wants it tried again has seen to the reason.
            Event::Retried => next.displacements = 0,
            Event::Accepted
            | Event::Mined(..)
            | Event::Unmined
            | Event::Confirmed(..)
            | Event::Refused(_)
            | Event::Registered(_)
            | Event::Unregistered(_)
            | Event::Parked(_)
            | Event::Noticed(_) => {}
        }
        next.attention = match event {
            Event::Noticed(attention) => Some(attention),
            Event::Displaced => Some(Attention::NonceUsedByAnother),
            _ => None,
        };
        next.state = advance(self.state.clone(), event)?;
        next.updated_at_ms = now_ms;
        if !next.state.looks_like(&self.state) {
            next.changes.push(Change {
                number: self.last_change().saturating_add(1),
                at_ms: now_ms,
                state: next.state.clone(),
            });
            let surplus = next.changes.len().saturating_sub(CHANGES_MAX);
            next.changes.drain(..surplus);
        }
        Ok(next)
    }

    /// The number of its newest change.
    pub fn last_change(&self) -> u32 {
        self.changes.last().map_or(0, |change| change.number)
    }

    /// The oldest remembered change after number `seen`.
    pub fn change_after(&self, seen: u32) -> Option<&Change> {
        self.changes.iter().find(|change| change.number > seen)
    }

    /// The record as it stood at `change`, as far as whoever asked is told of it.
    pub fn at(&self, change: &Change) -> Self {
        Self {
            updated_at_ms: change.at_ms,
            state: change.state.clone(),
            ..self.clone()
        }
    }

    /// The transactions that compete for the nonce it holds, oldest first; none when it holds none.
    pub fn competing(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        let nonce = self.state.flight().map(|flight| flight.nonce);
        self.attempts
            .iter()
            .filter(move |attempt| Some(attempt.transaction.nonce) == nonce)
    }

    /// The transaction that is to be mined, when a nonce is held.
    pub fn newest(&self) -> Option<&Attempt> {
        self.competing().next_back()
    }

    /// What it can cost at most while its nonce is not spent, in wei.
    pub fn committed_wei(&self) -> U256 {
        let unmined = self.state.flight().is_some_and(|flight| !flight.is_mined());
        self.competing()
            .filter(|_| unmined)
            .map(|attempt| attempt.transaction.cost_wei_max)
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
