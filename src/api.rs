//! api wip
pub mod auth;
pub mod rate_limit;
pub mod settings;
