//! The YAML as written: a tree whose every node knows its line and column.
//!
//! Takes the text of one manifest, gives typed access to its fields, and collects every problem instead of stopping at
//! the first. serde_yaml's reading is the authority on what the text says; saphyr reads it a second time only for
//! the positions, which serde_yaml does not keep. This module knows YAML and nothing about services: what
//! the fields mean is `spec`'s.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use serde::Serialize;
use serde_yaml::{Mapping, Value};

/// A manifest is a page; what is far larger is some other file.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A line and a column, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// One thing wrong with the manifest, where it is, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file as it was named on the command line.
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
        write!(
            f,
            "{file}:{line}:{column}: {field}{colon}{what}\n    fix: {fix}"
        )
    }
}

/// A field's value that will not do: what is wrong with it, and what to write.
#[derive(Debug)]
pub struct Wrong {
    what: String,
    fix: String,
}

/// A [`Wrong`] from its two sentences.
pub fn wrong(what: impl Into<String>, fix: impl Into<String>) -> Wrong {
    Wrong {
        what: what.into(),
        fix: fix.into(),
    }
}

/// A manifest that is at least YAML.
pub struct Manifest {
    file: String,
    root: Value,
    places: BTreeMap<String, Places>,
}

/// Where a field's name and its value stand.
#[derive(Clone, Copy)]
struct Places {
    name: Place,
    value: Place,
}

impl Manifest {
    /// Reads the text; `file` is what problems name.
    pub fn parse(file: &str, text: &str) -> Result<Manifest, Problem> {
        let start = Place { line: 1, column: 1 };
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
            return Err(problem(start, what, "name the manifest's own file"));
        }
        let root: Value = serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map_or(start, |at| Place {
                line: at.line(),
                column: at.column(),
            });
            problem(
                place,
                format!("is not YAML: {error}"),
                "mend the YAML; indentation is by spaces, and no key stands twice",
            )
        })?;
        if !root.is_mapping() {
            let what = format!("a manifest is a mapping, this is {}", kind(&root));
            return Err(problem(start, what, "begin with `apiVersion: hokus.ai/v1`"));
        }
        let mut places = BTreeMap::new();
        // A text serde_yaml took and saphyr does not keeps its errors at 1:1 rather than losing them.
        if let Ok(documents) = MarkedYaml::load_from_str(text)
            && let Some(document) = documents.first()
        {
            locate(document, "", &mut places);
        }
        Ok(Manifest {
            file: file.to_owned(),
            root,
            places,
        })
    }

    /// The file as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where a field's value stands; the nearest enclosing field's for one that is a default.
    pub fn place(&self, field: &str) -> Place {
        self.nearest(field)
            .map_or(Place { line: 1, column: 1 }, |places| places.value)
    }

    fn nearest(&self, field: &str) -> Option<Places> {
        let mut path = field;
        loop {
            if let Some(places) = self.places.get(path) {
                return Some(*places);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// Notes where every node below `node` stands, under its path from the root.
fn locate(node: &MarkedYaml<'_>, path: &str, places: &mut BTreeMap<String, Places>) {
    let at = |node: &MarkedYaml<'_>| Place {
        line: node.span.start.line(),
        column: node.span.start.col() + 1,
    };
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
                        name: at(name),
                        value: at(value),
                    },
                );
                locate(value, &path, places);
            }
        }
        YamlData::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                places.insert(
                    path.clone(),
                    Places {
                        name: at(item),
                        value: at(item),
                    },
                );
                locate(item, &path, places);
            }
        }
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// What a value is, for people.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => format!("the text {value:?}"),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Tagged(_) => "a tagged value".to_owned(),
    }
}

/// One reading of a manifest: hands out fields and keeps every problem found on the way.
pub struct Reading<'m> {
    manifest: &'m Manifest,
    problems: RefCell<Vec<Problem>>,
}

