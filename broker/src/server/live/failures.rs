//! Why jobs failed during the last hour, counted by reason.

use std::collections::{HashMap, VecDeque};

use windlass_core::job::{Job, State, Timestamp};
use windlass_wire::{code::ErrorCode, id::JobId, stats::FailureView};

use crate::server::translate::time;

/// Reasons that are told apart; then the one that was not seen for longest is forgotten.
const REASONS_MAX: usize = 1_000;
/// Reasons that are shown.
const REASONS_SHOWN_MAX: usize = 20;
/// A longer message is cut, in characters.
const MESSAGE_CHARS_MAX: usize = 400;
const MINUTE_MILLIS: u64 = 60_000;
const MINUTES_KEPT_MAX: u64 = 60;

/// Failed jobs by reason.
#[derive(Debug, Default)]
pub(super) struct Failures(HashMap<Reason, Counted>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Reason {
    channel: String,
    handler: String,
    code: ErrorCode,
    message: String,
}

#[derive(Debug)]
struct Counted {
    /// The number of a minute, and how many failed in it; oldest first.
    minutes: VecDeque<(u64, u64)>,
    last_at: Timestamp,
    job: JobId,
}

impl Counted {
    fn forget_before(&mut self, minute: u64) {
        while self.minutes.front().is_some_and(|(first, _)| *first < minute) {
            self.minutes.pop_front();
        }
    }

    fn count(&self) -> u64 {
        self.minutes.iter().map(|(_, count)| count).sum()
    }
}

impl Failures {
    /// Counts a job, if it failed.
    pub(super) fn take(&mut self, job: &Job) {
        let State::Failed { at, failure } = &job.state else { return };
        let reason = Reason {
            channel: job.spec.channel.clone(),
            handler: job.spec.handler.clone(),
            code: failure.code,
            message: failure.message.chars().take(MESSAGE_CHARS_MAX).collect(),
        };
        let minute = at.0 / MINUTE_MILLIS;
        let counted = self.0.entry(reason).or_insert_with(|| Counted {
            minutes: VecDeque::new(),
            last_at: *at,
            job: job.id,
        });
        counted.forget_before(oldest_minute(*at));
        match counted.minutes.back_mut() {
            Some((last, count)) if *last >= minute => *count += 1,
            Some(_) | None => counted.minutes.push_back((minute, 1)),
        }
        (counted.last_at, counted.job) = (*at, job.id);
        if self.0.len() > REASONS_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest =
            self.0.iter().min_by_key(|(_, counted)| counted.last_at).map(|(reason, _)| reason.clone());
        if let Some(oldest) = oldest {
            self.0.remove(&oldest);
        }
    }

    /// The reasons of a channel, the newest first.
    pub(super) fn view(&mut self, channel: &str, now: Timestamp) -> Vec<FailureView> {
        let oldest = oldest_minute(now);
        self.0.retain(|_, counted| {
            counted.forget_before(oldest);
            !counted.minutes.is_empty()
        });
        let mut ours: Vec<_> = self.0.iter().filter(|(reason, _)| reason.channel == channel).collect();
        ours.sort_by_key(|(_, counted)| (std::cmp::Reverse(counted.last_at), counted.job));
        let views = ours.into_iter().take(REASONS_SHOWN_MAX).map(|(reason, counted)| FailureView {
            code: reason.code,
            message: reason.message.clone(),
            handler: reason.handler.clone(),
            count: counted.count(),
            last_at: time(counted.last_at),
            job: counted.job,
        });
        views.collect()
    }
}

fn oldest_minute(now: Timestamp) -> u64 {
    (now.0 / MINUTE_MILLIS).saturating_sub(MINUTES_KEPT_MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::live::changes::tests::job;
    use windlass_core::job::Failure;

    fn failed(id: u128, message: &str, at: u64) -> Job {
        let failure = Failure { code: ErrorCode::Trap, message: message.into(), detail: None };
        Job { state: State::Failed { at: Timestamp(at), failure }, ..job(id) }
    }

    #[test]
    fn failures_are_grouped_by_reason_newest_first() {
        let mut failures = Failures::default();
        for (id, message, at) in [(1, "a", 10), (2, "b", 20), (3, "a", 30)] {
            failures.take(&failed(id, message, at));
        }
        let views = failures.view("0", Timestamp(40));
        let told: Vec<_> = views.iter().map(|view| (view.message.as_str(), view.count, view.job.0)).collect();
        assert_eq!(told, [("a", 2, 3), ("b", 1, 2)]);
        assert!(failures.view("other", Timestamp(40)).is_empty());
    }

    #[test]
    fn after_an_hour_a_failure_is_forgotten() {
        let mut failures = Failures::default();
        failures.take(&failed(1, "a", 0));
        failures.take(&failed(2, "a", 30 * MINUTE_MILLIS));
        let count = |failures: &mut Failures, minute| {
            failures.view("0", Timestamp(minute * MINUTE_MILLIS)).first().map(|view| view.count)
        };
        assert_eq!(count(&mut failures, 59), Some(2));
        assert_eq!(count(&mut failures, 60), Some(1));
        assert_eq!(count(&mut failures, 90), None);
    }

    #[test]
    fn reasons_without_end_do_not_take_memory_without_end() {
        let mut failures = Failures::default();
        for number in 0..REASONS_MAX as u64 + 5 {
            failures.take(&failed(u128::from(number), &number.to_string(), number));
        }
        assert_eq!(failures.0.len(), REASONS_MAX);
        assert_eq!(failures.view("0", Timestamp(0)).len(), REASONS_SHOWN_MAX);
    }
}
