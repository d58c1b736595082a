//! Where units come from: a directory of manifests, or what is published. [I/O]
//!
//! Takes one of the two, gives what is wanted of each unit by its name. Reads all of it each time: a manifest may name a
//! base that has changed, and a page of YAML is read in a millisecond. Whether that is news is the loop's question.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::reconciler::aws::Aws;
use crate::reconciler::manifest::Manifest;
use crate::reconciler::spec::Spec;
use crate::reconciler::store::Store;

/// More units than one account has services in one region, by AWS's quotas of old; beyond it somebody has pointed the loop
/// at the wrong directory.
pub const UNITS_MAX: usize = 1000;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Every `*.yaml` of it is one unit's manifest.
    Directory(PathBuf),
    /// What is published in the account and region of the credentials.
    Published {
        /// The region.
        region: String,
        /// These units; none: every one.
        units: BTreeSet<String>,
    },
}

impl Source {
    /// How often it is looked at for news. Files are read in milliseconds; the names of all publications are calls of AWS's, a
    /// page each, from a small bucket.
    pub fn every(&self) -> Duration {
        Duration::from_secs(match self {
            Source::Directory(_) => 5,
            Source::Published { .. } => 30,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Directory(directory) => write!(f, "{}", directory.display()),
            Source::Published { region, units } if units.is_empty() => {
                write!(f, "what is published in {region}")
            }
            Source::Published { region, units } => {
                let units: Vec<&str> = units.iter().map(String::as_str).collect();
                write!(f, "what is published in {region} of {}", units.join(", "))
            }
        }
    }
}

type Believed = Result<Arc<Spec>, Vec<String>>;

/// What is wanted of one unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// What a file says.
    File {
        /// As the directory names it.
        file: String,
        /// What is believed of it, or all that is wrong with it.
        spec: Believed,
    },
    /// Whatever is published when it is looked at.
    Published {
        /// In which region.
        region: String,
    },
}

/// Every unit of a directory. A file that is no manifest stands under its own name, so that its problems are shown; two files
/// of one unit stand under their own names too, since neither can be preferred.
pub fn directory(directory: &Path) -> Result<BTreeMap<String, Wanted>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            files.push(path);
        }
    }
    if files.len() > UNITS_MAX {
        let count = files.len();
        return Err(format!(
            "{}: {count} manifests, and {UNITS_MAX} units are the most: name the directory of the manifests",
            directory.display()
        ));
    }
    files.sort();
    let mut believed: BTreeMap<String, Vec<(String, Believed)>> = BTreeMap::new();
    for path in files {
        let file = path.display().to_string();
        let spec = Manifest::load(&path).and_then(|manifest| Spec::believe(&manifest));
        let spec = spec.map_err(|problems| problems.iter().map(ToString::to_string).collect());
        let name = match &spec {
            Ok(Spec { name, .. }) => name.clone(),
            Err(_) => file.clone(),
        };
        let files = believed.entry(name).or_default();
        files.push((file, spec.map(Arc::new)));
    }
    let mut units = BTreeMap::new();
    for (name, mut files) in believed {
        match (files.pop(), files.is_empty()) {
            (Some((file, spec)), true) => {
                units.insert(name, Wanted::File { file, spec });
            }
            (last, _) => {
                for (file, _) in files.into_iter().chain(last) {
                    let problem = format!(
                        "{file}: metadata.name: is {name:?}, as in another file of this directory\n    fix: name one of them otherwise, or remove it"
                    );
                    let spec = Err(vec![problem]);
                    units.insert(file.clone(), Wanted::File { file, spec });
                }
            }
        }
    }
    Ok(units)
}

/// These units, or every one that is published, by name only: what it is to be is read at each look at it.
pub async fn published(
    aws: &Aws,
    region: &str,
    named: &BTreeSet<String>,
) -> Result<BTreeMap<String, Wanted>, String> {
    let units = match named.is_empty() {
        true => Store::units(aws).await.map_err(|error| error.to_string())?,
        false => named.iter().cloned().collect(),
    };
    if units.len() > UNITS_MAX {
        return Err(format!(
            "{} units are published, and {UNITS_MAX} are the most: split them by account or region",
            units.len()
        ));
    }
    let wanted = || Wanted::Published {
        region: region.to_owned(),
    };
    Ok(units.into_iter().map(|unit| (unit, wanted())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../../../manifests/development.yaml");

    #[test]
    fn a_directory_gives_its_units_and_the_problems_of_what_is_none() {
        let directory_of_three = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(directory_of_three.path().join(name), text).unwrap();
        };
        write("a.yaml", MANIFEST);
        write("b.yaml", "base: a.yaml\nmetadata: {name: other}\n");
        write("broken.yaml", "spec: [");
        write("notes.txt", "no manifest");
        let units = directory(directory_of_three.path()).unwrap();
        let names: Vec<&str> = units.keys().map(String::as_str).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.contains(&"hokusai-contracts-development") && names.contains(&"other"));
        let (_, broken) = units
            .iter()
            .find(|(name, _)| name.ends_with("broken.yaml"))
            .unwrap();
        assert!(
            matches!(broken, Wanted::File { spec: Err(problems), .. } if problems[0].contains("broken.yaml:2:1")),
            "{broken:?}"
        );
        assert_eq!(
            units,
            directory(directory_of_three.path()).unwrap(),
            "no news without a change"
        );

        write("d.yaml", MANIFEST);
        // Three of one name: none of them is enforced.
        write("c.yaml", MANIFEST);
        let units = directory(directory_of_three.path()).unwrap();
        assert!(!units.contains_key("hokusai-contracts-development"));
        let refused = units
            .values()
            .filter(|wanted| matches!(wanted, Wanted::File { spec: Err(_), .. }));
        assert_eq!(refused.count(), 4);
        assert!(
            directory(Path::new("/nowhere/at/all"))
                .unwrap_err()
                .contains("/nowhere/at/all")
        );
    }
}
