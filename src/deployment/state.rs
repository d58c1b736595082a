//! Where a deployment stands, and what may follow what: the machine.
//!
//! Takes a [`State`] and an [`Event`], gives the next state or says that the event cannot happen there. Pure. Every pair is written out
//! in [`advance`], so that a new state or event does not compile until it is decided.

use super::chain::{Address, H256, U256};
use super::{Attempt, Purpose};
use serde::{Deserialize, Serialize};

/// Where a deployment stands. Each state carries exactly what is known there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// Accepted; no nonce is held for it.
    Queued,
    /// A nonce is held, and one or more signed transactions compete for it.
    InFlight(Flight),
    /// Final for whoever asked: our transaction made the token. What follows can no longer take it away.
    Deployed {
        /// The facts, from our own receipt.
        token: Token,
        /// The second step.
        registration: Registration,
    },
    /// Final: there will be no token from this request.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Put aside without a nonce, until an operator retries or closes it.
    Parked {
        /// Why.
        reason: ParkReason,
    },
}

/// A nonce that is held. Whichever of its transactions is mined decides, so all of them are kept in the record's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// The account nonce; no other record ever gets it.
    pub nonce: u64,
    /// How far the newest transaction is.
    pub stage: Stage,
    /// Set once this nonce is to be spent without a result: a no-op competes for it from then on.
    pub closing: Option<Closing>,
}

/// How far a nonce's newest transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Stage {
    /// The signed bytes are saved; they may or may not have reached a node.
    Signed,
    /// A node has taken them.
    Broadcast,
    /// One of the nonce's transactions is in a block that is not yet deep enough.
    Mined {
        /// The block it was last seen in.
        block: Block,
        /// Which one.
        hash: H256,
    },
}

/// Why a nonce is being spent without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// The client asked.
    Cancelled,
    /// It was not mined within its time.
    Expired,
    /// Nodes say that they will never take the transaction as it is.
    Rejected,
    /// An operator gave it up.
    Operator,
}

/// The second step: the token's entry in the ModelRegistry. It never endangers the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Registration {
    /// To be tried; no nonce is held for it.
    Wanted,
    /// A nonce is held for it.
    InFlight(Flight),
    /// Done, by the transaction named, or before by somebody else (`None`).
    Done {
        /// Our transaction.
        transaction_hash: Option<H256>,
    },
    /// It will not be done by this service.
    Not {
        /// Why, in public words.
        reason: String,
    },
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
    /// It was not mined within its time. At most a no-op was paid.
    Expired,
    /// The client cancelled it before it was mined. At most a no-op was paid.
    Cancelled,
    /// Nodes would not take the transaction.
    Rejected,
    /// An operator closed it.
    Closed,
}

/// Why a deployment was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// Somebody else uses the account's key: twice the nonce was spent by a transaction that is not ours.
    NonceUsedByAnother,
    /// A node refuses to estimate it and does not say why; others went on.
    NotEstimated,
}

/// What an operator should know of a deployment that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Its transaction cannot be raised above `MAX_GAS_PRICE_GWEI`, and the chain asks for more; it is sent again and again.
    FeeCapReached,
    /// Somebody else uses the account's key: its nonce was spent by a transaction that is not ours.
    NonceUsedByAnother,
    /// The account cannot pay for it.
    InsufficientFunds,
    /// Nodes refuse the transaction as it is.
    RefusedByNodes,
}

