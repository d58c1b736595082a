//! The decisions about one transaction: how much gas it may use, what a node's refusal means.
//!
//! Takes facts read from the chain, gives values. Pure: it asks nobody and has no clock.

use super::chain::{Address, U256};
use super::fees::Fees;
use ethers::types::transaction::eip2718::TypedTransaction;
use ethers::utils::rlp::Rlp;

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

/// What was signed as `raw`, with other fees; `None` when it is not a transaction of ours.
pub fn reread(raw: &str, chain_id: u64, fees: Fees) -> Option<Unsigned> {
    let bytes = hex::decode(raw.strip_prefix("0x")?).ok()?;
    let (old, _) = TypedTransaction::decode_signed(&Rlp::new(&bytes)).ok()?;
    Some(Unsigned {
        chain_id,
        nonce: u64::try_from(*old.nonce()?).ok()?,
        to: *old.to_addr()?,
        value_wei: *old.value()?,
        gas_limit: *old.gas()?,
        fees,
        data: old.data().map(|data| data.to_vec()).unwrap_or_default(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;
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
}
