//! Looking at queues, and changing what holds their jobs back.

use alloc::{sync::Arc, vec::Vec};

use windlass_wire::id::JobId;

use super::Scheduler;
use crate::{
    command::{Answer, LimitChange, Refusal},
    decision::Decision,
    job::{Job, Timestamp, ids_of_queue},
    limits::{PURGED_JOBS_MAX, UNPARKED_JOBS_MAX},
    queue::{Closed, Depths, Queue, QueueLimits, Row},
};

/// A queue as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueStatus {
    /// Its name, number and limits.
    pub queue: Queue,
    /// How many jobs are in which state.
    pub depths: Depths,
    /// The job that was submitted first of those that only wait for a slot.
    pub oldest_ready: Option<Arc<Job>>,
    /// Why its jobs do not start.
    pub closed: Option<Closed>,
}

impl Scheduler {
    /// The queues of a channel, by name.
    pub fn queues(&self, channel: &str, now: Timestamp) -> Vec<QueueStatus> {
        self.indexes.queues().of_channel(channel).map(|row| self.status(row, now)).collect()
    }

    /// One queue.
    pub fn queue(&self, channel: &str, name: &str, now: Timestamp) -> Option<QueueStatus> {
        let queues = self.indexes.queues();
        queues.number(channel, name).and_then(|number| queues.row(number)).map(|row| self.status(row, now))
    }

    fn status(&self, row: &Row, now: Timestamp) -> QueueStatus {
        let fronts = self.indexes.fronts(row).filter_map(|id| self.live.get(&id));
        QueueStatus {
            queue: row.queue.clone(),
            depths: row.depths,
            oldest_ready: fronts.min_by_key(|job| job.spec.submitted_at).map(Arc::clone),
            closed: row.closed(now),
        }
    }

    pub(super) fn limit_queue(
        &mut self,
        channel: &str,
        name: &str,
        change: LimitChange,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (number, _) = self.indexes.open_queue(channel, name)?;
        let Some(row) = self.indexes.queues().row(number) else { return Ok(()) };
        let (old, waiting) = (row.queue.limits.clone(), row.depths.ready);
        let loads_all = old.per_tag.is_none() && change.per_tag.as_ref().is_some_and(Option::is_some);
        let limits = QueueLimits {
            is_paused: change.is_paused.unwrap_or(old.is_paused),
            concurrency: change.concurrency.unwrap_or(old.concurrency),
            rate: change.rate.unwrap_or(old.rate),
            per_tag: change.per_tag.unwrap_or(old.per_tag),
        };
        if loads_all && waiting > UNPARKED_JOBS_MAX {
            return Err(Refusal::Full(
                "the limit of ready jobs in a queue with a limit for the values of a tag",
            ));
        }
        let running: Vec<_> = self.slots.jobs().filter_map(|id| self.live.get(&id)).map(Arc::clone).collect();
        let queue = self.indexes.limit_queue(number, limits, &self.live, &running, now);
        self.decisions.extend(queue.map(Decision::SaveQueue));
        Ok(())
    }

    pub(super) fn purge_queue(
        &mut self,
        channel: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let number = self.indexes.queues().number(channel, name).ok_or(Refusal::UnknownQueue)?;
        let of_queue = self.live.range(ids_of_queue(number));
        let waiting = of_queue.filter(|(_, job)| job.lease().is_none()).map(|(id, _)| *id);
        let jobs: Vec<JobId> = waiting.take(PURGED_JOBS_MAX).collect();
        let depths = self.indexes.queues().row(number).map(|row| row.depths).unwrap_or_default();
        let has_more = depths.scheduled + depths.blocked + depths.ready > jobs.len();
        for job in &jobs {
            self.cancel(*job, channel, now)?;
        }
        Ok(Answer::Purged(jobs.len(), has_more))
    }
}
