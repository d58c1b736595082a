//! Published desired state: what is to be enforced, what was, and how the unit stood, in SSM Parameter Store.
//!
//! ```text
//! /hokus.ai/units/<unit>/0000000001   a publication: made once, never changed; the highest number is in force
//! /hokus.ai/units/<unit>/…            the newest 50 are kept: that is the history
//! /hokus.ai/units/<unit>/conditions   since when each condition holds, and the newest transitions
//! /hokus.ai/units/<unit>/paused       there: the loop leaves the unit alone
//! ```
//!
//! PutParameter has no expected version, so a publication is a parameter of its own, made with Overwrite=false: of two who publish at once one
//! is told ParameterAlreadyExists, and has lost. There is no lock and nothing to release. Decides nothing: what follows from a history is [`history`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::aws::{Aws, AwsError, parameters};
use super::status::Conditions;
use crate::timestamp;

pub mod history;
mod packed;
pub mod publication;
pub mod record;
pub mod show;

pub use history::{At, History, NoTarget};
pub use publication::{Cause, Draft, Publication};
pub use record::Record;

use publication::{VALUE_BYTES_MAX, read, short, write};

/// Above every unit.
const UNITS: &str = "/hokus.ai/units";
/// Publications that are kept: more than a busy week's.
pub const KEPT: u64 = 50;
/// How many numbers beyond the known one a look asks for: with the known one, the pause and the conditions that is one call.
const AHEAD: u64 = parameters::NAMES_MAX as u64 - 3;
const CONDITIONS: &str = "conditions";
const PAUSED: &str = "paused";

/// Where one unit's parameters are, without the slash at the end: also what the policy allows.
pub fn path(unit: &str) -> String {
    format!("{UNITS}/{unit}")
}

/// One unit's parameters.
#[derive(Clone)]
pub struct Store {
    aws: Aws,
    unit: String,
}

/// What is in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// The highest number; absent: nothing was ever published.
    pub current: Option<Publication>,
    /// Whether the loop leaves the unit alone.
    pub paused: Option<Paused>,
    /// What its conditions were.
    pub record: Record,
}

/// That the loop leaves a unit alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Milliseconds since 1970.
    #[serde(with = "timestamp::text")]
    pub at: u64,
    /// Who wants it.
    pub by: Option<String>,
    /// And why.
    pub reason: Option<String>,
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Paused { at, by, reason } = self;
        write!(f, "paused since {}", timestamp::iso(*at))?;
        by.as_ref().map_or(Ok(()), |by| write!(f, " by {by}"))?;
        reason
            .as_ref()
            .map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

