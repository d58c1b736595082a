//! A Redis that speaks only TLS and knows only one user with few rights, as managed ones are set up.

use crate::World;
use crate::support::api::Api;
use crate::support::{Killed, eventually, free_port};
use std::path::Path;
use std::process::{Command, Stdio};

const USER_PASSWORD: &str = "acl-password-never-shown";

/// A server with a certificate for `localhost`, and one user besides the disabled default.
fn secured(folder: &Path, port: u16, rules: &str) -> Killed {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let acl = folder.join("users.acl");
    let users = format!("user default off\nuser contracts on >{USER_PASSWORD} {rules}\n");
    std::fs::write(&acl, users).unwrap();
    let process = Command::new("redis-server")
        .args(["--port", "0", "--tls-port", &port.to_string()])
        .args(["--bind", "127.0.0.1", "--tls-auth-clients", "no"])
        .args(["--save", "", "--appendonly", "no"])
        .arg("--tls-cert-file")
        .arg(&certificate)
        .arg("--tls-ca-cert-file")
        .arg(&certificate)
        .arg("--tls-key-file")
        .arg(&key)
        .arg("--aclfile")
        .arg(&acl)
        .stdout(Stdio::null())
        .spawn();
    Killed(process.expect("redis-server is installed (apt install redis-server)"))
}

#[tokio::test]
async fn redis_over_tls_with_a_user_of_few_rights_is_enough() {
    let world = World::start().await;
    for (rules, warned) in [
        ("~cd:* +@all -@admin -@dangerous +info", false),
        // Nor may it ask what is evicted.
        ("~cd:* +@all -@admin -@dangerous", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let _server = secured(folder.path(), port, rules);
        let mut environment = world.with(
            "REDIS_URL",
            &format!("rediss://contracts:{USER_PASSWORD}@localhost:{port}/0"),
        );
        // Where rustls looks for the roots that it trusts.
        let roots = folder.path().join("cert.pem");
        environment.insert("SSL_CERT_FILE".into(), roots.display().to_string());
        let api = Api::start(&environment).await;
        let id = api.submit(if warned { "unasked" } else { "secured" }).await;
        api.reaches(&id, "deployed").await;
        let logs = api.logs();
        assert_eq!(
            logs.contains("does not say what it evicts"),
            warned,
            "{logs}"
        );
        assert!(!logs.contains(USER_PASSWORD));
    }
}

#[tokio::test]
async fn a_redis_whose_certificate_nobody_signed_is_not_talked_to() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let _server = secured(folder.path(), port, "~* +@all");
    let url = format!("rediss://contracts:{USER_PASSWORD}@localhost:{port}/0");
    let api = Api::spawn(&world.with("REDIS_URL", &url));
    eventually("it does not become healthy and says so", 10, async || {
        api.logs().contains("not ready to serve yet").then_some(())
    })
    .await;
    let (status, _) = api.get("/health").await;
    assert_eq!(status, reqwest::StatusCode::SERVICE_UNAVAILABLE);
    assert!(!api.logs().contains(USER_PASSWORD));
}
