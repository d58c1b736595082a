//! `reconciler continue`: a person's answer to the pause hook that holds the unit's rollout.

use std::process::ExitCode;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::aws::ecs::strategy::answer;
use contracts::reconciler::observe::look;
use serde_json::json;

use crate::FAILED;
use crate::manifest::{Named, Output};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Go back to the revision before instead
    #[arg(long)]
    rollback: bool,
}

pub async fn run(args: &Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args { named, rollback } = args;
    let failed = |why: String| {
        eprintln!("error: {why}");
        ExitCode::from(FAILED)
    };
    let spec = named.believe()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let looked = look(&aws.read, &spec).await;
    let (_, observed) = looked.map_err(|error| failed(error.to_string()))?;
    if observed.account != spec.account {
        let (found, wanted) = (&observed.account, &spec.account);
        return Err(failed(format!(
            "the credentials are for account {found}, the manifest is for {wanted}: use that account's"
        )));
    }
    let Some(pause) = observed.service.and_then(|running| running.paused) else {
        return Err(failed(
            "no rollout of this unit waits for a person".to_owned(),
        ));
    };
    let answered = answer(&aws.write, &pause, *rollback).await;
    answered.map_err(|error| failed(error.to_string()))?;
    let way = if *rollback { "goes back" } else { "goes on" };
    match named.output {
        Output::Text | Output::Markdown => println!("the rollout {way}, from {}", pause.stage),
        Output::Json => println!(
            "{}",
            json!({ "answered": pause.hook, "stage": pause.stage, "rollback": rollback })
        ),
    }
    Ok(ExitCode::SUCCESS)
}
