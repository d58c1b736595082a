//! Metric math: the arithmetic alarms and dashboards use.
//!
//! Pure. Numbers, ids, `+ - * / ^`, comparisons, `IF`, `FILL`, and the functions `parse` knows; `METRICS()` is
//! every metric asked for. Everything else AWS has (SEARCH, ANOMALY_DETECTION_BAND, …) is a problem in words, not a wrong result.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>

mod parse;

use std::collections::BTreeMap;

pub(super) use self::parse::parse;
use crate::simulator::call::Millis;

/// Values by time.
pub(super) type Points = BTreeMap<Millis, f64>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Id(String),
    Operation(char, Box<Expression>, Box<Expression>),
    Function(&'static str, Vec<Expression>),
    List(Vec<Expression>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Computed {
    Number(f64),
    Series(Points),
    Many(Vec<Points>),
}

/// What an expression may use.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Values by id.
    pub values: BTreeMap<String, Computed>,
    /// What `METRICS()` gives.
    pub metrics: Vec<Points>,
    /// Every period's beginning: where `FILL` fills.
    pub times: Vec<Millis>,
}

/// Ids begin with a lower-case letter.
pub(super) fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= 255
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

impl Expression {
    /// The ids it uses.
    pub(super) fn ids(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Expression::Number(_) => Box::new(std::iter::empty()),
            Expression::Id(id) => Box::new(std::iter::once(id.as_str())),
            Expression::Operation(_, left, right) => Box::new(left.ids().chain(right.ids())),
            Expression::Function(_, inside) | Expression::List(inside) => {
                Box::new(inside.iter().flat_map(Expression::ids))
            }
        }
    }

    /// Its value among those already known.
    pub(super) fn value(&self, known: &Known) -> Result<Computed, String> {
        match self {
            Expression::Number(number) => Ok(Computed::Number(*number)),
            Expression::Id(id) => known
                .values
                .get(id)
                .cloned()
                .ok_or_else(|| format!("undefined variable {id}")),
            Expression::Operation(operator, left, right) => {
                let (left, right) = (left.value(known)?, right.value(known)?);
                each(left, &right, &|left, right| operate(*operator, left, right))
            }
            Expression::List(items) => items
                .iter()
                .map(|item| match item.value(known)? {
                    Computed::Series(points) => Ok(points),
                    _ => Err("an array holds time series only".to_owned()),
                })
                .collect::<Result<_, _>>()
                .map(Computed::Many),
            Expression::Function("METRICS", _) => Ok(Computed::Many(known.metrics.clone())),
            Expression::Function(name, arguments) => {
                let values = arguments
                    .iter()
                    .map(|argument| argument.value(known))
                    .collect::<Result<Vec<_>, _>>()?;
                call(name, &values, &known.times)
            }
        }
    }
}

fn operate(operator: char, left: f64, right: f64) -> Option<f64> {
    let truth = |word: bool| f64::from(u8::from(word));
    let value = match operator {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        // A point that cannot be computed is left out.
        '/' => left / right,
        '^' => left.powf(right),
        '>' => truth(left > right),
        '<' => truth(left < right),
        'g' => truth(left >= right),
        'l' => truth(left <= right),
        '=' => truth(left == right),
        'n' => truth(left != right),
        '&' => truth(left != 0.0 && right != 0.0),
        '|' => truth(left != 0.0 || right != 0.0),
        _ => return None,
    };
    value.is_finite().then_some(value)
}

/// Applies `operation` point by point; a number stands at every point, a point that only one side has is left out.
fn each(
    left: Computed,
    right: &Computed,
    operation: &dyn Fn(f64, f64) -> Option<f64>,
) -> Result<Computed, String> {
    let series = |points: &Points, with: &dyn Fn(&Millis, f64) -> Option<f64>| {
        points
            .iter()
            .filter_map(|(at, value)| Some((*at, with(at, *value)?)))
            .collect::<Points>()
    };
    Ok(match (left, right) {
        (Computed::Number(left), Computed::Number(right)) => {
            Computed::Number(operation(left, *right).ok_or("the expression has no finite value")?)
        }
        (Computed::Series(left), Computed::Number(right)) => {
            Computed::Series(series(&left, &|_, value| operation(value, *right)))
        }
        (Computed::Number(left), Computed::Series(right)) => {
            Computed::Series(series(right, &|_, value| operation(left, value)))
        }
        (Computed::Series(left), Computed::Series(right)) => {
            Computed::Series(series(&left, &|at, value| {
                operation(value, *right.get(at)?)
            }))
        }
        (Computed::Many(left), right) => Computed::Many(
            left.into_iter()
                .map(
                    |points| match each(Computed::Series(points), right, operation)? {
                        Computed::Series(points) => Ok(points),
                        _ => Err("an array cannot be combined with an array".to_owned()),
                    },
                )
                .collect::<Result<_, _>>()?,
        ),
        (_, Computed::Many(_)) => return Err("an array stands left of an operator only".to_owned()),
    })
}

