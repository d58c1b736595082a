//! Stub.
pub mod desired;
pub mod manifest;
pub mod observed;
pub mod plan;
pub mod resource;
pub mod spec;
