//! A JSON-RPC proxy that misbehaves on demand, between the product and the node.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use warp::Filter;

/// Part of the proxy's URL, as providers put their keys there.
pub const RPC_KEY: &str = "rpc-key-in-the-path-0123456789";

/// What happens to `eth_sendRawTransaction`; everything else always passes, except in `Dead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// The bytes never reach the node and the caller is not told so.
    LoseRequest,
    /// The bytes reach the node and the caller does not hear of it.
    LoseReply,
    /// Every request gets a 503 that shows the URL, as some providers' errors do.
    Dead,
}

/// The proxy, in the test's own process.
pub struct Proxy {
    pub url: String,
    mode: Arc<Mutex<Mode>>,
    sent: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn start(node: &str) -> Self {
        let (mode, sent) = (
            Arc::new(Mutex::new(Mode::Pass)),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (node, client) = (node.to_string(), super::client());
        let (modes, log) = (mode.clone(), sent.clone());
        let route = warp::post().and(warp::body::json()).then(move |body: Value| {
            let (node, client, mode, log) = (node.clone(), client.clone(), *modes.lock().unwrap(), log.clone());
            async move {
                let refused = || {
                    let url = format!("no service at /v2/{RPC_KEY}");
                    let body = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32603, "message": url } });
                    warp::reply::with_status(warp::reply::json(&body), warp::http::StatusCode::SERVICE_UNAVAILABLE)
                };
                let sending = body["method"] == "eth_sendRawTransaction";
                if sending {
                    log.lock().unwrap().push(body["params"][0].as_str().unwrap().to_string());
                }
                if mode == Mode::Dead || (sending && mode == Mode::LoseRequest) {
                    return refused();
                }
                let reply: Value = client.post(&node).json(&body).send().await.unwrap().json().await.unwrap();
                if sending && mode == Mode::LoseReply {
                    return refused();
                }
                warp::reply::with_status(warp::reply::json(&reply), warp::http::StatusCode::OK)
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2/{RPC_KEY}", listener.local_addr().unwrap());
        let task = tokio::spawn(warp::serve(route).incoming(listener).run());
        Self {
            url,
            mode,
            sent,
            task,
        }
    }

    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// Every distinct transaction that was asked to be sent, in whatever mode.
    pub fn distinct_sent(&self) -> usize {
        let mut sent = self.sent.lock().unwrap().clone();
        sent.sort();
        sent.dedup();
        sent.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
