//! Values of a secret: each a version, told apart by staging labels of which one version at most has each.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    CURRENT, Content, EXISTS, PREVIOUS, REQUEST, Secret, Version, any_secret, content, day, find,
    invalid, marked, missing, secret, stages, text, token,
};
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::world::World;

/// AWS keeps about so many; versions without a label make room.
const VERSIONS_MAX: usize = 100;
const STAGES_MAX: usize = 20;

impl Secret {
    /// Adds a version, unless the same is there under the same token. The first has `AWSCURRENT` whatever it asks for.
    pub(super) fn add(
        &mut self,
        token: String,
        content: Content,
        labels: &[String],
        now: Millis,
    ) -> Result<(), Refusal> {
        if let Some(version) = self.versions.iter().find(|version| version.id == token) {
            if version.content == content {
                // A repeated request: what has happened since stays.
                return Ok(());
            }
            let message =
                "You can't modify an existing version, you can only create a new version.";
            return Err(Refusal::new(EXISTS, message));
        }
        if self.versions.len() >= VERSIONS_MAX {
            let mut versions = self.versions.iter();
            let unlabelled = versions.position(|version| version.stages.is_empty());
            let full = "You've reached the limit of versions of a secret.";
            let unlabelled =
                unlabelled.ok_or_else(|| Refusal::new("LimitExceededException", full))?;
            self.versions.remove(unlabelled);
        }
        self.versions.push(Version {
            id: token.clone(),
            stages: BTreeSet::new(),
            content,
            created: now,
            accessed: None,
        });
        if self.versions.len() == 1 {
            self.attach(CURRENT, &token);
        }
        for label in labels {
            self.attach(label, &token);
        }
        self.changed = now;
        Ok(())
    }

    /// Moves a label to a version; the one that was current becomes the previous one.
    fn attach(&mut self, label: &str, id: &str) {
        let holder = self
            .versions
            .iter()
            .find(|version| version.stages.contains(label));
        let holder = holder.map(|version| version.id.clone());
        if holder.as_deref() == Some(id) {
            return;
        }
        for version in &mut self.versions {
            version.stages.remove(label);
            if version.id == id {
                version.stages.insert(label.to_owned());
            }
        }
        if let (CURRENT, Some(holder)) = (label, holder) {
            self.attach(PREVIOUS, &holder);
        }
    }

    /// The version of that id, of that label, or the current one.
    fn chosen(&mut self, id: Option<&str>, stage: Option<&str>) -> Result<&mut Version, Refusal> {
        let wanted = stage.unwrap_or(CURRENT);
        let found = self.versions.iter_mut().find(|version| match id {
            Some(id) => version.id == id,
            None => version.stages.contains(wanted),
        });
        let found = found.ok_or_else(|| match id {
            Some(id) => missing(&format!(" value for VersionId: {id}")),
            None => missing(&format!(" value for staging label: {wanted}")),
        })?;
        if stage.is_some_and(|stage| !found.stages.contains(stage)) {
            let message =
                "You provided a VersionStage that is not associated to the provided VersionId.";
            return Err(Refusal::new(REQUEST, message));
        }
        Ok(found)
    }
}

pub(super) fn get_secret_value(world: &mut World, call: &Call) -> Answer {
    let id = call.optional_text("VersionId")?;
    let stage = call.optional_text("VersionStage")?;
    let (name, secret) = secret(world, call)?;
    let arn = secret.arn.clone();
    let version = secret.chosen(id, stage)?;
    version.accessed = Some(day(call.now));
    let mut output = json!({
        "ARN": arn, "Name": name, "VersionId": version.id, "VersionStages": stages(version),
        "CreatedDate": timestamp(version.created),
    });
    match &version.content {
        Content::Text(text) => output["SecretString"] = json!(text),
        Content::Binary(base64) => output["SecretBinary"] = json!(base64),
    }
    secret.accessed = Some(day(call.now));
    Ok(output)
}

pub(super) fn put_secret_value(world: &mut World, call: &Call) -> Answer {
    let token = token(call)?;
    let content = content(call)?.ok_or_else(|| {
        Refusal::new(
            REQUEST,
            "You must provide either SecretString or SecretBinary.",
        )
    })?;
    let labels = match call.get("VersionStages") {
        None => vec![CURRENT.to_owned()],
        Some(_) => call.optional_texts("VersionStages")?,
    };
    if !(1..=STAGES_MAX).contains(&labels.len()) {
        return Err(invalid("VersionStages must have 1 to 20 items."));
    }
    let (name, secret) = secret(world, call)?;
    secret.add(token.clone(), content, &labels, call.now)?;
    let version = secret.chosen(Some(&token), None)?;
    let stages = stages(version);
    Ok(json!({ "ARN": secret.arn, "Name": name, "VersionId": token, "VersionStages": stages }))
}

