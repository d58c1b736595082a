//! What a look at the chain proves about a nonce that is held.
//!
//! Takes a record and what was seen of its transactions, gives the event that follows, or nothing when it has to be waited. Pure. A
//! positive verdict needs our own log, at depth, on the canonical chain; a negative one that all of the nonce's transactions were asked for.

use super::chain::registry::registry_id;
use super::chain::{Address, H256, Header, Receipt, abi};
use super::request::ModelId;
use super::{
    Block, Closing, Deployment, Event, Failure, Flight, Purpose, Registration, Stage, State, Token,
};

/// What was seen of a nonce's transactions at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The newest block's height, read before the receipt.
    pub head: u64,
    /// The receipt of the one that is in a block; `None` means that all were asked for and none is.
    pub receipt: Option<Receipt>,
    /// The block now at the receipt's height: another hash means that the receipt is of a forsaken branch.
    pub at_height: Option<Header>,
    /// The nonce was used at confirmed depth while none of its transactions had a receipt, seen twice.
    pub displaced: bool,
}

/// Whose token counts.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    /// The TokenManager.
    pub manager: Address,
    /// Our account.
    pub deployer: Address,
}

/// What a sighting does to a deployment that holds a nonce; `None` is "wait".
pub fn decide(
    deployment: &Deployment,
    sighting: &Sighting,
    confirmations: u64,
    ours: Ours,
) -> Option<Event> {
    let Flight {
        nonce: _,
        stage,
        closing,
    } = *deployment.state.flight()?;
    let seen = sighting
        .receipt
        .as_ref()
        .and_then(|receipt| Some((receipt, block_of(receipt)?)));
    match (stage, seen) {
        (Stage::Signed | Stage::Broadcast, Some((receipt, block))) => {
            Some(Event::Mined(block, receipt.transaction_hash))
        }
        (Stage::Signed | Stage::Broadcast, None) => sighting.displaced.then_some(Event::Displaced),
        (Stage::Mined { block: _, hash: _ }, None) => Some(Event::Unmined),
        (Stage::Mined { block, hash }, Some((receipt, now))) => {
            if (block, hash) != (now, receipt.transaction_hash) {
                return Some(Event::Mined(now, receipt.transaction_hash));
            }
            let header = sighting.at_height.filter(|header| {
                is_deep(sighting.head, block, confirmations) && header.hash == block.hash
            })?;
            let attempt = deployment
                .competing()
                .find(|attempt| attempt.transaction.hash == hash)?;
            Some(match attempt.purpose {
                Purpose::Deploy => {
                    outcome(receipt, block, header, &deployment.request.model_id, ours)
                }
                Purpose::Register => registered(receipt),
                Purpose::NoOp => closed(&deployment.state, closing),
            })
        }
    }
}

/// Whether a block counts: it and the ones on top of it are as many as are asked for.
pub fn is_deep(head: u64, block: Block, confirmations: u64) -> bool {
    head.saturating_add(1) >= block.number.saturating_add(confirmations)
}

/// The block a receipt names; a receipt of a transaction that is still pending names none.
pub fn block_of(receipt: &Receipt) -> Option<Block> {
    Some(Block {
        number: receipt.block_number?.as_u64(),
        hash: receipt.block_hash?,
    })
}

/// What a receipt of a deployment in a confirmed block proves.
pub fn outcome(
    receipt: &Receipt,
    block: Block,
    header: Header,
    model: &ModelId,
    ours: Ours,
) -> Event {
    let transaction_hash: H256 = receipt.transaction_hash;
    if !succeeded(receipt) {
        return Event::Refused(Failure::Reverted { transaction_hash });
    }
    match abi::deployed_token(&receipt.logs, ours.manager, model, ours.deployer) {
        None => Event::Refused(Failure::WithoutToken { transaction_hash }),
        Some(address) => {
            let token = Token {
                address,
                transaction_hash,
                block_number: block.number,
                gas_used: receipt.gas_used,
                gas_price_wei: receipt.effective_gas_price,
                deployed_at_ms: header.timestamp.as_u64().saturating_mul(1000),
            };
            Event::Confirmed(token, registration_of(model))
        }
    }
}

/// The registry's ids are numbers; most models' are not (`ModelRegistry.registerModel(uint256,…)`).
fn registration_of(model: &ModelId) -> Registration {
    if registry_id(model).is_some() {
        Registration::Wanted
    } else {
        Registration::Not {
            reason: "the ModelRegistry takes only models whose id is a decimal number".into(),
        }
    }
}

fn registered(receipt: &Receipt) -> Event {
    if succeeded(receipt) {
        Event::Registered(Some(receipt.transaction_hash))
    } else {
        Event::Unregistered("the ModelRegistry refused it".into())
    }
}

/// The no-op was mined: nothing else with its nonce ever will be.
fn closed(state: &State, closing: Option<Closing>) -> Event {
    match state {
        State::Deployed {
            token: _,
            registration:
                Registration::Wanted
                | Registration::InFlight(_)
                | Registration::Done {
                    transaction_hash: _,
                }
                | Registration::Not { reason: _ },
        } => Event::Unregistered("its transaction was given up".into()),
        State::Queued
        | State::InFlight(_)
        | State::Failed { failure: _ }
        | State::Parked { reason: _ } => {
            Event::Refused(closing.map_or(Failure::Closed, Closing::failure))
        }
    }
}

