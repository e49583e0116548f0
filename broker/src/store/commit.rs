//! The group committer: everything that waits is written at once, synced once, then acknowledged.
//!
//! One thread writes. While it waits for the disk the next group gathers, so a slow disk makes groups
//! larger and not the queue longer.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::{
    engine::{Change, Engine},
    error::{Limit, StoreError},
};

mod group;

use group::Group;

/// Largest single request, in bytes of its changes.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What waits for the disk at most, in bytes; above it `commit` waits and the other ways are refused.
pub const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Waiting writes are accounted for in units of this many bytes.
const UNIT_BYTES: usize = 4 * 1024;
/// Memory an operation takes beside its key and value, in bytes.
const OP_OVERHEAD_BYTES: usize = 64;
const WAITING_UNITS_MAX: usize = WAITING_BYTES_MAX / UNIT_BYTES;

/// Told on the committer's thread what became of a request; must not block.
pub(crate) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Changes that were not taken in.
#[derive(Debug)]
pub struct Unsent {
    /// The changes, to be handed in again after [`StoreError::Busy`].
    pub changes: Vec<Change>,
    /// Why.
    pub error: StoreError,
}

/// Changes that wait for the disk.
struct Request {
    changes: Vec<Change>,
    done: Option<Done>,
    /// Its share of what may wait, given back when it has been acknowledged.
    room: OwnedSemaphorePermit,
}

/// The way to the thread that writes. Requests are written in the order in which they were handed in.
///
/// The thread ends when the last clone is gone and everything handed in has been written.
#[derive(Clone, Debug)]
pub struct Committer {
    requests: SyncSender<Request>,
    room: Arc<Semaphore>,
    failure: watch::Receiver<Option<StoreError>>,
}

impl Committer {
    /// Starts the thread that writes to `engine`.
    pub fn start(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        // Every request in the channel holds at least one unit, so it never has more than this many.
        let (requests, waiting) = sync_channel(WAITING_UNITS_MAX);
        let (failed, failure) = watch::channel(None);
        thread::Builder::new()
            .name("windlass-commit".into())
            .spawn(move || write_groups(engine.as_ref(), &waiting, &failed))?;
        Ok(Self { requests, room: Arc::new(Semaphore::new(WAITING_UNITS_MAX)), failure })
    }

    /// Writes changes and returns when they are durable. Waits while too much is waiting.
    ///
    /// Cancel safety: dropped before there was room, nothing is written; dropped later, the changes are
    /// written all the same.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let units = units(&changes)?;
        let room = Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| StoreError::Stopped)?;
        let (done, durable) = oneshot::channel();
        let done: Done = Box::new(move |outcome| drop(done.send(outcome)));
        self.send(Request { changes, done: Some(done), room }).map_err(|unsent| unsent.error)?;
        durable.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// Hands changes in without waiting; `done` is called on the committer's thread when they are durable
    /// or have failed, and must not block. When too much is waiting the answer is [`StoreError::Busy`];
    /// after any error here nothing is written and `done` is never called;
    /// the changes are handed back.
    pub fn submit(
        &self,
        changes: Vec<Change>,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) -> Result<(), Unsent> {
        self.try_send(changes, Some(Box::new(done)))
    }

    /// Hands changes in that nobody waits for. They ride with the next group, and wait a moment for one;
    /// what is handed in later is never durable before them. Refused like [`Committer::submit`].
    pub fn write_lazily(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.try_send(changes, None).map_err(|unsent| unsent.error)
    }

    /// Waits for the first write that fails, or for the thread to end. From then on nothing is
    /// acknowledged any more and the process should exit.
    pub async fn failed(&self) -> StoreError {
        let mut failure = self.failure.clone();
        let failure = failure.wait_for(Option::is_some).await;
        failure.ok().and_then(|failure| failure.clone()).unwrap_or(StoreError::Stopped)
    }

    fn try_send(&self, changes: Vec<Change>, done: Option<Done>) -> Result<(), Unsent> {
        let units = match units(&changes) {
            Ok(units) => units,
            Err(error) => return Err(Unsent { changes, error }),
        };
        match Arc::clone(&self.room).try_acquire_many_owned(units) {
            Ok(room) => self.send(Request { changes, done, room }),
            Err(_) => Err(Unsent { changes, error: StoreError::Busy }),
        }
    }

    fn send(&self, request: Request) -> Result<(), Unsent> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Disconnected(request) | TrySendError::Full(request) => {
                Unsent { changes: request.changes, error: StoreError::Stopped }
            }
        })
    }
}

/// The share of what may wait that these changes take.
fn units(changes: &[Change]) -> Result<u32, StoreError> {
    let bytes: usize =
        changes.iter().map(|change| change.bytes() + change.ops().len() * OP_OVERHEAD_BYTES).sum();
    Limit::Request.check(bytes)?;
    let units = bytes.div_ceil(UNIT_BYTES).max(1);
    u32::try_from(units).map_err(|_| StoreError::TooLarge { limit: Limit::Request, actual: bytes })
}

/// The committer's thread. After the first failure it only answers that failure.
fn write_groups(
    engine: &dyn Engine,
    waiting: &Receiver<Request>,
    failed: &watch::Sender<Option<StoreError>>,
) {
    let mut failure = None;
    while let Some(group) = Group::gather(waiting) {
        if failure.is_none()
            && let Err(error) = engine.commit(group.changes())
        {
            tracing::error!(%error, "a write failed; nothing is acknowledged any more");
            failed.send_replace(Some(error.clone()));
            failure = Some(error);
        }
        group.acknowledge(failure.as_ref());
    }
}

#[cfg(test)]
mod tests;
