//! What leaves by itself, in the order in which it does: final jobs, and later what is known of them.

use windlass_core::job::{Job, Timestamp};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, Entry, KeyRange, SCAN_ENTRIES_MAX},
    keys::Leaves,
};

impl Change {
    /// Writes until when a job is kept, if it is final and is not kept for ever.
    pub(super) fn set_retention(self, job: &Job) -> Result<Self, StoreError> {
        match key(job).zip(job.ended_at()) {
            Some((key, ended_at)) => self.set_leaving(&key, ended_at),
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

    /// Writes that something will leave, and since when it is what it is.
    pub(super) fn set_leaving(self, key: &Key, since: Timestamp) -> Result<Self, StoreError> {
        self.put(key.to_bytes(), since.0.to_be_bytes().to_vec())
    }
}

fn key(job: &Job) -> Option<Key> {
    job.kept_until().map(|until| Key::Retention { what: Leaves::Job, until, job: job.id })
}

impl Store {
    /// Reads up to `limit` of those that leave next, and when each does. Blocks on the disk.
    pub fn leaves_next(&self, what: Leaves, limit: usize) -> Result<Vec<(Timestamp, JobId)>, StoreError> {
        let entries = self.engine.scan(&range(what), Direction::Forward, limit)?.into_iter();
        let next = entries.map(|(key, _)| {
            let key = Key::from_bytes(&key)?;
            if let Key::Retention { until, job, .. } = key {
                return Ok((until, job));
            }
            Err(StoreError::corrupt("the time something leaves", format!("{key:?}")))
        });
        next.collect()
    }

    /// Counts those that will leave and were there before this time. Reads all of their entries; blocks on the disk.
    pub fn count_leaving(&self, what: Leaves, before: Timestamp) -> Result<u64, StoreError> {
        let (mut range, mut count) = (range(what), 0);
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

fn range(what: Leaves) -> KeyRange {
    KeyRange::prefix(&[Family::Retention.prefix(), what as u8])
}