/// What can happen to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A nonce was taken and the bytes were signed; to be saved before anything is sent.
    Prepared(Attempt),
    /// Another transaction for the same nonce was signed; to be saved before it is sent.
    Replaced(Attempt),
    /// As [`Event::Replaced`], by a no-op: the nonce is to be spent without a result.
    Closing(Closing, Attempt),
    /// A node took the bytes, or already had them.
    Accepted,
    /// One of the nonce's transactions was seen in a block (the first time, or in another block than before).
    Mined(Block, H256),
    /// None is in any block any more.
    Unmined,
    /// The nonce was used by a transaction that is not ours, for good.
    Displaced,
    /// A transaction of ours made the token and is deep enough; what is to become of its registration.
    Confirmed(Token, Registration),
    /// It is decided that no token will come of this.
    Refused(Failure),
    /// The registry has the token.
    Registered(Option<H256>),
    /// The registry will not have it from us.
    Unregistered(String),
    /// It needs an operator.
    Parked(ParkReason),
    /// An operator wants it tried again.
    Retried,
    /// It goes on, and somebody should know of this.
    Noticed(Attention),
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

/// The next state.
///
/// # Errors
/// [`Illegal`] for pairs that cannot happen.
pub fn advance(state: State, event: Event) -> Result<State, Illegal> {
    let illegal = Illegal {
        state: state.name(),
        event: event.name(),
    };
    let next = match state {
        State::Queued => match event {
            Event::Prepared(attempt) if attempt.purpose == Purpose::Deploy => {
                Some(State::InFlight(Flight::prepared(&attempt)))
            }
            // One of its attempts made the token although its nonce was thought lost, or it was made before the records were lost.
            Event::Confirmed(token, registration) => Some(State::Deployed {
                token,
                registration,
            }),
            Event::Refused(failure) => Some(State::Failed { failure }),
            Event::Parked(reason) => Some(State::Parked { reason }),
            Event::Prepared(_)
            | Event::Replaced(_)
            | Event::Closing(..)
            | Event::Accepted
            | Event::Mined(..)
            | Event::Unmined
            | Event::Displaced
            | Event::Registered(_)
            | Event::Unregistered(_)
            | Event::Retried
            | Event::Noticed(_) => None,
        },
        State::InFlight(flight) => match event {
            Event::Replaced(_)
            | Event::Closing(..)
            | Event::Accepted
            | Event::Mined(..)
            | Event::Unmined => flight.after(&event, Purpose::Deploy).map(State::InFlight),
            Event::Displaced if !flight.is_mined() => Some(match flight.closing {
                None => State::Queued,
                Some(closing) => State::Failed {
                    failure: closing.failure(),
                },
            }),
            Event::Confirmed(token, registration) if flight.is_mined() => Some(State::Deployed {
                token,
                registration,
            }),
            Event::Refused(failure) if flight.is_mined() => Some(State::Failed { failure }),
            Event::Prepared(_)
            | Event::Displaced
            | Event::Confirmed(..)
            | Event::Refused(_)
            | Event::Registered(_)
            | Event::Unregistered(_)
            | Event::Parked(_)
            | Event::Retried => None,
            Event::Noticed(_) => Some(State::InFlight(flight)),
        },
        State::Deployed {
            token,
            registration,
        } => registration
            .after(event)
            .map(|registration| State::Deployed {
                token,
                registration,
            }),
        State::Parked { reason: _ } => match event {
            Event::Retried => Some(State::Queued),
            Event::Refused(failure) => Some(State::Failed { failure }),
            Event::Prepared(_)
            | Event::Replaced(_)
            | Event::Closing(..)
            | Event::Accepted
            | Event::Mined(..)
            | Event::Unmined
            | Event::Displaced
            | Event::Confirmed(..)
            | Event::Registered(_)
            | Event::Unregistered(_)
            | Event::Parked(_)
            | Event::Noticed(_) => None,
        },
        State::Failed { failure: _ } => None,
    };
    next.ok_or(illegal)
}

impl Flight {
    fn prepared(attempt: &Attempt) -> Self {
        Self {
            nonce: attempt.transaction.nonce,
            stage: Stage::Signed,
            closing: None,
        }
    }

    /// Whether one of its transactions is in a block.
    pub fn is_mined(&self) -> bool {
        match self.stage {
            Stage::Mined { block: _, hash: _ } => true,
            Stage::Signed | Stage::Broadcast => false,
        }
    }

