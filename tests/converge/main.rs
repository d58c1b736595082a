//! The reconciler against the simulated AWS, in process and in virtual time: the real SDK clients, retries and protocols, no
//! sockets. Tasks are virtual too: each starts, listens and stops when it is told to, unless a test says otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod account;
mod by_hand;
mod calls;
mod controller;
mod destroying;
mod deterministic;
mod doomed;
mod drift;
mod faults;
mod fields;
mod forecast;
mod generate;
#[path = "../reconciler/golden.rs"]
mod golden;
mod image;
mod importing;
mod interrupted;
#[path = "../reconciler/leaves.rs"]
mod leaves;
#[path = "../support/looked_at.rs"]
mod looked_at;
mod proved;
mod published;
mod references;
mod refused;
mod resources;
mod revisions;
mod rights;
mod rolling_back;
mod rollout;
mod scaling;
mod secrets;
mod signals;
mod slow;
mod strategies;
