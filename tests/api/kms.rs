//! A key in AWS KMS, as moto's KMS keeps it. moto hashes a DIGEST once more, so `moto_kms.py` replaces its `sign`: this holds our
//! wire, our DER and our recovery to an emulator, not our idea of DIGEST to AWS.

use crate::World;
use crate::support::api::Api;
use crate::support::{Killed, client, eventually, free_port, root, target};
use ::contracts::aws_json::{Call, signed};
use aws_sdk_ssm::config::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ethers::utils::keccak256;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::SystemTime;

struct Moto {
    url: String,
    _process: Killed,
}

impl Moto {
    async fn start() -> Self {
        let install = Command::new(root().join("scripts/install.sh"))
            .arg("moto")
            .current_dir(root())
            .status();
        assert!(install.unwrap().success(), "scripts/install.sh moto");
        let (tools, port) = (target().join("tools/moto"), free_port());
        let process = Command::new("python3")
            .arg(root().join("tests/api/moto_kms.py"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("PYTHONPATH", &tools)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let moto = Self {
            url: format!("http://127.0.0.1:{port}"),
            _process: Killed(process.unwrap()),
        };
        eventually("moto listens", 60, async || {
            client()
                .get(format!("{}/moto-api/", moto.url))
                .send()
                .await
                .ok()
        })
        .await;
        moto
    }

    async fn ask(&self, operation: &str, body: Value) -> Value {
        let call = Call {
            url: &format!("{}/", self.url),
            region: "us-east-1",
            service: "kms",
            target: &format!("TrentService.{operation}"),
            body: &body.to_string(),
        };
        let credentials = Credentials::new("test", "test", None, None, "test");
        let request = signed(call, &credentials, SystemTime::now()).unwrap();
        let request = reqwest::Request::try_from(request).unwrap();
        client()
            .execute(request)
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// A new key: its id, and the account it is the key of.
    async fn key(&self, spec: &str) -> (String, String) {
        let made = json!({ "KeySpec": spec, "KeyUsage": "SIGN_VERIFY" });
        let made = self.ask("CreateKey", made).await;
        let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_string();
        let public = self.ask("GetPublicKey", json!({ "KeyId": id })).await;
        let der = STANDARD
            .decode(public["PublicKey"].as_str().unwrap())
            .unwrap();
        // The point's 64 bytes are the last of the DER.
        let account = &keccak256(&der[der.len() - 64..])[12..];
        (id, format!("0x{}", hex::encode(account)))
    }
}

fn with_kms(world: &World, moto: &Moto, key: &str, address: &str) -> crate::Environment {
    let mut environment = world.environment.clone();
    environment.remove("DEPLOYER_PRIVATE_KEY");
    let settings = [
        ("KMS_BACKEND_KEY_ID", key),
        ("KMS_BACKEND_EXPECTED_ADDRESS", address),
        ("RECORD_KEY", "a-record-key-of-more-than-32-characters"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", &moto.url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "the-secret-access-key"),
    ];
    environment.extend(settings.map(|(name, value)| (name.to_string(), value.to_string())));
    environment
}

#[tokio::test]
async fn deployments_are_signed_by_a_key_in_kms_and_only_by_the_pinned_one() {
    let moto = Moto::start().await;
    let world = World::start().await;
    let (key, account) = moto.key("ECC_SECG_P256K1").await;
    let funds = json!([account, "0x8ac7230489e80000"]);
    world.chain.result("anvil_setBalance", funds).await;

    let api = Api::spawn(&with_kms(&world, &moto, &key, &account));
    eventually("it can serve, or says why not", 20, async || {
        let (ready, _) = api.get("/health").await;
        (ready == StatusCode::OK || api.logs().contains("KMS") || api.logs().contains("panic"))
            .then_some(())
    })
    .await;
    assert_eq!(api.get("/health").await.0, StatusCode::OK, "{}", api.logs());
    let mut ids = Vec::new();
    // Half of KMS' signatures have the higher s, which no node takes.
    for number in 0..8 {
        ids.push(api.submit(&format!("kms-{number}")).await);
    }
    for id in &ids {
        let done = api.reaches(id, "deployed").await;
        let hash = &done["tokenDetails"]["transactionHash"];
        let sent = world
            .chain
            .result("eth_getTransactionByHash", json!([hash]))
            .await;
        assert_eq!(sent["from"], json!(account));
    }
    assert!(!api.logs().contains("the-secret-access-key"));
    drop(api);

    let (other, _) = moto.key("ECC_SECG_P256K1").await;
    let (wrong_curve, _) = moto.key("ECC_NIST_P256").await;
    for (key, reason) in [
        (other.as_str(), "and not of KMS_BACKEND_EXPECTED_ADDRESS"),
        (&wrong_curve, "not an ECC_SECG_P256K1 key"),
        (
            "11111111-2222-3333-4444-555555555555",
            "KMS refused GetPublicKey: NotFoundException",
        ),
    ] {
        let api = Api::spawn(&with_kms(&world, &moto, key, &account));
        eventually("the reason is logged", 10, async || {
            api.logs().contains(reason).then_some(())
        })
        .await;
        assert_eq!(api.get("/health").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
