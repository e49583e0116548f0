//! Everything that can be asked of the core, and the refusals it may answer.

use alloc::{string::String, sync::Arc};

use thiserror::Error;
use windlass_wire::{id::JobId, job::Usage, state::JobState};

use crate::job::{Failure, Fence, Job, Payload, Spec, Timestamp, WorkerId};

/// A call waiting for or holding a slot; numbered by whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Everything that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Accept a job.
    Submit {
        /// What is asked for.
        spec: Arc<Spec>,
        /// When it becomes ready; none = now.
        due: Option<Timestamp>,
        /// Chance for its id, of which 24 bits are used.
        salt: u32,
    },
    /// Accept a job that tries a final one again.
    Retry {
        /// What is asked for.
        spec: Arc<Spec>,
        /// The final job.
        original: Arc<Job>,
        /// Chance for its id, of which 24 bits are used.
        salt: u32,
    },
    /// Stop a job, in whatever state it is.
    Cancel {
        /// The job.
        job: JobId,
        /// The channel of whoever asks; a job of another one is unknown to it.
        channel: String,
    },
    /// Give a call a slot.
    Call {
        /// The call.
        call: CallId,
        /// When it is given up if no slot was free; none = never.
        deadline: Option<Timestamp>,
    },
    /// A run of a call ended; its slot is free.
    EndCall(CallId),
    /// A run of a job ended.
    EndAttempt {
        /// The lease it ran under.
        fence: Fence,
        /// How.
        end: AttemptEnd,
    },
    /// A worker offers slots.
    Join {
        /// The worker.
        worker: WorkerId,
        /// Jobs and calls it runs at once.
        slots: u32,
    },
    /// A worker is gone, and with it all that it ran.
    Lose(WorkerId),
    /// Grant nothing more and accept no jobs.
    Drain,
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// With a result.
    Completed {
        /// The result.
        result: Payload,
        /// What the run used.
        usage: Usage,
    },
    /// Without one.
    Failed {
        /// Why.
        failure: Failure,
        /// What the run used.
        usage: Usage,
    },
    /// It was stopped by the broker, so that there is nothing to report: the job was cancelled, or the broker
    /// shuts down and hands it back.
    Stopped,
}

/// What a command that was carried out answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing but that it was done.
    Done,
    /// The job was accepted under this id.
    Submitted(JobId),
}

/// Why a command was not carried out. The caller's mistake or a bound, never the core's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The broker is shutting down.
    #[error("the broker is shutting down")]
    Draining,
    /// The job has ended and never changes again.
    #[error("the job is {0} already")]
    Final(JobState),
    /// A bound is reached.
    #[error("{0} is reached; try again later")]
    Full(&'static str),
    /// The lease is not or no longer the job's.
    #[error("the lease has ended")]
    StaleFence,
    /// No live job has this id.
    #[error("no live job has this id")]
    Unknown,
    /// The job is in a state in which this cannot happen.
    #[error("the job is {0}")]
    WrongState(JobState),
}
