//! `reconciler validate`: the manifest alone.

use std::process::ExitCode;

use serde_json::json;

use crate::manifest::{Named, Output};

pub fn run(named: &Named) -> Result<ExitCode, ExitCode> {
    let spec = named.believe()?;
    match named.output {
        Output::Text | Output::Markdown => println!(
            "{}: valid, unit {} in {}/{}",
            named.file(),
            spec.name,
            spec.account,
            spec.region
        ),
        Output::Json => println!("{}", json!({ "problems": [] })),
    }
    Ok(ExitCode::SUCCESS)
}
