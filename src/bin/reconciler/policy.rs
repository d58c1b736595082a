//! `reconciler policy`: the rights to give the reconciler.

use std::path::PathBuf;
use std::process::ExitCode;

use contracts::reconciler::policy::policy;
use contracts::reconciler::spec::Spec;

use crate::manifest::{Layers, Output, refuse};

#[derive(clap::Args)]
pub struct Args {
    /// The manifests of all units it is to keep
    #[arg(required = true, value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode, ExitCode> {
    let believed = args.manifests.iter().map(|manifest| {
        let believed = Layers::of(manifest, &[], &[]).believe();
        let (_, spec) = believed.map_err(|problems| refuse(&problems, Output::Text))?;
        Ok(spec)
    });
    let specs: Vec<Spec> = believed.collect::<Result<_, ExitCode>>()?;
    println!("{:#}", policy(&specs.iter().collect::<Vec<_>>()));
    Ok(ExitCode::SUCCESS)
}
