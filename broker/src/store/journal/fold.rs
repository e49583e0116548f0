//! Folding: what the journal has goes into the state, a generation at a time, and its segments go.

use std::{
    slice,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Shared, next, segment};
use crate::store::{
    engine::{Change, Engine},
    error::StoreError,
    journal::segment::Segment,
    keys::{Key, Meta},
    planted::{Bug, planted},
};

/// What was written waits at most so long to be folded. The longer, the more of what comes and goes is never
/// written to the state at all.
const FOLD_EVERY: Duration = Duration::from_secs(1);

/// When to fold, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Since when something waits to be folded.
    since: Option<Instant>,
    is_urgent: bool,
    has_ended: bool,
    begun: u64,
    done: u64,
    last: Duration,
    last_at: Option<Instant>,
}

impl Turns {
    /// Something waits to be folded.
    pub(super) fn wanted(&self, is_urgent: bool) {
        let mut state = self.lock();
        let is_news = state.since.is_none() || is_urgent && !state.is_urgent;
        state.since.get_or_insert_with(Instant::now);
        state.is_urgent |= is_urgent;
        if is_news {
            self.changed.notify_all();
        }
    }

    /// Lets whoever waits go, and the folder.
    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// Waits until a turn is done, but not longer than this.
    pub(super) fn wait_for_one(&self, patience: Duration) {
        let state = self.lock();
        let done = state.done;
        drop(
            self.changed.wait_timeout_while(state, patience, |state| state.done == done && !state.has_ended),
        );
    }

    /// Waits until everything has been folded that was written before.
    pub(super) fn wait_for_all(&self) {
        let mut state = self.lock();
        // One that runs may have begun before the last write.
        let wanted = state.begun + 1;
        state.since.get_or_insert_with(Instant::now);
        state.is_urgent = true;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| state.done < wanted && !state.has_ended));
    }

    /// How long the last turn took, in milliseconds.
    pub(super) fn last_millis(&self) -> u64 {
        u64::try_from(self.lock().last.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long ago the last turn was done, in milliseconds; zero if there was none.
    pub(super) fn last_ago_millis(&self) -> u64 {
        let ago = self.lock().last_at.map_or(Duration::ZERO, |at| at.elapsed());
        u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for the next turn; false = there is none any more.
    fn begin(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.has_ended {
                return false;
            }
            let age = state.since.map(|since| since.elapsed());
            match age {
                Some(age) if state.is_urgent || age >= FOLD_EVERY => break,
                Some(age) => {
                    let waited = self.changed.wait_timeout(state, FOLD_EVERY.saturating_sub(age));
                    state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
                }
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.since = None;
        state.is_urgent = false;
        state.begun += 1;
        true
    }

    fn finish(&self, took: Duration) {
        let mut state = self.lock();
        state.done = state.begun;
        state.last = took;
        state.last_at = Some(Instant::now());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> Shared<E> {
    /// The folder's thread. It begins with what a journal had when it was opened, which ends with segment `last`.
    pub(super) fn fold_in_turns(&self, last: u32) {
        let mut outcome = self.fold_older(last);
        while outcome.is_ok() && self.turns.begin() {
            let started = Instant::now();
            outcome = self.begin_segment().and_then(|last| self.fold_older(last));
            if outcome.is_ok() {
                self.turns.finish(started.elapsed());
            }
        }
        if let Err(error) = outcome {
            tracing::error!(%error, "the journal cannot be folded; nothing is acknowledged any more");
            self.fail(error);
        }
    }

    /// Lets what comes go to a new segment; answers the number of the one before.
    pub(super) fn begin_segment(&self) -> Result<u32, StoreError> {
        let number = next(self.segment().number())?;
        // Made while groups still go to the one before.
        let segment = Segment::create(&self.dir, number)?;
        let mut current = self.segment();
        *current = segment;
        self.overlay.age();
        Ok(number - 1)
    }

    /// Writes the older generation into the state, and then that the segments up to `last` are in it. Only then
    /// they go.
    pub(super) fn fold_older(&self, last: u32) -> Result<(), StoreError> {
        let Some(older) = self.overlay.older() else { return Ok(()) };
        let mark = Change::default().put(Key::Meta(Meta::Folded).to_bytes(), last.to_be_bytes().to_vec())?;
        if planted(Bug::MarkedBeforeFolded) {
            self.state.commit(slice::from_ref(&mark))?;
        }
        if planted(Bug::SegmentRemovedEarly) {
            segment::remove_up_to(&self.dir, last)?;
        }
        self.state.commit(&older.changes()?)?;
        self.state.commit(&[mark])?;
        self.overlay.forget_older();
        self.removal.folded(&self.dir, last)
    }
}
