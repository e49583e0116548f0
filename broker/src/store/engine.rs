//! The seam under which records are kept: what every engine promises, and the words it is spoken to in.

use std::ops::Bound;

use windlass_core::job::Digest;
use windlass_wire::limits::{AFTER_JOBS_MAX, TAGS_MAX};

use super::{
    error::{Limit, StoreError},
    health::Health,
};

/// Longest key, in bytes: enough for two names of 128.
pub const KEY_BYTES_MAX: usize = 264;
/// Longest value, in bytes. A job's record stays below it whatever its tags, its payloads within the record
/// and the failures of its attempts are.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// Most operations in one [`Change`]. sled holds memory back for as long as a batch is being applied.
pub const CHANGE_OPS_MAX: usize = 512;
/// Longest change, in bytes of its keys and values.
pub const CHANGE_BYTES_MAX: usize = 1024 * 1024;
/// Largest blob, in bytes.
pub const BLOB_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most entries one [`Engine::scan`] answers.
pub const SCAN_ENTRIES_MAX: usize = 4_096;

const _: () = assert!(AFTER_JOBS_MAX + TAGS_MAX + 32 < CHANGE_OPS_MAX, "all terms of a job fit one change");

/// Keeps records and blobs.
///
/// Every method may block on the disk; none may be called on a thread of the network's runtime.
/// Records are absolute: applying the same changes again leaves the same state, which is what lets a
/// journal be replayed.
pub trait Engine: Send + Sync + 'static {
    /// Makes a group of changes durable, in order. When this returns `Ok`, all of them survive the loss
    /// of power. Each change is there wholly or not at all, whatever happens; a group is not.
    ///
    /// After an error nothing is known about the group, and every later commit fails with it: a sync is
    /// never tried again.
    fn commit(&self, group: &[Change]) -> Result<(), StoreError>;

    /// Reads the value of one key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads up to `limit` entries (at most [`SCAN_ENTRIES_MAX`]) of a range in the order of its keys.
    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// Keeps bytes under their digest, which the caller has found. Durable when it returns; the same bytes again
    /// cost no space.
    fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError>;

    /// Reads a blob and checks it against its digest.
    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes a blob, if it is there. After a crash it may be there again.
    fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError>;

    /// Lists the blobs whose digests begin with this byte.
    fn blobs(&self, first: u8) -> Result<Vec<Digest>, StoreError>;

    /// How many groups were committed: between two answers that are equal nothing has changed. None = it cannot tell.
    fn commits(&self) -> Option<u64> {
        None
    }

    /// Begins to keep what is committed from now on, for whoever copies all records: what is read of them after this,
    /// with what the tail has put over it, is how they all were at one moment, the end of the tail.
    fn tail(&self) -> Result<Box<dyn Tail>, StoreError> {
        Err(StoreError::NoJournal)
    }

    /// Folds everything committed into the state that a restart reads. Called before closing.
    fn checkpoint(&self) -> Result<(), StoreError>;

    /// Answers how often this store has been opened, this time included. It is durable before the engine
    /// can be used, so no two runs of a broker share it.
    fn start_number(&self) -> u32;

    /// Whether so much is waiting to reach its last place that nothing new should be accepted for now.
    fn is_behind(&self) -> bool {
        false
    }

    /// Reports the engine's figures.
    fn health(&self) -> Health;
}

/// What was committed since a moment. It is kept until this is dropped.
pub trait Tail: Send {
    /// Fails once more has been committed than is kept for this.
    fn check(&self) -> Result<(), StoreError>;

    /// Reads the next group as the journal has it; none = the last one that was there when this was asked first has
    /// been read.
    fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError>;
}

/// One key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The order in which a scan answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key.
    Forward,
    /// From the greatest key.
    Reverse,
}

