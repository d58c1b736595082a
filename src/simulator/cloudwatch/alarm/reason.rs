//! Why an alarm is in its state, in AWS's words: `StateReason` and `StateReasonData`.
//!
//! Pure. The sentences are those of alarms' mails and of DescribeAlarms, as people have quoted them: with
//! DatapointsToAlarm "1 out of the last 2 datapoints [0.0 (02/06/23 12:28:00)] was not greater than …", without it
//! "1 datapoint [1.0 (26/03/26 09:42:00)] was greater than …", from five on the list comes after the threshold.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::evaluate::Criterion;
use crate::simulator::call::Millis;

/// From so many datapoints on only these are listed.
const LISTED_MAX: usize = 5;

pub(in crate::simulator::cloudwatch) fn words(
    criterion: &Criterion<'_>,
    value: &str,
    evaluated: &[(Millis, f64)],
    filled: usize,
) -> String {
    let periods = criterion.periods;
    if value == "INSUFFICIENT_DATA" {
        return format!(
            "Insufficient Data: {} {} unknown.",
            count(filled, "datapoint"),
            was(filled)
        );
    }
    let treated = match criterion.missing {
        "breaching" => Some("Breaching"),
        "notBreaching" => Some("NonBreaching"),
        _ => None,
    };
    if let (Some(treated), 1..) = (treated, filled) {
        let received = match evaluated.len() {
            0 => "no datapoints were".to_owned(),
            number => format!("{} {}", count(number, "datapoint"), was(number)),
        };
        return format!(
            "Threshold Crossed: {received} received for {} and {} {} treated as [{treated}].",
            count(periods, "period"),
            count(filled, "missing datapoint"),
            was(filled)
        );
    }
    let is_alarm = value == "ALARM";
    let deciding: Vec<(Millis, f64)> = evaluated
        .iter()
        .filter(|(_, value)| criterion.is_breached_by(*value) == is_alarm)
        .copied()
        .collect();
    let number = deciding.len();
    let what = if criterion.datapoints_given {
        format!("{number} out of the last {}", count(periods, "datapoint"))
    } else {
        count(number, "datapoint")
    };
    let not = if is_alarm { "" } else { "not " };
    let compared = format!(
        "{} {not}{} the threshold ({:?})",
        was(number),
        operator(criterion.comparison),
        criterion.threshold
    );
    let listed: Vec<String> = deciding
        .iter()
        .take(LISTED_MAX)
        .map(|(at, value)| format!("{value:?} ({})", short(*at)))
        .collect();
    let listed = listed.join(", ");
    let said = if number < LISTED_MAX {
        format!("{what} [{listed}] {compared}")
    } else {
        let crossed = if is_alarm { "crossed" } else { "did not cross" };
        format!(
            "{what} {compared}. The most recent datapoints which {crossed} the threshold: [{listed}]"
        )
    };
    if !criterion.datapoints_given {
        return format!("Threshold Crossed: {said}.");
    }
    let (minimum, transition) = if is_alarm {
        (criterion.datapoints, "OK -> ALARM")
    } else {
        (periods - criterion.datapoints + 1, "ALARM -> OK")
    };
    let minimum = count(minimum, "datapoint");
    format!("Threshold Crossed: {said} (minimum {minimum} for {transition} transition).")
}

/// `StateReasonData`, with what the alarm's own metric adds: statistic, period, unit.
pub(in crate::simulator::cloudwatch) fn data(
    criterion: &Criterion<'_>,
    mut of_metric: Value,
    evaluated: &[(Millis, f64)],
    now: Millis,
) -> String {
    let oldest_first: Vec<f64> = evaluated.iter().rev().map(|(_, value)| *value).collect();
    of_metric["version"] = json!("1.0");
    of_metric["queryDate"] = json!(long(now));
    of_metric["recentDatapoints"] = json!(oldest_first);
    of_metric["threshold"] = json!(criterion.threshold);
    if let Some((oldest, _)) = evaluated.last() {
        of_metric["startDate"] = json!(long(*oldest));
    }
    of_metric["evaluatedDatapoints"] = evaluated
        .iter()
        .map(|(at, value)| json!({ "timestamp": long(*at), "value": value }))
        .collect();
    of_metric.to_string()
}

fn operator(comparison: &str) -> &'static str {
    match comparison {
        "GreaterThanThreshold" => "greater than",
        "GreaterThanOrEqualToThreshold" => "greater than or equal to",
        "LessThanThreshold" => "less than",
        _ => "less than or equal to",
    }
}

fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

fn was(number: usize) -> &'static str {
    if number == 1 { "was" } else { "were" }
}

fn moment(at: Millis) -> OffsetDateTime {
    let seconds = i64::try_from(at / 1000).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `29/04/20 23:32:00`
fn short(at: Millis) -> String {
    let at = moment(at);
    format!(
        "{:02}/{:02}/{:02} {:02}:{:02}:{:02}",
        at.day(),
        u8::from(at.month()),
        at.year().rem_euclid(100),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `2024-12-19T08:35:01.260+0000`
pub(in crate::simulator::cloudwatch) fn long(millis: Millis) -> String {
    let at = moment(millis);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        millis % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        datapoints: usize,
        given: bool,
        missing: &str,
        value: &str,
        points: &[f64],
        expected: &str,
    ) {
        let criterion = Criterion {
            periods: 3,
            datapoints,
            datapoints_given: given,
            threshold: 5.0,
            comparison: "GreaterThanThreshold",
            missing,
        };
        // 2020-04-29T23:32:00Z, newest first.
        let evaluated: Vec<(Millis, f64)> = (0..)
            .zip(points)
            .map(|(number, value)| (1_588_203_120_000 - number * 60_000, *value))
            .collect();
        let filled = 3 - evaluated.len();
        assert_eq!(words(&criterion, value, &evaluated, filled), expected);
    }

    #[test]
    fn reasons_are_worded_as_aws_words_them() {
        check(
            2,
            true,
            "missing",
            "ALARM",
            &[9.0, 1.0, 7.5],
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0 (29/04/20 23:32:00), 7.5 (29/04/20 23:30:00)] were \
             greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition).",
        );
        check(
            3,
            true,
            "missing",
            "OK",
            &[1.0, 9.0, 9.0],
            "Threshold Crossed: 1 out of the last 3 datapoints [1.0 (29/04/20 23:32:00)] was not greater than the threshold \
             (5.0) (minimum 1 datapoint for ALARM -> OK transition).",
        );
        check(
            3,
            false,
            "missing",
            "OK",
            &[1.0, 9.0, 9.0],
            "Threshold Crossed: 1 datapoint [1.0 (29/04/20 23:32:00)] was not greater than the threshold (5.0).",
        );
        check(
            3,
            false,
            "breaching",
            "ALARM",
            &[],
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as \
             [Breaching].",
        );
        check(
            3,
            false,
            "notBreaching",
            "OK",
            &[9.0, 9.0],
            "Threshold Crossed: 2 datapoints were received for 3 periods and 1 missing datapoint was treated as \
             [NonBreaching].",
        );
        check(
            3,
            false,
            "missing",
            "INSUFFICIENT_DATA",
            &[],
            "Insufficient Data: 3 datapoints were unknown.",
        );
    }
}
