//! Conditions of a policy statement: the operators roles here use, and whether they hold.
//!
//! Pure. String, ARN, boolean, numeric, date and null operators with `IfExists`, `ForAnyValue:` and `ForAllValues:`; IP and
//! binary operators never hold. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::collections::BTreeMap;

use serde_json::Value;

use super::evaluate::like;

/// What is known of a request beside action and resource: values by key in lower case.
pub(super) type Context = BTreeMap<String, Vec<String>>;

/// All of a statement's conditions: every one must hold.
pub(super) type Conditions = Vec<Condition>;

#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: &'static str,
    if_exists: bool,
    set: Set,
    /// As written.
    pub name: String,
    /// In lower case: keys are compared without it.
    pub key: String,
    values: Vec<String>,
}

/// How a key of several values is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    One,
    Any,
    All,
}

const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnNotEquals",
    "ArnLike",
    "ArnNotLike",
    "Null",
];

/// The conditions of a `Condition` member, or what is wrong with it.
pub(super) fn read(member: Option<&Value>) -> Result<Conditions, String> {
    let Some(member) = member else {
        return Ok(Vec::new());
    };
    let syntax = || "Syntax errors in policy.".to_owned();
    let mut conditions = Vec::new();
    for (operator, keys) in member.as_object().ok_or_else(syntax)? {
        let (set, rest) = match operator.split_once(':') {
            Some(("ForAnyValue", rest)) => (Set::Any, rest),
            Some(("ForAllValues", rest)) => (Set::All, rest),
            _ => (Set::One, operator.as_str()),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) if name != "Null" => (name, true),
            _ => (rest, false),
        };
        let known = OPERATORS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        let operator = known.ok_or_else(|| format!("Invalid Condition type : {operator}"))?;
        for (key, values) in keys.as_object().ok_or_else(syntax)? {
            if !key.contains(':') {
                return Err(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                        .to_owned(),
                );
            }
            let items = match values {
                Value::Array(items) => items.as_slice(),
                other => std::slice::from_ref(other),
            };
            let text = |value: &Value| match value {
                Value::String(text) => Ok(text.clone()),
                Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
                _ => Err(syntax()),
            };
            conditions.push(Condition {
                operator,
                if_exists,
                set,
                name: key.clone(),
                key: key.to_lowercase(),
                values: items.iter().map(text).collect::<Result<_, _>>()?,
            });
        }
    }
    Ok(conditions)
}

impl Condition {
    pub(super) fn holds(&self, context: &Context) -> bool {
        let actual = context.get(&self.key).filter(|values| !values.is_empty());
        if self.operator == "Null" {
            return self
                .values
                .iter()
                .any(|value| (value == "true") == actual.is_none());
        }
        let (base, negated) = base(self.operator);
        let Some(actual) = actual else {
            // A key that is not there fits no value, so a negated comparison of it holds; so do IfExists and ForAllValues.
            return self.if_exists || self.set == Set::All || (negated && self.set == Set::One);
        };
        let fits = |actual: &String| {
            let some = self.values.iter().any(|value| {
                substituted(value, context).is_some_and(|value| compare(base, actual, &value))
            });
            some != negated
        };
        match self.set {
            Set::One | Set::All => actual.iter().all(fits),
            Set::Any => actual.iter().any(fits),
        }
    }
}

/// The comparison an operator makes, and whether it turns it round.
fn base(operator: &'static str) -> (&'static str, bool) {
    match operator {
        "StringNotEquals" => ("StringEquals", true),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringNotLike" => ("StringLike", true),
        "NumericNotEquals" => ("NumericEquals", true),
        "DateNotEquals" => ("DateEquals", true),
        "ArnNotEquals" | "ArnNotLike" => ("ArnLike", true),
        // They do the same: both take wildcards.
        "ArnEquals" => ("ArnLike", false),
        other => (other, false),
    }
}

fn compare(operator: &str, actual: &str, value: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    // RFC 3339 sorts as text when both are in UTC, as IAM's are.
    let order = match operator {
        _ if operator.starts_with("Numeric") => number(actual)
            .zip(number(value))
            .and_then(|(actual, value)| actual.partial_cmp(&value)),
        _ if operator.starts_with("Date") => Some(actual.cmp(value)),
        _ => None,
    };
    match operator {
        "StringEquals" => actual == value,
        "StringEqualsIgnoreCase" => actual.eq_ignore_ascii_case(value),
        "StringLike" => like(value, actual),
        "Bool" => actual.eq_ignore_ascii_case(value),
        "ArnLike" => arn_like(value, actual),
        "NumericEquals" | "DateEquals" => order.is_some_and(std::cmp::Ordering::is_eq),
        "NumericLessThan" | "DateLessThan" => order.is_some_and(std::cmp::Ordering::is_lt),
        "NumericLessThanEquals" | "DateLessThanEquals" => {
            order.is_some_and(std::cmp::Ordering::is_le)
        }
        "NumericGreaterThan" | "DateGreaterThan" => order.is_some_and(std::cmp::Ordering::is_gt),
        "NumericGreaterThanEquals" | "DateGreaterThanEquals" => {
            order.is_some_and(std::cmp::Ordering::is_ge)
        }
        _ => false,
    }
}

