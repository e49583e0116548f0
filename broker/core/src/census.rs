//! How many live jobs there are in which state, and how long the first of the ready ones has been waiting.

use alloc::collections::{BTreeMap, BTreeSet};

use windlass_wire::{id::JobId, state::JobState};

use crate::{
    job::{Job, State, Timestamp},
    parked::PlainJobs,
};

/// Counts live jobs as they change.
#[derive(Debug, Default)]
pub struct Census {
    counts: BTreeMap<JobState, usize>,
    /// Since when the ready jobs that are not parked are ready. Those that are come after them.
    since: BTreeMap<JobId, Timestamp>,
    line: BTreeSet<(Timestamp, JobId)>,
}

impl Census {
    /// A job is now as `after` says; `before` is how it was, if it was live.
    pub fn count(&mut self, before: Option<JobState>, after: &Job, now: Timestamp) {
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count = count.saturating_sub(1);
        }
        if !after.state.is_final() {
            *self.counts.entry(after.state.name()).or_default() += 1;
        }
        self.park(after.id);
        if matches!(after.state, State::Ready) {
            self.stand(after.id, now);
        }
    }

    /// Counts jobs that are parked.
    pub fn restore(&mut self, plain: PlainJobs) {
        for (state, count) in [(JobState::Ready, plain.ready), (JobState::Scheduled, plain.scheduled)] {
            *self.counts.entry(state).or_default() += count;
        }
    }

    /// A job is parked.
    pub fn park(&mut self, job: JobId) {
        if let Some(since) = self.since.remove(&job) {
            self.line.remove(&(since, job));
        }
    }

    /// A job is parked no longer.
    pub fn admit(&mut self, job: &Job) {
        if matches!(job.state, State::Ready) {
            let submitted_at = job.spec.submitted_at;
            self.stand(job.id, job.spec.run_at.map_or(submitted_at, |at| at.max(submitted_at)));
        }
    }

    fn stand(&mut self, job: JobId, since: Timestamp) {
        self.since.insert(job, since);
        self.line.insert((since, job));
    }

    /// Live jobs in a state.
    pub fn in_state(&self, state: JobState) -> usize {
        self.counts.get(&state).copied().unwrap_or_default()
    }

    /// Live jobs.
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }

    /// Since when the ready job that waits longest is ready; of one that was started before, as far back as this
    /// start of the broker.
    pub fn oldest_ready(&self) -> Option<Timestamp> {
        self.line.first().map(|(since, _)| *since)
    }
}
