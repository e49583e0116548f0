//! The one state machine of jobs.
//!
//! ```text
//!  submit             grant               complete
//! -------> [ready] ------------> [running] --------> [succeeded]
//!   |       |  ^ ^                 | | | |
//!   |       |  | `--- hand back ---' | | |   attempts or worker deaths spent
//!   |       |  |      lose worker    | | `----------> [failed]
//!   | later v  | come due    fail    | |
//!   |----> [scheduled] <-------------' |   cancel (also from every other state that is not final)
//!   |        ^ | settle, release       `------------> [cancelled]
//!   | after  | v                                           ^ settle: unreachable
//!   `----> [blocked] --------------------------------------'
//!
//!          [ready] or [blocked] --- expire -------> [expired]
//! ```
//!
//! A final state never changes. A run that is handed back and a lost worker do not count as an attempt; a lost
//! worker counts a death instead. A job that is held is `scheduled` for clients.

use alloc::string::ToString;

use windlass_wire::{code::ErrorCode, id::JobId, job::Usage, submit::RetryOn};

use crate::{
    command::Refusal,
    dependency::Settled,
    job::{Attempt, Failure, Fence, Job, Lease, Payload, State, Timestamp},
    planted::{Bug, planted},
};

/// Everything that can happen to a job after it was submitted.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Its time has come.
    ComeDue,
    /// A job it waits for has ended.
    Settle {
        /// That job.
        job: JobId,
        /// Whether it has a result.
        succeeded: bool,
    },
    /// Somebody lets it go on that was held.
    Release,
    /// It has waited too long.
    Expire,
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
    /// The worker gives it back unfinished; the run does not count.
    HandBack {
        /// The lease handed back.
        fence: Fence,
    },
    /// The worker is gone.
    LoseWorker {
        /// The lease that ends with it.
        fence: Fence,
    },
    /// Somebody asks for it to stop.
    Cancel {
        /// Its parent, if it was cancelled with it.
        because_of: Option<JobId>,
    },
}

/// The job after the event, one revision on. The only place that makes a new state.
pub fn next(job: &Job, event: Event, now: Timestamp) -> Result<Job, Refusal> {
    if job.state.is_final() && !planted(Bug::CompleteAfterCancel) {
        return Err(Refusal::Final(job.state.name()));
    }
    let mut after = Job { revision: job.revision.saturating_add(1), ..job.clone() };
    happen(&mut after, event, now)?;
    after.expires_at = match (&job.state, &after.state) {
        // One clock runs over waiting for other jobs and for a slot.
        (State::Blocked { .. }, State::Blocked { .. } | State::Ready) => job.expires_at,
        (_, State::Blocked { .. } | State::Ready) => {
            after.spec.queue_timeout_millis.map(|millis| now.plus_millis(millis))
        }
        _ => None,
    };
    Ok(after)
}

fn happen(job: &mut Job, event: Event, now: Timestamp) -> Result<(), Refusal> {
    match event {
        Event::ComeDue => {
            only_from(job, matches!(job.state, State::Scheduled { .. }))?;
            job.state = State::Ready;
        }
        Event::Settle { job: ended, succeeded } => settle(job, ended, succeeded, now)?,
        Event::Release => release(job, now)?,
        Event::Expire => {
            only_from(job, matches!(job.state, State::Blocked { .. } | State::Ready))?;
            job.state = State::Expired { at: now };
        }
        Event::Grant(lease) => {
            only_from(job, job.state == State::Ready)?;
            job.attempt = job.attempt.saturating_add(1);
            job.state = State::Running(lease);
        }
        Event::Complete { fence, result, usage } => {
            end_attempt(job, fence, None, usage, now)?;
            job.state = State::Succeeded { at: now, result };
        }
        Event::Fail { fence, failure, usage } => {
            end_attempt(job, fence, Some(failure.clone()), usage, now)?;
            job.failures = job.failures.saturating_add(if planted(Bug::RetryCountedTwice) { 2 } else { 1 });
            job.state = match job.spec.retry.pause_millis(job.id, job.failures, failure.code) {
                Some(pause) => State::Scheduled { due: now.plus_millis(pause) },
                None => State::Failed { at: now, failure },
            };
        }
        Event::HandBack { fence } => {
            holder(job, fence)?;
            job.attempt = job.attempt.saturating_sub(1);
            job.state = State::Ready;
        }
        Event::LoseWorker { fence } => lose_worker(job, fence, now)?,
        Event::Cancel { because_of } => cancel(job, because_of, now)?,
    }
    Ok(())
}

/// The final job once another tries it again: its state stays as it is.
pub(crate) fn retried(original: &Job, retried_as: JobId) -> Job {
    let revision = original.revision.saturating_add(1);
    Job { revision, retried_as: Some(retried_as), ..original.clone() }
}

fn only_from(job: &Job, is_right: bool) -> Result<(), Refusal> {
    is_right.then_some(()).ok_or(Refusal::WrongState(job.state.name()))
}

fn settle(job: &mut Job, ended: JobId, succeeded: bool, now: Timestamp) -> Result<(), Refusal> {
    let (State::Blocked { left, held }, Some(after)) = (&mut job.state, &job.spec.after) else {
        return Err(Refusal::WrongState(job.state.name()));
    };
    let held = *held;
    match after.settle(left, ended, succeeded) {
        Settled::Met => job.state = job.spec.free_state(held, now),
        Settled::Unreachable => job.state = State::Cancelled { at: now, because_of: Some(ended) },
        Settled::Waiting => {}
    }
    Ok(())
}

fn release(job: &mut Job, now: Timestamp) -> Result<(), Refusal> {
    if let State::Blocked { held: held @ true, .. } = &mut job.state {
        *held = false;
    } else if job.state == State::Held {
        job.state = job.spec.free_state(false, now);
    } else {
        return Err(Refusal::NotHeld(job.state.name()));
    }
    Ok(())
}

fn cancel(job: &mut Job, because_of: Option<JobId>, now: Timestamp) -> Result<(), Refusal> {
    if let Some(lease) = job.lease() {
        let message = "the job was cancelled while it ran".to_string();
        let failure = Failure { code: ErrorCode::Cancelled, message, detail: None };
        end_attempt(job, lease.fence, Some(failure), Usage::default(), now)?;
    }
    job.state = State::Cancelled { at: now, because_of };
    Ok(())
}

fn lose_worker(job: &mut Job, fence: Fence, now: Timestamp) -> Result<(), Refusal> {
    let failure = Failure {
        code: ErrorCode::WorkerLost,
        message: "the worker was lost while it ran this job".to_string(),
        detail: None,
    };
    end_attempt(job, fence, Some(failure.clone()), Usage::default(), now)?;
    job.worker_deaths = job.worker_deaths.saturating_add(u32::from(!planted(Bug::DeathNotCounted)));
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
    let is_held = |lease: &Lease| lease.fence == fence || planted(Bug::StaleFenceAccepted);
    job.lease().filter(is_held).ok_or(Refusal::StaleFence)
}
