//! Typed access to a manifest's fields that collects every problem instead of stopping at the first.
//!
//! Takes a [`Manifest`], hands out one mapping's fields after the other by name, and knows afterwards which keys nobody asked
//! for. Asked to, it also keeps what was asked of it: that is the only list of the manifest's fields there is. What the
//! fields mean is the caller's.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use serde_yaml::{Mapping, Value};

use super::schema::{Field, Presence};
use super::value::{Type, Wrong, kind, wrong};
use super::{Manifest, Place, Problem};

/// One reading of a manifest: hands out fields and keeps every problem found on the way.
pub struct Reading<'m> {
    manifest: &'m Manifest,
    problems: RefCell<Vec<Problem>>,
    /// What was asked for, in that order; `None` when nobody wants to know.
    described: Option<RefCell<Vec<Field>>>,
}

impl<'m> Reading<'m> {
    /// A reading with no problem yet.
    pub fn of(manifest: &'m Manifest) -> Self {
        Reading {
            manifest,
            problems: RefCell::default(),
            described: None,
        }
    }

    /// A reading of nothing, for the sake of what is asked of it.
    pub fn describing(nothing: &'m Manifest) -> Self {
        Reading {
            described: Some(RefCell::default()),
            ..Reading::of(nothing)
        }
    }

    fn describe(&self, field: impl FnOnce() -> Field) {
        if let Some(described) = &self.described {
            described.borrow_mut().push(field());
        }
    }

    /// What was asked for, in that order; empty unless this reading was [`describing`](Reading::describing).
    pub fn described(self) -> Vec<Field> {
        self.described.map(RefCell::into_inner).unwrap_or_default()
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
    pub fn refuse(&self, field: &str, wrong: Wrong) {
        self.keep(self.manifest.origin(field), field, wrong);
    }

    fn keep(&self, (file, place): (&str, Place), field: &str, Wrong { what, fix }: Wrong) {
        self.problems.borrow_mut().push(Problem {
            file: file.to_owned(),
            place,
            field: field.to_owned(),
            what,
            fix,
        });
    }

    /// All problems in the order of the files; one field's first problem hides its later ones.
    pub fn problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        let key = |problem: &Problem| (problem.file.clone(), problem.place, problem.field.clone());
        problems.sort_by_key(key);
        problems.dedup_by_key(|problem| key(problem));
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

    fn describe<T: 'static>(&self, name: &str, presence: Presence, of: &Type<T>) {
        self.reading.describe(|| Field {
            path: join(&self.path, name),
            presence,
            schema: of.schema().clone(),
        });
    }

