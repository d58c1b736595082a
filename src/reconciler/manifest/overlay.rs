//! A manifest and what an environment says otherwise, as one manifest in which every field still knows its file and line.
//!
//! Mappings merge field by field, anything else replaces the whole value, and a null removes what the base says.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::fields::join;
use super::value::kind;
use super::{Manifest, Places, Problem};

/// The field of an overlay that names the file it is laid over, from its own directory.
pub const BASE: &str = "base";

impl Manifest {
    /// The base this manifest is an overlay of, taken out of it.
    pub(super) fn take_base(&mut self) -> Result<Option<String>, Problem> {
        let Some(base) = self
            .root
            .as_mapping_mut()
            .and_then(|root| root.remove(BASE))
        else {
            return Ok(None);
        };
        let (file, place) = self.origin(BASE);
        let path = base.as_str().map(str::to_owned).ok_or_else(|| Problem {
            file: file.to_owned(),
            place,
            field: BASE.to_owned(),
            what: format!("should be a file, is {}", kind(&base)),
            fix: "name the manifest this one changes, such as `base: development.yaml`".to_owned(),
        })?;
        self.places.remove(BASE);
        Ok(Some(path))
    }

    /// This manifest as `patch` changes it; or what the patch removes that was never there.
    pub fn patched(mut self, patch: Manifest) -> Result<Manifest, Vec<Problem>> {
        let Manifest {
            file,
            root,
            places: patch_places,
        } = patch;
        let mut merge = Merge {
            places: &mut self.places,
            patch_places: &patch_places,
            nothing_removed: Vec::new(),
        };
        if let (Some(base), Value::Mapping(patch)) = (self.root.as_mapping_mut(), root) {
            merge.mappings(base, patch, "");
        }
        let problems: Vec<Problem> = merge
            .nothing_removed
            .into_iter()
            .map(|field| Problem {
                file: file.to_string(),
                place: patch_places
                    .get(&field)
                    .map_or(super::START, |places| places.name),
                what: "is removed here, and the base does not have it".to_owned(),
                fix: "remove the line, or correct the name".to_owned(),
                field,
            })
            .collect();
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(problems)
        }
    }

    /// The manifest as YAML.
    pub fn render(&self) -> Result<String, serde_yaml::Error> {
        serde_yaml::to_string(&self.root)
    }
}

struct Merge<'a> {
    places: &'a mut BTreeMap<String, Places>,
    patch_places: &'a BTreeMap<String, Places>,
    nothing_removed: Vec<String>,
}

impl Merge<'_> {
    fn mappings(&mut self, base: &mut Mapping, patch: Mapping, path: &str) {
        for (name, value) in patch {
            // A name that is no text is refused by the reading, wherever it came from.
            let path = join(path, name.as_str().unwrap_or_default());
            match (base.get_mut(&name), value) {
                (Some(Value::Mapping(base)), Value::Mapping(patch)) => {
                    self.mappings(base, patch, &path);
                }
                (None, Value::Null) => self.nothing_removed.push(path),
                (Some(_), Value::Null) => {
                    base.remove(&name);
                    self.moved(&path);
                }
                (_, value) => {
                    base.insert(name, value);
                    self.moved(&path);
                }
            }
        }
    }

    /// Everything at and below a path stands in the patch now. What a null removed keeps the place of the null: that is where
    /// to look for what is missing.
    fn moved(&mut self, path: &str) {
        let below = |other: &str| {
            other
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.places.retain(|other, _| !below(other));
        let patched = self.patch_places.iter().filter(|(other, _)| below(other));
        self.places
            .extend(patched.map(|(path, places)| (path.clone(), places.clone())));
    }
}
