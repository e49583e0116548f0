//! What the core decides.

use alloc::sync::Arc;

use crate::{
    command::CallId,
    idempotency::{KeyName, KeyRecord},
    job::{Fence, Job, WorkerId},
    parked::Load,
    queue::Queue,
    schedule::{DueTick, Schedule},
};

/// One decision. Those before an effect that depends on them come first.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Remember a job just accepted, and in the same write its idempotency key and the tick it was made for. Whoever
    /// watches it learns of it once it is durable.
    Accept {
        /// The job.
        job: Arc<Job>,
        /// Its key, if it has one.
        key: Option<KeyRecord>,
        /// The schedule it is a job of, with its tick done, if it was made for one or triggered.
        schedule: Option<Arc<Schedule>>,
    },
    /// Remember this record; it replaces the one before. Whoever watches the job learns of it once it is durable.
    Save(Arc<Job>),
    /// Remember in the record of a final job which one tries it again. Nothing else about it changes, so nobody
    /// is told.
    SaveRetried(Arc<Job>),
    /// Remember a queue. Comes before the first job in it.
    SaveQueue(Queue),
    /// Forget an idempotency key.
    ForgetKey(Arc<KeyName>),
    /// Remember a schedule; it replaces the one of the same channel and name.
    SaveSchedule {
        /// The schedule.
        schedule: Arc<Schedule>,
        /// How it was before, if it had other arguments.
        before: Option<Arc<Schedule>>,
    },
    /// Remember a schedule whose newest tick submitted no job.
    SkipTick(Arc<Schedule>),
    /// Forget a schedule.
    ForgetSchedule(Arc<Schedule>),
    /// Read parked jobs, once everything before is durable.
    Load(Load),
    /// Make a job of this tick, and come back with [`crate::command::Command::RunSchedule`].
    Tick(DueTick),
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
