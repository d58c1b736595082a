//! An EVM node with the TokenManager and the ModelRegistry on it, mining on an interval.
//!
//! Never with automining: it loses wake-ups under load and leaves transactions pending. The node tools come from
//! `tests/contracts/node_modules` (`npm ci` is run there if it is missing), the contracts from `tests/contracts/build.mjs`.

use super::{Killed, client, eventually, root, target};
use serde_json::{Value, json};
use std::fs::{File, create_dir_all};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Chain id of everything in the tests (Sepolia's, so that `network` reads "sepolia").
pub const CHAIN_ID: u64 = 11_155_111;
/// anvil's first account, which owns the contracts.
pub const OWNER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// anvil's second account, which the product signs with, and its well-known key.
pub const DEPLOYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub const DEPLOYER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// A node and the two contracts.
pub struct Anvil {
    pub url: String,
    pub token_manager: String,
    pub model_registry: String,
    client: reqwest::Client,
    _process: Killed,
}

impl Anvil {
    /// A block each fifth of a second.
    pub async fn start() -> Self {
        Self::with(&["--block-time", "0.2"]).await
    }

    /// With these options of anvil, among which `--block-time` must be.
    pub async fn with(options: &[&str]) -> Self {
        install();
        let chosen = options.contains(&"--hardfork");
        let hardfork: &[&str] = if chosen {
            &[]
        } else {
            &["--hardfork", "prague"]
        };
        let binary =
            root().join("tests/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
        let mut process = Command::new(binary)
            .args(["--port", "0", "--chain-id", &CHAIN_ID.to_string()])
            .args(["--accounts", "4"])
            .args(options)
            .args(hardfork)
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil runs");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let process = Killed(process);
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_string))
            .expect("anvil says where it listens");
        let mut anvil = Self {
            url: format!("http://{address}"),
            token_manager: String::new(),
            model_registry: String::new(),
            client: client(),
            _process: process,
        };
        anvil.model_registry = anvil.create("ModelRegistry", "").await;
        let registry = anvil.model_registry.trim_start_matches("0x").to_string();
        anvil.token_manager = anvil
            .create("TokenManager", &format!("{registry:0>64}"))
            .await;
        anvil
    }

    /// One JSON-RPC request; the whole reply.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.client
            .post(&self.url)
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// One JSON-RPC request that succeeds; its result.
    pub async fn result(&self, method: &str, params: Value) -> Value {
        let reply = self.ask(method, params).await;
        assert!(reply["error"].is_null(), "{method}: {reply}");
        reply["result"].clone()
    }

    /// Sends a transaction from an unlocked account and waits for its receipt.
    pub async fn send(&self, from: &str, to: Option<&str>, data: &str) -> Value {
        // A price as before London, which every chain takes: 20 gwei.
        let mut transaction =
            json!({ "from": from, "data": data, "gas": "0x7a1200", "gasPrice": "0x4a817c800" });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let hash = self
            .result("eth_sendTransaction", json!([transaction]))
            .await;
        eventually("the transaction is mined", 10, async || {
            let receipt = self
                .result("eth_getTransactionReceipt", json!([hash]))
                .await;
            (!receipt.is_null()).then_some(receipt)
        })
        .await
    }

    /// `eth_call`; the returned bytes as hex without 0x.
    pub async fn call(&self, to: &str, data: &str) -> String {
        let answer = self
            .result("eth_call", json!([{ "to": to, "data": data }, "latest"]))
            .await;
        answer
            .as_str()
            .unwrap()
            .trim_start_matches("0x")
            .to_string()
    }

    /// How many transactions the product's account has made.
    pub async fn transactions_made(&self) -> u64 {
        let count = self
            .result("eth_getTransactionCount", json!([DEPLOYER, "latest"]))
            .await;
        u64::from_str_radix(count.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Every `TokenDeployed` log of the TokenManager.
    pub async fn tokens_deployed(&self) -> Vec<Value> {
        let topic = "0x8bc86e2085f2cb40fd388378b4717f9fe8a5ad8d2b05643adeda5662f1eb59a3";
        let filter =
            json!([{ "address": self.token_manager, "topics": [topic], "fromBlock": "0x0" }]);
        self.result("eth_getLogs", filter)
            .await
            .as_array()
            .unwrap()
            .clone()
    }

    /// Puts a compiled contract on the chain; `arguments` are its constructor's, as hex. Its address.
    pub async fn create(&self, name: &str, arguments: &str) -> String {
        let path = target().join(format!("contracts/{name}.json"));
        let contract: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let code = format!("{}{arguments}", contract["bytecode"].as_str().unwrap());
        let receipt = self.send(OWNER, None, &code).await;
        assert_eq!(receipt["status"], "0x1", "{name} is created");
        receipt["contractAddress"].as_str().unwrap().to_string()
    }
}

/// Installs the node tools and builds the contracts, once, whoever of several processes comes first.
pub fn install() {
    create_dir_all(target()).unwrap();
    let lock = File::create(target().join("contracts.lock")).unwrap();
    lock.lock().unwrap();
    let folder = root().join("tests/contracts");
    if !folder
        .join("node_modules/standardwebhooks/package.json")
        .exists()
    {
        run(Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder));
    }
    run(Command::new("node").arg("build.mjs").current_dir(&folder));
}

fn run(command: &mut Command) {
    let output = command.output().expect("node and npm are installed");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
