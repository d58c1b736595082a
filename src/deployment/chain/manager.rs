//! The TokenManager that is there: whether it can be called, and how.
//!
//! Follows proxies (EIP-1167, EIP-1967) to the code and knows its [`Era`] by it; keeps what it found for [`ERA_AGE_MAX`]. It never sends
//! anything.

use super::era::{self, Era, Found};
use super::rpc::{Fault, RpcError};
use super::{Address, Chain, H256, abi};
use crate::deployment::economics::{Allocations, Economics};
use crate::deployment::request::DeploymentRequest;
use serde_json::json;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Behind a proxy the code may change; it is looked at again before a deployment when the last look is older than this.
const ERA_AGE_MAX: Duration = Duration::from_secs(600);
/// Proxies of proxies beyond this are taken for a circle.
const PROXIES_MAX: usize = 3;
/// Where a proxy keeps its code's address, and its beacon's: <https://eips.ethereum.org/EIPS/eip-1967>.
const IMPLEMENTATION_SLOT: &str =
    "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
const BEACON_SLOT: &str = "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50";

/// Why the chain cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Nothing could be asked, or every node serves another chain.
    #[error("the chain cannot be asked")]
    Rpc(#[from] RpcError),
    /// A contract address without a contract.
    #[error("there is no contract at {setting}")]
    NoCode {
        /// The setting's name.
        setting: &'static str,
    },
    /// A contract without a deploying function that this service can call.
    #[error("the contract at TOKEN_MANAGER_ADDRESS has no known deploying function{}", unused.map(|what| format!(" but {what}")).unwrap_or_default())]
    NoEra {
        /// One that is known and not used.
        unused: Option<&'static str>,
    },
    /// A contract that is not a TokenManager.
    #[error("the contract at TOKEN_MANAGER_ADDRESS does not answer deploymentFee()")]
    NotTokenManager,
}

impl ProofError {
    /// In public words, which name settings and no addresses.
    pub fn public(&self) -> String {
        match self {
            Self::Rpc(RpcError::Unanswered {
                fault: fault @ Fault::WrongChain { .. },
                ..
            }) => format!("no RPC endpoint serves CHAIN_ID: the last {fault}"),
            Self::Rpc(_) => "no RPC endpoint answers for the configured chain".into(),
            Self::NoCode { .. } | Self::NoEra { .. } | Self::NotTokenManager => self.to_string(),
        }
    }
}

impl Chain {
    /// Proves that the chain is the configured one, that both contracts are there and that the TokenManager can be called; gives the chain's head.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn prove(&self) -> Result<u64, ProofError> {
        let head = self.head().await?;
        self.find_era().await?;
        if self.code(self.registry).await?.is_empty() {
            let setting = "MODEL_REGISTRY_ADDRESS";
            return Err(ProofError::NoCode { setting });
        }
        match self.deployment_fee().await {
            Ok(_) => Ok(head),
            Err(RpcError::Malformed { .. } | RpcError::Refused { .. }) => {
                Err(ProofError::NotTokenManager)
            }
            Err(error @ RpcError::Unanswered { .. }) => Err(error.into()),
        }
    }

    /// Call data of the deployment for the TokenManager that is there now: behind a proxy it may be another than at the start.
    ///
    /// # Errors
    /// [`ProofError`] when there is none that can be called any more.
    pub async fn deploy_call(
        &self,
        request: &DeploymentRequest,
        allocations: Allocations,
        economics: &Economics,
    ) -> Result<Vec<u8>, ProofError> {
        let era = self.era().await?;
        Ok(abi::deploy_call(era, request, allocations, economics))
    }

    /// The era found last, or found again when that was long ago.
    async fn era(&self) -> Result<Era, ProofError> {
        let found = *self.era.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Some((era, at)) if at.elapsed() < ERA_AGE_MAX => Ok(era),
            Some(_) | None => self.find_era().await,
        }
    }

    async fn find_era(&self) -> Result<Era, ProofError> {
        let mut address = self.manager;
        let mut unused = None;
        for _ in 0..=PROXIES_MAX {
            let code = self.code(address).await?;
            if code.is_empty() {
                let setting = "TOKEN_MANAGER_ADDRESS";
                return Err(ProofError::NoCode { setting });
            }
            let next = match era::recognise(&code) {
                Found::Manager(era) => {
                    let now = Some((era, Instant::now()));
                    let before = std::mem::replace(
                        &mut *self.era.lock().unwrap_or_else(PoisonError::into_inner),
                        now,
                    );
                    if before.is_none_or(|(before, _)| before != era) {
                        let (function, recipient) = (era.signature(), era.takes_recipient());
                        tracing::info!(
                            function,
                            recipient,
                            "the TokenManager is known by its code"
                        );
                    }
                    return Ok(era);
                }
                Found::MinimalProxy(target) => Some(target),
                Found::Other { unused: found } => {
                    unused = unused.or(found);
                    self.proxied(address).await?
                }
            };
            match next {
                Some(next) => address = next,
                None => break,
            }
        }
        Err(ProofError::NoEra { unused })
    }

    /// Where an EIP-1967 proxy's code is, itself or by its beacon.
    async fn proxied(&self, proxy: Address) -> Result<Option<Address>, RpcError> {
        let implementation = self.slot(proxy, IMPLEMENTATION_SLOT).await?;
        if !implementation.is_zero() {
            return Ok(Some(implementation));
        }
        let beacon = self.slot(proxy, BEACON_SLOT).await?;
        if beacon.is_zero() {
            return Ok(None);
        }
        let data = self.call_to(beacon, &abi::implementation_call()).await?;
        Ok(abi::read_address(&data).filter(|address| !address.is_zero()))
    }

    async fn slot(&self, address: Address, slot: &str) -> Result<Address, RpcError> {
        let method = "eth_getStorageAt";
        let word: H256 = self
            .rpc
            .request(method, json!([address, slot, "latest"]))
            .await?;
        Ok(Address::from(word))
    }
}
