//! `reconciler reconcile`: the manifest published, and AWS made equal to it, told as it happens.

use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::{Outcome, Progress};
use contracts::reconciler::desired::desired;
use contracts::reconciler::enforce::{Accepted, Offer, accept};
use contracts::reconciler::plan::patience::deadline;
use contracts::reconciler::plan::{Plan, Waiting};
use contracts::reconciler::store::Store;
use serde_json::json;

use crate::enforce::Door;
use crate::manifest::{Named, Output};
use crate::origin::Origin;
use crate::{FAILED, ROLLED_BACK, enforce, failed, now, summary};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    origin: Origin,
    /// Publish it even if it was rolled back from
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    door: Door,
    /// Give up after this long, such as 90s or 15m; without it, after what the manifest's own settings come to, which `plan` says
    #[arg(long, value_parser = duration, value_name = "TIME")]
    timeout: Option<Duration>,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args {
        named,
        origin,
        force,
        door,
        timeout,
    } = args;
    let probe = door.probe()?;
    let (manifest, spec) = named.believe_written()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let store = Store::of(&aws, &spec.name);
    let (author, commit) = origin.of(named.file().as_ref());
    let offer = Offer {
        manifest: &manifest,
        spec: &spec,
        commit,
        author,
        force: *force,
    };
    let accepted = accept(&aws, &store, offer, now()).await.map_err(failed)?;
    let (publication, new) = match &accepted {
        Accepted::New(publication) => (publication, true),
        Accepted::Already(publication) => (publication, false),
    };
    enforce::say(publication, new, named.output);
    let done = "stable: AWS equals the manifest";
    let timeout = timeout.unwrap_or_else(|| deadline(&spec, &desired(&spec)).total());
    let how = (named.output, timeout);
    enforce::run(&aws, &store, publication, &probe, how, done).await
}

pub fn duration(text: &str) -> Result<Duration, String> {
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

/// Prints events as they come; what only waits is said again only when it has changed.
pub fn printer(output: Output) -> impl FnMut(&Progress<'_>) {
    let mut said = String::new();
    move |progress| match output {
        Output::Json => println!("{}", json!(progress)),
        Output::Text | Output::Markdown => match progress {
            Progress::Planned { pass, plan } => {
                let steps = plan.steps.len();
                if steps > 0 {
                    println!(
                        "pass {pass}: {steps} {}",
                        if steps == 1 { "step" } else { "steps" }
                    );
                }
                let standing = standing(plan);
                if standing != said {
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
            Progress::Doubted { doubt } => {
                let standing = format!("  … {doubt}\n");
                if standing != said {
                    print!("{standing}");
                }
                said = standing;
            }
            // The last line has it.
            Progress::Proved { verdict: _ } => {}
        },
    }
}

/// What a plan waits for and what is in its way, a line each. While there are steps, what only needs their outcome
/// goes without saying.
fn standing(plan: &Plan) -> String {
    let said =
        |waiting: &&Waiting| plan.steps.is_empty() || !matches!(waiting, Waiting::Needs { .. });
    let waiting = plan
        .waiting
        .iter()
        .filter(said)
        .map(|waiting| format!("  … {waiting}\n"));
    let blocked = plan
        .blocked
        .iter()
        .map(|blocked| format!("  ! {blocked}\n"));
    let diagnosis = plan.diagnosis.iter();
    let diagnosis = diagnosis.map(|diagnosis| format!("  ! {diagnosis}\n"));
    waiting.chain(blocked).chain(diagnosis).collect()
}

/// Says how it ended; `done` is what is said of success.
pub fn finish(outcome: &Outcome, output: Output, timeout: Duration, done: &str) -> ExitCode {
    if output == Output::Json {
        println!("{}", json!(outcome));
    }
    let (code, reason) = match outcome {
        Outcome::Settled => (0, String::new()),
        Outcome::RolledBack { reason, diagnosis } => {
            let cause = diagnosis
                .as_ref()
                .map(|diagnosis| format!("  ! {diagnosis}\n"));
            (
                ROLLED_BACK,
                format!("rolled back: {reason}\n{}", cause.unwrap_or_default()),
            )
        }
        Outcome::Unproved { doubt } => (
            FAILED,
            format!(
                "not proved: AWS equals the manifest, and the service was not seen to be the new build\n  ! {doubt}\n"
            ),
        ),
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
    let settled = matches!(outcome, Outcome::Settled);
    summary::append(&summary::outcome(
        settled,
        if settled { done } else { &reason },
    ));
    if output != Output::Json {
        match outcome {
            Outcome::Settled => println!("{done}"),
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
