//! The engine on disk: one sled tree, and a sync of our own after every group.
//!
//! sled's `flush` hands its writes to the operating system and never waits for the disk, and it hides
//! errors of its own syncs. So each commit ends with an `fdatasync` of sled's file through a descriptor of
//! ours, whose error is the end of the store.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{OnceLock, atomic::AtomicBool},
};

use sled::IVec;
use windlass_core::job::Digest;

use super::{
    blobs::BlobDir,
    engine::{Change, Direction, Engine, Entry, KeyRange, Op, SCAN_ENTRIES_MAX},
    error::StoreError,
    health::Health,
    keys::{Key, Meta},
};

mod batch;
mod files;
mod leftovers;
mod log;
mod parts;

use batch::Batch;
use log::Log;

/// The format of the whole directory. It rises when an older broker could no longer read it.
pub(crate) const FORMAT: u32 = 2;
/// Bytes of one segment of the log of a new store. The longer they are, the less often it has to be synced.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
/// Most operations in one sled batch, unless one change has more. Larger batches hold so much memory back that a
/// deep queue needs gigabytes.
const BATCH_OPS_MAX: usize = 256;
/// How often a long value is read again because it was replaced while it was read.
const READ_ATTEMPTS_MAX: u32 = 16;

/// Records in `DIR/sled`, blobs in `DIR/blobs`, and `DIR/lock` for as long as the engine lives.
#[derive(Debug)]
pub struct SledEngine {
    db: sled::Db,
    log: Log,
    blobs: BlobDir,
    /// Whether a value in parts was ever written; while not, no write needs to look for parts to remove.
    has_parts: AtomicBool,
    start_number: u32,
    failure: OnceLock<StoreError>,
    /// Held, not read. Declared last, so it is let go after sled has closed its files.
    _lock: File,
}

