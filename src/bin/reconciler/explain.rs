//! `reconciler explain`: what may stand in a manifest, and what it does.

use std::process::ExitCode;

use contracts::reconciler::explain;
use contracts::reconciler::spec::Spec;

use crate::USAGE;

#[derive(clap::Args)]
pub struct Args {
    /// A field, such as scaling.max; without one, all of them
    path: Option<String>,
    /// All fields as a table in Markdown
    #[arg(long, conflicts_with = "path")]
    markdown: bool,
}

pub fn run(Args { path, markdown }: &Args) -> Result<ExitCode, ExitCode> {
    let fields = Spec::fields();
    let text = match path {
        None if *markdown => explain::markdown(&fields),
        None => explain::tree(&fields),
        Some(path) => explain::page(&fields, path).map_err(|unknown| {
            eprintln!("{unknown}");
            ExitCode::from(USAGE)
        })?,
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
