//! The unit a verb is about, by its manifest or by its name, and what is published of it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use contracts::reconciler::aws::Aws;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::spec::Spec;
use contracts::reconciler::store::{History, Store};

use crate::manifest::{Layers, Output, refuse};
use crate::{USAGE, failed};

/// A unit.
#[derive(Args)]
pub struct Unit {
    /// Its manifest, such as manifests/development.yaml, or its name, such as hokusai-contracts-development
    #[arg(value_name = "MANIFEST|UNIT")]
    of: PathBuf,
    /// Lay this file over the manifest; may be given again
    #[arg(short = 'f', long = "overlay", value_name = "FILE")]
    overlays: Vec<PathBuf>,
    /// Set one field of the manifest, last of all; may be given again
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Where the unit is; a manifest says so itself
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// Text for people, or JSON for programs
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// A unit that was found.
pub struct Known {
    pub name: String,
    /// Where only a name was given there is none.
    pub written: Option<(Manifest, Spec)>,
    pub aws: Aws,
    pub store: Store,
}

impl Unit {
    /// Reads the manifest, if it is one; makes no call.
    pub async fn know(&self, endpoint_url: Option<&str>) -> Result<Known, ExitCode> {
        let written = match self.is_a_file() {
            true => {
                let layers = Layers::of(&self.of, &self.overlays, &self.sets);
                let believed = layers.believe();
                Some(believed.map_err(|problems| refuse(&problems, self.output))?)
            }
            false if self.overlays.is_empty() && self.sets.is_empty() => None,
            false => {
                eprintln!("error: there is nothing to lay over or to set in a unit's name");
                return Err(ExitCode::from(USAGE));
            }
        };
        let (name, region) = match &written {
            Some((_, spec)) => (spec.name.clone(), spec.region.clone()),
            None => (self.of.display().to_string(), self.region.clone()),
        };
        let aws = Aws::connect(&region, endpoint_url).await;
        let store = Store::of(&aws, &name);
        Ok(Known {
            name,
            written,
            aws,
            store,
        })
    }

    /// A unit's name has neither a slash nor an ending.
    fn is_a_file(&self) -> bool {
        self.of.extension().is_some() || self.of.components().count() > 1
    }
}

impl Known {
    /// What is published.
    pub async fn history(&self) -> Result<History, ExitCode> {
        self.store.history().await.map_err(failed)
    }
}
