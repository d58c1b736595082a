//! What the ModelRegistry says of a token, and the call that enters it.
//!
//! Asks the registry's canonical interface (ids are `uint256`; `registerModel` is for its owner only). It never sends anything.

use super::{Address, Chain, U256, abi, rpc::RpcError};
use crate::deployment::request::ModelId;

/// Whether our account can enter a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registrable {
    /// With this call to the registry.
    Call(Vec<u8>),
    /// It is there already.
    Done,
    /// It cannot; why, in public words.
    No(&'static str),
}

/// The registry's id of a model; `None` when its id is not a decimal number.
pub fn registry_id(model: &ModelId) -> Option<U256> {
    let text = model.as_str();
    // 77 digits are below 2^256; a leading zero would make two names of one id.
    let canonical = text.len() <= 77 && (text == "0" || !text.starts_with('0'));
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| U256::from_dec_str(text).ok())
        .flatten()
}

impl Chain {
    /// The ModelRegistry's address.
    pub fn registry(&self) -> Address {
        self.registry
    }

    /// Whether our account can enter `token` as that of `model`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn registrable(
        &self,
        model: &ModelId,
        token: Address,
        metric: &str,
    ) -> Result<Registrable, RpcError> {
        let Some(id) = registry_id(model) else {
            return Ok(Registrable::No("the model's id is not a decimal number"));
        };
        let malformed = RpcError::Malformed { method: "eth_call" };
        let registered = self
            .call_to(self.registry, &abi::is_registered_call(id))
            .await?;
        if abi::read_uint(&registered).is_some_and(|answer| !answer.is_zero()) {
            let entered = self
                .call_to(self.registry, &abi::registered_token_call(id))
                .await?;
            return match abi::read_address(&entered) {
                Some(entered) if entered == token => Ok(Registrable::Done),
                Some(_) => Ok(Registrable::No(
                    "the ModelRegistry has another token for this model",
                )),
                None => Err(malformed),
            };
        }
        let owner = self.call_to(self.registry, &abi::owner_call()).await?;
        match abi::read_address(&owner) {
            Some(owner) if owner == self.deployer => {
                Ok(Registrable::Call(abi::register_call(id, token, metric)))
            }
            Some(_) => Ok(Registrable::No(
                "only the ModelRegistry's owner may register, which is another account",
            )),
            None => Err(malformed),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_canonical_decimal_number_is_an_id_of_the_registry() {
        let id = |text: &str| registry_id(&ModelId::try_from(text.to_string()).unwrap());
        assert_eq!(id("21"), Some(U256::from(21)));
        assert_eq!(id("0"), Some(U256::zero()));
        for text in ["021", "00", "-1", "1e3", "abc", "0x10", "1_0"] {
            assert_eq!(id(text), None, "{text}");
        }
    }
}
