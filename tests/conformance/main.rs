//! Other people's client drives the simulator: one test per script of this directory, each by `run.py` with boto3.
//!
//! A script here without a test is a failure, as is a test without a script. Never skipped: without boto3 it fails and says
//! what to run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");

fn run(arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg(Path::new(DIRECTORY).join("run.py"))
        .args(arguments)
        .env("SIMULATOR", env!("CARGO_BIN_EXE_simulator"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 starts")
}

fn check(script: &str) {
    let output = run(&[&script.replace('_', "-")]);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
}

macro_rules! scripts {
    ($($script:ident),* $(,)?) => {
        const SCRIPTS: &[&str] = &[$(stringify!($script)),*];
        $(
            #[test]
            fn $script() {
                check(stringify!($script));
            }
        )*
    };
}

scripts! {
    acm,
    application_autoscaling,
    cloudwatch,
    ec2,
    ecr,
    ecs,
    elbv2,
    iam,
    logs,
    route53,
    secretsmanager,
    servicediscovery,
    sns,
    ssm,
    sts,
}

#[test]
fn the_aws_cli_finds_its_way() {
    check("cli");
}

#[test]
fn every_row_of_the_table_of_defaults_reads_back() {
    check("defaults");
}

#[test]
fn every_service_has_its_script() {
    check("services");
}

#[test]
fn every_script_has_its_test() {
    let files: BTreeSet<String> = std::fs::read_dir(DIRECTORY)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_suffix(".py")?.to_owned()))
        .filter(|name| !["run", "cli", "defaults", "services"].contains(&name.as_str()))
        .collect();
    let tested: BTreeSet<String> = SCRIPTS.iter().map(|script| (*script).to_owned()).collect();
    assert_eq!(files, tested);
}
