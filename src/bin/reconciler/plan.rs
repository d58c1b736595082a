//! `reconciler plan`: what would change, printed.

use std::io::IsTerminal;
use std::process::ExitCode;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::observe::look;
use contracts::reconciler::plan::patience::deadline;
use contracts::reconciler::plan::report;
use serde_json::json;

use crate::manifest::{Named, Output};
use crate::{CHANGES_PENDING, FAILED, summary};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Exit with 2 when AWS does not equal the manifest
    #[arg(long)]
    exit_code: bool,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args { named, exit_code } = args;
    let (manifest, spec) = named.believe_written()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let (wanted, observed) = look(&aws.read, &spec).await.map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })?;
    let report = report(&manifest, &spec, &wanted, &observed);
    summary::append(&report.markdown());
    match named.output {
        Output::Text => {
            print!("{}", report.text(colour()));
            if !report.settled {
                println!("`reconcile` gives up after {}", deadline(&spec, &wanted));
            }
        }
        Output::Json => println!("{}", json!(report)),
        Output::Markdown => print!("{}", report.markdown()),
    }
    Ok(if *exit_code && !report.settled {
        ExitCode::from(CHANGES_PENDING)
    } else {
        ExitCode::SUCCESS
    })
}

/// Colour is for terminals, and not where `NO_COLOR` is set to anything (<https://no-color.org>).
fn colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stdout().is_terminal()
}
