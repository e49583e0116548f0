//! From a backup to a data directory.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use windlass_core::{job::Timestamp, limits::START_BITS};

use super::{
    error::BackupError,
    file::{About, Counts, Part, Reader},
};
use crate::store::{
    Change, Engine, SledEngine,
    blobs::sync_dir,
    engine::Op,
    journal::frame,
    keys::{Key, Meta},
    sled::FORMAT,
};

/// Starts of a broker that a restored store passes over, beside one for each minute since the backup: those of the
/// broker it is of, and of other stores that were restored from the same backup, which have given their ids to jobs.
const STARTS_PASSED_OVER: u32 = 1 << 10;
const MILLIS_PER_START: u64 = 60_000;
/// So many bytes of changes are written to the store at once, about.
const GROUP_BYTES: usize = 4 << 20;

/// What was restored.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Where the backup came from.
    pub(crate) about: About,
    /// What it had.
    pub(crate) counts: Counts,
}

/// Makes a data directory of a backup. Nothing is there under its name before everything is.
pub(crate) fn restore(from: impl Read, data: &Path, now: Timestamp) -> Result<Restored, BackupError> {
    refuse_to_write_over(data)?;
    let unfinished = Unfinished::beside(data)?;
    let restored = restore_to(from, &unfinished.0, now)?;
    // An empty directory gives way.
    fs::rename(&unfinished.0, data)?;
    sync_dir(&parent(data)?)?;
    Ok(restored)
}

/// Restores where nothing is, or where it may stay half done.
pub(super) fn restore_to(from: impl Read, data: &Path, now: Timestamp) -> Result<Restored, BackupError> {
    let mut reader = Reader::begin(from)?;
    let about = reader.about().clone();
    if about.store_format > FORMAT {
        return Err(BackupError::Newer { what: "the store in it", found: about.store_format, known: FORMAT });
    }
    let engine = SledEngine::open(data)?;
    let mut group = Group::default();
    while let Some(part) = reader.next()? {
        match part {
            Part::Changes(payload) => group.take(&engine, &payload)?,
            Part::Blob(digest, bytes) => engine.put_blob(&digest, &bytes)?,
        }
    }
    group.write(&engine)?;
    let start = Change::default()
        .put(Key::Meta(Meta::Start).to_bytes(), start_after(&about, now)?.to_be_bytes().to_vec())?;
    engine.commit(&[start])?;
    engine.close(data)?;
    Ok(Restored { about, counts: reader.counts() })
}

/// The number of the last start that ids may have been made with.
fn start_after(about: &About, now: Timestamp) -> Result<u32, BackupError> {
    let passed = now.0.saturating_sub(about.made_at) / MILLIS_PER_START;
    let start = u64::from(about.start) + u64::from(STARTS_PASSED_OVER) + passed;
    u32::try_from(start).ok().filter(|start| start + 1 < 1 << START_BITS).ok_or(BackupError::Spent)
}

/// Changes that are written together.
#[derive(Default)]
struct Group {
    changes: Vec<Change>,
    bytes: usize,
}

impl Group {
    fn take(&mut self, engine: &impl Engine, payload: &[u8]) -> Result<(), BackupError> {
        for op in frame::decode(payload)? {
            let change = match op {
                Op::Put(key, value) => Change::default().put(key, value)?,
                Op::Delete(key) => Change::default().delete(key)?,
            };
            self.bytes += change.bytes();
            self.changes.push(change);
        }
        if self.bytes >= GROUP_BYTES { self.write(engine) } else { Ok(()) }
    }

    fn write(&mut self, engine: &impl Engine) -> Result<(), BackupError> {
        engine.commit(&self.changes)?;
        self.changes.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// A directory that is gone when this is dropped, unless it has another name by then.
struct Unfinished(PathBuf);

impl Unfinished {
    /// One beside `data`, so that it can take its place.
    fn beside(data: &Path) -> Result<Self, BackupError> {
        let parent = parent(data)?;
        fs::create_dir_all(&parent)?;
        let mut name = data.file_name().ok_or_else(|| BackupError::Exists(data.to_owned()))?.to_owned();
        name.push(format!(".restoring-{}", std::process::id()));
        let path = parent.join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.0.display(), %error, "cannot remove what was restored in vain");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

fn refuse_to_write_over(data: &Path) -> Result<(), BackupError> {
    match fs::read_dir(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(BackupError::Exists(data.to_owned()))),
    }
}

/// The directory that something is in.
fn parent(path: &Path) -> io::Result<PathBuf> {
    Ok(std::path::absolute(path)?.parent().unwrap_or(Path::new("/")).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_restored_store_are_beyond_those_of_any_start_since_the_backup() {
        let about = About { windlass: String::new(), store_format: FORMAT, start: 7, made_at: 1_000 };
        let start = |minutes: u64| start_after(&about, Timestamp(1_000 + minutes * 60_000)).unwrap();
        assert_eq!(start(0), 7 + STARTS_PASSED_OVER);
        assert_eq!(start(90), start(0) + 90);
        assert_eq!(start_after(&about, Timestamp(0)).unwrap(), start(0), "a clock that went back");
        let spent = About { start: (1 << START_BITS) - STARTS_PASSED_OVER, ..about };
        assert!(matches!(start_after(&spent, Timestamp(0)), Err(BackupError::Spent)));
    }
}
