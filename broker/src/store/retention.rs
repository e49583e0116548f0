//! Final jobs in the order in which they leave by themselves.

use windlass_core::job::{Job, Timestamp};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, Entry, KeyRange, SCAN_ENTRIES_MAX},
};

impl Change {
    /// Writes until when a job is kept, if it is final and is not kept for ever.
    pub(super) fn set_retention(self, job: &Job) -> Result<Self, StoreError> {
        match key(job).zip(job.ended_at()) {
            Some((key, ended_at)) => self.put(key.to_bytes(), ended_at.0.to_be_bytes().to_vec()),
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
    job.kept_until().map(|until| Key::Retention { until, job: job.id })
}

impl Store {
    /// Reads up to `limit` of those that leave next, and when each does. Blocks on the disk.
    pub fn leaves_next(&self, limit: usize) -> Result<Vec<(Timestamp, JobId)>, StoreError> {
        let entries = self.engine.scan(&leaving(), Direction::Forward, limit)?.into_iter();
        let next = entries.map(|(key, _)| {
            let key = Key::from_bytes(&key)?;
            if let Key::Retention { until, job, .. } = key {
                return Ok((until, job));
            }
            Err(StoreError::corrupt("the time a job leaves", format!("{key:?}")))
        });
        next.collect()
    }

    /// Counts those that will leave and were final before this time. Reads all of their entries; blocks on the disk.
    pub fn count_leaving(&self, before: Timestamp) -> Result<u64, StoreError> {
        let (mut range, mut count) = (leaving(), 0);
        let before = before.0.to_be_bytes();
        loop {
            let page = self.engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
            let was_there = |(_, since): &&Entry| since.as_slice() < before.as_slice();
            count += page.iter().filter(was_there).count() as u64;
            let Some((last, _)) = page.last() else { return Ok(count) };
            range = range.above(last);
        }
    }
}

fn leaving() -> KeyRange {
    KeyRange::prefix(&[Family::Retention.prefix()])
}
