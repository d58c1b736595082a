//! `reconciler`: argv → verb → exit code.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program prints"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::{Outcome, Progress, converge};
use contracts::reconciler::desired::desired;
use contracts::reconciler::manifest::{Manifest, Problem};
use contracts::reconciler::observe::observe;
use contracts::reconciler::plan::{Plan, plan};
use contracts::reconciler::spec::Spec;
use serde_json::json;

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
    Validate(Common),
    /// Show what would change in AWS and what that waits for; changes nothing
    Plan {
        #[command(flatten)]
        common: Common,
        /// Exit with 2 when AWS does not equal the manifest
        #[arg(long)]
        exit_code: bool,
    },
    /// Make AWS equal to the manifest and wait until the service is stable
    Reconcile {
        #[command(flatten)]
        common: Common,
        /// Give up after this long, such as 90s or 15m
        #[arg(long, default_value = "15m", value_parser = duration, value_name = "TIME")]
        timeout: Duration,
    },
}

#[derive(Args)]
struct Common {
    /// The manifest, such as manifests/development.yaml
    manifest: PathBuf,
    /// Text for people, or JSON for programs (reconcile: one event a line)
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn duration(text: &str) -> Result<Duration, String> {
    let usage = || format!("{text:?} is not a time: write 90s, 15m or 1h");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(usage)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(usage()),
    };
    let number: u64 = number.parse().map_err(|_| usage())?;
    number
        .checked_mul(seconds)
        .filter(|total| (1..=86_400).contains(total))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{text:?} is not between 1s and 24h"))
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
    let (Verb::Validate(common) | Verb::Plan { common, .. } | Verb::Reconcile { common, .. }) =
        &verb;
    let output = common.output;
    let spec = match believe(&common.manifest) {
        Ok(spec) => spec,
        Err(problems) => {
            refuse(&problems, output);
            return ExitCode::from(USAGE);
        }
    };
    let file = common.manifest.display().to_string();
    let connect = || Aws::connect(&spec.region, endpoint_url.as_deref());
    match verb {
        Verb::Validate(_) => {
            match output {
                Output::Text => println!(
                    "{file}: valid, unit {} in {}/{}",
                    spec.name, spec.account, spec.region
                ),
                Output::Json => println!("{}", json!({ "problems": [] })),
            }
            ExitCode::SUCCESS
        }
        Verb::Plan { exit_code, .. } => show_plan(&connect().await, &spec, output, exit_code).await,
        Verb::Reconcile { timeout, .. } => {
            let outcome = converge(&connect().await, &spec, timeout, printer(output)).await;
            finish(&outcome, output, timeout)
        }
    }
}

fn believe(path: &PathBuf) -> Result<Spec, Vec<Problem>> {
    let file = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| vec![Problem::unreadable(&file, &error)])?;
    let manifest = Manifest::parse(&file, &text).map_err(|problem| vec![problem])?;
    Spec::believe(&manifest)
}

fn refuse(problems: &[Problem], output: Output) {
    match output {
        Output::Text => {
            for problem in problems {
                eprintln!("{problem}");
            }
            eprintln!(
                "{} {}",
                problems.len(),
                if problems.len() == 1 {
                    "error"
                } else {
                    "errors"
                }
            );
        }
        Output::Json => println!("{}", json!({ "problems": problems })),
    }
}

async fn show_plan(aws: &Aws, spec: &Spec, output: Output, exit_code: bool) -> ExitCode {
    let wanted = desired(spec);
    let plan = match observe(&aws.read, spec, &wanted).await {
        Ok(observed) => plan(spec, &wanted, &observed),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(FAILED);
        }
    };
    match output {
        Output::Text => print!("{plan}"),
        Output::Json => println!("{}", json!(plan)),
    }
    if exit_code && !plan.is_settled() {
        ExitCode::from(CHANGES_PENDING)
    } else {
        ExitCode::SUCCESS
    }
}

/// Prints events as they come; what only waits is said again only when it has changed.
fn printer(output: Output) -> impl FnMut(&Progress<'_>) {
    let mut said = String::new();
    move |progress| match output {
        Output::Json => println!("{}", json!(progress)),
        Output::Text => match progress {
            Progress::Planned { pass, plan } => {
                let standing = standing(plan);
                if !plan.steps.is_empty() {
                    println!("pass {pass}: {} steps", plan.steps.len());
                }
                if !standing.is_empty() && standing != said {
                    print!("{standing}");
                }
                said = standing;
            }
            Progress::Applied { step, error: None } => print!("{step}"),
            Progress::Applied {
                step,
                error: Some(error),
            } => println!("{step}      failed: {error}"),
            Progress::Unreadable {
                error,
                retry_seconds,
            } => println!("AWS could not be read ({error}); trying again in {retry_seconds} s"),
        },
    }
}

/// What a plan waits for and what is in its way, a line each.
fn standing(plan: &Plan) -> String {
    let waiting = plan
        .waiting
        .iter()
        .map(|waiting| format!("  … {waiting}\n"));
    let blocked = plan
        .blocked
        .iter()
        .map(|blocked| format!("  ! {blocked}\n"));
    waiting.chain(blocked).collect()
}

fn finish(outcome: &Outcome, output: Output, timeout: Duration) -> ExitCode {
    if output == Output::Json {
        println!("{}", json!(outcome));
    }
    let (code, reason) = match outcome {
        Outcome::Settled => (0, String::new()),
        Outcome::RolledBack { reason } => (ROLLED_BACK, format!("rolled back: {reason}\n")),
        Outcome::Blocked { plan } => (
            FAILED,
            format!("gave up: what is left needs a person\n{}", standing(plan)),
        ),
        Outcome::NotConverging { plan, errors } => (
            FAILED,
            format!(
                "gave up: the same steps came back again and again\n{}{plan}",
                lines(errors)
            ),
        ),
        Outcome::DeadlinePassed { plan, errors } => {
            let left = plan.as_ref().map(ToString::to_string).unwrap_or_default();
            (
                FAILED,
                format!(
                    "gave up after {} s; left to do:\n{}{left}",
                    timeout.as_secs(),
                    lines(errors)
                ),
            )
        }
        Outcome::Unreadable { error } => (FAILED, format!("AWS could not be read: {error}\n")),
    };
    if output == Output::Text {
        match outcome {
            Outcome::Settled => println!("stable: AWS equals the manifest"),
            _ => eprint!("{reason}"),
        }
    }
    ExitCode::from(code)
}

fn lines(errors: &[String]) -> String {
    errors
        .iter()
        .map(|error| format!("  ! {error}\n"))
        .collect()
}
