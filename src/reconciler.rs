//! The operator: one manifest in, AWS equal to it out.
//!
//! ```text
//! text ─parse→ Manifest ─believe→ Spec ─desired→ Resources ┐
//!                                                         ├─plan→ Plan ─apply→ AWS
//! AWS ───────────────observe────→ Observed ────────────────┘
//! ```
//!
//! Remembers nothing: [`converge`](converge::converge) observes and decides again in every pass, because both sides move.
//! Any number of these may run at once; safety comes from re-observation, not from a lock.
//!
//! Pure: `manifest`, `spec`, `resource`, `normal`, `desired`, `document`, `observed`, `evidence`, `diagnosis`, `leave`, `versions`, `graph`, `plan`, `watchdog`, `policy`, `lint`, `explain`, `secretive`,
//! `status`. I/O: `observe` and `import` read, `apply` writes, `store` and `rollback` do both, all
//! through `aws`; `proof` also asks the service itself. `converge` is the flow, and `enforce` that of what is published. Nothing here knows `api` or `deployment`.

pub mod apply;
pub mod aws;
pub mod controller;
pub mod converge;
pub mod desired;
pub mod diagnosis;
pub mod document;
pub mod enforce;
pub mod evidence;
pub mod explain;
pub mod graph;
pub mod import;
pub mod leave;
pub mod lint;
pub mod manifest;
pub mod normal;
pub mod observe;
pub mod observed;
mod pattern;
pub mod plan;
pub mod policy;
pub mod proof;
pub mod resource;
pub mod rollback;
pub mod secretive;
pub mod spec;
pub mod status;
pub mod store;
pub mod versions;
pub mod watchdog;