/// Part by part, so that a wildcard does not reach over a colon.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (pattern, arn): (Vec<&str>, Vec<&str>) = (
        pattern.splitn(6, ':').collect(),
        arn.splitn(6, ':').collect(),
    );
    pattern.len() == arn.len()
        && pattern
            .iter()
            .zip(&arn)
            .all(|(pattern, part)| like(pattern, part))
}

/// The text with `${key}` replaced by the key's value; none when a key is not there.
pub(super) fn substituted(text: &str, context: &Context) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (key, after) = after.split_once('}')?;
        out.push_str(before);
        match key {
            "*" | "?" | "$" => out.push_str(key),
            _ => out.push_str(context.get(&key.to_lowercase())?.first()?),
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_as_iam_documents() {
        let context = Context::from([
            (
                "aws:requesttag/unit".to_owned(),
                vec!["contracts".to_owned()],
            ),
            (
                "aws:tagkeys".to_owned(),
                vec!["unit".to_owned(), "owner".to_owned()],
            ),
            ("aws:securetransport".to_owned(), vec!["true".to_owned()]),
            (
                "aws:sourcearn".to_owned(),
                vec!["arn:aws:ecs:us-east-1:1:service/a/b".to_owned()],
            ),
            ("s3:max-keys".to_owned(), vec!["10".to_owned()]),
        ]);
        for (condition, expected) in [
            (
                json!({ "StringEquals": { "aws:RequestTag/unit": "contracts" } }),
                true,
            ),
            (
                json!({ "StringEquals": { "aws:RequestTag/unit": ["a", "contracts"] } }),
                true,
            ),
            (
                json!({ "StringEquals": { "aws:RequestTag/unit": "Contracts" } }),
                false,
            ),
            (
                json!({ "StringEqualsIgnoreCase": { "aws:RequestTag/unit": "Contracts" } }),
                true,
            ),
            (
                json!({ "StringLike": { "aws:RequestTag/unit": "con*" } }),
                true,
            ),
            (
                json!({ "StringNotLike": { "aws:RequestTag/unit": "con*" } }),
                false,
            ),
            (
                json!({ "StringEquals": { "aws:RequestTag/other": "x" } }),
                false,
            ),
            (
                json!({ "StringEqualsIfExists": { "aws:RequestTag/other": "x" } }),
                true,
            ),
            (
                json!({ "StringNotEquals": { "aws:RequestTag/other": "x" } }),
                true,
            ),
            (json!({ "Null": { "aws:RequestTag/other": "true" } }), true),
            (json!({ "Null": { "aws:RequestTag/unit": true } }), false),
            (json!({ "Bool": { "aws:SecureTransport": true } }), true),
            (
                json!({ "ArnLike": { "aws:SourceArn": "arn:aws:ecs:*:1:service/a/*" } }),
                true,
            ),
            (json!({ "ArnLike": { "aws:SourceArn": "arn:*" } }), false),
            (
                json!({ "ArnNotEquals": { "aws:SourceArn": "arn:aws:ecs:*:2:*" } }),
                true,
            ),
            (
                json!({ "NumericLessThanEquals": { "s3:max-keys": "10" } }),
                true,
            ),
            (
                json!({ "NumericGreaterThan": { "s3:max-keys": 10 } }),
                false,
            ),
            (
                json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["unit", "owner", "x"] } }),
                true,
            ),
            (
                json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["unit"] } }),
                false,
            ),
            (
                json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["unit"] } }),
                true,
            ),
            (
                json!({ "ForAnyValue:StringEquals": { "aws:Absent": ["unit"] } }),
                false,
            ),
            (
                json!({ "StringEquals": { "aws:RequestTag/unit": "${aws:RequestTag/unit}" } }),
                true,
            ),
            (
                json!({ "StringEquals": { "aws:RequestTag/unit": "contracts", "aws:x": "y" } }),
                false,
            ),
        ] {
            let conditions = read(Some(&condition)).unwrap();
            let holds = conditions.iter().all(|condition| condition.holds(&context));
            assert_eq!(holds, expected, "{condition}");
        }
        for wrong in [
            json!([]),
            json!({ "StringIs": { "aws:x": "y" } }),
            json!({ "StringEquals": { "x": "y" } }),
            json!({ "Bool": { "aws:x": {} } }),
        ] {
            assert!(read(Some(&wrong)).is_err(), "{wrong}");
        }
    }
}
