//! Searching for jobs, and acting on those that are found.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{code::ErrorCode, id::JobId, problem::Problem};

/// What `job.query` searches for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct JobQuery {
    /// A filter over jobs as lists show them, as MongoDB writes filters.
    pub filter: Map<String, Value>,
    /// Paths of the fields wanted beside `id`; none = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// Paths of fields to order by, `-` before those whose greatest value comes first; none = newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<String>,
    /// Jobs wanted on the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = crate::limits::PAGE_JOBS_MAX)))]
    pub limit: Option<usize>,
    /// `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What can be done to many jobs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// Cancel those that are live.
    Cancel,
    /// Submit those again that are final and were not retried yet.
    Retry,
    /// Let those go on that are held.
    Release,
    /// Forget those that are final.
    Purge,
}

/// The text is not the name of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("unknown action: expected cancel, retry, release or purge")]
pub struct UnknownAction;

impl BulkAction {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Cancel, Self::Retry, Self::Release, Self::Purge];

    /// The name in frames.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Release => "release",
            Self::Purge => "purge",
        }
    }
}

impl fmt::Display for BulkAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BulkAction {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.name() == text).ok_or(UnknownAction)
    }
}

/// What `job.bulk` is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// Which jobs.
    pub filter: Map<String, Value>,
    /// What to do to them.
    pub action: BulkAction,
    /// Only count them.
    #[serde(default)]
    pub dry_run: bool,
}

/// What `job.bulk` did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkOutcome {
    /// Jobs the filter means and the action can be done to.
    pub matched: usize,
    /// Jobs it was done to.
    pub changed: usize,
    /// Why it was not done to others; the first of them.
    pub failed: Vec<BulkFailure>,
    /// Whether there may be more such jobs than were looked for; the same request again goes on with them.
    pub cut: bool,
}

/// Why an action was not done to one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkFailure {
    /// The job.
    pub job: JobId,
    /// The kind of problem.
    pub code: ErrorCode,
    /// One sentence about it.
    pub message: String,
}

/// What is kept of a job's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobHistory {
    /// What happened, oldest first.
    pub items: Vec<HistoryEvent>,
    /// Whether earlier attempts are no longer kept.
    pub cut: bool,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryEvent {
    /// When.
    pub at: String,
    /// What.
    pub event: HistoryKind,
    /// The attempt it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Who ran the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Why the attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// It was submitted.
    Submitted,
    /// An attempt was granted to a worker.
    Granted,
    /// An attempt ended with a result.
    Completed,
    /// An attempt ended without one.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It waited too long.
    Expired,
}

impl fmt::Display for HistoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submitted => "submitted",
            Self::Granted => "granted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        })
    }
}