/// What keeps the store from being read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// AWS did not answer, or said no.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Somebody else published in the meantime; what they say is in force.
    #[error("publication {} was made meanwhile, {}", .winner.number, whose(.winner))]
    Lost {
        /// Theirs.
        winner: Box<Publication>,
    },
    /// More than a parameter holds.
    #[error(
        "the manifest is {bytes} bytes when packed, and a publication holds {VALUE_BYTES_MAX}: shorten its environment or alarms"
    )]
    TooLarge {
        /// With its header.
        bytes: usize,
    },
    /// A parameter holds something else.
    #[error("parameter {parameter} {reason}")]
    Unreadable {
        /// Its name.
        parameter: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// `by alice of commit 1a2b3c at 2026-…`
pub fn whose(
    Publication {
        number: _,
        at,
        draft,
    }: &Publication,
) -> String {
    let part = |word: &str, text: &Option<String>| {
        text.as_ref()
            .map_or_else(String::new, |text| format!("{word} {text} "))
    };
    let (by, of) = (part("by", &draft.author), part("of commit", &draft.commit));
    format!("{by}{of}at {}", timestamp::iso(*at))
}

impl Store {
    /// One unit's store. Makes no call.
    pub fn of(aws: &Aws, unit: &str) -> Store {
        Store {
            aws: aws.clone(),
            unit: unit.to_owned(),
        }
    }

    /// Every unit of this account and region that has anything published. Reads names only, but all of them.
    pub async fn units(aws: &Aws) -> Result<BTreeSet<String>, AwsError> {
        let names = parameters::names_below(&aws.read, UNITS).await?;
        let units = names.iter().filter_map(|name| {
            let (unit, number) = name
                .strip_prefix(UNITS)?
                .strip_prefix('/')?
                .split_once('/')?;
            numbered(number).map(|_| unit.to_owned())
        });
        Ok(units.collect())
    }

    /// The unit's name.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What is in force. With what was in force at the last look this is one call as long as nothing was published.
    pub async fn current(&self, known: Option<&Publication>) -> Result<Published, Error> {
        let Some(mut known) = known.cloned() else {
            return Ok(self.history().await?.into());
        };
        loop {
            let first = known.number;
            let names = (first..=first + AHEAD).map(|number| self.publication(number));
            let names = names.chain([self.name(CONDITIONS), self.name(PAUSED)]);
            let found = parameters::some(&self.aws.read, names.collect()).await?;
            let mut history = self.read(&found)?;
            // Pruned, or deleted by hand.
            if history
                .publications
                .first()
                .is_none_or(|it| it.number != first)
            {
                return Ok(self.history().await?.into());
            }
            match history.publications.pop() {
                Some(newest) if newest.number == first + AHEAD => known = newest,
                current => {
                    return Ok(Published {
                        current,
                        paused: history.paused,
                        record: history.record,
                    });
                }
            }
        }
    }

    /// All that is kept.
    pub async fn history(&self) -> Result<History, Error> {
        self.read(&parameters::below(&self.aws.read, &path(&self.unit)).await?)
    }

    /// Publishes on top of `history`; whoever did so since has won. What is older than the newest [`KEPT`] is deleted.
    pub async fn publish(
        &self,
        history: &History,
        draft: &Draft,
        now: u64,
    ) -> Result<Publication, Error> {
        let number = history.current().map_or(1, |it| it.number + 1);
        let value = write(draft, now).map_err(|bytes| Error::TooLarge { bytes })?;
        let name = self.publication(number);
        let made = parameters::create(&self.aws.write, &name, &value).await;
        match &made {
            Ok(true) => {}
            Err(error) if !error.retryable => return Err(error.clone().into()),
            // "It exists", or no answer, which may have had its effect: what is there now says whose it is.
            Ok(false) | Err(_) => {
                let found = parameters::some(&self.aws.read, vec![name.clone()]).await?;
                match (found.get(&name), made) {
                    (Some(found), _) if *found == value => {}
                    (Some(found), _) => {
                        let winner = Box::new(self.publication_of(&name, number, found)?);
                        return Err(Error::Lost { winner });
                    }
                    (None, Err(error)) => return Err(error.into()),
                    (None, Ok(_)) => {
                        return Err(Error::Unreadable {
                            parameter: name,
                            reason: "was there and is gone: who deletes it?".to_owned(),
                        });
                    }
                }
            }
        }
        let publication = self.publication_of(&name, number, &value)?;
        let old = history.publications.iter().map(|it| it.number);
        let old = old.filter(|it| it + KEPT <= number);
        let old: Vec<String> = old.map(|it| self.publication(it)).collect();
        // It is published whether or not the oldest are gone: the next publisher tries them again.
        let _ = parameters::delete(&self.aws.write, &old).await;
        Ok(publication)
    }

    /// Makes the loop leave the unit alone.
    pub async fn pause(
        &self,
        by: Option<&str>,
        reason: Option<&str>,
        now: u64,
    ) -> Result<(), Error> {
        let paused = Paused {
            at: now,
            by: by.map(short),
            reason: reason.map(short),
        };
        // Plain data written to memory.
        let value = serde_json::to_string(&paused).unwrap_or_default();
        parameters::write(&self.aws.write, &self.name(PAUSED), &value).await?;
        Ok(())
    }

    /// Makes the loop see to the unit again.
    pub async fn resume(&self) -> Result<(), Error> {
        parameters::delete(&self.aws.write, &[self.name(PAUSED)]).await?;
        Ok(())
    }

    /// Remembers how the unit stands, with one call if that is news, with none if not.
    pub async fn record(
        &self,
        published: &Published,
        conditions: &Conditions,
        now: u64,
    ) -> Result<Record, Error> {
        let number = published.current.as_ref().map_or(0, |it| it.number);
        let oldest = number.saturating_sub(KEPT - 1);
        let record = published.record.after(number, oldest, conditions, now);
        if record != published.record {
            parameters::write(&self.aws.write, &self.name(CONDITIONS), &record.write()).await?;
        }
        Ok(record)
    }

    /// What parameters by name say. Those of other names are nobody's.
    fn read(&self, found: &BTreeMap<String, String>) -> Result<History, Error> {
        let mut history = History::default();
        // In the order of their names, which is that of their numbers.
        for (name, value) in found {
            let last = name.rsplit('/').next().unwrap_or_default();
            match (last, numbered(last)) {
                (_, Some(number)) => {
                    let publication = self.publication_of(name, number, value)?;
                    history.publications.push(publication);
                }
                (CONDITIONS, None) => history.record = Record::read(value),
                (PAUSED, None) => {
                    // Whatever it says: somebody wants the unit left alone.
                    let unsaid = Paused {
                        at: 0,
                        by: None,
                        reason: None,
                    };
                    history.paused = Some(serde_json::from_str(value).unwrap_or(unsaid));
                }
                _ => {}
            }
        }
        Ok(history)
    }

    fn publication_of(&self, name: &str, number: u64, value: &str) -> Result<Publication, Error> {
        read(number, value).map_err(|reason| Error::Unreadable {
            parameter: name.to_owned(),
            reason,
        })
    }

    fn publication(&self, number: u64) -> String {
        self.name(&format!("{number:010}"))
    }

    fn name(&self, last: &str) -> String {
        format!("{}/{last}", path(&self.unit))
    }
}

/// Ten digits, as publications are named.
fn numbered(name: &str) -> Option<u64> {
    let digits = name.len() == 10 && name.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}

impl From<History> for Published {
    fn from(history: History) -> Published {
        let History {
            mut publications,
            paused,
            record,
        } = history;
        Published {
            current: publications.pop(),
            paused,
            record,
        }
    }
}
