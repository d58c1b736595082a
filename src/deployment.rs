//! One contract deployment: the record that is stored and the forward-only machine it goes through.
//!
//! Takes a record and an [`Event`], gives the next record or says that the event cannot happen there. Pure: the clock
//! is an argument, and nothing here knows Redis, HTTP or a node.
//!
//! ```text
//!                 ┌───────────────── displaced (a stranger used the nonce) ◄───────────┐
//!                 ▼                                                                     │
//! submit ──► Queued ──signed──► Signed ──accepted──► Broadcast ──mined──► Mined ──confirmed──► Deployed ■
//!                 │                 └───────────mined──────────────────────►│ ▲             
//!                 │                                        ◄────unmined─────┘ └─mined (other block)
//!                 └──refused──► Failed ■ ◄──────────────────refused─────────┘
//! ```
//!
//! ■ is final. A broadcast transaction cannot be decided again, so no state ever forgets one: every hash that was
//! signed stays in [`Deployment::attempts`], and a nonce is held from `Signed` until what used it is settled on chain.

pub mod chain;
pub mod economics;
pub mod fees;
pub mod request;
pub mod signer;
pub mod store;
pub mod transaction;
pub mod worker;

use chain::{Address, H256, U256};
use request::DeploymentRequest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A deployment as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    pub attempts: Vec<H256>,
    /// Where it stands.
    pub state: State,
}

/// Where a deployment stands. Each state carries exactly what is known there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// Accepted; no nonce is held for it.
    Queued,
    /// The signed bytes are saved; they may or may not have reached a node.
    Signed {
        /// What is to be broadcast.
        transaction: SignedTransaction,
    },
    /// A node has taken the bytes.
    Broadcast {
        /// What was broadcast.
        transaction: SignedTransaction,
    },
    /// In a block that is not yet deep enough.
    Mined {
        /// What was mined; kept whole, since a reorganisation may ask for it again.
        transaction: SignedTransaction,
        /// The block it was last seen in.
        block: Block,
    },
    /// Final: our transaction made the token.
    Deployed {
        /// The facts, from our own receipt.
        token: Token,
    },
    /// Final: there will be no token from this request.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// A transaction ready to be sent, and sent again: the same bytes have the same hash, so they count once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// The account nonce it uses.
    pub nonce: u64,
    /// Its hash.
    pub hash: H256,
    /// The bytes for `eth_sendRawTransaction`, as 0x hex.
    pub raw: String,
    /// The most it can take from the account: gas limit × fee cap + value, in wei.
    pub cost_wei_max: U256,
}

/// A block, by number and by hash: the number alone means another block after a reorganisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// Identity.
    pub hash: H256,
}

/// What a finished deployment made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token contract, from our own `TokenDeployed` log.
    pub address: Address,
    /// The transaction that made it.
    pub transaction_hash: H256,
    /// The block it is in.
    pub block_number: u64,
    /// Gas units used.
    pub gas_used: U256,
    /// What was paid per unit of gas, in wei.
    pub gas_price_wei: U256,
    /// The block's timestamp, milliseconds since 1970.
    pub deployed_at_ms: u64,
}

/// Why a deployment ended without a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Failure {
    /// The model has a token that we did not make (deploying is open to anyone). Nothing was paid.
    ModelTaken {
        /// The token it has.
        token: Address,
    },
    /// The contract would refuse the call. Nothing was paid.
    WouldRevert,
    /// The transaction was mined and reverted; its gas is spent.
    Reverted {
        /// Which one.
        transaction_hash: H256,
    },
    /// The transaction succeeded without the log that a deployment leaves: the contract is not the one expected.
    WithoutToken {
        /// Which one.
        transaction_hash: H256,
    },
    /// The configured limits no longer allow the supply that was asked for. Nothing was paid.
    OutsidePolicy,
    /// It waited longer than [`worker::QUEUED_SECONDS_MAX`] without being sent.
    Expired,
}

/// What can happen to a deployment.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A nonce was taken and the bytes were signed; to be saved before anything is sent.
    Signed(SignedTransaction),
    /// A node took the bytes, or already had them.
    Accepted,
    /// Seen in a block (the first time, or in another block than before).
    Mined(Block),
    /// No longer in any block.
    Unmined,
    /// Its nonce was used by a transaction that is not ours, for good.
    Displaced,
    /// A transaction of ours made the token and is deep enough.
    Confirmed(Token),
    /// It is decided that no token will come of this.
    Refused(Failure),
}

/// An event that cannot happen in a state: a defect in whoever decided it, never the client's fault.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a deployment that is {state} cannot be {event}")]
pub struct Illegal {
    state: &'static str,
    event: &'static str,
}

