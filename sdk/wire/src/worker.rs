//! A worker as clients see it.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// What runs jobs and calls. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkerView {
    /// Its id, as attempts name it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `local`: inside the broker.
    pub kind: String,
    /// Jobs and calls it runs at once.
    pub slots: u32,
    /// Slots in which something runs.
    pub used: u32,
    /// What jobs may ask for in a worker.
    pub labels: BTreeMap<String, String>,
    /// When it joined.
    pub since: String,
    /// The jobs of the asker's channel that it runs, longest first; at most [`RUNNING_SHOWN_MAX`].
    ///
    /// [`RUNNING_SHOWN_MAX`]: crate::limits::RUNNING_SHOWN_MAX
    pub running: Vec<RunningView>,
    /// Calls it runs.
    pub calls: u32,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunningView {
    /// The job.
    pub job: JobId,
    /// Its handler, `plugin/function`.
    pub handler: String,
    /// Which of its attempts.
    pub attempt: u32,
    /// When that began.
    pub since: String,
}

/// Every worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkerList {
    /// The workers.
    pub items: Vec<WorkerView>,
}
