//! What is wrong with a filter, and where.

use alloc::{format, string::String};

use thiserror::Error;

/// A filter, order or selection that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{pointer}`: {reason}")]
pub struct FilterError {
    /// The place of the mistake, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

impl FilterError {
    pub(super) fn new(pointer: &str, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason: reason.into() }
    }
}

/// The pointer of a key within an object.
pub(super) fn within(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The pointer of a place within a list.
pub(super) fn at(pointer: &str, index: usize) -> String {
    format!("{pointer}/{index}")
}