fn call(name: &str, values: &[Computed], times: &[Millis]) -> Result<Computed, String> {
    let map = |change: fn(f64) -> f64| match values {
        [Computed::Number(number)] => Ok(Computed::Number(change(*number))),
        [Computed::Series(points)] => Ok(Computed::Series(
            points
                .iter()
                .map(|(at, value)| (*at, change(*value)))
                .collect(),
        )),
        _ => Err(format!("{name} takes a number or a time series")),
    };
    match name {
        "ABS" => map(f64::abs),
        "CEIL" => map(f64::ceil),
        "FLOOR" => map(f64::floor),
        "AVG" | "MAX" | "MIN" | "SUM" => match values {
            [Computed::Number(number)] => Ok(Computed::Number(*number)),
            // Of one series a number, of several a series.
            [Computed::Series(points)] => combine(name, points.values().copied())
                .map(Computed::Number)
                .ok_or_else(|| format!("{name} of no data")),
            [Computed::Many(all)] => {
                let mut times: Vec<Millis> = all
                    .iter()
                    .flat_map(|points| points.keys().copied())
                    .collect();
                times.sort_unstable();
                times.dedup();
                let at = |at: Millis| {
                    let values = all.iter().filter_map(|points| points.get(&at).copied());
                    Some((at, combine(name, values)?))
                };
                Ok(Computed::Series(times.into_iter().filter_map(at).collect()))
            }
            _ => Err(format!("{name} takes a time series or an array of them")),
        },
        "IF" => match values {
            [Computed::Number(condition), rest @ ..] => {
                let chosen = if *condition == 0.0 {
                    rest.get(1)
                } else {
                    rest.first()
                };
                Ok(chosen.cloned().unwrap_or(Computed::Series(Points::new())))
            }
            [Computed::Series(condition), rest @ ..] => {
                let pick = |(at, condition): (&Millis, &f64)| {
                    let chosen = if *condition == 0.0 {
                        rest.get(1)
                    } else {
                        rest.first()
                    };
                    let value = match chosen? {
                        Computed::Number(number) => *number,
                        Computed::Series(points) => *points.get(at)?,
                        Computed::Many(_) => return None,
                    };
                    Some((*at, value))
                };
                Ok(Computed::Series(
                    condition.iter().filter_map(pick).collect(),
                ))
            }
            _ => Err("IF takes a condition, a value, and another value".to_owned()),
        },
        "FILL" => match values {
            [Computed::Series(points), Computed::Number(filler)] => {
                let at = |at: &Millis| (*at, points.get(at).copied().unwrap_or(*filler));
                Ok(Computed::Series(times.iter().map(at).collect()))
            }
            _ => Err("FILL takes a time series and a number here".to_owned()),
        },
        other => Err(format!("The function {other} is not simulated here")),
    }
}

fn combine(name: &str, values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    let sum: f64 = values.iter().sum();
    match name {
        _ if values.is_empty() => None,
        "AVG" => Some(sum / values.len() as f64),
        "MAX" => values.into_iter().reduce(f64::max),
        "MIN" => values.into_iter().reduce(f64::min),
        _ => Some(sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(Millis, f64)]) -> Computed {
        Computed::Series(values.iter().copied().collect())
    }

    fn known() -> Known {
        let (a, b) = (
            points(&[(0, 1.0), (60, 2.0)]),
            points(&[(60, 4.0), (120, 0.0)]),
        );
        let metrics = [&a, &b].into_iter().filter_map(|value| match value {
            Computed::Series(points) => Some(points.clone()),
            _ => None,
        });
        Known {
            metrics: metrics.collect(),
            values: BTreeMap::from([("a".to_owned(), a.clone()), ("b".to_owned(), b.clone())]),
            times: vec![0, 60, 120],
        }
    }

    #[test]
    fn expressions_have_the_values_arithmetic_gives_them() {
        for (text, expected) in [
            ("1 + 2 * 3", Computed::Number(7.0)),
            ("(1 + 2) * 3", Computed::Number(9.0)),
            ("2 ^ 3 ^ 0", Computed::Number(2.0)),
            ("-2 + 5 - 1 - 1", Computed::Number(1.0)),
            ("100 * a / b", points(&[(60, 50.0)])),
            ("a / b", points(&[(60, 0.5)])),
            ("a / 0", points(&[])),
            ("FILL(a, 0) + 1", points(&[(0, 2.0), (60, 3.0), (120, 1.0)])),
            ("SUM([a, b])", points(&[(0, 1.0), (60, 6.0), (120, 0.0)])),
            ("MAX(METRICS())", points(&[(0, 1.0), (60, 4.0), (120, 0.0)])),
            ("AVG(a)", Computed::Number(1.5)),
            ("IF(a > 1, b, 7)", points(&[(0, 7.0), (60, 4.0)])),
            ("a >= 2 && b", points(&[(60, 1.0)])),
        ] {
            assert_eq!(parse(text).unwrap().value(&known()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_computed_is_a_problem_in_words() {
        for text in [
            "",
            "1 +",
            "a b",
            "SEARCH('x', 'y', 300)",
            "ANOMALY_DETECTION_BAND(a, 2)",
            "(a",
            "A + 1",
            "1..2",
            "IF(a)",
            "[a",
            "é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(2_000)).is_err());
        assert!(parse(&"-".repeat(2_000)).is_err());
        assert!(parse("absent").unwrap().value(&known()).is_err());
    }
}
