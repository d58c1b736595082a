//! One node's URL: requests to it, what its answers are worth, and the count of them.
//!
//! Takes calls, gives replies in their order or the one [`Fault`] that spoilt them. A request has a deadline, a reply a size limit. It never repeats a
//! request, and nothing of it shows the URL: its path holds an API key.

use super::standing::{Rank, Standing};
use super::{Fault, MESSAGE_CHARS_MAX, REPLY_BYTES_MAX, RpcError};
use crate::secret::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A method and its parameters.
pub type Call = (&'static str, Value);

/// One node.
#[derive(Debug)]
pub struct Endpoint {
    /// Its place in `RPC_URL`, from 1: how it is named in logs.
    pub number: usize,
    url: Secret<String>,
    chain_id: u64,
    standing: Mutex<Standing>,
    counts: Mutex<BTreeMap<&'static str, Count>>,
    /// It takes several calls in one request; most do.
    batches: AtomicBool,
    next_id: AtomicU64,
}

/// How often a method was called since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls, those in batches one by one.
    pub calls: u64,
    /// Of those, how many got no answer.
    pub faults: u64,
}

/// A node's answer to one call.
#[derive(Debug)]
pub struct Reply(pub Result<Value, ReplyError>);

#[derive(Debug, Deserialize)]
struct Raw {
    id: Value,
    /// `Some(null)` is an answer, such as "no receipt"; nothing at all is none.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<ReplyError>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A JSON-RPC error.
#[derive(Debug, Deserialize)]
pub struct ReplyError {
    /// Which of its errors; -32768 to -32000 are the protocol's, the others the node's.
    pub code: i64,
    /// The node's text.
    #[serde(default)]
    pub message: String,
}

impl Endpoint {
    pub fn new(number: usize, url: Secret<String>, chain_id: u64) -> Self {
        Self {
            number,
            url,
            chain_id,
            standing: Mutex::default(),
            counts: Mutex::default(),
            batches: AtomicBool::new(true),
            next_id: AtomicU64::new(1),
        }
    }

    pub fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn rank(&self) -> Rank {
        self.standing().rank(Instant::now())
    }

    pub fn counts(&self) -> BTreeMap<&'static str, Count> {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The replies to `calls`, in one request where the node allows it. It is asked for its chain first when it has to prove it.
    pub async fn ask(&self, client: &reqwest::Client, calls: &[Call]) -> Result<Vec<Reply>, Fault> {
        self.standing().asked(Instant::now());
        let outcome = async {
            if !self.standing().is_proved() {
                self.prove(client).await?;
            }
            self.ask_proved(client, calls).await
        }
        .await;
        match &outcome {
            Ok(_) => self.standing().answered(),
            Err(fault) => {
                let method = calls.first().map_or("", |(method, _)| method);
                tracing::warn!(endpoint = self.number, method, %fault, "RPC endpoint failed");
                self.standing()
                    .faulted(*fault, Instant::now(), fastrand::f64());
            }
        }
        outcome
    }

    async fn prove(&self, client: &reqwest::Client) -> Result<(), Fault> {
        let replies = self
            .ask_proved(client, &[("eth_chainId", json!([]))])
            .await?;
        let found = replies
            .first()
            .and_then(Reply::number)
            .ok_or(Fault::Garbled)?;
        if found != self.chain_id {
            return Err(Fault::WrongChain {
                found,
                expected: self.chain_id,
            });
        }
        self.standing().prove();
        Ok(())
    }

    async fn ask_proved(
        &self,
        client: &reqwest::Client,
        calls: &[Call],
    ) -> Result<Vec<Reply>, Fault> {
        if calls.len() == 1 || self.batches.load(Ordering::Relaxed) {
            match self.post(client, calls).await {
                Ok(Some(replies)) => return Ok(replies),
                Ok(None) => self.batches.store(false, Ordering::Relaxed),
                Err(fault) => return Err(fault),
            }
        }
        let mut replies = Vec::with_capacity(calls.len());
        for call in calls {
            let one = self.post(client, std::slice::from_ref(call)).await?;
            replies.extend(one.ok_or(Fault::Garbled)?);
        }
        Ok(replies)
    }

