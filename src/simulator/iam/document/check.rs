//! Whether a policy document is well formed.
//!
//! Pure. The words of a refusal are AWS's where they are known: they are those its IAM service gave to the tests of
//! github.com/getmoto/moto, `tests/test_iam/test_iam_policies.py`.

use serde_json::{Map, Value};

use super::super::condition;
use super::texts;
use crate::simulator::call::Refusal;

/// Whose policy a document is: a role's trust, or what an identity may do, written with it or apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Trust,
    Inline,
    Managed,
}

/// Refuses what is no trust policy.
pub(in crate::simulator::iam) fn check_trust(document: &str) -> Result<(), Refusal> {
    check(document, Kind::Trust)
}

/// Refuses what is no inline policy.
pub(in crate::simulator::iam) fn check_inline(document: &str) -> Result<(), Refusal> {
    check(document, Kind::Inline)
}

/// Refuses what is no managed policy.
pub(in crate::simulator::iam) fn check_managed(document: &str) -> Result<(), Refusal> {
    check(document, Kind::Managed)
}

fn check(document: &str, kind: Kind) -> Result<(), Refusal> {
    let parsed: Value = serde_json::from_str(document)
        .map_err(|_| malformed("This policy contains invalid Json"))?;
    let members = parsed.as_object().ok_or_else(syntax)?;
    if members
        .keys()
        .any(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
    {
        return Err(syntax());
    }
    match members
        .get("Version")
        .map(|version| version.as_str().unwrap_or_default())
    {
        Some("2012-10-17") => {}
        // No version means the older language, which only managed policies may not be of.
        None | Some("2008-10-17") if kind != Kind::Managed => {}
        None | Some("2008-10-17") => {
            return Err(malformed(
                "Policy document must be version 2012-10-17 or greater.",
            ));
        }
        Some(_) => return Err(syntax()),
    }
    let statements = match members.get("Statement") {
        None => return Err(syntax()),
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
    };
    if statements.is_empty() {
        return Err(syntax());
    }
    let mut ids = Vec::new();
    for statement in statements {
        let statement = statement.as_object().ok_or_else(syntax)?;
        check_statement(statement, kind)?;
        if let Some(id) = statement.get("Sid") {
            let id = id.as_str().ok_or_else(syntax)?;
            if kind != Kind::Trust && !id.chars().all(|letter| letter.is_ascii_alphanumeric()) {
                return Err(malformed(
                    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
                     [0-9A-Za-z]*",
                ));
            }
            if !id.is_empty() && ids.contains(&id) {
                return Err(malformed(
                    "Statement IDs (SID) in a single policy must be unique.",
                ));
            }
            ids.push(id);
        }
    }
    Ok(())
}

fn check_statement(statement: &Map<String, Value>, kind: Kind) -> Result<(), Refusal> {
    const MEMBERS: [&str; 9] = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let has = |member: &str| statement.contains_key(member);
    if statement.keys().any(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(syntax());
    }
    for (member, inverse) in [
        ("Principal", "NotPrincipal"),
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
    ] {
        if has(member) && has(inverse) {
            return Err(syntax());
        }
    }
    if !matches!(
        statement.get("Effect").and_then(Value::as_str),
        Some("Allow" | "Deny")
    ) {
        return Err(syntax());
    }
    match kind {
        Kind::Trust if has("Resource") || has("NotResource") => {
            return Err(malformed("Has prohibited field Resource"));
        }
        Kind::Trust if !has("Principal") && !has("NotPrincipal") => {
            return Err(malformed("Missing required field Principal"));
        }
        Kind::Inline | Kind::Managed if has("Principal") || has("NotPrincipal") => {
            return Err(malformed("Policy document should not specify a principal."));
        }
        _ => {}
    }
    let all_text = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(items) => items.iter().all(Value::is_string),
        _ => false,
    };
    let member = |one: &str, other: &str| statement.get(one).or(statement.get(other));
    let actions = member("Action", "NotAction").ok_or_else(|| {
        malformed(match kind {
            Kind::Trust => "Missing required field Action",
            Kind::Inline | Kind::Managed => "Policy statement must contain actions.",
        })
    })?;
    if !all_text(actions) {
        return Err(syntax());
    }
    let actions = texts(actions);
    if actions.is_empty() {
        return Err(malformed("Policy statement must contain actions."));
    }
    for action in &actions {
        check_action(action, kind)?;
    }
    if let Some(value) = statement.get("Condition") {
        condition::read(Some(value)).map_err(|problem| malformed(&problem))?;
    }
    if kind != Kind::Trust {
        let resources = member("Resource", "NotResource")
            .ok_or_else(|| malformed("Policy statement must contain resources."))?;
        if !all_text(resources) {
            return Err(syntax());
        }
        let resources = texts(resources);
        if resources.is_empty() {
            return Err(malformed("Policy statement must contain resources."));
        }
        for resource in &resources {
            check_resource(resource)?;
        }
    } else if let Some(principal) = statement.get("Principal") {
        check_principal(principal)?;
    }
    Ok(())
}

fn check_action(action: &str, kind: Kind) -> Result<(), Refusal> {
    if action == "*" && kind != Kind::Trust {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return Err(malformed(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ));
    };
    if vendor.is_empty()
        || !vendor
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
    {
        return Err(malformed(&format!("Vendor {vendor} is not valid")));
    }
    if name.is_empty() || name.contains(':') {
        return Err(malformed("Actions/Condition can contain only one colon."));
    }
    let lower = vendor.to_lowercase();
    if kind == Kind::Trust && lower != "sts" {
        return Err(malformed(
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ));
    }
    Ok(())
}

fn check_resource(resource: &str) -> Result<(), Refusal> {
    if resource == "*" {
        return Ok(());
    }
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let wild = resource.contains('*');
    if parts.first() != Some(&"arn") || (parts.len() < 6 && !wild) {
        return Err(malformed(&format!(
            "Resource {resource} must be in ARN format or \"*\"."
        )));
    }
    let partition = parts.get(1).copied().unwrap_or_default();
    if !["aws", "aws-cn", "aws-us-gov"].contains(&partition) && !partition.contains('*') {
        return Err(malformed(&format!(
            "Partition \"{partition}\" is not valid for resource \"{resource}\"."
        )));
    }
    Ok(())
}

fn check_principal(principal: &Value) -> Result<(), Refusal> {
    let of_kind = |(kind, value): (&String, &Value)| {
        ["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str())
            && !texts(value).is_empty()
    };
    let fine = match principal {
        Value::String(text) => text == "*",
        Value::Object(kinds) => !kinds.is_empty() && kinds.iter().all(of_kind),
        _ => false,
    };
    if fine {
        Ok(())
    } else {
        Err(malformed("Invalid principal in policy"))
    }
}

fn syntax() -> Refusal {
    malformed("Syntax errors in policy.")
}

fn malformed(message: &str) -> Refusal {
    Refusal::new("MalformedPolicyDocument", message)
}
