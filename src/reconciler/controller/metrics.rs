//! The board as Prometheus reads it.
//!
//! Takes a board and the calls made, gives text. Pure.

use std::collections::BTreeMap;

use super::board::State;
use crate::reconciler::aws::limit::Calls;
use crate::telemetry::exposition::{self, Kind, Labels};

/// What there is, in order: name, type, meaning.
pub const METRICS: [(&str, Kind, &str); 11] = [
    (
        "reconciler_build_info",
        Kind::Gauge,
        "1, with the version and the commit it was built of",
    ),
    (
        "reconciler_turned_timestamp_seconds",
        Kind::Gauge,
        "when the loop last turned",
    ),
    (
        "reconciler_source_readable",
        Kind::Gauge,
        "1 while the directory or the store can be read",
    ),
    ("reconciler_units", Kind::Gauge, "units the loop keeps"),
    (
        "reconciler_condition",
        Kind::Gauge,
        "1 while the condition holds",
    ),
    (
        "reconciler_paused",
        Kind::Gauge,
        "1 while somebody wants the unit left alone",
    ),
    (
        "reconciler_looks_total",
        Kind::Counter,
        "looks at the unit by how they ended",
    ),
    (
        "reconciler_look_seconds_total",
        Kind::Counter,
        "time taken by all looks together",
    ),
    (
        "reconciler_steps_total",
        Kind::Counter,
        "calls that were to change something, by AWS's answer",
    ),
    (
        "reconciler_aws_calls_total",
        Kind::Counter,
        "requests to AWS, retries among them",
    ),
    (
        "reconciler_aws_wait_seconds_total",
        Kind::Counter,
        "time requests waited here so as not to exceed AWS's rates",
    ),
];

/// The whole text.
pub fn render(
    state: &State,
    calls: &BTreeMap<String, Calls>,
    (version, git_sha): (&str, &str),
) -> String {
    let mut text = String::new();
    for (name, kind, meaning) in METRICS {
        let values = values(name, state, calls, (version, git_sha));
        exposition::write(&mut text, (name, kind, meaning), &values);
    }
    text
}

fn values<'a>(
    name: &str,
    state: &'a State,
    calls: &'a BTreeMap<String, Calls>,
    (version, git_sha): (&'a str, &'a str),
) -> Vec<(Labels<'a>, f64)> {
    let units = || state.units.iter();
    let counted = |count: u64| count as f64;
    match name {
        "reconciler_build_info" => {
            vec![(vec![("version", version), ("git_sha", git_sha)], 1.0)]
        }
        "reconciler_turned_timestamp_seconds" => {
            vec![(Vec::new(), counted(state.turned_at) / 1000.0)]
        }
        "reconciler_source_readable" => {
            vec![(
                Vec::new(),
                f64::from(u8::from(state.source_error.is_none())),
            )]
        }
        "reconciler_units" => vec![(Vec::new(), counted(state.units.len() as u64))],
        "reconciler_condition" => units()
            .flat_map(|(unit, of)| {
                of.conditions.iter().map(move |(condition, standing)| {
                    let labels = vec![("unit", unit.as_str()), ("condition", condition)];
                    (labels, f64::from(u8::from(standing.holds)))
                })
            })
            .collect(),
        "reconciler_paused" => units()
            .map(|(unit, of)| {
                let paused = f64::from(u8::from(of.paused.is_some()));
                (vec![("unit", unit.as_str())], paused)
            })
            .collect(),
        "reconciler_looks_total" => units()
            .flat_map(|(unit, of)| {
                of.counts.looks.iter().map(move |(ended, count)| {
                    (
                        vec![("unit", unit.as_str()), ("ended", *ended)],
                        counted(*count),
                    )
                })
            })
            .collect(),
        "reconciler_look_seconds_total" => units()
            .map(|(unit, of)| (vec![("unit", unit.as_str())], of.counts.seconds))
            .collect(),
        "reconciler_steps_total" => units()
            .flat_map(|(unit, of)| {
                let both = [
                    ("applied", of.counts.applied),
                    ("refused", of.counts.refused),
                ];
                both.map(|(answer, count)| {
                    (
                        vec![("unit", unit.as_str()), ("answer", answer)],
                        counted(count),
                    )
                })
            })
            .collect(),
        "reconciler_aws_calls_total" => calls
            .iter()
            .map(|(operation, of)| (vec![("operation", operation.as_str())], counted(of.count)))
            .collect(),
        // The last of them.
        _ => calls
            .iter()
            .map(|(operation, of)| {
                (
                    vec![("operation", operation.as_str())],
                    of.waited.as_secs_f64(),
                )
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciler::controller::board::Board;
    use crate::reconciler::controller::requeue::Passed;
    use std::time::Duration;

    #[test]
    fn the_text_is_what_prometheus_reads_whatever_a_unit_is_called() {
        let board = Board::default();
        board.turned(1_500);
        let name = "a\"b\\c\nd";
        for passed in [Passed::Paused, Passed::Paused, Passed::Nothing] {
            board.passed(
                name,
                String::new(),
                &passed,
                (0, Duration::from_millis(250), None),
            );
        }
        let calls = BTreeMap::from([(
            "ecs.DescribeServices".to_owned(),
            Calls {
                count: 3,
                waited: Duration::from_millis(1_500),
            },
        )]);
        let text = render(&board.read(), &calls, ("1.2.3", "abc"));
        let unit = r#"unit="a\"b\\c\nd""#;
        for line in [
            "reconciler_build_info{version=\"1.2.3\",git_sha=\"abc\"} 1",
            "reconciler_turned_timestamp_seconds 1.5",
            "reconciler_units 1",
            &format!("reconciler_looks_total{{{unit},ended=\"paused\"}} 2"),
            &format!("reconciler_look_seconds_total{{{unit}}} 0.75"),
            "reconciler_aws_calls_total{operation=\"ecs.DescribeServices\"} 3",
            "reconciler_aws_wait_seconds_total{operation=\"ecs.DescribeServices\"} 1.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        for (name, kind, _) in METRICS {
            let kind = kind.word();
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        }
    }
}
