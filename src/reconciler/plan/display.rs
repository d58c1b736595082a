//! A plan as a person reads it. Deterministic, no colour of its own; `bin/` decides about terminals.

use std::fmt;

use super::call::Effect;
use super::diff::Change;
use super::report::values;
use super::{Blocked, Note, Plan, Step, Waiting};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan {
            unit,
            steps,
            waiting,
            blocked,
            notes,
            diagnosis,
        } = self;
        if self.is_settled() {
            writeln!(f, "no changes")?;
            return notes.iter().try_for_each(|note| writeln!(f, "  i {note}"));
        }
        writeln!(f, "plan for {unit}")?;
        for step in steps {
            write!(f, "{step}")?;
        }
        for waiting in waiting {
            writeln!(f, "  … {waiting}")?;
        }
        for blocked in blocked {
            writeln!(f, "  ! {blocked}")?;
        }
        if let Some(diagnosis) = diagnosis {
            writeln!(f, "  ! {diagnosis}")?;
        }
        for note in notes {
            writeln!(f, "  i {note}")?;
        }
        let count = |effect| steps.iter().filter(|step| step.effect() == effect).count();
        let (create, change, delete) = (
            count(Effect::Create),
            count(Effect::Change),
            count(Effect::Delete),
        );
        writeln!(
            f,
            "{create} to create, {change} to change, {delete} to delete; {} waiting, {} blocked",
            waiting.len(),
            blocked.len()
        )
    }
}

impl Step {
    fn effect(&self) -> Effect {
        self.call.effect(!self.changes.is_empty())
    }

    /// `+`, `~` or `-`.
    pub(super) fn sign(&self) -> char {
        match self.effect() {
            Effect::Create => '+',
            Effect::Change => '~',
            Effect::Delete => '-',
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step {
            subject,
            call,
            changes,
        } = self;
        writeln!(f, "  {} {subject}  ({})", self.sign(), call.operation())?;
        for change in changes {
            writeln!(f, "      {change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, values(self))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Tag {
                subject,
                digest,
                size_bytes,
                platforms,
            } => {
                let mebibytes = *size_bytes as f64 / f64::from(1 << 20);
                write!(f, "{subject} is {digest}, {mebibytes:.1} MiB")?;
                if platforms.is_empty() {
                    return Ok(());
                }
                let platforms: Vec<&str> = platforms.iter().map(String::as_str).collect();
                write!(f, ", for {}", platforms.join(", "))
            }
            Note::Unconfirmed { subject } => write!(
                f,
                "{subject} hears nothing yet: whoever it belongs to has not confirmed it"
            ),
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Needs { subject, needs } => {
                let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
                write!(f, "{subject} needs {}", needs.join(", "))
            }
            Waiting::Rollout {
                running,
                healthy,
                desired,
                event,
            } => {
                write!(
                    f,
                    "rollout: {running} of {desired} tasks running, {healthy} healthy"
                )?;
                event
                    .as_ref()
                    .map_or(Ok(()), |event| write!(f, " ({event})"))
            }
            Waiting::Person { stage, until, then } => {
                write!(f, "the rollout waits for a person after {stage}")?;
                if let Some(until) = until {
                    let then = then.to_ascii_lowercase();
                    write!(f, ", until {until} (then: {then})")?;
                }
                f.write_str(": `reconciler continue MANIFEST` lets it go on, with --rollback back")
            }
            Waiting::Rollback => f.write_str("ECS is rolling back"),
            Waiting::Draining => {
                f.write_str("a deleted service of this name still stops its tasks")
            }
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocked::Foreign { subject, why } => write!(f, "{subject} {why}"),
            Blocked::Missing { subject } => write!(
                f,
                "{subject} is not there, and is never made here: create it, or correct the manifest"
            ),
            Blocked::Broken { finding } => write!(f, "{finding}"),
            Blocked::Immutable { subject, changes } => {
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{subject} differs where AWS changes nothing in place ({}): name a new one in the manifest",
                    changes.join(", ")
                )
            }
            Blocked::WrongAccount { wanted, found } => {
                write!(
                    f,
                    "the credentials are for account {found}, the manifest is for {wanted}: use that account's"
                )
            }
            Blocked::RolloutFailed {
                rolled_back,
                reason,
            } => {
                let state = if *rolled_back {
                    "the revision before runs again"
                } else {
                    "there was no revision to go back to"
                };
                write!(
                    f,
                    "the rollout of this revision failed: {reason} ({state}); it is not retried until the manifest changes"
                )
            }
        }
    }
}
