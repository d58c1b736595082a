//! Space-delimited patterns: `[ip, user, ..., status = 4* || status = 500, size]`.
//!
//! Pure. A message's fields are separated by spaces; what is in quotes or brackets is one field.

use std::collections::BTreeMap;

use super::comparison::Comparison;

#[derive(Debug, Clone)]
pub(super) struct Fields {
    before: Vec<Field>,
    /// What follows `...`, when there is one.
    after: Option<Vec<Field>>,
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    /// One of these must hold whole, when there are any.
    any: Vec<Vec<Comparison>>,
}

const FIELDS_MAX: usize = 100;

impl Fields {
    /// Of what stands between the brackets.
    pub(super) fn parse(text: &str) -> Result<Fields, String> {
        let (mut before, mut after): (Vec<Field>, Option<Vec<Field>>) = (Vec::new(), None);
        for part in split(text) {
            let part = part.trim();
            match (part, &mut after) {
                ("...", None) => after = Some(Vec::new()),
                ("...", Some(_)) => return Err("a second '...'".to_owned()),
                (part, None) => before.push(Field::parse(part)?),
                (part, Some(after)) => after.push(Field::parse(part)?),
            }
        }
        if before.len() + after.as_ref().map_or(0, Vec::len) > FIELDS_MAX {
            return Err(format!("more than {FIELDS_MAX} fields"));
        }
        Ok(Fields { before, after })
    }

    pub(super) fn matches(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let parts = parts(message);
        let placed = self.placed(&parts)?;
        let holds =
            |(field, value): &(Option<&Field>, &str)| field.is_none_or(|field| field.holds(value));
        placed.iter().all(holds).then(|| named(&placed))
    }

    /// The fields of a message by name, whether or not the comparisons hold.
    pub(super) fn values(&self, message: &str) -> Option<BTreeMap<String, String>> {
        Some(named(&self.placed(&parts(message))?))
    }

    pub(super) fn has(&self, reference: &str) -> bool {
        let name = reference.strip_prefix('$').unwrap_or_default();
        let fields = self.before.iter().chain(self.after.iter().flatten());
        fields.into_iter().any(|field| field.name == name)
    }

    /// Each part of a message with the field it is; those that `...` stands for are no field's.
    fn placed<'a>(&'a self, parts: &[&'a str]) -> Option<Vec<(Option<&'a Field>, &'a str)>> {
        let after = self.after.as_deref().unwrap_or_default();
        let skipped = parts.len().checked_sub(self.before.len() + after.len())?;
        if self.after.is_none() && skipped > 0 {
            return None;
        }
        let fields = self.before.iter().map(Some);
        let fields = fields
            .chain(std::iter::repeat_n(None, skipped))
            .chain(after.iter().map(Some));
        Some(fields.zip(parts.iter().copied()).collect())
    }
}

impl Field {
    fn parse(text: &str) -> Result<Field, String> {
        let word = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        let mut rest = text;
        let mut name = None;
        let mut any = vec![Vec::new()];
        loop {
            let end = rest.find(|letter| !word(letter)).unwrap_or(rest.len());
            let (found, after) = rest.split_at(end);
            // The name is repeated before every comparison.
            if found.is_empty() || name.is_some_and(|name| name != found) {
                return Err(format!("'{text}' is not a field and what it must be"));
            }
            let after = after.trim();
            // A name alone may be anything.
            if after.is_empty() && name.is_none() {
                name = Some(found);
                break;
            }
            name = Some(found);
            let (comparison, after) = Comparison::parse(after)?;
            if let Some(all) = any.last_mut() {
                all.push(comparison);
            }
            let after = after.trim();
            if after.is_empty() {
                break;
            } else if let Some(next) = after.strip_prefix("||") {
                any.push(Vec::new());
                rest = next.trim_start();
            } else if let Some(next) = after.strip_prefix("&&") {
                rest = next.trim_start();
            } else {
                return Err(format!("unexpected '{after}'"));
            }
        }
        any.retain(|all| !all.is_empty());
        Ok(Field {
            name: name.unwrap_or_default().to_owned(),
            any,
        })
    }

    fn holds(&self, value: &str) -> bool {
        self.any.is_empty()
            || self
                .any
                .iter()
                .any(|all| all.iter().all(|comparison| comparison.holds_of(value)))
    }
}

/// By `$name`, or `$` and the place for those that `...` stands for.
fn named(placed: &[(Option<&Field>, &str)]) -> BTreeMap<String, String> {
    let name = |(number, (field, value)): (usize, &(Option<&Field>, &str))| {
        let name = field.map_or_else(|| format!("${number}"), |field| format!("${}", field.name));
        (name, (*value).to_owned())
    };
    (1..).zip(placed).map(name).collect()
}

/// At the commas that are not in quotes or in a regular expression.
fn split(text: &str) -> Vec<&str> {
    let mut inside = None;
    text.split(|letter| {
        match (inside, letter) {
            (None, '"' | '%') => inside = Some(letter),
            (Some(open), letter) if open == letter => inside = None,
            _ => {}
        }
        inside.is_none() && letter == ','
    })
    .collect()
}

/// The fields of a message: `10/Oct/2000` of `[10/Oct/2000]`, `a b` of `"a b"`.
fn parts(message: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = message.trim();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = close.and_then(|close| rest[1..].split_once(close));
        let (part, after) =
            enclosed.unwrap_or_else(|| rest.split_once(char::is_whitespace).unwrap_or((rest, "")));
        parts.push(part);
        rest = after.trim_start();
    }
    parts
}