    /// The part of the machine that a deployment and a registration share. `purpose` is what the nonce was taken for.
    fn after(self, event: &Event, purpose: Purpose) -> Option<Self> {
        let Self {
            nonce,
            stage,
            closing,
        } = self;
        let with = |stage, closing| {
            Some(Self {
                nonce,
                stage,
                closing,
            })
        };
        match (event, stage) {
            (Event::Replaced(attempt), Stage::Signed | Stage::Broadcast) => {
                let wanted = if closing.is_some() {
                    Purpose::NoOp
                } else {
                    purpose
                };
                let fits = attempt.transaction.nonce == nonce && attempt.purpose == wanted;
                fits.then_some(Self {
                    nonce,
                    stage: Stage::Signed,
                    closing,
                })
            }
            (Event::Closing(why, attempt), Stage::Signed | Stage::Broadcast) => {
                let fits = attempt.transaction.nonce == nonce
                    && attempt.purpose == Purpose::NoOp
                    && closing.is_none();
                fits.then_some(Self {
                    nonce,
                    stage: Stage::Signed,
                    closing: Some(*why),
                })
            }
            (Event::Accepted, Stage::Signed | Stage::Broadcast) => with(Stage::Broadcast, closing),
            (Event::Mined(block, hash), _) => with(
                Stage::Mined {
                    block: *block,
                    hash: *hash,
                },
                closing,
            ),
            (Event::Unmined, Stage::Mined { block: _, hash: _ }) => with(Stage::Broadcast, closing),
            (Event::Noticed(_), stage) => with(stage, closing),
            (_, Stage::Signed | Stage::Broadcast | Stage::Mined { block: _, hash: _ }) => None,
        }
    }
}

impl Registration {
    fn after(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Wanted, Event::Prepared(attempt)) => (attempt.purpose == Purpose::Register)
                .then(|| Self::InFlight(Flight::prepared(&attempt))),
            (Self::Wanted, Event::Registered(transaction_hash)) => {
                Some(Self::Done { transaction_hash })
            }
            (Self::Wanted, Event::Unregistered(reason)) => Some(Self::Not { reason }),
            (Self::InFlight(flight), Event::Displaced) if !flight.is_mined() => {
                Some(match flight.closing {
                    None => Self::Wanted,
                    Some(_) => Self::Not {
                        reason: "its transaction was given up".into(),
                    },
                })
            }
            (Self::InFlight(flight), Event::Registered(transaction_hash)) if flight.is_mined() => {
                Some(Self::Done { transaction_hash })
            }
            (Self::InFlight(flight), Event::Unregistered(reason)) if flight.is_mined() => {
                Some(Self::Not { reason })
            }
            (Self::InFlight(flight), event) => {
                flight.after(&event, Purpose::Register).map(Self::InFlight)
            }
            (
                Self::Wanted
                | Self::Done {
                    transaction_hash: _,
                }
                | Self::Not { reason: _ },
                _,
            ) => None,
        }
    }
}

impl Closing {
    /// What the deployment has failed of once the nonce is spent.
    pub fn failure(self) -> Failure {
        match self {
            Self::Cancelled => Failure::Cancelled,
            Self::Expired => Failure::Expired,
            Self::Rejected => Failure::Rejected,
            Self::Operator => Failure::Closed,
        }
    }
}

impl State {
    /// The nonce this state holds, if it holds one.
    pub fn flight(&self) -> Option<&Flight> {
        match self {
            Self::InFlight(flight)
            | Self::Deployed {
                token: _,
                registration: Registration::InFlight(flight),
            } => Some(flight),
            Self::Queued
            | Self::Deployed {
                token: _,
                registration:
                    Registration::Wanted
                    | Registration::Done {
                        transaction_hash: _,
                    }
                    | Registration::Not { reason: _ },
            }
            | Self::Failed { failure: _ }
            | Self::Parked { reason: _ } => None,
        }
    }

