//! One shot: a manifest accepted and published, then AWS made equal to what is in force, until it is or another end.
//!
//! ```text
//! manifest ─accept→ publication ─converge→ settled
//!                        ▲           ├──── ECS rolled back: the publication before is published again, and converged to
//!                        │           └──── somebody published meanwhile: overtaken, nothing more is written
//!                    rollback
//! ```
//!
//! Adds three things to [`converge`]: it stops as soon as what it enforces is no longer in force, since two who
//! enforce different manifests would undo each other; the whole unit follows where ECS went back; and success is [proved](super::proof).
//! The loop does the first two a pass at a time.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::aws::{Aws, AwsError, sts};
use super::converge::{Outcome, Progress, converge};
use super::manifest::Manifest;
use super::plan::Plan;
use super::proof::{Answer, Unreachable, prove};
use super::rollback;
use super::spec::Spec;
use super::status::{Conditions, conditions};
use super::store::{Cause, Draft, Error, Paused, Publication, Published, Store, whose};

/// How often it is asked whether something else is in force by now: one read of 40 that an account may make in a second.
const LOOK: Duration = Duration::from_secs(5);

/// What somebody wants published.
pub struct Offer<'a> {
    /// All layers as one.
    pub manifest: &'a Manifest,
    /// What is believed of it.
    pub spec: &'a Spec,
    /// Of which commit.
    pub commit: Option<String>,
    /// Who.
    pub author: Option<String>,
    /// Even if it was rolled back from.
    pub force: bool,
}

/// What became of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Published now.
    New(Publication),
    /// In force already, word for word: nothing is published, so that the history holds changes.
    Already(Publication),
}

/// Why nothing is published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was rolled back from.
    #[error(
        "this manifest was rolled back from: publication {}, {}, is a rollback to {to}{}. Publish a manifest that is mended, or this one all the same with --force",
        .by.number, whose(.by), .reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"))
    )]
    Superseded {
        /// The rollback.
        by: Box<Publication>,
        /// Where to.
        to: u64,
        /// And why.
        reason: Option<String>,
    },
    /// Somebody wants the unit left alone.
    #[error("{0}: `reconciler resume` ends that")]
    Paused(Paused),
    /// The credentials are of another account than the manifest.
    #[error(
        "the credentials are for account {found}, the manifest is for {wanted}: use that account's"
    )]
    WrongAccount {
        /// The manifest's.
        wanted: String,
        /// The credentials'.
        found: String,
    },
    /// The manifest is none any more once rendered.
    #[error("the manifest cannot be rendered: {0}")]
    Unwritable(String),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<AwsError> for Refused {
    fn from(error: AwsError) -> Refused {
        Refused::Store(error.into())
    }
}

/// How enforcing a publication ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "end", rename_all = "camelCase")]
pub enum Enforced {
    /// The publication stayed in force.
    Ended {
        /// How converging ended.
        outcome: Outcome,
    },
    /// ECS gave up on it.
    RolledBack {
        /// How converging to it ended; absent where another reconciler saw that first.
        failed: Option<Outcome>,
        /// What is in force now, and how converging to that ended; absent: nothing before was stable, so the failed one still is.
        back: Option<(u64, Outcome)>,
    },
    /// Somebody else published: theirs is in force, and somebody else's to enforce.
    Overtaken {
        /// Its number.
        by: u64,
        /// Whose it is.
        whose: String,
    },
}

