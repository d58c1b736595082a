//! The real `contracts-api` binary as a process, with a client for it.

use super::anvil::{Anvil, CHAIN_ID, DEPLOYER_KEY};
use super::redis::{PASSWORD, Redis};
use super::{Killed, client, eventually};
use reqwest::{Method, Response, StatusCode};
pub use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

/// The two configured API keys.
pub const KEY: &str = "frontend-api-key-in-plain-text";
pub const OTHER_KEY: &str = "backend-api-key-in-plain-text";

/// What must be in no log, error, metric or database.
pub const SECRETS: [&str; 5] = [
    // The key without 0x, which some ways of printing leave out.
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    PASSWORD,
    KEY,
    OTHER_KEY,
    super::proxy::RPC_KEY,
];

/// The environment of a process, as ECS would inject it.
pub type Environment = BTreeMap<String, String>;

/// A running `contracts-api`.
pub struct Api {
    pub url: String,
    process: Killed,
    logs: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
}

/// The settings that have no default, for these dependencies.
pub fn environment(redis: &Redis, chain: &Anvil, rpc_url: &str) -> Environment {
    let keys = format!("{},{}", entry("frontend", KEY), entry("backend", OTHER_KEY));
    [
        ("PORT", "0".to_string()),
        ("BIND_ADDRESS", "127.0.0.1".into()),
        ("CHAIN_ID", CHAIN_ID.to_string()),
        ("DEPLOYER_PRIVATE_KEY", DEPLOYER_KEY.into()),
        ("TOKEN_MANAGER_ADDRESS", chain.token_manager.clone()),
        ("MODEL_REGISTRY_ADDRESS", chain.model_registry.clone()),
        ("RPC_URL", rpc_url.into()),
        ("REDIS_URL", redis.url()),
        ("API_KEYS", keys),
        ("GIT_SHA", "0123abc".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value))
    .collect()
}

/// What `contracts-api keys hash` prints for a key.
pub fn entry(name: &str, key: &str) -> String {
    let (status, output, _) = run(&["keys", "hash", "--name", name], &Environment::new(), key);
    assert!(status.success());
    output.trim().to_string()
}

/// Runs the binary to its end: exit status, standard output, standard error.
pub fn run(
    arguments: &[&str],
    environment: &Environment,
    input: &str,
) -> (ExitStatus, String, String) {
    let mut child = command(arguments, environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

fn command(arguments: &[&str], environment: &Environment) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contracts-api"));
    command.args(arguments).env_clear().envs(environment);
    command
}

impl Api {
    /// Starts the process and waits until it listens; not until it is healthy.
    pub fn spawn(environment: &Environment) -> Self {
        let mut process = command(&[], environment)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let process = Killed(process);
        let logs = Arc::new(Mutex::new(Vec::new()));
        let mut address = None;
        for line in lines.by_ref() {
            let event: Value = serde_json::from_str(&line).expect("logs are JSON lines");
            logs.lock().unwrap().push(line);
            if event["message"] == "listening" {
                address = Some(event["address"].as_str().unwrap().to_string());
                break;
            }
        }
        let collected = logs.clone();
        std::thread::spawn(move || lines.for_each(|line| collected.lock().unwrap().push(line)));
        let address = address.unwrap_or_else(|| panic!("not started: {:?}", logs.lock().unwrap()));
        Self {
            url: format!("http://{address}"),
            process,
            logs,
            client: client(),
        }
    }

    /// Starts the process and waits until `/health` is 200.
    pub async fn start(environment: &Environment) -> Self {
        let api = Self::spawn(environment);
        api.healthy().await;
        api
    }

    pub async fn healthy(&self) {
        eventually("the process is healthy", 20, async || {
            (self.get("/health").await.0 == StatusCode::OK).then_some(())
        })
        .await;
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Status and JSON body of a request.
    pub async fn json(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let method = request.method().clone();
        let response = client.execute(request).await.unwrap();
        let path = response.url().path().to_string();
        let (status, body) = read(response).await;
        record(&method, &path, status, &body);
        (status, body)
    }

    /// GET with the first key.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        Self::json(self.request(Method::GET, path).header("x-api-key", KEY)).await
    }

    /// POST /api/deployments with the first key.
    pub async fn post(&self, body: &Value) -> (StatusCode, Value) {
        Self::json(
            self.request(Method::POST, "/api/deployments")
                .header("x-api-key", KEY)
                .json(body),
        )
        .await
    }

    /// Posts a minimal request and gives the id of the accepted deployment.
    pub async fn submit(&self, model: &str) -> String {
        let (status, body) = self.post(&minimal(model)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        body["data"]["requestId"].as_str().unwrap().to_string()
    }

    /// Waits until the deployment has this status; its data.
    pub async fn reaches(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} is {status}"), 30, async || {
            let (code, body) = self.get(&format!("/api/deployments/{id}")).await;
            assert_eq!(code, StatusCode::OK, "{body}");
            let reached = body["data"]["status"].as_str().unwrap();
            assert!(
                reached == status || !matches!(reached, "deployed" | "failed"),
                "{body}"
            );
            (reached == status).then(|| body["data"].clone())
        })
        .await
    }

    /// SIGKILL.
    pub fn kill_9(mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Any signal.
    pub fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.process.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The process' id.
    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Waits for the end of the process.
    pub async fn ended(&mut self, seconds: u64) -> ExitStatus {
        let child: &mut Child = &mut self.process.0;
        eventually("the process ends", seconds, async || {
            child.try_wait().unwrap()
        })
        .await
    }

    /// What it logs, which outlives it.
    pub fn log(&self) -> Arc<Mutex<Vec<String>>> {
        self.logs.clone()
    }

    /// Everything it has logged so far.
    pub fn logs(&self) -> String {
        self.logs.lock().unwrap().join("\n")
    }

    /// Fails if a secret is in the logs.
    pub fn has_logged_no_secret(&self) {
        let logs = self.logs();
        for secret in SECRETS {
            assert!(!logs.contains(secret), "{secret} is in the logs:\n{logs}");
        }
    }
}

/// The smallest valid request.
pub fn minimal(model: &str) -> Value {
    json!({ "modelId": model, "userAddress": "0x90F79bf6EB2c4f870365E785982E1f101E93b906" })
}

/// Status and JSON body of a response; an empty body is `null`.
pub async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).expect(&text)
    };
    (status, body)
}

/// Writes the answer down for `make api-test`, which holds every one of them to the OpenAPI document.
pub fn record(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let Ok(directory) = std::env::var("API_ANSWERS") else {
        return;
    };
    let answer =
        json!({ "method": method.as_str(), "path": path, "status": status.as_u16(), "body": body });
    let file = format!("{directory}/{}.jsonl", std::process::id());
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file);
    file.unwrap()
        .write_all(format!("{answer}\n").as_bytes())
        .unwrap();
}
