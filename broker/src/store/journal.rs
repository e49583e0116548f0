//! An engine in front of another: a group is durable once it lies in the journal, with one write and one sync; the
//! state under it, which is what is read, takes it in later, each key once however often it changed.
//!
//! The idea is that of every write-ahead log; that the state behind it is only a copy, fed in its own time, is
//! Restate's.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use windlass_core::job::Digest;

use super::{
    blobs::sync_dir,
    engine::{Change, Direction, Engine, Entry, KeyRange, SCAN_ENTRIES_MAX, Tail},
    error::StoreError,
    health::{Health, SyncTimes},
    keys::{Key, Meta},
    planted::{Bug, planted},
};

mod fold;
pub(crate) mod frame;
mod overlay;
mod segment;
mod tail;

use fold::Turns;
use overlay::{Generation, Newest, Overlay};
use segment::Segment;
use tail::{JournalTail, Removal};

/// So many bytes of changes are folded at once, about; a segment is not much longer.
const GENERATION_BYTES: usize = 8 * 1024 * 1024;
/// Changes that wait to be folded at most, in bytes.
const UNFOLDED_BYTES_MAX: usize = 8 * GENERATION_BYTES;
/// With so many nothing new should come: the rest is for what ends and for what is cancelled.
const UNFOLDED_BYTES_BEHIND: usize = 7 * GENERATION_BYTES;
/// So many bytes of changes are let in a second at most once two generations wait, and so many when as many wait as
/// may.
const INFLOW_BYTES_PER_SECOND: [f64; 2] = [100e6, 2e6];
/// How long a group is held back at most, unless as many bytes wait as may.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A journal in `DIR`, and the state it is folded into.
#[derive(Debug)]
pub struct JournalEngine<E: Engine> {
    shared: Arc<Shared<E>>,
    folder: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<E> {
    dir: PathBuf,
    state: E,
    overlay: Overlay,
    segment: Mutex<Segment>,
    turns: Turns,
    removal: Removal,
    failure: OnceLock<StoreError>,
    sync_times: SyncTimes,
}

impl<E: Engine> JournalEngine<E> {
    /// Opens the journal in `dir` or creates it. What lies in it and not yet in the state is taken into memory.
    pub fn open(dir: &Path, state: E) -> Result<Self, StoreError> {
        let (shared, last) = Shared::open(dir, state)?;
        let shared = Arc::new(shared);
        let folding = Arc::clone(&shared);
        let folder =
            thread::Builder::new().name("windlass-fold".into()).spawn(move || folding.fold_in_turns(last))?;
        Ok(Self { shared, folder: Some(folder) })
    }
}

impl<E: Engine> Shared<E> {
    /// Answers also which segment is the last that is to be folded.
    fn open(dir: &Path, state: E) -> Result<(Self, u32), StoreError> {
        fs::create_dir_all(dir)?;
        dir.parent().map_or(Ok(()), sync_dir)?;
        let mut left = Generation::default();
        let last = segment::replay(dir, folded(&state)?, |op| left.take(op))?;
        let shared = Self {
            dir: dir.to_owned(),
            state,
            overlay: Overlay::with_older(left),
            segment: Mutex::new(Segment::create(dir, next(last)?)?),
            turns: Turns::default(),
            removal: Removal::default(),
            failure: OnceLock::new(),
            sync_times: SyncTimes::new(),
        };
        Ok((shared, last))
    }

    /// Writes the group; answers how many bytes wait to be folded since it is durable.
    fn write(&self, group: &[Change]) -> Result<usize, StoreError> {
        let mut segment = self.segment();
        segment.append(group)?;
        let started = Instant::now();
        if !planted(Bug::AcknowledgedBeforeSync) {
            segment.sync()?;
        }
        self.sync_times.record(started.elapsed());
        // Taken before the segment is given up, so that a generation is what its segments have.
        Ok(self.overlay.take(group))
    }

