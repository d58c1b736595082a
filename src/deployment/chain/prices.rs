//! What gas costs now, on chains before and after London.
//!
//! Asks; [`fees`] decides what to offer. It keeps nothing.

use super::{Chain, U256, rpc::RpcError};
use crate::deployment::fees::{self, FeeFacts, FeeHistory};
use serde::Deserialize;
use serde_json::json;

impl Chain {
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
}
