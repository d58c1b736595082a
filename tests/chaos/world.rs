//! One run's real things: Redis behind a breakable connection, a node behind three misbehaving proxies, replicas, and clients that
//! retry as good clients do and remember what they were told.

use crate::audit::{Granted, audit};
use crate::evidence::{self, Accepted, Answer, Evidence, Webhook};
use crate::support::anvil::{Anvil, DEPLOYER};
use crate::support::api::{Api, Environment, KEY, environment, minimal};
use crate::support::link::Link;
use crate::support::proxy::{Mode, Proxy};
use crate::support::receiver::Receiver;
use crate::support::redis::{self, Redis};
use crate::support::{client, eventually, target};
use ::redis::AsyncCommands;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The name of the clients' key.
const CALLER: &str = "frontend";
/// How long a dead leader keeps the others waiting, in every run.
pub const LEASE: Duration = Duration::from_secs(3);

/// Proof that a run was audited: only [`World::conclude`] makes one.
pub struct Concluded(());

/// Everything one run needs, for itself alone.
pub struct World {
    pub redis: Redis,
    pub link: Link,
    pub chain: Anvil,
    /// Three endpoints before the one node, in the order of `RPC_URL`.
    pub nodes: Vec<Proxy>,
    pub environment: Environment,
    /// Where the changes of what the clients ask for are posted.
    pub receiver: Receiver,
    pub client: Client,
    /// Of every replica that ever ran.
    logs: Mutex<Vec<Arc<Mutex<Vec<String>>>>>,
}

/// A client of all replicas.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    state: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// Replicas it knows of, dead ones too.
    urls: Vec<String>,
    turn: usize,
    accepted: Vec<Accepted>,
    finals: BTreeMap<String, Answer>,
    /// Error bodies.
    refusals: Vec<String>,
}

impl World {
    pub async fn start() -> Self {
        Self::on(&["--block-time", "0.2"]).await
    }

