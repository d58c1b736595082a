//! Typed access to a manifest's fields that collects every problem instead of stopping at the first.
//!
//! Takes a [`Manifest`], hands out one mapping's fields after the other by name, and knows afterwards which keys nobody asked
//! for. What the fields mean is the caller's.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::{Mapping, Value};

use super::value::{Wrong, kind, wrong};
use super::{Manifest, Place, Problem};

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

/// The path of a field below another; the root has none.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
