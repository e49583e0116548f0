//! What a verification of a store found.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// What was looked at, and what was wrong. Which kinds of records there are is not closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyReport {
    /// Records by their kind.
    pub records: BTreeMap<String, u64>,
    /// Blobs.
    pub blobs: u64,
    /// Records that changed so often that they could not be looked at together with what belongs to them.
    pub unsettled: u64,
    /// How many problems there are.
    pub problem_count: u64,
    /// The first 100 of them.
    pub problems: Vec<StoreProblem>,
    /// Whether everything was looked at; else more reports follow.
    pub done: bool,
    /// Why it could not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Something in a store that must not be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoreProblem {
    /// The record or blob.
    pub key: String,
    /// What is wrong with it.
    pub wrong: String,
}
