//! The program itself: exit codes, and what goes to which stream.

use std::process::{Command, Output};

const DEVELOPMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/development.yaml");
const PRODUCTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests/production.yaml");
const MISTAKES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/reconciler/manifests/five-mistakes.yaml"
);

fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_reconciler"))
        .args(arguments)
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn exit_codes_are_as_the_help_says() {
    // Nothing listens on port 9 of the loopback (discard).
    let nowhere = ["--endpoint-url", "http://127.0.0.1:9", "plan", DEVELOPMENT];
    let rows: [(&[&str], i32); 21] = [
        (&["--help"], 0),
        (&["--version"], 0),
        (&[], 64),
        (&["deploy"], 64),
        (&["validate", DEVELOPMENT], 0),
        (&["validate", MISTAKES], 64),
        (&["validate", DEVELOPMENT, "-f", PRODUCTION], 0),
        (&["validate", PRODUCTION, "--set", "image.tag=1.0.0"], 0),
        (&["validate", PRODUCTION, "--set", "image.tag=latest"], 64),
        (&["render", PRODUCTION], 0),
        (&["schema", "--overlay"], 0),
        (&["explain"], 0),
        (&["explain", "scaling.max"], 0),
        (&["explain", "scaling.maks"], 64),
        (&["lint", DEVELOPMENT, "--deny-warnings"], 0),
        (&["lint", DEVELOPMENT, "--set", "scaling.min=1"], 0),
        (
            &[
                "validate",
                DEVELOPMENT,
                "--set",
                "scaling.min=1",
                "--deny-warnings",
            ],
            64,
        ),
        (&["policy", PRODUCTION], 0),
        (&["plan", "no/such.yaml"], 64),
        (&["reconcile", DEVELOPMENT, "--timeout", "soon"], 64),
        (&nowhere, 1),
    ];
    for (arguments, expected) in rows {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!(code, expected, "{arguments:?}\n{stdout}\n{stderr}");
        assert!(
            !stdout.is_empty() || !stderr.is_empty(),
            "{arguments:?} says something"
        );
    }
}

#[test]
fn five_mistakes_print_five_located_errors() {
    let (code, stdout, stderr) = run(&["validate", MISTAKES]);
    assert_eq!((code, stdout.as_str()), (64, ""));
    let located = stderr
        .lines()
        .filter(|line| line.starts_with(&format!("{MISTAKES}:")))
        .count();
    assert_eq!(located, 5, "{stderr}");
    assert!(stderr.ends_with("5 errors\n"), "{stderr}");
}

#[test]
fn problems_in_json_go_to_standard_output() {
    let (code, stdout, stderr) = run(&["validate", MISTAKES, "--output", "json"]);
    let problems: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, stderr.as_str()), (64, ""));
    assert_eq!(problems["problems"].as_array().unwrap().len(), 5);
}

#[test]
fn the_help_of_every_verb_has_examples_the_program_understands() {
    let (_, help, _) = run(&["--help"]);
    let verbs = help
        .split("Commands:\n")
        .nth(1)
        .and_then(|text| text.split("\n\n").next())
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help");
    for verb in verbs {
        let (code, help, _) = run(&[verb, "--help"]);
        assert_eq!(code, 0, "{verb}");
        let examples = help.split("Examples:\n").nth(1);
        let examples = examples.unwrap_or_else(|| panic!("{verb} has no examples"));
        for example in examples.lines() {
            let mut arguments: Vec<&str> = example.split_whitespace().skip(1).collect();
            assert_eq!(arguments[0], verb, "{example}");
            // Read to its end, and then the help is printed instead.
            arguments.push("--help");
            let (code, _, stderr) = run(&arguments);
            assert_eq!(code, 0, "{example}\n{stderr}");
        }
    }
}
