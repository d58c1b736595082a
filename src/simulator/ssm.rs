//! Parameter Store.
//!
//! Takes SSM calls, keeps each parameter's newest versions. A SecureString comes back as text that is not its value
//! unless decryption is asked for; what comes back then follows from the name and version, never from the value. An
//! expiration policy deletes its parameter; change events, and with them the notification policies, go nowhere.

mod label;
mod policy;
mod put;
mod read;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::call::{Answer, Call, Millis, Refusal, timestamp};
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
    /// Never empty; the newest is last.
    versions: VecDeque<Version>,
}

struct Version {
    number: u64,
    value: String,
    modified: Millis,
    labels: BTreeSet<String>,
    settings: Settings,
}

/// What a version has besides its value.
#[derive(Clone)]
struct Settings {
    description: Option<String>,
    tier: &'static str,
    data_type: String,
    key_id: Option<String>,
    allowed_pattern: Option<String>,
    policies: Vec<policy::Policy>,
}

const VALIDATION: &str = "ValidationException";

/// Answers an SSM call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    expire(world, call.now);
    match call.operation.as_str() {
        "PutParameter" => put::put_parameter(world, call),
        "GetParameterHistory" => read::get_parameter_history(world, call),
        "LabelParameterVersion" => label::label(world, call),
        "UnlabelParameterVersion" => label::unlabel(world, call),
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

/// Deletes what an expiration policy ended.
fn expire(world: &mut World, now: Millis) {
    world.ssm.parameters.retain(|_, parameter| {
        let newest = parameter.versions.back();
        let mut policies = newest
            .into_iter()
            .flat_map(|version| &version.settings.policies);
        !policies.any(|policy| policy.expires.is_some_and(|at| at <= now))
    });
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

fn no_version(name: &str, version: &str) -> Refusal {
    Refusal::new(
        "ParameterVersionNotFound",
        format!(
            "Systems Manager could not find version {version} of {name}. Verify the version and try again."
        ),
    )
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
        json!({
            "Name": name, "Type": self.kind, "Value": self.value_shown(name, version, decrypt), "Version": version.number,
            "LastModifiedDate": timestamp(version.modified), "ARN": arn(world, name),
            "DataType": version.settings.data_type,
        })
    }

    fn value_shown(&self, name: &str, version: &Version, decrypt: bool) -> String {
        if self.kind == "SecureString" && !decrypt {
            ciphertext(name, version.number)
        } else {
            version.value.clone()
        }
    }

    /// What DescribeParameters and GetParameterHistory show of a version alike.
    fn described(&self, world: &World, name: &str, version: &Version) -> Value {
        let Version {
            number,
            value: _,
            modified,
            labels: _,
            settings,
        } = version;
        let Settings {
            description,
            tier,
            data_type,
            key_id,
            allowed_pattern,
            policies,
        } = settings;
        json!({
            "Name": name, "Type": self.kind, "KeyId": key_id, "Version": number, "LastModifiedDate": timestamp(*modified),
            "LastModifiedUser": format!("arn:aws:iam::{}:user/simulator", world.account), "Description": description,
            "AllowedPattern": allowed_pattern, "Tier": tier, "DataType": data_type,
            "Policies": policies.iter().map(policy::Policy::shown).collect::<Vec<_>>(),
        })
    }
}
