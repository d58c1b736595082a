//! The Dockerfile's two cargo steps, as far as reading the manifest, which takes no engine.

use crate::{read, root};
use std::process::Command;

#[test]
fn the_manifest_reads_with_what_the_image_has_of_the_sources() {
    let work = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-r", "Cargo.toml", "Cargo.lock", "patches"])
        .arg(work.path())
        .current_dir(root())
        .status();
    assert!(copied.unwrap().success());
    let dockerfile = read("Dockerfile").replace("\\\n", "");
    let (_, from) = dockerfile
        .split_once("&& mkdir")
        .expect("the step that makes empty programs");
    let (stubs, from) = from.split_once("&& cargo build").expect("its cargo build");
    let (_, after) = from.split_once("reconciler").expect("its last argument");
    let (after, _) = after
        .split_once("\nCOPY src src")
        .expect("the sources' turn");
    let fetch = "cargo fetch --quiet --locked --offline --target x86_64-unknown-linux-gnu";
    let source = root().join("src");
    // What is left of the empty programs must not stand beside the real ones: two files of one program, and cargo refuses.
    let script = format!(
        "mkdir {stubs} && {fetch} {after} && cp -r {} . && {fetch}",
        source.display()
    );
    let read = Command::new("sh")
        .args(["-euc", &script])
        .current_dir(work.path())
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{problems}");
}
