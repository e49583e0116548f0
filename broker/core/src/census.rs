//! How many live jobs there are in which state, and how long the first of the ready ones has been waiting.

use alloc::collections::{BTreeMap, VecDeque};

use windlass_wire::{id::JobId, state::JobState};

use crate::job::{Job, State, Timestamp};

/// Entries of the line that may be out of date before it is swept.
const STALE_ENTRIES_MAX: usize = 64;

/// Counts live jobs as they change.
#[derive(Debug, Default)]
pub struct Census {
    counts: BTreeMap<JobState, usize>,
    /// Every job that became ready, in the order in which they did. An entry whose revision is not the job's
    /// any more is out of date.
    became_ready: VecDeque<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Timestamp,
    job: JobId,
    revision: u32,
}

impl Census {
    /// A job is now as `after` says; `before` is how it was, if it was live. `current` tells the revision of a
    /// ready job.
    pub fn count(
        &mut self,
        before: Option<JobState>,
        after: &Job,
        now: Timestamp,
        current: impl Fn(JobId) -> Option<u32>,
    ) {
        if let Some(count) = before.and_then(|before| self.counts.get_mut(&before)) {
            *count -= 1;
        }
        if !after.state.is_final() {
            *self.counts.entry(after.state.name()).or_default() += 1;
        }
        if matches!(after.state, State::Ready) {
            self.became_ready.push_back(Entry { at: now, job: after.id, revision: after.revision });
        }
        let is_current = |entry: &Entry| current(entry.job) == Some(entry.revision);
        while self.became_ready.front().is_some_and(|entry| !is_current(entry)) {
            self.became_ready.pop_front();
        }
        if self.became_ready.len() > 2 * self.in_state(JobState::Ready) + STALE_ENTRIES_MAX {
            self.became_ready.retain(is_current);
        }
    }

    /// Live jobs in a state.
    pub fn in_state(&self, state: JobState) -> usize {
        self.counts.get(&state).copied().unwrap_or_default()
    }

    /// Since when the ready job that waits longest is ready, as far back as this start of the broker.
    pub fn oldest_ready(&self) -> Option<Timestamp> {
        self.became_ready.front().map(|entry| entry.at)
    }
}
