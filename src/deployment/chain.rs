//! The chain as this product sees it: the questions it asks, in its own types.
//!
//! Takes an [`Rpc`], the two contracts and our account; gives typed answers. It never signs, never decides and keeps nothing between
//! calls but which TokenManager it found. Everything of ethers that is not a signature is here: other modules take its number types from
//! here, so that replacing ethers changes this module and [`super::signer`]. Replies are read into small types of our own, because
//! ethers' refuse what newer nodes and other networks send (receipts without `logsBloom`, unknown transaction types).

pub mod abi;
pub mod agree;
pub mod era;
pub mod logs;
pub mod registry;
pub mod rpc;
pub mod sight;
pub mod verifier;

pub use ethers::types::{Address, H256, U256};

use super::economics::{Allocations, Economics};
use super::fees::{self, FeeFacts, FeeHistory};
use super::request::{DeploymentRequest, ModelId};
use super::transaction::{Refusal, classify};
use era::{Era, Found};
use ethers::types::U64;
use rpc::{Answer, Fault, Reply, Report, Rpc, RpcError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Behind a proxy the code may change; it is looked at again before a deployment when the last look is older than this.
const ERA_AGE_MAX: Duration = Duration::from_secs(600);
/// Proxies of proxies beyond this are taken for a circle.
const PROXIES_MAX: usize = 3;
/// Where a proxy keeps its code's address, and its beacon's: <https://eips.ethereum.org/EIPS/eip-1967>.
const IMPLEMENTATION_SLOT: &str =
    "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
const BEACON_SLOT: &str = "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50";

/// One chain, its two contracts and our account on it.
#[derive(Debug)]
pub struct Chain {
    rpc: Rpc,
    manager: Address,
    registry: Address,
    deployer: Address,
    /// What the TokenManager was found to be, and when.
    era: Mutex<Option<(Era, Instant)>>,
}

/// A receipt, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction.
    pub transaction_hash: H256,
    /// The block's height; some nodes send receipts of pending transactions without it.
    pub block_number: Option<U64>,
    /// The block's identity.
    pub block_hash: Option<H256>,
    /// 1 is success.
    pub status: Option<U64>,
    /// Gas units.
    pub gas_used: U256,
    /// Wei per gas; absent before London.
    #[serde(default)]
    pub effective_gas_price: U256,
    /// What contracts wrote.
    #[serde(default)]
    pub logs: Vec<Log>,
}

/// One log, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Log {
    /// The contract that wrote it.
    pub address: Address,
    /// The event and its indexed parameters.
    pub topics: Vec<H256>,
}

/// A block, as far as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// Identity.
    pub hash: H256,
    /// Seconds since 1970.
    pub timestamp: U64,
}

/// What became of bytes that were sent.
#[derive(Debug)]
pub enum Sent {
    /// A node has them.
    Accepted,
    /// The nonce is used: by these very bytes, or by others. Receipts tell.
    NonceUsed,
    /// A node has certainly not taken them.
    NotSent(Refusal),
    /// Nobody knows: they must be taken for sent, and sent again.
    Unknown(RpcError),
}

/// What a trial run of the deployment says.
#[derive(Debug)]
pub enum Estimate {
    /// It would succeed with this much gas.
    Gas(U256),
    /// The contract would refuse it; the node's text is for the log.
    Reverts(String),
    /// The account cannot pay for it.
    InsufficientFunds,
}

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

/// EIP-55 text of an address.
pub fn checksummed(address: Address) -> String {
    ethers::utils::to_checksum(&address, None)
}

impl Chain {
    /// Nothing is asked yet.
    pub fn new(rpc: Rpc, manager: Address, registry: Address, deployer: Address) -> Self {
        Self {
            rpc,
            manager,
            registry,
            deployer,
            era: Mutex::new(None),
        }
    }

    /// The TokenManager's address.
    pub fn manager(&self) -> Address {
        self.manager
    }

    /// Our account.
    pub fn deployer(&self) -> Address {
        self.deployer
    }

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

