//! The files of the engine: made so that an interruption at any moment leaves what can be opened, and opened.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{leftovers, log::flush};
use crate::store::{blobs::sync_dir, error::StoreError};

/// Memory sled may use for pages, in bytes. It takes this as a hint.
const CACHE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How long sled may hold its file after its last user has let go.
const LET_GO_TIME_MAX: Duration = Duration::from_secs(5);

/// Takes the lock that keeps a second broker out before anything in the directory is touched.
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let file = File::options().create(true).append(true).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.to_path_buf() }),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes an empty tree where there is none, under another name until it is whole: sled cannot open one whose making
/// was interrupted.
pub(super) fn make_tree(dir: &Path, path: &Path, segment_bytes: usize) -> Result<(), StoreError> {
    if path.try_exists()? {
        return Ok(());
    }
    let unfinished = dir.join("sled.new");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let db = open_tree(&unfinished, segment_bytes)?;
    flush(&db)?;
    drop(db);
    let_go(&unfinished)?;
    for file in ["conf", "db", "blobs"] {
        File::open(unfinished.join(file))?.sync_all()?;
    }
    sync_dir(&unfinished)?;
    fs::rename(&unfinished, path)?;
    Ok(sync_dir(dir)?)
}

/// Opens sled. Its snapshots only shorten the reading of its log, so where they are what is damaged, the
/// store is opened once more without them.
pub(super) fn open_tree(path: &Path, segment_bytes: usize) -> Result<sled::Db, StoreError> {
    leftovers::remove_unfinished(path)?;
    let_go(path)?;
    sync_file(&path.join("db"))?;
    // Every commit flushes, so sled's own flusher would only hide errors from us.
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES_MAX)
        .flush_every_ms(None)
        .segment_size(segment_bytes);
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
pub(super) fn let_go(path: &Path) -> Result<(), StoreError> {
    let_go_with(path, || thread::sleep(Duration::from_millis(1)))
}

/// The same, with what is done between two attempts.
pub(super) fn let_go_with(path: &Path, mut pause: impl FnMut()) -> Result<(), StoreError> {
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

/// Makes durable that the files are there; sled syncs none of their names.
pub(super) fn sync_names(dir: &Path, path: &Path) -> io::Result<()> {
    sync_dir(path)?;
    sync_dir(dir)?;
    let parent: PathBuf = fs::canonicalize(dir)?.parent().unwrap_or(Path::new("/")).to_path_buf();
    sync_dir(&parent)
}

/// Makes durable what a process that was killed had written: sled may use at once the space of what that replaced.
fn sync_file(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.sync_data(),
    }
}

/// How long the segments of a tree are that is there; they stay what they were when it was made.
pub(super) fn segment_bytes(path: &Path) -> Result<usize, StoreError> {
    let conf = fs::read(path.join("conf"))?;
    let conf = String::from_utf8_lossy(&conf);
    let mut lines = conf.lines().filter_map(|line| line.strip_prefix("segment_size: "));
    let bytes = lines.next().and_then(|bytes| bytes.trim().parse().ok());
    bytes.ok_or_else(|| StoreError::corrupt("the sled tree", "its file `conf` names no segment_size"))
}