    /// One HTTP request. `None`: the node does not take batches.
    async fn post(
        &self,
        client: &reqwest::Client,
        calls: &[Call],
    ) -> Result<Option<Vec<Reply>>, Fault> {
        let count = u64::try_from(calls.len()).unwrap_or(u64::MAX);
        let first = self.next_id.fetch_add(count, Ordering::Relaxed);
        let requests: Vec<Value> = (first..)
            .zip(calls)
            .map(|(id, (method, params))| {
                json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
            })
            .collect();
        let outcome = match requests.as_slice() {
            [request] => self.exchange(client, request).await,
            _ => self.exchange(client, &Value::Array(requests)).await,
        };
        let outcome = outcome.and_then(|(status, bytes)| {
            let replies = parse(&bytes, calls.len(), first);
            match replies {
                Err(Fault::Garbled) if !(200..300).contains(&status) => Err(Fault::Status(status)),
                other => other,
            }
        });
        let outcome = outcome.and_then(|replies| {
            replies
                .map(|replies| {
                    replies
                        .into_iter()
                        .map(|reply| self.judged(reply))
                        .collect()
                })
                .transpose()
        });
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (method, _) in calls {
            let Count { calls, faults } = counts.entry(method).or_default();
            *calls += 1;
            *faults += u64::from(outcome.is_err());
        }
        outcome
    }

