//! A history as it is read: newest first, each publication with what its unit went through while it was in force. Pure.

use std::fmt::Write;

use serde_json::{Value, json};

use super::publication::{Cause, Publication};
use super::record::Transition;
use super::{History, whose};
use crate::timestamp::iso;

/// What transitions name where nothing is published: the loop keeps a directory's manifest.
const UNPUBLISHED: u64 = 0;

impl History {
    /// For a person.
    pub fn text(&self, unit: &str) -> String {
        let mut out = format!("{unit}\n");
        if let Some(paused) = &self.paused {
            line(&mut out, &format!("  {paused}"));
        }
        if self.publications.is_empty() {
            line(&mut out, "  nothing is published");
        }
        for publication in self.publications.iter().rev() {
            let Publication { number, .. } = publication;
            let cause = cause(&publication.draft.cause);
            let notes = self.notes(publication).join(", ");
            let notes = if notes.is_empty() {
                notes
            } else {
                format!("  [{notes}]")
            };
            line(
                &mut out,
                &format!("  {number:>4}  {cause}, {}{notes}", whose(publication)),
            );
            for transition in self.transitions(*number).rev() {
                line(&mut out, &format!("        {}", said(transition)));
            }
        }
        let mut unpublished = self.transitions(UNPUBLISHED).rev().peekable();
        if unpublished.peek().is_some() {
            line(&mut out, "     -  by a manifest that is not published");
        }
        for transition in unpublished {
            line(&mut out, &format!("        {}", said(transition)));
        }
        out
    }

    /// For a program: everything but the manifests.
    pub fn json(&self, unit: &str) -> Value {
        let publications = self.publications.iter().rev().map(|publication| {
            let mut shown = shown(publication);
            shown["inForce"] = json!(self.current() == Some(publication));
            shown["stable"] = json!(self.record.stable.contains(&publication.number));
            let by = self.rolled_back_by(publication.number);
            shown["rolledBackBy"] = json!(by.map(|by| by.number));
            let transitions = self.transitions(publication.number).rev();
            shown["transitions"] = transitions.map(|it| json!(it)).collect();
            shown
        });
        let publications: Vec<Value> = publications.collect();
        let unpublished: Vec<&Transition> = self.transitions(UNPUBLISHED).rev().collect();
        json!({ "unit": unit, "paused": self.paused, "publications": publications, "unpublished": unpublished })
    }

    fn notes(&self, publication: &Publication) -> Vec<String> {
        let by = self.rolled_back_by(publication.number);
        let notes = [
            (self.current() == Some(publication)).then(|| "in force".to_owned()),
            self.record
                .stable
                .contains(&publication.number)
                .then(|| "was stable".to_owned()),
            by.map(|by| format!("rolled back by {}", by.number)),
        ];
        notes.into_iter().flatten().collect()
    }

    fn transitions(&self, number: u64) -> impl DoubleEndedIterator<Item = &Transition> {
        let all = self.record.transitions.iter();
        all.filter(move |it| it.publication == number)
    }
}

/// One publication for a program, without its manifest.
pub fn shown(publication: &Publication) -> Value {
    let Publication { number, at, draft } = publication;
    let mut shown = json!(draft.cause);
    shown["number"] = json!(number);
    shown["at"] = json!(iso(*at));
    shown["author"] = json!(draft.author);
    shown["commit"] = json!(draft.commit);
    shown
}

/// What led to a publication, for a person.
pub fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Reconcile => "reconcile".to_owned(),
        Cause::Destroy => "destroy".to_owned(),
        Cause::RollBack {
            to,
            automatic,
            reason,
        } => {
            let who = if *automatic {
                "automatic rollback"
            } else {
                "rollback"
            };
            let reason = reason.as_ref();
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("{who} to {to}{reason}")
        }
    }
}

fn said(transition: &Transition) -> String {
    let Transition {
        at,
        publication: _,
        condition,
        holds,
        reason,
    } = transition;
    let not = if *holds { "" } else { "not " };
    let colon = if reason.is_empty() { "" } else { ": " };
    format!("{}  {not}{condition}{colon}{reason}", iso(*at))
}

fn line(out: &mut String, text: &str) {
    // A String takes every write.
    let _ = writeln!(out, "{text}");
}
