//! Records of jobs: while live under one family, once final under another, so that a start reads only what
//! still has to be done.

use serde::de::DeserializeOwned;
use windlass_core::job::{Job, Timestamp};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError, Tombstone,
    engine::{CHANGE_OPS_MAX, Direction, KeyRange, SCAN_ENTRIES_MAX},
};

impl Change {
    /// Writes a job where its state says it belongs, and what has to be known of it without reading it.
    pub fn set_job(self, job: &Job) -> Result<Self, StoreError> {
        let change = self.set_terms(job)?.set_references(job)?.set_retention(job)?;
        if job.state.is_final() {
            change.remove(&Key::LiveJob(job.id))?.set(&Key::FinalJob(job.id), job)
        } else {
            change.set(&Key::LiveJob(job.id), job)
        }
    }
}

impl Store {
    /// Reads a job.
    pub fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        // A job only ever moves from live to final, so looking in this order cannot miss it.
        match self.read(&Key::LiveJob(id))? {
            Some(job) => Ok(Some(job)),
            None => self.read(&Key::FinalJob(id)),
        }
    }

    /// Reads a job if it is final.
    pub fn final_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.read(&Key::FinalJob(id))
    }

    /// Reads up to `limit` jobs that are not final, in the order in which they are granted within each
    /// queue, beginning after `after`.
    pub fn live_jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let after = after.map(Key::LiveJob);
        let records = self.list(Family::LiveJob, after.as_ref(), limit)?;
        Ok(records.into_iter().map(|(_, job)| job).collect())
    }

    /// The changes that leave nothing of a final job but its tombstone: first what it logged, so that nothing is
    /// left without its record. Its blobs are removed after that, if no other job points to them.
    pub fn without_job(&self, job: &Job, now: Timestamp) -> Result<Vec<Change>, StoreError> {
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
        let change = change.remove(&Key::FinalJob(job.id))?;
        changes.push(change.set_tombstone(job.id, &Tombstone::new(job, now))?);
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
