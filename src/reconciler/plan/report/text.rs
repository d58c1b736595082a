//! For a person at a terminal.

use std::fmt::Write;

use serde_json::Value;

use super::{Asked, Report, Shown, ShownChange, brief};
use crate::reconciler::plan::Change;
use crate::reconciler::plan::impact::{Impact, Risk};
use crate::reconciler::plan::untouched::Untouched;

/// SGR codes by what they mark (ECMA-48 §8.3.117).
const BOLD: u8 = 1;
const DIM: u8 = 2;
const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

impl Report {
    /// The whole report; deterministic. `colour` is the caller's knowledge of the terminal.
    pub fn text(&self, colour: bool) -> String {
        let paint = |code: u8, text: &str| match colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let mut out = String::new();
        for field in &self.untouched {
            line(&mut out, &paint(DIM, &format!("  = {}", said(field))));
        }
        let notes: Vec<String> = self
            .notes
            .iter()
            .map(|note| format!("  i {note}"))
            .collect();
        if self.settled {
            notes.iter().for_each(|note| line(&mut out, note));
            line(&mut out, "no changes");
            return out;
        }
        let head = format!("plan for {}", self.unit);
        out.insert_str(0, &format!("{}\n", paint(BOLD, &head)));
        for wave in &self.waves {
            let when = match wave.wave {
                1 => "wave 1".to_owned(),
                next => format!("wave {next}, once wave {} is seen in AWS", next - 1),
            };
            line(&mut out, &paint(BOLD, &when));
            for step in &wave.steps {
                let code = match step.sign {
                    '+' => GREEN,
                    '~' => YELLOW,
                    _ => RED,
                };
                let Shown {
                    sign,
                    subject,
                    call,
                    asked,
                    changes,
                    effect,
                } = step;
                let sign = paint(code, &sign.to_string());
                let by = match changes.is_empty() {
                    true => arrow(asked),
                    false => String::new(),
                };
                line(&mut out, &format!("  {sign} {subject}  ({call}){by}"));
                for change in changes {
                    line(&mut out, &format!("      {}", field(change)));
                }
                for about in effect_lines(effect) {
                    line(&mut out, &paint(DIM, &format!("      {about}")));
                }
            }
        }
        for waiting in &self.waiting {
            line(&mut out, &format!("  … {waiting}"));
        }
        for blocked in &self.blocked {
            line(&mut out, &format!("  {} {blocked}", paint(RED, "!")));
        }
        notes.iter().for_each(|note| line(&mut out, note));
        if self.seconds.1 > 0 {
            line(&mut out, &format!("takes {}", span(self.seconds)));
        }
        line(&mut out, &self.sum());
        out
    }
}

fn line(out: &mut String, text: &str) {
    // A String takes every write.
    let _ = writeln!(out, "{text}");
}

/// One changed field on one line.
pub(super) fn field(ShownChange { change, asked }: &ShownChange) -> String {
    let reason = change.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!(
        "{}: {}{reason}{}",
        change.path,
        values(change),
        arrow(asked)
    )
}

/// What was and what will be; of two lists, only the items that one of them has.
pub(in super::super) fn values(change: &Change) -> String {
    let (Some(from), Some(to)) = (change.from.as_array(), change.to.as_array()) else {
        return format!("{} → {}", brief(&change.from), brief(&change.to));
    };
    let only = |items: &[Value], others: &[Value], sign: char| {
        let only = items.iter().filter(|item| !others.contains(item));
        only.map(|item| format!("{sign} {}", brief(item)))
            .collect::<Vec<_>>()
    };
    let items = [only(from, to, '−'), only(to, from, '+')].concat();
    match items.is_empty() {
        true => format!("{} → {}", brief(&change.from), brief(&change.to)),
        false => items.join(" "),
    }
}

fn arrow(asked: &Asked) -> String {
    format!("  ← {}", who(asked))
}

/// Who asks, in words.
pub(super) fn who(asked: &Asked) -> String {
    match asked {
        Asked::Lines(lines) => lines.join(", "),
        Asked::Defaults(fields) => format!("default of {}", fields.join(", ")),
        Asked::Always => "always so".to_owned(),
        Asked::Nowhere => "not in the manifest".to_owned(),
    }
}

/// What a step does, beyond what its sign says.
pub(super) fn effect_lines(Impact { kind, risk, takes }: &Impact) -> Vec<String> {
    use crate::reconciler::plan::impact::Manner::{
        InPlace, Made, NewRevision, NewRollout, Removed,
    };
    let mut lines = Vec::new();
    match kind {
        Made | Removed => {}
        InPlace | NewRevision | NewRollout => lines.push(kind.name().to_owned()),
    }
    lines.extend(risk.as_ref().map(|risk| match risk {
        Risk::Traffic(what) => format!("traffic: {what}"),
        Risk::Capacity(what) => format!("capacity: {what}"),
        Risk::Data(what) => format!("data: {what}"),
    }));
    lines.extend(takes.as_ref().map(|takes| {
        let seconds = (takes.seconds_min, takes.seconds_max);
        format!("takes {}: {}", span(seconds), takes.because)
    }));
    lines
}

/// What is left alone, in words.
pub(super) fn said(field: &Untouched) -> String {
    let Untouched {
        subject,
        path,
        value,
        owner,
        guard,
    } = field;
    format!(
        "{subject}: not touching {path}={}: owned by {}, {guard}",
        brief(value),
        owner.name()
    )
}

/// Two times in seconds, for people.
pub(super) fn span((min, max): (u32, u32)) -> String {
    let time = |seconds: u32| match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    };
    format!("{} to {}", time(min), time(max))
}
