//! What is in use, so that it is not removed from under its users: final jobs and blobs.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use windlass_core::{job::Digest, pins};
use windlass_wire::id::JobId;

/// Blobs remembered to be looked at because nobody uses them any more. Those beyond are found at the next start.
const UNPINNED_BLOBS_MAX: usize = 10_000;

/// What can be pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A blob: before the record that points to it is durable, for instance.
    Blob(Digest),
    /// A job with everything that is kept of it, once it is final.
    Job(JobId),
}

/// All pins of a store. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pins: pins::Pins<Target>,
    unpinned: BTreeSet<Digest>,
    /// Who keeps all blobs.
    keepers: usize,
}

/// Keeps its target from being removed until it is dropped.
#[derive(Debug)]
pub struct Pinned {
    target: Target,
    pins: Pins,
}

/// Keeps every blob from being removed until it is dropped.
#[derive(Debug)]
pub(crate) struct BlobsKept(Pins);

/// Keeps everybody from using its target until it is dropped.
#[derive(Debug)]
pub struct Leaving {
    target: Target,
    pins: Pins,
}

impl Pins {
    /// Pins a target. Waits while it is being removed.
    pub(crate) fn pin(&self, target: Target) -> Pinned {
        let mut state = self.state();
        while !state.pins.pin(target) {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Pinned { target, pins: self.clone() }
    }

    /// Pins a target, unless it is being removed.
    pub(crate) fn try_pin(&self, target: Target) -> Option<Pinned> {
        let is_pinned = self.state().pins.pin(target);
        is_pinned.then(|| Pinned { target, pins: self.clone() })
    }

    /// Begins to remove a target. Waits for its users for so long at most; none = it is still in use.
    pub(crate) fn leave_within(&self, target: Target, time: Duration) -> Option<Leaving> {
        let end = Instant::now() + time;
        let mut state = self.state();
        while !state.pins.leave(target) {
            let left = end.checked_duration_since(Instant::now())?;
            (state, _) = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        Some(Leaving { target, pins: self.clone() })
    }

    /// Keeps every blob that is there, or comes, and is not just being removed.
    pub(crate) fn keep_blobs(&self) -> BlobsKept {
        self.state().keepers += 1;
        BlobsKept(self.clone())
    }

    /// Whether a blob has to stay because all of them do. Then it is looked at again once they need not.
    pub(crate) fn keeps(&self, digest: &Digest) -> bool {
        let mut state = self.state();
        let is_kept = state.keepers > 0;
        if is_kept {
            state.look_at(*digest);
        }
        is_kept
    }

    /// Takes the blobs that have lost their last user since this was asked last; none while all are kept.
    pub(crate) fn take_unpinned(&self) -> BTreeSet<Digest> {
        let mut state = self.state();
        if state.keepers == 0 { mem::take(&mut state.unpinned) } else { BTreeSet::new() }
    }

    // What is changed under the lock is whole after every step, so a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Remembers a blob that nobody may use any more.
    fn look_at(&mut self, digest: Digest) {
        if self.unpinned.len() < UNPINNED_BLOBS_MAX {
            self.unpinned.insert(digest);
        }
    }
}

impl Drop for BlobsKept {
    fn drop(&mut self) {
        self.0.state().keepers -= 1;
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut state = self.pins.state();
        if !state.pins.unpin(&self.target) {
            return;
        }
        if let Target::Blob(digest) = self.target {
            state.look_at(digest);
        }
        drop(state);
        self.pins.0.changed.notify_all();
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.pins.state().pins.left(&self.target);
        self.pins.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const JOB: Target = Target::Job(JobId(7));
    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_target_leaves_as_soon_as_its_last_user_has_done_with_it() {
        let pins = Pins::default();
        let users = [pins.pin(JOB), pins.pin(JOB)];
        assert!(pins.leave_within(JOB, Duration::ZERO).is_none());
        let waiting = thread::spawn({
            let pins = pins.clone();
            move || pins.leave_within(JOB, LONG).is_some()
        });
        drop(users);
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn who_pins_a_target_that_is_leaving_waits_until_it_has_left() {
        let pins = Pins::default();
        let leaving = pins.leave_within(JOB, Duration::ZERO).unwrap();
        assert!(pins.try_pin(JOB).is_none());
        let waiting = thread::spawn({
            let pins = pins.clone();
            move || drop(pins.pin(JOB))
        });
        drop(leaving);
        waiting.join().unwrap();
        assert!(pins.try_pin(JOB).is_some());
    }

    #[test]
    fn blobs_are_looked_at_once_nobody_uses_them_any_more() {
        let (pins, digest) = (Pins::default(), Digest([7; 32]));
        let users = [pins.pin(Target::Blob(digest)), pins.pin(Target::Blob(digest))];
        drop(pins.pin(JOB));
        assert!(pins.take_unpinned().is_empty());
        drop(users);
        assert_eq!(pins.take_unpinned(), [digest].into());
        assert!(pins.take_unpinned().is_empty());
    }

    #[test]
    fn while_all_blobs_are_kept_those_to_be_removed_wait() {
        let (pins, digest) = (Pins::default(), Digest([7; 32]));
        assert!(!pins.keeps(&digest));
        let keepers = [pins.keep_blobs(), pins.keep_blobs()];
        assert!(pins.keeps(&digest));
        let [first, second] = keepers;
        drop(first);
        assert!(pins.keeps(&digest) && pins.take_unpinned().is_empty());
        drop(second);
        assert!(!pins.keeps(&digest));
        assert_eq!(pins.take_unpinned(), [digest].into());
    }
}
