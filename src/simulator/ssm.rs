//! Parameter Store.
//!
//! Takes SSM calls, keeps each parameter's newest versions. A SecureString comes back as text that is not its value
//! unless decryption is asked for; what comes back then follows from the name and version, never from the value.
//! Labels, policies and change events are not simulated.

mod read;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::call::{Answer, Call, Millis, Refusal};
use super::defaults::small::{parameter as default, secure_parameter};
use super::tag::{self, Tags};
use super::world::World;

/// Parameters by name.
#[derive(Default)]
pub struct State {
    parameters: BTreeMap<String, Parameter>,
}

struct Parameter {
    kind: String,
    tags: Tags,
    description: Option<String>,
    tier: &'static str,
    data_type: String,
    key_id: Option<String>,
    allowed_pattern: Option<String>,
    /// Never empty; the newest is last.
    versions: VecDeque<Version>,
}

struct Version {
    number: u64,
    value: String,
    modified: Millis,
}

const VALIDATION: &str = "ValidationException";
/// AWS keeps as many versions of a parameter.
const VERSIONS_MAX: usize = 100;
/// AWS's default quota of standard parameters.
const PARAMETERS_MAX: usize = 10_000;
const STANDARD_BYTES_MAX: usize = 4_096;
const ADVANCED_BYTES_MAX: usize = 8_192;
const LEVELS_MAX: usize = 15;

/// Answers an SSM call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "PutParameter" => put_parameter(world, call),
        "GetParameter" => read::get_parameter(world, call),
        "GetParameters" => read::get_parameters(world, call),
        "GetParametersByPath" => read::get_parameters_by_path(world, call),
        "DescribeParameters" => read::describe_parameters(world, call),
        "DeleteParameter" => {
            let name = name_of(call.required("Name", VALIDATION)?);
            world
                .ssm
                .parameters
                .remove(&name)
                .map(|_| json!({}))
                .ok_or_else(not_found)
        }
        "DeleteParameters" => {
            let names = some_names(call)?;
            let (deleted, invalid): (Vec<_>, Vec<_>) = names
                .into_iter()
                .partition(|name| world.ssm.parameters.remove(&name_of(name)).is_some());
            Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": invalid }))
        }
        "ListTagsForResource" => Ok(json!({ "TagList": tag::to_list(&tagged(world, call)?.tags) })),
        "AddTagsToResource" => {
            let more = tag::from_list(call.list("Tags")).map_err(invalid)?;
            tag::merge(&mut tagged(world, call)?.tags, more)
                .map_err(|text| Refusal::new("TooManyTagsError", text))?;
            Ok(json!({}))
        }
        "RemoveTagsFromResource" => {
            let keys = call.optional_texts("TagKeys")?;
            tagged(world, call)?
                .tags
                .retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(call.unknown_operation()),
    }
}

/// The newest value of a parameter named by name or ARN, decrypted: what ECS injects as a secret.
pub fn value(world: &World, name_or_arn: &str) -> Option<String> {
    let parameter = world.ssm.parameters.get(&name_of(name_or_arn))?;
    parameter
        .versions
        .back()
        .map(|version| version.value.clone())
}

/// The ARN of the parameter of that name or ARN, whether or not it exists.
pub fn arn(world: &World, name_or_arn: &str) -> String {
    // A name without a leading slash gets one in its ARN.
    let name = name_of(name_or_arn);
    world.arn(
        "ssm",
        &format!("parameter/{}", name.trim_start_matches('/')),
    )
}

/// `arn:aws:ssm:…:parameter/a/b` names `/a/b`; `parameter/a` names `a`.
fn name_of(name_or_arn: &str) -> String {
    match name_or_arn.split_once(":parameter/") {
        Some((arn, rest)) if arn.starts_with("arn:") && rest.contains('/') => format!("/{rest}"),
        Some((arn, rest)) if arn.starts_with("arn:") => rest.to_owned(),
        _ => name_or_arn.to_owned(),
    }
}

