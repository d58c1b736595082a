//! PutParameter: what a parameter may be, and its next version.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use std::collections::{BTreeSet, VecDeque};

use regex_lite::Regex;
use serde_json::json;

use super::{Parameter, Settings, VALIDATION, Version, invalid, name_of, policy};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::defaults::small::{parameter as default, secure_parameter};
use crate::simulator::tag;
use crate::simulator::world::World;

/// AWS keeps as many versions of a parameter.
const VERSIONS_MAX: usize = 100;
/// AWS's default quota of standard parameters.
const PARAMETERS_MAX: usize = 10_000;
const STANDARD_BYTES_MAX: usize = 4_096;
const ADVANCED_BYTES_MAX: usize = 8_192;
const LEVELS_MAX: usize = 15;
const PATTERN_CHARACTERS_MAX: usize = 1_024;
const ADVANCED: &str = "Advanced";
const STANDARD: &str = default::TIER;

pub(super) fn put_parameter(world: &mut World, call: &Call) -> Answer {
    let name = name_of(call.required("Name", VALIDATION)?);
    let value = call.required("Value", VALIDATION)?.to_owned();
    let kind = call.optional_text("Type")?.map(str::to_owned);
    let overwrite = call.optional_boolean("Overwrite")?.unwrap_or(false);
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    check_name(&name)?;
    if let Some(kind) = &kind
        && !["String", "StringList", "SecureString"].contains(&kind.as_str())
    {
        return Err(invalid(format!(
            "1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: Member must satisfy \
             enum value set: [SecureString, StringList, String]"
        )));
    }
    if overwrite && !tags.is_empty() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    if value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1.",
        ));
    }
    let present = world.ssm.parameters.get(&name);
    if present.is_some() && !overwrite {
        let text = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
        return Err(Refusal::new("ParameterAlreadyExists", text));
    }
    let newest = present.and_then(|parameter| parameter.versions.back());
    let kind = match (kind, present) {
        (Some(kind), Some(parameter)) if kind != parameter.kind => {
            let text = "Parameter Store does not support changing a parameter type in a hierarchy. Create a new, unique \
                        parameter.";
            return Err(Refusal::new("HierarchyTypeMismatchException", text));
        }
        (_, Some(parameter)) => parameter.kind.clone(),
        (Some(kind), None) => kind,
        (None, None) => {
            return Err(invalid(
                "A parameter type is required when you create a parameter.",
            ));
        }
    };
    let settings = settings(call, &kind, &value, newest.map(|version| &version.settings))?;
    let tier = settings.tier;
    let number = newest.map_or(u64::from(default::FIRST_VERSION), |newest| {
        newest.number + 1
    });
    let count = world.ssm.parameters.len();
    if newest.is_none() && count >= PARAMETERS_MAX {
        let text = "You have exceeded the number of parameters for this AWS account.";
        return Err(Refusal::new("ParameterLimitExceeded", text));
    }
    let version = Version {
        number,
        value,
        modified: call.now,
        labels: BTreeSet::new(),
        settings,
    };
    let parameter = world
        .ssm
        .parameters
        .entry(name.clone())
        .or_insert(Parameter {
            kind,
            tags,
            versions: VecDeque::new(),
        });
    if parameter.versions.len() >= VERSIONS_MAX
        && let Some(oldest) = parameter.versions.front()
    {
        // https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
        if !oldest.labels.is_empty() {
            let text = format!(
                "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. \
                 Version {}, the oldest version, can't be deleted because it has a label associated with it. Move the label \
                 to another version of the parameter, and try again.",
                oldest.number
            );
            return Err(Refusal::new("ParameterMaxVersionLimitExceeded", text));
        }
        parameter.versions.pop_front();
    }
    parameter.versions.push_back(version);
    Ok(json!({ "Version": number, "Tier": tier }))
}

