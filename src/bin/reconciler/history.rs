//! `reconciler history`: what was published, by whom and why, and how the unit fared under it.

use std::process::ExitCode;

use contracts::reconciler::store::At;

use crate::manifest::Output;
use crate::unit::Unit;
use crate::{failed, parsed};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    unit: Unit,
    /// Print the manifest of this publication instead: a number, a commit, or a time
    #[arg(long, value_parser = parsed::<At>, value_name = "N|COMMIT|TIME")]
    manifest: Option<At>,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args { unit, manifest } = args;
    let known = unit.know(endpoint_url).await?;
    let history = known.history().await?;
    match (manifest, unit.output) {
        (Some(at), _) => {
            let publication = history
                .at(at)
                .ok_or_else(|| failed(format!("{at} is not kept")))?;
            let text = publication.draft.manifest.as_deref();
            print!(
                "{}",
                text.ok_or_else(|| failed("it destroyed the unit: there is no manifest"))?
            );
        }
        (None, Output::Text | Output::Markdown) => print!("{}", history.text(&known.name)),
        (None, Output::Json) => println!("{}", history.json(&known.name)),
    }
    Ok(ExitCode::SUCCESS)
}