fn put_parameter(world: &mut World, call: &Call) -> Answer {
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
    let tier = tier(call.optional_text("Tier")?, value.len())?;
    if value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1.",
        ));
    }
    let description = call.optional_text("Description")?.map(str::to_owned);
    let key_id = call.optional_text("KeyId")?.map(str::to_owned);
    let allowed_pattern = call.optional_text("AllowedPattern")?.map(str::to_owned);
    let data_type = call
        .optional_text("DataType")?
        .unwrap_or(default::DATA_TYPE)
        .to_owned();
    let count = world.ssm.parameters.len();
    let number = match world.ssm.parameters.get_mut(&name) {
        Some(_) if !overwrite => {
            let text = "The parameter already exists. To overwrite this value, set the overwrite option in the request \
                        to true.";
            return Err(Refusal::new("ParameterAlreadyExists", text));
        }
        Some(parameter) => {
            if kind.is_some_and(|kind| kind != parameter.kind) {
                let text = "Parameter Store does not support changing a parameter type in a hierarchy. Create a new, \
                            unique parameter.";
                return Err(Refusal::new("HierarchyTypeMismatchException", text));
            }
            let number = parameter
                .versions
                .back()
                .map_or(1, |newest| newest.number + 1);
            parameter.versions.push_back(Version {
                number,
                value,
                modified: call.now,
            });
            if parameter.versions.len() > VERSIONS_MAX {
                parameter.versions.pop_front();
            }
            parameter.tier = tier;
            parameter.description = description.or_else(|| parameter.description.take());
            number
        }
        None => {
            let kind = kind.ok_or_else(|| {
                invalid("A parameter type is required when you create a parameter.")
            })?;
            if count >= PARAMETERS_MAX {
                let text = "You have exceeded the number of parameters for this AWS account.";
                return Err(Refusal::new("ParameterLimitExceeded", text));
            }
            let key_id = (kind == "SecureString")
                .then(|| key_id.unwrap_or_else(|| secure_parameter::KEY.to_owned()));
            let number = u64::from(default::FIRST_VERSION);
            let versions = VecDeque::from([Version {
                number,
                value,
                modified: call.now,
            }]);
            let parameter = Parameter {
                kind,
                tags,
                description,
                tier,
                data_type,
                key_id,
                allowed_pattern,
                versions,
            };
            world.ssm.parameters.insert(name, parameter);
            number
        }
    };
    Ok(json!({ "Version": number, "Tier": tier }))
}

fn tier(asked: Option<&str>, bytes: usize) -> Result<&'static str, Refusal> {
    let (tier, bytes_max) = match asked {
        None | Some(default::TIER) => (default::TIER, STANDARD_BYTES_MAX),
        Some("Advanced") => ("Advanced", ADVANCED_BYTES_MAX),
        Some("Intelligent-Tiering") if bytes > STANDARD_BYTES_MAX => {
            ("Advanced", ADVANCED_BYTES_MAX)
        }
        Some("Intelligent-Tiering") => ("Standard", STANDARD_BYTES_MAX),
        Some(other) => return Err(invalid(format!("Value '{other}' at 'tier' is not a tier"))),
    };
    if bytes <= bytes_max {
        return Ok(tier);
    }
    let upgrade = if tier == "Standard" {
        " To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more \
         information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
    } else {
        ""
    };
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

/// The `Names` member: one to ten.
fn some_names(call: &Call) -> Result<Vec<String>, Refusal> {
    let names = call.optional_texts("Names")?;
    if (1..=10).contains(&names.len()) {
        return Ok(names);
    }
    Err(invalid(format!(
        "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length 1 to 10, \
         not {}",
        names.len()
    )))
}

fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Parameter, Refusal> {
    if call.required("ResourceType", VALIDATION)? != "Parameter" {
        return Err(Refusal::new(
            "InvalidResourceType",
            "Only parameters are simulated.",
        ));
    }
    let name = call.required("ResourceId", VALIDATION)?;
    let missing = || {
        Refusal::new(
            "InvalidResourceId",
            "The resource ID is not valid. Verify that you entered the correct ID and try again.",
        )
    };
    world.ssm.parameters.get_mut(name).ok_or_else(missing)
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(VALIDATION, message)
}

fn not_found() -> Refusal {
    Refusal::new("ParameterNotFound", "Parameter not found.")
}

/// The value as a caller without decryption sees it.
fn ciphertext(name: &str, version: u64) -> String {
    use base64::Engine;
    use sha2::Digest;
    let opaque = sha2::Sha256::digest(format!("{name}:{version}"));
    base64::engine::general_purpose::STANDARD
        .encode([b"AQICAHsimulated".as_slice(), &opaque].concat())
}

impl Parameter {
    fn shown(&self, world: &World, name: &str, version: &Version, decrypt: bool) -> Value {
        let value = if self.kind == "SecureString" && !decrypt {
            ciphertext(name, version.number)
        } else {
            version.value.clone()
        };
        json!({
            "Name": name, "Type": self.kind, "Value": value, "Version": version.number,
            "LastModifiedDate": super::call::timestamp(version.modified), "ARN": arn(world, name),
            "DataType": self.data_type,
        })
    }
}