    /// How every endpoint stands.
    pub fn endpoints(&self) -> Vec<Report> {
        self.rpc.report()
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

    async fn code(&self, address: Address) -> Result<Vec<u8>, RpcError> {
        let method = "eth_getCode";
        let code: String = self.rpc.request(method, json!([address, "latest"])).await?;
        bytes_of(&code, method)
    }

    /// The height that most of the endpoints that are in step have reached. It is by this question that endpoints are found to be behind.
    ///
    /// # Errors
    /// [`RpcError`], here and below.
    pub async fn head(&self) -> Result<u64, RpcError> {
        let method = "eth_blockNumber";
        let answers = self.rpc.heads().await;
        let heads: Vec<(&Answer, u64)> = answers
            .iter()
            .filter_map(|answer| Some((answer, answer.replies.as_ref().ok()?.first()?.number()?)))
            .collect();
        self.rpc
            .saw_heads(&heads)
            .ok_or_else(|| self.rpc.unanswered(method, rpc::last_fault(&answers)))
    }

    /// The token a model has on chain, whoever made it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn token_of(&self, model: &ModelId) -> Result<Option<Address>, RpcError> {
        let data = self.call(&abi::model_tokens_call(model)).await?;
        let token = abi::read_address(&data).ok_or(RpcError::Malformed { method: "eth_call" })?;
        Ok(Some(token).filter(|token| !token.is_zero()))
    }

    /// What the contract takes for a deployment, in wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn deployment_fee(&self) -> Result<U256, RpcError> {
        let data = self.call(&abi::deployment_fee_call()).await?;
        abi::read_uint(&data).ok_or(RpcError::Malformed { method: "eth_call" })
    }

    /// What gas costs now.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn fee_facts(&self) -> Result<FeeFacts, RpcError> {
        let history: FeeHistory = match self
            .rpc
            .request("eth_feeHistory", json!(["0xa", "latest", [50]]))
            .await
        {
            Ok(history) => history,
            // A chain before London may not have the method.
            Err(RpcError::Refused { .. }) => return self.legacy_price().await,
            Err(error) => return Err(error),
        };
        // A chain before London may have it, with zeros; so has a chain whose base fee is zero.
        let base_fee_wei = history.base_fee_per_gas.last().copied().unwrap_or_default();
        if base_fee_wei.is_zero() && !self.has_base_fee().await? {
            return self.legacy_price().await;
        }
        let paid = history.gas_used_ratio.iter().any(|ratio| *ratio > 0.0);
        let suggested_wei = if paid {
            None
        } else {
            match self
                .rpc
                .request("eth_maxPriorityFeePerGas", json!([]))
                .await
            {
                Ok(tip_wei) => Some(tip_wei),
                // Not every node has the method.
                Err(RpcError::Refused { .. }) => None,
                Err(error) => return Err(error),
            }
        };
        Ok(FeeFacts::Dynamic {
            base_fee_wei,
            tip_wei: fees::usual_tip(&history, suggested_wei),
        })
    }

    async fn legacy_price(&self) -> Result<FeeFacts, RpcError> {
        let price_wei = self.rpc.request("eth_gasPrice", json!([])).await?;
        Ok(FeeFacts::Legacy { price_wei })
    }

    async fn has_base_fee(&self) -> Result<bool, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            base_fee_per_gas: Option<U256>,
        }
        let method = "eth_getBlockByNumber";
        let head: Head = self.rpc.request(method, json!(["latest", false])).await?;
        Ok(head.base_fee_per_gas.is_some())
    }

    /// What our account has, in wei.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn balance(&self) -> Result<U256, RpcError> {
        self.rpc
            .request("eth_getBalance", json!([self.deployer, "latest"]))
            .await
    }

    /// Runs a call of ours on a node without sending it.
    ///
    /// # Errors
    /// [`RpcError`] when the node neither estimates nor says that it would fail.
    pub async fn estimate(
        &self,
        to: Address,
        data: &[u8],
        value_wei: U256,
    ) -> Result<Estimate, RpcError> {
        let transaction =
            json!({ "from": self.deployer, "to": to, "value": value_wei, "data": hex_of(data) });
        match self
            .rpc
            .request("eth_estimateGas", json!([transaction]))
            .await
        {
            Ok(gas) => Ok(Estimate::Gas(gas)),
            Err(RpcError::Refused {
                method,
                code,
                message,
            }) => match classify(code, &message) {
                Some(Refusal::Reverts) => Ok(Estimate::Reverts(message)),
                Some(Refusal::InsufficientFunds) => Ok(Estimate::InsufficientFunds),
                Some(
                    Refusal::AlreadyKnown
                    | Refusal::NonceUsed
                    | Refusal::FeeTooLow
                    | Refusal::Invalid,
                )
                | None => Err(RpcError::Refused {
                    method,
                    code,
                    message,
                }),
            },
            Err(error) => Err(error),
        }
    }

    /// Sends signed bytes to every endpoint that answers. Sending them again is harmless.
    ///
    /// It is over with the first acceptance, and the other endpoints still get them. Only if *all* of them refuse for sure is it sure.
    pub async fn broadcast(&self, raw: &str) -> Sent {
        let method = "eth_sendRawTransaction";
        let read = |reply: Result<Reply, Fault>| match reply {
            Err(fault) => Sent::Unknown(self.rpc.unanswered(method, fault)),
            // Whatever it says is not an error, so the bytes were taken.
            Ok(reply) => match reply.read::<Value>(method) {
                Ok(_) => Sent::Accepted,
                Err(error) => sent(error),
            },
        };
        let taken = |sent: &Sent| matches!(sent, Sent::Accepted);
        let outcomes = self.rpc.race((method, json!([raw])), read, taken).await;
        outcomes
            .into_iter()
            .reduce(together)
            .unwrap_or_else(|| Sent::Unknown(self.rpc.unanswered(method, Fault::Unreachable)))
    }

    async fn call(&self, data: &[u8]) -> Result<Vec<u8>, RpcError> {
        self.call_to(self.manager, data).await
    }

    async fn call_to(&self, to: Address, data: &[u8]) -> Result<Vec<u8>, RpcError> {
        let method = "eth_call";
        let call = json!({ "to": to, "data": hex_of(data) });
        let answer: String = self.rpc.request(method, json!([call, "latest"])).await?;
        bytes_of(&answer, method)
    }
}

