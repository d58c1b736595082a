//! The requests a process has answered, by route, method, status and caller.
//!
//! Takes one answered request at a time, gives the minute's part for CloudWatch and everything for Prometheus. Its memory is bounded: routes and
//! methods are the program's own words, and of callers only the first [`CALLERS_MAX`] are told apart. Nothing a client sent is kept but the
//! id of a key that was found to be one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::table::{CALLER, ROUTE};
use crate::telemetry::exposition::{Histogram, Labels};

/// More than the keys there may be at one time; after many rotations later keys are counted together.
const CALLERS_MAX: usize = 200;
/// No key. No key's id has a parenthesis, so that no key is mistaken for these.
const NOBODY: &str = "(none)";
/// Keys beyond the bound.
const OTHERS: &str = "(others)";
/// Values of one route for CloudWatch, between two lines.
const SAMPLE_MAX: usize = 100;
/// In seconds. Most requests are one round trip to Redis, which gives up after 0.9 s; a body may take 10 s.
const BOUNDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// One answered request.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The path, its parameters by their names.
    pub route: &'static str,
    /// As it was sent.
    pub method: &'a http::Method,
    /// What was answered.
    pub status: http::StatusCode,
    /// Owner and id of the key, if there was one.
    pub caller: Option<(&'a str, &'a str)>,
    /// Until the head of the answer.
    pub took: Duration,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Traffic {
    callers: BTreeSet<String>,
    counts: BTreeMap<Series, Count>,
    durations: BTreeMap<(&'static str, &'static str), Durations>,
}

/// What requests are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    route: &'static str,
    method: &'static str,
    class: &'static str,
    owner: String,
    key: String,
}

#[derive(Debug, Default)]
struct Count {
    total: u64,
    /// Of these, what CloudWatch was told.
    said: u64,
}

#[derive(Debug)]
struct Durations {
    histogram: Histogram,
    sample: Sample,
}

/// Some of the values since the last line, evenly picked.
#[derive(Debug)]
struct Sample {
    seen: usize,
    /// One of so many is picked.
    stride: usize,
    values: Vec<f64>,
}

/// One line's dimensions besides the service, and its values.
pub type Part = (Vec<(&'static str, String)>, Vec<(&'static str, Value)>);

impl Traffic {
    /// Counts one.
    pub fn add(&mut self, answered: Answered<'_>) {
        let Answered {
            route,
            method,
            status,
            caller,
            took,
        } = answered;
        let (owner, key) = match caller {
            None => (NOBODY, NOBODY),
            Some(caller) if self.callers.contains(caller.1) => caller,
            Some(_) if self.callers.len() == CALLERS_MAX => (OTHERS, OTHERS),
            Some(caller) => {
                self.callers.insert(caller.1.to_owned());
                caller
            }
        };
        let method = known_method(method);
        let series = Series {
            route,
            method,
            class: class(status),
            owner: owner.to_owned(),
            key: key.to_owned(),
        };
        self.counts.entry(series).or_default().total += 1;
        let durations = self.durations.entry((route, method));
        let durations = durations.or_insert_with(|| Durations {
            histogram: Histogram::new(BOUNDS),
            sample: Sample::empty(),
        });
        durations.histogram.add(took.as_secs_f64());
        durations.sample.add(took.as_secs_f64());
    }

    /// What was answered since the last time, by route and by caller; what was not asked for is not mentioned. Probes come every few
    /// seconds and would be most of it.
    pub fn take(&mut self) -> Vec<Part> {
        let mut routes: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        let mut callers: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (series, count) in &mut self.counts {
            let grown = count.total - std::mem::replace(&mut count.said, count.total);
            if grown == 0 || is_probe(series.route) {
                continue;
            }
            let failed = if series.class == "5xx" { grown } else { 0 };
            let of_route = routes.entry((series.route, series.method)).or_default();
            let of_caller = callers.entry(&series.key).or_default();
            for sum in [of_route, of_caller] {
                *sum = (sum.0 + grown, sum.1 + failed);
            }
        }
        let counted = |(requests, failed)| {
            vec![
                ("Requests", json!(requests)),
                ("RequestsFailed", json!(failed)),
            ]
        };
        let mut parts = Vec::new();
        for (at, sums) in routes {
            let mut values = counted(sums);
            if let Some(durations) = self.durations.get_mut(&at) {
                values.push(("RequestSeconds", json!(durations.sample.take())));
            }
            let (route, method) = at;
            parts.push((vec![(ROUTE, format!("{method} {route}"))], values));
        }
        for (key, sums) in callers {
            parts.push((vec![(CALLER, key.to_owned())], counted(sums)));
        }
        parts
    }

