//! `reconciler plan`: what would change, printed.

use std::process::ExitCode;

use contracts::reconciler::aws::Aws;
use contracts::reconciler::desired::desired;
use contracts::reconciler::observe::observe;
use contracts::reconciler::plan::plan;
use serde_json::json;

use crate::manifest::{Named, Output};
use crate::{CHANGES_PENDING, FAILED};

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
    let spec = named.believe()?;
    let aws = Aws::connect(&spec.region, endpoint_url).await;
    let wanted = desired(&spec);
    let observed = observe(&aws.read, &spec, &wanted).await.map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })?;
    let plan = plan(&spec, &wanted, &observed);
    match named.output {
        Output::Text => print!("{plan}"),
        Output::Json => println!("{}", json!(plan)),
    }
    Ok(if *exit_code && !plan.is_settled() {
        ExitCode::from(CHANGES_PENDING)
    } else {
        ExitCode::SUCCESS
    })
}
