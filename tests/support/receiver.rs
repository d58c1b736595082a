//! A receiver of webhooks on a loopback port that misbehaves on demand, and remembers everything it was sent.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Two secrets of 24 bytes, as `WEBHOOKS` takes them.
pub const SECRET: &str = "whsec_d2ViaG9vay1zZWNyZXQtbnVtYmVyLTEh";
pub const OLD_SECRET: &str = "whsec_d2ViaG9vay1zZWNyZXQtbnVtYmVyLTIh";

/// What a request meets.
#[derive(Debug, Clone)]
pub enum Meets {
    Status(u16),
    /// 429, and how many seconds to stay away.
    Busy(u64),
    /// 307 to there.
    Redirect(String),
    /// Nothing for a minute.
    Silence,
    /// The connection is closed.
    Cut,
}

/// One request that was read to its end.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: String,
    pub timestamp: u64,
    pub signature: String,
    pub body: String,
    pub at: Instant,
    /// Whether it was answered with 2xx.
    pub taken: bool,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The deployment it is about and the number of its change, from the id.
    pub fn change(&self) -> (String, u32) {
        let (deployment, rest) = self.id.split_once('_').unwrap();
        let (number, _) = rest.split_once('_').unwrap();
        (deployment.to_string(), number.parse().unwrap())
    }
}

struct State {
    script: VecDeque<Meets>,
    always: Meets,
    received: Vec<Received>,
}

/// The receiver, in the test's own process.
pub struct Receiver {
    pub url: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            script: VecDeque::new(),
            always: Meets::Status(204),
            received: Vec::new(),
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/hooks?token=part-of-the-address",
            listener.local_addr().unwrap()
        );
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
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

    /// An entry of `WEBHOOKS`.
    pub fn entry(&self, caller: &str) -> String {
        format!("{caller} {} {SECRET}", self.url)
    }

    /// The next requests meet these, one each.
    pub fn script(&self, meets: impl IntoIterator<Item = Meets>) {
        self.state.lock().unwrap().script.extend(meets);
    }

    /// Every other request meets this.
    pub fn always(&self, meets: Meets) {
        self.state.lock().unwrap().always = meets;
    }

    /// Everything received so far, in its order.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// Waits until something about this deployment has been taken whose status is this; everything received by then.
    pub async fn told(&self, id: &str, status: &str, seconds: u64) -> Vec<Received> {
        super::eventually(
            &format!("{id} is told to be {status}"),
            seconds,
            async || {
                let received = self.received();
                let is_told = received.iter().any(|one| {
                    let event = one.json();
                    one.taken
                        && event["data"]["requestId"] == id
                        && event["data"]["status"] == status
                });
                is_told.then_some(received)
            },
        )
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let header = |name| {
        let value = request.headers().get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_string())
    };
    let (id, signature) = (header("webhook-id"), header("webhook-signature"));
    let timestamp = header("webhook-timestamp").parse().unwrap_or(0);
    let body = request.into_body().collect().await;
    let body = body.map_err(std::io::Error::other)?.to_bytes();
    let meets = {
        let mut state = state.lock().unwrap();
        let meets = state.script.pop_front().unwrap_or(state.always.clone());
        state.received.push(Received {
            id,
            timestamp,
            signature,
            body: String::from_utf8(body.to_vec()).unwrap(),
            at: Instant::now(),
            taken: matches!(meets, Meets::Status(200..=299)),
        });
        meets
    };
    let answer = match meets {
        Meets::Status(status) => Response::builder().status(status),
        Meets::Busy(seconds) => Response::builder()
            .status(429)
            .header("retry-after", seconds),
        Meets::Redirect(to) => Response::builder().status(307).header("location", to),
        Meets::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Response::builder().status(504)
        }
        Meets::Cut => return Err(std::io::Error::other("cut")),
    };
    Ok(answer.body(Full::default()).unwrap())
}

/// What the published library says of each, `ok` or why not.
pub fn verified(received: &[Received], secret: &str) -> Vec<String> {
    super::anvil::install();
    let mut process = Command::new("node")
        .arg(super::root().join("tests/contracts/verify-webhooks.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    for one in received {
        let headers = json!({
            "webhook-id": one.id,
            "webhook-timestamp": one.timestamp.to_string(),
            "webhook-signature": one.signature,
        });
        let line = json!({ "secret": secret, "headers": headers, "body": one.body });
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_string).collect()
}
