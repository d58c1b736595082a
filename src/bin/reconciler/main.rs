//! `reconciler`: argv → verb → exit code. One file per verb; `manifest.rs` is what those that read a manifest share.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program prints"
)]

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};

mod destroy;
mod diff;
mod enforce;
mod explain;
mod go_on;
mod history;
mod import;
mod lint;
mod manifest;
mod origin;
mod pause;
mod plan;
mod policy;
mod reconcile;
mod render;
mod rollback;
mod run;
mod schema;
mod status;
mod summary;
mod unit;
mod validate;
mod verify;

const FAILED: u8 = 1;
const CHANGES_PENDING: u8 = 2;
const ROLLED_BACK: u8 = 3;
/// `EX_USAGE` of sysexits.h: the command line or the manifest.
const USAGE: u8 = 64;

/// Keeps AWS equal to one YAML manifest: image, task, target group, listener rule, autoscaling, alarms, logs, roles.
///
/// Start with `validate`, which reads only the file; `plan` reads AWS and says what `reconcile` would do; `reconcile`
/// does it and waits until every task is healthy. All three may be run at any time, as often as you like.
#[derive(Parser)]
#[command(
    name = "reconciler",
    version,
    after_help = "Credentials are found as the AWS CLI finds them (AWS_PROFILE, AWS_ACCESS_KEY_ID, a role).
The region and the account are the manifest's; credentials of another account are refused.

Exit codes:
  0   fine, or nothing to do
  1   failed: the reason is the last thing printed
  2   changes are pending (plan --exit-code)
  3   ECS rolled the change back; the revision before runs
  64  the command line or the manifest is wrong"
)]
struct Line {
    /// Talk to this address instead of AWS, such as a simulator's
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    endpoint_url: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Check a manifest, all mistakes at once; touches no network
    #[command(
        after_help = "Examples:\n  reconciler validate manifests/development.yaml\n  reconciler validate manifests/development.yaml --set image.tag=0.2.0 --output json"
    )]
    Validate(manifest::Named),
    /// Check that every reference holds, from the listener rule to the secret; reads AWS, changes nothing
    #[command(after_help = "Examples:\n  reconciler verify manifests/development.yaml")]
    Verify(manifest::Named),
    /// Show what would change in AWS and what that waits for; changes nothing
    #[command(
        after_help = "Examples:\n  reconciler plan manifests/production.yaml\n  reconciler plan manifests/development.yaml -f manifests/production.yaml --exit-code"
    )]
    Plan(plan::Args),
    /// Publish the manifest, make AWS equal to it and wait until the service is stable, and says that it is the new build
    #[command(
        after_help = "What is published is in force until something else is: the loop enforces it, and history, diff and rollback know it.
One that was rolled back from is refused, and so is everything while the unit is paused. If ECS rolls the change back,
the whole unit goes back to what was stable before: exit code 3.

Examples:\n  reconciler reconcile manifests/development.yaml\n  reconciler reconcile manifests/production.yaml --set image.tag=0.2.0 --timeout 20m"
    )]
    Reconcile(reconcile::Args),
    /// Show what is published, what runs, and the unit's conditions with since when and why; changes nothing
    #[command(after_help = "Conditions:
  Applied        AWS has been told everything that is published
  Stable         every task is of the wanted revision and healthy
  Degraded       something needs a person, or AWS refuses something
  NotConverging  the same steps came back again and again; the loop writes no more

Examples:\n  reconciler status manifests/development.yaml\n  reconciler status hokusai-contracts-development --output json")]
    Status(status::Args),
    /// List what was published, newest first: who, when, of which commit, and how the unit fared
    #[command(after_help = "The newest 50 publications are kept.

Examples:\n  reconciler history manifests/development.yaml\n  reconciler history hokusai-contracts-development --output json\n  reconciler history hokusai-contracts-development --manifest 12")]
    History(history::Args),
    /// Show the fields in which two publications differ, or one and the manifest
    #[command(
        after_help = "Without A and B it says what reconciling the manifest would publish. What that does to AWS, `plan` says.

Examples:\n  reconciler diff manifests/development.yaml\n  reconciler diff manifests/development.yaml 11 12\n  reconciler diff hokusai-contracts-development 2026-11-28T09:00:00Z"
    )]
    Diff(diff::Args),
    /// Put the whole unit back to an older publication: image, alarms, scaling, all of it; asks first
    #[command(
        after_help = "It publishes the older manifest anew and waits until AWS equals it. What lies between is superseded: the loop does not go
forward again, and reconcile refuses those commits without --force; the next change of the manifest is published as ever.
The exit code of a rollback that succeeded is 0. It is 3 if ECS rolled *that* back.

Examples:\n  reconciler rollback manifests/development.yaml\n  reconciler rollback hokusai-contracts-development --to 11 --yes --reason 5xx\n  reconciler rollback manifests/development.yaml --to 2026-11-28T09:00:00Z"
    )]
    Rollback(rollback::Args),
    /// Have the loop leave the unit alone, and reconcile and rollback refuse, until resume
    #[command(
        after_help = "What is deployed keeps running, and ECS and autoscaling go on; only drift is no longer healed.

