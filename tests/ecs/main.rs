//! Simulated ECS: its API against AWS's wording, its scheduler on a virtual clock, its tasks as real processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod account;
mod alarming;
mod api;
mod live;
mod machine;
mod reading;
mod scaling;
mod schedule;
mod secrets;
mod shifting;
mod stage;
mod timeline;
