//! Policy documents: whether one is well formed, and what a set of them allows.
//!
//! Pure. Reads the parts a task's roles use: Effect, Action, NotAction, Resource, NotResource, Principal. Conditions are
//! taken as met.

use serde_json::Value;

use super::super::call::Refusal;

/// What ECS's own managed policy allows.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECSTaskExecutionRolePolicy.html>
const TASK_EXECUTION: (&str, &str) = (
    "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream",
    "logs:PutLogEvents"],"Resource":"*"}]}"#,
);

/// The document of an AWS managed policy; the simulator has one.
pub(super) fn managed(arn: &str) -> Option<&'static str> {
    let (known, document) = TASK_EXECUTION;
    (arn == known).then_some(document)
}

/// Refuses what is no trust policy.
pub(super) fn check_trust(document: &str) -> Result<(), Refusal> {
    for statement in checked(document)? {
        if statement.get("Resource").is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            return Err(malformed("Missing required field Principal"));
        }
    }
    Ok(())
}

/// Refuses what is no identity policy.
pub(super) fn check_identity(document: &str) -> Result<(), Refusal> {
    for statement in checked(document)? {
        if statement.get("Principal").is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

/// What counts towards a size quota: all but white space.
pub(super) fn counted_characters(document: &str) -> usize {
    document
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// IAM returns documents percent-encoded (RFC 3986).
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html>
pub(super) fn url_encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Whether some statement of `documents` allows `action` on `resource` and none denies it.
pub(super) fn allows<'a>(
    documents: impl Iterator<Item = &'a str>,
    action: &str,
    resource: &str,
) -> bool {
    let mut allowed = false;
    for statement in documents.flat_map(statements) {
        let action_fits = fits(&statement, "Action", "NotAction", |pattern| {
            like(&pattern.to_lowercase(), &action.to_lowercase())
        });
        if !action_fits
            || !fits(&statement, "Resource", "NotResource", |pattern| {
                like(pattern, resource)
            })
        {
            continue;
        }
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") => return false,
            Some("Allow") => allowed = true,
            _ => {}
        }
    }
    allowed
}

/// Whether a trust policy lets a service assume the role.
pub(super) fn trusts(document: &str, service: &str) -> bool {
    statements(document).iter().any(|statement| {
        let principal = statement.get("Principal");
        let services = principal
            .and_then(|principal| principal.get("Service"))
            .map(texts)
            .unwrap_or_default();
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && fits(statement, "Action", "NotAction", |pattern| {
                like(&pattern.to_lowercase(), "sts:assumerole")
            })
            && (services.contains(&service) || principal.and_then(Value::as_str) == Some("*"))
    })
}

/// Whether `text` is of the form `pattern`, where `*` stands for any run and `?` for any one character.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // The last star seen, and where in the text it was tried: on a mismatch it swallows one character more.
    let (mut at, mut in_text, mut star) = (0, 0, None);
    while in_text < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((star_at, tried)) = star else {
                    return false;
                };
                star = Some((star_at, tried + 1));
                at = star_at + 1;
                in_text = tried + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

fn fits(statement: &Value, member: &str, inverse: &str, matches: impl Fn(&str) -> bool) -> bool {
    match (statement.get(member), statement.get(inverse)) {
        (Some(patterns), _) => texts(patterns).into_iter().any(&matches),
        (None, Some(patterns)) => !texts(patterns).into_iter().any(&matches),
        (None, None) => false,
    }
}

/// A text, or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// The statements of a document that was checked when it was put.
fn statements(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement) => vec![statement.clone()],
        None => Vec::new(),
    }
}

fn checked(document: &str) -> Result<Vec<Value>, Refusal> {
    let parsed: Value = serde_json::from_str(document)
        .map_err(|_| malformed("This policy contains invalid Json"))?;
    if !parsed.is_object() {
        return Err(malformed("Syntax errors in policy."));
    }
    if let Some(version) = parsed.get("Version")
        && !["2012-10-17", "2008-10-17"].contains(&version.as_str().unwrap_or_default())
    {
        return Err(malformed("The policy document has an unsupported Version"));
    }
    let statements = statements(document);
    if statements.is_empty() {
        return Err(malformed(
            "Policy document must contain at least one Statement",
        ));
    }
    for statement in &statements {
        let effect = statement.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny")) {
            return Err(malformed(
                "Syntax errors in policy: a statement's Effect is Allow or Deny",
            ));
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            return Err(malformed("Policy statement must contain actions."));
        }
        let vendor = |action: &&str| *action != "*" && !action.contains(':');
        if let Some(action) = statement
            .get("Action")
            .map(texts)
            .unwrap_or_default()
            .into_iter()
            .find(vendor)
        {
            return Err(malformed(&format!(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam: {action}"
            )));
        }
    }
    Ok(statements)
}

fn malformed(message: &str) -> Refusal {
    Refusal::new("MalformedPolicyDocument", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xxaxxb", true),
            (
                "arn:aws:ssm:*:*:parameter/x/*",
                "arn:aws:ssm:us-east-1:1:parameter/x/y",
                true,
            ),
            (
                "arn:aws:ssm:*:*:parameter/x/*",
                "arn:aws:ssm:us-east-1:1:parameter/z/y",
                false,
            ),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_wins_and_silence_is_a_denial() {
        let allow = r#"{"Statement":{"Effect":"Allow","Action":"ssm:Get*","Resource":"*"}}"#;
        let deny =
            r#"{"Statement":[{"Effect":"Deny","NotAction":"ssm:GetParameters","Resource":"*"}]}"#;
        assert!(allows([allow].into_iter(), "ssm:GetParameter", "x"));
        assert!(!allows([allow, deny].into_iter(), "ssm:GetParameter", "x"));
        assert!(allows([allow, deny].into_iter(), "ssm:GetParameters", "x"));
        assert!(!allows([allow].into_iter(), "logs:PutLogEvents", "x"));
        assert!(!allows(std::iter::empty(), "ssm:GetParameter", "x"));
    }
}
