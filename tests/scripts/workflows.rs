//! .github/workflows: valid, pinned, with few rights; and the step that commits a digest, run.

use std::path::Path;
use std::process::Command;

use serde_yaml::Value;

use crate::{ROOT, Ran, git, work_tree};

fn workflows() -> Vec<(String, Value)> {
    let directory = Path::new(ROOT).join(".github/workflows");
    let files = std::fs::read_dir(directory).unwrap().flatten();
    let read = files.map(|file| {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let name = file.file_name().into_string().unwrap();
        (name, serde_yaml::from_str(&text).unwrap())
    });
    let read: Vec<_> = read.collect();
    assert!(read.len() >= 4);
    read
}

/// Every step of every job.
fn steps(workflow: &Value) -> impl Iterator<Item = &Value> {
    let jobs = workflow["jobs"].as_mapping().unwrap();
    jobs.values()
        .flat_map(|job| job["steps"].as_sequence().unwrap())
}

#[test]
fn they_are_as_githubs_own_schema_asks() {
    let tools = Path::new(ROOT).join("target/tools/schema");
    let files = workflows()
        .into_iter()
        .map(|(name, _)| format!(".github/workflows/{name}"));
    let ran = Ran::of(
        Command::new("python3")
            .arg(tools.join("bin/check-jsonschema"))
            .args(["--builtin-schema", "vendor.github-workflows"])
            .args(files)
            .current_dir(ROOT)
            .env("PYTHONPATH", &tools)
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 0, "run scripts/install.sh, or: {}", ran.all());
}

/// A tag of an action can be moved to other code; and nothing gets a right it does not name.
#[test]
fn actions_are_pinned_and_rights_are_named() {
    for (name, workflow) in workflows() {
        for used in steps(&workflow).filter_map(|step| step["uses"].as_str()) {
            let (_, version) = used.split_once('@').unwrap();
            let pinned = version.len() == 40 && version.bytes().all(|it| it.is_ascii_hexdigit());
            assert!(pinned, "{name}: {used}");
        }
        assert!(workflow["permissions"].is_mapping(), "{name}");
        for (job, said) in workflow["jobs"].as_mapping().unwrap() {
            assert!(said["timeout-minutes"].is_u64(), "{name}: {job:?}");
            let writes = said["permissions"].as_mapping().into_iter().flatten();
            let writes: Vec<&str> = writes
                .filter(|(_, right)| right.as_str() == Some("write"))
                .filter_map(|(what, _)| what.as_str())
                .collect();
            let expected: &[&str] = match (name.as_str(), job.as_str().unwrap()) {
                ("plan.yml", _) => &["id-token", "pull-requests"],
                ("deploy.yml", "image") => &["contents", "id-token"],
                ("deploy.yml", _) | ("drift.yml", _) => &["id-token"],
                _ => &[],
            };
            assert_eq!(writes, expected, "{name}: {job:?}");
        }
    }
}

/// A job's text comes from whoever opens a pull request, so it may reach a shell only as a variable.
#[test]
fn no_shell_is_given_an_expression() {
    for (name, workflow) in workflows() {
        for script in steps(&workflow).filter_map(|step| step["run"].as_str()) {
            assert!(!script.contains("${{"), "{name}: {script}");
        }
    }
}

#[test]
fn a_digest_is_committed_once_and_pushed() {
    let directory = tempfile::tempdir().unwrap();
    let work = directory.path().join("work");
    work_tree(&work);
    git(
        directory.path(),
        &["clone", "-q", "--bare", "work", "origin"],
    );
    let origin = directory.path().join("origin");
    git(
        &work,
        &["remote", "add", "origin", origin.to_str().unwrap()],
    );
    let (_, workflow) = workflows()
        .into_iter()
        .find(|(name, _)| name == "deploy.yml")
        .unwrap();
    let script = steps(&workflow)
        .find(|step| step["id"].as_str() == Some("commit"))
        .and_then(|step| step["run"].as_str())
        .unwrap()
        .to_owned();
    let name = "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts";
    let image = format!("{name}@sha256:{}", "ab".repeat(32));
    let output = directory.path().join("output");
    let run = || {
        // GitHub's own way with a script that names no shell.
        let mut command = Command::new("bash");
        command.args(["-e", "-c", &script]).current_dir(&work);
        command.env("IMAGE", &image).env("GITHUB_OUTPUT", &output);
        command.env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567");
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.all());
        (
            git(&work, &["rev-parse", "HEAD"]),
            git(&origin, &["rev-parse", "main"]),
        )
    };
    let before = git(&work, &["rev-parse", "HEAD"]);
    let (committed, pushed) = run();
    assert_ne!(committed, before);
    assert_eq!(committed, pushed);
    let changed = git(&work, &["show", "--format=%s", "--unified=0", "HEAD"]);
    assert!(
        changed.contains(&format!("\n+  image: {image}")),
        "{changed}"
    );
    let valid = Command::new(env!("CARGO_BIN_EXE_reconciler"))
        .args(["validate", "manifests/development.yaml"])
        .current_dir(&work)
        .status();
    assert!(valid.unwrap().success());
    // The same sources again, as when a job is started anew.
    assert_eq!(run(), (committed.clone(), committed.clone()));
    let said = std::fs::read_to_string(output).unwrap();
    assert_eq!(said, format!("commit={committed}\n").repeat(2));
}
