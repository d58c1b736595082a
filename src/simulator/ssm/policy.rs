//! Parameter policies: Expiration, ExpirationNotification, NoChangeNotification.
//!
//! Pure. Read as AWS reads them and shown as Pending; only Expiration does anything here.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html>

use serde_json::{Value, json};

use crate::simulator::call::{Millis, Refusal, instant};

#[derive(Debug, Clone)]
pub(super) struct Policy {
    kind: String,
    /// As written.
    text: String,
    /// When it deletes its parameter.
    pub expires: Option<Millis>,
}

const POLICIES_MAX: usize = 10;

/// The policies of a `Policies` member. An empty list, or a list of an empty object, removes all.
pub(super) fn read(text: &str, now: Millis) -> Result<Vec<Policy>, Refusal> {
    let invalid_type = |text: &str| Refusal::new("InvalidPolicyTypeException", text);
    let parsed: Value = serde_json::from_str(text)
        .map_err(|_| invalid_type("Policies must be a JSON list of policies"))?;
    let items = parsed
        .as_array()
        .ok_or_else(|| invalid_type("Policies must be a JSON list of policies"))?;
    let is_some = |item: &&Value| item.as_object().is_none_or(|members| !members.is_empty());
    let policies = items
        .iter()
        .filter(is_some)
        .map(|item| one(item, now))
        .collect::<Result<Vec<_>, _>>()?;
    if policies.len() > POLICIES_MAX {
        return Err(Refusal::new(
            "PoliciesLimitExceededException",
            format!(
                "You specified more than the maximum number of allowed policies for the parameter. The maximum is {POLICIES_MAX}."
            ),
        ));
    }
    let count = |kind: &str| policies.iter().filter(|policy| policy.kind == kind).count();
    if count("Expiration") > 1 || (count("ExpirationNotification") > 0 && count("Expiration") == 0)
    {
        return Err(Refusal::new(
            "IncompatiblePolicyException",
            "There is a conflict in the policies specified for this parameter. You can't, for example, specify two Expiration \
             policies for a parameter.",
        ));
    }
    Ok(policies)
}

fn one(item: &Value, now: Millis) -> Result<Policy, Refusal> {
    let kind = item.get("Type").and_then(Value::as_str).unwrap_or_default();
    let attribute = |name: &str| {
        item.get("Attributes")
            .and_then(|attributes| attributes.get(name))
            .and_then(Value::as_str)
    };
    let wrong = |name: &str| {
        Refusal::new(
            "InvalidPolicyAttributeException",
            format!("A policy attribute or its value is invalid: {name} of {kind}"),
        )
    };
    let span = |name: &str| {
        let length: u64 = attribute(name)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| wrong(name))?;
        match attribute("Unit") {
            Some("Days" | "Hours") if length > 0 => Ok(None),
            _ => Err(wrong("Unit")),
        }
    };
    if item.get("Version").is_some_and(|version| version != "1.0") {
        return Err(wrong("Version"));
    }
    let expires = match kind {
        "Expiration" => {
            let at = attribute("Timestamp").and_then(|text| instant(&json!(text)));
            Some(
                at.filter(|at| *at > now)
                    .ok_or_else(|| wrong("Timestamp"))?,
            )
        }
        "ExpirationNotification" => span("Before")?,
        "NoChangeNotification" => span("After")?,
        _ => {
            return Err(Refusal::new(
                "InvalidPolicyTypeException",
                format!(
                    "The policy type isn't supported: {kind}. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification."
                ),
            ));
        }
    };
    Ok(Policy {
        kind: kind.to_owned(),
        text: item.to_string(),
        expires,
    })
}

impl Policy {
    pub(super) fn shown(&self) -> Value {
        json!({ "PolicyText": self.text, "PolicyType": self.kind, "PolicyStatus": "Pending" })
    }
}
