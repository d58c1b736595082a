//! `--set PATH=VALUE` → a manifest in which that field says so, and says that the command line did.
//!
//! A path is written from `spec`, or whole from `metadata` or `spec`: `scaling.max`, `spec.scaling.max`. What a field may hold decides how its
//! value is read: a text as it stands, anything else as YAML. `image.tag` and `image.digest` change only the end of an image's name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;
use serde_yaml::{Mapping, Value};

use super::schema::Field;
use super::{Manifest, Place, Places, Problem};

/// What has no line.
const COMMAND_LINE: Place = Place { line: 0, column: 0 };

impl Manifest {
    /// This manifest with one assignment from the command line, understood by the fields there are.
    pub fn set(self, assignment: &str, fields: &[Field]) -> Result<Manifest, Vec<Problem>> {
        let file = format!("--set {}", assignment.split('=').next().unwrap_or_default());
        let refuse = |field: &str, what: String, fix: String| {
            vec![Problem {
                file: file.clone(),
                place: COMMAND_LINE,
                field: field.to_owned(),
                what,
                fix,
            }]
        };
        let Some((path, text)) = assignment.split_once('=') else {
            let fix = "write --set PATH=VALUE, such as --set image.tag=0.2.0".to_owned();
            return Err(refuse("", "assigns nothing".to_owned(), fix));
        };
        let path = if path.starts_with("spec.") || path.starts_with("metadata.") {
            path.to_owned()
        } else {
            format!("spec.{path}")
        };
        let (path, value) = match path.strip_prefix("spec.image.") {
            Some(part @ ("tag" | "digest")) => {
                let image = self.text("spec.image").unwrap_or_default();
                let end = if part == "tag" { ':' } else { '@' };
                let name = without_reference(image);
                (
                    "spec.image".to_owned(),
                    Value::from(format!("{name}{end}{text}")),
                )
            }
            Some(_) | None => {
                let Some(schema) = schema_of(&path, fields) else {
                    let (likeness, near) = nearest(&path, fields);
                    let fix = if likeness > 0.85 {
                        format!("write `{near}`")
                    } else {
                        "`reconciler explain` lists the fields there are".to_owned()
                    };
                    return Err(refuse(
                        &path,
                        "is not a field of a manifest".to_owned(),
                        fix,
                    ));
                };
                let is_text = schema["type"] == "string" || schema.get("const").is_some();
                let value = if is_text {
                    Value::from(text)
                } else {
                    serde_yaml::from_str(text).map_err(|error| {
                        let fix = "write the value as the manifest would have it".to_owned();
                        refuse(&path, format!("is not YAML: {error}"), fix)
                    })?
                };
                (path, value)
            }
        };
        self.patched(said(&file, &path, value))
    }

    fn text(&self, path: &str) -> Option<&str> {
        path.split('.')
            .try_fold(&self.root, |node, name| node.get(name))?
            .as_str()
    }
}

/// A manifest that says one thing, on the command line.
fn said(file: &str, path: &str, value: Value) -> Manifest {
    let file: Arc<str> = Arc::from(file);
    let places = Places {
        file: Arc::clone(&file),
        name: COMMAND_LINE,
        value: COMMAND_LINE,
    };
    let root = path.rsplit('.').fold(value, |below, name| {
        Value::Mapping(Mapping::from_iter([(Value::from(name), below)]))
    });
    Manifest {
        file,
        root,
        places: BTreeMap::from([(path.to_owned(), places)]),
    }
}

/// `registry/name:tag` or `registry/name@digest` → `registry/name`.
fn without_reference(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let tag = name
        .rfind('/')
        .and_then(|slash| name[slash..].find(':').map(|colon| slash + colon));
    tag.map_or(name, |colon| &name[..colon])
}

/// What a field may hold; a name below a mapping of free names has its values' type.
fn schema_of<'f>(path: &str, fields: &'f [Field]) -> Option<&'f Json> {
    let field = |path: &str| fields.iter().find(|field| field.path == path);
    field(path).map(|field| &field.schema).or_else(|| {
        let (parent, _) = path.rsplit_once('.')?;
        let values = field(parent)?.schema.get("additionalProperties")?;
        values.is_object().then_some(values)
    })
}

/// The field most like a path, and how like it is, from 0 to 1.
pub fn nearest<'f>(path: &str, fields: &'f [Field]) -> (f64, &'f str) {
    fields
        .iter()
        .map(|field| (strsim::jaro_winkler(&field.path, path), field.path.as_str()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((0.0, ""))
}
