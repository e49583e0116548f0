//! What is known of a job that was purged: that it was there, and how it had ended.

use serde::{Deserialize, Serialize};
use windlass_core::{
    job::{Job, Timestamp},
    limits::TOMBSTONE_MILLIS,
};
use windlass_wire::{id::JobId, state::JobState};

use super::{Change, Key, Store, StoreError, keys::Leaves};

/// The record of a purged job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The channel it belonged to.
    pub channel: String,
    /// Its final state.
    pub state: JobState,
    /// When it was purged.
    pub purged_at: Timestamp,
}

impl Tombstone {
    /// The tombstone of a final job.
    pub fn new(job: &Job, purged_at: Timestamp) -> Self {
        Self { channel: job.spec.channel.clone(), state: job.state.name(), purged_at }
    }
}

impl Change {
    /// Remembers that a job was purged.
    pub(super) fn set_tombstone(self, job: JobId, tombstone: &Tombstone) -> Result<Self, StoreError> {
        let until = tombstone.purged_at.plus_millis(TOMBSTONE_MILLIS);
        let leaving = Key::Retention { what: Leaves::Tombstone, until, job };
        self.set(&Key::Tombstone(job), tombstone)?.set_leaving(&leaving, tombstone.purged_at)
    }

    /// Forgets that a job was purged, which was to be known until then.
    pub fn remove_tombstone(self, until: Timestamp, job: JobId) -> Result<Self, StoreError> {
        self.remove(&Key::Tombstone(job))?.remove(&Key::Retention { what: Leaves::Tombstone, until, job })
    }
}

impl Store {
    /// What is known of a purged job.
    pub fn tombstone(&self, job: JobId) -> Result<Option<Tombstone>, StoreError> {
        self.read(&Key::Tombstone(job))
    }
}