/// The settings asked for; what is not said stays as it was.
fn settings(
    call: &Call,
    kind: &str,
    value: &str,
    before: Option<&Settings>,
) -> Result<Settings, Refusal> {
    let text = |member: &str, before: Option<&String>| {
        let given = call.optional_text(member)?.map(str::to_owned);
        Ok::<_, Refusal>(given.or_else(|| before.cloned()))
    };
    let description = text(
        "Description",
        before.and_then(|before| before.description.as_ref()),
    )?;
    if description
        .as_ref()
        .is_some_and(|text| text.chars().count() > 1_024)
    {
        return Err(invalid(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less \
             than or equal to 1024",
        ));
    }
    let key_id = text("KeyId", before.and_then(|before| before.key_id.as_ref()))?;
    let key_id = (kind == "SecureString")
        .then(|| key_id.unwrap_or_else(|| secure_parameter::KEY.to_owned()));
    let allowed_pattern = text(
        "AllowedPattern",
        before.and_then(|before| before.allowed_pattern.as_ref()),
    )?
    .filter(|pattern| !pattern.is_empty());
    if let Some(pattern) = &allowed_pattern {
        check_pattern(pattern, value)?;
    }
    let data_type = call
        .optional_text("DataType")?
        .or(before.map(|before| before.data_type.as_str()))
        .unwrap_or(default::DATA_TYPE)
        .to_owned();
    if !["text", "aws:ec2:image", "aws:ssm:integration"].contains(&data_type.as_str()) {
        return Err(invalid(format!(
            "The following data type is not supported: {data_type} (Data type names are all lowercase.)"
        )));
    }
    let policies = match call.optional_text("Policies")? {
        None => before
            .map(|before| before.policies.clone())
            .unwrap_or_default(),
        Some(text) => policy::read(text, call.now)?,
    };
    let was_advanced = before.is_some_and(|before| before.tier == ADVANCED);
    let tier = tier(
        call.optional_text("Tier")?,
        was_advanced,
        value.len(),
        !policies.is_empty(),
    )?;
    Ok(Settings {
        description,
        tier,
        data_type,
        key_id,
        allowed_pattern,
        policies,
    })
}

fn check_pattern(pattern: &str, value: &str) -> Result<(), Refusal> {
    let regex = Some(pattern)
        .filter(|pattern| pattern.chars().count() <= PATTERN_CHARACTERS_MAX)
        .and_then(|pattern| Regex::new(pattern).ok());
    let regex = regex.ok_or_else(|| {
        Refusal::new(
            "InvalidAllowedPatternException",
            "The request does not meet the regular expression requirement.",
        )
    })?;
    if regex.is_match(value) {
        return Ok(());
    }
    let text = format!("Parameter value, cannot be validated against allowedPattern: {pattern}");
    Err(Refusal::new("ParameterPatternMismatchException", text))
}

/// The tier asked for; without one an advanced parameter stays so. A policy needs the advanced tier.
fn tier(
    asked: Option<&str>,
    was_advanced: bool,
    bytes: usize,
    policies: bool,
) -> Result<&'static str, Refusal> {
    let needs_advanced = was_advanced || policies || bytes > STANDARD_BYTES_MAX;
    let tier = match asked {
        None if was_advanced => ADVANCED,
        None | Some(STANDARD) => STANDARD,
        Some("Intelligent-Tiering") if !needs_advanced => STANDARD,
        Some(ADVANCED | "Intelligent-Tiering") => ADVANCED,
        Some(other) => {
            return Err(invalid(format!(
                "1 validation error detected: Value '{other}' at 'tier' failed to satisfy constraint: Member must satisfy \
                 enum value set: [Standard, Intelligent-Tiering, Advanced]"
            )));
        }
    };
    if tier == STANDARD && was_advanced {
        return Err(invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter \
             tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a \
             standard parameter.",
        ));
    }
    if tier == STANDARD && policies {
        return Err(invalid(
            "Parameter policies are available for parameters of the advanced-parameter tier only.",
        ));
    }
    let (bytes_max, upgrade) = if tier == STANDARD {
        (
            STANDARD_BYTES_MAX,
            " To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more \
             information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
        )
    } else {
        (ADVANCED_BYTES_MAX, "")
    };
    if bytes <= bytes_max {
        return Ok(tier);
    }
    Err(invalid(format!(
        "{tier} tier parameters support a maximum parameter value of {bytes_max} characters.{upgrade}"
    )))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_/".contains(letter);
    let reserved = name.trim_start_matches('/').to_lowercase();
    if name.is_empty()
        || !name.chars().all(allowed)
        || reserved.starts_with("ssm")
        || name.contains("//")
    {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
             sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        ));
    }
    if reserved.starts_with("aws") {
        return Err(Refusal::new(
            "AccessDeniedException",
            "No access to reserved parameter name.",
        ));
    }
    if name.len() > 1011 {
        return Err(invalid("Parameter name must not exceed 1011 characters."));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if name.matches('/').count() > LEVELS_MAX {
        let text = format!("A hierarchy can have a maximum of {LEVELS_MAX} levels.");
        return Err(Refusal::new("HierarchyLevelLimitExceededException", text));
    }
    Ok(())
}
