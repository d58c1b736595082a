//! `reconciler lint`: what a manifest may say and seldom should.

use std::process::ExitCode;

use contracts::reconciler::lint::lint;
use serde_json::json;

use crate::USAGE;
use crate::manifest::{Layers, Output, refuse};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    layers: Layers,
    /// Text for people, or JSON for programs
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Exit with 64 when there is a warning
    #[arg(long)]
    deny_warnings: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, ExitCode> {
    let Args {
        layers,
        output,
        deny_warnings,
    } = args;
    let (manifest, spec) = layers
        .believe()
        .map_err(|problems| refuse(&problems, *output))?;
    let warnings = lint(&manifest, &spec);
    match output {
        Output::Json => println!("{}", json!({ "warnings": warnings })),
        Output::Text | Output::Markdown if warnings.is_empty() => {
            println!("{}: no warnings", layers.file());
        }
        Output::Text | Output::Markdown => {
            warnings.iter().for_each(|warning| println!("{warning}"))
        }
    }
    Ok(if *deny_warnings && !warnings.is_empty() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::SUCCESS
    })
}