    /// What a client is told: a total function of the state, so that it can never disagree with it.
    pub fn progress(&self) -> Progress {
        let (status, percent, step) = match self {
            Self::Queued => ("pending", 0, "Queued for deployment"),
            Self::Parked { reason: _ } => ("pending", 0, "Held for an operator"),
            Self::InFlight(Flight {
                closing: Some(_), ..
            }) => ("processing", 30, "Cancelling deployment"),
            Self::InFlight(Flight { stage, .. }) => match stage {
                Stage::Signed => ("processing", 10, "Initializing deployment"),
                Stage::Broadcast => ("processing", 30, "Deploying smart contract"),
                Stage::Mined { block: _, hash: _ } => ("processing", 80, "Confirming deployment"),
            },
            Self::Deployed {
                token: _,
                registration: _,
            } => ("deployed", 100, "Deployment completed"),
            Self::Failed { failure: _ } => ("failed", 0, "Deployment failed"),
        };
        Progress {
            status,
            percent,
            step,
        }
    }

    /// Whether a client is told the same of both.
    pub fn looks_like(&self, other: &Self) -> bool {
        fn outcome(state: &State) -> Option<&Registration> {
            match state {
                State::Deployed {
                    token: _,
                    registration:
                        registration @ (Registration::Done {
                            transaction_hash: _,
                        }
                        | Registration::Not { reason: _ }),
                } => Some(registration),
                State::Deployed {
                    token: _,
                    registration: Registration::Wanted | Registration::InFlight(_),
                }
                | State::Queued
                | State::InFlight(_)
                | State::Failed { failure: _ }
                | State::Parked { reason: _ } => None,
            }
        }
        self.progress() == other.progress() && outcome(self) == outcome(other)
    }

    /// Whether nothing can change any more.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Failed { failure: _ }
            | Self::Deployed {
                token: _,
                registration:
                    Registration::Done {
                        transaction_hash: _,
                    }
                    | Registration::Not { reason: _ },
            } => true,
            Self::Deployed {
                token: _,
                registration: Registration::Wanted | Registration::InFlight(_),
            }
            | Self::Queued
            | Self::InFlight(_)
            | Self::Parked { reason: _ } => false,
        }
    }

    /// The state's name, for logs and operators.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight(Flight {
                closing: Some(_),
                stage,
                ..
            }) => match stage {
                Stage::Signed | Stage::Broadcast => "closing",
                Stage::Mined { block: _, hash: _ } => "closing, mined",
            },
            Self::InFlight(Flight { stage, .. }) => stage.name(),
            Self::Deployed {
                token: _,
                registration,
            } => match registration {
                Registration::Wanted => "deployed, to be registered",
                Registration::InFlight(_) => "deployed, registering",
                Registration::Done {
                    transaction_hash: _,
                }
                | Registration::Not { reason: _ } => "deployed",
            },
            Self::Failed { failure: _ } => "failed",
            Self::Parked { reason: _ } => "parked",
        }
    }
}

impl Stage {
    fn name(&self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Broadcast => "broadcast",
            Self::Mined { block: _, hash: _ } => "mined",
        }
    }
}

impl Event {
    /// The event's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Prepared(_) => "prepared",
            Self::Replaced(_) => "replaced",
            Self::Closing(..) => "closed by a no-op",
            Self::Accepted => "accepted",
            Self::Mined(..) => "mined",
            Self::Unmined => "unmined",
            Self::Displaced => "displaced",
            Self::Confirmed(..) => "confirmed",
            Self::Refused(_) => "refused",
            Self::Registered(_) => "registered",
            Self::Unregistered(_) => "left unregistered",
            Self::Parked(_) => "parked",
            Self::Retried => "retried",
            Self::Noticed(_) => "noticed",
        }
    }
}
