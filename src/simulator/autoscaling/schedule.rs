//! Schedule expressions: `at(…)`, `rate(…)`, `cron(…)`. Pure; says whether one is well-formed; `due` says when.
//!
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>, which
//! refers to EventBridge's reference for the fields:
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>.

pub(super) mod due;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// One field of a cron expression.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    /// Words for numbers from `first` on.
    words: &'static [&'static str],
    /// What may stand behind a value, or alone: `L` last, `W` weekday, `#` the n-th.
    marks: &'static str,
}

const fn plain(name: &'static str, first: u32, last: u32) -> Field {
    Field {
        name,
        first,
        last,
        words: &[],
        marks: "",
    }
}

const FIELDS: [Field; 6] = [
    plain("Minutes", 0, 59),
    plain("Hours", 0, 23),
    Field {
        marks: "?LW",
        ..plain("Day-of-month", 1, 31)
    },
    Field {
        words: &MONTHS,
        ..plain("Month", 1, 12)
    },
    Field {
        words: &DAYS,
        marks: "?L#",
        ..plain("Day-of-week", 1, 7)
    },
    plain("Year", 1970, 2199),
];

/// Whether AWS takes the expression; if not, why.
pub(super) fn check(expression: &str) -> Result<(), String> {
    let bad = || format!("Invalid schedule expression: {expression}");
    let (kind, rest) = expression.split_once('(').ok_or_else(bad)?;
    let inside = rest.strip_suffix(')').ok_or_else(bad)?;
    match kind {
        "at" => {
            // Seconds and no fraction; the zone is a member of its own.
            let shaped = inside.len() == "yyyy-mm-ddThh:mm:ss".len() && inside.contains('T');
            let read = OffsetDateTime::parse(&format!("{inside}Z"), &Rfc3339);
            if !shaped || read.is_err() {
                return Err(bad());
            }
        }
        "rate" => {
            let (value, unit) = inside.split_once(' ').ok_or_else(bad)?;
            let units = ["minute", "minutes", "hour", "hours", "day", "days"];
            if !value.parse::<u32>().is_ok_and(|value| value > 0) || !units.contains(&unit) {
                return Err(bad());
            }
        }
        "cron" => check_cron(inside)?,
        _ => return Err(bad()),
    }
    Ok(())
}

/// AWS takes the IANA zones Joda-Time knows; here it is those of the IANA rules this program was built with.
pub(super) fn check_timezone(name: &str) -> Result<(), String> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("Invalid time zone: {name}")),
    }
}

fn check_cron(text: &str) -> Result<(), String> {
    let given: Vec<&str> = text.split_whitespace().collect();
    let [_, _, day_of_month, _, day_of_week, _] = given.as_slice() else {
        return Err(format!("A cron expression has six fields: {text}"));
    };
    if (*day_of_month == "?") == (*day_of_week == "?") {
        return Err(format!(
            "Exactly one of Day-of-month and Day-of-week must be '?': {text}"
        ));
    }
    for (field, given) in FIELDS.iter().zip(given) {
        if !given.split(',').all(|part| field.takes(part)) {
            return Err(format!(
                "Invalid {} in a cron expression: {given}",
                field.name
            ));
        }
    }
    Ok(())
}

impl Field {
    fn takes(&self, part: &str) -> bool {
        if part == "*" || part.len() == 1 && self.marks.contains(part) {
            return true;
        }
        if self.marks.contains('W') && part == "LW" {
            return true;
        }
        if let Some((day, nth)) = part.split_once('#') {
            return self.marks.contains('#')
                && self.number(day).is_some()
                && matches!(nth, "1" | "2" | "3" | "4" | "5");
        }
        if let Some(day) = part.strip_suffix(['L', 'W']).filter(|day| !day.is_empty()) {
            let mark = part.chars().next_back().unwrap_or_default();
            // `3L` is the last third day of the week; in the month only `15W` has a number.
            return self.marks.contains(mark)
                && (mark == 'W' || self.marks.contains('#'))
                && self.number(day).is_some();
        }
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(step)),
        };
        let step_fits = step.is_none_or(|step| {
            step.parse::<u32>()
                .is_ok_and(|step| (1..=self.last.max(1)).contains(&step))
        });
        let range_fits = match range.split_once('-') {
            None => range == "*" || self.number(range).is_some(),
            Some((low, high)) => self
                .number(low)
                .zip(self.number(high))
                .is_some_and(|(low, high)| low <= high),
        };
        step_fits && range_fits
    }

    fn number(&self, text: &str) -> Option<u32> {
        let word = self
            .words
            .iter()
            .position(|word| text.eq_ignore_ascii_case(word));
        match word {
            Some(index) => u32::try_from(index).ok().map(|index| self.first + index),
            None => text
                .parse()
                .ok()
                .filter(|number| (self.first..=self.last).contains(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_taken_as_aws_takes_them() {
        for (expression, taken) in [
            ("at(2026-08-01T06:30:00)", true),
            ("at(2026-08-01 06:30:00)", false),
            ("at(2026-02-30T06:30:00)", false),
            ("rate(5 minutes)", true),
            ("rate(1 day)", true),
            ("rate(0 minutes)", false),
            ("rate(5 weeks)", false),
            ("cron(30 6 ? * MON *)", true),
            ("cron(0 8 ? * MON-FRI *)", true),
            ("cron(0/15 9-17 1,15 * ? 2026-2030)", true),
            ("cron(0 0 L * ? *)", true),
            ("cron(0 0 15W * ? *)", true),
            ("cron(0 0 ? * 6L *)", true),
            ("cron(0 0 ? * 2#1 *)", true),
            ("cron(0 6 * * ? *)", true),
            ("cron(0 6 * * * *)", false),
            ("cron(0 6 ? * ? *)", false),
            ("cron(0 6 * * ?)", false),
            ("cron(60 6 * * ? *)", false),
            ("cron(0 24 * * ? *)", false),
            ("cron(0 6 32 * ? *)", false),
            ("cron(0 6 * 13 ? *)", false),
            ("cron(0 6 ? * MOON *)", false),
            ("cron(0 6 * * ? 1969)", false),
            ("cron(30 17-9 * * ? *)", false),
            ("0 6 * * *", false),
            ("daily(6)", false),
            ("at(", false),
            ("", false),
        ] {
            assert_eq!(check(expression).is_ok(), taken, "{expression}");
        }
    }

    #[test]
    fn time_zones_are_those_there_are() {
        for (name, taken) in [
            ("Europe/Berlin", true),
            ("Etc/GMT+9", true),
            ("UTC", true),
            ("mars", false),
            ("Europe/Atlantis", false),
            ("", false),
            ("Europe/Ber lin", false),
        ] {
            assert_eq!(check_timezone(name).is_ok(), taken, "{name}");
        }
    }
}
