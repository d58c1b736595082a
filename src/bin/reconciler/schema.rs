//! `reconciler schema`: what editors and other validators may know of a manifest.

use std::process::ExitCode;

use contracts::reconciler::manifest::schema::{Whole, schema};
use contracts::reconciler::spec::Spec;

#[derive(clap::Args)]
pub struct Args {
    /// The schema of overlays, which leave out what their base says
    #[arg(long)]
    overlay: bool,
}

pub fn run(&Args { overlay }: &Args) -> Result<ExitCode, ExitCode> {
    let whole = if overlay {
        Whole::Overlay
    } else {
        Whole::Manifest
    };
    println!("{:#}", schema(&Spec::fields(), whole));
    Ok(ExitCode::SUCCESS)
}
