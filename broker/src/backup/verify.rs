//! Looks backups and data directories over. The check is that of the store, on a copy: so what is looked at is only
//! read, and a backup is known to become a store again.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use windlass_core::job::Timestamp;
use windlass_wire::verify::VerifyReport;

use super::{
    error::BackupError,
    file::{Counts, Reader},
    restore::restore_to,
};
use crate::store::{JournalEngine, SledEngine, Store, StoreError};

/// Reads a backup to its end without keeping anything: whether it is whole and unchanged.
pub(crate) fn check_file(from: impl Read) -> Result<Counts, BackupError> {
    let mut reader = Reader::begin(from)?;
    while reader.next()?.is_some() {}
    Ok(reader.counts())
}

/// Restores a backup to a directory that is then removed, and checks that. `tell` is told what was found so far.
pub(crate) fn verify_file(
    from: impl Read,
    scratch: &Path,
    tell: impl FnMut(&VerifyReport),
) -> Result<VerifyReport, BackupError> {
    let scratch = Scratch::make(scratch)?;
    restore_to(from, &scratch.0, Timestamp(0))?;
    check(&scratch.0, tell)
}

/// Checks a copy of the data directory of a broker that does not run.
pub(crate) fn verify_directory(
    data: &Path,
    scratch: &Path,
    tell: impl FnMut(&VerifyReport),
) -> Result<VerifyReport, BackupError> {
    if !data.join("sled").try_exists()? {
        return Err(BackupError::NoStore(data.to_owned()));
    }
    let scratch = Scratch::make(scratch)?;
    {
        let _lock = lock(data)?;
        copy(&data.join("sled"), &scratch.0.join("sled"), &|from, to| fs::copy(from, to).map(drop))?;
        if data.join("journal").try_exists()? {
            copy(&data.join("journal"), &scratch.0.join("journal"), &|from, to| {
                fs::copy(from, to).map(drop)
            })?;
        }
        // A blob never changes, so it may have another name for a while.
        copy(&data.join("blobs"), &scratch.0.join("blobs"), &|from, to| {
            fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
        })?;
    }
    check(&scratch.0, tell)
}

fn check(data: &Path, mut tell: impl FnMut(&VerifyReport)) -> Result<VerifyReport, BackupError> {
    let store = Store::new(JournalEngine::open(&data.join("journal"), SledEngine::open(data)?)?)?;
    // What an older broker did not write is no damage.
    store.complete_index()?;
    let mut check = store.check();
    while check.step()? {
        tell(check.report());
    }
    Ok(check.report().clone())
}

/// Keeps a broker from starting there; none does, or this is refused.
fn lock(data: &Path) -> Result<Option<File>, BackupError> {
    let file = match File::open(data.join("lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::Locked { path: data.to_owned() }.into()),
        Err(fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes a directory like another.
fn copy(from: &Path, to: &Path, file: &impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to, file)?;
        } else {
            file(&entry.path(), &to)?;
        }
    }
    Ok(())
}

/// A directory that is removed when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn make(within: &Path) -> Result<Self, BackupError> {
        let path = within.join(format!("windlass-verify-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the scratch directory");
        }
    }
}
