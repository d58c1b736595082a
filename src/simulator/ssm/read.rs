//! Reads of Parameter Store: by name, by path, by filter, and every version of one.

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Refusal};
use super::super::world::World;
use super::{
    Parameter, VALIDATION, Version, arn, invalid, name_of, no_version, not_found, some_names,
};

pub(super) fn get_parameter(world: &World, call: &Call) -> Answer {
    let decrypt = call.optional_boolean("WithDecryption")?.unwrap_or(false);
    Ok(json!({ "Parameter": one(world, call.required("Name", VALIDATION)?, decrypt)? }))
}

pub(super) fn get_parameters(world: &World, call: &Call) -> Answer {
    let decrypt = call.optional_boolean("WithDecryption")?.unwrap_or(false);
    let mut found = Vec::new();
    let mut invalid = Vec::new();
    for name in some_names(call)? {
        match one(world, &name, decrypt) {
            Ok(parameter) => found.push(parameter),
            Err(_) => invalid.push(name),
        }
    }
    Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
}

/// A parameter by `name`, by ARN, or either with `:version` or `:label`.
fn one(world: &World, wanted: &str, decrypt: bool) -> Result<Value, Refusal> {
    // Of an ARN's colons none is a selector's: its last one stands before `parameter/`.
    let selector = wanted
        .rsplit_once(':')
        .filter(|(_, rest)| !rest.starts_with("parameter/"));
    let (name, selector) =
        selector.map_or((wanted, None), |(name, selector)| (name, Some(selector)));
    let name = name_of(name);
    let parameter = world.ssm.parameters.get(&name).ok_or_else(not_found)?;
    let number = selector.and_then(|selector| selector.parse::<u64>().ok());
    let is_meant = |version: &&Version| match (selector, number) {
        (None, _) => true,
        (Some(_), Some(number)) => version.number == number,
        (Some(label), None) => version.labels.contains(label),
    };
    let version = parameter.versions.iter().rev().find(is_meant);
    let version = version.ok_or_else(|| no_version(&name, selector.unwrap_or_default()))?;
    let mut shown = parameter.shown(world, &name, version, decrypt);
    if let Some(selector) = selector {
        shown["Selector"] = json!(format!(":{selector}"));
    }
    Ok(shown)
}

/// One page of `entries`, `max` at most.
fn page(call: &Call, max: usize, entries: impl IntoIterator<Item = (String, Value)>) -> Answer {
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size(call, max)?, "InvalidNextToken")?;
    Ok(json!({ "Parameters": page.items, "NextToken": page.next }))
}

/// Every version still kept, the oldest first, with its labels.
pub(super) fn get_parameter_history(world: &World, call: &Call) -> Answer {
    let name = name_of(call.required("Name", VALIDATION)?);
    let decrypt = call.optional_boolean("WithDecryption")?.unwrap_or(false);
    let parameter = world.ssm.parameters.get(&name).ok_or_else(not_found)?;
    let entries = parameter.versions.iter().map(|version| {
        let mut shown = parameter.described(world, &name, version);
        shown["Value"] = json!(parameter.value_shown(&name, version, decrypt));
        shown["Labels"] = json!(version.labels);
        (format!("{:020}", version.number), shown)
    });
    page(call, 50, entries)
}

/// Ten a page at most, also by default.
pub(super) fn get_parameters_by_path(world: &World, call: &Call) -> Answer {
    let path = call.required("Path", VALIDATION)?;
    if !path.starts_with('/') {
        return Err(invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\".",
        ));
    }
    let decrypt = call.optional_boolean("WithDecryption")?.unwrap_or(false);
    let recursive = call.optional_boolean("Recursive")?.unwrap_or(false);
    let filters = Filter::all(call, &["Type", "KeyId", "Label"])?;
    let entries = world
        .ssm
        .parameters
        .iter()
        .filter(|(name, _)| under(name, path, recursive))
        .filter_map(|(name, parameter)| {
            // The newest version that passes: only a filter by label leads to an older one.
            let mut versions = parameter.versions.iter().rev();
            let passes = |version: &&Version| {
                filters
                    .iter()
                    .all(|filter| filter.passes(name, parameter, version))
            };
            let version = if filters.iter().any(|filter| filter.key == "Label") {
                versions.find(passes)
            } else {
                versions.next().filter(passes)
            };
            Some((
                name.clone(),
                parameter.shown(world, name, version?, decrypt),
            ))
        });
    page(call, 10, entries)
}