impl<'m> Reading<'m> {
    /// A reading with no problem yet.
    pub fn of(manifest: &'m Manifest) -> Self {
        Reading {
            manifest,
            problems: RefCell::default(),
        }
    }

    /// The top-level fields.
    pub fn root(&self) -> Fields<'_> {
        self.fields(String::new(), self.manifest.root.as_mapping())
    }

    fn fields<'r>(&'r self, path: String, mapping: Option<&'r Mapping>) -> Fields<'r> {
        Fields {
            reading: self,
            path,
            mapping,
            asked: RefCell::default(),
        }
    }

    /// Keeps a problem at a field's value; for contradictions between fields that are each right alone.
    pub fn refuse(&self, field: &str, Wrong { what, fix }: Wrong) {
        let problem = Problem {
            file: self.manifest.file.clone(),
            place: self.manifest.place(field),
            field: field.to_owned(),
            what,
            fix,
        };
        self.problems.borrow_mut().push(problem);
    }

    /// All problems in the order of the file; one field's first problem hides its later ones.
    pub fn problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| (a.place, &a.field).cmp(&(b.place, &b.field)));
        problems.dedup_by(|later, first| later.place == first.place && later.field == first.field);
        problems
    }
}

/// The fields of one mapping. Each is asked for by name; what was never asked for is unknown.
pub struct Fields<'r> {
    reading: &'r Reading<'r>,
    path: String,
    mapping: Option<&'r Mapping>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'r> Fields<'r> {
    fn value(&self, name: &'static str) -> Option<&'r Value> {
        self.asked.borrow_mut().insert(name);
        self.mapping?.get(name)
    }

    /// A field that must be there. `None` once its absence or fault is kept as a problem.
    pub fn required<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        if self.value(name).is_none() {
            self.absent(name);
        }
        self.optional(name, parse)
    }

    /// A field with a default.
    pub fn or<T>(
        &self,
        name: &'static str,
        default: T,
        parse: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        if self.value(name).is_none() {
            Some(default)
        } else {
            self.optional(name, parse)
        }
    }

    fn optional<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        parse(self.value(name)?)
            .map_err(|wrong| self.reading.refuse(&join(&self.path, name), wrong))
            .ok()
    }

    /// A mapping of further fields; one that is absent reads as empty, so that each of its fields is missed by name.
    pub fn mapping(&self, name: &'static str) -> Fields<'r> {
        let path = join(&self.path, name);
        let value = self.value(name);
        if let Some(value) = value.filter(|value| !value.is_mapping()) {
            self.reading.refuse(
                &path,
                wrong(
                    format!("should be a mapping, is {}", kind(value)),
                    "put its fields below it, indented by two spaces",
                ),
            );
        }
        self.reading.fields(path, value.and_then(Value::as_mapping))
    }

    /// A mapping from names of the writer's choice to values of one type.
    pub fn entries<T>(
        &self,
        name: &'static str,
        parse_name: impl Fn(&str) -> Result<(), Wrong>,
        parse: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> BTreeMap<String, T> {
        let fields = self.mapping(name);
        let mut entries = BTreeMap::new();
        for (key, value) in fields.mapping.into_iter().flatten() {
            let Some(key) = key.as_str() else {
                self.reading.refuse(
                    &fields.path,
                    wrong(format!("has {} as a name", kind(key)), "quote it"),
                );
                continue;
            };
            let path = join(&fields.path, key);
            let parsed = parse_name(key).and_then(|()| parse(value));
            match parsed {
                Ok(value) => drop(entries.insert(key.to_owned(), value)),
                Err(wrong) => self.reading.refuse(&path, wrong),
            }
        }
        entries
    }

    /// A list of values of one type, none twice; each faulty item is a problem of its own.
    pub fn list<T: Ord>(
        &self,
        name: &'static str,
        parse: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> Option<BTreeSet<T>> {
        let path = join(&self.path, name);
        let Some(value) = self.value(name) else {
            self.absent(name);
            return None;
        };
        let Some(items) = value.as_sequence() else {
            self.reading.refuse(
                &path,
                wrong(
                    format!("should be a list, is {}", kind(value)),
                    format!("write {name}: [a, b]"),
                ),
            );
            return None;
        };
        let mut list = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match parse(item) {
                Ok(item) => {
                    if !list.insert(item) {
                        self.reading.refuse(
                            &path,
                            wrong("stands twice in the list", "remove one of them"),
                        );
                    }
                }
                Err(wrong) => self.reading.refuse(&path, wrong),
            }
        }
        Some(list)
    }

    fn absent(&self, name: &'static str) {
        let place = self
            .reading
            .manifest
            .nearest(&self.path)
            .map_or(Place { line: 1, column: 1 }, |places| places.name);
        self.reading.problems.borrow_mut().push(Problem {
            file: self.reading.manifest.file.clone(),
            place,
            field: join(&self.path, name),
            what: "is missing".to_owned(),
            fix: format!(
                "add `{name}:` under {}",
                if self.path.is_empty() {
                    "the top level"
                } else {
                    &self.path
                }
            ),
        });
    }

    /// Ends the reading of this mapping: any key nobody asked for is refused by name, with the nearest known one.
    pub fn end(self) {
        let asked = self.asked.into_inner();
        for key in self.mapping.into_iter().flatten().map(|(key, _)| key) {
            let name = key.as_str().map_or_else(|| kind(key), str::to_owned);
            if asked.contains(name.as_str()) {
                continue;
            }
            let path = join(&self.path, &name);
            let near = asked
                .iter()
                .map(|known| (strsim::jaro_winkler(known, &name), known))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let fix = match near {
                Some((likeness, known)) if likeness > 0.85 => format!("write `{known}`"),
                _ => format!(
                    "remove it; known here: {}",
                    asked.iter().copied().collect::<Vec<_>>().join(", ")
                ),
            };
            let place = self
                .reading
                .manifest
                .nearest(&path)
                .map_or(Place { line: 1, column: 1 }, |places| places.name);
            self.reading.problems.borrow_mut().push(Problem {
                file: self.reading.manifest.file.clone(),
                place,
                field: path,
                what: "is not a field this reconciler keeps".to_owned(),
                fix,
            });
        }
    }
}

/// A text on one line, not empty.
pub fn text(value: &Value) -> Result<String, Wrong> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            Err(wrong("is empty", "write a value, or remove the field"))
        }
        Value::String(text) if text.contains(['\n', '\0']) => {
            Err(wrong("has a line break in it", "put it on one line"))
        }
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Err(wrong(
            format!("should be a text, is the number {number}"),
            format!("quote it: \"{number}\""),
        )),
        Value::Bool(value) => Err(wrong(
            format!("should be a text, is the boolean {value}"),
            format!("quote it: \"{value}\""),
        )),
        other => Err(wrong(
            format!("should be a text, is {}", kind(other)),
            "write one value on the line",
        )),
    }
}

/// A whole number within bounds, both inclusive.
pub fn whole(min: u32, max: u32) -> impl Fn(&Value) -> Result<u32, Wrong> {
    move |value| {
        let number = value.as_u64().ok_or_else(|| {
            let unquoted = value.as_str().and_then(|text| text.parse::<u32>().ok());
            let fix = unquoted.map_or_else(
                || format!("write a whole number from {min} to {max}"),
                |number| format!("write {number} without quotes"),
            );
            wrong(format!("should be a whole number, is {}", kind(value)), fix)
        })?;
        u32::try_from(number)
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| {
                wrong(
                    format!("is {number}"),
                    format!("write a number from {min} to {max}"),
                )
            })
    }
}

/// A number above zero.
pub fn positive(value: &Value) -> Result<f64, Wrong> {
    value
        .as_f64()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| {
            wrong(
                format!("should be a number above 0, is {}", kind(value)),
                "write a number such as 2 or 0.5",
            )
        })
}
