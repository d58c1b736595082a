//! The table of settings as texts for people and programs.
//!
//! Pure: takes [`TABLE`], gives what `contracts-api settings` prints. `.env.production` and the table in docs/deployment.md are these
//! texts, written by `make generate`. Never holds a secret's value: the table has none.

use super::{Absent, Setting, TABLE};

/// What `.env.production` begins with.
const TEMPLATE_HEAD: &str = "\
# The settings of contracts-api, to be copied to .env (which git ignores), filled in and given to `docker run --env-file .env`:
# a name, = and the value as it is, without quotes. On ECS nothing reads this file: there the manifest gives plain values under
# `environment` and secrets, as names of SSM parameters, under `secrets`.
# Written by `make generate` from src/api/settings/table.rs; edit that.
";

/// For reading in a terminal.
pub fn text() -> String {
    let entry = |setting: &Setting| {
        let absent = match setting.absent {
            Absent::Refused if setting.secret => "required, secret".into(),
            Absent::Refused => "required".into(),
            Absent::Default("") => "default: empty".into(),
            Absent::Default(rule) | Absent::Derived(rule) => format!("default: {rule}"),
        };
        format!("{} ({absent})\n    {}\n", setting.name, setting.meaning)
    };
    TABLE.iter().map(entry).collect()
}

/// A template of an environment file: the required settings empty, the others commented out with their defaults.
pub fn environment() -> String {
    let entry = |setting: &Setting| {
        let secret = if setting.secret { "secret: " } else { "" };
        let line = match setting.absent {
            Absent::Refused => format!("{}=", setting.name),
            Absent::Default(default) => format!("#{}={default}", setting.name),
            Absent::Derived(rule) => format!("# when absent: {rule}\n#{}=", setting.name),
        };
        format!("\n# {secret}{}\n{line}\n", setting.meaning)
    };
    let (required, optional) = parts();
    format!(
        "{TEMPLATE_HEAD}\n# Required: without any one of these the process does not start.\n{}\n# Optional, with the values that hold when they are absent.\n{}",
        required.map(entry).collect::<String>(),
        optional.map(entry).collect::<String>(),
    )
}

/// A Markdown table.
pub fn markdown() -> String {
    let row = |setting: &Setting| {
        let absent = match setting.absent {
            Absent::Refused if setting.secret => "required, secret".into(),
            Absent::Refused => "required".into(),
            Absent::Default("") => "empty".into(),
            Absent::Default(value) => format!("`{value}`"),
            Absent::Derived(rule) => rule.into(),
        };
        format!("| `{}` | {absent} | {} |\n", setting.name, setting.meaning)
    };
    let (required, optional) = parts();
    let rows: String = required.chain(optional).map(row).collect();
    format!("| variable | when absent | meaning |\n|---|---|---|\n{rows}")
}

/// The settings without which nothing starts, and the others.
fn parts() -> (
    impl Iterator<Item = &'static Setting>,
    impl Iterator<Item = &'static Setting>,
) {
    let required = |setting: &&Setting| setting.absent == Absent::Refused;
    (
        TABLE.iter().filter(required),
        TABLE.iter().filter(move |setting| !required(setting)),
    )
}
