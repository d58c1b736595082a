//! What the documents point at: links, anchors, files, targets of the Makefile.

use crate::{between, documents, files, prose, read, root, spans, target};
use std::collections::BTreeSet;

/// GitHub's anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let text = prose(text);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| anchor(heading.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn links_and_their_anchors_lead_somewhere() {
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        for link in between(&prose(&text), "](", ")") {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            if file.starts_with("http") {
                continue;
            }
            let there = if file.is_empty() {
                root().join(&path)
            } else {
                target(&path, file)
            };
            let Ok(_) = there.canonicalize() else {
                wrong.push(format!("{path}: {link}: no such file"));
                continue;
            };
            let text = std::fs::read_to_string(&there).unwrap_or_default();
            if !fragment.is_empty() && !anchors(&text).contains(fragment) {
                wrong.push(format!("{path}: {link}: no such heading"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_named_in_the_documents_are_there() {
    // What a reader makes, and what is in a container or in git's own words.
    let roots = [
        "src/",
        "tests/",
        "scripts/",
        "docs/",
        "manifests/",
        ".ci/",
        "patches/",
    ];
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        let words =
            text.split(|letter: char| letter.is_whitespace() || "`()[],\"'".contains(letter));
        for word in words.map(|word| word.trim_end_matches(['.', ':', ';'])) {
            let pattern = word.contains(['*', '…', '<']);
            if roots.iter().any(|root| word.starts_with(root)) && !pattern {
                // A heading or a line of it may follow.
                let file = word.split(['#', ':']).next().unwrap();
                // In docs/, links are relative to docs/; those are held above.
                if !root().join(file).exists() && !target(&path, file).exists() {
                    wrong.push(format!("{path}: {word}"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn targets_of_make_are_there() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(target, _)| target)
        .filter(|target| {
            target
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        })
        .collect();
    let mut named = BTreeSet::new();
    for (path, text) in documents() {
        // In code only: prose may use the verb.
        for code in code(&text) {
            let mut words = code.split_whitespace();
            while let Some(word) = words.next() {
                if word != "make" {
                    continue;
                }
                for target in words
                    .by_ref()
                    .take_while(|word| *word != "#" && !word.contains('='))
                {
                    assert!(targets.contains(target), "{path}: make {target}");
                    named.insert(target.to_owned());
                }
            }
        }
    }
    assert!(named.len() > 5, "{named:?}");
}

/// Code spans, and lines of command blocks whether they run or not.
fn code(text: &str) -> Vec<String> {
    let prose = prose(text);
    let blocks = between(text, "```sh", "\n```");
    let lines = blocks.into_iter().flat_map(|block| block.lines().skip(1));
    spans(&prose).chain(lines).map(str::to_owned).collect()
}

#[test]
fn the_readme_leads_to_every_document() {
    let readme = read("README.md");
    for path in files("docs", ".md") {
        assert!(readme.contains(&format!("]({path})")), "{path}");
    }
}
