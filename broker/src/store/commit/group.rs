//! What is written and synced together.

use std::{
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{Done, Request};
use crate::store::{engine::Change, error::StoreError};

/// A group takes in no more requests from this many operations on.
const GROUP_OPS_MAX: usize = 8_192;
/// A group takes in no more requests from this many bytes on.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long changes that nobody waits for wait for others, in milliseconds.
const LAZY_WAIT_MILLIS: u64 = 200;

/// Requests that share one sync.
#[derive(Default)]
pub(super) struct Group {
    changes: Vec<Change>,
    done: Vec<Done>,
    rooms: Vec<OwnedSemaphorePermit>,
    ops: usize,
    bytes: usize,
}

impl Group {
    /// Waits for a request and takes everything that waits with it; nothing when all senders are gone.
    pub(super) fn gather(waiting: &Receiver<Request>) -> Option<Self> {
        let mut group = Self::default();
        group.add(waiting.recv().ok()?);
        let lazy_until = Instant::now() + Duration::from_millis(LAZY_WAIT_MILLIS);
        loop {
            while !group.is_full()
                && let Ok(request) = waiting.try_recv()
            {
                group.add(request);
            }
            if group.is_full() || group.is_awaited() {
                return Some(group);
            }
            let left = lazy_until.saturating_duration_since(Instant::now());
            match waiting.recv_timeout(left) {
                Ok(request) => group.add(request),
                Err(_) => return Some(group),
            }
        }
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Tells everyone who waits, in the order in which they came, and makes room for as much.
    pub(super) fn acknowledge(self, failure: Option<&StoreError>) {
        for done in self.done {
            done(failure.map_or(Ok(()), |error| Err(error.clone())));
        }
    }

    fn add(&mut self, request: Request) {
        for change in &request.changes {
            self.ops += change.ops().len();
            self.bytes += change.bytes();
        }
        self.changes.extend(request.changes);
        self.done.extend(request.done);
        self.rooms.push(request.room);
    }

    fn is_full(&self) -> bool {
        self.ops >= GROUP_OPS_MAX || self.bytes >= GROUP_BYTES_MAX
    }

    fn is_awaited(&self) -> bool {
        !self.done.is_empty()
    }
}
