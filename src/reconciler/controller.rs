//! What the loop decides with. The loop itself is `reconciler run`.

pub mod queue;
