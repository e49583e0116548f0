//! The only place that knows the shapes of the wire and those of the core.

use serde_json::{Value, json};
use windlass_core::{
    command::Refusal,
    job::{Failure, Job, State, Timestamp, WorkerId},
};
use windlass_wire::{code::ErrorCode, problem::Problem, state::JobState};

use crate::{
    driver::{CallError, LOCAL_WORKER, Refused},
    sandbox::ArgumentError,
    store::{StoreError, Tombstone},
};

mod fields;
mod history;
mod queue;
mod schedule;
mod submit;
mod view;

pub(super) use self::{
    fields::{JobFields, filter_error},
    history::history,
    queue::{limit_change, queue_view},
    schedule::{Times, once_only, schedule_view},
    submit::Terms,
    view::{job_view, waiting_view},
};

/// A time as clients read it: RFC 3339 in UTC, to the millisecond.
pub(super) fn time(at: Timestamp) -> String {
    let at = i64::try_from(at.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    format!("{:.3}", at.unwrap_or(jiff::Timestamp::MAX))
}

/// A worker's id as clients read it.
pub(super) fn worker_id(worker: WorkerId) -> String {
    if worker == LOCAL_WORKER { "local".to_owned() } else { worker.0.to_string() }
}

/// The moment of a time as clients read it; none before 1970.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

/// A time as clients write it, in the form in which they read it.
pub(super) fn text_time(text: &str) -> Result<String, String> {
    let at: jiff::Timestamp = text.parse().map_err(|error| format!("expected an RFC 3339 time: {error}"))?;
    Ok(format!("{at:.3}"))
}

/// Why the driver did not do it.
pub(super) fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Core(refusal) => refusal_problem(refusal),
        Refused::Behind => Problem::new(ErrorCode::Overloaded, "the disk does not keep up with submissions")
            .with_hint("submit again in a moment; what runs ends and cancels go on"),
        Refused::Stopped => {
            Problem::new(ErrorCode::Internal, "the broker is going down; nothing is known about the request")
                .with_hint("ask again once the broker is back")
        }
    }
}

fn refusal_problem(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::Draining => ErrorCode::Draining,
        Refusal::Final(_)
        | Refusal::NotHeld(_)
        | Refusal::ParentEnded(_)
        | Refusal::Unreachable(_)
        | Refusal::WrongState(_) => ErrorCode::BadState,
        Refusal::TooDeep(_) => ErrorCode::BadRequest,
        Refusal::Full(_) | Refusal::TooManyChildren(_) => ErrorCode::Overloaded,
        Refusal::KeyTaken(_) | Refusal::KeyTwice => ErrorCode::IdempotencyMismatch,
        Refusal::StaleFence | Refusal::StaleTick | Refusal::Unsettled(_) => ErrorCode::Conflict,
        Refusal::Unknown | Refusal::UnknownQueue | Refusal::UnknownSchedule | Refusal::UnknownWorker => {
            ErrorCode::NotFound
        }
    };
    let problem = Problem::new(code, refusal.to_string());
    match refusal {
        Refusal::Final(state) | Refusal::NotHeld(state) | Refusal::WrongState(state) => {
            problem.with_detail(json!({ "state": state }))
        }
        Refusal::KeyTaken(job) => problem.with_detail(json!({ "job": job })),
        Refusal::Unreachable(job) | Refusal::Unsettled(job) => {
            problem.with_detail(json!({ "pointer": "/opts/after", "job": job }))
        }
        Refusal::ParentEnded(job) | Refusal::TooDeep(job) | Refusal::TooManyChildren(job) => {
            problem.with_detail(json!({ "pointer": "/opts/parent", "job": job }))
        }
        Refusal::Draining
        | Refusal::Full(_)
        | Refusal::KeyTwice
        | Refusal::StaleFence
        | Refusal::StaleTick
        | Refusal::Unknown
        | Refusal::UnknownQueue
        | Refusal::UnknownSchedule
        | Refusal::UnknownWorker => problem,
    }
}

/// Why a call has no result.
pub(super) fn call_error(error: CallError) -> Problem {
    match error {
        CallError::Failed(reason) => failure(&reason),
        CallError::Overloaded => Problem::new(ErrorCode::Overloaded, "no slot was free in time")
            .with_hint("try again later, allow more with `timeout`, or submit a job"),
        CallError::Refused(refusal) => refused(Refused::Core(refusal)),
        CallError::Stopped => refused(Refused::Stopped),
    }
}

