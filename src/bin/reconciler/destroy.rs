//! `reconciler destroy`: the unit taken away, once whoever asks for it has typed its name.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::converge::remove;
use contracts::reconciler::observe::look_at_all;
use contracts::reconciler::plan::{destroy, kept};
use serde_json::json;

use crate::manifest::{Named, Output};
use crate::reconcile::{duration, finish, printer};
use crate::{FAILED, USAGE};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Give up after this long, such as 90s or 15m; another run goes on from there
    #[arg(long, default_value = "15m", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args {
        named,
        yes,
        timeout,
    } = args;
    let spec = named.believe()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let (wanted, observed) = look_at_all(&aws.read, &spec).await.map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })?;
    let plan = destroy(&spec, &wanted, &observed, &BTreeSet::new());
    let kept = kept(&spec, &observed);
    match named.output {
        Output::Text | Output::Markdown => {
            print!("{plan}");
            for subject in &kept {
                println!("  = {subject} has not this unit's tag, and stays");
            }
        }
        Output::Json => println!("{}", json!({ "plan": plan, "kept": kept })),
    }
    if !yes {
        confirm(&spec.name)?;
    }
    let outcome = remove(&aws, &spec, *timeout, printer(named.output)).await;
    Ok(finish(
        &outcome,
        named.output,
        *timeout,
        "gone: AWS has nothing of this unit",
    ))
}

/// Asks on a terminal for the unit's name; without one there is nobody to ask.
fn confirm(unit: &str) -> Result<(), ExitCode> {
    if !std::io::stdin().is_terminal() {
        eprintln!("error: nobody is there to confirm it: add --yes");
        return Err(ExitCode::from(USAGE));
    }
    eprint!("type {unit} to destroy it: ");
    let _ = std::io::stderr().flush();
    let mut typed = String::new();
    let _ = std::io::stdin().read_line(&mut typed);
    if typed.trim() == unit {
        return Ok(());
    }
    eprintln!("not destroyed");
    Err(ExitCode::from(FAILED))
}
