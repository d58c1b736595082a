//! Numbers as Prometheus reads them: the text exposition format, version 0.0.4.
//!
//! Takes families, gives text. Pure. No library: the format is lines, and a registry would be a second place for numbers that their owners
//! have. <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;

/// The text's media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What may be done with a family's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Kind {
    /// As the format has it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Names and values of one number's labels.
pub type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes the numbers of one name, with its type and meaning above them.
pub fn write(
    text: &mut String,
    (name, kind, meaning): (&str, Kind, &str),
    values: &[(Labels<'_>, f64)],
) {
    head(text, name, kind, meaning);
    for (labels, value) in values {
        line(text, name, labels, *value);
    }
}

/// Writes the histograms of one name.
pub fn write_histograms(
    text: &mut String,
    (name, meaning): (&str, &str),
    values: &[(Labels<'_>, &Histogram)],
) {
    head(text, name, Kind::Histogram, meaning);
    let bucket = format!("{name}_bucket");
    for (labels, histogram) in values {
        let mut count = 0;
        let bounds = histogram.bounds.iter().map(ToString::to_string);
        let bounds = bounds.chain(std::iter::once("+Inf".to_owned()));
        for (bound, within) in bounds.zip(&histogram.counts) {
            count += within;
            let mut labels = labels.clone();
            labels.push(("le", &bound));
            line(text, &bucket, &labels, count as f64);
        }
        line(text, &format!("{name}_sum"), labels, histogram.sum);
        line(text, &format!("{name}_count"), labels, count as f64);
    }
}

/// How many values were at most as large as each bound.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// Above the bound before and up to this one; the last one is of what is above all of them.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    /// An empty one with these bounds, which rise.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.sum += value;
    }
}

fn head(text: &mut String, name: &str, kind: Kind, meaning: &str) {
    let kind = kind.word();
    // Into a string, which does not fail.
    let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &Labels<'_>, value: f64) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
        .collect();
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", labels.join(",")),
    };
    let _ = writeln!(text, "{name}{labels} {value}");
}

/// As the format wants a label's value.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_what_is_at_most_each_bound() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        for value in [0.25, 0.5, 1.0, 4.0] {
            histogram.add(value);
        }
        let mut text = String::new();
        write_histograms(
            &mut text,
            ("h", "meaning"),
            &[(vec![("a", "b")], &histogram)],
        );
        let expected = "# HELP h meaning\n# TYPE h histogram\n\
            h_bucket{a=\"b\",le=\"0.5\"} 2\nh_bucket{a=\"b\",le=\"1\"} 3\nh_bucket{a=\"b\",le=\"+Inf\"} 4\n\
            h_sum{a=\"b\"} 5.75\nh_count{a=\"b\"} 4\n";
        assert_eq!(text, expected);
    }
}
