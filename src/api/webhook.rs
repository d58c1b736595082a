//! Webhooks: a caller's deployments' changes, posted to an address of its own as they happen.
//!
//! Takes the endpoints of `WEBHOOKS`, gives one [`Sender`] each, which runs until shutdown; without endpoints there is no task and no key in Redis.
//! Requests are those of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), so that
//! receivers verify them with a library. What is sent is what a GET answers, never more.
//!
//! ```text
//! save ──(one script)──► record + mark ──due, under a lease per endpoint──► sender ──POST──► receiver
//!                                   ▲                                          │
//!                                   └── told so far, when to try again ◄───────┘
//! ```
//!
//! There is no list of events to lose or to fill: the record remembers its changes, and a mark says that some are untold. Hence none without a
//! change, and no change without one; each arrives at least once, those of one deployment in order, and a deployment whose event is not taken
//! keeps no other waiting. A receiver is never followed elsewhere, and its answer's body is not read.

mod endpoint;
mod guard;
mod schedule;
mod sender;
mod signature;

pub use endpoint::{Endpoint, EndpointProblem, parse};
pub use guard::Reach;
pub use sender::{Sender, client};