fn succeeded(receipt: &Receipt) -> bool {
    receipt.status.is_some_and(|status| !status.is_zero())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::deployment::chain::{Log, U256};
    use crate::deployment::tests::{attempt, deployment};

    const CONFIRMATIONS: u64 = 2;

    fn receipt(block: u64, status: u64, hash: u8) -> Receipt {
        let model = ethers::utils::keccak256("m");
        let topic = "8bc86e2085f2cb40fd388378b4717f9fe8a5ad8d2b05643adeda5662f1eb59a3";
        let topics = vec![
            H256::from_slice(&hex::decode(topic).unwrap()),
            model.into(),
            Address::repeat_byte(2).into(),
            Address::repeat_byte(3).into(),
        ];
        Receipt {
            transaction_hash: H256::repeat_byte(hash),
            block_number: Some(block.into()),
            block_hash: Some(H256::from_low_u64_be(block)),
            status: Some(status.into()),
            gas_used: U256::from(1),
            effective_gas_price: U256::from(2),
            logs: vec![Log {
                address: Address::repeat_byte(1),
                topics,
            }],
        }
    }

    /// A deployment whose nonce is held by a deploying transaction (5) and, when it is closing, by a no-op (6).
    fn held(stage: Stage, closing: Option<Closing>) -> Deployment {
        let mut held = deployment(State::InFlight(Flight {
            nonce: 7,
            stage,
            closing,
        }));
        held.attempts = vec![attempt(Purpose::Deploy, 7, 5), attempt(Purpose::NoOp, 7, 6)];
        held
    }

    fn mined(number: u64, hash: u8) -> Stage {
        Stage::Mined {
            block: Block {
                number,
                hash: H256::from_low_u64_be(number),
            },
            hash: H256::repeat_byte(hash),
        }
    }

    fn decided(
        deployment: &Deployment,
        head: u64,
        receipt: Option<Receipt>,
        at_height: Option<u64>,
        displaced: bool,
    ) -> Option<Event> {
        let ours = Ours {
            manager: Address::repeat_byte(1),
            deployer: Address::repeat_byte(3),
        };
        let at_height = at_height.map(|hash| Header {
            hash: H256::from_low_u64_be(hash),
            timestamp: 9.into(),
        });
        let sighting = Sighting {
            head,
            receipt,
            at_height,
            displaced,
        };
        decide(deployment, &sighting, CONFIRMATIONS, ours)
    }

    #[test]
    fn a_transaction_is_waited_for_until_it_is_mined_or_displaced() {
        for stage in [Stage::Signed, Stage::Broadcast] {
            let held = held(stage, None);
            assert_eq!(decided(&held, 10, None, None, false), None);
            assert_eq!(decided(&held, 10, None, None, true), Some(Event::Displaced));
            let seen = Event::Mined(
                Block {
                    number: 10,
                    hash: H256::from_low_u64_be(10),
                },
                H256::repeat_byte(5),
            );
            assert_eq!(
                decided(&held, 10, Some(receipt(10, 1, 5)), None, true),
                Some(seen)
            );
            let pending = Receipt {
                block_number: None,
                block_hash: None,
                ..receipt(10, 1, 5)
            };
            assert_eq!(decided(&held, 10, Some(pending), None, false), None);
        }
    }

    #[test]
    fn a_mined_transaction_counts_only_at_depth_and_on_the_canonical_chain() {
        let held = held(mined(10, 5), None);
        let seen = |head, at_height| {
            decided(&held, head, Some(receipt(10, 1, 5)), at_height, false)
                .map(|event| event.name())
        };
        assert_eq!(seen(10, Some(10)), None);
        assert_eq!(seen(11, Some(10)), Some("confirmed"));
        assert_eq!(seen(11, Some(99)), None);
        assert_eq!(seen(11, None), None);
        assert_eq!(decided(&held, 11, None, None, false), Some(Event::Unmined));
        // In another block, or another of its transactions: both begin again.
        for other in [receipt(12, 1, 5), receipt(10, 1, 6)] {
            let moved = decided(&held, 20, Some(other), Some(12), false);
            assert_eq!(moved.map(|event| event.name()), Some("mined"));
        }
    }

    #[test]
    fn success_needs_status_1_and_our_own_log() {
        let held = held(mined(10, 5), None);
        let transaction_hash = H256::repeat_byte(5);
        let seen = |receipt| decided(&held, 11, Some(receipt), Some(10), false);
        assert_eq!(
            seen(receipt(10, 0, 5)),
            Some(Event::Refused(Failure::Reverted { transaction_hash }))
        );
        let silent = Receipt {
            logs: Vec::new(),
            ..receipt(10, 1, 5)
        };
        assert_eq!(
            seen(silent),
            Some(Event::Refused(Failure::WithoutToken { transaction_hash }))
        );
        let Some(Event::Confirmed(token, registration)) = seen(receipt(10, 1, 5)) else {
            panic!("not confirmed");
        };
        assert_eq!(token.address, Address::repeat_byte(2));
        assert_eq!((token.block_number, token.deployed_at_ms), (10, 9000));
        assert!(matches!(registration, Registration::Not { .. }));
    }

    #[test]
    fn what_is_mined_decides_of_a_race_with_a_no_op() {
        let closing = Some(Closing::Cancelled);
        let seen = |hash| {
            let held = held(mined(10, hash), closing);
            decided(&held, 11, Some(receipt(10, 1, hash)), Some(10), false)
        };
        assert!(matches!(seen(5), Some(Event::Confirmed(..))));
        assert_eq!(seen(6), Some(Event::Refused(Failure::Cancelled)));
    }
}
