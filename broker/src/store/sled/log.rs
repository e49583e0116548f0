//! sled's log, and when it is synced.
//!
//! sled writes to the end of its log only, which is cut into segments. It frees a segment once all that is of use in it
//! was written anew, and writes to a free one at once: also while the copies are on no disk yet. So whatever else is
//! written, the log is synced at least once in each of its segments; then a segment's copies are always synced before
//! the next segment is begun, which is the first that may take its place.

use std::{
    fs::File,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use crate::store::{
    error::StoreError,
    health::SyncTimes,
    planted::{Bug, planted},
};

/// How often a flush is looked after that has not come back.
const FLUSH_CHECKED_EVERY: Duration = Duration::from_millis(200);
/// A page has at most so many entries, and sled writes it anew once it was changed ten times.
const PAGE_ENTRIES_MAX: usize = 16;

/// Writes to a sled database, and syncs.
#[derive(Debug)]
pub(super) struct Log {
    db: sled::Db,
    pub(super) file: File,
    segment_bytes: i64,
    /// Bytes of the log that are durable.
    synced: Mutex<i64>,
    pub(super) sync_times: SyncTimes,
}

impl Log {
    /// The log of a database that lies in `path`.
    pub(super) fn new(db: sled::Db, path: &Path, segment_bytes: usize) -> Result<Self, StoreError> {
        let file = File::open(path.join("db"))?;
        let segment_bytes = i64::try_from(segment_bytes).unwrap_or(i64::MAX);
        let log = Self { db, file, segment_bytes, synced: Mutex::default(), sync_times: SyncTimes::new() };
        log.sync()?;
        Ok(log)
    }

    /// Bytes the file takes.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Bytes of keys and values that may be applied at once, so that what sled writes for them stays below a segment
    /// even if it has to write each of their pages anew and to move as many.
    pub(super) fn batch_bytes_max(&self) -> usize {
        usize::try_from(self.segment_bytes).unwrap_or(usize::MAX) / (2 * PAGE_ENTRIES_MAX)
    }

    /// Called between two batches: syncs when the log has come to another segment.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        flush(&self.db)?;
        let mut synced = self.synced();
        let has_left_segment = self.end() / self.segment_bytes != *synced / self.segment_bytes;
        if has_left_segment && !planted(Bug::LogSyncedSeldom) {
            self.sync_file(&mut synced)?;
        }
        Ok(())
    }

    /// Makes everything durable.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        flush(&self.db)?;
        self.sync_file(&mut self.synced())
    }

    /// The only place that makes records durable.
    fn sync_file(&self, synced: &mut i64) -> Result<(), StoreError> {
        let end = self.end();
        let started = Instant::now();
        self.file.sync_data()?;
        self.sync_times.record(started.elapsed());
        *synced = end;
        Ok(())
    }

    /// Bytes the log has had since its beginning.
    fn end(&self) -> i64 {
        self.db.context.pagecache.log.stable_offset()
    }

    fn synced(&self) -> MutexGuard<'_, i64> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands everything to the operating system. Where one of sled's threads fails to, sled may forget to wake whoever
/// waits for it; another flush does that.
pub(super) fn flush(db: &sled::Db) -> Result<(), StoreError> {
    thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        thread::Builder::new().name("windlass-flush".into()).spawn_scoped(scope, move || {
            while end.recv_timeout(FLUSH_CHECKED_EVERY) == Err(RecvTimeoutError::Timeout) {
                if db.context.global_error().is_err() {
                    drop(db.flush());
                }
            }
        })?;
        let flushed = db.flush();
        drop(ended);
        flushed?;
        // What failed before there was anything to flush is told nowhere else.
        Ok(db.context.global_error()?)
    })
}
