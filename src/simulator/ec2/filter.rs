//! EC2's filters: names with values, all of the names and any of the values, `*` and `?` standing for letters.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>

use super::INVALID;
use crate::simulator::call::{Call, Refusal};

/// A filter's name with the texts a thing has under it.
pub(super) type Field = (&'static str, Vec<String>);

pub(super) struct Filters(Vec<(String, Vec<String>)>);

/// AWS's limits.
const FILTERS_MAX: usize = 50;
const VALUES_MAX: usize = 200;

impl Filters {
    /// The filters of a request; `names` are those the operation has. Nothing here is tagged, so filters by tag pass
    /// nothing.
    pub(super) fn of(call: &Call, names: &[&str]) -> Result<Self, Refusal> {
        let given = call.structures("Filter")?;
        if given.len() > FILTERS_MAX {
            let message = format!("The maximum number of filters is {FILTERS_MAX}");
            return Err(Refusal::new("FilterLimitExceeded", message));
        }
        let mut filters = Vec::new();
        for filter in given {
            let missing = || {
                Refusal::new(
                    "MissingParameter",
                    "The request must contain the parameter Filter.Name",
                )
            };
            let name = filter
                .optional_text("Name")?
                .ok_or_else(missing)?
                .to_owned();
            let values = filter.optional_texts("Value")?;
            let by_tag = name == "tag-key" || name.starts_with("tag:");
            if !by_tag && !names.contains(&name.as_str()) {
                let message = format!("The filter '{name}' is invalid");
                return Err(Refusal::new(INVALID, message));
            }
            if values.is_empty() {
                return Err(Refusal::new(
                    INVALID,
                    format!("The filter '{name}' has no values"),
                ));
            }
            if values.len() > VALUES_MAX {
                let message = format!("The maximum number of filter values is {VALUES_MAX}");
                return Err(Refusal::new("FilterLimitExceeded", message));
            }
            filters.push((name, values));
        }
        Ok(Filters(filters))
    }

    pub(super) fn pass(&self, fields: &[Field]) -> bool {
        self.0.iter().all(|(name, patterns)| {
            fields
                .iter()
                .filter(|(field, _)| field == name)
                .flat_map(|(_, texts)| texts)
                .any(|text| patterns.iter().any(|pattern| matches(pattern, text)))
        })
    }
}

/// Whether `text` is an instance of `pattern`. Goes back to the last `*` only, so it takes no longer than the product
/// of the two lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(place) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((starred, taken)) => {
                    star = Some((starred, taken + 1));
                    at = starred + 1;
                    place = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks_stand_for_letters() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("h*-?lb", "hokusai-development-alb", true),
            ("h*-?lb", "hokusai-development-tasks", false),
            ("*a*b", "xaxbxab", true),
            ("?", "", false),
            ("a*", "a", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
