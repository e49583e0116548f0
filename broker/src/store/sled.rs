//! The engine on disk: one sled tree, and a sync of our own after every group.
//!
//! sled's `flush` hands its writes to the operating system and never waits for the disk, and it hides
//! errors of its own syncs. So each commit ends with an `fdatasync` of sled's file through a descriptor of
//! ours, whose error is the end of the store.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::AtomicBool,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use sled::IVec;
use windlass_core::job::Digest;

use super::{
    blobs::{BlobDir, sync_dir},
    engine::{Change, Direction, Engine, Entry, KeyRange, Op, SCAN_ENTRIES_MAX},
    error::StoreError,
    health::{Health, SyncTimes},
    keys::{Key, Meta},
};

mod batch;
mod leftovers;
mod parts;

use batch::Batch;

/// The format of the whole directory. It rises when an older broker could no longer read it.
const FORMAT: u32 = 2;
/// Memory sled may use for pages, in bytes. It takes this as a hint.
const CACHE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Most operations in one sled batch, unless one change has more. Larger batches hold so much memory back that a
/// deep queue needs gigabytes.
const BATCH_OPS_MAX: usize = 256;
/// How long sled may hold its file after its last user has let go.
const LET_GO_TIME_MAX: Duration = Duration::from_secs(5);
/// How often a flush is looked after that has not come back.
const FLUSH_CHECKED_EVERY: Duration = Duration::from_millis(200);
/// How often a long value is read again because it was replaced while it was read.
const READ_ATTEMPTS_MAX: u32 = 16;

/// Records in `DIR/sled`, blobs in `DIR/blobs`, and `DIR/lock` for as long as the engine lives.
#[derive(Debug)]
pub struct SledEngine {
    db: sled::Db,
    db_file: File,
    blobs: BlobDir,
    /// Whether a value in parts was ever written; while not, no write needs to look for parts to remove.
    has_parts: AtomicBool,
    start_number: u32,
    failure: OnceLock<StoreError>,
    sync_times: SyncTimes,
    /// Held, not read. Declared last, so it is let go after sled has closed its files.
    _lock: File,
}

impl SledEngine {
    /// Opens the store in `dir` or creates it, and counts the start. Takes seconds for millions of records.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        let path = dir.join("sled");
        make_tree(dir, &path)?;
        let db = open_tree(&path)?;
        let blobs = BlobDir::open(dir.join("blobs"))?;
        sync_names(dir, &path)?;
        let db_file = File::open(path.join("db"))?;
        let has_parts = AtomicBool::new(db.scan_prefix([0]).next().transpose()?.is_some());
        let mut engine = Self {
            db,
            db_file,
            blobs,
            has_parts,
            start_number: 0,
            failure: OnceLock::new(),
            sync_times: SyncTimes::new(),
            _lock: lock,
        };
        engine.start_number = engine.count_start()?;
        Ok(engine)
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
        for change in group {
            if batch.ops() + change.ops().len() > BATCH_OPS_MAX {
                batch.apply()?;
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

    /// The only place that makes records durable.
    fn sync(&self) -> Result<(), StoreError> {
        flush(&self.db)?;
        let started = Instant::now();
        self.db_file.sync_data()?;
        self.sync_times.record(started.elapsed());
        Ok(())
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
            self.sync()
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
        self.write(|| self.sync())
    }

    fn start_number(&self) -> u32 {
        self.start_number
    }

    fn health(&self) -> Health {
        Health {
            state_bytes: self.db_file.metadata().map_or(0, |metadata| metadata.len()),
            failed: self.failure.get().is_some(),
            ..self.sync_times.health()
        }
    }
}

/// Takes the lock that keeps a second broker out before anything in the directory is touched.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let file = File::options().create(true).append(true).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_path_buf() }),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes an empty tree where there is none, under another name until it is whole: sled cannot open one whose making
/// was interrupted.
fn make_tree(dir: &Path, path: &Path) -> Result<(), StoreError> {
    if path.try_exists()? {
        return Ok(());
    }
    let unfinished = dir.join("sled.new");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let db = open_tree(&unfinished)?;
    flush(&db)?;
    drop(db);
    let_go(&unfinished, || thread::sleep(Duration::from_millis(1)))?;
    for file in ["conf", "db", "blobs"] {
        File::open(unfinished.join(file))?.sync_all()?;
    }
    sync_dir(&unfinished)?;
    fs::rename(&unfinished, path)?;
    Ok(sync_dir(dir)?)
}

/// Opens sled. Its snapshots only shorten the reading of its log, so where they are what is damaged, the
/// store is opened once more without them.
fn open_tree(path: &Path) -> Result<sled::Db, StoreError> {
    leftovers::remove_unfinished(path)?;
    let_go(path, || thread::sleep(Duration::from_millis(1)))?;
    // Every commit flushes, so sled's own flusher would only hide errors from us.
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES_MAX).flush_every_ms(None);
    match config.open() {
        Err(sled::Error::Corruption { at, .. }) => {
            let set_aside = leftovers::set_snapshots_aside(path)?;
            tracing::error!(?at, ?set_aside, "sled found damage; opening again without its snapshots");
            Ok(config.open()?)
        }
        opened => Ok(opened?),
    }
}

/// Waits until an engine of this process that was dropped has let go of its file. Threads of sled's pool may
/// hold it for moments longer; no other broker can, because it would hold `DIR/lock`.
fn let_go(path: &Path, mut pause: impl FnMut()) -> Result<(), StoreError> {
    let db = path.join("db");
    if !db.try_exists()? {
        return Ok(());
    }
    let file = File::open(db)?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() < LET_GO_TIME_MAX => pause(),
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::Locked { path: path.to_path_buf() }),
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

/// Hands everything to the operating system. Where one of sled's threads fails to, sled may forget to wake whoever
/// waits for it; another flush does that.
fn flush(db: &sled::Db) -> Result<(), StoreError> {
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

/// Makes durable that the files are there; sled syncs none of their names.
fn sync_names(dir: &Path, path: &Path) -> io::Result<()> {
    sync_dir(path)?;
    sync_dir(dir)?;
    let parent: PathBuf = fs::canonicalize(dir)?.parent().unwrap_or(Path::new("/")).to_path_buf();
    sync_dir(&parent)
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