    /// Since the start.
    pub fn counts(&self) -> Vec<(Labels<'_>, f64)> {
        let of = self.counts.iter();
        of.map(|(series, count)| (series.labels(), count.total as f64))
            .collect()
    }

    /// Since the start.
    pub fn durations(&self) -> Vec<(Labels<'_>, &Histogram)> {
        let of = self.durations.iter();
        of.map(|((route, method), durations)| {
            let labels = vec![("route", *route), ("method", *method)];
            (labels, &durations.histogram)
        })
        .collect()
    }
}

impl Series {
    fn labels(&self) -> Labels<'_> {
        let Self {
            route,
            method,
            class,
            owner,
            key,
        } = self;
        vec![
            ("route", *route),
            ("method", *method),
            ("status", *class),
            ("owner", owner),
            ("key", key),
        ]
    }
}

impl Sample {
    fn empty() -> Self {
        Self {
            seen: 0,
            stride: 1,
            values: Vec::new(),
        }
    }

    fn add(&mut self, value: f64) {
        if self.values.len() == SAMPLE_MAX && self.seen.is_multiple_of(self.stride) {
            let mut index = 0;
            self.values.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
        if self.seen.is_multiple_of(self.stride) {
            self.values.push(value);
        }
        self.seen += 1;
    }

    fn take(&mut self) -> Vec<f64> {
        std::mem::replace(self, Self::empty()).values
    }
}

/// Whether whoever asks is a load balancer or the like.
fn is_probe(route: &str) -> bool {
    route.starts_with("/health")
}

/// A client may make up a method; all such are one.
fn known_method(method: &http::Method) -> &'static str {
    ["GET", "HEAD", "POST", "OPTIONS"]
        .into_iter()
        .find(|known| method == *known)
        .unwrap_or("other")
}

fn class(status: http::StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Method, StatusCode};

    fn answered<'a>(method: &'a Method, caller: Option<(&'a str, &'a str)>) -> Answered<'a> {
        Answered {
            route: "/api/deployments",
            method,
            status: StatusCode::OK,
            caller,
            took: Duration::from_millis(3),
        }
    }

    #[test]
    fn however_many_keys_and_methods_come_the_series_stay_few() {
        let mut traffic = Traffic::default();
        for number in 0..1_000 {
            let key = format!("key-{number}");
            traffic.add(answered(&Method::GET, Some(("owner", &key))));
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            traffic.add(answered(&method, None));
        }
        assert_eq!(traffic.counts().len(), CALLERS_MAX + 2);
        let others = traffic.counts().into_iter();
        let others: Vec<_> = others
            .filter(|(labels, _)| labels.contains(&("key", OTHERS)))
            .collect();
        assert_eq!(others.len(), 1);
        assert_eq!(others[0].1, 800.0);
        assert_eq!(traffic.durations().len(), 2);
        let parts = traffic.take();
        assert_eq!(parts.len(), 2 + CALLERS_MAX + 2);
        assert_eq!(traffic.take(), vec![], "said once");
    }

    #[test]
    fn a_sample_has_at_most_a_hundred_values_evenly_from_first_to_last() {
        let mut sample = Sample::empty();
        for number in 0..10_000 {
            sample.add(f64::from(number));
        }
        let values = sample.take();
        assert!(
            (50..=SAMPLE_MAX).contains(&values.len()),
            "{}",
            values.len()
        );
        assert_eq!(values[0], 0.0);
        let gaps: BTreeSet<u64> = values
            .windows(2)
            .map(|two| (two[1] - two[0]) as u64)
            .collect();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert!(values[values.len() - 1] > 9_800.0);
        assert_eq!(sample.take(), Vec::<f64>::new());
    }

    #[test]
    fn probes_are_counted_for_prometheus_and_not_said_to_cloudwatch() {
        let mut traffic = Traffic::default();
        traffic.add(Answered {
            route: "/health",
            ..answered(&Method::GET, None)
        });
        assert_eq!(traffic.take(), vec![]);
        assert_eq!(traffic.counts().len(), 1);
    }
}
