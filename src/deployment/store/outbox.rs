//! Of which deployments something is untold, and how far each has been told of: for webhooks.
//!
//! The scripts that write a record mark the deployment when its newest change is one that whoever asked is to be told of ([`Store::telling`] says whose
//! are). The record itself has the changes, so a mark is all there is, and nothing can be told that did not happen. One teller at a time works on a caller's
//! marks, under a lease; what it writes carries the token. All times are Redis' own clock. Nothing here knows who is told, or how.

use super::{Lease, Store, StoreError, Stored};
use crate::deployment::Deployment;
use redis::ScriptInvocation;
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// Deployments of one caller with something untold. Beyond it the one that has been untold longest is forgotten; if it changes once more, all of it is
/// told again.
const UNTOLD_MAX: usize = 10_000;

/// The keys that a mark touches; `teller` is the lease.
const MARKS: [&str; 4] = ["due", "since", "told", "forgotten"];

/// A deployment of which something is to be told.
#[derive(Debug)]
pub struct Due {
    /// Which one.
    pub id: Uuid,
    /// Its record; an error when it is forgotten or cannot be used.
    pub stored: Result<Stored, StoreError>,
    /// How far it has been told of.
    pub told: Told,
}

/// How far a deployment has been told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// The number of the last change that is done with.
    pub number: u32,
    /// How often the next one has been tried in vain.
    pub failures: u32,
}

/// What is due now.
#[derive(Debug)]
pub struct Outbox {
    /// Deployments with something untold, those that are tried again later included.
    pub untold: usize,
    /// How long the first of them has been so without progress.
    pub oldest: Duration,
    /// How many were forgotten since this was last asked, because there were too many.
    pub forgotten: u64,
    /// What is to be told now.
    pub due: Vec<Due>,
}

/// What is left to tell of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Something, after so long.
    More(Duration),
    /// Nothing until it changes again.
    Nothing,
    /// Nothing, ever.
    Over,
}

impl Store {
    /// Whose deployments are told of. Without it nobody's are, and nothing is written.
    #[must_use]
    pub fn telling(mut self, callers: HashSet<String>) -> Self {
        self.told = callers.into();
        self
    }

    /// Takes the right to tell of a caller's deployments, or prolongs the one that is `held`; `None` if another replica has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn teller(
        &self,
        caller: &str,
        held: Option<&Lease>,
    ) -> Result<Option<Lease>, StoreError> {
        let may_take = held.is_none();
        self.take(&self.hook(caller, "teller"), held, may_take)
            .await
    }

    /// Gives that right back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it then ends by itself.
    pub async fn release_teller(&self, caller: &str, lease: &Lease) -> Result<(), StoreError> {
        self.give_back(&self.hook(caller, "teller"), lease).await
    }

    /// What is to be told of `caller`'s deployments now, at most `max` of them.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], [`StoreError::Unavailable`].
    pub async fn outbox(
        &self,
        caller: &str,
        lease: &Lease,
        max: usize,
    ) -> Result<Outbox, StoreError> {
        let mut script = self.scripts.due.key(self.hook(caller, "teller"));
        for name in MARKS {
            script.key(self.hook(caller, name));
        }
        type Answer = (u8, usize, Option<u64>, u64, Vec<String>, Vec<String>);
        let answer: Answer = self
            .connection
            .run(script.arg(&lease.token).arg(max))
            .await?;
        let (holds, untold, oldest, forgotten, names, told) = answer;
        if holds == 0 {
            return Err(StoreError::LeaseLost);
        }
        let (ids, told): (Vec<Uuid>, Vec<Told>) = names
            .iter()
            .zip(&told)
            .filter_map(|(id, told)| Some((Uuid::parse_str(id).ok()?, Told::read(told))))
            .unzip();
        let records = self.records(&ids).await?;
        let due = records.into_iter().zip(told);
        let due = due.map(|((id, stored), told)| Due { id, stored, told });
        Ok(Outbox {
            untold,
            oldest: Duration::from_millis(oldest.unwrap_or(0)),
            forgotten,
            due: due.collect(),
        })
    }

    /// Writes down how far a deployment was told of.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]; after [`StoreError::Unavailable`] it may be written. The same is then told again.
    pub async fn tell(
        &self,
        caller: &str,
        lease: &Lease,
        due: &Due,
        told: Told,
        left: Left,
    ) -> Result<(), StoreError> {
        let revision = due.stored.as_ref().ok().map(|stored| stored.revision);
        let (state, delay) = match left {
            Left::More(delay) => (told.print(), delay.as_millis().to_string()),
            Left::Nothing => (told.print(), String::new()),
            Left::Over => (String::new(), String::new()),
        };
        let mut script = self.scripts.told.key(self.hook(caller, "teller"));
        script.key(self.job(due.id));
        for name in ["due", "since", "told"] {
            script.key(self.hook(caller, name));
        }
        script
            .arg(&lease.token)
            .arg(due.id.to_string())
            .arg(
                revision
                    .map(|revision| revision.to_string())
                    .unwrap_or_default(),
            )
            .arg(state)
            .arg(u8::from(told.number > due.told.number))
            .arg(delay);
        self.answered(self.connection.run(&script).await?)
    }

    /// For a script that writes a record: the keys of its mark, and in `ARGV` whether it is marked and how many marks there may be. It is marked when it has
    /// a change that is newer than `seen`.
    pub(super) fn mark(
        &self,
        script: &mut ScriptInvocation<'_>,
        deployment: &Deployment,
        seen: u32,
    ) {
        let caller = &deployment.caller;
        for name in MARKS {
            script.key(self.hook(caller, name));
        }
        let is_news = deployment.last_change() > seen && self.told.contains(caller);
        script.arg(if is_news { UNTOLD_MAX } else { 0 });
    }

    fn hook(&self, caller: &str, name: &str) -> String {
        self.key(&format!("hook:{caller}:{name}"))
    }
}

impl Told {
    fn print(self) -> String {
        let Self { number, failures } = self;
        format!("{number} {failures}")
    }

    /// What cannot be read is told from the beginning.
    fn read(text: &str) -> Self {
        let numbers = text.split_once(' ');
        let numbers = numbers
            .and_then(|(number, failures)| Some((number.parse().ok()?, failures.parse().ok()?)));
        let (number, failures) = numbers.unwrap_or_default();
        Self { number, failures }
    }
}
