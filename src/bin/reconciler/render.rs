//! `reconciler render`: the manifest all layers make together.

use std::process::ExitCode;

use crate::FAILED;
use crate::manifest::{Layers, Output, refuse};

pub fn run(layers: &Layers) -> Result<ExitCode, ExitCode> {
    let (manifest, _) = layers
        .believe()
        .map_err(|problems| refuse(&problems, Output::Text))?;
    let text = manifest.render().map_err(|error| {
        eprintln!("error: {error}");
        ExitCode::from(FAILED)
    })?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
