//! `reconciler policy`: the rights to give the reconciler.

use std::process::ExitCode;

use contracts::reconciler::policy::policy;

use crate::manifest::{Layers, Output, refuse};

pub fn run(layers: &Layers) -> Result<ExitCode, ExitCode> {
    let (_, spec) = layers
        .believe()
        .map_err(|problems| refuse(&problems, Output::Text))?;
    println!("{:#}", policy(&spec));
    Ok(ExitCode::SUCCESS)
}
