//! What the core decides.

use alloc::{string::String, sync::Arc};

use crate::{
    command::CallId,
    job::{Fence, Job, WorkerId},
};

/// One decision. Those before an effect that depends on them come first.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Remember this record; it replaces the one before. Whoever watches the job learns of it once it is durable.
    Save(Arc<Job>),
    /// Remember in the record of a final job which one tries it again. Nothing else about it changes, so nobody
    /// is told.
    SaveRetried(Arc<Job>),
    /// Remember the number of a queue. Comes before the first job in it.
    SaveQueue(QueueNumber),
    /// Give the job to the worker, once its submission is durable.
    Assign {
        /// Who runs it.
        worker: WorkerId,
        /// Under which lease.
        fence: Fence,
        /// The job, in state running.
        job: Arc<Job>,
    },
    /// Give the call to the worker.
    AssignCall {
        /// Who runs it.
        worker: WorkerId,
        /// The call.
        call: CallId,
    },
    /// No slot was free for the call in time.
    RefuseCall(CallId),
    /// Stop the run under this lease.
    Stop {
        /// Who runs it.
        worker: WorkerId,
        /// Under which lease.
        fence: Fence,
    },
}

/// A queue of a channel and its number, which is part of the ids of its jobs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueNumber {
    /// The channel.
    pub channel: String,
    /// The queue's name in it.
    pub name: String,
    /// The number.
    pub number: u32,
}
