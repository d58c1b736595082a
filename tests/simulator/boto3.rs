//! Other people's client drives the server: `drive.py` with boto3, installed by `scripts/install.sh`.
//!
//! Never skipped: without boto3 it fails and says what to run.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::http::Server;

#[tokio::test]
async fn boto3_reads_what_the_rust_clients_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let server = Server::start().await;
    let mut python = Command::new("python3");
    python
        .arg(root.join("tests/simulator/drive.py"))
        .arg(&server.endpoint)
        .env("PYTHONPATH", root.join("target/tools/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // A developer's own profile must not lead the client elsewhere.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .kill_on_drop(true);
    let output = timeout(Duration::from_secs(60), python.output())
        .await
        .expect("boto3 took a minute")
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !errors.contains("No module named 'boto3'"),
        "boto3 is not installed: run scripts/install.sh"
    );
    assert!(output.status.success(), "{errors}");
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "account": "932100697590",
        "wrong secret": [
            ["SignatureDoesNotMatch", 403], ["InvalidSignatureException", 400], ["SignatureDoesNotMatch", 400],
            ["AuthFailure", 401], ["SignatureDoesNotMatch", 403],
        ],
        "unknown key": [
            ["InvalidClientTokenId", 403], ["UnrecognizedClientException", 400], ["InvalidClientTokenId", 400],
            ["AuthFailure", 401], ["InvalidClientTokenId", 403],
        ],
        "trust is a parsed document": true,
        "role": ["arn:aws:iam::932100697590:role/r", [{ "Key": "a", "Value": "<b> & c" }], true],
        "no role": ["NoSuchEntity", 404],
        "policies": [],
        "parameters by page": [2, ["v10", "v11"]],
        "no parameter": ["ParameterNotFound", 400],
        "alarm": [70.0, "INSUFFICIENT_DATA", true],
        "no alarm": ["ResourceNotFound", 404],
        "events": ["hello"],
        "bad retention": ["InvalidParameterException", 400],
        "service": ["hokusai-development.local", [{ "Type": "A", "TTL": 10 }], true],
        "same service": ["ServiceAlreadyExists", 400],
        "image": [["0.1.0"], "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts"],
        "no image": ["ImageNotFoundException", 400],
        "no repository": ["RepositoryNotFoundException", 400],
        "no targets": [],
        "scaling nothing": ["ValidationException", 400],
    });
    assert_eq!(
        read,
        expected,
        "{}",
        serde_json::to_string_pretty(&read).unwrap()
    );
    server.stop().await;
}
