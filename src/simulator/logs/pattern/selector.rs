//! JSON patterns: `$.a.b[0] = "x*" && ($.n > 3 || $.m NOT EXISTS)`.
//!
//! Pure. AND binds closer than OR. `[*]` means any element.

use std::collections::BTreeMap;

use serde_json::Value;

use super::comparison::{Comparison, text_of};

#[derive(Debug, Clone)]
pub(super) enum Selector {
    All(Vec<Selector>),
    Any(Vec<Selector>),
    Test(Path, Test),
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    Compare(Comparison),
    True,
    False,
    Null,
    Exists,
    Absent,
}

/// `$.a['b'][0]`.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// As written.
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Member(String),
    Element(usize),
    Every,
}

const DEPTH_MAX: usize = 32;

impl Selector {
    /// Of what stands between the braces.
    pub(super) fn parse(text: &str) -> Result<Selector, String> {
        let (selector, rest) = any(text, 0)?;
        if rest.trim().is_empty() {
            Ok(selector)
        } else {
            Err(format!("unexpected '{}'", rest.trim()))
        }
    }

    /// The values the pattern looked at, when it matches.
    pub(super) fn matches(&self, value: &Value) -> Option<BTreeMap<String, String>> {
        let mut taken = BTreeMap::new();
        self.holds(value).then(|| {
            self.take(value, &mut taken);
            taken
        })
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Selector::All(all) => all.iter().all(|selector| selector.holds(value)),
            Selector::Any(any) => any.iter().any(|selector| selector.holds(value)),
            Selector::Test(path, test) => {
                let found = path.find(value);
                match test {
                    Test::Absent => found.is_empty(),
                    Test::Exists => !found.is_empty(),
                    Test::Null => found.iter().any(|value| value.is_null()),
                    Test::True => found.iter().any(|value| **value == true),
                    Test::False => found.iter().any(|value| **value == false),
                    Test::Compare(comparison) => {
                        found.iter().any(|value| comparison.holds_of_json(value))
                    }
                }
            }
        }
    }

    fn take(&self, value: &Value, taken: &mut BTreeMap<String, String>) {
        match self {
            Selector::All(all) | Selector::Any(all) => {
                all.iter().for_each(|selector| selector.take(value, taken))
            }
            Selector::Test(path, _) => {
                if let Some(first) = path.find(value).first() {
                    taken.insert(path.text.clone(), text_of(first));
                }
            }
        }
    }
}

fn any(text: &str, depth: usize) -> Result<(Selector, &str), String> {
    let (first, mut rest) = all(text, depth)?;
    let mut alternatives = vec![first];
    while let Some(next) = rest.trim_start().strip_prefix("||") {
        let (selector, after) = all(next, depth)?;
        alternatives.push(selector);
        rest = after;
    }
    Ok((Selector::Any(alternatives), rest))
}

fn all(text: &str, depth: usize) -> Result<(Selector, &str), String> {
    let (first, mut rest) = one(text, depth)?;
    let mut parts = vec![first];
    while let Some(next) = rest.trim_start().strip_prefix("&&") {
        let (selector, after) = one(next, depth)?;
        parts.push(selector);
        rest = after;
    }
    Ok((Selector::All(parts), rest))
}

fn one(text: &str, depth: usize) -> Result<(Selector, &str), String> {
    if depth > DEPTH_MAX {
        return Err("brackets nest too deep".to_owned());
    }
    let text = text.trim_start();
    if let Some(inside) = text.strip_prefix('(') {
        let (selector, rest) = any(inside, depth + 1)?;
        let rest = rest
            .trim_start()
            .strip_prefix(')')
            .ok_or("no closing ')'")?;
        return Ok((selector, rest));
    }
    let (path, rest) = Path::read(text)?;
    let rest = rest.trim_start();
    let words = [
        ("IS TRUE", Test::True),
        ("IS FALSE", Test::False),
        ("IS NULL", Test::Null),
        ("NOT EXISTS", Test::Absent),
        ("EXISTS", Test::Exists),
    ];
    for (word, test) in words {
        let found = rest
            .get(..word.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(word));
        if found {
            return Ok((Selector::Test(path, test), &rest[word.len()..]));
        }
    }
    let (comparison, rest) = Comparison::parse(rest)?;
    Ok((Selector::Test(path, Test::Compare(comparison)), rest))
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let (path, rest) = Path::read(text)?;
        if rest.is_empty() {
            Ok(path)
        } else {
            Err(format!("'{text}' is not a selector"))
        }
    }

    fn read(text: &str) -> Result<(Path, &str), String> {
        let wrong = || format!("'{text}' does not begin with a selector such as $.name");
        let mut rest = text.strip_prefix("$").ok_or_else(wrong)?;
        let mut steps = Vec::new();
        loop {
            if let Some(after) = rest.strip_prefix("['").or_else(|| rest.strip_prefix(".['")) {
                let (name, after) = after.split_once("']").ok_or_else(wrong)?;
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or_else(wrong)?;
                steps.push(match index {
                    "*" => Step::Every,
                    digits => Step::Element(digits.parse().map_err(|_| wrong())?),
                });
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.') {
                let word = |letter: char| letter.is_alphanumeric() || "_-".contains(letter);
                let (name, after) =
                    after.split_at(after.find(|letter| !word(letter)).unwrap_or(after.len()));
                if name.is_empty() {
                    return Err(wrong());
                }
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            } else {
                break;
            }
        }
        if steps.is_empty() {
            return Err(wrong());
        }
        let path = Path {
            text: text[..text.len() - rest.len()].to_owned(),
            steps,
        };
        Ok((path, rest))
    }

    pub(super) fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| match step {
                    Step::Member(name) => value.get(name).into_iter().collect::<Vec<_>>(),
                    Step::Element(at) => value.get(at).into_iter().collect(),
                    Step::Every => value.as_array().into_iter().flatten().collect(),
                })
                .collect();
        }
        found
    }
}
