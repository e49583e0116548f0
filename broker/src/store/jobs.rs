//! Records of jobs: while plain, live, and once final under families of their own, so that a start reads only what
//! still has to be done, and of that not what only waits in a line.

use serde::de::DeserializeOwned;
use windlass_core::job::{Job, State};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{CHANGE_OPS_MAX, Direction, KeyRange, SCAN_ENTRIES_MAX},
};

impl Change {
    /// Writes a job where its state says it belongs, and what has to be known of it without reading it.
    pub fn set_job(self, job: &Job) -> Result<Self, StoreError> {
        self.set_terms(job)?.set_references(job)?.set_retention(job)?.set_record(job)
    }

    /// Writes the record of a job, and removes it from where it may have been before.
    pub(super) fn set_record(mut self, job: &Job) -> Result<Self, StoreError> {
        let key = if job.state.is_final() {
            Key::FinalJob(job.id)
        } else if !job.is_plain() {
            Key::LiveJob(job.id)
        } else if let State::Scheduled { due } = job.state {
            self = self.put(Key::Timetable { due, job: job.id }.to_bytes(), Vec::new())?;
            Key::ScheduledJob(job.id)
        } else {
            Key::ReadyJob(job.id)
        };
        if job.revision > 1 && job.spec.is_plain() && job.attempt <= 1 {
            self = self.without_plain(job, &key)?;
        }
        if job.state.is_final() {
            self = self.remove(&Key::LiveJob(job.id))?;
        }
        self.set(&key, job)
    }

    /// A job that was plain once is never again where it was before it had the record `key`.
    fn without_plain(mut self, job: &Job, key: &Key) -> Result<Self, StoreError> {
        if let Some(due) = job.spec.run_at.filter(|_| !matches!(key, Key::ScheduledJob(_))) {
            self = self.remove(&Key::ScheduledJob(job.id))?.remove(&Key::Timetable { due, job: job.id })?;
        }
        if matches!(key, Key::ScheduledJob(_) | Key::ReadyJob(_)) {
            Ok(self)
        } else {
            self.remove(&Key::ReadyJob(job.id))
        }
    }
}

/// Where the record of a job may be, in the order in which it moves, so that looking in this order cannot miss it.
pub(super) fn job_keys(id: JobId) -> [Key; 4] {
    [Key::ScheduledJob(id), Key::ReadyJob(id), Key::LiveJob(id), Key::FinalJob(id)]
}

impl Store {
    /// Reads a job.
    pub fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        for key in job_keys(id) {
            if let Some(job) = self.read(&key)? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// Reads a job if it is final.
    pub fn final_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.read(&Key::FinalJob(id))
    }

    /// Reads up to `limit` jobs that are neither final nor plain, in the order in which they are granted within each
    /// queue, beginning after `after`.
    pub fn live_jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let after = after.map(Key::LiveJob);
        let records = self.list(Family::LiveJob, after.as_ref(), limit)?;
        Ok(records.into_iter().map(|(_, job)| job).collect())
    }

    /// The changes that leave nothing of a final job: first what it logged, so that nothing is left without its record. Its blobs are removed after that, if no other job points to them.
    pub fn without_job(&self, job: &Job) -> Result<Vec<Change>, StoreError> {
        let mut prefix = vec![Family::Output.prefix()];
        prefix.extend(job.id.to_bytes());
        let (mut range, mut changes) = (KeyRange::prefix(&prefix), Vec::new());
        loop {
            let entries = self.engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
            let Some((last, _)) = entries.last() else { break };
            range = range.above(last);
            for pieces in entries.chunks(CHANGE_OPS_MAX) {
                let remove = |change: Change, (key, _): &(Vec<u8>, Vec<u8>)| change.delete(key.clone());
                changes.push(pieces.iter().try_fold(Change::default(), remove)?);
            }
        }
        let change = Change::default().remove_terms(job)?.remove_references(job)?.remove_retention(job)?;
        changes.push(change.remove(&Key::FinalJob(job.id))?);
        Ok(changes)
    }

    /// Reads up to `limit` pieces of what a job has logged, oldest first, beginning after the piece
    /// `after`. A key of [`Key::Output`] tells attempt and chunk of each.
    pub fn outputs<T: DeserializeOwned>(
        &self,
        job: JobId,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, T)>, StoreError> {
        let mut prefix = vec![Family::Output.prefix()];
        prefix.extend(job.to_bytes());
        self.list_prefix(&prefix, after, limit)
    }
}

#[cfg(test)]
mod tests;
