//! JSON-RPC over HTTPS to one of several nodes, in the order they are configured.
//!
//! Takes a method and parameters, gives the result or one [`RpcError`]. A node is used only after it has named our chain, so nothing is
//! ever signed for, or believed from, another network. Every request has a deadline and every reply a size limit. It never
//! retries one endpoint, and no error or log of it carries a URL: their paths hold API keys.

use crate::secret::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// One request to one endpoint, connection included. Two endpoints fit into the worker's lease.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// Receipts are the largest replies asked for, a few kilobytes; a node that sends megabytes is broken.
const REPLY_BYTES_MAX: usize = 4 << 20;
/// Nodes put whole call data into their messages; the beginning says what is wrong.
const MESSAGE_CHARS_MAX: usize = 200;

/// Nodes of one chain.
#[derive(Debug)]
pub struct Rpc {
    client: reqwest::Client,
    endpoints: Vec<Endpoint>,
    /// Index of the endpoint that answered last.
    preferred: AtomicUsize,
    chain_id: u64,
}

#[derive(Debug)]
struct Endpoint {
    url: Secret<String>,
    /// It has named our chain since it last failed.
    proved: AtomicBool,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No endpoint gave an answer. For a transaction: it may have been sent.
    #[error("no endpoint answered {method}, the last of {endpoints} {fault}")]
    Unanswered {
        /// What was asked.
        method: &'static str,
        /// How many were tried.
        endpoints: usize,
        /// What was wrong with the last.
        fault: Fault,
    },
    /// A node answered with a JSON-RPC error.
    #[error("{method} was refused with code {code}: {message}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// JSON-RPC's code.
        code: i64,
        /// The node's text, shortened, without its own URL.
        message: String,
    },
    /// A node answered with something that is not what the method gives.
    #[error("the answer to {method} is not understood")]
    Malformed {
        /// What was asked.
        method: &'static str,
    },
}

/// What was wrong with one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another network than the configured one.
    #[error("serves chain {found} and not {expected}")]
    WrongChain {
        /// `eth_chainId`.
        found: u64,
        /// The setting.
        expected: u64,
    },
    /// No whole reply within the deadline.
    #[error("timed out")]
    TimedOut,
    /// No connection.
    #[error("could not be reached")]
    Unreachable,
    /// A certificate that no known authority signed, or for another name: a proxy between, or a wrong URL.
    #[error("presented a certificate that is not trusted")]
    Untrusted,
    /// An HTTP status instead of an answer.
    #[error("answered with HTTP status {0}")]
    Status(u16),
    /// Not a JSON-RPC reply to our request, or too large.
    #[error("answered with something else than JSON-RPC")]
    Garbled,
}

#[derive(Deserialize)]
struct Reply {
    id: Value,
    #[serde(default)]
    result: Value,
    error: Option<ReplyError>,
}

#[derive(Deserialize)]
struct ReplyError {
    code: i64,
    #[serde(default)]
    message: String,
}

impl Rpc {
    /// Nothing is sent yet. At least one URL is expected; with none, every request is unanswered.
    ///
    /// # Errors
    /// The TLS roots or the resolver could not be set up.
    pub fn new(urls: Vec<Secret<String>>, chain_id: u64) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(REQUEST_TIMEOUT / 2)
            // A redirect would carry the key in the path to somebody else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(reqwest::Error::without_url)?;
        let endpoints = urls
            .into_iter()
            .map(|url| Endpoint {
                url,
                proved: AtomicBool::new(false),
            })
            .collect();
        Ok(Self {
            client,
            endpoints,
            preferred: AtomicUsize::new(0),
            chain_id,
        })
    }

    /// Asks the endpoint that answered last, then the others.
    ///
    /// # Errors
    /// [`RpcError`]; a refusal by a node is an answer and is not asked again elsewhere.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut fault = Fault::Unreachable;
        for offset in 0..self.endpoints.len() {
            let index = (first + offset) % self.endpoints.len();
            let Some(endpoint) = self.endpoints.get(index) else {
                break;
            };
            match self.ask_proved(endpoint, method, &params).await {
                Ok(reply) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return read(method, reply);
                }
                Err(found) => {
                    tracing::warn!(endpoint = index + 1, method, fault = %found, "RPC endpoint failed");
                    endpoint.proved.store(false, Ordering::Relaxed);
                    fault = found;
                }
            }
        }
        Err(RpcError::Unanswered {
            method,
            endpoints: self.endpoints.len(),
            fault,
        })
    }

    async fn ask_proved(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        params: &Value,
    ) -> Result<Reply, Fault> {
        if !endpoint.proved.load(Ordering::Relaxed) {
            let reply = self.ask(endpoint, "eth_chainId", &json!([])).await?;
            let found = reply
                .result
                .as_str()
                .and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
            let found = found.ok_or(Fault::Garbled)?;
            if found != self.chain_id {
                return Err(Fault::WrongChain {
                    found,
                    expected: self.chain_id,
                });
            }
            endpoint.proved.store(true, Ordering::Relaxed);
        }
        self.ask(endpoint, method, params).await
    }

    async fn ask(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        params: &Value,
    ) -> Result<Reply, Fault> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self
            .client
            .post(endpoint.url.expose())
            .json(&body)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        let status = response.status();
        if status.as_u16() == 429 || status.is_server_error() {
            return Err(Fault::Status(status.as_u16()));
        }
        let bytes = read_bounded(response).await?;
        let mut reply: Reply = serde_json::from_slice(&bytes).map_err(|_| {
            if status.is_success() {
                Fault::Garbled
            } else {
                Fault::Status(status.as_u16())
            }
        })?;
        if reply.id != json!(1) {
            return Err(Fault::Garbled);
        }
        if let Some(error) = &mut reply.error {
            // -32005 is "limit exceeded" (EIP-1474): another endpoint may still answer.
            if error.code == -32005 {
                return Err(Fault::Status(429));
            }
            error.message = presentable(&error.message, endpoint.url.expose());
        }
        Ok(reply)
    }
}

async fn read_bounded(mut response: reqwest::Response) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault_of(&error))? {
        if bytes.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(Fault::Garbled);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
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

fn read<T: DeserializeOwned>(method: &'static str, reply: Reply) -> Result<T, RpcError> {
    match reply.error {
        Some(ReplyError { code, message }) => Err(RpcError::Refused {
            method,
            code,
            message,
        }),
        None => serde_json::from_value(reply.result).map_err(|_| RpcError::Malformed { method }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_certificate_nobody_knows_is_told_from_a_node_that_is_away() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepting = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = acceptor.accept(stream).await;
        });
        let url = Secret::new(format!("https://localhost:{port}"));
        let rpc = Rpc::new(vec![url], 1).unwrap();
        let ask = async || rpc.request::<Value>("eth_blockNumber", json!([])).await;
        let fault = |answer| match answer {
            Err(RpcError::Unanswered { fault, .. }) => fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault(ask().await), Fault::Untrusted);
        accepting.await.unwrap();
        assert_eq!(fault(ask().await), Fault::Unreachable);
    }

    #[test]
    fn a_nodes_message_is_shown_without_the_key_in_its_url() {
        let url = "https://eth-sepolia.example.com/v2/AbCdEf0123456789";
        let shown = presentable("unknown key AbCdEf0123456789\nat /v2/AbCdEf0123456789", url);
        assert_eq!(shown, "unknown key [redacted] at /v2/[redacted]");
        assert_eq!(presentable(&"x".repeat(1000), url).len(), 200);
    }
}
