//! When a schedule is next due, in its time zone.
//!
//! Pure. Takes expressions that [`super::check`] has accepted. A time that the zone leaves out when its clocks go forward is
//! taken as so much later; of one that comes twice, the first.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date, time};
use jiff::tz::TimeZone;

use super::{FIELDS, Field};
use crate::simulator::call::Millis;

/// A cron expression that names no day in so many years has none: the 29th of February comes once in eight at most.
const DAYS_MAX: usize = 9 * 366;

/// The first time after `after`. A rate counts from `anchor`, which is itself one of its times if it is a start time.
pub(in crate::simulator::autoscaling) fn next(
    expression: &str,
    zone: Option<&str>,
    (anchor, anchor_counts): (Millis, bool),
    after: Millis,
) -> Option<Millis> {
    let (kind, rest) = expression.split_once('(')?;
    let inside = rest.strip_suffix(')')?;
    let zone = match zone {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name).ok()?,
    };
    match kind {
        "at" => {
            let at: jiff::civil::DateTime = inside.parse().ok()?;
            let at = zone.to_ambiguous_timestamp(at).compatible().ok()?;
            millis(at).filter(|at| *at > after)
        }
        "rate" => {
            let (value, unit) = inside.split_once(' ')?;
            let unit = match unit.trim_end_matches('s') {
                "minute" => 60_000,
                "hour" => 3_600_000,
                _ => 86_400_000,
            };
            let interval = value.parse::<Millis>().ok()?.checked_mul(unit)?;
            let passed = match after.checked_sub(anchor) {
                None if anchor_counts => return Some(anchor),
                None => 0,
                Some(time) => time / interval,
            };
            Some(anchor + (passed + 1) * interval)
        }
        _ => cron(inside, &zone, after),
    }
}

fn cron(text: &str, zone: &TimeZone, after: Millis) -> Option<Millis> {
    let given: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, day_of_month, months, day_of_week, years] = given.as_slice() else {
        return None;
    };
    let [
        minute_field,
        hour_field,
        _,
        month_field,
        week_field,
        year_field,
    ] = &FIELDS;
    let within = |field: &Field, text: &str, last: u32| -> Vec<u32> {
        (field.first..=last)
            .filter(|number| field.holds(text, *number))
            .collect()
    };
    let hours = within(hour_field, hours, 23);
    let minutes = within(minute_field, minutes, 59);
    let from = Timestamp::from_millisecond(i64::try_from(after).ok()?).ok()?;
    let mut day = zone.to_datetime(from).date();
    for _ in 0..DAYS_MAX {
        let is_due = year_field.holds(years, u32::try_from(day.year()).ok()?)
            && month_field.holds(months, u32::try_from(day.month()).ok()?)
            && in_month(day_of_month, day)
            && in_week(week_field, day_of_week, day);
        if is_due {
            for hour in &hours {
                for minute in &minutes {
                    let at = time(i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?, 0, 0);
                    let at = zone.to_ambiguous_timestamp(day.to_datetime(at));
                    if let Some(at) = at
                        .compatible()
                        .ok()
                        .and_then(millis)
                        .filter(|at| *at > after)
                    {
                        return Some(at);
                    }
                }
            }
        }
        day = day.tomorrow().ok()?;
    }
    None
}

fn in_month(text: &str, day: Date) -> bool {
    let last = day.days_in_month();
    text.split(',').any(|part| match part {
        "?" => true,
        "L" => day.day() == last,
        "LW" => day.day() == nearest_weekday(day, last),
        _ => match part
            .strip_suffix('W')
            .and_then(|number| number.parse::<i8>().ok())
        {
            Some(wanted) => wanted <= last && day.day() == nearest_weekday(day, wanted),
            None => FIELDS[2].holds(part, u32::try_from(day.day()).unwrap_or(0)),
        },
    })
}

/// Monday to Friday, within the same month.
fn nearest_weekday(month: Date, wanted: i8) -> i8 {
    let at = date(month.year(), month.month(), wanted);
    match at.weekday() {
        Weekday::Saturday if wanted == 1 => 3,
        Weekday::Saturday => wanted - 1,
        Weekday::Sunday if wanted == month.days_in_month() => wanted - 2,
        Weekday::Sunday => wanted + 1,
        _ => wanted,
    }
}