/// Publishes a manifest, unless it is in force already or may not be.
pub async fn accept(
    aws: &Aws,
    store: &Store,
    offer: Offer<'_>,
    now: u64,
) -> Result<Accepted, Refused> {
    let Offer {
        manifest,
        spec,
        commit,
        author,
        force,
    } = offer;
    check_account(aws, spec).await?;
    let text = manifest.render();
    let text = text.map_err(|error| Refused::Unwritable(error.to_string()))?;
    let history = store.history().await?;
    if let Some(paused) = history.paused {
        return Err(Refused::Paused(paused));
    }
    match history.current() {
        Some(current) if current.draft.manifest.as_ref() == Some(&text) => {
            return Ok(Accepted::Already(current.clone()));
        }
        Some(_) | None => {}
    }
    if let Some(by) = history
        .superseded_by(commit.as_deref(), &text)
        .filter(|_| !force)
        && let Cause::RollBack { to, reason, .. } = &by.draft.cause
    {
        let by = Box::new(by.clone());
        let (to, reason) = (*to, reason.clone());
        return Err(Refused::Superseded { by, to, reason });
    }
    let draft = Draft {
        manifest: Some(text),
        author,
        commit,
        cause: Cause::Reconcile,
    };
    Ok(Accepted::New(store.publish(&history, &draft, now).await?))
}

/// Refuses to publish one account's unit in another's store.
pub async fn check_account(aws: &Aws, spec: &Spec) -> Result<(), Refused> {
    let (wanted, found) = (spec.account.clone(), sts::account(&aws.read).await?);
    if wanted != found {
        return Err(Refused::WrongAccount { wanted, found });
    }
    Ok(())
}

/// Converges to what `publication` says, and to what was before where ECS gives up on it. `deadline` is for each of the two; `now` is the
/// time whenever it is asked, in milliseconds since 1970; `ask` is how a host is asked for a path, as [`Probe`](super::proof::Probe) does.
pub async fn enforce(
    aws: &Aws,
    store: &Store,
    publication: &Publication,
    deadline: Duration,
    now: impl Fn() -> u64,
    ask: impl AsyncFn(&str, &str) -> Result<Answer, Unreachable>,
    mut report: impl FnMut(&Progress<'_>),
) -> Result<Enforced, Error> {
    let once = Once {
        aws,
        store,
        deadline,
        ask,
    };
    let failed = match once.converge(publication, &now, &mut report).await? {
        Watched::Overtaken(by) if follows(&by, publication) => {
            return once.follow(None, &by, &now, &mut report).await;
        }
        Watched::Overtaken(by) => return Ok(overtaken(&by)),
        Watched::Ended(failed) => failed,
    };
    let Outcome::RolledBack { reason, .. } = &failed else {
        return Ok(Enforced::Ended { outcome: failed });
    };
    match rollback::automatic(store, publication, reason, now()).await {
        Ok(Some(back)) => once.follow(Some(failed), &back, &now, &mut report).await,
        Ok(None) => Ok(Enforced::RolledBack {
            failed: Some(failed),
            back: None,
        }),
        // Another reconciler saw the same and was quicker.
        Err(Error::Lost { winner }) if follows(&winner, publication) => {
            once.follow(Some(failed), &winner, &now, &mut report).await
        }
        Err(Error::Lost { winner }) => Ok(overtaken(&winner)),
        Err(error) => Err(error),
    }
}

/// Whether it is there because ECS gave up on `failed`.
fn follows(publication: &Publication, failed: &Publication) -> bool {
    let automatic = matches!(
        publication.draft.cause,
        Cause::RollBack {
            automatic: true,
            ..
        }
    );
    automatic && publication.number == failed.number + 1
}

fn overtaken(by: &Publication) -> Enforced {
    Enforced::Overtaken {
        by: by.number,
        whose: whose(by),
    }
}

/// What both convergences of one enforcement share.
struct Once<'a, A> {
    aws: &'a Aws,
    store: &'a Store,
    deadline: Duration,
    ask: A,
}

/// How one of them ended.
enum Watched {
    Ended(Outcome),
    Overtaken(Box<Publication>),
}

