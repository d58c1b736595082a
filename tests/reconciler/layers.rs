//! The invariants that `src/lib.rs` states about who may know whom, held against the sources.

use std::path::{Path, PathBuf};

/// All Rust files of a module: `x.rs` and everything under `x/`.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(module);
    let mut left = vec![base.with_extension("rs"), base];
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{module} has no sources");
    found
}

/// Lines of code, not of comments, that contain one of `words`.
fn mentions(modules: &[&str], words: &[&str]) -> Vec<String> {
    let files = modules.iter().flat_map(|module| sources(module));
    let lines = files.flat_map(|(path, text)| {
        let code = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//"));
        let hits = code.filter(|line| words.iter().any(|word| line.contains(word)));
        hits.map(|line| format!("{}: {line}", path.display()))
            .collect::<Vec<_>>()
    });
    lines.collect()
}

const NOTHING: Vec<String> = Vec::new();

#[test]
fn the_two_programs_and_the_simulator_do_not_know_each_other() {
    let not_the_reconcilers = ["crate::api", "crate::deployment", "crate::simulator"];
    assert_eq!(mentions(&["reconciler"], &not_the_reconcilers), NOTHING);
    assert_eq!(
        mentions(
            &["api", "deployment"],
            &["crate::reconciler", "crate::simulator"]
        ),
        NOTHING
    );
    assert_eq!(mentions(&["deployment"], &["crate::api"]), NOTHING);
    assert_eq!(
        mentions(
            &["simulator"],
            &["crate::reconciler", "crate::api", "crate::deployment"]
        ),
        NOTHING
    );
}

#[test]
fn what_decides_touches_no_sdk_store_socket_clock_or_environment() {
    let pure = [
        "reconciler/manifest",
        "reconciler/spec",
        "reconciler/resource",
        "reconciler/desired",
        "reconciler/normal",
        "reconciler/observed",
        "reconciler/plan",
        "reconciler/status",
        "reconciler/store/history",
        "reconciler/store/publication",
        "reconciler/store/record",
        "deployment/request",
        "deployment/transaction",
        "deployment/economics",
        "backoff",
    ];
    let words = [
        "aws_",
        "tokio::",
        "redis::",
        "warp::",
        "reqwest::",
        "std::env",
        "std::net",
        "::now()",
        "fastrand::",
        "async fn",
    ];
    assert_eq!(mentions(&pure, &words), NOTHING);
}

#[test]
fn each_foreign_library_stays_behind_its_own_door() {
    let everywhere = [
        "api",
        "deployment",
        "reconciler/plan",
        "reconciler/converge",
        "reconciler/observe",
        "reconciler/apply",
        "reconciler/store",
        "reconciler/rollback",
    ];
    let mut sdk = mentions(&everywhere, &["aws_sdk_", "aws_config"]);
    // A key in KMS is the signer's to use, and no other part of the API's.
    sdk.retain(|line| !line.contains("src/deployment/signer/kms.rs: "));
    assert_eq!(sdk, NOTHING);
    assert_eq!(
        mentions(
            &["reconciler", "simulator"],
            &["ethers::", "redis::", "warp::"]
        ),
        NOTHING
    );
    assert_eq!(
        mentions(
            &[
                "api",
                "deployment",
                "simulator",
                "reconciler/aws",
                "reconciler/plan"
            ],
            &["saphyr"]
        ),
        NOTHING
    );
    assert_eq!(
        mentions(
            &["api", "deployment/worker", "deployment/request"],
            &["ethers::"]
        ),
        NOTHING
    );
}
