//! The documents: that their commands work, and that what they name is there.
//!
//! Takes README.md and docs/, and the sources they describe. It says nothing about whether the prose is good.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod commands;
mod dockerfile;
mod facts;
mod references;

use std::path::{Path, PathBuf};

/// The repository's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Paths of the files in a directory that end so, relative to the root.
fn files(directory: &str, ending: &str) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(root().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{directory}/{name}"))
        .collect();
    found.sort();
    found
}

/// Every document by its path.
fn documents() -> Vec<(String, String)> {
    let mut paths = files("docs", ".md");
    paths.push("README.md".into());
    assert!(paths.len() > 5, "{paths:?}");
    paths
        .into_iter()
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

/// A document without its fenced blocks; the lines keep their numbers.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        let fence = line.starts_with("```");
        fenced ^= fence;
        kept.push(if fenced || fence { "" } else { line });
    }
    kept.join("\n")
}

/// Everything between a start and the next end, over and over.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Vec<&'t str> {
    let parts = text.split(start).skip(1);
    parts
        .filter_map(|part| part.split_once(end))
        .map(|(inside, _)| inside)
        .collect()
}

/// What stands between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// All Rust files under a directory, as one text.
fn sources(directory: &str) -> String {
    let mut left = vec![root().join(directory)];
    let mut text = String::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension() == Some("rs".as_ref()) {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    text
}

/// Where a link from a document leads.
fn target(document: &str, link: &str) -> PathBuf {
    root().join(document).parent().unwrap().join(link)
}
