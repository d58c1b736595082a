//! Labels: names a caller gives to versions of a parameter.
//!
//! A label is at one version of its parameter only; given to another it moves.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html>

use serde_json::json;

use super::{Parameter, VALIDATION, Version, invalid, name_of, no_version, not_found};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// Of one version.
const LABELS_MAX: usize = 10;

pub(super) fn label(world: &mut World, call: &Call) -> Answer {
    let (name, parameter) = parameter(world, call)?;
    let labels = labels(call)?;
    let number = match call.optional_integer("ParameterVersion")? {
        None => parameter.versions.back().map(|version| version.number),
        Some(number) => u64::try_from(number).ok(),
    };
    let number = number.unwrap_or_default();
    let (labels, wrong): (Vec<_>, Vec<_>) = labels.into_iter().partition(|label| is_label(label));
    let version = version(parameter, &name, number)?;
    let added = labels
        .iter()
        .filter(|label| !version.labels.contains(*label))
        .count();
    if version.labels.len() + added > LABELS_MAX {
        return Err(Refusal::new(
            "ParameterVersionLabelLimitExceeded",
            "A parameter version can have maximum 10 labels. Move one or more labels to another version and try again.",
        ));
    }
    for version in &mut parameter.versions {
        version.labels.retain(|label| !labels.contains(label));
        if version.number == number {
            version.labels.extend(labels.iter().cloned());
        }
    }
    Ok(json!({ "InvalidLabels": wrong, "ParameterVersion": number }))
}

pub(super) fn unlabel(world: &mut World, call: &Call) -> Answer {
    let (name, parameter) = parameter(world, call)?;
    let number = call.optional_integer("ParameterVersion")?.ok_or_else(|| {
        invalid("1 validation error detected: Value null at 'parameterVersion' failed to satisfy constraint: Member must not be null")
    })?;
    let version = version(parameter, &name, u64::try_from(number).unwrap_or_default())?;
    let (removed, wrong): (Vec<_>, Vec<_>) = labels(call)?
        .into_iter()
        .partition(|label| version.labels.remove(label));
    Ok(json!({ "RemovedLabels": removed, "InvalidLabels": wrong }))
}

fn parameter<'a>(
    world: &'a mut World,
    call: &Call,
) -> Result<(String, &'a mut Parameter), Refusal> {
    let name = name_of(call.required("Name", VALIDATION)?);
    let parameter = world.ssm.parameters.get_mut(&name).ok_or_else(not_found)?;
    Ok((name, parameter))
}

fn version<'a>(
    parameter: &'a mut Parameter,
    name: &str,
    number: u64,
) -> Result<&'a mut Version, Refusal> {
    let found = parameter
        .versions
        .iter_mut()
        .find(|version| version.number == number);
    found.ok_or_else(|| no_version(name, &number.to_string()))
}

/// The `Labels` member: one to ten, each at most a hundred characters.
fn labels(call: &Call) -> Result<Vec<String>, Refusal> {
    let labels = call.optional_texts("Labels")?;
    let fits = |label: &String| (1..=100).contains(&label.chars().count());
    if (1..=LABELS_MAX).contains(&labels.len()) && labels.iter().all(fits) {
        return Ok(labels);
    }
    Err(invalid(
        "1 validation error detected: Value at 'labels' failed to satisfy constraint: Member must have 1 to 10 members of 1 to \
         100 characters",
    ))
}

/// What is no label is given back as such, and the call succeeds.
fn is_label(label: &str) -> bool {
    let lower = label.to_lowercase();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    label.chars().all(allowed)
        && !label.starts_with(|first: char| first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
