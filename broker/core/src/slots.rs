//! Who has room: the slots of every worker, what holds them, and for how long.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use windlass_wire::id::JobId;

use crate::{
    command::CallId,
    job::{Fence, Timestamp, WorkerId},
    planted::{Bug, planted},
};

/// The slots of all workers. A slot is held until the run in it has really ended, even if its job was
/// cancelled meanwhile.
#[derive(Debug, Default)]
pub struct Slots {
    workers: BTreeMap<WorkerId, Worker>,
    /// When the leases of workers end.
    ends: BTreeSet<(Timestamp, WorkerId)>,
    jobs: BTreeMap<Fence, (WorkerId, JobId)>,
    calls: BTreeMap<CallId, WorkerId>,
}

/// The room a worker has, and how long it holds what it runs.
#[derive(Debug)]
struct Worker {
    free: u32,
    lease_millis: Option<u64>,
    ends: Option<Timestamp>,
}

impl Slots {
    /// Adds a worker. Unless it extends its lease, if it has one, it is overdue at its end.
    pub fn join(&mut self, worker: WorkerId, slots: u32, lease_millis: Option<u64>, now: Timestamp) {
        let ends = lease_millis.map(|millis| now.plus_millis(millis));
        self.ends.extend(ends.map(|ends| (ends, worker)));
        self.workers.insert(worker, Worker { free: slots, lease_millis, ends });
    }

    /// Gives a worker another lease from now on; answers whether it is known.
    pub fn extend(&mut self, worker: WorkerId, now: Timestamp) -> bool {
        let Some(known) = self.workers.get_mut(&worker) else { return false };
        if let (Some(millis), Some(ends)) = (known.lease_millis, &mut known.ends)
            && !planted(Bug::ExtendForgotten)
        {
            self.ends.remove(&(*ends, worker));
            *ends = now.plus_millis(millis);
            self.ends.insert((*ends, worker));
        }
        true
    }

    /// A worker whose lease has ended. Whoever asks loses it before asking again.
    pub fn overdue(&self, now: Timestamp) -> Option<WorkerId> {
        self.ends.first().filter(|(ends, _)| *ends <= now).map(|(_, worker)| *worker)
    }

    /// When the next lease ends.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|(ends, _)| *ends)
    }

    /// Removes a worker and answers the jobs it ran. Its calls end with it.
    pub fn lose(&mut self, worker: WorkerId) -> Vec<(Fence, JobId)> {
        if let Some(Worker { ends: Some(ends), .. }) = self.workers.remove(&worker) {
            self.ends.remove(&(ends, worker));
        }
        self.calls.retain(|_, holder| *holder != worker);
        self.jobs
            .extract_if(.., |_, (holder, _)| *holder == worker)
            .map(|(fence, (_, job))| (fence, job))
            .collect()
    }

    /// The worker with the most room, if any has some.
    pub fn roomiest(&self) -> Option<WorkerId> {
        let with_room = self.workers.iter().filter(|(_, worker)| worker.free > 0);
        with_room.max_by_key(|(_, worker)| worker.free).map(|(id, _)| *id)
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
        let worker = self.workers.get_mut(&worker).filter(|worker| worker.free > 0);
        assert!(worker.is_some(), "a slot is only taken of a worker that has one free");
        if let Some(worker) = worker {
            worker.free -= 1;
        }
    }

    fn free(&mut self, worker: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.free += 1;
        }
    }
}
