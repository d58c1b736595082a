//! What is read of the store: records as believed, and lists of them. Only ever from the primary.

use super::{Depth, Listed, Store, StoreError, Stored, Wish, Work};
use crate::deployment::request::ModelId;
use crate::deployment::{Change, Deployment};
use std::collections::HashMap;
use uuid::Uuid;

/// A job's hash as read.
type Raw = (Option<u64>, Option<String>, Option<String>);

impl Store {
    /// One deployment, `None` if it is unknown or forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Unreadable`], [`StoreError::Forged`].
    pub async fn read(&self, id: Uuid) -> Result<Option<Deployment>, StoreError> {
        Ok(self.read_stored(id).await?.map(|stored| stored.deployment))
    }

    pub(super) async fn read_stored(&self, id: Uuid) -> Result<Option<Stored>, StoreError> {
        match self.records(&[id]).await?.pop() {
            None | Some((_, Err(StoreError::Missing(_)))) => Ok(None),
            Some((_, stored)) => stored.map(Some),
        }
    }

    /// The deployments whose transactions used these nonces, as far as they are still known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn spent(&self, nonces: std::ops::Range<u64>) -> Result<Vec<Deployment>, StoreError> {
        let mut pipeline = redis::pipe();
        let last = nonces.end.saturating_sub(1);
        pipeline.zrangebyscore(self.key("spent"), nonces.start, last);
        let (names,): (Vec<String>,) = self.connection.pipeline(&pipeline).await?;
        let records = self.records(&ids(&names)).await?;
        let readable = records.into_iter().filter_map(|(_, record)| record.ok());
        Ok(readable.map(|stored| stored.deployment).collect())
    }

    /// Whether something is still wished of it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_wished(&self, id: Uuid) -> Result<bool, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.hexists(self.key("wishes"), id.to_string());
        let (wished,): (bool,) = self.connection.pipeline(&pipeline).await?;
        Ok(wished)
    }

    /// Everything in flight, the oldest `queued_max` of the queue, and what is wished.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn work(&self, queued_max: usize) -> Result<Work, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline
            .zrange(self.key("inflight"), 0, -1)
            .zrange(
                self.key("queue"),
                0,
                isize::try_from(queued_max).unwrap_or(isize::MAX) - 1,
            )
            .hgetall(self.key("wishes"))
            .get(self.key("next"));
        type Listed = (
            Vec<String>,
            Vec<String>,
            HashMap<String, String>,
            Option<u64>,
        );
        let (in_flight, queued, wishes, next_nonce): Listed =
            self.connection.pipeline(&pipeline).await?;
        let mut work = Work {
            next_nonce: next_nonce.unwrap_or_default(),
            ..Work::default()
        };
        for (names, readable) in [(in_flight, &mut work.in_flight), (queued, &mut work.queued)] {
            for (id, record) in self.records(&ids(&names)).await? {
                match record {
                    Ok(stored) => readable.push(stored),
                    Err(error) => work.unreadable.push((id, error)),
                }
            }
        }
        let wished: Vec<(Uuid, Wish)> = wishes
            .iter()
            .filter_map(|(id, wish)| Some((Uuid::parse_str(id).ok()?, Wish::named(wish)?)))
            .collect();
        let of: Vec<Uuid> = wished.iter().map(|(id, _)| *id).collect();
        for ((id, wish), (_, record)) in wished.into_iter().zip(self.records(&of).await?) {
            work.wishes.push((id, wish, record.ok()));
        }
        Ok(work)
    }

    /// The first `max` of each place: in flight, queued, parked. A record that cannot be read is an error in its place.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn listing(
        &self,
        max: usize,
    ) -> Result<Vec<(Uuid, Result<Deployment, StoreError>)>, StoreError> {
        let last = isize::try_from(max).unwrap_or(isize::MAX) - 1;
        let mut pipeline = redis::pipe();
        for place in ["inflight", "queue", "parked"] {
            pipeline.zrange(self.key(place), 0, last);
        }
        let (in_flight, queued, parked): (Vec<String>, Vec<String>, Vec<String>) =
            self.connection.pipeline(&pipeline).await?;
        let names = [in_flight, queued, parked].concat();
        let records = self.records(&ids(&names)).await?;
        Ok(records
            .into_iter()
            .map(|(id, record)| (id, record.map(|stored| stored.deployment)))
            .collect())
    }

    /// The next `max` of a caller's deployments, newest first: those after a place in the list, none accepted later than `until_ms`. Fewer than
    /// `max` are the last ones. A record that cannot be read, or is forgotten, is an error in its place.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn listed(
        &self,
        caller: &str,
        after: Option<Listed>,
        until_ms: Option<u64>,
        max: usize,
    ) -> Result<Vec<(Listed, Result<Deployment, StoreError>)>, StoreError> {
        let index = self.index(caller);
        let bound = |ms: Option<u64>| ms.map_or("+inf".into(), |ms| format!("({ms}"));
        let mut pipeline = redis::pipe();
        // The place is found by what is there: its rank, or, when it has left the index, how many are newer.
        let id = after.map(|after| after.id.to_string());
        pipeline
            .cmd("ZREVRANK")
            .arg(&index)
            .arg(id.unwrap_or_default())
            .zcount(
                &index,
                bound(after.map(|after| after.submitted_at_ms)),
                "+inf",
            )
            .zcount(&index, bound(until_ms), "+inf");
        let (rank, newer, late): (Option<usize>, usize, usize) =
            self.connection.pipeline(&pipeline).await?;
        let first = rank.map_or(newer, |rank| rank + 1).max(late);
        let mut pipeline = redis::pipe();
        let place = |rank| isize::try_from(rank).unwrap_or(isize::MAX);
        pipeline.zrevrange_withscores(&index, place(first), place(first + max - 1));
        let (names,): (Vec<(String, u64)>,) = self.connection.pipeline(&pipeline).await?;
        let places: Vec<Listed> = names
            .iter()
            .filter_map(|(name, submitted_at_ms)| {
                Some(Listed {
                    submitted_at_ms: *submitted_at_ms,
                    id: Uuid::parse_str(name).ok()?,
                })
            })
            .collect();
        let ids: Vec<Uuid> = places.iter().map(|place| place.id).collect();
        let records = self.records(&ids).await?.into_iter();
        let records = records.map(|(_, record)| record.map(|stored| stored.deployment));
        Ok(places.into_iter().zip(records).collect())
    }

    /// The model's live or deployed deployment, as long as it is known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Unreadable`], [`StoreError::Forged`].
    pub async fn of_model(&self, model: &ModelId) -> Result<Option<Deployment>, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.get(self.model(model));
        let (id,): (Option<String>,) = self.connection.pipeline(&pipeline).await?;
        match id.and_then(|id| Uuid::parse_str(&id).ok()) {
            Some(id) => self.read(id).await,
            None => Ok(None),
        }
    }

    /// How much is waiting.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn depth(&self) -> Result<Depth, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline
            .zcard(self.key("queue"))
            .zcard(self.key("inflight"))
            .zcard(self.key("parked"))
            .zrange_withscores(self.key("queue"), 0, 0);
        let (queued, in_flight, parked, oldest): (usize, usize, usize, Vec<(String, u64)>) =
            self.connection.pipeline(&pipeline).await?;
        Ok(Depth {
            queued,
            in_flight,
            parked,
            oldest_queued_at_ms: oldest.first().map(|(_, at_ms)| *at_ms),
        })
    }

    pub(super) async fn records(
        &self,
        ids: &[Uuid],
    ) -> Result<Vec<(Uuid, Result<Stored, StoreError>)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for id in ids {
            pipeline
                .cmd("HMGET")
                .arg(self.job(*id))
                .arg("revision")
                .arg("record")
                .arg("mac");
        }
        let records: Vec<Raw> = self.connection.pipeline(&pipeline).await?;
        Ok(ids
            .iter()
            .zip(records)
            .map(|(id, raw)| (*id, self.stored(*id, raw)))
            .collect())
    }

    /// A record as believed: sealed by us, readable, and that of `id`.
    fn stored(&self, id: Uuid, (revision, record, seal): Raw) -> Result<Stored, StoreError> {
        let (revision, record) = revision.zip(record).ok_or(StoreError::Missing(id))?;
        let seal = seal.unwrap_or_default();
        if !self.seal.is_of(&seal, &self.prefix, id, revision, &record) {
            return Err(StoreError::Forged(id));
        }
        let unreadable = |source| StoreError::Unreadable { id, source };
        let mut deployment: Deployment = serde_json::from_str(&record).map_err(unreadable)?;
        if deployment.id != id {
            return Err(StoreError::Forged(id));
        }
        if deployment.changes.is_empty() {
            // Written before changes were kept, or by a replica of then: what it is now is the first that is known.
            deployment.changes.push(Change {
                number: 1,
                at_ms: deployment.updated_at_ms,
                state: deployment.state.clone(),
            });
        }
        Ok(Stored {
            deployment,
            revision,
        })
    }
}

fn ids(names: &[String]) -> Vec<Uuid> {
    names
        .iter()
        .filter_map(|name| Uuid::parse_str(name).ok())
        .collect()
}