Examples:\n  reconciler pause manifests/development.yaml --reason incident-12\n  reconciler pause hokusai-contracts-development"
    )]
    Pause(pause::Pause),
    /// Have the loop see to the unit again; it heals what drifted meanwhile
    #[command(
        after_help = "Examples:\n  reconciler resume manifests/development.yaml\n  reconciler resume hokusai-contracts-development"
    )]
    Resume(pause::Resume),
    /// Keep many units as they are wanted, until stopped: heals drift, follows what is published, shows it all over HTTP
    ///
    /// Without a directory it enforces what is published in AWS_REGION; with one, every manifest in it, and what is published
    /// is not looked at.
    #[command(after_help = "Examples:\n  reconciler run\n  reconciler run manifests --interval 1m")]
    Run(run::Args),
    /// Answer a rollout that waits for a person: it goes on, or with --rollback back
    #[command(
        after_help = "Examples:\n  reconciler continue manifests/production.yaml\n  reconciler continue manifests/production.yaml --rollback"
    )]
    Continue(go_on::Args),
    /// Say what a field of the manifest means, may hold and becomes; all of them without one
    #[command(after_help = "Examples:\n  reconciler explain\n  reconciler explain scaling.max")]
    Explain(explain::Args),
    /// Warn of what a manifest may say but seldom should, with the reason and the fix
    #[command(
        after_help = "Examples:\n  reconciler lint manifests/development.yaml\n  reconciler lint manifests/production.yaml --deny-warnings"
    )]
    Lint(lint::Args),
    /// Print the IAM policy the reconciler itself needs for these manifests, and no more
    #[command(
        after_help = "Examples:\n  reconciler policy manifests/development.yaml\n  reconciler policy manifests/development.yaml manifests/reconciler.yaml"
    )]
    Policy(policy::Args),
    /// Print the one manifest that a base, its overlays and --set make
    #[command(
        after_help = "Examples:\n  reconciler render manifests/production.yaml --set scaling.max=30"
    )]
    Render(manifest::Layers),
    /// Take the unit away: what carries its tag, last made first gone; asks first
    #[command(
        after_help = "Examples:\n  reconciler destroy manifests/development.yaml\n  reconciler destroy manifests/development.yaml --yes --timeout 30m"
    )]
    Destroy(destroy::Args),
    /// Write a manifest for a service that is there already, however it was made; changes nothing without --adopt
    #[command(
        after_help = "Examples:\n  reconciler import --service hokusai-contracts-development --cluster hokusai-development\n  reconciler import --service hokusai-contracts-development --cluster hokusai-development --host contracts.hokus.ai --adopt"
    )]
    Import(import::Args),
    /// Print the manifest's JSON Schema, for editors; manifests/schema.json is a copy
    #[command(after_help = "Examples:\n  reconciler schema\n  reconciler schema --overlay")]
    Schema(schema::Args),
}

fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version come this way too, and are no error.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the async runtime did not start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    runtime.block_on(run(line))
}

async fn run(Line { endpoint_url, verb }: Line) -> ExitCode {
    let endpoint_url = endpoint_url.as_deref();
    let code = match verb {
        Verb::Validate(args) => validate::run(&args),
        Verb::Verify(args) => verify::run(&args, endpoint_url).await,
        Verb::Plan(args) => plan::run(&args, endpoint_url).await,
        Verb::Continue(args) => go_on::run(&args, endpoint_url).await,
        Verb::Explain(args) => explain::run(&args),
        Verb::Lint(args) => lint::run(&args),
        Verb::Policy(args) => policy::run(&args),
        Verb::Render(args) => render::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Destroy(args) => destroy::run(&args, endpoint_url).await,
        Verb::Status(args) => status::run(&args, endpoint_url).await,
        Verb::History(args) => history::run(&args, endpoint_url).await,
        Verb::Diff(args) => diff::run(&args, endpoint_url).await,
        Verb::Rollback(args) => rollback::run(&args, endpoint_url).await,
        Verb::Pause(args) => pause::pause(&args, endpoint_url).await,
        Verb::Resume(args) => pause::resume(&args, endpoint_url).await,
        Verb::Import(args) => import::run(&args, endpoint_url).await,
        Verb::Run(args) => run::run(args, endpoint_url).await,
        Verb::Reconcile(args) => reconcile::run(&args, endpoint_url).await,
    };
    // Either way the reason has been printed.
    match code {
        Ok(code) | Err(code) => code,
    }
}

/// Prints what went wrong.
fn failed(error: impl Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(FAILED)
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// An argument that is read by its type.
fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Asks on a terminal for the unit's name; without one there is nobody to ask.
fn confirm(unit: &str, verb: &str, done: &str) -> Result<(), ExitCode> {
    if !std::io::stdin().is_terminal() {
        eprintln!("error: nobody is there to confirm it: add --yes");
        return Err(ExitCode::from(USAGE));
    }
    eprint!("type {unit} to {verb}: ");
    let _ = std::io::stderr().flush();
    let mut typed = String::new();
    let _ = std::io::stdin().read_line(&mut typed);
    if typed.trim() == unit {
        return Ok(());
    }
    eprintln!("not {done}");
    Err(ExitCode::from(FAILED))
}
