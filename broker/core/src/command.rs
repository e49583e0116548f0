//! Everything that can be asked of the core, and the refusals it may answer.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use thiserror::Error;
use windlass_wire::{
    id::JobId,
    job::Usage,
    limits::{CHILDREN_LIVE_MAX, JOB_DEPTH_MAX},
    state::JobState,
};

use crate::{
    job::{Failure, Fence, Job, Payload, Spec, Timestamp, WorkerId},
    parked::Loaded,
    queue::TagLimit,
    rate::Rate,
    schedule::{Plan, ScheduleId},
};

/// A call waiting for or holding a slot; numbered by whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// A job to accept.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// What is asked for.
    pub spec: Arc<Spec>,
    /// Of the jobs it comes after those that are not live: whether they have succeeded.
    pub ended: BTreeMap<JobId, bool>,
    /// The final job it tries again, as it is remembered.
    pub original: Option<Arc<Job>>,
    /// Chance for its id, of which 24 bits are used.
    pub salt: u32,
}

/// A change of what holds back the jobs of a queue; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitChange {
    /// Whether it is paused.
    pub is_paused: Option<bool>,
    /// How many run at once at most; `Some(None)` = no limit.
    pub concurrency: Option<Option<u32>>,
    /// How many start in a span at most; `Some(None)` = no limit.
    pub rate: Option<Option<Rate>>,
    /// What holds back those with the same value of a tag; `Some(None)` = nothing.
    pub per_tag: Option<Option<TagLimit>>,
}

/// A change of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleChange {
    /// It does this from now on; it is made if there is none of the name.
    Put(Box<Plan>),
    /// It does nothing until it is resumed, or goes on.
    Pause(bool),
    /// It is forgotten; its jobs stay.
    Delete,
}

/// Everything that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Accept a job.
    Submit(Submission),
    /// Accept jobs, all of them or none.
    SubmitMany(Vec<Submission>),
    /// Stop a job, in whatever state it is.
    Cancel {
        /// The job.
        job: JobId,
        /// The channel of whoever asks; a job of another one is unknown to it.
        channel: String,
    },
    /// Let a job go on that was held.
    Release {
        /// The job.
        job: JobId,
        /// The channel of whoever asks.
        channel: String,
    },
    /// Change what holds back the jobs of a queue, which is made if there is none of the name.
    LimitQueue {
        /// The channel it belongs to.
        channel: String,
        /// Its name.
        name: String,
        /// What changes.
        change: LimitChange,
    },
    /// Cancel the jobs of a queue that do not run, at most [`crate::limits::PURGED_JOBS_MAX`] at a time.
    PurgeQueue {
        /// The channel it belongs to.
        channel: String,
        /// Its name.
        name: String,
    },
    /// Change a schedule.
    ChangeSchedule {
        /// The channel it belongs to.
        channel: String,
        /// Its name.
        name: String,
        /// What changes.
        change: ScheduleChange,
    },
    /// Accept a job of a schedule: for a tick that was told by [`crate::decision::Decision::Tick`], or because it is
    /// triggered.
    RunSchedule {
        /// The schedule.
        schedule: ScheduleId,
        /// The time of the tick; none = it is triggered.
        tick: Option<Timestamp>,
        /// The job, or why none can be made.
        made: Result<Submission, Failure>,
    },
    /// Take up parked jobs that were read because of [`crate::decision::Decision::Load`].
    Loaded(Loaded),
    /// Take up a parked job that was read because [`crate::scheduler::Scheduler::missing`] named it.
    Fetched(Arc<Job>),
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
        /// How long it holds what it runs without extending it, in milliseconds; none = until it is lost.
        lease_millis: Option<u64>,
    },
    /// A worker lives: it holds all that it runs for another lease.
    Extend(WorkerId),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing but that it was done.
    Done,
    /// So many jobs were cancelled; more are left if the flag says so.
    Purged(usize, bool),
    /// The schedule was made.
    ScheduleMade,
    /// The job was accepted under this id, now or when its idempotency key was seen first.
    Submitted(JobId),
    /// The jobs were accepted under these ids, in their order.
    SubmittedMany(Vec<JobId>),
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
    /// The idempotency key stands for another request, which became this job.
    #[error("the idempotency key came with another request before, which became job `{0}`")]
    KeyTaken(JobId),
    /// One idempotency key comes with two requests.
    #[error("one idempotency key comes with two different requests")]
    KeyTwice,
    /// The job is not held.
    #[error("the job is {0} and not held")]
    NotHeld(JobState),
    /// The parent is not live.
    #[error("the parent, job `{0}`, has ended")]
    ParentEnded(JobId),
    /// The lease is not or no longer the job's.
    #[error("the lease has ended")]
    StaleFence,
    /// The tick is not or no longer on its way.
    #[error("the tick is done with")]
    StaleTick,
    /// The parent has as many parents above it as a job may have.
    #[error("the parent, job `{0}`, is a child {JOB_DEPTH_MAX} deep; jobs cannot be deeper")]
    TooDeep(JobId),
    /// The parent has as many live children as it may.
    #[error("the parent, job `{0}`, has {CHILDREN_LIVE_MAX} live children; try again when some have ended")]
    TooManyChildren(JobId),
    /// No live job has this id.
    #[error("no live job has this id")]
    Unknown,
    /// No queue has this name.
    #[error("there is no such queue")]
    UnknownQueue,
    /// No schedule has this name, or this id any more.
    #[error("there is no such schedule")]
    UnknownSchedule,
    /// No worker has this id, or its lease has ended.
    #[error("the worker is not known, or its lease has ended; it has to join again")]
    UnknownWorker,
    /// The jobs to come after have ended otherwise than is needed; this one is the reason.
    #[error("job `{0}` has ended otherwise than `after` needs")]
    Unreachable(JobId),
    /// A job to come after is not live, and nobody told how it has ended.
    #[error("job `{0}` has just ended")]
    Unsettled(JobId),
    /// The job is in a state in which this cannot happen.
    #[error("the job is {0}")]
    WrongState(JobState),
}