/// Why a run did not succeed.
pub(super) fn failure(failure: &Failure) -> Problem {
    let problem = Problem::new(failure.code, failure.message.clone());
    match &failure.detail {
        // Detail that is not JSON comes from a damaged record; it is shown as it is.
        Some(text) => {
            problem.with_detail(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.clone())))
        }
        None => problem,
    }
}

/// Why a job has no result; none = it has one, or may still get one.
pub(super) fn job_error(job: &Job) -> Option<Problem> {
    match &job.state {
        State::Failed { failure: reason, .. } => Some(failure(reason)),
        State::Cancelled { because_of: None, .. } => {
            Some(Problem::new(ErrorCode::Cancelled, "the job was cancelled"))
        }
        State::Cancelled { because_of: Some(other), .. } => {
            let message = if job.spec.parent == Some(*other) {
                format!("its parent, job `{other}`, was cancelled")
            } else {
                format!("job `{other}`, which it comes after, has ended otherwise than `after` needs")
            };
            Some(Problem::new(ErrorCode::Cancelled, message).with_detail(json!({ "because_of": other })))
        }
        State::Expired { .. } => {
            Some(Problem::new(ErrorCode::Expired, "the job waited longer than its `queue_timeout`"))
        }
        State::Scheduled { .. }
        | State::Held
        | State::Blocked { .. }
        | State::Ready
        | State::Running(_)
        | State::Succeeded { .. } => None,
    }
}

/// The patience of whoever waits for a job has ended.
pub(super) fn still(state: JobState) -> Problem {
    Problem::new(ErrorCode::TimedOut, format!("the job is still {state}; waiting longer does not disturb it"))
        .with_detail(json!({ "state": state }))
        .with_hint("wait again, or open a subscription")
}

/// The job was there and is not any more.
pub(super) fn gone(tombstone: &Tombstone) -> Problem {
    let Tombstone { job, state, purged_at } = tombstone;
    Problem::new(ErrorCode::Gone, format!("job `{job}` was purged after it had ended as {state}"))
        .with_detail(json!({ "state": state, "purged_at": time(*purged_at) }))
        .with_hint("`retention` says how long a final job is kept")
}

/// Arguments that do not fit; `base` is the place of the arguments in the request.
pub(super) fn argument_error(error: ArgumentError, base: &str) -> Problem {
    let pointer = format!("{base}{}", error.pointer);
    let message = if pointer.is_empty() { error.message } else { format!("`{pointer}`: {}", error.message) };
    Problem::new(ErrorCode::BadArguments, message).with_detail(json!({ "pointer": pointer }))
}

/// The store could not do it. Whoever asks learns no more than that; the log has the rest.
pub(super) fn store_error(error: &StoreError) -> Problem {
    tracing::error!(%error, "the store failed a request");
    Problem::new(ErrorCode::Internal, "the store failed; the broker's log tells more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_to_the_millisecond() {
        assert_eq!(time(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(Timestamp(1_700_000_000_120)), "2023-11-14T22:13:20.120Z");
        assert_eq!(time(Timestamp(u64::MAX)), format!("{:.3}", jiff::Timestamp::MAX));
    }

    #[test]
    fn a_refusal_tells_the_state() {
        let problem = refused(Refused::Core(Refusal::Final(JobState::Succeeded)));
        assert_eq!(
            (problem.code, problem.detail),
            (ErrorCode::BadState, Some(json!({ "state": "succeeded" })))
        );
    }

    #[test]
    fn a_failure_keeps_its_code_and_detail() {
        let reason = Failure {
            code: ErrorCode::Trap,
            message: "m".into(),
            detail: Some(r#"{"trap":"unreachable"}"#.into()),
        };
        let problem = failure(&reason);
        assert_eq!((problem.code, problem.detail), (ErrorCode::Trap, Some(json!({ "trap": "unreachable" }))));
    }

    #[test]
    fn an_argument_is_pointed_to_from_the_root_of_the_request() {
        let error = ArgumentError { pointer: "/x".into(), message: "expected a number".into() };
        assert_eq!(argument_error(error, "/args").detail, Some(json!({ "pointer": "/args/x" })));
    }
}
