//! What a caller sent, as typed requests: members read, references resolved, pages cut.
//!
//! Takes a [`Call`], gives typed input or AWS's refusal. Never looks at a service's or task's state.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

/// The cluster AWS means when a call names none.
pub(super) const DEFAULT_CLUSTER: &str = "default";

/// Reads the input into a request type, without the paging members, which are [`page`]'s.
///
/// A member the type does not have is refused rather than ignored: AWS would act on it and this simulator would not.
pub(super) fn parse<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    let paging = |name: &str| matches!(name, "nextToken" | "maxResults");
    let members = call
        .input
        .iter()
        .filter(|(name, value)| !value.is_null() && !paging(name));
    let input = Value::Object(
        members
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    );
    typed(&input, &call.operation)
}

/// Reads a value into a type; `place` names it in the refusal.
pub(super) fn typed<T: DeserializeOwned>(value: &Value, place: &str) -> Result<T, Refusal> {
    T::deserialize(value).map_err(|error| {
        let reason = error.to_string();
        if reason.starts_with("unknown variant") {
            invalid(format!("{place}: invalid value: {reason}"))
        } else if reason.starts_with("unknown ") {
            let message = format!("{place}: the simulator does not model this: {reason}");
            Refusal::new("UnsupportedFeatureException", message)
        } else if reason.starts_with("missing field") {
            Refusal::new("InvalidParameterException", format!("{place}: {reason}"))
        } else {
            Refusal::new("SerializationException", format!("{place}: {reason}"))
        }
    })
}

/// What a caller gave, or what the word stands for that AWS fills in.
pub(super) fn or_word<T: DeserializeOwned>(given: Option<T>, word: &str) -> Result<T, Refusal> {
    given.map_or_else(|| typed(&json!(word), word), Ok)
}

/// `InvalidParameterException`, the code ECS gives for nearly every bad value.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// `ClientException`, what ECS gives for bad task definitions.
pub(super) fn client(message: impl Into<String>) -> Refusal {
    Refusal::new("ClientException", message)
}

/// The name in a reference that is either a bare name or an ARN of this account and kind (`cluster`, `service`, `task`).
/// An ARN's cluster part is dropped: the call names the cluster too. `None` for an ARN of elsewhere or another kind.
pub(super) fn name<'a>(world: &World, kind: &str, reference: &'a str) -> Option<&'a str> {
    let path = match reference.strip_prefix("arn:") {
        None => reference,
        Some(_) => reference
            .strip_prefix(&world.arn("ecs", kind))?
            .strip_prefix('/')?,
    };
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

/// The cluster a call names, `default` when it names none.
pub(super) fn cluster<'a>(world: &World, reference: Option<&'a str>) -> Option<&'a str> {
    name(world, "cluster", reference.unwrap_or(DEFAULT_CLUSTER))
}

/// One page of a listing under `member`, with `nextToken` when more follows.
pub(super) fn page(call: &Call, member: &str, items: Vec<Value>, size_default: usize) -> Answer {
    let size = match call.integer("maxResults") {
        None => size_default,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=100).contains(size))
            .ok_or_else(|| invalid("maxResults must be between 1 and 100."))?,
    };
    let start: usize = match call.text("nextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("Invalid token."))?,
    };
    let end = items.len().min(start.saturating_add(size));
    let mut output = json!({ member: items.get(start..end).unwrap_or_default() });
    if let (true, Some(output)) = (end < items.len(), output.as_object_mut()) {
        output.insert("nextToken".into(), json!(end.to_string()));
    }
    Ok(output)
}

/// An entry of `failures`, the way Describe* calls say that something is not there.
pub(super) fn missing(arn: String) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}
