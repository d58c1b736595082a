//! The chain as this product sees it: the questions it asks, in its own types.
//!
//! Takes an [`Rpc`], the two contracts and our account; gives typed answers. It never signs, never decides and never
//! keeps anything between calls. Everything of ethers that is not a signature is here: other modules take its number types from
//! here, so that replacing ethers changes this module and [`super::signer`]. Replies are read into small types of our own, because
//! ethers' refuse what newer nodes and other networks send (receipts without `logsBloom`, unknown transaction types).

pub mod abi;
pub mod rpc;

pub use ethers::types::{Address, H256, U256};

use super::fees::{self, FeeFacts, FeeHistory};
use super::request::ModelId;
use super::transaction::{Refusal, classify};
use ethers::types::U64;
use rpc::{Rpc, RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

/// One chain, its two contracts and our account on it.
#[derive(Debug)]
pub struct Chain {
    rpc: Rpc,
    manager: Address,
    registry: Address,
    deployer: Address,
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
    /// A contract that is not a TokenManager.
    #[error("the contract at TOKEN_MANAGER_ADDRESS does not answer deploymentFee()")]
    NotTokenManager,
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

    /// Proves that the chain is the configured one and that both contracts are there; gives its head.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn prove(&self) -> Result<u64, ProofError> {
        let head = self.head().await?;
        for (setting, address) in [
            ("TOKEN_MANAGER_ADDRESS", self.manager),
            ("MODEL_REGISTRY_ADDRESS", self.registry),
        ] {
            let code: String = self
                .rpc
                .request("eth_getCode", json!([address, "latest"]))
                .await?;
            if code.len() <= "0x".len() {
                return Err(ProofError::NoCode { setting });
            }
        }
        match self.deployment_fee().await {
            Ok(_) => Ok(head),
            Err(
                RpcError::Malformed { method: _ }
                | RpcError::Refused {
                    method: _,
                    code: _,
                    message: _,
                },
            ) => Err(ProofError::NotTokenManager),
            Err(error @ RpcError::Unanswered { .. }) => Err(error.into()),
        }
    }

    /// The newest block's height.
    ///
    /// # Errors
    /// [`RpcError`], here and below.
    pub async fn head(&self) -> Result<u64, RpcError> {
        self.small("eth_blockNumber", json!([])).await
    }

    /// The block at a height, if there is one.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn header(&self, number: u64) -> Result<Option<Header>, RpcError> {
        self.rpc
            .request(
                "eth_getBlockByNumber",
                json!([format!("{number:#x}"), false]),
            )
            .await
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

    /// How many transactions of ours the node knows, those waiting included: the next nonce as it sees it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn nonce_pending(&self) -> Result<u64, RpcError> {
        self.small("eth_getTransactionCount", json!([self.deployer, "pending"]))
            .await
    }

    /// How many transactions of ours were in the chain at a height.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn nonce_at(&self, number: u64) -> Result<u64, RpcError> {
        self.small(
            "eth_getTransactionCount",
            json!([self.deployer, format!("{number:#x}")]),
        )
        .await
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

    /// Runs the deployment on a node without sending it.
    ///
    /// # Errors
    /// [`RpcError`] when the node neither estimates nor says that it would fail.
    pub async fn estimate(&self, data: &[u8], value_wei: U256) -> Result<Estimate, RpcError> {
        let transaction = json!({ "from": self.deployer, "to": self.manager, "value": value_wei, "data": hex_of(data) });
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

    /// Sends signed bytes. Sending them again is harmless.
    pub async fn broadcast(&self, raw: &str) -> Sent {
        match self
            .rpc
            .request::<Value>("eth_sendRawTransaction", json!([raw]))
            .await
        {
            Ok(_) => Sent::Accepted,
            Err(RpcError::Refused {
                method,
                code,
                message,
            }) => match classify(code, &message) {
                Some(Refusal::AlreadyKnown) => Sent::Accepted,
                Some(Refusal::NonceUsed) => Sent::NonceUsed,
                Some(
                    refusal @ (Refusal::InsufficientFunds
                    | Refusal::FeeTooLow
                    | Refusal::Reverts
                    | Refusal::Invalid),
                ) => Sent::NotSent(refusal),
                None => Sent::Unknown(RpcError::Refused {
                    method,
                    code,
                    message,
                }),
            },
            Err(error @ (RpcError::Unanswered { .. } | RpcError::Malformed { .. })) => {
                Sent::Unknown(error)
            }
        }
    }

    /// The receipt of a transaction that is in a block.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn receipt(&self, hash: H256) -> Result<Option<Receipt>, RpcError> {
        self.rpc
            .request("eth_getTransactionReceipt", json!([hash]))
            .await
    }

    async fn call(&self, data: &[u8]) -> Result<Vec<u8>, RpcError> {
        let call = json!({ "to": self.manager, "data": hex_of(data) });
        let answer: String = self
            .rpc
            .request("eth_call", json!([call, "latest"]))
            .await?;
        hex::decode(answer.trim_start_matches("0x"))
            .map_err(|_| RpcError::Malformed { method: "eth_call" })
    }

    async fn small(&self, method: &'static str, params: Value) -> Result<u64, RpcError> {
        let number: U256 = self.rpc.request(method, params).await?;
        u64::try_from(number).map_err(|_| RpcError::Malformed { method })
    }
}

fn hex_of(data: &[u8]) -> String {
    format!("0x{}", hex::encode(data))
}
