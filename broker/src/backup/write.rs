//! From a store to a backup.

use std::io::Write;

use windlass_core::job::Timestamp;

use super::{
    error::BackupError,
    file::{About, Counts, Writer},
};
use crate::store::{
    Store, StoreError,
    copy::{Copying, Piece},
    sled::FORMAT,
};

impl About {
    /// What a backup of this store says of it.
    pub(crate) fn of(store: &Store, now: Timestamp) -> Self {
        let windlass = env!("CARGO_PKG_VERSION").to_owned();
        Self { windlass, store_format: FORMAT, start: store.start_number(), made_at: now.0 }
    }
}

/// Writes a copy as a backup. `between` is called after each part, and may stop it. A backup that does not become whole
/// says why, if that can still be written.
pub(crate) fn write(
    mut copy: Copying,
    about: &About,
    out: impl Write,
    mut between: impl FnMut() -> Result<(), BackupError>,
) -> Result<Counts, BackupError> {
    let mut writer = Writer::begin(out, about)?;
    loop {
        match next(&mut copy, &mut writer) {
            Ok(true) => {}
            Ok(false) => return writer.finish(),
            Err(error) => return give_up(writer, error),
        }
        if let Err(error) = between() {
            return give_up(writer, error);
        }
    }
}

fn next(copy: &mut Copying, writer: &mut Writer<impl Write>) -> Result<bool, BackupError> {
    match copy.next().map_err(|error: StoreError| BackupError::from(error))? {
        Some(Piece::Changes(group)) => writer.changes(&group)?,
        Some(Piece::Blob(digest, bytes)) => writer.blob(&digest, &bytes)?,
        None => return Ok(false),
    }
    Ok(true)
}

fn give_up(writer: Writer<impl Write>, error: BackupError) -> Result<Counts, BackupError> {
    // Where nothing can be written nobody reads why.
    drop(writer.give_up(&error.to_string()));
    Err(error)
}
