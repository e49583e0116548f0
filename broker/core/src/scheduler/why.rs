//! Why a job waits.

use alloc::{collections::BTreeSet, string::String};

use windlass_wire::id::JobId;

use super::Scheduler;
use crate::{
    job::{State, Timestamp, queue_number},
    queue::Closed,
};

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A time: its own, or that of its next attempt.
    Time(Timestamp),
    /// Somebody to release it.
    Release,
    /// Other jobs to end.
    Jobs(BTreeSet<JobId>),
    /// Its queue, which is closed.
    Queue(Closed),
    /// Jobs of its queue with the same value of a tag.
    Tag {
        /// The tag.
        tag: String,
        /// Its value.
        value: String,
        /// Why none of them starts.
        closed: Closed,
    },
    /// Another job of the same serial key, which goes first.
    Serial(JobId),
    /// A free slot, behind whoever comes before it.
    Slot,
}

impl Scheduler {
    /// What a live job waits for; none = it runs, or is not live.
    pub fn waiting(&self, id: JobId, now: Timestamp) -> Option<Waiting> {
        let job = self.live.get(&id)?;
        match &job.state {
            State::Scheduled { due } => Some(Waiting::Time(*due)),
            State::Held => Some(Waiting::Release),
            State::Blocked { left, .. } => Some(Waiting::Jobs(left.clone())),
            State::Ready => {
                let row = self.indexes.queues().row(queue_number(id))?;
                let holder = job.spec.serial_key.as_ref().and_then(|key| {
                    self.indexes.holder(row.channel, key).filter(|holder| *holder != id).map(Waiting::Serial)
                });
                holder
                    .or_else(|| row.closed(now).map(Waiting::Queue))
                    .or_else(|| self.indexes.tag_closed(job, now))
                    .or(Some(Waiting::Slot))
            }
            State::Running(_)
            | State::Succeeded { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Expired { .. } => None,
        }
    }
}
