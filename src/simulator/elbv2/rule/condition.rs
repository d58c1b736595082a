//! What a request must be like for a rule to apply.
//!
//! Takes the `Conditions` of a call, gives them as what they mean, and back the way AWS writes them: the short and the
//! long form, whichever the caller used. Pure.

use serde_json::{Value, json};

use super::invalid;
use crate::simulator::call::{Call, Refusal};

/// AWS's quota of values in the conditions of one rule.
pub(in crate::simulator::elbv2) const CONDITION_VALUES_MAX: usize = 5;

/// A request must match one pattern of every condition.
#[derive(Debug, Clone)]
pub(in crate::simulator::elbv2) enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
}

impl Condition {
    fn parse_one(condition: &Value) -> Result<Condition, Refusal> {
        let field = condition
            .get("Field")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (config, make): (&str, fn(Vec<String>) -> Condition) = match field {
            "host-header" => ("HostHeaderConfig", Condition::Host),
            "path-pattern" => ("PathPatternConfig", Condition::Path),
            "http-header" | "http-request-method" | "query-string" | "source-ip" => {
                return Err(invalid(format!(
                    "The simulator does not model conditions on '{field}'"
                )));
            }
            other => {
                let message = format!(
                    "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
                );
                return Err(invalid(message));
            }
        };
        let texts = |value: Option<&Value>| -> Vec<String> {
            let list = value
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let (short, long) = (
            texts(condition.get("Values")),
            texts(condition.get(config).and_then(|c| c.get("Values"))),
        );
        if !short.is_empty() && !long.is_empty() {
            return Err(invalid(format!(
                "You cannot provide both Values and '{config}' for a condition of type '{field}'"
            )));
        }
        if short.len() > 1 {
            return Err(invalid(format!(
                "The '{field}' field contains too many values; the limit is '1'"
            )));
        }
        let values = if long.is_empty() { short } else { long };
        if values.is_empty() {
            return Err(invalid("A condition value must be specified"));
        }
        if values
            .iter()
            .any(|value| value.is_empty() || value.len() > 128)
        {
            return Err(invalid(format!(
                "The '{field}' value is too long; the limit is '128'"
            )));
        }
        Ok(make(values))
    }

    fn values(&self) -> &[String] {
        match self {
            Condition::Host(values) | Condition::Path(values) => values,
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Condition::Host(_) => "host-header",
            Condition::Path(_) => "path-pattern",
        }
    }

    pub(super) fn describe(&self) -> Value {
        let config = match self {
            Condition::Host(_) => "HostHeaderConfig",
            Condition::Path(_) => "PathPatternConfig",
        };
        json!({ "Field": self.field(), "Values": self.values(), config: { "Values": self.values() } })
    }
}

pub(super) fn parse(call: &Call) -> Result<Vec<Condition>, Refusal> {
    let conditions: Vec<Condition> = call
        .list("Conditions")
        .iter()
        .map(Condition::parse_one)
        .collect::<Result<_, _>>()?;
    for (index, condition) in conditions.iter().enumerate() {
        if conditions[..index]
            .iter()
            .any(|earlier| earlier.field() == condition.field())
        {
            return Err(invalid(format!(
                "A rule can only have one '{}' condition",
                condition.field()
            )));
        }
    }
    let values: usize = conditions
        .iter()
        .map(|condition| condition.values().len())
        .sum();
    if values > CONDITION_VALUES_MAX {
        return Err(invalid(format!(
            "A rule can only have '{CONDITION_VALUES_MAX}' condition values"
        )));
    }
    Ok(conditions)
}
