//! The decisions about one transaction: how much gas it may use, what a node's refusal means, what a receipt proves.
//!
//! Takes facts read from the chain, gives values. Pure: it asks nobody and has no clock.

use super::chain::{Address, H256, Header, Receipt, U256, abi};
use super::fees::Fees;
use super::request::ModelId;
use super::{Block, Event, Failure, State, Token};

/// A transaction's gas limit since EIP-7825 (Fusaka): 2^24. More is refused by every node.
const GAS_MAX: u64 = 1 << 24;

/// A transaction without a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The network it is for.
    pub chain_id: u64,
    /// The account nonce.
    pub nonce: u64,
    /// The contract.
    pub to: Address,
    /// What is sent along, in wei.
    pub value_wei: U256,
    /// Units of gas.
    pub gas_limit: U256,
    /// What is offered per gas.
    pub fees: Fees,
    /// Call data.
    pub data: Vec<u8>,
}

/// A refusal that is known to mean something. Whatever is not listed must be taken for "maybe sent".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The node has these bytes already.
    AlreadyKnown,
    /// The nonce is used.
    NonceUsed,
    /// The account cannot pay the most it could cost.
    InsufficientFunds,
    /// Offered too little for now, or too little to take the place of another at this nonce.
    FeeTooLow,
    /// The contract would refuse the call.
    Reverts,
    /// No node will ever take it as it is.
    Invalid,
}

/// The estimate and a fifth more: storage that is cold by then costs more than in the estimate.
pub fn gas_limit(estimate: U256) -> U256 {
    estimate
        .saturating_add(estimate / 5)
        .min(U256::from(GAS_MAX))
}

/// What a node means. Codes first, then the words of geth, erigon, nethermind, besu, reth and anvil; clients share codes and differ in words.
pub fn classify(code: i64, message: &str) -> Option<Refusal> {
    const WORDS: [(&str, Refusal); 23] = [
        // Before "known transaction", which it contains.
        ("unknown transaction", Refusal::Invalid),
        ("already known", Refusal::AlreadyKnown),
        ("alreadyknown", Refusal::AlreadyKnown),
        ("already imported", Refusal::AlreadyKnown),
        ("known transaction", Refusal::AlreadyKnown),
        ("nonce too low", Refusal::NonceUsed),
        ("nonce is too low", Refusal::NonceUsed),
        ("oldnonce", Refusal::NonceUsed),
        ("insufficient funds", Refusal::InsufficientFunds),
        ("insufficientfunds", Refusal::InsufficientFunds),
        ("exceeds allowance", Refusal::InsufficientFunds),
        (
            "upfront cost exceeds account balance",
            Refusal::InsufficientFunds,
        ),
        ("underpriced", Refusal::FeeTooLow),
        ("less than block base fee", Refusal::FeeTooLow),
        ("feetoolow", Refusal::FeeTooLow),
        ("revert", Refusal::Reverts),
        ("intrinsic gas too low", Refusal::Invalid),
        ("exceeds block gas limit", Refusal::Invalid),
        ("gas limit too high", Refusal::Invalid),
        ("invalid chain id", Refusal::Invalid),
        ("invalid sender", Refusal::Invalid),
        ("oversized data", Refusal::Invalid),
        ("transaction type not supported", Refusal::Invalid),
    ];
    // 3 is geth's code for "execution reverted", taken over by all others.
    if code == 3 {
        return Some(Refusal::Reverts);
    }
    let message = message.to_ascii_lowercase();
    WORDS
        .iter()
        .find(|(words, _)| message.contains(words))
        .map(|(_, refusal)| *refusal)
}

/// What was seen of a deployment's transaction at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The newest block's height, read before the receipt.
    pub head: u64,
    /// The receipt, if it is in a block.
    pub receipt: Option<Receipt>,
    /// The block now at the receipt's height: another hash means that the receipt is of a forsaken branch.
    pub at_height: Option<Header>,
    /// Its nonce was used at confirmed depth while none of its attempts had a receipt, seen twice.
    pub displaced: bool,
}

/// Whose token counts.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// The TokenManager.
    pub manager: Address,
    /// Our account.
    pub deployer: Address,
    /// The model.
    pub model: &'a ModelId,
}

