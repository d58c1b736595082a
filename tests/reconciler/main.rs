//! The reconciler's decisions, as data: manifests in and located problems out, observed worlds in and plans out.
//!
//! Pure: nothing here starts a server. Expected texts are files beside this one; `BLESS=1` rewrites them, and their diff
//! is what a reviewer reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod explain;
mod golden;
mod layers;
mod leaves;
mod lints;
mod manifests;
mod normal;
mod overlays;
mod plans;
mod program;
mod schema;
mod world;
