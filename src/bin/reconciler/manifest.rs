//! The manifest a verb is given: its arguments, its text believed or refused.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use contracts::reconciler::lint::lint;
use contracts::reconciler::manifest::{Manifest, Problem};
use contracts::reconciler::spec::Spec;
use serde_json::json;

use crate::USAGE;

/// A manifest with what is laid over it.
#[derive(Args)]
pub struct Layers {
    /// The manifest, such as manifests/development.yaml, or an overlay that names its base
    manifest: PathBuf,
    /// Lay this file over the manifest: its fields win, its nulls remove; may be given again
    #[arg(short = 'f', long = "overlay", value_name = "FILE")]
    overlays: Vec<PathBuf>,
    /// Set one field, last of all: image.tag=0.2.0, image.digest=sha256:…, scaling.max=20; may be given again
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
}

/// A manifest, and how to speak about it.
#[derive(Args)]
pub struct Named {
    #[command(flatten)]
    layers: Layers,
    /// Text for people, JSON for programs (reconcile: one event a line), or Markdown for a pull request (plan only)
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
    /// Take warnings for errors: exit with 64 when there is one (`reconciler lint` explains them)
    #[arg(long)]
    deny_warnings: bool,
}

/// For whom the output is.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Output {
    Text,
    Json,
    Markdown,
}

impl Layers {
    /// The same from its parts.
    pub fn of(manifest: &Path, overlays: &[PathBuf], sets: &[String]) -> Layers {
        Layers {
            manifest: manifest.to_owned(),
            overlays: overlays.to_owned(),
            sets: sets.to_owned(),
        }
    }

    /// The file as it was named.
    pub fn file(&self) -> String {
        self.manifest.display().to_string()
    }

    /// All layers as one manifest.
    fn load(&self) -> Result<Manifest, Vec<Problem>> {
        let mut manifest = Manifest::load(&self.manifest)?;
        for overlay in &self.overlays {
            manifest = manifest.patched(Manifest::load_overlay(overlay)?)?;
        }
        let fields = Spec::fields();
        self.sets
            .iter()
            .try_fold(manifest, |manifest, set| manifest.set(set, &fields))
    }

    /// The same with what is believed of it.
    pub fn believe(&self) -> Result<(Manifest, Spec), Vec<Problem>> {
        let manifest = self.load()?;
        let spec = Spec::believe(&manifest)?;
        Ok((manifest, spec))
    }
}

impl Named {
    /// The file as it was named.
    pub fn file(&self) -> String {
        self.layers.file()
    }

    /// Its spec; or prints what is wrong with it.
    pub fn believe(&self) -> Result<Spec, ExitCode> {
        self.believe_written().map(|(_, spec)| spec)
    }

    /// The same with the manifest it was read from, for who speaks of its lines. Warnings go to standard error.
    pub fn believe_written(&self) -> Result<(Manifest, Spec), ExitCode> {
        let (manifest, spec) = self
            .layers
            .believe()
            .map_err(|problems| refuse(&problems, self.output))?;
        let warnings = lint(&manifest, &spec);
        for warning in &warnings {
            eprintln!("{warning}");
        }
        if self.deny_warnings && !warnings.is_empty() {
            return Err(ExitCode::from(USAGE));
        }
        Ok((manifest, spec))
    }
}

/// Prints what is wrong with a manifest.
pub fn refuse(problems: &[Problem], output: Output) -> ExitCode {
    match output {
        Output::Text | Output::Markdown => {
            for problem in problems {
                eprintln!("{problem}");
            }
            eprintln!(
                "{} {}",
                problems.len(),
                if problems.len() == 1 {
                    "error"
                } else {
                    "errors"
                }
            );
        }
        Output::Json => println!("{}", json!({ "problems": problems })),
    }
    ExitCode::from(USAGE)
}
