//! Placeholder.

pub mod sandbox;
