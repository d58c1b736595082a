//! `reconciler policy`: the rights to give the reconciler.

use std::process::ExitCode;

use contracts::reconciler::policy::policy;
use contracts::reconciler::spec::Spec;

use crate::manifest::{Layers, Output, refuse};

pub fn run(layers: &Layers) -> Result<ExitCode, ExitCode> {
    let spec = layers
        .load()
        .and_then(|manifest| Spec::believe(&manifest))
        .map_err(|problems| refuse(&problems, Output::Text))?;
    println!("{:#}", policy(&spec));
    Ok(ExitCode::SUCCESS)
}
