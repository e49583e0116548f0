//! How the broker is doing, as clients see it. Which states and series there are is not closed: a client shows
//! what is there.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{code::ErrorCode, id::JobId};

/// Figures of the whole broker; only `failures` are those of the asker's channel. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatsView {
    /// When these figures were taken.
    pub at: String,
    /// When this start of the broker was, since which `totals` count.
    pub started_at: String,
    /// Live jobs by state.
    pub states: BTreeMap<String, u64>,
    /// What happened since `started_at`: jobs `submitted`, `succeeded`, `failed`, `cancelled`, `expired` and `purged`,
    /// and `calls` ended.
    pub totals: BTreeMap<String, u64>,
    /// The same during the last whole second.
    pub rates: BTreeMap<String, u64>,
    /// Since when the ready job that waits longest is ready, as far back as this start; none if none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_ready_at: Option<String>,
    /// Slots of all workers.
    pub slots: SlotsView,
    /// Calls in progress.
    pub calls: CallsView,
    /// What is kept of jobs that have ended.
    pub retention: RetentionView,
    /// Syncs of the store during the last minute.
    pub sync: SyncView,
    /// The store's files.
    pub store: StoreView,
    /// Why jobs failed during the last hour, the newest first.
    pub failures: Vec<FailureView>,
    /// The last hour, second by second; left out of all events but the first of a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryView>,
}

/// Slots of all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SlotsView {
    /// In which something runs.
    pub used: u64,
    /// All of them.
    pub total: u64,
}

/// Calls in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallsView {
    /// That run.
    pub running: u64,
    /// That wait for a slot.
    pub waiting: u64,
}

/// What is kept of jobs that have ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionView {
    /// Final jobs that are kept until their retention is over.
    pub jobs: u64,
    /// Purged jobs of which it is known that they were there.
    pub tombstones: u64,
}

/// How long the store's syncs took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncView {
    /// Half of them took at most this long, in microseconds, rounded up to a power of two.
    pub p50_micros: u64,
    /// 99 of 100 took at most this long.
    pub p99_micros: u64,
    /// How many there were.
    pub count: u64,
}

/// The store: a journal, in which changes are durable, and the state they are folded into in the background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoreView {
    /// Space taken by the state.
    pub state_bytes: u64,
    /// Space taken by the journal.
    pub journal_bytes: u64,
    /// What is not yet in the state.
    pub unfolded_bytes: u64,
    /// How much of that there may be; the nearer it is, the longer writes are held back.
    pub unfolded_bytes_max: u64,
    /// How long it took to fold it into the state the last time.
    pub folded_last_millis: u64,
    /// How long ago that was; zero if it was not since the start. While nothing changes there is nothing to fold.
    pub folded_ago_millis: u64,
}

/// Jobs that failed for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureView {
    /// The kind.
    pub code: ErrorCode,
    /// One sentence.
    pub message: String,
    /// The handler.
    pub handler: String,
    /// How many failed.
    pub count: u64,
    /// When the newest did.
    pub last_at: String,
    /// The newest.
    pub job: JobId,
}

/// One number for each second, oldest first; a missing beginning was before the start of the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryView {
    /// When the last second ended.
    pub end_at: String,
    /// Seconds between two numbers: 1.
    pub step_seconds: u32,
    /// The numbers by the names of `totals`.
    #[serde(flatten)]
    pub series: BTreeMap<String, Vec<u64>>,
}
