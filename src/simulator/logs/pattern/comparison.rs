//! One comparison of a filter pattern: an operator and what stands right of it.
//!
//! Pure; shared by space-delimited fields and JSON selectors.

use regex_lite::Regex;
use serde_json::Value;

use super::{quoted, regex};

#[derive(Debug, Clone)]
pub(super) struct Comparison {
    operator: Operator,
    operand: Operand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone)]
enum Operand {
    Number(f64),
    /// Parts of which `*` stands between.
    Text(Vec<String>),
    Expression(Regex),
}

/// The longer first.
const OPERATORS: [(&str, Operator); 6] = [
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Comparison {
    /// The comparison `text` begins with, and what follows it.
    pub(super) fn parse(text: &str) -> Result<(Comparison, &str), String> {
        let text = text.trim_start();
        let found = OPERATORS
            .into_iter()
            .find_map(|(word, operator)| Some((operator, text.strip_prefix(word)?)));
        let (operator, rest) = found.ok_or_else(|| format!("no operator in '{text}'"))?;
        let rest = rest.trim_start();
        let (operand, rest) = if let Some(inside) = rest.strip_prefix('"') {
            let (phrase, rest) = quoted(inside)?;
            (
                Operand::Text(phrase.split('*').map(str::to_owned).collect()),
                rest,
            )
        } else if let Some(inside) = rest.strip_prefix('%') {
            let (expression, rest) = inside
                .split_once('%')
                .ok_or("a regular expression does not end with %")?;
            (Operand::Expression(regex(expression)?), rest)
        } else {
            let stop = |letter: char| letter.is_whitespace() || "()&|,".contains(letter);
            let (word, rest) = rest.split_at(rest.find(stop).unwrap_or(rest.len()));
            if word.is_empty() {
                return Err("nothing to compare with".to_owned());
            }
            let number = word.parse().ok().filter(|number: &f64| number.is_finite());
            let text = || Operand::Text(word.split('*').map(str::to_owned).collect());
            (number.map_or_else(text, Operand::Number), rest)
        };
        let orders = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if orders && !matches!(operand, Operand::Number(_)) {
            return Err("only numbers are greater or less".to_owned());
        }
        Ok((Comparison { operator, operand }, rest))
    }

    /// Whether it holds of a field's text.
    pub(super) fn holds_of(&self, text: &str) -> bool {
        let equal = match &self.operand {
            Operand::Expression(regex) => regex.is_match(text),
            Operand::Text(parts) => wild(parts, text),
            Operand::Number(number) => {
                let Ok(actual) = text.parse::<f64>() else {
                    return self.operator == Operator::NotEqual;
                };
                return self.orders(actual, *number);
            }
        };
        equal == (self.operator == Operator::Equal)
    }

    /// Whether it holds of a JSON value; of a list or an object nothing does.
    pub(super) fn holds_of_json(&self, value: &Value) -> bool {
        match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => self.holds_of(&text_of(value)),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn orders(&self, actual: f64, number: f64) -> bool {
        match self.operator {
            Operator::Equal => actual == number,
            Operator::NotEqual => actual != number,
            Operator::Less => actual < number,
            Operator::LessOrEqual => actual <= number,
            Operator::Greater => actual > number,
            Operator::GreaterOrEqual => actual >= number,
        }
    }
}

/// A JSON value as extracted values show it.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn wild(parts: &[String], text: &str) -> bool {
    let ([first, middle @ .., last], true) = (parts, parts.len() > 1) else {
        return parts.first().is_some_and(|only| only == text);
    };
    let Some(mut rest) = text
        .strip_prefix(first.as_str())
        .and_then(|rest| rest.strip_suffix(last.as_str()))
    else {
        return false;
    };
    for part in middle {
        let Some((_, after)) = rest.split_once(part.as_str()) else {
            return false;
        };
        rest = after;
    }
    true
}
