//! Everything that is kept of one unit, and what follows from it: what is in force, what was rolled back from, where a rollback goes.
//!
//! Pure.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::Paused;
use super::publication::{Cause, Publication};
use super::record::Record;
use crate::timestamp;

/// All of one unit's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Oldest first.
    pub publications: Vec<Publication>,
    /// Whether the loop leaves the unit alone.
    pub paused: Option<Paused>,
    /// What its conditions were.
    pub record: Record,
}

/// Which publication is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// By its number.
    Number(u64),
    /// The one that was in force then.
    Time(u64),
    /// The newest of a commit that begins so.
    Commit(String),
}

/// Why there is nothing to go back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each says what it is")]
pub enum NoTarget {
    #[error("nothing is published: `reconciler reconcile` publishes the manifest")]
    NothingPublished,
    #[error("{0} is none of the publications that are kept: `reconciler history` lists them")]
    Unknown(At),
    #[error("publication {0} has no manifest: it is the one that destroyed the unit")]
    Empty(u64),
    #[error("publication {0} says what is in force already")]
    Same(u64),
    #[error(
        "no publication before {0} was stable and says something else: name one with --to, or reconcile a manifest"
    )]
    NoneStable(u64),
}

/// Digits beyond these are the beginning of a commit.
const NUMBER_DIGITS_MAX: usize = 6;

impl FromStr for At {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<At, Infallible> {
        let day = || timestamp::parse(&format!("{text}T00:00:00Z"));
        if let Some(number) = text
            .parse()
            .ok()
            .filter(|_| text.len() <= NUMBER_DIGITS_MAX)
        {
            return Ok(At::Number(number));
        }
        let time = timestamp::parse(text).or_else(day);
        Ok(time.map_or_else(|| At::Commit(text.to_owned()), At::Time))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Number(number) => write!(f, "{number}"),
            At::Time(ms) => write!(f, "what was published by {}", timestamp::iso(*ms)),
            At::Commit(commit) => write!(f, "commit {commit}"),
        }
    }
}

impl History {
    /// What is in force.
    pub fn current(&self) -> Option<&Publication> {
        self.publications.last()
    }

    /// The one that is meant, if it is kept.
    pub fn at(&self, at: &At) -> Option<&Publication> {
        let mut newest = self.publications.iter().rev();
        match at {
            At::Number(number) => newest.find(|it| it.number == *number),
            At::Time(ms) => newest.find(|it| it.at <= *ms),
            At::Commit(commit) => newest.find(|it| {
                let of = it.draft.commit.as_deref();
                of.is_some_and(|of| !commit.is_empty() && of.starts_with(commit.as_str()))
            }),
        }
    }

    /// The rollback that a publication lies behind, if one does.
    pub fn rolled_back_by(&self, number: u64) -> Option<&Publication> {
        self.publications
            .iter()
            .rev()
            .find(|it| match it.draft.cause {
                Cause::RollBack { to, .. } => (to + 1..it.number).contains(&number),
                Cause::Reconcile | Cause::Destroy => false,
            })
    }

    /// The rollback that a manifest of a commit was rolled back by. By its text as well: a later commit that left the manifest
    /// alone is no new manifest. What has been published since, as with `--force`, is not superseded any more.
    pub fn superseded_by(&self, commit: Option<&str>, manifest: &str) -> Option<&Publication> {
        let newest = |same: &dyn Fn(&Publication) -> bool| {
            self.publications.iter().rev().find(|it| same(it))
        };
        // The work tree of a dirty commit may say anything.
        let commit = commit.filter(|commit| !commit.ends_with(DIRTY));
        let by_commit =
            commit.and_then(|commit| newest(&|it| it.draft.commit.as_deref() == Some(commit)));
        let by_text = newest(&|it| it.draft.manifest.as_deref() == Some(manifest));
        [by_text, by_commit]
            .into_iter()
            .flatten()
            .find_map(|it| self.rolled_back_by(it.number))
    }

