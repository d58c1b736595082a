//! What is known of a run once it is over: from the chain, from Redis, from the logs, and from what clients were told.
//!
//! Takes the real things, gives one [`Evidence`] of plain values. It judges nothing; that is [`crate::audit`].

use crate::support::anvil::{Anvil, DEPLOYER};
use crate::support::redis::Redis;
use ethers::utils::{hex, keccak256, rlp::Rlp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Everything the checker looks at.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Every 202 that a client got.
    pub accepted: Vec<Accepted>,
    /// What each accepted id answers at the end; `None`: it is unknown.
    pub answers: BTreeMap<String, Option<Answer>>,
    /// Every final answer that a client saw on the way.
    pub finals: Vec<(String, Answer)>,
    /// Our account's transactions in the chain.
    pub mined: Vec<Transaction>,
    /// How many transactions of our account a node holds and has not mined.
    pub pooled: usize,
    /// Every transaction that any endpoint was asked to send.
    pub sent: Vec<Transaction>,
    /// Every `TokenDeployed` log of our account's.
    pub tokens: Vec<Token>,
    /// Every record in Redis.
    pub records: Vec<Record>,
    /// Ids still in the queue or in flight in Redis.
    pub waiting: Vec<String>,
    /// Ids of which something is still to be told in Redis.
    pub untold: Vec<String>,
    /// Whose changes are posted to the receiver.
    pub listener: String,
    /// Every webhook that was received, in its order.
    pub webhooks: Vec<Webhook>,
    /// Where a secret might show: logs, Redis, answers.
    pub texts: Vec<(String, String)>,
}

/// One 202.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub id: String,
    pub model: String,
    /// The idempotency key it was sent with.
    pub key: Option<String>,
}

/// What a GET says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub status: String,
    pub code: Option<String>,
    pub token: Option<String>,
    pub transaction: Option<String>,
}

/// A transaction of our account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub hash: String,
    pub nonce: u64,
    /// Whose token it would make; `None` if it is something else, such as a closed gap.
    pub model: Option<String>,
    /// False: it was reverted. True for those only sent.
    pub succeeded: bool,
}

/// One `TokenDeployed` log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// keccak256 of the model's id, as 0x hex.
    pub model_hash: String,
    pub address: String,
    pub transaction: String,
}

/// A deployment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    pub model: String,
    /// `is` of its state.
    pub state: String,
    /// The hash of every transaction ever signed for it.
    pub attempts: Vec<String>,
    pub caller: String,
    /// Number and time of each change that its caller is to be told of.
    pub changes: Vec<(u32, u64)>,
}

/// A webhook as its receiver got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: String,
    pub body: String,
    /// Whether it was answered with 2xx; if not, it has to come again.
    pub taken: bool,
}

impl Webhook {
    /// The deployment, and the number and time of its change, which the id is made of.
    pub fn change(&self) -> Option<(&str, (u32, u64))> {
        let (rest, at_ms) = self.id.rsplit_once('_')?;
        let (deployment, number) = rest.rsplit_once('_')?;
        Some((deployment, (number.parse().ok()?, at_ms.parse().ok()?)))
    }
}

/// What is found in Redis.
#[derive(Debug, Default)]
pub struct Stored {
    pub records: Vec<Record>,
    /// Ids in the queue or in flight.
    pub waiting: Vec<String>,
    /// Ids of which something is to be told.
    pub untold: Vec<String>,
    /// All of it, by key.
    pub texts: Vec<(String, String)>,
}

impl Answer {
    /// What the body of a GET says.
    pub fn read(data: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_string);
        Self {
            status: text(&data["status"]).unwrap_or_default(),
            code: text(&data["error"]["code"]),
            token: text(&data["tokenDetails"]["tokenAddress"]).map(|text| text.to_lowercase()),
            transaction: text(&data["tokenDetails"]["transactionHash"]),
        }
    }

    /// Nothing more will happen.
    pub fn is_final(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "processing")
    }
}

/// keccak256 as 0x hex, as an indexed string is logged.
pub fn hash_of(text: &str) -> String {
    format!("0x{}", hex::encode(keccak256(text)))
}