fn in_week(field: &Field, text: &str, day: Date) -> bool {
    let today = u32::try_from(day.weekday().to_sunday_one_offset()).unwrap_or(0);
    text.split(',').any(|part| {
        if part == "?" {
            return true;
        }
        if part == "L" {
            return today == 7;
        }
        if let Some((wanted, nth)) = part.split_once('#') {
            let nth: i8 = nth.parse().unwrap_or(0);
            return field.number(wanted) == Some(today) && (day.day() - 1) / 7 + 1 == nth;
        }
        match part.strip_suffix('L') {
            Some(wanted) => {
                field.number(wanted) == Some(today) && day.day() + 7 > day.days_in_month()
            }
            None => field.holds(part, today),
        }
    })
}

impl Field {
    /// Whether a number is among those of a list of values, ranges and steps.
    fn holds(&self, text: &str, number: u32) -> bool {
        text.split(',').any(|part| {
            let (range, step) = match part.split_once('/') {
                None => (part, None),
                Some((range, step)) => (range, step.parse::<u32>().ok()),
            };
            let (low, high) = match range.split_once('-') {
                _ if range == "*" => (Some(self.first), Some(self.last)),
                Some((low, high)) => (self.number(low), self.number(high)),
                // `5/15` goes on to the end.
                None if step.is_some() => (self.number(range), Some(self.last)),
                None => (self.number(range), self.number(range)),
            };
            let (Some(low), Some(high)) = (low, high) else {
                return false;
            };
            (low..=high).contains(&number)
                && (number - low).is_multiple_of(step.unwrap_or(1).max(1))
        })
    }
}

fn millis(at: Timestamp) -> Option<Millis> {
    u64::try_from(at.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        millis(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn schedules_are_due_when_their_zone_says() {
        let after = "2026-08-01T00:00:00Z"; // a Saturday
        for (expression, zone, expected) in [
            (
                "at(2026-08-01T06:30:00)",
                None,
                Some("2026-08-01T06:30:00Z"),
            ),
            (
                "at(2026-08-01T06:30:00)",
                Some("America/New_York"),
                Some("2026-08-01T10:30:00Z"),
            ),
            ("at(2026-07-31T06:30:00)", None, None),
            ("rate(5 minutes)", None, Some("2026-08-01T00:02:00Z")),
            ("rate(1 day)", None, Some("2026-08-01T23:57:00Z")),
            ("cron(30 6 ? * MON *)", None, Some("2026-08-03T06:30:00Z")),
            (
                "cron(0 8 ? * MON-FRI *)",
                Some("Europe/Berlin"),
                Some("2026-08-03T06:00:00Z"),
            ),
            (
                "cron(0/15 9-17 1,15 * ? 2026-2030)",
                None,
                Some("2026-08-01T09:00:00Z"),
            ),
            ("cron(0 0 L * ? *)", None, Some("2026-08-31T00:00:00Z")),
            ("cron(0 0 15W * ? *)", None, Some("2026-08-14T00:00:00Z")),
            ("cron(0 0 LW * ? *)", None, Some("2026-08-31T00:00:00Z")),
            ("cron(0 0 1W * ? *)", None, Some("2026-08-03T00:00:00Z")),
            ("cron(0 0 ? * 6L *)", None, Some("2026-08-28T00:00:00Z")),
            ("cron(0 0 ? * 2#1 *)", None, Some("2026-08-03T00:00:00Z")),
            ("cron(0 0 29 FEB ? *)", None, Some("2028-02-29T00:00:00Z")),
            ("cron(0 0 31 FEB ? *)", None, None),
            ("cron(0 0 * * ? 2025)", None, None),
            (
                "cron(30 2 29 MAR ? *)",
                Some("Europe/Berlin"),
                Some("2027-03-29T00:30:00Z"),
            ),
            (
                "cron(30 2 28 MAR ? *)",
                Some("Europe/Berlin"),
                Some("2027-03-28T01:30:00Z"),
            ),
        ] {
            let anchor = (at("2026-07-31T23:57:00Z"), true);
            let due = next(expression, zone, anchor, at(after));
            assert_eq!(due, expected.map(at), "{expression} {zone:?}");
        }
    }

    #[test]
    fn a_rate_begins_at_its_start_time_or_one_interval_after_it_was_made() {
        let (start, before) = (at("2026-08-02T00:00:00Z"), at("2026-08-01T00:00:00Z"));
        assert_eq!(
            next("rate(1 hour)", None, (start, true), before),
            Some(start)
        );
        assert_eq!(
            next("rate(1 hour)", None, (before, false), before),
            Some(before + 3_600_000)
        );
    }
}
