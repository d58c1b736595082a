//! The questions whose answers decide about nonces and outcomes, and so are put to every healthy endpoint.
//!
//! Takes hashes and heights, gives what [`agree`](super::agree) makes of the answers. A missing answer never counts as a "no".

use super::agree::{Agreement, Sight, agree, majority, reached_by_half};
use super::rpc::{Answer, Call, RpcError, last_fault};
use super::{Chain, H256, Header, Receipt};
use serde::de::DeserializeOwned;
use serde_json::json;

impl Chain {
    /// What is known of these transactions, in the order of `hashes`, in one batch per endpoint.
    ///
    /// # Errors
    /// [`RpcError`] when no endpoint answers, here and below.
    pub async fn receipts(&self, hashes: &[H256]) -> Result<Vec<Sight>, RpcError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let method = "eth_getTransactionReceipt";
        let calls = hashes.iter().map(|hash| (method, json!([hash])));
        let words = self.words::<Option<Receipt>>(calls.collect()).await?;
        let agreements: Vec<Agreement> = words.iter().map(|words| agree(words)).collect();
        let mut heights: Vec<u64> = agreements
            .iter()
            .filter_map(|agreement| match agreement {
                Agreement::Alone(receipt) => height_of(receipt),
                Agreement::Settled(_) => None,
            })
            .collect();
        heights.sort_unstable();
        heights.dedup();
        let known = self.blocks(&heights).await?;
        // Two endpoints know the block: the one that has the receipt, and another.
        let is_known = |receipt: &Receipt| {
            let headers = height_of(receipt)
                .and_then(|height| heights.iter().position(|known| *known == height))
                .and_then(|place| known.get(place));
            let same = |header: &&Header| Some(header.hash) == receipt.block_hash;
            headers.is_some_and(|headers| headers.iter().filter(same).count() > 1)
        };
        Ok(agreements
            .into_iter()
            .map(|agreement| match agreement {
                Agreement::Settled(sight) => sight,
                Agreement::Alone(receipt) if is_known(&receipt) => Sight::Here(receipt),
                Agreement::Alone(_) => Sight::Unclear,
            })
            .collect())
    }

    /// The blocks that most endpoints have at these heights, in their order.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn headers(&self, numbers: &[u64]) -> Result<Vec<Option<Header>>, RpcError> {
        let blocks = self.blocks(numbers).await?;
        Ok(blocks
            .into_iter()
            .map(|headers| majority(&headers, |header| header.hash))
            .collect())
    }

    /// Per height, what each endpoint that has a block there says of it.
    async fn blocks(&self, numbers: &[u64]) -> Result<Vec<Vec<Header>>, RpcError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let method = "eth_getBlockByNumber";
        let calls = numbers
            .iter()
            .map(|number| (method, json!([format!("{number:#x}"), false])));
        let words = self.words::<Option<Header>>(calls.collect()).await?;
        Ok(words
            .into_iter()
            .map(|words| words.into_iter().flatten().flatten().collect())
            .collect())
    }

    /// How many transactions of ours half of the endpoints know, those waiting included: the next nonce.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn nonce_pending(&self) -> Result<u64, RpcError> {
        let (numbers, _) = self.nonces("pending").await?;
        Ok(reached_by_half(numbers))
    }

    /// How many transactions of ours are in the chain, as half of the endpoints have it.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn nonce_latest(&self) -> Result<u64, RpcError> {
        let (numbers, _) = self.nonces("latest").await?;
        Ok(reached_by_half(numbers))
    }

    /// How many transactions of ours every healthy endpoint has in the chain at a height; 0 while one of them does not say. Nonces below it are used for good.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn nonce_at(&self, number: u64) -> Result<u64, RpcError> {
        let (numbers, whole) = self.nonces(&format!("{number:#x}")).await?;
        let least = numbers.into_iter().min().filter(|_| whole);
        Ok(least.unwrap_or_default())
    }

    /// The counts at a block, and whether every healthy endpoint gave one.
    async fn nonces(&self, block: &str) -> Result<(Vec<u64>, bool), RpcError> {
        let method = "eth_getTransactionCount";
        let answers = self
            .rpc
            .everywhere(vec![(method, json!([self.deployer, block]))])
            .await;
        let read = |answer: &Answer| answer.replies.as_ref().ok()?.first()?.number();
        let numbers: Vec<u64> = answers.iter().filter_map(read).collect();
        let whole = answers
            .iter()
            .all(|answer| !answer.healthy || read(answer).is_some());
        if numbers.is_empty() {
            return Err(self.rpc.unanswered(method, last_fault(&answers)));
        }
        Ok((numbers, whole))
    }

    /// Per call, what each endpoint that counts says. What cannot be read is no answer.
    async fn words<T: DeserializeOwned>(
        &self,
        calls: Vec<Call>,
    ) -> Result<Vec<Vec<Option<T>>>, RpcError> {
        let methods: Vec<&'static str> = calls.iter().map(|(method, _)| *method).collect();
        let answers = self.rpc.everywhere(calls).await;
        let method = methods.first().copied().unwrap_or_default();
        if answers.iter().all(|answer| answer.replies.is_err()) {
            return Err(self.rpc.unanswered(method, last_fault(&answers)));
        }
        let mut words: Vec<Vec<Option<T>>> = methods.iter().map(|_| Vec::new()).collect();
        for answer in answers {
            match answer.replies {
                Ok(replies) => {
                    for ((words, reply), method) in words.iter_mut().zip(replies).zip(&methods) {
                        words.push(reply.read(method).ok());
                    }
                }
                Err(_) if answer.healthy => words.iter_mut().for_each(|words| words.push(None)),
                Err(_) => {}
            }
        }
        Ok(words)
    }
}

fn height_of(receipt: &Receipt) -> Option<u64> {
    receipt.block_number.map(|number| number.as_u64())
}
