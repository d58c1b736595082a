//! `reconciler render`: the manifest all layers make together.

use std::process::ExitCode;

use contracts::reconciler::manifest::Problem;
use contracts::reconciler::spec::Spec;

use crate::FAILED;
use crate::manifest::{Layers, Output, refuse};

pub fn run(layers: &Layers) -> Result<ExitCode, ExitCode> {
    let believed = |layers: &Layers| -> Result<_, Vec<Problem>> {
        let manifest = layers.load()?;
        Spec::believe(&manifest)?;
        Ok(manifest)
    };
    let manifest = believed(layers).map_err(|problems| refuse(&problems, Output::Text))?;
    let text = manifest.render().map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
