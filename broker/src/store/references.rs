//! Which jobs and schedules point to a blob. Equal bytes are one blob, so it goes with the last of them that points to it.
//!
//! A reference is written in the same change as its job. A blob is there before the record that points to it, and
//! pinned meanwhile; so a blob without references and without pins is one that nobody will look for.

use std::time::Duration;

use windlass_core::{
    job::{Digest, Job, Payload},
    schedule::Schedule,
};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, KeyRange},
    pins::Target,
};

impl Change {
    /// Writes to which blobs a job points. They are known when it is submitted and when it is final.
    pub(super) fn set_references(mut self, job: &Job) -> Result<Self, StoreError> {
        if job.revision == 1 || job.state.is_final() {
            for blob in job.blobs() {
                self = self.put(Key::Reference { blob, job: job.id }.to_bytes(), Vec::new())?;
            }
        }
        Ok(self)
    }

    /// Writes to which blob a schedule points.
    pub(super) fn hold_args(self, schedule: &Schedule) -> Result<Self, StoreError> {
        match reference(schedule) {
            Some(key) => self.put(key.to_bytes(), Vec::new()),
            None => Ok(self),
        }
    }

    /// Removes what was written when a schedule had these arguments.
    pub fn release_args(self, schedule: &Schedule) -> Result<Self, StoreError> {
        match reference(schedule) {
            Some(key) => self.remove(&key),
            None => Ok(self),
        }
    }

    /// Removes what [`Change::set_references`] wrote.
    pub(super) fn remove_references(mut self, job: &Job) -> Result<Self, StoreError> {
        for blob in job.blobs() {
            self = self.remove(&Key::Reference { blob, job: job.id })?;
        }
        Ok(self)
    }
}

/// A schedule's id stands where that of a job would: no job has one without a priority.
fn reference(schedule: &Schedule) -> Option<Key> {
    match schedule.plan.args {
        Payload::Blob(blob) => Some(Key::Reference { blob, job: JobId(schedule.id.0.into()) }),
        Payload::Inline(_) => None,
    }
}

impl Store {
    /// Removes a blob that no record points to and nobody uses; answers whether it did. Blocks on the disk.
    pub fn remove_unused_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let Some(_leaving) = self.pins.leave_within(Target::Blob(*digest), Duration::ZERO) else {
            return Ok(false);
        };
        if self.pins.keeps(digest) {
            return Ok(false);
        }
        let is_unused = !self.is_referenced(digest)?;
        if is_unused {
            self.engine.remove_blob(digest)?;
        }
        Ok(is_unused)
    }

    /// Lists the blobs whose digests begin with this byte. Blocks on the disk.
    pub fn blobs(&self, first: u8) -> Result<Vec<Digest>, StoreError> {
        self.engine.blobs(first)
    }

    fn is_referenced(&self, digest: &Digest) -> Result<bool, StoreError> {
        let prefix = [&[Family::Reference.prefix()], digest.0.as_slice()].concat();
        let first = self.engine.scan(&KeyRange::prefix(&prefix), Direction::Forward, 1)?;
        // The components of plugins are blobs too.
        Ok(!first.is_empty() || self.engine.get(&Key::Version(*digest).to_bytes())?.is_some())
    }
}
