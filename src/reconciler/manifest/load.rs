//! Files → one manifest: a manifest's own file, the base it names, the bases of those. The only part that reads files.

use std::path::Path;

use super::{Manifest, Problem, START};

/// An overlay of an overlay of a base is plenty, and two files that name each other come to an end.
const LAYERS_MAX: usize = 4;

impl Manifest {
    /// Reads an overlay by itself, to be laid over another base than it names.
    pub fn load_overlay(path: &Path) -> Result<Manifest, Vec<Problem>> {
        let mut overlay = Manifest::read(path)?;
        overlay.take_base().map_err(|problem| vec![problem])?;
        Ok(overlay)
    }

    fn read(path: &Path) -> Result<Manifest, Vec<Problem>> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| vec![Problem::unreadable(&file, &error)])?;
        Manifest::parse(&file, &text).map_err(|problem| vec![problem])
    }

    /// Reads a file and, if it is an overlay (`base: development.yaml`), what it is laid over.
    pub fn load(path: &Path) -> Result<Manifest, Vec<Problem>> {
        load(path, LAYERS_MAX)
    }
}

fn load(path: &Path, layers_left: usize) -> Result<Manifest, Vec<Problem>> {
    let mut manifest = Manifest::read(path)?;
    let Some(base) = manifest.take_base().map_err(|problem| vec![problem])? else {
        return Ok(manifest);
    };
    if layers_left == 1 {
        return Err(vec![Problem {
            file: path.display().to_string(),
            place: START,
            field: super::overlay::BASE.to_owned(),
            what: format!("is the {LAYERS_MAX}th file that is laid over another"),
            fix: "name a manifest that is complete in itself".to_owned(),
        }]);
    }
    load(&path.with_file_name(base), layers_left - 1)?.patched(manifest)
}
