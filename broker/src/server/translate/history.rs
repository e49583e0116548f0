//! From the record of a job to what is known of its life.

use windlass_core::job::{Attempt, Job, State, Timestamp};
use windlass_wire::query::{HistoryEvent, HistoryKind, JobHistory};

use super::{failure, time};

/// What happened to the job, oldest first, as far as its record tells.
pub(in crate::server) fn history(job: &Job) -> JobHistory {
    let mut items = vec![event(job.spec.submitted_at, HistoryKind::Submitted)];
    items.extend(job.attempts.iter().flat_map(ended));
    items.extend(job.lease().map(|lease| HistoryEvent {
        attempt: Some(job.attempt),
        worker: Some(lease.worker.0.to_string()),
        ..event(lease.since, HistoryKind::Granted)
    }));
    match job.state {
        State::Cancelled { at, .. } => items.push(event(at, HistoryKind::Cancelled)),
        State::Expired { at } => items.push(event(at, HistoryKind::Expired)),
        State::Scheduled { .. }
        | State::Held
        | State::Blocked { .. }
        | State::Ready
        | State::Running(_)
        | State::Succeeded { .. }
        | State::Failed { .. } => {}
    }
    let first = job.attempts.first().map_or(1, |attempt| attempt.number);
    JobHistory { items, cut: first > 1 }
}

/// The beginning and the end of an attempt.
fn ended(attempt: &Attempt) -> [HistoryEvent; 2] {
    let within = |at, kind| HistoryEvent {
        attempt: Some(attempt.number),
        worker: Some(attempt.worker.0.to_string()),
        ..event(at, kind)
    };
    let error = attempt.failure.as_ref().map(failure);
    let kind = if error.is_some() { HistoryKind::Failed } else { HistoryKind::Completed };
    [
        within(attempt.started_at, HistoryKind::Granted),
        HistoryEvent { error, ..within(attempt.ended_at, kind) },
    ]
}

fn event(at: Timestamp, event: HistoryKind) -> HistoryEvent {
    HistoryEvent { at: time(at), event, attempt: None, worker: None, error: None }
}
