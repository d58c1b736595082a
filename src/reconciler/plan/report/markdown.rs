//! For a pull request: the sum first, the steps in a table that can be folded.

use std::fmt::Write;

use super::text::{effect_lines, field, said, span, who};
use super::{Report, Shown};

impl Report {
    /// GitHub-flavoured Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("### Plan for `{}`\n\n", self.unit);
        if self.settled {
            out += "No changes: AWS equals the manifest.\n";
        } else {
            let takes = match self.seconds {
                (_, 0) => String::new(),
                seconds => format!("; takes {}", span(seconds)),
            };
            let _ = writeln!(out, "**{}**{takes}", self.sum());
        }
        let blocked = self.blocked.iter().map(ToString::to_string);
        items(&mut out, "Needs a person", blocked);
        let waiting = self.waiting.iter().map(ToString::to_string);
        items(&mut out, "Waiting", waiting);
        for wave in &self.waves {
            let _ = write!(
                out,
                "\n<details{}><summary>Wave {}: {} {}</summary>\n\n| | resource | change | effect |\n|---|---|---|---|\n",
                if wave.wave == 1 { " open" } else { "" },
                wave.wave,
                wave.steps.len(),
                if wave.steps.len() == 1 {
                    "step"
                } else {
                    "steps"
                },
            );
            for step in &wave.steps {
                row(&mut out, step);
            }
            out += "\n</details>\n";
        }
        items(
            &mut out,
            "To know",
            self.notes.iter().map(ToString::to_string),
        );
        items(&mut out, "Left alone", self.untouched.iter().map(said));
        out
    }
}

fn items(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    for (index, item) in items.enumerate() {
        if index == 0 {
            let _ = write!(out, "\n{title}:\n\n");
        }
        let _ = writeln!(out, "- {}", cell(&item));
    }
}

fn row(out: &mut String, step: &Shown) {
    let Shown {
        sign,
        subject,
        call,
        asked,
        changes,
        effect,
    } = step;
    let changes = match changes.is_empty() {
        true => who(asked),
        false => changes.iter().map(field).collect::<Vec<_>>().join("\n"),
    };
    let effect = effect_lines(effect).join("\n");
    let _ = writeln!(
        out,
        "| `{sign}` | {}<br>`{call}` | {} | {} |",
        cell(&subject.to_string()),
        cell(&changes),
        cell(&effect)
    );
}

/// Text that stays within its cell and means nothing to Markdown or HTML.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out += "<br>",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}
