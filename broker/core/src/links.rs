//! Which jobs hang on which.

use alloc::collections::{BTreeMap, BTreeSet};

use windlass_wire::id::JobId;

/// Jobs, and the live ones that hang on each.
#[derive(Debug, Default)]
pub(crate) struct Links(BTreeMap<JobId, BTreeSet<JobId>>);

impl Links {
    /// `hanging` hangs on `job`.
    pub(crate) fn add(&mut self, job: JobId, hanging: JobId) {
        self.0.entry(job).or_default().insert(hanging);
    }

    /// `hanging` hangs on `job` no longer.
    pub(crate) fn remove(&mut self, job: JobId, hanging: JobId) {
        if let Some(all) = self.0.get_mut(&job) {
            all.remove(&hanging);
            if all.is_empty() {
                self.0.remove(&job);
            }
        }
    }

    /// What hangs on `job`.
    pub(crate) fn of(&self, job: JobId) -> BTreeSet<JobId> {
        self.0.get(&job).cloned().unwrap_or_default()
    }

    /// How many hang on `job`.
    pub(crate) fn count(&self, job: JobId) -> usize {
        self.0.get(&job).map_or(0, BTreeSet::len)
    }
}
