//! The one state machine of jobs.
//!
//! ```text
//!  submit              grant               complete
//! --------> [ready] ------------> [running] --------> [succeeded]
//!   |        ^   ^                 | | | |
//!   | later  |   `--- release -----' | | |   attempts or worker deaths spent
//!   v        |        lose worker    | | `----------> [failed]
//! [scheduled]' <---------------------' |
//!        come due      fail            |   cancel (also from ready and scheduled)
//!                                      `------------> [cancelled]
//! ```
//!
//! A final state never changes. `release` and a lost worker hand the job back without counting an attempt;
//! a lost worker counts a death instead.

use alloc::string::ToString;

use windlass_wire::{code::ErrorCode, id::JobId, job::Usage, submit::RetryOn};

use crate::{
    command::Refusal,
    job::{Attempt, Failure, Fence, Job, Lease, Payload, State, Timestamp},
};

/// Everything that can happen to a job after it was submitted.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its time has come.
    ComeDue,
    /// A worker takes it.
    Grant(Lease),
    /// The run ended with a result.
    Complete {
        /// The lease the result was made under.
        fence: Fence,
        /// The result.
        result: Payload,
        /// What the run used.
        usage: Usage,
    },
    /// The run ended without one.
    Fail {
        /// The lease the failure happened under.
        fence: Fence,
        /// Why.
        failure: Failure,
        /// What the run used.
        usage: Usage,
    },
    /// The worker hands it back unfinished; the run does not count.
    Release {
        /// The lease handed back.
        fence: Fence,
    },
    /// The worker is gone.
    LoseWorker {
        /// The lease that ends with it.
        fence: Fence,
    },
    /// Somebody asks for it to stop.
    Cancel,
}

/// The job after the event, one revision on. The only place that makes a new state.
pub fn next(job: &Job, event: Event, now: Timestamp) -> Result<Job, Refusal> {
    if job.state.is_final() {
        return Err(Refusal::Final(job.state.name()));
    }
    let mut job = Job { revision: job.revision.saturating_add(1), ..job.clone() };
    match event {
        Event::ComeDue => {
            if !matches!(job.state, State::Scheduled { .. }) {
                return Err(Refusal::WrongState(job.state.name()));
            }
            job.state = State::Ready;
        }
        Event::Grant(lease) => {
            if job.state != State::Ready {
                return Err(Refusal::WrongState(job.state.name()));
            }
            job.attempt = job.attempt.saturating_add(1);
            job.state = State::Running(lease);
        }
        Event::Complete { fence, result, usage } => {
            end_attempt(&mut job, fence, None, usage, now)?;
            job.state = State::Succeeded { at: now, result };
        }
        Event::Fail { fence, failure, usage } => {
            end_attempt(&mut job, fence, Some(failure.clone()), usage, now)?;
            job.failures = job.failures.saturating_add(1);
            job.state = match job.spec.retry.pause_millis(job.id, job.failures, failure.code) {
                Some(pause) => State::Scheduled { due: now.plus_millis(pause) },
                None => State::Failed { at: now, failure },
            };
        }
        Event::Release { fence } => {
            holder(&job, fence)?;
            job.attempt = job.attempt.saturating_sub(1);
            job.state = State::Ready;
        }
        Event::LoseWorker { fence } => lose_worker(&mut job, fence, now)?,
        Event::Cancel => cancel(&mut job, now)?,
    }
    Ok(job)
}

/// The final job once another tries it again: its state stays as it is.
pub(crate) fn retried(original: &Job, retried_as: JobId) -> Job {
    let revision = original.revision.saturating_add(1);
    Job { revision, retried_as: Some(retried_as), ..original.clone() }
}

fn cancel(job: &mut Job, now: Timestamp) -> Result<(), Refusal> {
    if let Some(lease) = job.lease() {
        let message = "the job was cancelled while it ran".to_string();
        let failure = Failure { code: ErrorCode::Cancelled, message, detail: None };
        end_attempt(job, lease.fence, Some(failure), Usage::default(), now)?;
    }
    job.state = State::Cancelled { at: now };
    Ok(())
}

fn lose_worker(job: &mut Job, fence: Fence, now: Timestamp) -> Result<(), Refusal> {
    let failure = Failure {
        code: ErrorCode::WorkerLost,
        message: "the worker was lost while it ran this job".to_string(),
        detail: None,
    };
    end_attempt(job, fence, Some(failure.clone()), Usage::default(), now)?;
    job.worker_deaths = job.worker_deaths.saturating_add(1);
    job.state = if !job.spec.retry.on.contains(&RetryOn::WorkerLost) {
        State::Failed { at: now, failure }
    } else if job.worker_deaths >= job.spec.max_worker_deaths {
        let message = alloc::format!("{} workers were lost while they ran this job", job.worker_deaths);
        State::Failed { at: now, failure: Failure { code: ErrorCode::Quarantined, message, detail: None } }
    } else {
        State::Ready
    };
    Ok(())
}

fn end_attempt(
    job: &mut Job,
    fence: Fence,
    failure: Option<Failure>,
    usage: Usage,
    now: Timestamp,
) -> Result<(), Refusal> {
    let lease = holder(job, fence)?;
    let (number, worker) = (job.attempt, lease.worker);
    job.remember(Attempt { number, worker, started_at: lease.since, ended_at: now, failure, usage });
    Ok(())
}

fn holder(job: &Job, fence: Fence) -> Result<Lease, Refusal> {
    job.lease().filter(|lease| lease.fence == fence).ok_or(Refusal::StaleFence)
}
