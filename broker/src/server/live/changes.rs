//! The jobs that changed within a window of time, each as it is now. However often a job changed, and however
//! many changed, what is told at the end of the window is bounded.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;
use windlass_core::job::Job;
use windlass_wire::id::JobId;

use crate::server::verbs::WatchFilter;

/// The last changes that are kept to be told; older ones are only counted.
const CHANGES_KEPT_MAX: usize = 2_048;

/// Changes of the jobs of one channel that match a filter, gathered for everybody who asked for the same.
#[derive(Debug)]
pub(super) struct Changes {
    filter: WatchFilter,
    /// Each changed job, with the number of its last change.
    changed: HashMap<JobId, u64>,
    last: VecDeque<(u64, Arc<Job>)>,
    told_at: Option<Instant>,
    due: Option<Instant>,
}

/// What a window comes to.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The number of its last change.
    pub(super) seq: u64,
    /// The last jobs that changed, as they are now, in the order of their changes.
    pub(super) jobs: Vec<Arc<Job>>,
    /// How many more changed.
    pub(super) more: usize,
}

impl Changes {
    pub(super) fn new(filter: WatchFilter) -> Self {
        Self { filter, changed: HashMap::new(), last: VecDeque::new(), told_at: None, due: None }
    }

    /// Takes a change. The first one after a pause is told at once, the next ones `every` so often.
    pub(super) fn take(&mut self, seq: u64, job: &Arc<Job>, every: Duration, now: Instant) {
        if !self.filter.matches(job) {
            self.changed.remove(&job.id);
            return;
        }
        self.changed.insert(job.id, seq);
        if self.last.len() == CHANGES_KEPT_MAX {
            self.last.pop_front();
        }
        self.last.push_back((seq, Arc::clone(job)));
        let next = self.told_at.map_or(now, |told_at| now.max(told_at + every));
        self.due.get_or_insert(next);
    }

    /// When there is something to tell; none while nothing changes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Ends the window; tells at most so many jobs.
    pub(super) fn end(&mut self, jobs_max: usize, now: Instant) -> Window {
        (self.told_at, self.due) = (Some(now), None);
        let changed = std::mem::take(&mut self.changed);
        let last = std::mem::take(&mut self.last);
        let is_latest = |seq: &u64, job: &Job| changed.get(&job.id) == Some(seq);
        let latest = last.into_iter().rev().filter(|(seq, job)| is_latest(seq, job));
        let mut told: Vec<_> = latest.take(jobs_max).collect();
        let seq = told.first().map_or(0, |(seq, _)| *seq);
        told.reverse();
        let jobs: Vec<_> = told.into_iter().map(|(_, job)| job).collect();
        Window { seq, more: changed.len() - jobs.len(), jobs }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use windlass_core::job::{Digest, Payload, Spec, State, Timestamp};
    use windlass_wire::state::JobState;

    const EVERY: Duration = Duration::from_millis(250);

    pub(in crate::server::live) fn job(id: u128) -> Job {
        let spec = Spec::new("demo/add", Digest([7; 32]), Payload::Inline("{}".into()), Timestamp(0));
        Job::new(JobId(id), Arc::new(spec), [].into(), Timestamp(0))
    }

    fn cancelled(id: u128) -> Arc<Job> {
        Arc::new(Job {
            revision: 2,
            state: State::Cancelled { at: Timestamp(1), because_of: None },
            ..job(id)
        })
    }

    fn ids(window: &Window) -> Vec<u128> {
        window.jobs.iter().map(|job| job.id.0).collect()
    }

    #[test]
    fn a_job_that_changed_twice_is_told_once_as_it_is_now() {
        let (mut changes, now) = (Changes::new(WatchFilter::default()), Instant::now());
        changes.take(1, &Arc::new(job(1)), EVERY, now);
        changes.take(2, &Arc::new(job(2)), EVERY, now);
        changes.take(3, &cancelled(1), EVERY, now);
        let window = changes.end(10, now);
        assert_eq!((ids(&window), window.seq, window.more), (vec![2, 1], 3, 0));
        assert_eq!(window.jobs[1].state.name(), JobState::Cancelled);
        assert!(changes.end(10, now).jobs.is_empty(), "what was told is not told again");
    }

    #[test]
    fn the_first_change_is_told_at_once_and_the_next_after_a_pause() {
        let (mut changes, now) = (Changes::new(WatchFilter::default()), Instant::now());
        assert_eq!(changes.due(), None);
        changes.take(1, &Arc::new(job(1)), EVERY, now);
        assert_eq!(changes.due(), Some(now));
        changes.end(10, now);
        changes.take(2, &Arc::new(job(2)), EVERY, now);
        assert_eq!(changes.due(), Some(now + EVERY));
    }

    #[test]
    fn beyond_the_limit_the_last_are_told_and_the_others_counted() {
        let (mut changes, now) = (Changes::new(WatchFilter::default()), Instant::now());
        let count = CHANGES_KEPT_MAX as u64 + 10;
        for seq in 1..=count {
            changes.take(seq, &Arc::new(job(u128::from(seq))), EVERY, now);
        }
        let window = changes.end(2, now);
        assert_eq!(ids(&window), [u128::from(count - 1), u128::from(count)]);
        assert_eq!(window.more as u64, count - 2);
    }

    #[test]
    fn a_job_that_no_longer_matches_is_not_told() {
        let ready = WatchFilter { state: Some(JobState::Ready), ..WatchFilter::default() };
        let (mut changes, now) = (Changes::new(ready), Instant::now());
        changes.take(1, &Arc::new(job(1)), EVERY, now);
        changes.take(2, &cancelled(1), EVERY, now);
        let window = changes.end(10, now);
        assert_eq!((window.jobs.len(), window.more), (0, 0));
    }
}
