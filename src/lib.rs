//! Token contracts deployed exactly once, and the operator that keeps their service running on ECS.
//! (The architecture document; written out once the parts have landed.)

pub mod api;
pub mod backoff;
pub mod deployment;
pub mod reconciler;
pub mod secret;
pub mod shutdown;
pub mod simulator;
pub mod telemetry;
