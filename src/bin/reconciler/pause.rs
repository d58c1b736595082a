//! `reconciler pause` and `resume`: whether the loop, and `reconcile`, see to a unit.

use std::process::ExitCode;

use serde_json::json;

use crate::manifest::Output;
use crate::origin::Author;
use crate::unit::Unit;
use crate::{failed, now};

#[derive(clap::Args)]
pub struct Pause {
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    author: Author,
    /// Why, for whoever finds it paused
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(clap::Args)]
pub struct Resume {
    #[command(flatten)]
    unit: Unit,
}

pub async fn pause(args: &Pause, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Pause {
        unit,
        author,
        reason,
    } = args;
    let known = unit.know(endpoint_url).await?;
    let author = author.here();
    let paused = known
        .store
        .pause(author.as_deref(), reason.as_deref(), now());
    paused.await.map_err(failed)?;
    said(unit, &known.name, true);
    Ok(ExitCode::SUCCESS)
}

pub async fn resume(args: &Resume, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Resume { unit } = args;
    let known = unit.know(endpoint_url).await?;
    known.store.resume().await.map_err(failed)?;
    said(unit, &known.name, false);
    Ok(ExitCode::SUCCESS)
}

fn said(unit: &Unit, name: &str, paused: bool) {
    match (unit.output, paused) {
        (Output::Json, _) => println!("{}", json!({ "unit": name, "paused": paused })),
        (_, true) => println!("{name} is paused: nothing is changed until `reconciler resume`"),
        (_, false) => println!("{name} is seen to again"),
    }
}
