//! Reading parked jobs, beside the driver's loop: a few reads at a time, each once everything before it is durable.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use windlass_core::{
    job::Job,
    parked::{Load, Loaded},
};
use windlass_wire::id::JobId;

use crate::store::{Store, StoreError};

/// Reads at once. What they answer lies in memory until the driver takes it.
const READS_IN_FLIGHT_MAX: usize = 4;

/// Something to read.
pub(super) enum Wanted {
    Line(Load),
    Job(JobId),
}

/// What was read.
pub(super) enum Read {
    Line(Loaded),
    /// None = it is not plain, or there is none.
    Job(JobId, Option<Box<Job>>),
}

/// Reads on their way, and those that wait for them.
pub(super) struct Reads {
    store: Store,
    waiting: VecDeque<Wanted>,
    in_flight: usize,
    done: mpsc::Receiver<Result<Read, StoreError>>,
    tell_done: mpsc::Sender<Result<Read, StoreError>>,
}

impl Reads {
    pub(super) fn new(store: Store) -> Self {
        let (tell_done, done) = mpsc::channel(READS_IN_FLIGHT_MAX);
        Self { store, waiting: VecDeque::new(), in_flight: 0, done, tell_done }
    }

    /// Reads this when its turn comes. Call it within a runtime.
    pub(super) fn begin(&mut self, wanted: Wanted) {
        self.waiting.push_back(wanted);
        self.go_on();
    }

    /// The next that was read. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Read, StoreError> {
        match self.done.recv().await {
            Some(read) => {
                self.in_flight -= 1;
                self.go_on();
                read
            }
            None => std::future::pending().await,
        }
    }

    fn go_on(&mut self) {
        while self.in_flight < READS_IN_FLIGHT_MAX
            && let Some(wanted) = self.waiting.pop_front()
        {
            self.in_flight += 1;
            let (store, tell_done) = (self.store.clone(), self.tell_done.clone());
            // There is room: reads on their way are no more than the channel holds.
            tokio::task::spawn_blocking(move || drop(tell_done.try_send(read(&store, &wanted))));
        }
    }
}

fn read(store: &Store, wanted: &Wanted) -> Result<Read, StoreError> {
    match wanted {
        Wanted::Line(load) => store.load(*load).map(Read::Line),
        Wanted::Job(id) => Ok(Read::Job(*id, store.plain_job(*id)?.map(Box::new))),
    }
}
