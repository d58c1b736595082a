//! `reconciler diff`: the fields in which two publications differ, or one and the manifest.

use std::process::ExitCode;

use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::plan::diff::{Change, diff};
use contracts::reconciler::store::{At, History, Publication};
use serde_json::json;

use crate::manifest::{Output, refuse};
use crate::unit::Unit;
use crate::{failed, parsed};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    unit: Unit,
    /// A publication, by number, commit or time; without it, the one in force
    #[arg(value_parser = parsed::<At>, value_name = "A")]
    from: Option<At>,
    /// Another; without it, the manifest, or where a unit is named, the one in force
    #[arg(value_parser = parsed::<At>, value_name = "B")]
    to: Option<At>,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args { unit, from, to } = args;
    let known = unit.know(endpoint_url).await?;
    let history = known.history().await?;
    let from = meant(&history, from.as_ref())?;
    let (from_name, from) = (
        format!("publication {}", from.number),
        read(from, unit.output)?,
    );
    let (to_name, to) = match (to, known.written) {
        (None, Some((manifest, _))) => ("the manifest".to_owned(), manifest),
        (to, _) => {
            let to = meant(&history, to.as_ref())?;
            (format!("publication {}", to.number), read(to, unit.output)?)
        }
    };
    let changes = diff(&from, &to);
    match unit.output {
        Output::Text | Output::Markdown => {
            println!("{}: from {from_name} to {to_name}", known.name);
            print!("{}", lines(&changes));
        }
        Output::Json => println!(
            "{}",
            json!({ "unit": known.name, "from": from_name, "to": to_name, "changes": changes })
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each change.
pub fn lines(changes: &[Change]) -> String {
    match changes {
        [] => "  no difference\n".to_owned(),
        changes => changes
            .iter()
            .map(|change| format!("  ~ {change}\n"))
            .collect(),
    }
}

/// The one that is meant; without a word, the one in force.
fn meant<'h>(history: &'h History, at: Option<&At>) -> Result<&'h Publication, ExitCode> {
    match at {
        None => history
            .current()
            .ok_or_else(|| failed("nothing is published")),
        Some(at) => history.at(at).ok_or_else(|| {
            failed(format!(
                "{at} is not kept: `reconciler history` lists what is"
            ))
        }),
    }
}

/// What a publication says; one that destroyed the unit says nothing.
pub fn read(publication: &Publication, output: Output) -> Result<Manifest, ExitCode> {
    let file = format!("publication {}", publication.number);
    match &publication.draft.manifest {
        None => Ok(Manifest::empty()),
        Some(text) => Manifest::parse(&file, text).map_err(|problem| refuse(&[problem], output)),
    }
}