pub(super) fn update_secret(world: &mut World, call: &Call) -> Answer {
    let content = content(call)?;
    let token = content.is_some().then(|| token(call)).transpose()?;
    let description = text(call, "Description", 0, 2048)?;
    let kms_key = text(call, "KmsKeyId", 0, 2048)?;
    let (name, secret) = secret(world, call)?;
    if let (Some(content), Some(token)) = (content, &token) {
        secret.add(token.clone(), content, &[CURRENT.to_owned()], call.now)?;
    }
    secret.description = description.or_else(|| secret.description.take());
    secret.kms_key = kms_key.or_else(|| secret.kms_key.take());
    secret.changed = call.now;
    Ok(json!({ "ARN": secret.arn, "Name": name, "VersionId": token }))
}

pub(super) fn list_secret_version_ids(world: &mut World, call: &Call) -> Answer {
    let deprecated = call.optional_boolean("IncludeDeprecated")?.unwrap_or(false);
    let size = super::list::size(call)?;
    let (name, secret) = any_secret(world, call)?;
    let key = secret.kms_key.as_deref().unwrap_or("DefaultEncryptionKey");
    let entries = secret
        .versions
        .iter()
        .enumerate()
        .filter(|(_, version)| deprecated || !version.stages.is_empty())
        .map(|(number, version)| {
            let Version {
                id,
                stages: _,
                content: _,
                created,
                accessed,
            } = version;
            let stages = (!version.stages.is_empty()).then(|| stages(version));
            let entry = json!({
                "VersionId": id, "VersionStages": stages, "CreatedDate": timestamp(*created),
                "LastAccessedDate": accessed.map(timestamp), "KmsKeyIds": [key],
            });
            (format!("{number:03}"), entry)
        });
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size, "InvalidNextTokenException")?;
    Ok(json!({ "ARN": secret.arn, "Name": name, "Versions": page.items, "NextToken": page.next }))
}

/// What ECS puts into a variable whose `valueFrom` is `reference`:
/// `arn:aws:secretsmanager:region:account:secret:name-AbCdEf[:json-key:version-stage:version-id]`. The error says why
/// there is nothing, in the agent's words
/// (docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html).
pub fn injected(world: &World, reference: &str) -> Result<String, String> {
    let [arn, key, stage, id] = reference_parts(reference);
    let not_found = |why: &str| {
        format!(
            "failed to fetch secret {arn} from secrets manager: ResourceNotFoundException: {why}"
        )
    };
    let name = find(world, &arn).ok_or_else(|| not_found(&missing(".").message))?;
    let secret = world.secretsmanager.secrets.get(name);
    let secret = secret.ok_or_else(|| not_found(&missing(".").message))?;
    if secret.deleted.is_some() {
        return Err(format!(
            "failed to fetch secret {arn} from secrets manager: {REQUEST}: {}",
            marked().message
        ));
    }
    let stage = if stage.is_empty() { CURRENT } else { &stage };
    let version = secret.versions.iter().find(|version| {
        if id.is_empty() {
            version.stages.contains(stage)
        } else {
            version.id == id
        }
    });
    let version = version.ok_or_else(|| {
        not_found(&missing(&format!(" value for staging label: {stage}")).message)
    })?;
    let Content::Text(text) = &version.content else {
        return Err(format!(
            "secret {arn} has a binary value, which cannot be a variable"
        ));
    };
    if key.is_empty() {
        return Ok(text.clone());
    }
    let members: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| "invalid character looking for beginning of value".to_owned())?;
    match members.get(&key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(format!(
            "retrieved secret from Secrets Manager did not contain json key {key}"
        )),
    }
}

/// The ARN, JSON key, stage and version id in a `valueFrom`; what is not there is empty.
fn reference_parts(reference: &str) -> [String; 4] {
    let parts: Vec<&str> = reference.split(':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
    let arn = parts.iter().take(7).copied().collect::<Vec<_>>().join(":");
    [arn, part(7), part(8), part(9)]
}
