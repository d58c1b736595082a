//! The YAML as written: a tree whose every node knows its line and column.
//!
//! Takes the text of one manifest, gives typed access to its fields, and collects every problem instead of stopping at
//! the first. serde_yaml's reading is the authority on what the text says; saphyr reads it a second time only for
//! the positions, which serde_yaml does not keep. This module knows YAML and nothing about services: what
//! the fields mean is `spec`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use serde::{Serialize, Serializer};
use serde_yaml::{Mapping, Value};

pub mod fields;
mod load;
mod overlay;
pub mod schema;
pub mod set;
pub mod value;

use fields::join;
use value::kind;

/// A manifest is a page; what is far larger is some other file.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A line and a column, both counted from 1; both 0 for what the command line says, which has neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From 1, or 0.
    pub line: usize,
    /// From 1, in characters, or 0.
    pub column: usize,
}

/// One thing wrong with the manifest, where it is, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file as it was named on the command line, or the `--set` that says it.
    pub file: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The field, such as `spec.scaling.max`; empty for the whole file.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// A file that could not even be read.
    pub fn unreadable(file: &str, error: &std::io::Error) -> Problem {
        Problem {
            file: file.to_owned(),
            place: Place { line: 1, column: 1 },
            field: String::new(),
            what: format!("could not be read: {error}"),
            fix: "name a manifest, such as manifests/development.yaml".to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            file,
            place: Place { line, column },
            field,
            what,
            fix,
        } = self;
        let colon = if field.is_empty() { "" } else { ": " };
        if *line > 0 {
            write!(f, "{file}:{line}:{column}: ")?;
        } else {
            write!(f, "{file}: ")?;
        }
        write!(f, "{field}{colon}{what}\n    fix: {fix}")
    }
}

/// A manifest that is at least YAML, with what overlays and the command line made of it.
pub struct Manifest {
    file: Arc<str>,
    root: Value,
    places: BTreeMap<String, Places>,
}

/// Where a field's name and its value stand.
#[derive(Clone)]
struct Places {
    file: Arc<str>,
    name: Place,
    value: Place,
}

impl Manifest {
    /// Reads the text; `file` is what problems name.
    pub fn parse(file: &str, text: &str) -> Result<Manifest, Problem> {
        let problem = |place, what: String, fix: &str| Problem {
            file: file.to_owned(),
            place,
            field: String::new(),
            what,
            fix: fix.to_owned(),
        };
        if text.len() > TEXT_BYTES_MAX {
            let what = format!(
                "is {} bytes long; a manifest is at most {TEXT_BYTES_MAX}",
                text.len()
            );
            return Err(problem(START, what, "name the manifest's own file"));
        }
        // First serde_yaml: it alone bounds what aliases may grow to.
        let root: Value = serde_yaml::from_str(text).map_err(|error| {
            let place = match (second_key(text, &error), error.location()) {
                (Some(place), _) => place,
                (None, Some(at)) => Place {
                    line: at.line(),
                    column: at.column(),
                },
                (None, None) => START,
            };
            let fix = "mend the YAML; indentation is by spaces, and no key stands twice";
            problem(place, format!("is not YAML: {error}"), fix)
        })?;
        if !root.is_mapping() {
            let what = format!("a manifest is a mapping, this is {}", kind(&root));
            return Err(problem(START, what, "begin with `apiVersion: hokus.ai/v1`"));
        }
        let file: Arc<str> = Arc::from(file);
        let mut places = BTreeMap::new();
        // A text serde_yaml took and saphyr does not keeps its errors at 1:1 rather than losing them.
        if let Ok(documents) = MarkedYaml::load_from_str(text)
            && let Some(document) = documents.first()
        {
            locate(document, &file, "", &mut places);
        }
        Ok(Manifest { file, root, places })
    }

    /// A manifest that says nothing.
    pub fn empty() -> Manifest {
        Manifest {
            file: Arc::from(""),
            root: Value::Mapping(Mapping::new()),
            places: BTreeMap::new(),
        }
    }

    /// The file as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file and the place of a field's value; the nearest enclosing field's for one that is a default.
    pub fn origin(&self, field: &str) -> (&str, Place) {
        self.nearest(field)
            .map_or((&*self.file, START), |places| (&*places.file, places.value))
    }

    /// `file:line` of a field, if it is written.
    pub fn line(&self, field: &str) -> Option<String> {
        let places = self.places.get(field)?;
        Some(format!("{}:{}", places.file, places.name.line))
    }

    /// The same of a field's name.
    fn origin_of_name(&self, field: &str) -> (&str, Place) {
        self.nearest(field)
            .map_or((&*self.file, START), |places| (&*places.file, places.name))
    }

    fn nearest(&self, field: &str) -> Option<&Places> {
        let mut path = field;
        loop {
            if let Some(places) = self.places.get(path) {
                return Some(places);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// What it says, without the places: for comparing two of them.
impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.root.serialize(serializer)
    }
}

/// Where a file begins.
const START: Place = Place { line: 1, column: 1 };

/// Where a key stands a second time, if that is the error: serde_yaml names the mapping, saphyr the key.
fn second_key(text: &str, error: &serde_yaml::Error) -> Option<Place> {
    if !error.to_string().contains("duplicate entry") {
        return None;
    }
    let twice = MarkedYaml::load_from_str(text).err()?;
    Some(place(twice.marker()))
}

/// saphyr counts columns from 0.
fn place(marker: &saphyr::Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// Notes where every node below `node` stands, under its path from the root.
fn locate(
    node: &MarkedYaml<'_>,
    file: &Arc<str>,
    path: &str,
    places: &mut BTreeMap<String, Places>,
) {
    let at = |node: &MarkedYaml<'_>| place(&node.span.start);
    match &node.data {
        YamlData::Mapping(entries) => {
            for (name, value) in entries {
                let Some(text) = name.data.as_str() else {
                    continue;
                };
                let path = join(path, text);
                places.insert(
                    path.clone(),
                    Places {
                        file: Arc::clone(file),
                        name: at(name),
                        value: at(value),
                    },
                );
                locate(value, file, &path, places);
            }
        }
        YamlData::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                places.insert(
                    path.clone(),
                    Places {
                        file: Arc::clone(file),
                        name: at(item),
                        value: at(item),
                    },
                );
                locate(item, file, &path, places);
            }
        }
        _ => {}
    }
}
