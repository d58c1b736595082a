//! The questions that only a loss of data raises: which tokens our account made, and by which calls.
//!
//! What is found here is believed only after it was compared with a receipt that endpoints agree on.

use super::{Address, Chain, H256, U256, abi, rpc::RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

/// A token made by our account, as its log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Hash of the model's id; the id itself is not in the log.
    pub model: H256,
    /// The transaction.
    pub transaction_hash: H256,
    /// The block it is in.
    pub block_number: u64,
}

impl Chain {
    /// The tokens our account made in these blocks.
    ///
    /// # Errors
    /// [`RpcError`]; nodes refuse ranges they find too long.
    pub async fn tokens_made(&self, from: u64, to: u64) -> Result<Vec<Made>, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Logged {
            topics: Vec<H256>,
            transaction_hash: H256,
            block_number: U256,
        }
        let filter = json!({
            "address": self.manager,
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
            "topics": [abi::token_deployed_topic(), Value::Null, Value::Null, H256::from(self.deployer)],
        });
        let logs: Vec<Logged> = self.rpc.request("eth_getLogs", json!([filter])).await?;
        Ok(logs
            .into_iter()
            .filter_map(|log| {
                Some(Made {
                    model: *log.topics.get(1)?,
                    transaction_hash: log.transaction_hash,
                    block_number: log.block_number.as_u64(),
                })
            })
            .collect())
    }

    /// The sender and call data of a transaction, `None` if it is unknown.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn input_of(&self, hash: H256) -> Result<Option<(Address, String)>, RpcError> {
        #[derive(Deserialize)]
        struct Sent {
            from: Address,
            input: String,
        }
        let sent: Option<Sent> = self
            .rpc
            .request("eth_getTransactionByHash", json!([hash]))
            .await?;
        Ok(sent.map(|Sent { from, input }| (from, input)))
    }
}
