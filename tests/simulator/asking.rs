//! What `reconciler destroy` does before it destroys: it asks, and only the unit's own name is a yes.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::program::{ACCOUNT, program, ready};

const UNIT: &str = "hokusai-contracts-development";

/// Runs a shell line with `typed` on its standard input; its exit code and all it printed.
async fn run(line: &str, endpoint: &str, typed: &str) -> (Option<i32>, String) {
    let mut child = Command::new("sh")
        .args(["-c", line])
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "demo")
        .env("AWS_SECRET_ACCESS_KEY", "demo")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).await.unwrap();
    drop(stdin);
    let ended = timeout(Duration::from_secs(60), child.wait_with_output());
    let output = ended.await.expect("it should end").unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

#[tokio::test]
async fn destroy_asks_on_a_terminal_and_refuses_where_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let _simulator = program(ACCOUNT, directory.path()).spawn().unwrap();
    let ready = ready(&directory.path().join("ready.json")).await;
    let endpoint = ready["endpoint"].as_str().unwrap();
    let reconciler = env!("CARGO_BIN_EXE_reconciler");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/development.yaml");
    let plain = format!("{reconciler} destroy {manifest}");
    // util-linux's script gives its child a terminal.
    let terminal = format!("script -qec '{plain}' /dev/null");
    let rows = [
        (&plain, UNIT, 64, "nobody is there to confirm it: add --yes"),
        (&terminal, "yes\n", 1, "not destroyed"),
        (&terminal, "\n", 1, "not destroyed"),
        (&terminal, &format!("{UNIT}\n"), 0, "gone: AWS has nothing"),
    ];
    for (line, typed, code, says) in rows {
        let (ended, printed) = run(line, endpoint, typed).await;
        assert_eq!(ended, Some(code), "{line} {typed:?}\n{printed}");
        assert!(printed.contains(says), "{line} {typed:?}\n{printed}");
    }
}