    /// With these options of anvil.
    pub async fn on(options: &[&str]) -> Self {
        let (redis, chain) = tokio::join!(Redis::durable(), Anvil::with(options));
        let link = Link::start(redis.port).await;
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Proxy::start(&chain.url).await);
        }
        let urls: Vec<&str> = nodes.iter().map(|node| node.url.as_str()).collect();
        let mut environment = environment(&redis, &chain, &urls.join(","));
        let lease = LEASE.as_millis().to_string();
        let receiver = Receiver::start().await;
        for (name, value) in [
            ("REDIS_URL", redis::url(link.port)),
            ("LEASE_MS", lease),
            ("WEBHOOKS", receiver.entry(CALLER)),
            ("WEBHOOKS_TO_LOOPBACK", "true".into()),
            ("RATE_LIMIT_DEPLOY_BURST", "100000".into()),
            ("RATE_LIMIT_DEPLOY_PER_SECOND", "100000".into()),
            ("RATE_LIMIT_READ_BURST", "1000000".into()),
            ("RATE_LIMIT_READ_PER_SECOND", "1000000".into()),
        ] {
            environment.insert(name.into(), value);
        }
        Self {
            redis,
            link,
            chain,
            nodes,
            environment,
            receiver,
            client: Client {
                http: client(),
                state: Arc::default(),
            },
            logs: Mutex::default(),
        }
    }

    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.environment.insert(name.into(), value.to_string());
    }

    /// One more replica that listens but may not be healthy yet. It is asked by the clients from now on.
    pub fn spawn(&self, more: &[(&str, &str)]) -> Api {
        let mut environment = self.environment.clone();
        let more = more
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        environment.extend(more);
        let api = Api::spawn(&environment);
        self.logs.lock().unwrap().push(api.log());
        self.client.state.lock().unwrap().urls.push(api.url.clone());
        api
    }

    /// One more healthy replica.
    pub async fn replica(&self) -> Api {
        let api = self.spawn(&[]);
        api.healthy().await;
        api
    }

    /// All endpoints fail alike.
    pub fn every_node(&self, apply: impl Fn(&Proxy)) {
        self.nodes.iter().for_each(apply);
    }

    /// Blocks are made only when asked for.
    pub async fn stop_mining(&self) {
        self.chain.result("evm_setIntervalMining", json!([0])).await;
    }

    /// A block now, and each second from now on.
    pub async fn resume_mining(&self) {
        self.chain.result("evm_mine", json!([])).await;
        self.chain.result("evm_setIntervalMining", json!([1])).await;
    }

    /// What our account has, as 0x hex.
    pub async fn set_balance(&self, wei: &str) {
        let account = json!([DEPLOYER, wei]);
        self.chain.result("anvil_setBalance", account).await;
    }

    /// Different transactions that any endpoint was asked to send.
    pub fn sent(&self) -> Vec<String> {
        let mut sent: Vec<String> = self.nodes.iter().flat_map(Proxy::sent).collect();
        sent.sort();
        sent.dedup();
        sent
    }

    pub async fn sends(&self, count: usize) {
        eventually(&format!("{count} transactions are sent"), 30, async || {
            (self.sent().len() >= count).then_some(())
        })
        .await;
    }

    /// What one of the engine's own strings in Redis holds, such as `lease` and `fence`.
    pub async fn in_redis(&self, name: &str) -> Option<String> {
        let mut connection = self.redis.connection().await;
        let keys = connection.keys(format!("cd:{{*}}:{name}"));
        let keys: Vec<String> = keys.await.unwrap();
        connection.get(keys.first()?).await.unwrap()
    }

    /// Every webhook that was received so far.
    pub fn webhooks(&self) -> Vec<Webhook> {
        let received = self.receiver.received().into_iter();
        let webhook = |one: crate::support::receiver::Received| Webhook {
            id: one.id,
            body: one.body,
            taken: one.taken,
        };
        received.map(webhook).collect()
    }

    /// Hours pass for the webhooks that are to be posted again: all of them are, now.
    pub async fn hours_pass(&self) {
        let mut connection = self.redis.connection().await;
        let keys: Vec<String> = connection.keys("cd:{*}:hook:*:due").await.unwrap();
        for key in keys {
            let ids: Vec<String> = connection.zrange(&key, 0, -1).await.unwrap();
            for id in ids {
                // Only what is still there.
                let mut command = ::redis::cmd("ZADD");
                let command = command.arg(&key).arg("XX").arg(0).arg(id);
                let _: i64 = command.query_async(&mut connection).await.unwrap();
            }
        }
    }

    /// Everything logged by any replica, dead or alive.
    pub fn logged(&self) -> String {
        let logs = self.logs.lock().unwrap();
        let texts: Vec<String> = logs
            .iter()
            .map(|log| log.lock().unwrap().join("\n"))
            .collect();
        texts.join("\n")
    }

    /// Waits for everything accepted to become final, reads the chain, Redis and the logs, and audits them. Faults of the
    /// endpoints are over by then.
    ///
    /// Panics with every violation.
    pub async fn conclude(&self, granted: Granted, seconds: u64) -> Concluded {
        self.every_node(|node| node.set(Mode::Pass));
        self.client.all_final(seconds).await;
        // What no client was told of has to end too.
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let evidence::Stored {
            records,
            waiting,
            untold,
            mut texts,
        } = loop {
            let stored = evidence::stored(&self.redis).await;
            let over = stored.waiting.is_empty() && stored.untold.is_empty();
            if over || Instant::now() > deadline {
                break stored;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let accepted = self.client.accepted();
        let mut answers = BTreeMap::new();
        for Accepted { id, .. } in &accepted {
            answers.insert(id.clone(), self.client.look(id).await);
        }
        texts.push(("the logs".into(), self.logged()));
        let (finals, refusals) = self.client.remembered();
        texts.push(("an answer".into(), refusals.join("\n")));
        let evidence = Evidence {
            accepted,
            answers,
            finals,
            mined: evidence::mined(&self.chain).await,
            pooled: evidence::pooled(&self.chain).await,
            sent: self.sent().iter().map(|raw| evidence::sent(raw)).collect(),
            tokens: evidence::tokens(&self.chain).await,
            records,
            waiting,
            untold,
            listener: CALLER.into(),
            webhooks: self.webhooks(),
            texts,
        };
        let violations = audit(&evidence, &granted);
        let listed: Vec<String> = violations.iter().map(ToString::to_string).collect();
        assert!(violations.is_empty(), "{}", listed.join("\n"));
        Concluded(())
    }
}

/// A run that fails leaves its replicas' logs in `target/chaos`.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let folder = target().join("chaos");
            let name = std::thread::current()
                .name()
                .unwrap_or("a row")
                .replace(' ', "-");
            let _ = std::fs::create_dir_all(&folder);
            let _ = std::fs::write(folder.join(format!("{name}.log")), self.logged());
        }
    }
}

