//! The whole unit follows where ECS went back: alarms, scaling and all, not only the revision. [I/O]
//!
//! ECS's circuit breaker knows the service alone. Left at that, the unit would run the old program under the new manifest's
//! alarms and bounds, and whoever enforces the new manifest would be blocked for good. So the publication before becomes the one in force; everything else is
//! enforcing it.

use super::store::{Draft, Error, Publication, Store};

/// After ECS gave up on what `failed` wants: publishes what was stable before. `None`: there is nothing to go back to, and
/// the failed one stays in force. [`Error::Lost`] with whatever is in force by now, where somebody published meanwhile,
/// as another reconciler that saw the same.
pub async fn automatic(
    store: &Store,
    failed: &Publication,
    reason: &str,
    now: u64,
) -> Result<Option<Publication>, Error> {
    let history = store.history().await?;
    if let Some(current) = history.current().filter(|it| it.number != failed.number) {
        let winner = Box::new(current.clone());
        return Err(Error::Lost { winner });
    }
    // It was stable itself, so what makes it fail now is not in it, such as a secret's new version: the one before would fail of that too.
    if history.record.stable.contains(&failed.number) {
        return Ok(None);
    }
    // One this version of the program does not believe would be enforced by nobody.
    let believed = |it: &&Publication| matches!(it.believe(store.unit()), Some(Ok(_)));
    let Some(target) = history.target(None).ok().filter(believed) else {
        return Ok(None);
    };
    let draft = Draft::back_to(target, None, Some(reason.to_owned()), true);
    store.publish(&history, &draft, now).await.map(Some)
}
