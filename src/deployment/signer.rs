//! Our account's key, wherever it is, and the one thing it is used for.
//!
//! Takes an [`Unsigned`] transaction, gives the signed bytes. The key is either in this process (from `DEPLOYER_PRIVATE_KEY`, an SSM SecureString) or in
//! AWS KMS, which never gives it out. It never sends a transaction and never shows a key.
//!
//! | key | same transaction twice | its memory |
//! |---|---|---|
//! | local | the same bytes (RFC 6979) | wiped by k256 when dropped; the text it came from, here |
//! | KMS | other bytes, another hash | not ours |
//!
//! So nobody may rely on signing again: bytes are saved before they are sent.

mod kms;

use kms::Kms;
pub use kms::KmsError;

use super::SignedTransaction;
use super::chain::{Address, U256};
use super::fees::Fees;
use super::transaction::Unsigned;
use ethers::signers::{LocalWallet, Signer as _};
use ethers::types::transaction::eip2718::TypedTransaction;
use ethers::types::{Eip1559TransactionRequest, TransactionRequest};
use ethers::utils::keccak256;
use zeroize::Zeroize;

/// The deployer's key.
#[derive(Clone)]
pub enum Signer {
    /// In this process.
    Local(LocalWallet),
    /// In AWS.
    Kms(Kms),
}

/// The transaction was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The curve library refused.
    #[error("the deployer's key did not sign")]
    Local,
    /// AWS did not sign.
    #[error("the deployer's key in KMS did not sign")]
    Kms(#[from] KmsError),
}

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
        wallet.map(Self::Local)
    }

    /// The key with this id, ARN or alias in KMS, which must be that of `address`. Nothing is asked yet.
    pub fn kms(key_id: String, address: Address) -> Self {
        Self::Kms(Kms::new(key_id, address))
    }

    /// The account.
    pub fn address(&self) -> Address {
        match self {
            Self::Local(wallet) => wallet.address(),
            Self::Kms(kms) => kms.address(),
        }
    }

    /// Proves that the key is there, can sign for Ethereum and is the expected account's.
    ///
    /// # Errors
    /// [`SignError`]; a local key has proved it by being read.
    pub async fn prove(&self) -> Result<(), SignError> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Kms(kms) => Ok(kms.prove().await?),
        }
    }

    /// Signs for the chain the transaction names.
    ///
    /// # Errors
    /// [`SignError`].
    pub async fn sign(&self, unsigned: Unsigned) -> Result<SignedTransaction, SignError> {
        let Unsigned {
            chain_id,
            nonce,
            gas_limit,
            value_wei,
            fees,
            ..
        } = unsigned;
        let transaction = typed(unsigned);
        let sighash = transaction.sighash();
        let mut signature = match self {
            Self::Local(wallet) => wallet.sign_hash(sighash).map_err(|_| SignError::Local)?,
            Self::Kms(kms) => kms.sign(sighash).await?,
        };
        // EIP-155, of which `rlp_signed` makes what the transaction's type has.
        signature.v = signature.v - 27 + 35 + 2 * chain_id;
        let raw = transaction.rlp_signed(&signature);
        let cost_wei_max: U256 = gas_limit
            .saturating_mul(fees.per_gas_wei_max())
            .saturating_add(value_wei);
        Ok(SignedTransaction {
            nonce,
            hash: keccak256(&raw).into(),
            raw: raw.to_string(),
            cost_wei_max,
        })
    }
}

fn typed(unsigned: Unsigned) -> TypedTransaction {
    let Unsigned {
        chain_id,
        nonce,
        to,
        value_wei,
        gas_limit,
        fees,
        data,
    } = unsigned;
    match fees {
        Fees::Dynamic {
            fee_cap_wei,
            tip_wei,
        } => Eip1559TransactionRequest::new()
            .chain_id(chain_id)
            .nonce(nonce)
            .to(to)
            .value(value_wei)
            .gas(gas_limit)
            .max_fee_per_gas(fee_cap_wei)
            .max_priority_fee_per_gas(tip_wei)
            .data(data)
            .into(),
        Fees::Legacy { price_wei } => TransactionRequest::new()
            .chain_id(chain_id)
            .nonce(nonce)
            .to(to)
            .value(value_wei)
            .gas(gas_limit)
            .gas_price(price_wei)
            .data(data)
            .into(),
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ethers::types::transaction::eip2718::TypedTransaction;
    use ethers::utils::rlp::Rlp;

    /// A key that holds nothing anywhere: anvil's second.
    const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

    #[tokio::test]
    async fn both_kinds_of_transaction_are_signed_for_their_chain_by_this_account() {
        let signer = Signer::parse(KEY).unwrap();
        let price_wei = U256::from(9);
        let (fee_cap_wei, tip_wei) = (price_wei, U256::one());
        let dynamic = Fees::Dynamic {
            fee_cap_wei,
            tip_wei,
        };
        for fees in [dynamic, Fees::Legacy { price_wei }] {
            let unsigned = Unsigned {
                chain_id: 11_155_111,
                nonce: 7,
                to: Address::repeat_byte(1),
                value_wei: U256::from(2),
                gas_limit: U256::from(100_000),
                fees,
                data: vec![1, 2, 3],
            };
            let signed = signer.sign(unsigned.clone()).await.unwrap();
            let raw = hex::decode(signed.raw.trim_start_matches("0x")).unwrap();
            let (read, signature) = TypedTransaction::decode_signed(&Rlp::new(&raw)).unwrap();
            assert_eq!(read.chain_id().map(|id| id.as_u64()), Some(11_155_111));
            assert_eq!(read.nonce(), Some(&U256::from(7)));
            let hash = typed(unsigned.clone()).sighash();
            assert_eq!(signature.recover(hash).unwrap(), signer.address());
            assert_eq!(signed.cost_wei_max, U256::from(900_002));
            assert_eq!(signer.sign(unsigned).await.unwrap(), signed);
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_and_a_key_is_never_printed() {
        for text in [
            "",
            "0x",
            &KEY[2..],
            "0xzz",
            &KEY[..65],
            &format!("0x{:0>64}", ""),
        ] {
            assert!(Signer::parse(text).is_none(), "{text}");
        }
        let shown = format!("{:?}", Signer::parse(KEY).unwrap());
        assert_eq!(shown, "[redacted]");
    }
}
