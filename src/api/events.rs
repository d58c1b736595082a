//! `GET /api/deployments/:id/events`: a deployment's changes as they happen, as server-sent events.
//!
//! Takes an id and how far the client has come, gives a response whose body goes on. Every change is sent once, in order and with its number as
//! the event's id; they come from the record itself, which remembers them, so a stream has no buffer, a slow reader costs no memory, and
//! one that comes back misses nothing. Whichever replica made a change, [`run`] finds it: one poller per process, however many streams
//! there are. A stream ends with the deployment, with the process, and after `LIFETIME` at the latest.

use super::admit::admit;
use super::auth::Caller;
use super::error::ApiError;
use super::rate_limit::Kind;
use super::reply::Response;
use super::{App, Asked, deployments, view};
use crate::deployment::Deployment;
use crate::deployment::store::follow::Place;
use crate::deployment::store::{Store, StoreError};
use crate::shutdown::Shutdown;
use crate::telemetry;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;
use warp::Reply as _;
use warp::sse::Event;

/// How long a change made elsewhere takes to be found at most.
const POLL: Duration = Duration::from_millis(250);
/// Every followed record is read this often even if nobody said that it had changed.
const SWEEP: Duration = Duration::from_secs(30);
/// Less than any idle timeout on the way; a load balancer's is 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Then the client has to come back: one that no longer reads does not keep its place.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
/// What clients are told to wait before they come back, at least; up to twice as long, each its own time, so that they do not come all at once.
const RETRY: Duration = Duration::from_secs(2);
/// As the document says.
const ID_DIGITS_MAX: usize = 15;

/// How many streams may be open in this process.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// By all callers.
    pub total: usize,
    /// By one of them.
    pub per_caller: usize,
}

/// What is followed, and by how many.
pub struct Streams {
    limits: Limits,
    shutdown: Shutdown,
    open: Mutex<Open>,
    followed: Mutex<HashMap<Uuid, Newest>>,
}

/// The newest record of a deployment as far as it is known; `None` until it is read.
type Newest = watch::Sender<Option<Arc<Deployment>>>;

#[derive(Default)]
struct Open {
    total: usize,
    by_caller: HashMap<String, usize>,
}

/// `GET /api/deployments/:id/events`
pub async fn events(asked: Asked, id: &str) -> Response {
    let admitted = match admit(&asked.app, &asked.headers, Kind::Read).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let outcome = follow(&asked, &admitted.caller, id).await;
    admitted.answer(outcome)
}

async fn follow(asked: &Asked, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let app = &asked.app;
    let seen = last_event_id(&asked.headers)?;
    if app.streams.shutdown.requested() {
        return Err(ApiError::draining());
    }
    let slot = Slot::take(app.clone(), caller)?;
    // Followed before it is read: what changes in between is found by the poller.
    let parsed = deployments::parse_id(id).ok_or_else(ApiError::invalid_id)?;
    let newest = app.streams.newest(parsed);
    let record = deployments::own(app, caller, id).await?;
    // A number beyond the last is one of records that were lost since.
    let seen = seen
        .filter(|seen| *seen <= record.last_change())
        .unwrap_or(0);
    if record.state.is_settled() && record.change_after(seen).is_none() {
        // What tells a browser's EventSource not to come back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    app.streams.found(record);
    let following = Following {
        newest,
        seen,
        shutdown: app.streams.shutdown.clone(),
        ends_at: Instant::now() + LIFETIME,
        begun: false,
        over: false,
        slot,
    };
    let events = stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Ok(warp::sse::reply(events).into_response())
}

/// How far the client has come; what is not a number of ours is refused, since guessing would lose or repeat changes.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u32>, ApiError> {
    let Some(id) = headers.get("last-event-id") else {
        return Ok(None);
    };
    match id.to_str().ok().map(str::trim) {
        Some("") => Ok(None),
        Some(text)
            if text.len() <= ID_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            // No record has so many changes as do not fit: a number beyond the last, whichever.
            Ok(Some(text.parse().unwrap_or(u32::MAX)))
        }
        Some(_) | None => Err(ApiError::invalid_last_event_id()),
    }
}

/// One open stream.
struct Following {
    newest: watch::Receiver<Option<Arc<Deployment>>>,
    /// The number of the last change that was sent.
    seen: u32,
    shutdown: Shutdown,
    ends_at: Instant,
    begun: bool,
    over: bool,
    slot: Slot,
}

