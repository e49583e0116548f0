//! Giving out free slots.

use alloc::sync::Arc;

use windlass_wire::id::JobId;

use super::Scheduler;
use crate::{
    command::CallId,
    decision::Decision,
    job::{Fence, Lease, Timestamp, WorkerId},
    lifecycle::Event,
};

impl Scheduler {
    /// Gives out free slots: to calls and ready jobs by turns, so that neither starves the other.
    pub(super) fn fill_slots(&mut self, now: Timestamp) {
        while !self.draining
            && let Some(worker) = self.slots.roomiest()
        {
            let job_first = self.job_is_next || self.calls.is_empty();
            let granted = match if job_first { self.indexes.pop_ready() } else { None } {
                Some(id) => self.grant(worker, id, now),
                None => match self.calls.pop() {
                    Some(call) => self.grant_call(worker, call),
                    None => false,
                },
            };
            if !granted {
                return;
            }
        }
    }

    fn grant(&mut self, worker: WorkerId, id: JobId, now: Timestamp) -> bool {
        let fence = Fence(self.fences.next());
        let applied = self.apply(id, Event::Grant(Lease { fence, worker, since: now }), now);
        assert!(applied.is_ok(), "what stands in line is ready");
        self.slots.take_for_job(worker, fence, id);
        let job = self.live.get(&id).map(Arc::clone);
        self.decisions.extend(job.map(|job| Decision::Assign { worker, fence, job }));
        self.job_is_next = false;
        true
    }

    fn grant_call(&mut self, worker: WorkerId, call: CallId) -> bool {
        self.slots.take_for_call(worker, call);
        self.decisions.push(Decision::AssignCall { worker, call });
        self.job_is_next = self.indexes.has_ready();
        true
    }
}
