//! Which records have changed, whoever changed them: for what follows them from outside.
//!
//! Takes a place in the list of changes, gives the ids since then and the next place. The list is short and may be lost with everything else; who
//! follows a record therefore reads it again now and then without having been told to.

use super::{Store, StoreError};
use crate::deployment::Deployment;
use uuid::Uuid;

/// Ids per reading; what is left is read the next time.
const CHANGED_MAX: usize = 1_000;
/// Records per round trip.
const RECORDS_MAX: usize = 200;

/// A place in the list of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(String);

impl Store {
    /// The end of the list as it is now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], here and below.
    pub async fn here(&self) -> Result<Place, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME");
        let ((seconds, microseconds),): ((u64, u64),) = self.connection.pipeline(&pipeline).await?;
        Ok(Place(format!("{}-0", seconds * 1000 + microseconds / 1000)))
    }

    /// What has changed since `place`, oldest first, and where to go on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn changed_since(&self, place: Place) -> Result<(Vec<Uuid>, Place), StoreError> {
        type Entry = (String, (String, String));
        type Read = Option<Vec<(String, Vec<Entry>)>>;
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("XREAD")
            .arg("COUNT")
            .arg(CHANGED_MAX)
            .arg("STREAMS")
            .arg(self.key("changed"))
            .arg(&place.0);
        let (read,): (Read,) = self.connection.pipeline(&pipeline).await?;
        let entries: Vec<Entry> = read
            .into_iter()
            .flatten()
            .flat_map(|(_, entries)| entries)
            .collect();
        let next = entries
            .last()
            .map_or(place, |(last, _)| Place(last.clone()));
        let ids = entries
            .iter()
            .filter_map(|(_, (_, id))| Uuid::parse_str(id).ok());
        Ok((ids.collect(), next))
    }

    /// Those of these records that can be read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read_all(&self, ids: &[Uuid]) -> Result<Vec<Deployment>, StoreError> {
        let mut read = Vec::with_capacity(ids.len());
        for some in ids.chunks(RECORDS_MAX) {
            let records = self.records(some).await?.into_iter();
            read.extend(records.filter_map(|(_, record)| Some(record.ok()?.deployment)));
        }
        Ok(read)
    }
}
