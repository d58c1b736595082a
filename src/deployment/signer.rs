//! Our account's key, and the one thing it is used for.
//!
//! Takes an [`Unsigned`] transaction, gives the signed bytes. Signing is deterministic (RFC 6979): the same transaction gives
//! the same bytes. It never sends anything and never shows the key; the key's own memory is wiped by k256.

use super::SignedTransaction;
use super::chain::{Address, U256};
use super::transaction::Unsigned;
use ethers::signers::{LocalWallet, Signer as _};
use ethers::types::Eip1559TransactionRequest;
use ethers::types::transaction::eip2718::TypedTransaction;
use ethers::utils::keccak256;
use zeroize::Zeroize;

/// The deployer's key.
#[derive(Clone)]
pub struct Signer(LocalWallet);

/// The transaction could not be signed (the curve library refused).
#[derive(Debug, thiserror::Error)]
#[error("the deployer's key did not sign")]
pub struct SignError;

impl Signer {
    /// From `0x` and 64 hex digits; `None` when it is not that, or not a key on the curve.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text
            .strip_prefix("0x")
            .filter(|digits| digits.len() == 64)?;
        let mut bytes = [0; 32];
        let decoded = hex::decode_to_slice(digits, &mut bytes);
        let wallet = decoded
            .ok()
            .and_then(|()| LocalWallet::from_bytes(&bytes).ok());
        bytes.zeroize();
        wallet.map(Self)
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.0.address()
    }

    /// Signs for the chain the transaction names.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, unsigned: Unsigned) -> Result<SignedTransaction, SignError> {
        let Unsigned {
            chain_id,
            nonce,
            to,
            value_wei,
            gas_limit,
            fees,
            data,
        } = unsigned;
        let transaction: TypedTransaction = Eip1559TransactionRequest::new()
            .from(self.address())
            .chain_id(chain_id)
            .nonce(nonce)
            .to(to)
            .value(value_wei)
            .gas(gas_limit)
            .max_fee_per_gas(fees.fee_cap_wei)
            .max_priority_fee_per_gas(fees.tip_wei)
            .data(data)
            .into();
        let signature = self
            .0
            .sign_transaction_sync(&transaction)
            .map_err(|_| SignError)?;
        let raw = transaction.rlp_signed(&signature);
        let cost_wei_max: U256 = gas_limit
            .saturating_mul(fees.fee_cap_wei)
            .saturating_add(value_wei);
        Ok(SignedTransaction {
            nonce,
            hash: keccak256(&raw).into(),
            raw: raw.to_string(),
            cost_wei_max,
        })
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[redacted]")
    }
}
