//! What the broker REMEMBERS: jobs, queues, schedules, idempotency keys, plugins, connections, outputs and blobs; and
//! of purged jobs for a while that they were there.
//!
//! An [`Engine`] keeps bytes under keys and makes groups of changes durable; a [`Committer`] gathers the
//! groups; a [`Store`] is both, and speaks in records. Nothing here decides anything about a job.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use windlass_core::job::Digest;

pub mod blobs;
pub(crate) mod check;
pub mod commit;
pub(crate) mod copy;
pub mod engine;
pub mod error;
pub mod health;
pub mod idempotency;
pub mod index;
pub mod jobs;
pub mod journal;
pub mod keys;
mod lanes;
pub mod listing;
pub mod memory;
pub mod outputs;
mod parked;
pub mod payloads;
pub mod pins;
pub mod planted;
pub mod queues;
pub mod record;
pub mod references;
pub mod retention;
pub mod schedules;
pub mod sled;
pub mod tombstones;

#[cfg(test)]
mod conformance;
#[cfg(test)]
pub(crate) mod gated;

use self::{
    blobs::digest_of,
    engine::{Direction, KeyRange},
    health::Health,
    pins::Pins,
};
pub use self::{
    commit::Committer,
    engine::{Change, Engine},
    error::StoreError,
    journal::JournalEngine,
    keys::{Family, Key},
    memory::MemoryEngine,
    pins::{Leaving, Pinned, Target},
    sled::SledEngine,
    tombstones::Tombstone,
};

/// Payloads up to this many bytes belong into a job's record, larger ones into blobs.
pub const INLINE_BYTES_MAX: usize = 4 * 1024;

/// The store as the rest of the broker uses it. Cheap to clone.
///
/// Reads may block on the disk: call them where blocking is allowed. A read may see a change a moment
/// before it is durable, never after its acknowledgement has been given without it.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    committer: Committer,
    pins: Pins,
}

impl Store {
    /// Starts a committer over an engine.
    pub fn new(engine: impl Engine) -> Result<Self, StoreError> {
        let engine: Arc<dyn Engine> = Arc::new(engine);
        let committer = Committer::start(Arc::clone(&engine))?;
        Ok(Self { engine, committer, pins: Pins::default() })
    }

    /// The way to write.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Reads one record.
    pub fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        self.engine.get(&key.to_bytes())?.map(|bytes| record::decode(&bytes)).transpose()
    }

    /// Reads up to `limit` records of a family in the order of their keys, beginning after `after`.
    pub fn list<T: DeserializeOwned>(
        &self,
        family: Family,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, T)>, StoreError> {
        self.list_prefix(&[family.prefix()], after, limit)
    }

    fn list_prefix<T: DeserializeOwned>(
        &self,
        prefix: &[u8],
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, T)>, StoreError> {
        let all = KeyRange::prefix(prefix);
        let range = match after {
            Some(key) => all.above(&key.to_bytes()),
            None => all,
        };
        let entries = self.engine.scan(&range, Direction::Forward, limit)?;
        entries
            .into_iter()
            .map(|(key, value)| Ok((Key::from_bytes(&key)?, record::decode(&value)?)))
            .collect()
    }

    /// Keeps bytes under their digest; durable when it returns. They may be removed once nobody has them pinned
    /// and no job points to them. Blocks on the disk.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<(Digest, Pinned), StoreError> {
        let digest = digest_of(bytes);
        let pinned = self.pin(Target::Blob(digest));
        self.engine.put_blob(&digest, bytes)?;
        Ok((digest, pinned))
    }

    /// Keeps something from being removed. Blocks while it is being removed.
    pub fn pin(&self, target: Target) -> Pinned {
        self.pins.pin(target)
    }

    /// Keeps something from being removed, unless that has begun.
    pub fn try_pin(&self, target: Target) -> Option<Pinned> {
        self.pins.try_pin(target)
    }

    /// Begins to remove something, once nobody has it pinned; none = it is still pinned after so long. Blocks for
    /// that time at most.
    pub fn leave_within(&self, target: Target, time: Duration) -> Option<Leaving> {
        self.pins.leave_within(target, time)
    }

    /// Takes the blobs that were pinned and are not any more, which may mean that nothing uses them.
    pub fn take_unpinned_blobs(&self) -> impl Iterator<Item = Digest> {
        self.pins.take_unpinned().into_iter()
    }

    /// Reads the bytes kept under a digest.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.blob(digest)
    }

    /// How often this store has been opened, this time included.
    pub fn start_number(&self) -> u32 {
        self.engine.start_number()
    }

    /// Whether the disk does not keep up, so that nothing new should be accepted for now.
    pub fn is_behind(&self) -> bool {
        self.engine.is_behind()
    }

    /// The engine's figures.
    pub fn health(&self) -> Health {
        self.engine.health()
    }

    /// Writes everything that has been handed in, and leaves the engine ready for a quick start.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.committer.commit(Vec::new()).await?;
        let engine = Arc::clone(&self.engine);
        let checkpoint = tokio::task::spawn_blocking(move || engine.checkpoint());
        checkpoint.await.unwrap_or(Err(StoreError::Stopped))
    }
}

impl Change {
    /// Writes a record under a key.
    pub fn set<T: Serialize>(self, key: &Key, record: &T) -> Result<Self, StoreError> {
        self.put(key.to_bytes(), record::encode(record)?)
    }

    /// Removes the record under a key, if there is one.
    pub fn remove(self, key: &Key) -> Result<Self, StoreError> {
        self.delete(key.to_bytes())
    }
}