    /// A field that must be there. `None` once its absence or fault is kept as a problem.
    pub fn required<T: 'static>(&self, name: &'static str, of: Type<T>) -> Option<T> {
        self.describe(name, Presence::Required, &of);
        let Some(value) = self.value(name) else {
            self.absent(name);
            return None;
        };
        self.read(name, value, &of)
    }

    /// A field with a default, which is what the manifest would say to mean the same.
    pub fn or<T: 'static>(
        &self,
        name: &'static str,
        default: impl Into<Value>,
        of: Type<T>,
    ) -> Option<T> {
        let default = default.into();
        self.describe(name, Presence::Default(default.clone()), &of);
        self.read(name, self.value(name).unwrap_or(&default), &of)
    }

    /// A field that may be left out and then says nothing: `Some(None)`.
    pub fn optional<T: 'static>(&self, name: &'static str, of: Type<T>) -> Option<Option<T>> {
        self.describe(name, Presence::Optional, &of);
        match self.value(name) {
            None => Some(None),
            Some(value) => self.read(name, value, &of).map(Some),
        }
    }

    fn read<T: 'static>(&self, name: &str, value: &Value, of: &Type<T>) -> Option<T> {
        of.read(value)
            .map_err(|wrong| self.reading.refuse(&join(&self.path, name), wrong))
            .ok()
    }

    /// A mapping of further fields; one that is absent reads as empty, so that each of its fields is missed by name.
    pub fn mapping(&self, name: &'static str, meaning: &str) -> Fields<'r> {
        self.describe_mapping(name, Presence::Parts, meaning);
        self.below(name)
    }

    /// A mapping of further fields that may be left out as a whole.
    pub fn section(&self, name: &'static str, meaning: &str) -> Option<Fields<'r>> {
        self.describe_mapping(name, Presence::Optional, meaning);
        let present = self.value(name).is_some() || self.reading.described.is_some();
        present.then(|| self.below(name))
    }

    fn describe_mapping(&self, name: &str, presence: Presence, meaning: &str) {
        self.reading.describe(|| Field {
            path: join(&self.path, name),
            presence,
            schema: json!({ "type": "object", "description": meaning }),
        });
    }

    fn below(&self, name: &'static str) -> Fields<'r> {
        self.mapping_at(join(&self.path, name), self.value(name))
    }

    fn mapping_at(&self, path: String, value: Option<&'r Value>) -> Fields<'r> {
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

    /// A mapping from names of the writer's choice to values of one type, whose meaning is the mapping's.
    pub fn entries<T: 'static>(
        &self,
        name: &'static str,
        names: Type<String>,
        of: Type<T>,
    ) -> BTreeMap<String, T> {
        self.reading.describe(|| Field {
            path: join(&self.path, name),
            presence: Presence::Optional,
            schema: of.schema_within(json!({
                "type": "object",
                "propertyNames": names.schema(),
                "additionalProperties": of.schema(),
            })),
        });
        let fields = self.below(name);
        let mut entries = BTreeMap::new();
        for (key, value) in fields.mapping.into_iter().flatten() {
            let Some(text) = key.as_str() else {
                self.reading.refuse(
                    &fields.path,
                    wrong(format!("has {} as a name", kind(key)), "quote it"),
                );
                continue;
            };
            match names.read(key).and_then(|_| of.read(value)) {
                Ok(value) => drop(entries.insert(text.to_owned(), value)),
                Err(wrong) => self.reading.refuse(&join(&fields.path, text), wrong),
            }
        }
        entries
    }

    /// A list of `min` to `max` values of one type, none twice; each faulty item is a problem of its own. The type's meaning is
    /// the list's. Without a `min` the list may be left out and is empty.
    pub fn list<T: Ord + 'static>(
        &self,
        name: &'static str,
        (min, max): (usize, usize),
        of: Type<T>,
    ) -> Option<BTreeSet<T>> {
        self.reading.describe(|| Field {
            path: join(&self.path, name),
            presence: Presence::of_list(min),
            schema: of.schema_within(json!({
                "type": "array",
                "items": of.schema(),
                "minItems": min,
                "maxItems": max,
                "uniqueItems": true,
            })),
        });
        let path = join(&self.path, name);
        let mut list = BTreeSet::new();
        for (index, item) in self.items(name, min, max)?.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match of.read(item) {
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

    /// A list of `min` to `max` mappings, each read by `each` to its end. Without a `min` the list may be left out.
    pub fn each<T>(
        &self,
        name: &'static str,
        (min, max): (usize, usize),
        meaning: &str,
        each: impl Fn(Fields<'r>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let path = join(&self.path, name);
        self.reading.describe(|| Field {
            path: path.clone(),
            presence: Presence::of_list(min),
            schema: json!({
                "type": "array",
                "description": meaning,
                "items": { "type": "object" },
                "minItems": min,
                "maxItems": max,
            }),
        });
        if self.reading.described.is_some() {
            each(self.mapping_at(format!("{path}[]"), None));
        }
        let items = self.items(name, min, max)?.iter().enumerate();
        let all: Vec<Option<T>> = items
            .map(|(index, item)| each(self.mapping_at(format!("{path}[{index}]"), Some(item))))
            .collect();
        all.into_iter().collect()
    }

    /// A list's items; a wrong count is a problem, and the items are looked at all the same.
    fn items(&self, name: &'static str, min: usize, max: usize) -> Option<&'r [Value]> {
        let path = join(&self.path, name);
        let Some(value) = self.value(name) else {
            if min == 0 {
                return Some(&[]);
            }
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
        if !(min..=max).contains(&items.len()) {
            self.reading.refuse(
                &path,
                wrong(
                    format!("has {} items", items.len()),
                    format!("name {min} to {max}"),
                ),
            );
        }
        Some(items)
    }

    fn absent(&self, name: &'static str) {
        let field = join(&self.path, name);
        let under = if self.path.is_empty() {
            "the top level"
        } else {
            &self.path
        };
        // Where an overlay removed it, or else where its mapping begins.
        let origin = self.reading.manifest.origin_of_name(&field);
        let wrong = wrong("is missing", format!("add `{name}:` under {under}"));
        self.reading.keep(origin, &field, wrong);
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
            let origin = self.reading.manifest.origin_of_name(&path);
            let wrong = wrong("is not a field this reconciler keeps", fix);
            self.reading.keep(origin, &path, wrong);
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