impl Client {
    /// One attempt at one replica, the next in turn; `None` if it cannot be reached or breaks off.
    async fn attempt(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Option<(StatusCode, Value)> {
        let url = {
            let mut state = self.state.lock().unwrap();
            state.turn += 1;
            let turn = state.turn % state.urls.len().max(1);
            state.urls.get(turn).cloned()?
        };
        let mut request = self.http.request(method, format!("{url}{path}"));
        request = request
            .header("x-api-key", KEY)
            .timeout(Duration::from_secs(5));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let (status, text) = (response.status(), response.text().await.ok()?);
        if !status.is_success() {
            self.state.lock().unwrap().refusals.push(text.clone());
        }
        Some((status, serde_json::from_str(&text).ok()?))
    }

    /// Posts until somebody decides: what cannot be reached, breaks off or is not there now is tried again, for two minutes.
    pub async fn post(&self, body: &Value, key: Option<&str>) -> (StatusCode, Value) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            match self
                .attempt(Method::POST, "/api/deployments", Some(body), key)
                .await
            {
                Some((status, reply))
                    if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS =>
                {
                    if status == StatusCode::ACCEPTED {
                        self.state.lock().unwrap().accepted.push(Accepted {
                            id: reply["data"]["requestId"].as_str().unwrap().to_string(),
                            model: body["modelId"].as_str().unwrap().to_string(),
                            key: key.map(str::to_string),
                        });
                    }
                    return (status, reply);
                }
                _ => {
                    assert!(
                        Instant::now() < deadline,
                        "nobody decides {body} within two minutes"
                    );
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Posts a minimal request under a key of its own until it is accepted; its id.
    pub async fn submit(&self, model: &str) -> String {
        let key = format!("key-of-{model}");
        let (status, body) = self.post(&minimal(model), Some(&key)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        body["data"]["requestId"].as_str().unwrap().to_string()
    }

    /// Several models at once; their ids.
    pub async fn submit_all(&self, models: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut tasks = tokio::task::JoinSet::new();
        for model in models {
            let client = self.clone();
            tasks.spawn(async move { client.submit(&model).await });
        }
        tasks.join_all().await
    }

    /// What an id answers now; `None` if it is unknown. Asks until somebody answers, for a minute.
    pub async fn look(&self, id: &str) -> Option<Answer> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let path = format!("/api/deployments/{id}");
            match self.attempt(Method::GET, &path, None, None).await {
                Some((StatusCode::OK, body)) => {
                    let answer = Answer::read(&body["data"]);
                    if answer.is_final() {
                        let mut state = self.state.lock().unwrap();
                        state.finals.entry(id.to_string()).or_insert(answer.clone());
                    }
                    return Some(answer);
                }
                Some((StatusCode::NOT_FOUND, _)) => return None,
                _ => {
                    assert!(
                        Instant::now() < deadline,
                        "nobody answers for {id} within a minute"
                    );
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }

    /// Waits until an id's status is this.
    pub async fn reaches(&self, id: &str, status: &str, seconds: u64) -> Answer {
        eventually(&format!("{id} is {status}"), seconds, async || {
            let answer = self.look(id).await?;
            let over = answer.is_final() && answer.status != status;
            assert!(!over, "{id} should become {status} and is {answer:?}");
            (answer.status == status).then_some(answer)
        })
        .await
    }

    /// Cancels a deployment; what it is answered.
    pub async fn cancel(&self, id: &str) -> StatusCode {
        let path = format!("/api/deployments/{id}/cancel");
        loop {
            if let Some((status, _)) = self.attempt(Method::POST, &path, None, None).await {
                return status;
            }
        }
    }

    /// Waits until everything accepted is final or unknown, at most this long: the audit then says what is not.
    pub async fn all_final(&self, seconds: u64) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let mut open: Vec<String> = self
            .accepted()
            .into_iter()
            .map(|accepted| accepted.id)
            .collect();
        open.sort();
        open.dedup();
        while !open.is_empty() && Instant::now() < deadline {
            let mut left = Vec::new();
            for id in open {
                if self
                    .look(&id)
                    .await
                    .is_some_and(|answer| !answer.is_final())
                {
                    left.push(id);
                }
            }
            open = left;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn accepted(&self) -> Vec<Accepted> {
        self.state.lock().unwrap().accepted.clone()
    }

    fn remembered(&self) -> (Vec<(String, Answer)>, Vec<String>) {
        let state = self.state.lock().unwrap();
        let finals = state
            .finals
            .iter()
            .map(|(id, answer)| (id.clone(), answer.clone()));
        (finals.collect(), state.refusals.clone())
    }
}
