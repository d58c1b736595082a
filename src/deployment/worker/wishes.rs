//! What clients and operators want of deployments: cancelled, closed, tried again. Only the holder of the lease does it.

use super::{Memory, TurnError, Worker, now_ms};
use crate::deployment::store::{Lease, Stored, Wish};
use crate::deployment::{Closing, Event, Failure, Flight, Registration, State};
use uuid::Uuid;

/// What a wish comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is done by this.
    Save(Box<Event>),
    /// Its nonce has to be spent by a no-op; what is mined decides.
    Spend(Closing),
    /// Not yet: what is mined may still be undone.
    Later,
    /// It is put back where its state belongs: it was put aside while it could not be read.
    Place,
    /// There is nothing to be done any more.
    Nothing,
}

/// What a wish comes to for a deployment in this state.
pub(super) fn answer(state: &State, wish: Wish) -> Answer {
    let (closing, failure) = match wish {
        Wish::Cancel => (Closing::Cancelled, Failure::Cancelled),
        Wish::Close | Wish::Retry => (Closing::Operator, Failure::Closed),
    };
    match (state, wish) {
        (State::Parked { reason: _ }, Wish::Retry) => save(Event::Retried),
        (_, Wish::Retry) => Answer::Place,
        (State::Queued | State::Parked { reason: _ }, Wish::Cancel | Wish::Close) => {
            save(Event::Refused(failure))
        }
        (State::InFlight(flight), Wish::Cancel | Wish::Close) => spend(flight, closing),
        // A token cannot be taken back; its registration can be left.
        (
            State::Deployed {
                token: _,
                registration: Registration::Wanted,
            },
            Wish::Close,
        ) => save(Event::Unregistered("given up by an operator".into())),
        (
            State::Deployed {
                token: _,
                registration: Registration::InFlight(flight),
            },
            Wish::Close,
        ) => spend(flight, closing),
        (State::Deployed { .. } | State::Failed { failure: _ }, Wish::Cancel | Wish::Close) => {
            Answer::Nothing
        }
    }
}

fn save(event: Event) -> Answer {
    Answer::Save(Box::new(event))
}

fn spend(flight: &Flight, closing: Closing) -> Answer {
    if flight.is_mined() {
        Answer::Later
    } else if flight.closing.is_some() {
        Answer::Nothing
    } else {
        Answer::Spend(closing)
    }
}

impl Worker {
    /// Answers what is wished. A wish that cannot be answered yet stays.
    pub(super) async fn answer(
        &self,
        lease: &Lease,
        memory: &mut Memory,
        wishes: Vec<(Uuid, Wish, Option<Stored>)>,
    ) -> Result<(), TurnError> {
        for (id, wish, job) in wishes {
            let Some(job) = job else {
                // What nobody can read can only be closed, which forgets it.
                let forget = wish == Wish::Close;
                tracing::warn!(deployment = %id, ?wish, "of a record that cannot be used");
                self.store.park(lease, id, now_ms(), forget).await?;
                continue;
            };
            match answer(&job.deployment.state, wish) {
                Answer::Save(event) => {
                    self.save(lease, job, *event, true).await?;
                }
                Answer::Spend(closing) => {
                    if let Some(job) = self.spend(lease, memory, job, closing, true).await? {
                        self.broadcast(lease, memory, vec![job]).await?;
                    }
                }
                Answer::Later => {}
                Answer::Place => {
                    let same = job.deployment.clone();
                    self.store.save(lease, &job, same, true).await?;
                }
                Answer::Nothing => self.store.unwish(id).await?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::tests::{flight, mined_stage};
    use crate::deployment::{ParkReason, Stage};

    #[test]
    fn before_sending_a_wish_is_done_at_once_and_afterwards_what_is_mined_decides() {
        let parked = State::Parked {
            reason: ParkReason::NonceUsedByAnother,
        };
        let failed = State::Failed {
            failure: Failure::Expired,
        };
        let held = |stage, closing| State::InFlight(flight(stage, closing));
        let cancelled = save(Event::Refused(Failure::Cancelled));
        let closed = save(Event::Refused(Failure::Closed));
        for (state, wish, expected) in [
            (State::Queued, Wish::Cancel, cancelled.clone()),
            (State::Queued, Wish::Close, closed.clone()),
            (State::Queued, Wish::Retry, Answer::Place),
            (parked.clone(), Wish::Cancel, cancelled),
            (parked.clone(), Wish::Close, closed),
            (parked, Wish::Retry, save(Event::Retried)),
            (
                held(Stage::Signed, None),
                Wish::Cancel,
                Answer::Spend(Closing::Cancelled),
            ),
            (
                held(Stage::Broadcast, None),
                Wish::Close,
                Answer::Spend(Closing::Operator),
            ),
            (
                held(Stage::Broadcast, Some(Closing::Expired)),
                Wish::Cancel,
                Answer::Nothing,
            ),
            (held(mined_stage(), None), Wish::Cancel, Answer::Later),
            (failed, Wish::Cancel, Answer::Nothing),
        ] {
            assert_eq!(answer(&state, wish), expected, "{state:?} {wish:?}");
        }
    }
}