fn bytes_of(text: &str, method: &'static str) -> Result<Vec<u8>, RpcError> {
    let digits = text
        .strip_prefix("0x")
        .and_then(|digits| hex::decode(digits).ok());
    digits.ok_or(RpcError::Malformed { method })
}

/// What a refusal of signed bytes means.
fn sent(error: RpcError) -> Sent {
    let RpcError::Refused {
        method: _,
        code,
        ref message,
    } = error
    else {
        return Sent::Unknown(error);
    };
    match classify(code, message) {
        Some(Refusal::AlreadyKnown) => Sent::Accepted,
        Some(Refusal::NonceUsed) => Sent::NonceUsed,
        Some(
            refusal @ (Refusal::InsufficientFunds
            | Refusal::FeeTooLow
            | Refusal::Reverts
            | Refusal::Invalid),
        ) => Sent::NotSent(refusal),
        None => Sent::Unknown(error),
    }
}

/// What two endpoints' outcomes mean together: one acceptance is enough, one doubt spoils a certainty, and a used nonce says more than a refusal.
fn together(a: Sent, b: Sent) -> Sent {
    let rank = |sent: &Sent| match sent {
        Sent::Accepted => 0,
        Sent::Unknown(_) => 1,
        Sent::NonceUsed => 2,
        Sent::NotSent(_) => 3,
    };
    if rank(&b) < rank(&a) { b } else { a }
}

fn hex_of(data: &[u8]) -> String {
    format!("0x{}", hex::encode(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_certainly_not_sent_only_if_every_endpoint_is_certain() {
        let make = [
            || Sent::Accepted,
            || Sent::NonceUsed,
            || Sent::NotSent(Refusal::Invalid),
            || Sent::Unknown(RpcError::Malformed { method: "" }),
        ];
        let name = |sent: Sent| match sent {
            Sent::Accepted => "accepted",
            Sent::NonceUsed => "nonce used",
            Sent::NotSent(_) => "not sent",
            Sent::Unknown(_) => "unknown",
        };
        let expected = [
            ["accepted", "accepted", "accepted", "accepted"],
            ["accepted", "nonce used", "nonce used", "unknown"],
            ["accepted", "nonce used", "not sent", "unknown"],
            ["accepted", "unknown", "unknown", "unknown"],
        ];
        for (a, row) in make.iter().zip(expected) {
            for (b, expected) in make.iter().zip(row) {
                assert_eq!(name(together(a(), b())), expected);
            }
        }
    }
}
