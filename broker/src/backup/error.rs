//! What can be wrong with a backup, and what to do about it.

use std::{io, path::PathBuf};

use windlass_core::limits::START_BITS;

use crate::store::StoreError;

/// Why a backup could not be made, read or restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// It ends before its end.
    #[error("the backup is cut off after {0} bytes; make a new one, or look for a whole copy of it")]
    Cut(u64),
    /// What is read is not what was written.
    #[error("the backup is damaged at byte {at}: {detail}; look for another copy of it")]
    Damaged {
        /// Where.
        at: u64,
        /// How that shows.
        detail: String,
    },
    /// Restoring would write over something.
    #[error("`{}` is not empty; name a directory that is not there yet", .0.display())]
    Exists(PathBuf),
    /// Something else than a backup.
    #[error("this is no backup of windlass, or its first bytes are damaged")]
    Foreign,
    /// Whoever made it says so at its end.
    #[error("the backup is not whole, because the broker gave it up: {0}")]
    GivenUp(String),
    /// Reading or writing a file, or sending.
    #[error("cannot read or write: {0}")]
    Io(io::Error),
    /// A newer broker made it.
    #[error("{what} has format {found} and this windlass knows up to {known}; use a newer windlass")]
    Newer {
        /// The backup, or the store in it.
        what: &'static str,
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// There is nothing to look over.
    #[error("`{}` is no data directory: it has no store", .0.display())]
    NoStore(PathBuf),
    /// The start numbers that make ids unique are spent.
    #[error("this store was opened or restored so often that ids would repeat: there are {} starts", 1_u32 << START_BITS)]
    Spent,
    /// Nobody wants it any more.
    #[error("the broker is shutting down")]
    Stopping,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

// It says everything the system says, so it names no source that would say it again.
impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
