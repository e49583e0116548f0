//! A copy of everything, as it was at one moment, while the store is written to.
//!
//! Records are read in pages, some of them already changed; what the journal has from before the first page on, put
//! over them in its order, makes all of them what they were at its end, because changes are absolute. Blobs come last,
//! when it is known that every record's blob is there, and none of them is removed before.

use std::sync::Arc;

use windlass_core::job::Digest;

use super::{
    Engine, Family, Key, Store, StoreError,
    engine::{Direction, Entry, KeyRange, Tail},
    journal::frame,
    keys::Meta,
    pins::BlobsKept,
};

/// Entries read at once. Each may be as long as a value can be.
const PAGE_ENTRIES: usize = 128;

/// A part of a copy.
pub(crate) enum Piece {
    /// Changes of records, in the form of a group of the journal.
    Changes(Vec<u8>),
    /// A blob.
    Blob(Digest, Vec<u8>),
}

/// A copy that is being taken. While it is, no blob is removed and the journal keeps what was written meanwhile.
pub(crate) struct Copying {
    engine: Arc<dyn Engine>,
    /// None = it has failed.
    stage: Option<Stage>,
    _blobs: BlobsKept,
}

enum Stage {
    /// Records are read page by page.
    Records(KeyRange, Box<dyn Tail>),
    /// What was written since the beginning is read.
    Tail(Box<dyn Tail>),
    /// Blobs are read folder by folder; the next folder, and what is left of the one before.
    Blobs(Option<u8>, Vec<Digest>),
}

impl Store {
    /// Begins to copy everything that was committed until now. Blocks on the disk.
    pub(crate) fn copy(&self) -> Result<Copying, StoreError> {
        let blobs = self.pins.keep_blobs();
        let stage = Some(Stage::Records(all_records(), self.engine.tail()?));
        Ok(Copying { engine: Arc::clone(&self.engine), stage, _blobs: blobs })
    }
}

/// The range of all keys. Below them an engine may keep what is its own.
pub(super) fn all_records() -> KeyRange {
    KeyRange::prefix(&[]).from(&[1])
}

impl Copying {
    /// Reads the next part; none = that was all. Blocks on the disk.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, StoreError> {
        loop {
            let (stage, piece) = match self.stage.take().ok_or(StoreError::Stopped)? {
                Stage::Records(range, tail) => self.records(range, tail)?,
                Stage::Tail(tail) => Self::tail(tail)?,
                Stage::Blobs(folder, digests) => self.blobs(folder, digests)?,
            };
            let is_over = matches!(&stage, Stage::Blobs(None, digests) if digests.is_empty());
            self.stage = Some(stage);
            if piece.is_some() || is_over {
                return Ok(piece);
            }
        }
    }

    fn records(&self, range: KeyRange, tail: Box<dyn Tail>) -> Result<(Stage, Option<Piece>), StoreError> {
        tail.check()?;
        let mut page = self.engine.scan(&range, Direction::Forward, PAGE_ENTRIES)?;
        let Some((last, _)) = page.last() else { return Ok((Stage::Tail(tail), None)) };
        let rest = range.above(last);
        page.retain(is_copied);
        Ok((Stage::Records(rest, tail), Some(Piece::Changes(frame::payload_of(&page)?))))
    }

    fn tail(mut tail: Box<dyn Tail>) -> Result<(Stage, Option<Piece>), StoreError> {
        tail.check()?;
        Ok(match tail.next()? {
            Some(group) => (Stage::Tail(tail), Some(Piece::Changes(group))),
            None => (Stage::Blobs(Some(0), Vec::new()), None),
        })
    }

    fn blobs(
        &self,
        folder: Option<u8>,
        mut digests: Vec<Digest>,
    ) -> Result<(Stage, Option<Piece>), StoreError> {
        if let Some(digest) = digests.pop() {
            // One that is not there any more was just being removed when the copy began.
            let piece = self.engine.blob(&digest)?.map(|bytes| Piece::Blob(digest, bytes));
            return Ok((Stage::Blobs(folder, digests), piece));
        }
        let digests = folder.map_or(Ok(Vec::new()), |first| self.engine.blobs(first))?;
        Ok((Stage::Blobs(folder.and_then(|first| first.checked_add(1)), digests), None))
    }
}

/// What is said of this directory alone is not copied.
fn is_copied((key, _): &Entry) -> bool {
    let own = [Meta::Folded, Meta::Format, Meta::Start].map(|meta| Key::Meta(meta).to_bytes());
    key.first() != Some(&Family::Meta.prefix()) || !own.contains(key)
}

#[cfg(test)]
mod tests;
