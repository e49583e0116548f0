//! What can be found out about live jobs without looking at all of them.

use alloc::{collections::BTreeSet, vec::Vec};

use windlass_wire::id::JobId;

use crate::{
    command::Refusal,
    dependency::Dependents,
    job::{Job, State, Timestamp, queue_number},
    lifecycle::Event,
    planted::{Bug, planted},
    queue::{Closed, Queue, Queues, Row},
    ready::ReadyJobs,
    schedule::ScheduleId,
    serial::{SerialKeys, Standing, Turn},
};

/// Every index over live jobs; all of them follow from the jobs and the queues.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    queues: Queues,
    ready: ReadyJobs,
    serial: SerialKeys,
    dependents: Dependents,
    scheduled: BTreeSet<(ScheduleId, JobId)>,
    due: BTreeSet<(Timestamp, JobId)>,
    expiring: BTreeSet<(Timestamp, JobId)>,
    reopening: BTreeSet<(Timestamp, u32)>,
}

impl Indexes {
    /// The one place where the indexes follow a change of a job.
    pub(super) fn replace(&mut self, old: Option<&Job>, new: &Job, now: Timestamp) {
        if let Some(old) = old {
            self.remove(old);
        }
        self.add(new);
        let was_running = old.is_some_and(|old| old.lease().is_some());
        if new.lease().is_some() && !was_running {
            let number = queue_number(new.id);
            self.queues.row_mut(number).into_iter().for_each(|row| row.start(now));
        }
        if was_running != new.lease().is_some() {
            self.reopen(queue_number(new.id), now);
        }
    }

    fn remove(&mut self, job: &Job) {
        self.count(job, -1);
        if let Some(origin) = &job.spec.schedule {
            self.scheduled.remove(&(origin.schedule, job.id));
        }
        if let Some(at) = job.expires_at {
            self.expiring.remove(&(at, job.id));
        }
        match &job.state {
            State::Scheduled { due } => {
                self.due.remove(&(*due, job.id));
            }
            State::Blocked { left, .. } => left.iter().for_each(|on| self.dependents.remove(*on, job.id)),
            State::Ready if job.spec.serial_key.is_none() => self.ready.remove(self.channel(job), job.id),
            State::Ready
            | State::Held
            | State::Running(_)
            | State::Succeeded { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Expired { .. } => {}
        }
    }

    fn add(&mut self, job: &Job) {
        self.count(job, 1);
        let origin = job.spec.schedule.as_ref().filter(|_| !job.state.is_final());
        let origin = origin.filter(|_| !(planted(Bug::OverlapForgotten) && job.attempt > 0));
        self.scheduled.extend(origin.map(|origin| (origin.schedule, job.id)));
        let expires_at = job.expires_at.filter(|_| !planted(Bug::ExpiryForgotten));
        self.expiring.extend(expires_at.map(|at| (at, job.id)));
        match &job.state {
            State::Scheduled { due } => {
                self.due.insert((*due, job.id));
            }
            State::Blocked { left, .. } => left.iter().for_each(|on| self.dependents.add(*on, job.id)),
            State::Ready if job.spec.serial_key.is_none() => self.ready.insert(self.channel(job), job.id),
            State::Ready
            | State::Held
            | State::Running(_)
            | State::Succeeded { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Expired { .. } => {}
        }
        if let Some(key) = &job.spec.serial_key {
            let is_free = planted(Bug::SerialKeyFreeBetweenAttempts) && job.lease().is_none();
            let is_begun = job.attempt > 0 && !job.state.is_final() && !is_free;
            let standing = Standing { is_ready: job.state == State::Ready, is_begun };
            let channel = self.channel(job);
            let Turn { withdrawn, offered } = self.serial.stand(channel, key, job.id, standing);
            if let Some(job) = withdrawn {
                self.ready.remove(channel, job);
            }
            if let Some(job) = offered {
                self.ready.insert(channel, job);
            }
        }
    }

    fn count(&mut self, job: &Job, by: isize) {
        let row = self.queues.row_mut(queue_number(job.id));
        if let Some(depth) = row.and_then(|row| row.depths.of(job.state.name())) {
            *depth = depth.saturating_add_signed(by);
        }
    }

    fn channel(&self, job: &Job) -> u32 {
        self.queues.row(queue_number(job.id)).map_or(0, |row| row.channel)
    }

    /// Looks anew whether the jobs of a queue may start.
    pub(super) fn reopen(&mut self, number: u32, now: Timestamp) {
        let Some(row) = self.queues.row(number) else { return };
        let closed = row.closed(now);
        self.ready.set_open(row.channel, number, closed.is_none());
        if let Some(Closed::Rate(until)) = closed {
            self.reopening.insert((until, number));
        }
    }

    /// Opens the queues whose rate allows the next start.
    pub(super) fn reopen_queues(&mut self, now: Timestamp) {
        while let Some((at, number)) = self.reopening.first().copied().filter(|(at, _)| *at <= now) {
            self.reopening.remove(&(at, number));
            self.reopen(number, now);
        }
    }

    /// The next change that has come due. Whoever asks makes it happen before asking again.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<(JobId, Event)> {
        let is_due = |(at, _): &&(Timestamp, JobId)| *at <= now;
        let early = if planted(Bug::DueTooEarly) { 1000 } else { 0 };
        let due = self
            .due
            .first()
            .filter(|(at, _)| *at <= now.plus_millis(early))
            .map(|(_, id)| (*id, Event::ComeDue));
        due.or_else(|| self.expiring.first().filter(is_due).map(|(_, id)| (*id, Event::Expire)))
    }

    /// When something comes due next, and what.
    pub(super) fn next_time(&self) -> Option<(Timestamp, &'static str)> {
        let due = self.due.first().map(|(at, _)| (*at, "a job comes due"));
        let expiring = self.expiring.first().map(|(at, _)| (*at, "a job expires"));
        let reopening =
            self.reopening.first().map(|(at, _)| (*at, "the rate of a queue allows another start"));
        [due, expiring, reopening].into_iter().flatten().min()
    }

    pub(super) fn dependents_of(&self, job: JobId) -> BTreeSet<JobId> {
        self.dependents.of(job)
    }

    /// The live jobs of a schedule.
    pub(super) fn jobs_of(&self, schedule: ScheduleId) -> Vec<JobId> {
        let all = (schedule, JobId(0))..=(schedule, JobId(u128::MAX));
        self.scheduled.range(all).map(|(_, job)| *job).collect()
    }

    pub(super) fn pop_ready(&mut self) -> Option<JobId> {
        self.ready.pop()
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The first job of each priority of a queue that may start as far as the other jobs are concerned.
    pub(super) fn fronts(&self, row: &Row) -> impl Iterator<Item = JobId> {
        self.ready.fronts(row.channel, row.queue.number)
    }

    /// Whoever of a serial key goes first.
    pub(super) fn holder(&self, channel: u32, key: &str) -> Option<JobId> {
        self.serial.holder(channel, key)
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.queues
    }

    pub(super) fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    pub(super) fn restore_queue(&mut self, mut queue: Queue, now: Timestamp) {
        let number = queue.number;
        queue.limits.is_paused &= !planted(Bug::PauseForgotten);
        self.queues.restore(queue);
        self.reopen(number, now);
    }

    pub(super) fn check_queue(&self, channel: &str, name: &str) -> Result<(), Refusal> {
        self.queues.check(channel, name)
    }

    pub(super) fn open_queue(&mut self, channel: &str, name: &str) -> Result<(u32, Option<Queue>), Refusal> {
        self.queues.open(channel, name)
    }
}
