//! The simulated AWS: one account in memory that speaks AWS's own wire protocols.
//!
//! Takes an HTTP request as an AWS client sends it, gives the reply AWS would give. It imports nothing
//! from `reconciler`, so that agreement between the two is evidence and not a shared opinion.
//!
//! ```text
//! HTTP ─wire→ Call ─answer→ Value | Refusal ─wire→ HTTP        (one lock, no await while it is held)
//! clock ─ecs::step, elbv2::step→ effects ─live→ processes, probes ─→ back into the World
//! ```
//!
//! A service module owns its state and its operations. What one service does to another goes through
//! a named function of the owner (`elbv2::register_target`), never through its fields.

pub mod address;
pub mod call;
pub mod elbv2;
pub mod world;

/// An HTTP-independent request to one AWS operation.
pub use call::{Call, Refusal};
/// Everything the simulated account holds.
pub use world::World;
