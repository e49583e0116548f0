//! From the record of a job to what clients see of it.

use serde_json::value::RawValue;
use windlass_core::{
    dependency::After,
    job::{Attempt, Job, State},
    queue::Closed,
    retry::RetryPolicy,
    scheduler::Waiting,
};
use windlass_wire::{
    job::{AttemptView, JobView, WaitingView},
    span::Span,
    submit::{AfterOptions, RetryOptions},
};

use super::{failure, job_error, time, worker_id};

/// The job as clients see it, with its arguments if they are given.
pub(in crate::server) fn job_view(job: &Job, args: Option<Box<RawValue>>) -> JobView {
    let spec = &job.spec;
    let (run_at, held) = match job.state {
        State::Scheduled { due } => (Some(due), false),
        State::Held => (spec.run_at, true),
        State::Blocked { held, .. } => (spec.run_at, held),
        State::Ready
        | State::Running(_)
        | State::Succeeded { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::Expired { .. } => (None, false),
    };
    JobView {
        id: job.id,
        handler: spec.handler.clone(),
        version: spec.version.to_string(),
        channel: spec.channel.clone(),
        queue: spec.queue.clone(),
        priority: spec.priority,
        state: job.state.name(),
        attempt: job.attempt,
        max_attempts: spec.retry.max_attempts.max(1),
        submitted_at: time(spec.submitted_at),
        run_at: run_at.map(time),
        started_at: job.lease().map(|lease| time(lease.since)),
        ended_at: job.ended_at().map(time),
        error: job_error(job),
        attempts: job.attempts.iter().map(attempt_view).collect(),
        retry: retry_options(&spec.retry),
        run_timeout_millis: spec.run_timeout_millis,
        queue_timeout_millis: spec.queue_timeout_millis,
        expires_at: job.expires_at.map(time),
        held,
        after: spec.after.as_ref().map(after_options),
        serial_key: spec.serial_key.clone(),
        parent: spec.parent,
        children: None,
        idempotency_key: spec.idempotency.as_ref().map(|asked| asked.key.clone()),
        retention_millis: spec.retention_millis,
        kept_until: job.kept_until().map(time),
        waiting: None,
        tags: spec.tags.clone(),
        schedule: spec.schedule.as_ref().map(|origin| origin.name.clone()),
        scheduled_for: spec.schedule.as_ref().and_then(|origin| origin.tick).map(time),
        retry_of: spec.retry_of,
        retried_as: job.retried_as,
        args,
    }
}

/// Why a job does not run yet.
pub(in crate::server) fn waiting_view(waiting: Waiting) -> WaitingView {
    match waiting {
        Waiting::Jobs(jobs) => WaitingView::Jobs { jobs: jobs.into_iter().collect() },
        Waiting::Queue(Closed::Concurrency) => WaitingView::QueueConcurrency,
        Waiting::Queue(Closed::Paused) => WaitingView::QueuePaused,
        Waiting::Queue(Closed::Rate(until)) => WaitingView::QueueRate { until: time(until) },
        Waiting::Release => WaitingView::Release,
        Waiting::Serial(job) => WaitingView::SerialKey { job },
        Waiting::Slot => WaitingView::Slot,
        Waiting::Tag { tag, value, closed: Closed::Rate(until) } => {
            WaitingView::TagRate { tag, value, until: time(until) }
        }
        Waiting::Tag { tag, value, closed: Closed::Concurrency | Closed::Paused } => {
            WaitingView::TagConcurrency { tag, value }
        }
        Waiting::Time(until) => WaitingView::Time { until: time(until) },
    }
}

fn after_options(after: &After) -> AfterOptions {
    AfterOptions { jobs: after.jobs.iter().copied().collect(), need: after.need, ended: after.ended }
}

fn attempt_view(attempt: &Attempt) -> AttemptView {
    AttemptView {
        number: attempt.number,
        worker: worker_id(attempt.worker),
        started_at: time(attempt.started_at),
        ended_at: time(attempt.ended_at),
        error: attempt.failure.as_ref().map(failure),
        usage: attempt.usage,
    }
}

fn retry_options(policy: &RetryPolicy) -> RetryOptions {
    RetryOptions {
        max_attempts: Some(policy.max_attempts),
        initial: Some(Span::from_millis(policy.initial_millis)),
        factor: Some(policy.factor),
        max: Some(Span::from_millis(policy.max_millis)),
        jitter: Some(policy.jitter),
        on: Some(policy.on.iter().copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use windlass_core::job::{Digest, Failure, Fence, Lease, Payload, Spec, Timestamp, WorkerId};
    use windlass_wire::{code::ErrorCode, id::JobId, state::JobState};

    fn job(state: State) -> Job {
        let spec = Spec::new("demo/add", Digest([7; 32]), Payload::Inline("{}".into()), Timestamp(0));
        Job { state, attempt: 1, ..Job::new(JobId(1), Arc::new(spec), [].into(), Timestamp(0)) }
    }

    #[test]
    fn a_running_job_tells_since_when() {
        let lease = Lease { fence: Fence(1), worker: WorkerId(0), since: Timestamp(1000) };
        let view = job_view(&job(State::Running(lease)), None);
        assert_eq!(view.started_at.as_deref(), Some("1970-01-01T00:00:01.000Z"));
        assert_eq!((view.run_at, view.ended_at), (None, None));
    }

    #[test]
    fn a_failed_job_tells_why() {
        let failure =
            Failure { code: ErrorCode::HandlerError, message: "no".into(), detail: Some("7".into()) };
        let view = job_view(&job(State::Failed { at: Timestamp(5), failure }), None);
        assert_eq!(view.state, JobState::Failed);
        assert_eq!(view.error.unwrap().detail, Some(serde_json::Value::from(7)));
    }

    #[test]
    fn a_cancelled_job_says_so() {
        let view = job_view(&job(State::Cancelled { at: Timestamp(5), because_of: None }), None);
        assert_eq!(view.error.unwrap().code, ErrorCode::Cancelled);
    }
}
