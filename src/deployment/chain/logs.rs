//! The questions that only a loss of data raises: which tokens our account made, and by which calls.
//!
//! What is found here is believed only after it was compared with a receipt that endpoints agree on.

use super::{Address, Chain, H256, abi, rpc::RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

/// A token that was made, as its log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Hash of the model's id; the id itself is not in the log.
    pub model: H256,
    /// Who made it.
    pub deployer: Address,
    /// The transaction.
    pub transaction_hash: H256,
}

impl Chain {
    /// The tokens made in these blocks: of one model by anybody, or of all models by our account.
    ///
    /// # Errors
    /// [`RpcError`]; nodes refuse ranges they find too long.
    pub async fn tokens_made(
        &self,
        from: u64,
        to: u64,
        model: Option<H256>,
    ) -> Result<Vec<Made>, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Logged {
            topics: Vec<H256>,
            transaction_hash: H256,
        }
        let deployer = match model {
            Some(_) => Value::Null,
            None => json!(H256::from(self.deployer)),
        };
        let filter = json!({
            "address": self.manager,
            "fromBlock": format!("{from:#x}"),
            "toBlock": format!("{to:#x}"),
            "topics": [abi::token_deployed_topic(), model, Value::Null, deployer],
        });
        let logs: Vec<Logged> = self.rpc.request("eth_getLogs", json!([filter])).await?;
        Ok(logs
            .into_iter()
            .filter_map(|log| {
                Some(Made {
                    model: *log.topics.get(1)?,
                    deployer: Address::from(*log.topics.get(3)?),
                    transaction_hash: log.transaction_hash,
                })
            })
            .collect())
    }

    /// The call data of a transaction, as 0x hex; `None` if it is unknown.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn input_of(&self, hash: H256) -> Result<Option<String>, RpcError> {
        #[derive(Deserialize)]
        struct Sent {
            input: String,
        }
        let sent: Option<Sent> = self
            .rpc
            .request("eth_getTransactionByHash", json!([hash]))
            .await?;
        Ok(sent.map(|Sent { input }| input))
    }
}
