//! The chain as this product sees it: the questions it asks, in its own types.
//!
//! Takes an [`Rpc`], the two contracts and our account; gives typed answers. It never signs, never decides and keeps nothing between
//! calls but which TokenManager it found. Everything of ethers that is not a signature is here: other modules take its number types from
//! here, so that replacing ethers changes this module and [`super::signer`]. Replies are read into small types of our own, because
//! ethers' refuse what newer nodes and other networks send (receipts without `logsBloom`, unknown transaction types).

pub mod abi;
pub mod agree;
mod broadcast;
pub mod era;
pub mod logs;
mod manager;
mod prices;
pub mod registry;
pub mod rpc;
pub mod sight;
pub mod verifier;

pub use broadcast::Sent;
pub use ethers::types::{Address, H256, U256};
pub use manager::ProofError;

use super::request::ModelId;
use super::transaction::{Refusal, classify};
use era::Era;
use ethers::types::U64;
use rpc::{Answer, Report, Rpc, RpcError};
use serde::Deserialize;
use serde_json::json;
use std::sync::Mutex;
use std::time::Instant;

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

    /// How every endpoint stands.
    pub fn endpoints(&self) -> Vec<Report> {
        self.rpc.report()
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

    async fn code(&self, address: Address) -> Result<Vec<u8>, RpcError> {
        let method = "eth_getCode";
        let code: String = self.rpc.request(method, json!([address, "latest"])).await?;
        bytes_of(&code, method)
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

fn hex_of(data: &[u8]) -> String {
    format!("0x{}", hex::encode(data))
}