    async fn exchange(
        &self,
        client: &reqwest::Client,
        body: &Value,
    ) -> Result<(u16, Vec<u8>), Fault> {
        let request = client.post(self.url.expose()).json(body);
        let mut response = request.send().await.map_err(|error| fault_of(&error))?;
        let status = response.status();
        if status.as_u16() == 429 || status.is_server_error() {
            return Err(Fault::Status(status.as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault_of(&error))? {
            if bytes.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(Fault::Garbled);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((status.as_u16(), bytes))
    }

    /// A reply to show and to build on, or the fault that its error really is.
    fn judged(&self, raw: Raw) -> Result<Reply, Fault> {
        match raw {
            Raw {
                error: Some(ReplyError { code, message }),
                ..
            } => {
                let message = presentable(&message, self.url.expose());
                match fault_in(code, &message) {
                    Some(fault) => Err(fault),
                    None => Ok(Reply(Err(ReplyError { code, message }))),
                }
            }
            Raw {
                result: Some(result),
                ..
            } => Ok(Reply(Ok(result))),
            Raw { .. } => Err(Fault::Garbled),
        }
    }
}

impl Reply {
    /// The result, as the type that the method gives.
    ///
    /// # Errors
    /// [`RpcError::Refused`] or [`RpcError::Malformed`].
    pub fn read<T: DeserializeOwned>(self, method: &'static str) -> Result<T, RpcError> {
        match self.0 {
            Err(ReplyError { code, message }) => Err(RpcError::Refused {
                method,
                code,
                message,
            }),
            Ok(result) => {
                serde_json::from_value(result).map_err(|_| RpcError::Malformed { method })
            }
        }
    }

    /// A result that is a small number.
    pub fn number(&self) -> Option<u64> {
        let text = self.0.as_ref().ok()?.as_str()?;
        u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
    }
}

/// The replies in the order of their calls, whose ids count from `first`. `None`: one error for a whole batch, so batches are not taken.
fn parse(bytes: &[u8], calls: usize, first: u64) -> Result<Option<Vec<Raw>>, Fault> {
    let garbled = |_| Fault::Garbled;
    if calls == 1 {
        let reply: Raw = serde_json::from_slice(bytes).map_err(garbled)?;
        let ours = reply.id == json!(first);
        return if ours {
            Ok(Some(vec![reply]))
        } else {
            Err(Fault::Garbled)
        };
    }
    let mut replies: Vec<Raw> = match serde_json::from_slice(bytes).map_err(garbled)? {
        Value::Array(replies) => replies
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(garbled)?,
        Value::Object(object) if object.contains_key("error") => return Ok(None),
        _ => return Err(Fault::Garbled),
    };
    // They may come in any order.
    replies.sort_by_key(|reply| reply.id.as_u64());
    let whole = replies.len() == calls
        && replies
            .iter()
            .zip(first..)
            .all(|(reply, id)| reply.id == json!(id));
    if whole {
        Ok(Some(replies))
    } else {
        Err(Fault::Garbled)
    }
}

/// What a JSON-RPC error says about the endpoint and not about what was asked: another endpoint may still answer.
fn fault_in(code: i64, message: &str) -> Option<Fault> {
    const LIMITED: [&str; 5] = [
        "rate limit",
        "too many requests",
        "compute units",
        "request limit",
        "daily request count",
    ];
    // A pruned node, or one behind the node that was asked before.
    const BEHIND: [&str; 4] = [
        "header not found",
        "missing trie node",
        "unknown block",
        "historical state",
    ];
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    // -32005 is "limit exceeded" (EIP-1474); 429 is HTTP's, in the body.
    if matches!(code, -32005 | 429) || says(&LIMITED) {
        Some(Fault::Status(429))
    } else if says(&BEHIND) {
        Some(Fault::Behind)
    } else {
        None
    }
}

fn fault_of(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        Fault::TimedOut
    } else if error.is_decode() || error.is_body() {
        Fault::Garbled
    } else if causes(error).any(|cause| {
        matches!(
            cause.downcast_ref(),
            Some(rustls::Error::InvalidCertificate(_))
        )
    }) {
        Fault::Untrusted
    } else {
        Fault::Unreachable
    }
}

/// The sources of an error; an `io::Error` gives what it wraps and not that error's source.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// The beginning of a node's message, on one line, without any part of the endpoint's URL that could be a key.
fn presentable(message: &str, url: &str) -> String {
    let mut text: String = message
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    for part in url
        .split(['/', '?', '&', '=', '@', ':'])
        .filter(|part| part.len() >= 8)
    {
        text = text.replace(part, "[redacted]");
    }
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_message_is_shown_without_the_key_in_its_url() {
        let url = "https://eth-sepolia.example.com/v2/AbCdEf0123456789";
        let shown = presentable("unknown key AbCdEf0123456789\nat /v2/AbCdEf0123456789", url);
        assert_eq!(shown, "unknown key [redacted] at /v2/[redacted]");
        assert_eq!(presentable(&"x".repeat(1000), url).len(), 200);
    }

    #[test]
    fn replies_are_put_in_order_and_anything_else_than_exactly_ours_is_garbled() {
        let read = |text: &str, calls| {
            parse(text.as_bytes(), calls, 5).map(|replies| {
                replies.map(|replies| {
                    replies
                        .into_iter()
                        .filter_map(|reply| reply.result)
                        .collect()
                })
            })
        };
        let values = |values: &[u64]| Ok(Some(values.iter().map(|value| json!(value)).collect()));
        assert_eq!(read(r#"{"id":5,"result":1}"#, 1), values(&[1]));
        assert_eq!(
            read(r#"[{"id":6,"result":2},{"id":5,"result":1}]"#, 2),
            values(&[1, 2])
        );
        // No batches here.
        let refused = r#"{"id":null,"error":{"code":-32600,"message":"batches are not taken"}}"#;
        assert_eq!(read(refused, 2), Ok(None::<Vec<Value>>));
        for (text, calls) in [
            (r#"{"id":4,"result":1}"#, 1),
            (r#"{"id":"5","result":1}"#, 1),
            (r#"{"id":5,"result":"#, 1),
            ("<html>503</html>", 1),
            ("", 1),
            ("[]", 1),
            (r#"[{"id":5,"result":1}]"#, 2),
            (r#"[{"id":5,"result":1},{"id":5,"result":1}]"#, 2),
            (r#"[{"id":5,"result":1},{"id":7,"result":1}]"#, 2),
            ("null", 2),
        ] {
            assert_eq!(read(text, calls), Err(Fault::Garbled), "{text}");
        }
    }

    #[test]
    fn an_error_about_the_endpoint_is_told_from_one_about_the_question() {
        for (code, message, fault) in [
            (-32005, "limit exceeded", Some(Fault::Status(429))),
            (
                429,
                "Your app has exceeded its compute units per second capacity",
                Some(Fault::Status(429)),
            ),
            (-32000, "Too Many Requests", Some(Fault::Status(429))),
            (-32000, "header not found", Some(Fault::Behind)),
            (
                -32000,
                "missing trie node 0xabc (path )",
                Some(Fault::Behind),
            ),
            (3, "execution reverted", None),
            (-32000, "nonce too low", None),
            (
                -32601,
                "the method eth_maxPriorityFeePerGas does not exist",
                None,
            ),
        ] {
            assert_eq!(fault_in(code, message), fault, "{message}");
        }
    }
}