/// What a sighting does to a deployment in flight; `None` is "wait".
pub fn decide(
    state: &State,
    sighting: &Sighting,
    confirmations: u64,
    ours: Ours<'_>,
) -> Option<Event> {
    let seen = sighting
        .receipt
        .as_ref()
        .and_then(|receipt| Some((receipt, block_of(receipt)?)));
    match (state, seen) {
        (
            State::Signed { transaction: _ } | State::Broadcast { transaction: _ },
            Some((_, block)),
        ) => Some(Event::Mined(block)),
        (State::Signed { transaction: _ } | State::Broadcast { transaction: _ }, None) => {
            sighting.displaced.then_some(Event::Displaced)
        }
        (
            State::Mined {
                transaction: _,
                block: _,
            },
            None,
        ) => Some(Event::Unmined),
        (
            State::Mined {
                transaction: _,
                block,
            },
            Some((_, now)),
        ) if *block != now => Some(Event::Mined(now)),
        (
            State::Mined {
                transaction: _,
                block,
            },
            Some((receipt, _)),
        ) => {
            let deep =
                sighting.head.saturating_add(1) >= block.number.saturating_add(confirmations);
            let header = sighting
                .at_height
                .filter(|header| deep && header.hash == block.hash)?;
            Some(outcome(receipt, *block, header, ours))
        }
        (State::Queued | State::Deployed { token: _ } | State::Failed { failure: _ }, _) => None,
    }
}

/// The block a receipt names; a receipt of a transaction that is still pending names none.
pub fn block_of(receipt: &Receipt) -> Option<Block> {
    Some(Block {
        number: receipt.block_number?.as_u64(),
        hash: receipt.block_hash?,
    })
}

