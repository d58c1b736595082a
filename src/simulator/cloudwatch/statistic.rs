//! Statistics: their names, and their values for what was measured in a period.
//!
//! Pure. `Average` and its four kin; percentiles `p99`; means, counts, sums and winsorized means of a part, `tm90`,
//! `TC(2%:98%)`, `TS(80:)`; `IQM`; the share within bounds, `PR(:300)`.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>

use super::metric::Sample;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    Percentile(f64),
    Part(Part, Bound, Bound),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Mean,
    Count,
    Sum,
    Winsorized,
    Rank,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    Open,
    Percent(f64),
    Value(f64),
}

impl Statistic {
    pub(super) fn parse(name: &str) -> Option<Statistic> {
        match name {
            "SampleCount" => return Some(Statistic::SampleCount),
            "Average" => return Some(Statistic::Average),
            "Sum" => return Some(Statistic::Sum),
            "Minimum" => return Some(Statistic::Minimum),
            "Maximum" => return Some(Statistic::Maximum),
            _ => {}
        }
        if name.eq_ignore_ascii_case("iqm") {
            let (low, high) = (Bound::Percent(25.0), Bound::Percent(75.0));
            return Some(Statistic::Part(Part::Mean, low, high));
        }
        let percent = |text: &str| {
            let value: f64 = text.parse().ok()?;
            (0.0..=100.0).contains(&value).then_some(value)
        };
        if let Some(rest) = name.strip_prefix('p') {
            return percent(rest).map(Statistic::Percentile);
        }
        let part = match name.get(..2)?.to_ascii_lowercase().as_str() {
            "tm" => Part::Mean,
            "tc" => Part::Count,
            "ts" => Part::Sum,
            "wm" => Part::Winsorized,
            "pr" => Part::Rank,
            _ => return None,
        };
        let rest = name.get(2..)?;
        let Some(inside) = rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
        else {
            // `tm90`: the part below the 90th percentile. There is no such short form of a rank.
            let high = percent(rest).filter(|_| part != Part::Rank)?;
            return Some(Statistic::Part(part, Bound::Open, Bound::Percent(high)));
        };
        let (low, high) = inside.split_once(':')?;
        let bound = |text: &str| match text.strip_suffix('%') {
            _ if text.is_empty() => Some(Bound::Open),
            Some(text) if part != Part::Rank => percent(text).map(Bound::Percent),
            Some(_) => None,
            None => text
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .map(Bound::Value),
        };
        let (low, high) = (bound(low)?, bound(high)?);
        (low != Bound::Open || high != Bound::Open).then_some(Statistic::Part(part, low, high))
    }

    /// Its value, when there is one: without measurements there is none, and without their distribution only five.
    pub(super) fn of(self, sample: &Sample) -> Option<f64> {
        if sample.count <= 0.0 {
            return None;
        }
        match self {
            Statistic::SampleCount => Some(sample.count),
            Statistic::Average => Some(sample.sum / sample.count),
            Statistic::Sum => Some(sample.sum),
            Statistic::Minimum => Some(sample.minimum),
            Statistic::Maximum => Some(sample.maximum),
            Statistic::Percentile(percent) => {
                let sorted = sorted(sample);
                Some(at_rank(&sorted, percent / 100.0 * sample.count)?)
            }
            Statistic::Part(part, low, high) => of_part(part, low, high, sample),
        }
    }
}

fn sorted(sample: &Sample) -> Vec<(f64, f64)> {
    let mut values = sample.values.clone();
    values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    values
}

/// The least value that `rank` of the measurements do not exceed.
fn at_rank(sorted: &[(f64, f64)], rank: f64) -> Option<f64> {
    let mut passed = 0.0;
    for (value, count) in sorted {
        passed += count;
        if passed >= rank {
            return Some(*value);
        }
    }
    sorted.last().map(|(value, _)| *value)
}

fn of_part(part: Part, low: Bound, high: Bound, sample: &Sample) -> Option<f64> {
    let sorted = sorted(sample);
    if sorted.is_empty() {
        return None;
    }
    let total: f64 = sorted.iter().map(|(_, count)| count).sum();
    let (mut passed, mut count, mut sum, mut below, mut above) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut least, mut greatest) = (None, None);
    for (value, weight) in &sorted {
        // How much of this value's weight lies between the bounds: all or nothing by value, a share by rank.
        let from = match low {
            Bound::Open => passed,
            Bound::Percent(percent) => (percent / 100.0 * total).clamp(passed, passed + weight),
            Bound::Value(bound) if *value > bound => passed,
            Bound::Value(_) => passed + weight,
        };
        let to = match high {
            Bound::Open => passed + weight,
            Bound::Percent(percent) => (percent / 100.0 * total).clamp(passed, passed + weight),
            Bound::Value(bound) if *value <= bound => passed + weight,
            Bound::Value(_) => passed,
        };
        let within = (to - from).max(0.0);
        if within > 0.0 {
            least = least.or(Some(*value));
            greatest = Some(*value);
        }
        count += within;
        sum += within * value;
        below += from.min(to.max(from)) - passed;
        above += passed + weight - to.max(from);
        passed += weight;
    }
    match part {
        Part::Count => Some(count),
        Part::Sum => Some(sum),
        Part::Rank => Some(100.0 * count / total),
        Part::Mean => (count > 0.0).then(|| sum / count),
        Part::Winsorized => {
            let (least, greatest) = (least?, greatest?);
            Some((sum + below * least + above * greatest) / total)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_one_to_ten() {
        let values: Vec<(f64, f64)> = (1..=10).map(|value| (f64::from(value), 1.0)).collect();
        let sample = Sample {
            values,
            count: 10.0,
            sum: 55.0,
            minimum: 1.0,
            maximum: 10.0,
        };
        for (name, expected) in [
            ("SampleCount", 10.0),
            ("Average", 5.5),
            ("Sum", 55.0),
            ("Minimum", 1.0),
            ("Maximum", 10.0),
            ("p50", 5.0),
            ("p90", 9.0),
            ("p99.9", 10.0),
            ("p0", 1.0),
            ("tm90", 5.0),
            ("TM(10%:90%)", 5.5),
            ("tc90", 9.0),
            ("ts90", 45.0),
            ("wm90", 5.4),
            ("IQM", 5.5),
            ("PR(:5)", 50.0),
            ("PR(5:8)", 30.0),
            ("TS(8:)", 19.0),
        ] {
            let value = Statistic::parse(name).unwrap().of(&sample).unwrap();
            assert!(
                (value - expected).abs() < 1e-9,
                "{name}: {value}, not {expected}"
            );
        }
    }

    #[test]
    fn a_set_without_values_has_no_percentile() {
        let sample = Sample {
            values: Vec::new(),
            count: 2.0,
            sum: 3.0,
            minimum: 1.0,
            maximum: 2.0,
        };
        assert_eq!(Statistic::parse("p50").unwrap().of(&sample), None);
        assert_eq!(Statistic::parse("tm50").unwrap().of(&sample), None);
        assert_eq!(Statistic::Average.of(&sample), Some(1.5));
    }

    #[test]
    fn other_names_are_none() {
        for name in [
            "",
            "p",
            "p101",
            "average",
            "PR",
            "pr90",
            "TM(:)",
            "TM(1%)",
            "xx90",
            "PR(5%:8%)",
            "é",
        ] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }
}
