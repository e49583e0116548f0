//! Slots: where granted jobs and calls run. Today inside the broker; each run is a sandbox of its own.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::sync::oneshot;
use windlass_core::{
    command::{AttemptEnd, CallId, Refusal},
    job::{Failure, Fence, Job, WorkerId},
};
use windlass_wire::id::JobId;

mod local;
mod outcome;

pub use self::local::LocalWorker;
use crate::{
    registry::Version,
    sandbox::{Arguments, Control},
    store::Pinned,
};

/// The worker inside the broker.
pub const LOCAL_WORKER: WorkerId = WorkerId(0);

/// A granted job.
#[derive(Debug)]
pub struct JobWork {
    /// The lease it runs under.
    pub fence: Fence,
    /// The job.
    pub job: Arc<Job>,
    /// Keeps the job from being purged while its run may still have something to report.
    pub pinned: Option<Pinned>,
}

/// A granted call.
#[derive(Debug)]
pub struct CallWork {
    /// The call.
    pub call: CallId,
    /// The plugin version.
    pub version: Arc<Version>,
    /// The handler's place in the version's signatures.
    pub handler: usize,
    /// Its checked arguments.
    pub args: Arguments,
    /// What is left of the call's one clock; none = no limit.
    pub time_left: Option<Duration>,
    /// Whoever asked stops the run by it.
    pub control: Control,
    /// Where the result goes.
    pub answer: oneshot::Sender<Result<String, CallError>>,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// The run ended without one.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// No slot was free in time.
    #[error("no slot was free in time")]
    Overloaded,
    /// It was not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The broker is going down; nothing is known about what became of the call.
    #[error("the broker is going down")]
    Stopped,
}

/// What a worker tells the driver.
#[derive(Debug)]
pub enum Report {
    /// A job's run has ended and its slot is free.
    AttemptEnded {
        /// The lease it ran under.
        fence: Fence,
        /// The job.
        job: JobId,
        /// Which of its attempts.
        attempt: u32,
        /// How it ended.
        end: AttemptEnd,
        /// What the guest wrote.
        log: String,
        /// What must stay until this is durable: the job, and its result.
        pinned: Vec<Pinned>,
    },
    /// A call's run has ended and its slot is free.
    CallEnded(CallId),
}
