//! Whether our account may submit to the DeltaVerifier, which the existing service's clients see in its readiness.
//!
//! Asks the contract now. It never sends anything: minting is not this service's.

use super::{Address, Chain, ProofError, abi, rpc::RpcError};

/// Hashed, it is 0xe1a65d1a…, as the contract has it.
const ROLE: &str = "SUBMITTER_ROLE";

impl Chain {
    /// Whether our account has the submitter's role on `verifier`.
    ///
    /// # Errors
    /// [`ProofError`]; a contract without roles gives [`RpcError::Refused`] or [`RpcError::Malformed`].
    pub async fn is_submitter(&self, verifier: Address) -> Result<bool, ProofError> {
        if self.code(verifier).await?.is_empty() {
            let setting = "DELTA_VERIFIER_ADDRESS";
            return Err(ProofError::NoCode { setting });
        }
        let call = abi::has_role_call(ROLE, self.deployer);
        let answer = self.call_to(verifier, &call).await?;
        let answer = abi::read_uint(&answer);
        let answer = answer.ok_or(RpcError::Malformed { method: "eth_call" })?;
        Ok(!answer.is_zero())
    }
}
