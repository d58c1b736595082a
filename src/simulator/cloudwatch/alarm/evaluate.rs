//! Whether data breach a threshold: N periods, M that must breach, and what a missing datapoint counts as.
//!
//! Pure. Takes the datapoints of the evaluation range, gives a verdict; sets nothing and knows no clock.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>

use crate::simulator::call::Millis;

/// More periods than asked for are retrieved, "in case some of the most recent data points are missing". How many more
/// "depends on the length of the alarm period"; two is what AWS's own examples have.
pub(in crate::simulator::cloudwatch) const EXTRA_PERIODS: usize = 2;

/// What the data are compared with.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulator::cloudwatch) struct Criterion<'a> {
    /// N.
    pub periods: usize,
    /// M.
    pub datapoints: usize,
    /// Whether M was given: AWS words its reasons by that.
    pub datapoints_given: bool,
    pub threshold: f64,
    /// Such as `GreaterThanThreshold`.
    pub comparison: &'a str,
    /// `missing`, `ignore`, `breaching` or `notBreaching`.
    pub missing: &'a str,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulator::cloudwatch) enum Verdict {
    /// The state stays as it is.
    Keep,
    State {
        value: &'static str,
        /// The datapoints that count, newest first.
        evaluated: Vec<(Millis, f64)>,
        /// How many missing ones were filled in.
        filled: usize,
    },
}

impl Criterion<'_> {
    pub(in crate::simulator::cloudwatch) fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison {
            "GreaterThanThreshold" => value > self.threshold,
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "LessThanThreshold" => value < self.threshold,
            _ => value <= self.threshold,
        }
    }

    /// The verdict on the evaluation range, oldest first.
    pub(in crate::simulator::cloudwatch) fn judge(
        &self,
        range: &[(Millis, Option<f64>)],
    ) -> Verdict {
        let newest_first = range.iter().rev();
        let evaluated: Vec<(Millis, f64)> = newest_first
            .filter_map(|(at, value)| Some((*at, (*value)?)))
            .take(self.periods)
            .collect();
        let breaching = evaluated
            .iter()
            .filter(|(_, value)| self.is_breached_by(*value))
            .count();
        let filled = self.periods - evaluated.len();
        let state = |value| Verdict::State {
            value,
            evaluated: evaluated.clone(),
            filled,
        };
        if filled == 0 || self.missing == "notBreaching" {
            return state(self.by_count(breaching));
        }
        if self.missing == "breaching" {
            return state(self.by_count(breaching + filled));
        }
        if breaching >= self.datapoints {
            return state("ALARM");
        }
        if breaching < evaluated.len() {
            return state("OK");
        }
        // All there is breaches and it is too little. "Alarms are designed to always go into ALARM state when the oldest
        // available breaching datapoint … is at least as old as the value of Datapoints to Alarm": with `missing`, for the
        // table of AWS's examples has `ignore` retain the state.
        let oldest = range.iter().position(|(_, value)| value.is_some());
        let age = oldest.map_or(0, |position| range.len() - position);
        match self.missing {
            "ignore" => Verdict::Keep,
            _ if age >= self.datapoints && age > 0 => state("ALARM"),
            _ => state("INSUFFICIENT_DATA"),
        }
    }

    fn by_count(&self, breaching: usize) -> &'static str {
        if breaching >= self.datapoints {
            "ALARM"
        } else {
            "OK"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's tables: datapoints oldest first, `X` breaching, `0` not, `-` missing; then the state for `missing`, `ignore`,
    /// `breaching`, `notBreaching`, where `.` keeps the one there was.
    #[test]
    fn missing_data_count_as_aws_documents() {
        let (ok, alarm) = (["O", "O", "O", "O"], ["A", "A", "A", "A"]);
        for (datapoints, range, expected) in [
            (3, "0-X-X", ok),
            (3, "0----", ok),
            (3, "-----", ["I", ".", "A", "O"]),
            (3, "0XX-X", alarm),
            (3, "--X--", ["A", ".", "A", "O"]),
            // "The alarm does not go immediately into ALARM state".
            (3, "----X", ["I", ".", "A", "O"]),
            (3, "---X-", ["I", ".", "A", "O"]),
            (2, "0-X-X", alarm),
            (2, "00X0X", alarm),
            (2, "0-X--", ["O", "O", "A", "O"]),
            (2, "----0", ["O", "O", "A", "O"]),
            (2, "---X-", ["A", ".", "A", "O"]),
        ] {
            let points: Vec<(Millis, Option<f64>)> = range
                .chars()
                .zip(0..)
                .map(|(letter, at)| match letter {
                    'X' => (at, Some(9.0)),
                    '0' => (at, Some(1.0)),
                    _ => (at, None),
                })
                .collect();
            for (missing, expected) in ["missing", "ignore", "breaching", "notBreaching"]
                .into_iter()
                .zip(expected)
            {
                let criterion = Criterion {
                    periods: 3,
                    datapoints,
                    datapoints_given: true,
                    threshold: 5.0,
                    comparison: "GreaterThanThreshold",
                    missing,
                };
                let verdict = match criterion.judge(&points) {
                    Verdict::Keep => ".",
                    Verdict::State { value, .. } => &value[..1],
                };
                assert_eq!(verdict, expected, "{datapoints} of 3, {range}, {missing}");
            }
        }
    }

    #[test]
    fn a_threshold_is_crossed_by_the_operator() {
        for (comparison, below, at, above) in [
            ("GreaterThanThreshold", false, false, true),
            ("GreaterThanOrEqualToThreshold", false, true, true),
            ("LessThanThreshold", true, false, false),
            ("LessThanOrEqualToThreshold", true, true, false),
        ] {
            let criterion = Criterion {
                periods: 1,
                datapoints: 1,
                datapoints_given: false,
                threshold: 5.0,
                comparison,
                missing: "missing",
            };
            let breached = [4.0, 5.0, 6.0].map(|value| criterion.is_breached_by(value));
            assert_eq!(breached, [below, at, above], "{comparison}");
        }
    }
}