pub(super) fn describe_parameters(world: &World, call: &Call) -> Answer {
    let filters = Filter::all(call, &["Name", "Type", "KeyId", "Path", "Tier", "DataType"])?;
    let entries = world.ssm.parameters.iter().filter_map(|(name, parameter)| {
        let newest = parameter.versions.back()?;
        let mut shown = parameter.described(world, name, newest);
        shown["ARN"] = json!(arn(world, name));
        let passes = filters
            .iter()
            .all(|filter| filter.passes(name, parameter, newest));
        passes.then(|| (name.clone(), shown))
    });
    page(call, 50, entries)
}

/// Whether `name` lies below `path`, at any depth or directly.
fn under(name: &str, path: &str, recursive: bool) -> bool {
    let rest = name
        .strip_prefix(path.trim_end_matches('/'))
        .and_then(|rest| rest.strip_prefix('/'));
    // At the root a name without slashes counts too.
    let rest = if path == "/" {
        rest.or(Some(name))
    } else {
        rest
    };
    rest.is_some_and(|rest| !rest.is_empty() && (recursive || !rest.contains('/')))
}

struct Filter {
    key: String,
    option: String,
    values: Vec<String>,
}

impl Filter {
    /// `ParameterFilters`, and the older `Filters`, whose names match by their beginning.
    fn all(call: &Call, keys: &[&str]) -> Result<Vec<Filter>, Refusal> {
        let mut filters = Vec::new();
        for (member, default) in [("ParameterFilters", "Equals"), ("Filters", "BeginsWith")] {
            for filter in call.structures(member)? {
                let key = filter.required("Key", VALIDATION)?.to_owned();
                let by_tag = key.starts_with("tag:") && keys.contains(&"Name");
                // The model's pattern comes first, then what the operation knows.
                let known = ["Name", "Type", "KeyId", "Path", "Label", "Tier", "DataType"];
                if !key.starts_with("tag:") && !known.contains(&key.as_str()) {
                    return Err(invalid(format!(
                        "1 validation error detected: Value '{key}' at 'parameterFilters.1.member.key' failed to satisfy \
                         constraint: Member must satisfy regular expression pattern: \
                         ^(tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType)$"
                    )));
                }
                if !by_tag && !keys.contains(&key.as_str()) {
                    let text = format!(
                        "The following filter key is not valid: {key}. Valid filter keys include: [{}].",
                        keys.join(", ")
                    );
                    return Err(Refusal::new("InvalidFilterKey", text));
                }
                let default = if key == "Path" { "OneLevel" } else { default };
                let option = filter
                    .optional_text("Option")?
                    .unwrap_or(default)
                    .to_owned();
                let known: &[&str] = match key.as_str() {
                    "Name" => &["Equals", "BeginsWith", "Contains"],
                    "Path" => &["OneLevel", "Recursive"],
                    "Label" => &["Equals"],
                    _ => &["Equals", "BeginsWith"],
                };
                if !known.contains(&option.as_str()) {
                    let text = format!(
                        "The following filter option is not valid: {option}. Valid options include: [{}].",
                        known.join(", ")
                    );
                    return Err(Refusal::new("InvalidFilterOption", text));
                }
                let values = filter.optional_texts("Values")?;
                if values.is_empty() && !key.starts_with("tag:") {
                    let text = format!("The filter {key} needs at least one value.");
                    return Err(Refusal::new("InvalidFilterValue", text));
                }
                filters.push(Filter {
                    key,
                    option,
                    values,
                });
            }
        }
        Ok(filters)
    }

    fn passes(&self, name: &str, parameter: &Parameter, version: &Version) -> bool {
        let actual = match self.key.as_str() {
            "Path" => {
                return self
                    .values
                    .iter()
                    .any(|path| under(name, path, self.option == "Recursive"));
            }
            "Name" => Some(name),
            "Type" => Some(parameter.kind.as_str()),
            "KeyId" => version.settings.key_id.as_deref(),
            "Tier" => Some(version.settings.tier),
            "DataType" => Some(version.settings.data_type.as_str()),
            "Label" => {
                return self
                    .values
                    .iter()
                    .any(|label| version.labels.contains(label));
            }
            key => parameter
                .tags
                .get(key.trim_start_matches("tag:"))
                .map(String::as_str),
        };
        let matches = |actual: &str, value: &str| match self.option.as_str() {
            "BeginsWith" => actual.starts_with(value),
            "Contains" => actual.contains(value),
            _ => actual == value,
        };
        actual.is_some_and(|actual| {
            self.values.is_empty() || self.values.iter().any(|value| matches(actual, value))
        })
    }
}

/// The `MaxResults` member: 1 to `max`, which is also the default.
fn size(call: &Call, max: usize) -> Result<usize, Refusal> {
    let Some(size) = call.optional_integer("MaxResults")? else {
        return Ok(max);
    };
    usize::try_from(size).ok().filter(|size| (1..=max).contains(size)).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have \
             value between 1 and {max}"
        ))
    })
}