impl SledEngine {
    /// Opens the store in `dir` or creates it, and counts the start. Takes seconds for millions of records.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with_segments(dir, SEGMENT_BYTES)
    }

    /// The same, with another length for the segments of the log of a new store, a power of two. Short ones are soon
    /// written to again, which is what tests want.
    pub fn open_with_segments(dir: &Path, segment_bytes: usize) -> Result<Self, StoreError> {
        fs::create_dir_all(dir)?;
        let lock = files::lock(dir)?;
        let path = dir.join("sled");
        files::make_tree(dir, &path, segment_bytes)?;
        let segment_bytes = files::segment_bytes(&path)?;
        let db = files::open_tree(&path, segment_bytes)?;
        let blobs = BlobDir::open(dir.join("blobs"))?;
        files::sync_names(dir, &path)?;
        let log = Log::new(db.clone(), &path, segment_bytes)?;
        let has_parts = AtomicBool::new(db.scan_prefix([0]).next().transpose()?.is_some());
        let failure = OnceLock::new();
        let mut engine = Self { db, log, blobs, has_parts, start_number: 0, failure, _lock: lock };
        engine.start_number = engine.count_start()?;
        Ok(engine)
    }

    /// Closes the store in `dir` for good, so that its directory may get another name.
    pub(crate) fn close(self, dir: &Path) -> Result<(), StoreError> {
        self.checkpoint()?;
        drop(self);
        files::let_go(&dir.join("sled"))
    }

    fn count_start(&self) -> Result<u32, StoreError> {
        let format = self.meta(Meta::Format)?.unwrap_or(FORMAT);
        if format > FORMAT {
            return Err(StoreError::NewerFormat { found: format, known: FORMAT });
        }
        let start = self.meta(Meta::Start)?.unwrap_or(0);
        let start =
            start.checked_add(1).ok_or_else(|| StoreError::corrupt("the start number", "it is spent"))?;
        let change = Change::default()
            .put(Key::Meta(Meta::Format).to_bytes(), FORMAT.to_be_bytes().to_vec())?
            .put(Key::Meta(Meta::Start).to_bytes(), start.to_be_bytes().to_vec())?;
        self.commit(&[change])?;
        Ok(start)
    }

    fn meta(&self, meta: Meta) -> Result<Option<u32>, StoreError> {
        let Some(value) = self.get(&Key::Meta(meta).to_bytes())? else {
            return Ok(None);
        };
        let bytes =
            value.try_into().map_err(|_| StoreError::corrupt(format!("{meta:?}"), "it has not 4 bytes"))?;
        Ok(Some(u32::from_be_bytes(bytes)))
    }

    fn apply(&self, group: &[Change]) -> Result<(), StoreError> {
        let mut batch = Batch::new(&self.db, &self.has_parts);
        let (bytes_max, mut bytes) = (self.log.batch_bytes_max(), 0);
        for change in group {
            bytes += change.bytes();
            if batch.ops() + change.ops().len() > BATCH_OPS_MAX || bytes > bytes_max {
                batch.apply()?;
                self.log.settle()?;
                bytes = change.bytes();
            }
            for op in change.ops() {
                match op {
                    Op::Delete(key) => batch.delete(key)?,
                    Op::Put(key, value) => batch.put(key, value)?,
                }
            }
        }
        batch.apply()
    }

    /// The value that begins with the entry `head`; nothing if it has been removed meanwhile.
    fn value(&self, key: &[u8], mut head: IVec) -> Result<Option<Vec<u8>>, StoreError> {
        for _ in 0..READ_ATTEMPTS_MAX {
            let value = parts::join(&head, |index| Ok(self.db.get(parts::key_of(key, index))?))?;
            if value.is_some() {
                return Ok(value);
            }
            // The value was replaced between the reads of two parts.
            match self.db.get(key)? {
                Some(replaced) => head = replaced,
                None => return Ok(None),
            }
        }
        Err(StoreError::corrupt("a long record", "its parts do not belong together"))
    }

    /// Runs a write unless one has failed before, and remembers the first failure for ever: after a failed
    /// sync the operating system forgets what it could not write, so a second one would succeed and lie.
    fn write(&self, write: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        if let Some(failure) = self.failure.get() {
            return Err(failure.clone());
        }
        write().map_err(|error| self.failure.get_or_init(|| error).clone())
    }
}

impl Engine for SledEngine {
    fn commit(&self, group: &[Change]) -> Result<(), StoreError> {
        self.write(|| {
            self.apply(group)?;
            self.log.sync()
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(key)?.map_or(Ok(None), |head| self.value(key, head))
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.db.range::<&[u8], _>(range.bounds());
        let limit = limit.min(SCAN_ENTRIES_MAX);
        let whole = |entry: sled::Result<(IVec, IVec)>| {
            let (key, head) = entry?;
            Ok(self.value(&key, head)?.map(|value| (key.to_vec(), value)))
        };
        match direction {
            Direction::Forward => entries.map(whole).filter_map(Result::transpose).take(limit).collect(),
            Direction::Reverse => {
                entries.rev().map(whole).filter_map(Result::transpose).take(limit).collect()
            }
        }
    }

    fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.blobs.put(digest, bytes)
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.blobs.get(digest)
    }

    fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        self.blobs.remove(digest)
    }

    fn blobs(&self, first: u8) -> Result<Vec<Digest>, StoreError> {
        self.blobs.list(first)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.write(|| self.log.sync())
    }

    fn start_number(&self) -> u32 {
        self.start_number
    }

    fn health(&self) -> Health {
        Health {
            state_bytes: self.log.file_bytes(),
            failed: self.failure.get().is_some(),
            ..self.log.sync_times.health()
        }
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            sled::Error::Corruption { at, .. } => Self::corrupt("the sled tree", format!("at {at:?}")),
            sled::Error::CollectionNotFound(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Unsupported(_) => io::Error::other(error.to_string()).into(),
        }
    }
}

#[cfg(test)]
mod tests;