/// Our account's transactions in the chain, lowest nonce first.
pub async fn mined(chain: &Anvil) -> Vec<Transaction> {
    let head = chain.result("eth_blockNumber", json!([])).await;
    let head = u64::from_str_radix(&head.as_str().unwrap()[2..], 16).unwrap();
    let mut mined = Vec::new();
    for number in 0..=head {
        let block = json!([format!("{number:#x}"), true]);
        let block = chain.result("eth_getBlockByNumber", block).await;
        for transaction in block["transactions"].as_array().unwrap() {
            if !transaction["from"]
                .as_str()
                .unwrap()
                .eq_ignore_ascii_case(DEPLOYER)
            {
                continue;
            }
            let hash = transaction["hash"].as_str().unwrap().to_string();
            let receipt = chain
                .result("eth_getTransactionReceipt", json!([hash]))
                .await;
            let input = hex::decode(transaction["input"].as_str().unwrap()).unwrap();
            let nonce = &transaction["nonce"].as_str().unwrap()[2..];
            mined.push(Transaction {
                nonce: u64::from_str_radix(nonce, 16).unwrap(),
                model: model_of(&input),
                succeeded: receipt["status"] == "0x1",
                hash,
            });
        }
    }
    mined.sort_by_key(|transaction| transaction.nonce);
    mined
}

/// How many transactions of our account the node holds and has not mined.
pub async fn pooled(chain: &Anvil) -> usize {
    let pool = chain.result("txpool_content", json!([])).await;
    ["pending", "queued"]
        .iter()
        .flat_map(|place| pool[place].as_object().unwrap())
        .filter(|(account, _)| account.eq_ignore_ascii_case(DEPLOYER))
        .map(|(_, transactions)| transactions.as_object().unwrap().len())
        .sum()
}

/// Our account's tokens.
pub async fn tokens(chain: &Anvil) -> Vec<Token> {
    let ours = DEPLOYER[2..].to_lowercase();
    let logs = chain.tokens_deployed().await;
    let ours = logs
        .iter()
        .filter(|log| log["topics"][3].as_str().unwrap().ends_with(&ours));
    ours.map(|log| Token {
        model_hash: log["topics"][1].as_str().unwrap().to_string(),
        address: format!("0x{}", &log["topics"][2].as_str().unwrap()[26..]),
        transaction: log["transactionHash"].as_str().unwrap().to_string(),
    })
    .collect()
}

/// A signed transaction as it was sent.
pub fn sent(raw: &str) -> Transaction {
    let bytes = hex::decode(raw).unwrap();
    // EIP-2718: a first byte below 0x80 is the type; without one it is a legacy transaction. EIP-1559 lists chain and two fees first.
    let (fields, nonce, data) = match bytes[0] {
        2 => (Rlp::new(&bytes[1..]), 1, 7),
        _ => (Rlp::new(&bytes), 0, 5),
    };
    Transaction {
        hash: format!("0x{}", hex::encode(keccak256(&bytes))),
        nonce: fields.val_at(nonce).unwrap(),
        model: model_of(&fields.val_at::<Vec<u8>>(data).unwrap()),
        succeeded: true,
    }
}

/// The first argument of a call, a string in every era of the TokenManager.
fn model_of(input: &[u8]) -> Option<String> {
    let arguments = input.get(4..)?;
    let word = |at: usize| {
        let word = arguments.get(at..at + 32)?;
        word[..28]
            .iter()
            .all(|byte| *byte == 0)
            .then(|| u32::from_be_bytes(word[28..].try_into().unwrap()) as usize)
    };
    let at = word(0)?;
    let text = arguments.get(at + 32..at + 32 + word(at)?)?;
    String::from_utf8(text.to_vec()).ok()
}

/// Everything in Redis.
pub async fn stored(redis: &Redis) -> Stored {
    let mut stored = Stored::default();
    for (key, content) in redis.dump().await {
        if let Some((_, id)) = key.split_once(":job:") {
            let record = content.iter().find_map(|text| {
                serde_json::from_str::<Value>(text)
                    .ok()
                    .filter(Value::is_object)
            });
            let record = record.unwrap_or_else(|| panic!("no record in {key}: {content:?}"));
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            let change = |change: &Value| {
                let number = change["number"].as_u64().unwrap();
                (number as u32, change["at_ms"].as_u64().unwrap())
            };
            stored.records.push(Record {
                id: id.to_string(),
                model: text(&record["request"]["model_id"]),
                state: text(&record["state"]["is"]),
                attempts: hashes(&record["attempts"]),
                caller: text(&record["caller"]),
                changes: record["changes"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(change)
                    .collect(),
            });
        }
        // Each id is followed by its score.
        let ids = content.iter().step_by(2).cloned();
        if key.ends_with(":queue") || key.ends_with(":inflight") {
            stored.waiting.extend(ids);
        } else if key.contains(":hook:") && key.ends_with(":due") {
            stored.untold.extend(ids);
        }
        stored
            .texts
            .push((format!("Redis {key}"), content.join(" ")));
    }
    stored
}

/// Every `hash` in there, and every text of an array: attempts as they were stored first, and as they are.
fn hashes(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(hashes).collect(),
        Value::Object(fields) => match fields.get("hash") {
            Some(hash) => hashes(hash),
            None => fields
                .values()
                .filter(|value| value.is_object())
                .flat_map(hashes)
                .collect(),
        },
        Value::String(text) => vec![text.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