/// What a receipt in a confirmed block proves.
pub fn outcome(receipt: &Receipt, block: Block, header: Header, ours: Ours<'_>) -> Event {
    let transaction_hash: H256 = receipt.transaction_hash;
    if receipt.status.is_none_or(|status| status.is_zero()) {
        return Event::Refused(Failure::Reverted { transaction_hash });
    }
    match abi::deployed_token(&receipt.logs, ours.manager, ours.model, ours.deployer) {
        None => Event::Refused(Failure::WithoutToken { transaction_hash }),
        Some(address) => Event::Confirmed(Token {
            address,
            transaction_hash,
            block_number: block.number,
            gas_used: receipt.gas_used,
            gas_price_wei: receipt.effective_gas_price,
            deployed_at_ms: header.timestamp.as_u64().saturating_mul(1000),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::deployment::SignedTransaction;
    use crate::deployment::chain::Log;

    #[test]
    fn gas_is_a_fifth_above_the_estimate_and_never_above_the_protocols_limit() {
        assert_eq!(gas_limit(U256::from(1_000_000)), U256::from(1_200_000));
        assert_eq!(gas_limit(U256::from(16_000_000)), U256::from(16_777_216));
    }

    #[test]
    fn every_clients_words_for_a_refusal_are_understood_and_others_are_not_guessed() {
        for (code, message, meaning) in [
            (-32000, "already known", Some(Refusal::AlreadyKnown)),
            (
                -32000,
                "ALREADY_EXISTS: already known",
                Some(Refusal::AlreadyKnown),
            ),
            (-32010, "AlreadyKnown", Some(Refusal::AlreadyKnown)),
            (-32000, "Known transaction", Some(Refusal::AlreadyKnown)),
            (
                -32003,
                "transaction already imported",
                Some(Refusal::AlreadyKnown),
            ),
            (
                -32000,
                "nonce too low: next nonce 5, tx nonce 4",
                Some(Refusal::NonceUsed),
            ),
            (
                -32010,
                "OldNonce, Current nonce: 5, nonce of rejected tx: 4",
                Some(Refusal::NonceUsed),
            ),
            (
                -32000,
                "insufficient funds for gas * price + value: balance 0",
                Some(Refusal::InsufficientFunds),
            ),
            (
                -32003,
                "Insufficient funds for gas * price + value",
                Some(Refusal::InsufficientFunds),
            ),
            (
                -32000,
                "replacement transaction underpriced",
                Some(Refusal::FeeTooLow),
            ),
            (
                -32000,
                "max fee per gas less than block base fee: address 0x",
                Some(Refusal::FeeTooLow),
            ),
            (
                3,
                "execution reverted: Token already deployed for this model",
                Some(Refusal::Reverts),
            ),
            (
                -32000,
                "intrinsic gas too low: have 1, want 2",
                Some(Refusal::Invalid),
            ),
            (-32000, "unknown transaction type", Some(Refusal::Invalid)),
            (-32603, "Internal error", None),
            (-32000, "", None),
        ] {
            assert_eq!(classify(code, message), meaning, "{message}");
        }
    }

    const CONFIRMATIONS: u64 = 2;

    fn receipt(block: u64, status: u64) -> Receipt {
        let model = ethers::utils::keccak256("m");
        let topic = "8bc86e2085f2cb40fd388378b4717f9fe8a5ad8d2b05643adeda5662f1eb59a3";
        let topics = vec![
            H256::from_slice(&hex::decode(topic).unwrap()),
            model.into(),
            Address::repeat_byte(2).into(),
            Address::repeat_byte(3).into(),
        ];
        Receipt {
            transaction_hash: H256::repeat_byte(5),
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

    fn decided(
        state: &State,
        head: u64,
        receipt: Option<Receipt>,
        at_height: Option<u64>,
        displaced: bool,
    ) -> Option<Event> {
        let model = ModelId::try_from("m".to_string()).unwrap();
        let ours = Ours {
            manager: Address::repeat_byte(1),
            deployer: Address::repeat_byte(3),
            model: &model,
        };
        let at_height = at_height.map(|hash| Header {
            hash: H256::from_low_u64_be(hash),
            timestamp: 9.into(),
        });
        decide(
            state,
            &Sighting {
                head,
                receipt,
                at_height,
                displaced,
            },
            CONFIRMATIONS,
            ours,
        )
    }

    fn states() -> [State; 3] {
        let transaction = SignedTransaction {
            nonce: 1,
            hash: H256::repeat_byte(5),
            raw: String::new(),
            cost_wei_max: U256::one(),
        };
        let block = Block {
            number: 10,
            hash: H256::from_low_u64_be(10),
        };
        [
            State::Signed {
                transaction: transaction.clone(),
            },
            State::Broadcast {
                transaction: transaction.clone(),
            },
            State::Mined { transaction, block },
        ]
    }

    #[test]
    fn a_transaction_is_waited_for_until_it_is_mined_or_displaced() {
        let [signed, broadcast, _] = states();
        for state in [signed, broadcast] {
            assert_eq!(decided(&state, 10, None, None, false), None);
            assert_eq!(
                decided(&state, 10, None, None, true),
                Some(Event::Displaced)
            );
            let mined = Event::Mined(Block {
                number: 10,
                hash: H256::from_low_u64_be(10),
            });
            assert_eq!(
                decided(&state, 10, Some(receipt(10, 1)), None, true),
                Some(mined)
            );
            let pending = Receipt {
                block_number: None,
                block_hash: None,
                ..receipt(10, 1)
            };
            assert_eq!(decided(&state, 10, Some(pending), None, false), None);
        }
    }

    #[test]
    fn a_mined_transaction_counts_only_at_depth_and_on_the_canonical_chain() {
        let [_, _, mined] = states();
        let seen = |head, at_height| {
            decided(&mined, head, Some(receipt(10, 1)), at_height, false).map(|event| event.name())
        };
        assert_eq!(seen(10, Some(10)), None);
        assert_eq!(seen(11, Some(10)), Some("confirmed"));
        assert_eq!(seen(11, Some(99)), None);
        assert_eq!(seen(11, None), None);
        assert_eq!(decided(&mined, 11, None, None, false), Some(Event::Unmined));
        let moved = decided(&mined, 20, Some(receipt(12, 1)), Some(12), false);
        assert_eq!(
            moved,
            Some(Event::Mined(Block {
                number: 12,
                hash: H256::from_low_u64_be(12)
            }))
        );
    }

    #[test]
    fn success_needs_status_1_and_our_own_log() {
        let [_, _, mined] = states();
        let transaction_hash = H256::repeat_byte(5);
        let reverted = decided(&mined, 11, Some(receipt(10, 0)), Some(10), false);
        assert_eq!(
            reverted,
            Some(Event::Refused(Failure::Reverted { transaction_hash }))
        );
        let silent = Receipt {
            logs: Vec::new(),
            ..receipt(10, 1)
        };
        let without = decided(&mined, 11, Some(silent), Some(10), false);
        assert_eq!(
            without,
            Some(Event::Refused(Failure::WithoutToken { transaction_hash }))
        );
        let Some(Event::Confirmed(token)) =
            decided(&mined, 11, Some(receipt(10, 1)), Some(10), false)
        else {
            panic!("not confirmed");
        };
        assert_eq!(token.address, Address::repeat_byte(2));
        assert_eq!((token.block_number, token.deployed_at_ms), (10, 9000));
    }
}
