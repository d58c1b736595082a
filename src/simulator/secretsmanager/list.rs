//! Secrets as they are described and listed: never their values.

use serde_json::{Value, json};

use super::{INVALID, Secret, VALIDATION, any_secret, stages};
use crate::simulator::call::{Answer, Call, Refusal, timestamp};
use crate::simulator::tag;
use crate::simulator::world::World;

pub(super) fn describe_secret(world: &mut World, call: &Call) -> Answer {
    let (name, secret) = any_secret(world, call)?;
    Ok(described(&name, secret, "VersionIdsToStages"))
}

/// DescribeSecret and ListSecrets differ in the name of one member.
fn described(name: &str, secret: &Secret, versions_member: &str) -> Value {
    let Secret {
        arn,
        description,
        kms_key,
        created,
        changed,
        accessed,
        deleted,
        tags,
        versions,
    } = secret;
    let labelled = versions
        .iter()
        .filter(|version| !version.stages.is_empty())
        .map(|version| (version.id.clone(), stages(version)));
    let labelled: serde_json::Map<String, Value> = labelled.collect();
    json!({
        "ARN": arn, "Name": name, "Description": description, "KmsKeyId": kms_key,
        "CreatedDate": timestamp(*created), "LastChangedDate": timestamp(*changed),
        "LastAccessedDate": accessed.map(timestamp), "DeletedDate": deleted.map(timestamp),
        "Tags": (!tags.is_empty()).then(|| tag::to_list(tags)),
        versions_member: (!labelled.is_empty()).then_some(labelled),
    })
}

pub(super) fn list_secrets(world: &mut World, call: &Call) -> Answer {
    let planned = call
        .optional_boolean("IncludePlannedDeletion")?
        .unwrap_or(false);
    let filters = filters(call)?;
    let order = |name: &str, secret: &Secret| match call.text("SortBy") {
        Some("name") => Ok(name.to_owned()),
        Some("last-changed-date") => Ok(format!("{:020} {name}", secret.changed)),
        Some("last-accessed-date") => Ok(format!(
            "{:020} {name}",
            secret.accessed.unwrap_or_default()
        )),
        None | Some("created-date") => Ok(format!("{:020} {name}", secret.created)),
        Some(other) => Err(Refusal::new(
            VALIDATION,
            format!("{other} is not a sort key"),
        )),
    };
    let mut entries = world
        .secretsmanager
        .secrets
        .iter()
        .filter(|(_, secret)| planned || secret.deleted.is_none())
        .filter(|(name, secret)| filters.iter().all(|filter| filter.passes(name, secret)))
        .map(|(name, secret)| {
            let entry = described(name, secret, "SecretVersionsToStages");
            Ok((order(name, secret)?, entry))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    match call.optional_text("SortOrder")? {
        None | Some("asc") => {}
        Some("desc") => entries.reverse(),
        Some(other) => {
            let message = format!("{other} is not a sort order");
            return Err(Refusal::new(VALIDATION, message));
        }
    }
    // A page begins where the one before said: by place, as the keys of a reversed list fall.
    let numbered = entries
        .into_iter()
        .enumerate()
        .map(|(place, (_, entry))| (format!("{place:06}"), entry));
    let token = call.optional_text("NextToken")?;
    let page = Call::page(numbered, token, size(call)?, "InvalidNextTokenException")?;
    Ok(json!({ "SecretList": page.items, "NextToken": page.next }))
}

struct Filter {
    key: String,
    values: Vec<String>,
}

const KEYS: [&str; 7] = [
    "description",
    "name",
    "tag-key",
    "tag-value",
    "primary-region",
    "owning-service",
    "all",
];

fn filters(call: &Call) -> Result<Vec<Filter>, Refusal> {
    let mut filters = Vec::new();
    for filter in call.structures("Filters")? {
        let key = filter.required("Key", VALIDATION)?.to_owned();
        let values = filter.optional_texts("Values")?;
        if !KEYS.contains(&key.as_str()) {
            let message = format!(
                "1 validation error detected: Value '{key}' at 'filters.1.member.key' failed to satisfy constraint: \
                 Member must satisfy enum value set: [{}]",
                KEYS.join(", ")
            );
            return Err(Refusal::new(VALIDATION, message));
        }
        if values.is_empty() {
            return Err(Refusal::new(
                INVALID,
                format!("Invalid filter values for key: {key}"),
            ));
        }
        filters.push(Filter { key, values });
    }
    Ok(filters)
}

impl Filter {
    /// Values match by their beginning, `!` turns one round, case counts for names and tags only
    /// (docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html).
    fn passes(&self, name: &str, secret: &Secret) -> bool {
        let begins = |texts: &[&str], value: &str| {
            let (value, wanted) = value
                .strip_prefix('!')
                .map_or((value, true), |value| (value, false));
            texts.iter().any(|text| text.starts_with(value)) == wanted
        };
        let description = secret
            .description
            .as_deref()
            .unwrap_or_default()
            .to_lowercase();
        let keys = || secret.tags.keys().map(String::as_str).collect::<Vec<_>>();
        let tag_values = || secret.tags.values().map(String::as_str).collect::<Vec<_>>();
        self.values.iter().any(|value| match self.key.as_str() {
            "name" => begins(&[name], value),
            "description" => begins(&[&description], &value.to_lowercase()),
            "tag-key" => begins(&keys(), value),
            "tag-value" => begins(&tag_values(), value),
            "all" => {
                let texts = [vec![name, &description], keys(), tag_values()].concat();
                let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
                let words: Vec<&str> = texts
                    .iter()
                    .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()))
                    .chain(texts.iter().map(String::as_str))
                    .collect();
                begins(&words, &value.to_lowercase())
            }
            // No secret here is replicated or owned by a service.
            _ => begins(&[], value),
        })
    }
}

/// The `MaxResults` member: 1 to 100, which is also the default.
pub(super) fn size(call: &Call) -> Result<usize, Refusal> {
    let size = call.optional_integer("MaxResults")?.unwrap_or(100);
    let valid = usize::try_from(size)
        .ok()
        .filter(|size| (1..=100).contains(size));
    valid.ok_or_else(|| {
        let message = format!(
            "1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: Member must have \
             value between 1 and 100"
        );
        Refusal::new(VALIDATION, message)
    })
}