    /// Where a rollback goes: to what is named, else to the newest publication before the current one that was stable, was not itself
    /// rolled back from, and says something else.
    pub fn target(&self, to: Option<&At>) -> Result<&Publication, NoTarget> {
        let current = self.current().ok_or(NoTarget::NothingPublished)?;
        let Some(at) = to else {
            let earlier = self.publications.iter().rev().find(|it| {
                it.number < current.number
                    && self.record.stable.contains(&it.number)
                    && self.rolled_back_by(it.number).is_none()
                    && it.draft.manifest.is_some()
                    && it.draft.manifest != current.draft.manifest
            });
            return earlier.ok_or(NoTarget::NoneStable(current.number));
        };
        let meant = self.at(at).ok_or_else(|| NoTarget::Unknown(at.clone()))?;
        match &meant.draft.manifest {
            None => Err(NoTarget::Empty(meant.number)),
            Some(_) if meant.draft.manifest == current.draft.manifest => {
                Err(NoTarget::Same(meant.number))
            }
            Some(_) => Ok(meant),
        }
    }
}

/// What `git describe --dirty` adds to a commit that is not all there is.
pub const DIRTY: &str = "-dirty";

#[cfg(test)]
mod tests {
    use super::super::publication::Draft;
    use super::*;

    /// Publications by what they say, `>n` for a rollback to n, `-` for a destruction; a capital was stable.
    fn history(said: &[&str]) -> History {
        let mut history = History::default();
        for (text, number) in said.iter().zip(1_u64..) {
            let (cause, text) = match text.strip_prefix('>') {
                Some(to) => {
                    let to: u64 = to.parse().unwrap();
                    let index = usize::try_from(to).unwrap() - 1;
                    let cause = Cause::RollBack {
                        to,
                        automatic: false,
                        reason: None,
                    };
                    (cause, said[index])
                }
                None => (Cause::Reconcile, *text),
            };
            if text.chars().all(char::is_uppercase) {
                history.record.stable.insert(number);
            }
            history.publications.push(Publication {
                number,
                at: number * 1000,
                draft: Draft {
                    manifest: (text != "-").then(|| text.to_owned()),
                    author: None,
                    commit: Some(format!("c{}", text.to_lowercase())),
                    cause,
                },
            });
        }
        history
    }

    #[test]
    fn a_rollback_goes_to_the_last_stable_one_that_says_something_else() {
        let rows: [(&[&str], Option<u64>); 8] = [
            (&["A", "B"], Some(1)),
            (&["A", "b", "C"], Some(1)),
            (&["a", "B"], None),
            (&["A", "B", "A"], Some(2)),
            // Behind a rollback: what it went back from is not gone back to again.
            (&["A", "B", "C", ">2"], Some(1)),
            (&["A", "B", "C", ">2", ">1"], None),
            (&["A", "B", "-"], Some(2)),
            (&["A", "B", "C", ">2", "D"], Some(4)),
        ];
        for (said, expected) in rows {
            let history = history(said);
            let found = history.target(None).ok().map(|it| it.number);
            assert_eq!(found, expected, "{said:?}");
        }
    }

    #[test]
    fn what_was_rolled_back_from_is_superseded_until_it_is_published_again() {
        let rows: [(&[&str], &str, &str, Option<u64>); 8] = [
            (&["A", "B", ">1"], "cb", "B", Some(3)),
            (&["A", "B", ">1"], "ca", "A", None),
            // A later commit with the same manifest; the same commit with another manifest.
            (&["A", "B", ">1"], "cd", "B", Some(3)),
            (&["A", "B", ">1"], "cb", "D", Some(3)),
            (&["A", "B", ">1"], "cd", "D", None),
            // Forced.
            (&["A", "B", ">1", "B"], "cb", "B", None),
            (&["A", "B", ">1", "D"], "cb", "B", Some(3)),
            (&["A", "B", "D", ">1"], "cb-dirty", "E", None),
        ];
        for (said, commit, text, expected) in rows {
            let history = history(said);
            let by = history.superseded_by(Some(commit), text);
            assert_eq!(by.map(|it| it.number), expected, "{said:?} {commit} {text}");
        }
    }

    #[test]
    fn a_publication_is_meant_by_number_time_or_commit() {
        let history = history(&["A", "B", "A"]);
        let rows = [
            ("2", Some(2)),
            ("9", None),
            ("1970-01-01T00:00:02Z", Some(2)),
            ("1970-01-01", None),
            ("2026-11-29", Some(3)),
            ("ca", Some(3)),
            ("cb", Some(2)),
            ("1234567", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let at: At = text.parse().unwrap();
            assert_eq!(history.at(&at).map(|it| it.number), expected, "{text}");
        }
        assert_eq!(
            history.target(Some(&At::Number(1))),
            Err(NoTarget::Same(1)),
            "it is in force already"
        );
    }
}