    fn check(&self) -> Result<(), StoreError> {
        self.failure.get().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    /// Remembers the first failure for ever: after a failed sync the operating system forgets what it could not
    /// write, so a second one would succeed and lie.
    fn fail(&self, error: StoreError) -> StoreError {
        let failure = self.failure.get_or_init(|| error).clone();
        self.turns.end();
        failure
    }

    fn segment(&self) -> MutexGuard<'_, Segment> {
        self.segment.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> Engine for JournalEngine<E> {
    fn commit(&self, group: &[Change]) -> Result<(), StoreError> {
        self.shared.check()?;
        let bytes = self.shared.write(group).map_err(|error| self.shared.fail(error))?;
        self.shared.turns.wanted(bytes >= GENERATION_BYTES);
        let group_bytes = group.iter().map(Change::bytes).sum();
        if let Some(pause) = pause(self.shared.overlay.bytes(), group_bytes) {
            self.shared.turns.wait_for_one(pause);
        }
        while self.shared.overlay.bytes() > UNFOLDED_BYTES_MAX && self.shared.check().is_ok() {
            self.shared.turns.wait_for_one(PAUSE_MAX);
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.shared.overlay.get(key) {
            Some(newest) => Ok(newest),
            None => self.shared.state.get(key),
        }
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let limit = limit.min(SCAN_ENTRIES_MAX);
        let mut range = range.clone();
        let mut found = Vec::new();
        while found.len() < limit && !range.is_empty() {
            let wanted = limit - found.len();
            // In this order: what leaves the overlay meanwhile is in the state already.
            let newest = self.shared.overlay.scan(&range, direction, wanted);
            let state = self.shared.state.scan(&range, direction, wanted)?;
            let horizon = horizon(direction, wanted, &newest, &state);
            let is_told = |key: &[u8]| match (&horizon, direction) {
                (None, _) => true,
                (Some(last), Direction::Forward) => key <= last.as_slice(),
                (Some(last), Direction::Reverse) => key >= last.as_slice(),
            };
            let mut all: BTreeMap<_, _> = state.into_iter().map(|(key, value)| (key, Some(value))).collect();
            all.extend(newest);
            let told = all
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .filter(|(key, _)| is_told(key));
            match direction {
                Direction::Forward => found.extend(told),
                Direction::Reverse => found.extend(told.rev()),
            }
            range = match (horizon, direction) {
                (None, _) => break,
                (Some(last), Direction::Forward) => range.above(&last),
                (Some(last), Direction::Reverse) => range.below(&last),
            };
        }
        found.truncate(limit);
        Ok(found)
    }

    fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.shared.check()?;
        let put = self.shared.state.put_blob(digest, bytes);
        put.map_err(|error| {
            let is_refusal = matches!(error, StoreError::TooLarge { .. });
            if is_refusal { error } else { self.shared.fail(error) }
        })
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.state.blob(digest)
    }

    fn remove_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        self.shared.state.remove_blob(digest)
    }

    fn blobs(&self, first: u8) -> Result<Vec<Digest>, StoreError> {
        self.shared.state.blobs(first)
    }

    fn commits(&self) -> Option<u64> {
        // A group that is being written holds the segment until it can be read.
        let _segment = self.shared.segment();
        Some(self.shared.sync_times.health().syncs)
    }

    fn tail(&self) -> Result<Box<dyn Tail>, StoreError> {
        Ok(Box::new(JournalTail::begin(&self.shared)?))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.shared.turns.wait_for_all();
        self.shared.check()
    }

    fn start_number(&self) -> u32 {
        self.shared.state.start_number()
    }

    fn is_behind(&self) -> bool {
        self.shared.overlay.bytes() > UNFOLDED_BYTES_BEHIND
    }

    fn health(&self) -> Health {
        let state = self.shared.state.health();
        let (journal_segments, journal_bytes) = segment::sizes(&self.shared.dir).unwrap_or_default();
        Health {
            state_bytes: state.state_bytes,
            failed: self.shared.failure.get().is_some(),
            unfolded_bytes: self.shared.overlay.bytes() as u64,
            unfolded_bytes_max: UNFOLDED_BYTES_MAX as u64,
            folded_last_millis: self.shared.turns.last_millis(),
            folded_ago_millis: self.shared.turns.last_ago_millis(),
            journal_segments,
            journal_bytes,
            ..self.shared.sync_times.health()
        }
    }
}

impl<E: Engine> Drop for JournalEngine<E> {
    fn drop(&mut self) {
        self.shared.turns.end();
        if let Some(folder) = self.folder.take() {
            // If it panicked it has said so; what it has not folded is in the journal.
            drop(folder.join());
        }
    }
}

/// The key up to which two lists of the first entries of a range say all that is in it; none = they say everything.
fn horizon(
    direction: Direction,
    wanted: usize,
    newest: &BTreeMap<Vec<u8>, Newest>,
    state: &[Entry],
) -> Option<Vec<u8>> {
    let last_newest = match direction {
        Direction::Forward => newest.keys().next_back(),
        Direction::Reverse => newest.keys().next(),
    };
    let last_newest = last_newest.filter(|_| newest.len() == wanted);
    let last_state = state.last().filter(|_| state.len() == wanted).map(|(key, _)| key);
    let lasts = last_newest.into_iter().chain(last_state);
    match direction {
        Direction::Forward => lasts.min().cloned(),
        Direction::Reverse => lasts.max().cloned(),
    }
}

/// How long a group is held back for the folder to keep up, which is also how long the next one gathers.
#[expect(clippy::cast_precision_loss, reason = "counts of bytes are far below 2^53")]
fn pause(unfolded_bytes: usize, group_bytes: usize) -> Option<Duration> {
    let above = unfolded_bytes.checked_sub(2 * GENERATION_BYTES)?;
    let left = 1.0 - above as f64 / (UNFOLDED_BYTES_MAX - 2 * GENERATION_BYTES) as f64;
    let [most, least] = INFLOW_BYTES_PER_SECOND;
    let inflow = least + (most - least) * left.max(0.0).powi(2);
    Some(Duration::from_secs_f64(group_bytes as f64 / inflow).min(PAUSE_MAX))
}

/// The last segment that is in the state.
fn folded(state: &impl Engine) -> Result<u32, StoreError> {
    let Some(value) = state.get(&Key::Meta(Meta::Folded).to_bytes())? else { return Ok(0) };
    let bytes =
        value.try_into().map_err(|_| StoreError::corrupt("the mark of the journal", "it has not 4 bytes"))?;
    Ok(u32::from_be_bytes(bytes))
}

fn next(number: u32) -> Result<u32, StoreError> {
    number.checked_add(1).ok_or_else(|| StoreError::corrupt("the journal", "its numbers are spent"))
}

#[cfg(test)]
mod tests;
