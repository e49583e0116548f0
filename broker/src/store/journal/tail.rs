//! What the journal has from a moment on, for whoever copies the store: its segments stay until that was read.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Shared,
    frame::{self, Found, SEGMENT},
    next, segment,
};
use crate::store::{
    engine::{Engine, Tail},
    error::StoreError,
};

/// How much of the journal is kept for a copy at most, in bytes.
pub(super) const TAIL_BYTES_MAX: u64 = 4 << 30;
/// The same as a part of the room the disk has when the copy begins.
const TAIL_PART_OF_ROOM: u64 = 4;

/// The segments that could go, and which of them somebody still reads.
#[derive(Debug, Default)]
pub(super) struct Removal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last segment that is in the state.
    folded: u32,
    /// The first segment of each reader, with how many readers begin there.
    readers: BTreeMap<u32, u32>,
}

impl Removal {
    /// The segments up to `last` are in the state. Those that nobody reads go.
    pub(super) fn folded(&self, dir: &Path, last: u32) -> Result<(), StoreError> {
        let mut state = self.state();
        state.folded = last;
        state.remove(dir)
    }

    fn begin_reading(&self, first: u32) {
        *self.state().readers.entry(first).or_default() += 1;
    }

    fn end_reading(&self, dir: &Path, first: u32) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(readers) = state.readers.get_mut(&first) {
            *readers -= 1;
        }
        state.readers.retain(|_, readers| *readers > 0);
        state.remove(dir)
    }

    // What is changed under the lock is whole after every step, so a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&self, dir: &Path) -> Result<(), StoreError> {
        let first_read = self.readers.keys().next().copied().unwrap_or(u32::MAX);
        segment::remove_up_to(dir, self.folded.min(first_read - 1))
    }
}

/// A place between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    segment: u32,
    offset: usize,
}

/// The groups from one place on.
pub(super) struct JournalTail<E: Engine> {
    shared: Arc<Shared<E>>,
    /// Its segment and those after it are not removed.
    first: u32,
    bytes_max: u64,
    at: Place,
    /// Where it ends; none = nothing was asked for yet.
    end: Option<Place>,
    /// The content of the segment at which it is.
    bytes: Vec<u8>,
}

impl<E: Engine> JournalTail<E> {
    pub(super) fn begin(shared: &Arc<Shared<E>>) -> Result<Self, StoreError> {
        let room = rustix::fs::statvfs(&shared.dir).map_err(std::io::Error::from)?;
        let room = room.f_bavail.saturating_mul(room.f_frsize);
        let bytes_max = TAIL_BYTES_MAX.min(room / TAIL_PART_OF_ROOM);
        let segment = shared.segment();
        let at = Place { segment: segment.number(), offset: segment.end() };
        // Before the next segment is begun, after which this one could go.
        shared.removal.begin_reading(at.segment);
        drop(segment);
        Ok(Self {
            shared: Arc::clone(shared),
            first: at.segment,
            bytes_max,
            at,
            end: None,
            bytes: Vec::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }
}

impl<E: Engine> Tail for JournalTail<E> {
    fn check(&self) -> Result<(), StoreError> {
        let (_, bytes) = segment::sizes(&self.shared.dir)?;
        if bytes > self.bytes_max {
            return Err(StoreError::TailTooLong { bytes_max: self.bytes_max });
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let end = *self.end.get_or_insert_with(|| {
            // Every group before the end of the segment is synced by the time its lock is given up.
            let segment = self.shared.segment();
            Place { segment: segment.number(), offset: segment.end() }
        });
        while self.at != end {
            if self.bytes.is_empty() {
                self.bytes = fs::read(segment::path(&self.shared.dir, self.at.segment))?;
            }
            let damaged = || segment::damaged(self.at.segment, self.at.offset);
            let identity = SEGMENT.read_header(&self.bytes)?.ok_or_else(damaged)?;
            match frame::read(&self.bytes, identity, self.at.offset) {
                Found::Frame(payload, offset) => {
                    let payload = payload.to_vec();
                    self.at.offset = offset;
                    return Ok(Some(payload));
                }
                Found::End if self.at.segment < end.segment => {
                    self.at = Place { segment: next(self.at.segment)?, offset: frame::HEADER_BYTES };
                    self.bytes.clear();
                }
                Found::End | Found::Damage => return Err(damaged()),
            }
        }
        Ok(None)
    }
}

impl<E: Engine> Drop for JournalTail<E> {
    fn drop(&mut self) {
        if let Err(error) = self.shared.removal.end_reading(&self.shared.dir, self.first) {
            tracing::warn!(%error, "the journal keeps segments that nobody needs until the next start");
        }
    }
}