/// What the public status shows. Texts and numbers are the existing service's, which clients display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// `pending`, `processing`, `deployed` or `failed`.
    pub status: &'static str,
    /// Per cent.
    pub percent: u8,
    /// What is being done.
    pub step: &'static str,
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
            state: State::Queued,
        }
    }

    /// The record after `event`.
    ///
    /// # Errors
    /// [`Illegal`] when the event cannot happen in this state; the record is then unchanged in the store.
    pub fn after(&self, event: Event, now_ms: u64) -> Result<Self, Illegal> {
        let mut next = self.clone();
        if let Event::Signed(transaction) = &event {
            next.attempts.push(transaction.hash);
        }
        next.state = advance(self.state.clone(), event)?;
        next.updated_at_ms = now_ms;
        Ok(next)
    }
}

/// The next state. Every pair is written out: a new state or event does not compile until it is decided here.
///
/// # Errors
/// [`Illegal`] for pairs that cannot happen.
pub fn advance(state: State, event: Event) -> Result<State, Illegal> {
    let illegal = Illegal {
        state: state.name(),
        event: event.name(),
    };
    match (state, event) {
        (State::Queued, Event::Signed(transaction)) => Ok(State::Signed { transaction }),
        (State::Signed { transaction } | State::Broadcast { transaction }, Event::Accepted) => {
            Ok(State::Broadcast { transaction })
        }
        (
            State::Signed { transaction }
            | State::Broadcast { transaction }
            | State::Mined {
                transaction,
                block: _,
            },
            Event::Mined(block),
        ) => Ok(State::Mined { transaction, block }),
        (
            State::Mined {
                transaction,
                block: _,
            },
            Event::Unmined,
        ) => Ok(State::Broadcast { transaction }),
        (
            State::Signed { transaction: _ } | State::Broadcast { transaction: _ },
            Event::Displaced,
        ) => Ok(State::Queued),
        // From `Queued`: an attempt that was taken for displaced turns out to have made the token.
        (
            State::Mined {
                transaction: _,
                block: _,
            }
            | State::Queued,
            Event::Confirmed(token),
        ) => Ok(State::Deployed { token }),
        (
            State::Mined {
                transaction: _,
                block: _,
            }
            | State::Queued,
            Event::Refused(failure),
        ) => Ok(State::Failed { failure }),

        (State::Queued, Event::Accepted | Event::Mined(_) | Event::Unmined | Event::Displaced)
        | (
            State::Signed { transaction: _ } | State::Broadcast { transaction: _ },
            Event::Signed(_) | Event::Unmined | Event::Confirmed(_) | Event::Refused(_),
        )
        | (
            State::Mined {
                transaction: _,
                block: _,
            },
            Event::Signed(_) | Event::Accepted | Event::Displaced,
        )
        | (
            State::Deployed { token: _ } | State::Failed { failure: _ },
            Event::Signed(_)
            | Event::Accepted
            | Event::Mined(_)
            | Event::Unmined
            | Event::Displaced
            | Event::Confirmed(_)
            | Event::Refused(_),
        ) => Err(illegal),
    }
}

impl State {
    /// The transaction whose nonce this state holds, if it holds one.
    pub fn in_flight(&self) -> Option<&SignedTransaction> {
        match self {
            Self::Signed { transaction }
            | Self::Broadcast { transaction }
            | Self::Mined {
                transaction,
                block: _,
            } => Some(transaction),
            Self::Queued | Self::Deployed { token: _ } | Self::Failed { failure: _ } => None,
        }
    }

    /// What a client is told: a total function of the state, so that it can never disagree with it.
    pub fn progress(&self) -> Progress {
        let (status, percent, step) = match self {
            Self::Queued => ("pending", 0, "Queued for deployment"),
            Self::Signed { transaction: _ } => ("processing", 10, "Initializing deployment"),
            Self::Broadcast { transaction: _ } => ("processing", 30, "Deploying smart contract"),
            Self::Mined {
                transaction: _,
                block: _,
            } => ("processing", 80, "Confirming deployment"),
            Self::Deployed { token: _ } => ("deployed", 100, "Deployment completed"),
            Self::Failed { failure: _ } => ("failed", 0, "Deployment failed"),
        };
        Progress {
            status,
            percent,
            step,
        }
    }

    /// The state's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Signed { transaction: _ } => "signed",
            Self::Broadcast { transaction: _ } => "broadcast",
            Self::Mined {
                transaction: _,
                block: _,
            } => "mined",
            Self::Deployed { token: _ } => "deployed",
            Self::Failed { failure: _ } => "failed",
        }
    }
}

impl Event {
    /// The event's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Signed(_) => "signed",
            Self::Accepted => "accepted",
            Self::Mined(_) => "mined",
            Self::Unmined => "unmined",
            Self::Displaced => "displaced",
            Self::Confirmed(_) => "confirmed",
            Self::Refused(_) => "refused",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
