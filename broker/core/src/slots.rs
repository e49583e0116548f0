//! Who has room: the slots of every worker, and what holds them.

use alloc::{collections::BTreeMap, vec::Vec};

use windlass_wire::id::JobId;

use crate::{
    command::CallId,
    job::{Fence, WorkerId},
};

/// The slots of all workers. A slot is held until the run in it has really ended, even if its job was
/// cancelled meanwhile.
#[derive(Debug, Default)]
pub struct Slots {
    free: BTreeMap<WorkerId, u32>,
    jobs: BTreeMap<Fence, (WorkerId, JobId)>,
    calls: BTreeMap<CallId, WorkerId>,
}

impl Slots {
    /// Adds a worker.
    pub fn join(&mut self, worker: WorkerId, slots: u32) {
        self.free.insert(worker, slots);
    }

    /// Removes a worker and answers the jobs it ran. Its calls end with it.
    pub fn lose(&mut self, worker: WorkerId) -> Vec<(Fence, JobId)> {
        self.free.remove(&worker);
        self.calls.retain(|_, holder| *holder != worker);
        self.jobs
            .extract_if(.., |_, (holder, _)| *holder == worker)
            .map(|(fence, (_, job))| (fence, job))
            .collect()
    }

    /// The worker with the most room, if any has some.
    pub fn roomiest(&self) -> Option<WorkerId> {
        self.free
            .iter()
            .filter(|(_, free)| **free > 0)
            .max_by_key(|(_, free)| **free)
            .map(|(worker, _)| *worker)
    }

    /// A run of a job takes a slot.
    pub fn take_for_job(&mut self, worker: WorkerId, fence: Fence, job: JobId) {
        self.take(worker);
        self.jobs.insert(fence, (worker, job));
    }

    /// A run of a call takes a slot.
    pub fn take_for_call(&mut self, worker: WorkerId, call: CallId) {
        self.take(worker);
        self.calls.insert(call, worker);
    }

    /// Frees the slot of a job's run; answers whose it was.
    pub fn free_job(&mut self, fence: Fence) -> Option<JobId> {
        let (worker, job) = self.jobs.remove(&fence)?;
        self.free(worker);
        Some(job)
    }

    /// Frees the slot of a call's run.
    pub fn free_call(&mut self, call: CallId) {
        if let Some(worker) = self.calls.remove(&call) {
            self.free(worker);
        }
    }

    /// The jobs that hold slots.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.jobs.values().map(|(_, job)| *job)
    }

    /// Slots held now.
    pub fn held(&self) -> usize {
        self.jobs.len() + self.calls.len()
    }

    fn take(&mut self, worker: WorkerId) {
        let free = self.free.get_mut(&worker).filter(|free| **free > 0);
        assert!(free.is_some(), "a slot is only taken of a worker that has one free");
        if let Some(free) = free {
            *free -= 1;
        }
    }

    fn free(&mut self, worker: WorkerId) {
        if let Some(free) = self.free.get_mut(&worker) {
            *free += 1;
        }
    }
}
