//! Reads of Parameter Store: by name, by path, by filter.

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Refusal, timestamp};
use super::super::world::World;
use super::{Parameter, VALIDATION, arn, invalid, name_of, not_found, some_names};

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

/// A parameter by `name`, by ARN, or either with `:version`.
fn one(world: &World, wanted: &str, decrypt: bool) -> Result<Value, Refusal> {
    let selector = wanted
        .rsplit_once(':')
        .and_then(|(name, number)| Some((name, number.parse::<u64>().ok()?)));
    let (name, number) = selector.map_or((wanted, None), |(name, number)| (name, Some(number)));
    let name = name_of(name);
    let parameter = world.ssm.parameters.get(&name).ok_or_else(not_found)?;
    let mut versions = parameter.versions.iter().rev();
    let version = versions.find(|version| number.is_none_or(|number| version.number == number));
    let version = version.ok_or_else(|| {
        let text = format!(
            "Systems Manager could not find version {} of {name}.",
            number.unwrap_or_default()
        );
        Refusal::new("ParameterVersionNotFound", text)
    })?;
    let mut shown = parameter.shown(world, &name, version, decrypt);
    if let Some(number) = number {
        shown["Selector"] = json!(format!(":{number}"));
    }
    Ok(shown)
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
    let filters = Filter::all(call, &["Type", "KeyId"])?;
    let entries = world
        .ssm
        .parameters
        .iter()
        .filter(|(name, _)| under(name, path, recursive))
        .filter(|(name, parameter)| filters.iter().all(|filter| filter.passes(name, parameter)))
        .filter_map(|(name, parameter)| {
            Some((
                name.clone(),
                parameter.shown(world, name, parameter.versions.back()?, decrypt),
            ))
        });
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call, 10)?,
        "InvalidNextToken",
    )?;
    Ok(json!({ "Parameters": page.items, "NextToken": page.next }))
}

pub(super) fn describe_parameters(world: &World, call: &Call) -> Answer {
    let filters = Filter::all(call, &["Name", "Type", "KeyId", "Path", "Tier", "DataType"])?;
    let entries = world
        .ssm
        .parameters
        .iter()
        .filter(|(name, parameter)| filters.iter().all(|filter| filter.passes(name, parameter)))
        .filter_map(|(name, parameter)| Some((name.clone(), described(world, name, parameter)?)));
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call, 50)?,
        "InvalidNextToken",
    )?;
    Ok(json!({ "Parameters": page.items, "NextToken": page.next }))
}

fn described(world: &World, name: &str, parameter: &Parameter) -> Option<Value> {
    let Parameter {
        kind,
        tags: _,
        description,
        tier,
        data_type,
        key_id,
        allowed_pattern,
        versions,
    } = parameter;
    let newest = versions.back()?;
    Some(json!({
        "Name": name, "ARN": arn(world, name), "Type": kind, "KeyId": key_id, "Version": newest.number,
        "LastModifiedDate": timestamp(newest.modified), "Description": description, "AllowedPattern": allowed_pattern,
        "LastModifiedUser": format!("arn:aws:iam::{}:user/simulator", world.account), "Tier": tier, "Policies": [],
        "DataType": data_type,
    }))
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

    fn passes(&self, name: &str, parameter: &Parameter) -> bool {
        let actual = match self.key.as_str() {
            "Path" => {
                return self
                    .values
                    .iter()
                    .any(|path| under(name, path, self.option == "Recursive"));
            }
            "Name" => Some(name),
            "Type" => Some(parameter.kind.as_str()),
            "KeyId" => parameter.key_id.as_deref(),
            "Tier" => Some(parameter.tier),
            "DataType" => Some(parameter.data_type.as_str()),
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
