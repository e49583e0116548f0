//! What can go wrong in the store, and what to do about it.

use std::{fmt, io, path::PathBuf, sync::Arc};

use super::{
    commit::REQUEST_BYTES_MAX,
    engine::{BLOB_BYTES_MAX, CHANGE_BYTES_MAX, CHANGE_OPS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX},
    listing::LANES_MAX,
};

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// More writes wait than the store takes in. Nothing was written; try again later.
    #[error("too many writes are waiting for the disk; try again in a moment")]
    Busy,
    /// What was read is not what was once written. Serving it would be a lie.
    #[error("stored bytes of {what} are damaged ({detail}); restore the data directory from a backup")]
    Corrupt {
        /// What was being read.
        what: String,
        /// How the damage shows.
        detail: String,
    },
    /// The file system has no room. The store stays failed until the broker is started again.
    #[error("the disk of the data directory is full; free some space and start the broker again")]
    Full,
    /// Another process has the store open.
    #[error("`{}` is in use by another broker; stop that one or choose another data directory", path.display())]
    Locked {
        /// The directory of the store.
        path: PathBuf,
    },
    /// The engine keeps no journal, so its records cannot be copied while they change.
    #[error(
        "this store is in memory only, so there is nothing to back up; `serve --store sled` keeps one on disk"
    )]
    NoJournal,
    /// The store was written by a newer broker. Nothing was changed.
    #[error("the store has format {found} and this broker knows up to {known}; use a newer windlass")]
    NewerFormat {
        /// The format found on disk.
        found: u32,
        /// The newest format this broker reads.
        known: u32,
    },
    /// The committer has ended, so nothing can be written any more.
    #[error("the store is closed; start the broker again")]
    Stopped,
    /// More was written during a copy than is kept for it.
    #[error(
        "more than {bytes_max} bytes were written to the journal while the store was copied; try again when \
         less is written, or where the copy is taken faster"
    )]
    TailTooLong {
        /// How much is kept.
        bytes_max: u64,
    },
    /// Something is larger than the store takes. Nothing was written.
    #[error("{limit} of {actual} is above the limit of {}; make it smaller", limit.max())]
    TooLarge {
        /// Which limit.
        limit: Limit,
        /// The size that was refused, in the unit of the limit.
        actual: usize,
    },
    /// The operating system refused. After a failed write the store stays failed.
    #[error("the data directory cannot be used: {0}; check the disk and start the broker again")]
    Unavailable(#[source] Arc<io::Error>),
    /// A record has no written form. Nothing was written.
    #[error("{what} cannot be written as a record: {detail}")]
    Unwritable {
        /// The type of the record.
        what: String,
        /// Why not.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self::Corrupt { what: what.into(), detail: detail.to_string() }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            Self::Full
        } else {
            Self::Unavailable(Arc::new(error))
        }
    }
}

/// The limits of what the store takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`BLOB_BYTES_MAX`].
    Blob,
    /// [`CHANGE_BYTES_MAX`].
    Change,
    /// [`CHANGE_OPS_MAX`].
    ChangeOps,
    /// [`KEY_BYTES_MAX`].
    Key,
    /// [`LANES_MAX`].
    Lanes,
    /// [`REQUEST_BYTES_MAX`].
    Request,
    /// [`VALUE_BYTES_MAX`].
    Value,
}

impl Limit {
    /// The greatest size that is taken.
    pub fn max(self) -> usize {
        match self {
            Self::Blob => BLOB_BYTES_MAX,
            Self::Change => CHANGE_BYTES_MAX,
            Self::ChangeOps => CHANGE_OPS_MAX,
            Self::Key => KEY_BYTES_MAX,
            Self::Lanes => LANES_MAX,
            Self::Request => REQUEST_BYTES_MAX,
            Self::Value => VALUE_BYTES_MAX,
        }
    }

    pub(crate) fn check(self, actual: usize) -> Result<(), StoreError> {
        if actual > self.max() { Err(StoreError::TooLarge { limit: self, actual }) } else { Ok(()) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Blob => "a blob in bytes",
            Self::Change => "a change in bytes",
            Self::ChangeOps => "a change in operations",
            Self::Key => "a key in bytes",
            Self::Lanes => "a listing in queues times priorities",
            Self::Request => "one write in bytes",
            Self::Value => "a record in bytes",
        })
    }
}
