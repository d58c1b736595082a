//! A JSON-RPC proxy that misbehaves on demand, between the product and the node. Several may stand before one node, so that endpoints differ.
//!
//! What a request meets is looked up by its method: first the script for it, one fault per call; then the fault set for good; then the one
//! for everything. It counts calls by method and keeps every transaction it was asked to send. Batches are understood.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Part of the proxy's URL, as providers put their keys there.
pub const RPC_KEY: &str = "rpc-key-in-the-path-0123456789";
/// The method that must not be lost or doubled.
pub const SEND: &str = "eth_sendRawTransaction";
/// Far more than any reply that is asked for.
const HUGE: usize = 64 << 20;

/// What one request meets.
#[derive(Debug, Clone)]
pub enum Fault {
    Pass,
    /// It passes after this long.
    Slow(Duration),
    /// The node never sees it, and this is what comes back.
    Before(Wire),
    /// The node carries it out, and this is what comes back.
    After(Wire),
    /// The node never sees it; this is said to be its result.
    Answer(Value),
    /// The node never sees it; this is said to be its refusal.
    Refuse(i64, &'static str),
    /// The node carries it out, and this is said to be its refusal.
    RefuseAfter(i64, &'static str),
    /// The node's reply, altered.
    Alter(fn(&Value, &mut Value)),
}

/// A reply that is none.
#[derive(Debug, Clone, Copy)]
pub enum Wire {
    /// An HTTP status, with the URL in the body, as some providers' errors have it.
    Status(u16),
    /// 200 and a page.
    Html,
    /// 200 and half of the JSON.
    Truncated,
    /// 200 and the reply to another request.
    WrongId,
    /// 200 and 64 MiB.
    Huge,
    /// The connection is closed.
    Cut,
    /// Nothing for a minute.
    Silence,
}

/// The usual ways to fail.
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

#[derive(Default)]
struct Rules {
    scripts: HashMap<&'static str, VecDeque<Fault>>,
    always: HashMap<&'static str, Fault>,
    everything: Option<Fault>,
}

struct State {
    node: String,
    client: reqwest::Client,
    rules: Mutex<Rules>,
    sent: Mutex<Vec<String>>,
    calls: Mutex<BTreeMap<String, usize>>,
}

/// The proxy, in the test's own process.
pub struct Proxy {
    pub url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn start(node: &str) -> Self {
        let state = Arc::new(State {
            node: node.to_string(),
            client: super::client(),
            rules: Mutex::default(),
            sent: Mutex::default(),
            calls: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2/{RPC_KEY}", listener.local_addr().unwrap());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request| answer(state.clone(), request));
                connections.spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, state, task }
    }

    /// Forgets every fault, then fails in one of the usual ways.
    pub fn set(&self, mode: Mode) {
        *self.state.rules.lock().unwrap() = Rules::default();
        match mode {
            Mode::Pass => {}
            Mode::LoseRequest => self.always(SEND, Fault::Before(Wire::Status(503))),
            Mode::LoseReply => self.always(SEND, Fault::After(Wire::Status(503))),
            Mode::Dead => self.everything(Fault::Before(Wire::Status(503))),
        }
    }

    /// Each call of `method` meets the next of these, as long as there are some.
    pub fn script(&self, method: &'static str, faults: impl IntoIterator<Item = Fault>) {
        let mut rules = self.state.rules.lock().unwrap();
        rules.scripts.entry(method).or_default().extend(faults);
    }

    /// Every call of `method` meets this.
    pub fn always(&self, method: &'static str, fault: Fault) {
        let mut rules = self.state.rules.lock().unwrap();
        rules.always.insert(method, fault);
    }

    /// Every call of any other method meets this.
    pub fn everything(&self, fault: Fault) {
        self.state.rules.lock().unwrap().everything = Some(fault);
    }

    /// Whether the script for `method` has been played to its end.
    pub fn played(&self, method: &str) -> bool {
        let rules = self.state.rules.lock().unwrap();
        rules.scripts.get(method).is_none_or(VecDeque::is_empty)
    }

    /// Every transaction that was asked to be sent, whatever it met, as 0x hex.
    pub fn sent(&self) -> Vec<String> {
        self.state.sent.lock().unwrap().clone()
    }

    /// How many different ones.
    pub fn distinct_sent(&self) -> usize {
        let mut sent = self.sent();
        sent.sort();
        sent.dedup();
        sent.len()
    }

    /// Calls so far, by method.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Calls of one method so far.
    pub fn called(&self, method: &str) -> usize {
        self.calls().get(method).copied().unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Closes the connection when a service gives it.
type Closed = std::io::Error;

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let body = request.into_body().collect().await;
    let bytes = body.map_err(Closed::other)?.to_bytes();
    let body: Value = serde_json::from_slice(&bytes).map_err(Closed::other)?;
    let batch = body.as_array();
    let requests = batch.cloned().unwrap_or_else(|| vec![body.clone()]);
    let met: Vec<Fault> = requests
        .iter()
        .map(|request| state.meets(request))
        .collect();
    if met.iter().all(|fault| matches!(fault, Fault::Pass)) {
        return Ok(Response::new(state.forward(bytes).await?.into()));
    }
    let (mut replies, mut wire) = (Vec::new(), None);
    for (request, fault) in requests.iter().zip(met) {
        let made_up = |content: Value| {
            let mut reply = json!({ "jsonrpc": "2.0", "id": request["id"] });
            reply
                .as_object_mut()
                .unwrap()
                .extend(content.as_object().unwrap().clone());
            reply
        };
        let refusal =
            |code, message| made_up(json!({ "error": { "code": code, "message": message } }));
        replies.push(match fault {
            Fault::Pass => state.ask(request).await?,
            Fault::Slow(pause) => {
                tokio::time::sleep(pause).await;
                state.ask(request).await?
            }
            Fault::Before(found) => {
                wire.get_or_insert(found);
                made_up(json!({ "result": null }))
            }
            Fault::After(found) => {
                wire.get_or_insert(found);
                state.ask(request).await?
            }
            Fault::Answer(result) => made_up(json!({ "result": result })),
            Fault::Refuse(code, message) => refusal(code, message),
            Fault::RefuseAfter(code, message) => {
                state.ask(request).await?;
                refusal(code, message)
            }
            Fault::Alter(alter) => {
                let mut reply = state.ask(request).await?;
                alter(request, &mut reply);
                reply
            }
        });
    }
    if matches!(wire, Some(Wire::WrongId)) {
        replies
            .iter_mut()
            .for_each(|reply| reply["id"] = json!(999_999));
    }
    let reply = if batch.is_some() {
        Value::Array(replies)
    } else {
        replies.remove(0)
    };
    spoiled(wire, reply.to_string().into_bytes()).await
}

/// The reply as the fault leaves it.
async fn spoiled(wire: Option<Wire>, mut reply: Vec<u8>) -> Result<Response<Full<Bytes>>, Closed> {
    let mut status = 200;
    match wire {
        None | Some(Wire::WrongId) => {}
        Some(Wire::Status(found)) => {
            status = found;
            let error =
                json!({ "code": -32603, "message": format!("no service at /v2/{RPC_KEY}") });
            reply = json!({ "jsonrpc": "2.0", "id": 1, "error": error })
                .to_string()
                .into_bytes();
        }
        Some(Wire::Html) => reply = b"<html><body>Welcome to our network</body></html>".to_vec(),
        Some(Wire::Truncated) => reply.truncate(reply.len() / 2),
        Some(Wire::Huge) => reply.resize(HUGE, b' '),
        Some(Wire::Cut) => return Err(Closed::other("cut")),
        Some(Wire::Silence) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Err(Closed::other("silent"));
        }
    }
    let response = Response::builder().status(status);
    Ok(response.body(reply.into()).unwrap())
}

impl State {
    /// Notes the call and finds what it meets.
    fn meets(&self, request: &Value) -> Fault {
        let method = request["method"].as_str().unwrap_or_default();
        if method == SEND {
            let raw = request["params"][0].as_str().unwrap_or_default();
            self.sent.lock().unwrap().push(raw.to_string());
        }
        *self
            .calls
            .lock()
            .unwrap()
            .entry(method.to_string())
            .or_default() += 1;
        let mut rules = self.rules.lock().unwrap();
        if let Some(next) = rules.scripts.get_mut(method).and_then(VecDeque::pop_front) {
            return next;
        }
        let standing = rules.always.get(method).or(rules.everything.as_ref());
        standing.cloned().unwrap_or(Fault::Pass)
    }

    async fn ask(&self, request: &Value) -> Result<Value, Closed> {
        let reply = self.forward(request.to_string().into()).await?;
        serde_json::from_slice(&reply).map_err(Closed::other)
    }

    async fn forward(&self, body: Bytes) -> Result<Bytes, Closed> {
        let request = self.client.post(&self.node);
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let reply = request.send().await.map_err(Closed::other)?;
        reply.bytes().await.map_err(Closed::other)
    }
}
