//! The manifest a verb is given: its arguments, its text believed or refused.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use contracts::reconciler::manifest::{Manifest, Problem};
use contracts::reconciler::spec::Spec;
use serde_json::json;

use crate::USAGE;

/// A manifest, and how to speak about it.
#[derive(Args)]
pub struct Named {
    /// The manifest, such as manifests/development.yaml
    manifest: PathBuf,
    /// Text for people, or JSON for programs (reconcile: one event a line)
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// For whom the output is.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

impl Named {
    /// The file as it was named.
    pub fn file(&self) -> String {
        self.manifest.display().to_string()
    }

    /// Its spec; or prints what is wrong with it.
    pub fn believe(&self) -> Result<Spec, ExitCode> {
        self.read().map_err(|problems| {
            refuse(&problems, self.output);
            ExitCode::from(USAGE)
        })
    }

    fn read(&self) -> Result<Spec, Vec<Problem>> {
        let file = self.file();
        let text = std::fs::read_to_string(&self.manifest)
            .map_err(|error| vec![Problem::unreadable(&file, &error)])?;
        let manifest = Manifest::parse(&file, &text).map_err(|problem| vec![problem])?;
        Spec::believe(&manifest)
    }
}

fn refuse(problems: &[Problem], output: Output) {
    match output {
        Output::Text => {
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
}
