//! What leaves by itself, in the order in which it does: final jobs, and later what is known of them.

use windlass_core::job::{Job, Timestamp};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, KeyRange, SCAN_ENTRIES_MAX},
    keys::Leaves,
};

impl Change {
    /// Writes until when a job is kept, if it is final and is not kept for ever.
    pub(super) fn set_retention(self, job: &Job) -> Result<Self, StoreError> {
        match key(job) {
            Some(key) => self.put(key.to_bytes(), Vec::new()),
            None => Ok(self),
        }
    }

    /// Removes what [`Change::set_retention`] wrote.
    pub(super) fn remove_retention(self, job: &Job) -> Result<Self, StoreError> {
        match key(job) {
            Some(key) => self.remove(&key),
            None => Ok(self),
        }
    }
}

fn key(job: &Job) -> Option<Key> {
    job.kept_until().map(|until| Key::Retention { what: Leaves::Job, until, job: job.id })
}

impl Store {
    /// Reads up to `limit` of those that leave next, and when each does, beginning after `after`. Blocks on the
    /// disk.
    pub fn leaves_next(
        &self,
        what: Leaves,
        after: Option<(Timestamp, JobId)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, JobId)>, StoreError> {
        let all = KeyRange::prefix(&[Family::Retention.prefix(), what as u8]);
        let range = match after {
            Some((until, job)) => all.above(&Key::Retention { what, until, job }.to_bytes()),
            None => all,
        };
        let entries = self.engine.scan(&range, Direction::Forward, limit)?;
        let entries = entries.into_iter().map(|(key, _)| {
            let key = Key::from_bytes(&key)?;
            if let Key::Retention { until, job, .. } = key {
                return Ok((until, job));
            }
            Err(StoreError::corrupt("the time something leaves", format!("{key:?}")))
        });
        entries.collect()
    }

    /// Counts those that will leave by themselves. Reads all their keys; blocks on the disk.
    pub fn count_leaving(&self, what: Leaves) -> Result<u64, StoreError> {
        let (mut count, mut last) = (0, None);
        loop {
            let page = self.leaves_next(what, last, SCAN_ENTRIES_MAX)?;
            count += page.len() as u64;
            last = page.last().copied();
            if page.len() < SCAN_ENTRIES_MAX {
                return Ok(count);
            }
        }
    }
}
