//! How a failed rollout ends, as CI sees it: the exit code, the cause in words, and the cause in JSON.

use serde_json::Value;

use crate::deploy::NEXT;
use crate::{MANIFEST, WELL, World};

/// Issue 8: a crashing image ends rolled back, exit 3, with a named cause, in words and for programs.
#[test]
fn a_crashing_image_ends_with_3_and_its_cause() {
    let world = World::start(&crashing());
    assert_eq!(world.reconciler(&["reconcile", MANIFEST]).code, 0);
    let digest = format!("image.digest={}", NEXT.split_once('@').unwrap().1);
    let ran = world.reconciler(&["reconcile", MANIFEST, "--set", &digest]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let cause = "crash loop: the program ends by itself with exit code 17";
    assert!(ran.stderr.contains("rolled back: "), "{}", ran.stderr);
    assert!(ran.stderr.contains(cause), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("log: no key, no service"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("the whole unit is as it was before"),
        "{}",
        ran.stdout
    );

    let arguments = [
        "reconcile",
        MANIFEST,
        "--set",
        &digest,
        "--force",
        "--output",
        "json",
    ];
    let ran = world.reconciler(&arguments);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ended = lines.iter().find(|line| line["outcome"] == "rolledBack");
    let ended = ended.unwrap_or_else(|| panic!("{}", ran.stdout));
    let told = (
        &ended["diagnosis"]["cause"],
        &ended["diagnosis"]["exitCode"],
    );
    assert_eq!(told, (&"crashLoop".into(), &17.into()), "{ended}");
    assert_eq!(
        lines.last().unwrap()["outcome"],
        "settled",
        "the unit of before"
    );
}

/// There is nothing to go back to, and that is another exit code: nothing runs.
#[test]
fn a_first_rollout_that_fails_ends_with_1_and_says_so() {
    let world = World::start(&crashing());
    let digest = format!("image.digest={}", NEXT.split_once('@').unwrap().1);
    let ran = world.reconciler(&["reconcile", MANIFEST, "--set", &digest]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    for told in [
        "there was no revision to go back to",
        "crash loop: the program ends by itself with exit code 17",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
}

/// The second image of the repository writes a line and ends.
fn crashing() -> String {
    let digest = NEXT.split_once('@').unwrap().1;
    let well = WELL.trim_start_matches("images: [").trim_end_matches(']');
    format!(
        "images:\n  - {well}\n  - {{ image: 'hokusai/contracts@{digest}', lines: ['no key, no service'], crash: {{ after_seconds: 2, code: 17 }} }}\n"
    )
}
