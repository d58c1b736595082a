//! A key in AWS KMS: `Sign` and `GetPublicKey`, with a deadline each.
//!
//! Takes a digest, gives a signature as Ethereum wants it: KMS gives DER without a recovery id and with an `s` in either half of the curve's order,
//! so `s` is lowered (EIP-2) and the id is found by recovering. What does not recover to the pinned address is never used: a key that was swapped behind an
//! alias signs nothing. It never retries; the engine's next turn does.

use crate::aws_json::account::{Account, CallError, KMS};
use crate::deployment::chain::{Address, H256, checksummed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ethers::core::k256::PublicKey;
use ethers::core::k256::ecdsa::Signature as Ecdsa;
use ethers::core::k256::elliptic_curve::sec1::ToEncodedPoint as _;
use ethers::core::k256::pkcs8::DecodePublicKey as _;
use ethers::types::{Signature, U256};
use ethers::utils::keccak256;
use serde_json::{Value, json};
use std::sync::Arc;

/// The curve of Ethereum in KMS' words.
const KEY_SPEC: &str = "ECC_SECG_P256K1";

/// One key. Clones share its connection.
#[derive(Clone)]
pub struct Kms(Arc<Inner>);

struct Inner {
    key_id: String,
    address: Address,
    account: Account,
}

/// Why KMS gave no signature to use. None holds more of AWS's answer than its code.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// AWS gave no answer, or a refusal.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An answer that is not what the operation gives.
    #[error("the answer to {0} is not understood")]
    Malformed(&'static str),
    /// Another kind of key.
    #[error("the key in KMS is not an {KEY_SPEC} key for signing")]
    WrongKind,
    /// Another account's key.
    #[error("the key in KMS is that of {found} and not of KMS_BACKEND_EXPECTED_ADDRESS {expected}")]
    WrongAccount {
        /// Whose it is.
        found: String,
        /// Whose it must be.
        expected: String,
    },
    /// A signature by another key.
    #[error("KMS signed with another key than that of {0}")]
    WrongSigner(String),
}

impl Kms {
    pub(super) fn new(key_id: String, address: Address) -> Self {
        Self(Arc::new(Inner {
            key_id,
            address,
            account: Account::of(&KMS),
        }))
    }

    pub(super) fn address(&self) -> Address {
        self.0.address
    }

    /// Asks for the public key and compares.
    pub(super) async fn prove(&self) -> Result<(), KmsError> {
        let operation = "GetPublicKey";
        let body = json!({ "KeyId": self.0.key_id });
        let answer = self.call(operation, &body).await?;
        // AWS gives both names of the one thing; moto, only the older.
        let is_ours = answer["KeySpec"] == KEY_SPEC || answer["CustomerMasterKeySpec"] == KEY_SPEC;
        if !is_ours || answer["KeyUsage"] != "SIGN_VERIFY" {
            return Err(KmsError::WrongKind);
        }
        let key = bytes_of(&answer["PublicKey"]).and_then(|der| account_of(&der));
        let found = key.ok_or(KmsError::Malformed(operation))?;
        if found == self.0.address {
            Ok(())
        } else {
            Err(KmsError::WrongAccount {
                found: checksummed(found),
                expected: checksummed(self.0.address),
            })
        }
    }

    /// `v` is 27 or 28.
    pub(super) async fn sign(&self, digest: H256) -> Result<Signature, KmsError> {
        let operation = "Sign";
        let body = json!({
            "KeyId": self.0.key_id,
            "Message": STANDARD.encode(digest.as_bytes()),
            "MessageType": "DIGEST",
            "SigningAlgorithm": "ECDSA_SHA_256",
        });
        let answer = self.call(operation, &body).await?;
        let der = bytes_of(&answer["Signature"]).ok_or(KmsError::Malformed(operation))?;
        let signature = Ecdsa::from_der(&der).map_err(|_| KmsError::Malformed(operation))?;
        recoverable(&signature, digest, self.0.address)
            .ok_or_else(|| KmsError::WrongSigner(checksummed(self.0.address)))
    }

    async fn call(&self, operation: &'static str, body: &Value) -> Result<Value, KmsError> {
        Ok(self.0.account.call(operation, body).await?)
    }
}

fn bytes_of(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.as_str()?).ok()
}

/// The account of a public key in DER (SubjectPublicKeyInfo).
fn account_of(der: &[u8]) -> Option<Address> {
    let key = PublicKey::from_public_key_der(der).ok()?;
    let point = key.to_encoded_point(false);
    let hash = keccak256(point.as_bytes().get(1..)?);
    Some(Address::from_slice(hash.get(12..)?))
}

/// With the lower of the two possible `s` and the recovery id that gives `address`; `None` when neither does.
fn recoverable(signature: &Ecdsa, digest: H256, address: Address) -> Option<Signature> {
    let low = signature.normalize_s().unwrap_or(*signature);
    let (r, s) = low.split_bytes();
    let (r, s) = (U256::from_big_endian(&r), U256::from_big_endian(&s));
    [27, 28]
        .into_iter()
        .map(|v| Signature { r, s, v })
        .find(|signature| {
            signature
                .recover(digest)
                .is_ok_and(|found| found == address)
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;
    use ethers::core::k256::ecdsa::SigningKey;
    use ethers::core::k256::ecdsa::signature::hazmat::PrehashSigner as _;
    use ethers::core::k256::pkcs8::EncodePublicKey as _;
    use ethers::utils::secret_key_to_address;

    #[test]
    fn a_der_signature_of_either_half_becomes_one_that_recovers_to_the_account() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..50 {
            let mut bytes = [0; 32];
            random.fill(&mut bytes);
            let key = SigningKey::from_slice(&bytes).unwrap();
            let address = secret_key_to_address(&key);
            let der = PublicKey::from(key.verifying_key())
                .to_public_key_der()
                .unwrap();
            assert_eq!(account_of(der.as_bytes()), Some(address));
            random.fill(&mut bytes);
            let digest = H256(bytes);
            let low: Ecdsa = key.sign_prehash(digest.as_bytes()).unwrap();
            // As valid, and what KMS gives half of the time; Ethereum refuses it.
            let high = Ecdsa::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
            for given in [low, high] {
                let given = Ecdsa::from_der(given.to_der().as_bytes()).unwrap();
                let found = recoverable(&given, digest, address).unwrap();
                assert_eq!(found.recover(digest).unwrap(), address);
                assert_eq!(found.s, U256::from_big_endian(&low.split_bytes().1));
                assert_eq!(recoverable(&given, digest, Address::repeat_byte(1)), None);
            }
        }
    }
}