impl Following {
    /// What is to be sent next; `None` when nothing more will be.
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        if !self.begun {
            self.begun = true;
            return Some(Event::default().retry(RETRY.mul_f64(1.0 + fastrand::f64())));
        }
        loop {
            if let Some(record) = self.newest.borrow_and_update().clone() {
                if let Some(change) = record.change_after(self.seen) {
                    self.seen = change.number;
                    let status = view::deployment(&record.at(change), &self.slot.app.network);
                    let event = Event::default().event("status");
                    return Some(event.id(change.number.to_string()).data(status.to_string()));
                }
                if record.state.is_settled() {
                    return None;
                }
            }
            tokio::select! {
                () = self.shutdown.wait() => {
                    self.over = true;
                    return Some(Event::default().comment(" this task ends; come back"));
                }
                () = tokio::time::sleep_until(self.ends_at) => {
                    self.over = true;
                    return Some(Event::default().comment(" long enough; come back"));
                }
                // The sender is dropped only when nobody follows.
                changed = self.newest.changed() => changed.ok()?,
                () = tokio::time::sleep(HEARTBEAT) => return Some(Event::default().comment(" still here")),
            }
        }
    }
}

/// A stream's place among those that are open; it is given back when the client goes.
struct Slot {
    app: Arc<App>,
    caller: String,
}

impl Slot {
    fn take(app: Arc<App>, caller: &Caller) -> Result<Self, ApiError> {
        let Limits { total, per_caller } = app.streams.limits;
        let mut open = app.streams.open();
        let own = open.by_caller.get(&caller.name).copied().unwrap_or(0);
        if own >= per_caller {
            return Err(ApiError::too_many_streams());
        }
        if open.total >= total {
            return Err(ApiError::streams_full());
        }
        open.total += 1;
        open.by_caller.insert(caller.name.clone(), own + 1);
        drop(open);
        let caller = caller.name.clone();
        Ok(Self { app, caller })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.app.streams.open();
        open.total -= 1;
        if let Some(own) = open.by_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                open.by_caller.remove(&self.caller);
            }
        }
    }
}

impl Streams {
    /// None yet.
    pub fn new(limits: Limits, shutdown: Shutdown) -> Self {
        Self {
            limits,
            shutdown,
            open: Mutex::default(),
            followed: Mutex::default(),
        }
    }

    /// How many may be open.
    pub fn max(&self) -> usize {
        self.limits.total
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self, id: Uuid) -> watch::Receiver<Option<Arc<Deployment>>> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = followed.entry(id).or_insert_with(|| watch::channel(None).0);
        newest.subscribe()
    }

    /// Tells those who follow a record of one that was read, unless they know a newer one.
    fn found(&self, record: Deployment) {
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = followed.get(&record.id) {
            newest.send_if_modified(|known| {
                let newer = known
                    .as_ref()
                    .is_none_or(|known| known.last_change() < record.last_change());
                if newer {
                    *known = Some(Arc::new(record));
                }
                newer
            });
        }
    }

    /// The ids that are followed; what nobody follows any more is forgotten.
    fn followed(&self) -> HashSet<Uuid> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.retain(|_, newest| newest.receiver_count() > 0);
        followed.keys().copied().collect()
    }
}

/// Finds the changes of what is followed, until shutdown.
pub async fn run(streams: &Streams, store: &Store) {
    let mut shutdown = streams.shutdown.clone();
    let mut poller = Poller {
        place: None,
        swept_at: Instant::now(),
    };
    loop {
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = shutdown.wait() => return,
        }
        if let Err(error) = poller.poll(streams, store).await {
            tracing::debug!(
                error = telemetry::chain(&error),
                "event streams wait for the store"
            );
            poller.place = None;
        }
    }
}

/// How far the list of changes has been read; `None`: everything followed has to be read.
struct Poller {
    place: Option<Place>,
    swept_at: Instant,
}

impl Poller {
    async fn poll(&mut self, streams: &Streams, store: &Store) -> Result<(), StoreError> {
        let followed = streams.followed();
        if followed.is_empty() {
            self.place = None;
            return Ok(());
        }
        let due = self.swept_at.elapsed() >= SWEEP;
        let (changed, place) = match self.place.take() {
            Some(place) if !due => {
                let (changed, place) = store.changed_since(place).await?;
                let changed: HashSet<Uuid> = changed.into_iter().collect();
                (followed.intersection(&changed).copied().collect(), place)
            }
            Some(_) | None => {
                let place = store.here().await?;
                self.swept_at = Instant::now();
                (followed, place)
            }
        };
        let changed: Vec<Uuid> = changed.into_iter().collect();
        for record in store.read_all(&changed).await? {
            streams.found(record);
        }
        self.place = Some(place);
        Ok(())
    }
}