impl<A: AsyncFn(&str, &str) -> Result<Answer, Unreachable>> Once<'_, A> {
    async fn follow(
        &self,
        failed: Option<Outcome>,
        back: &Publication,
        now: &impl Fn() -> u64,
        report: &mut impl FnMut(&Progress<'_>),
    ) -> Result<Enforced, Error> {
        Ok(match self.converge(back, now, report).await? {
            Watched::Overtaken(by) => overtaken(&by),
            Watched::Ended(outcome) => Enforced::RolledBack {
                failed,
                back: Some((back.number, outcome)),
            },
        })
    }

    /// Converges while the publication is in force, and remembers how the unit stood at the end.
    async fn converge(
        &self,
        publication: &Publication,
        now: &impl Fn() -> u64,
        report: &mut impl FnMut(&Progress<'_>),
    ) -> Result<Watched, Error> {
        let spec = believe(publication, self.store.unit())?;
        let mut last: Option<Plan> = None;
        let mut errors = Vec::new();
        let ends = Instant::now() + self.deadline;
        let passes = async {
            let outcome = converge(self.aws, &spec, self.deadline, |progress| {
                match progress {
                    Progress::Planned { pass: _, plan } => {
                        last = Some((*plan).clone());
                        errors.clear();
                    }
                    Progress::Applied { step: _, error } => errors.extend(error.clone()),
                    Progress::Unreadable { .. }
                    | Progress::Doubted { .. }
                    | Progress::Proved { .. } => {}
                }
                report(progress);
            })
            .await;
            match outcome {
                Outcome::Settled => self.prove(&spec, ends, &mut *report).await,
                outcome => outcome,
            }
        };
        // Whichever pass is under way is dropped between two calls or in one: as being killed, it costs nothing but the next look.
        let outcome = tokio::select! {
            biased;
            outcome = passes => outcome,
            by = self.successor(publication) => return Ok(Watched::Overtaken(by)),
        };
        if let Some(plan) = last {
            let stuck = matches!(outcome, Outcome::NotConverging { .. });
            let mut conditions = conditions(&plan, &errors, stuck);
            if let Outcome::Unproved { doubt } = &outcome {
                conditions = conditions.unproved(doubt);
            }
            let recorded = self.record(publication, &conditions, now()).await;
            // A success nobody remembers is nothing to go back to; of any other end the outcome is the news.
            if outcome == Outcome::Settled {
                recorded?;
            }
        }
        Ok(Watched::Ended(outcome))
    }

    /// What is stable, looked at from outside.
    async fn prove(
        &self,
        spec: &Spec,
        ends: Instant,
        report: &mut impl FnMut(&Progress<'_>),
    ) -> Outcome {
        let doubted = |doubt: &_| report(&Progress::Doubted { doubt });
        match prove(self.aws, spec, ends, &self.ask, doubted).await {
            Ok(verdict) => {
                report(&Progress::Proved { verdict: &verdict });
                Outcome::Settled
            }
            Err(doubt) => Outcome::Unproved { doubt },
        }
    }

    async fn record(
        &self,
        publication: &Publication,
        conditions: &Conditions,
        now: u64,
    ) -> Result<(), Error> {
        let published = self.store.current(Some(publication)).await?;
        if published.current.as_ref() == Some(publication) {
            self.store.record(&published, conditions, now).await?;
        }
        Ok(())
    }

    /// What takes the publication's place, once something does. While the store cannot be read there is no successor.
    async fn successor(&self, publication: &Publication) -> Box<Publication> {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Ok(Published {
                current: Some(current),
                ..
            }) = self.store.current(Some(publication)).await
                && current.number != publication.number
            {
                return Box::new(current);
            }
        }
    }
}

fn believe(publication: &Publication, unit: &str) -> Result<Spec, Error> {
    let unreadable = |reason: String| Error::Unreadable {
        parameter: format!("publication {}", publication.number),
        reason,
    };
    match publication.believe(unit) {
        Some(Ok((_, spec))) => Ok(spec),
        None => Err(unreadable("has no manifest".to_owned())),
        Some(Err(problems)) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Err(unreadable(format!(
                "is not believed by this version of the program:\n{}",
                problems.join("\n")
            )))
        }
    }
}