/// A range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: Bound::Included(prefix.to_vec()), end: after_prefix(prefix) }
    }

    /// The part of this range above `key`.
    #[must_use]
    pub fn above(mut self, key: &[u8]) -> Self {
        self.start = Bound::Excluded(key.to_vec());
        self
    }

    /// The part of this range at or above `key`.
    #[must_use]
    pub fn from(mut self, key: &[u8]) -> Self {
        self.start = Bound::Included(key.to_vec());
        self
    }

    /// The part of this range below `key`.
    #[must_use]
    pub fn below(mut self, key: &[u8]) -> Self {
        self.end = Bound::Excluded(key.to_vec());
        self
    }

    /// Whether no key can lie in this range. Ordered maps panic on such bounds.
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (Bound::Included(start) | Bound::Excluded(start), Bound::Excluded(end))
            | (Bound::Excluded(start), Bound::Included(end)) => start >= end,
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        }
    }

    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.start.as_ref().map(Vec::as_slice), self.end.as_ref().map(Vec::as_slice))
    }
}

/// The bound just above every key that begins with `prefix`.
fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let Some(last) = prefix.iter().rposition(|byte| *byte < u8::MAX) else {
        return Bound::Unbounded;
    };
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Bound::Excluded(end)
}

/// One absolute operation on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Delete(Vec<u8>),
    Put(Vec<u8>, Vec<u8>),
}

/// Operations that become durable together or not at all: one job is one change.
///
/// A change that exists is within its limits, so no engine needs to refuse one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    ops: Vec<Op>,
    bytes: usize,
}

impl Change {
    /// Sets a key to a value.
    pub fn put(mut self, key: Vec<u8>, value: Vec<u8>) -> Result<Self, StoreError> {
        Limit::Value.check(value.len())?;
        self.admit(&key, value.len())?;
        self.ops.push(Op::Put(key, value));
        Ok(self)
    }

    /// Removes a key, if it is there.
    pub fn delete(mut self, key: Vec<u8>) -> Result<Self, StoreError> {
        self.admit(&key, 0)?;
        self.ops.push(Op::Delete(key));
        Ok(self)
    }

    fn admit(&mut self, key: &[u8], value_bytes: usize) -> Result<(), StoreError> {
        let bytes = self.bytes + key.len() + value_bytes;
        Limit::Key.check(key.len())?;
        Limit::ChangeOps.check(self.ops.len() + 1)?;
        Limit::Change.check(bytes)?;
        self.bytes = bytes;
        Ok(())
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Operations in it.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_greatest_bytes_has_no_upper_bound() {
        assert_eq!(KeyRange::prefix(&[0xff, 0xff]).bounds().1, Bound::Unbounded);
        assert_eq!(KeyRange::prefix(&[7, 0xff]).bounds().1, Bound::Excluded([8].as_slice()));
    }

    #[test]
    fn a_value_above_the_limit_is_refused() {
        let change = Change::default().put(vec![1], vec![0; VALUE_BYTES_MAX + 1]);
        assert!(matches!(change, Err(StoreError::TooLarge { limit: Limit::Value, .. })));
    }

    #[test]
    fn a_key_above_the_limit_is_refused() {
        let change = Change::default().delete(vec![1; KEY_BYTES_MAX + 1]);
        assert!(matches!(change, Err(StoreError::TooLarge { limit: Limit::Key, .. })));
    }

    #[test]
    fn a_change_of_too_many_ops_is_refused() {
        let full = (0..CHANGE_OPS_MAX).try_fold(Change::default(), |change, _| change.delete(vec![1]));
        let above = full.unwrap().delete(vec![1]);
        assert!(matches!(above, Err(StoreError::TooLarge { limit: Limit::ChangeOps, .. })));
    }

    #[test]
    fn a_change_of_too_many_bytes_is_refused() {
        let put = |change: Change, _| change.put(vec![1], vec![0; VALUE_BYTES_MAX]);
        let above = (0..=CHANGE_BYTES_MAX / VALUE_BYTES_MAX).try_fold(Change::default(), put);
        assert!(matches!(above, Err(StoreError::TooLarge { limit: Limit::Change, .. })));
    }
}
