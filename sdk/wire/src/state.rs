//! The states of a job, as clients see them.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where a job is in its life. The states after `running` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a time (its `run_at`, or the next attempt), or for `job.release`.
    Scheduled,
    /// Waits for other jobs.
    Blocked,
    /// Waits for a free slot.
    Ready,
    /// A worker holds a lease on it.
    Running,
    /// Ended with a result.
    Succeeded,
    /// Ended without a result; attempts are spent.
    Failed,
    /// Ended because somebody asked for it, or because a job it waited for ended otherwise than it needs.
    Cancelled,
    /// Ended because it waited longer than its `queue_timeout`.
    Expired,
}

/// The text is not the name of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "unknown state: expected one of scheduled, blocked, ready, running, succeeded, failed, cancelled, expired"
)]
pub struct UnknownState;

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Blocked,
        Self::Ready,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name in frames, metrics and the console.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether a job in this state never changes again.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Scheduled | Self::Blocked | Self::Ready | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(UnknownState)
    }
}
