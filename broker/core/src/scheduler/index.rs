//! What can be found out about live jobs without looking at all of them.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use windlass_wire::id::JobId;

use super::why::Waiting;
use crate::{
    command::Refusal,
    job::{Job, State, Timestamp, queue_number},
    lifecycle::Event,
    links::Links,
    parked::{Load, Loaded, Parked, Place, PlainJobs},
    planted::{Bug, planted},
    queue::{Closed, Queue, QueueLimits, Queues, Row},
    ready::ReadyJobs,
    schedule::ScheduleId,
    serial::{SerialKeys, Standing, Turn},
    tags::{Step, TagLines},
    window::Window,
};

/// Every index over live jobs; all of them follow from the jobs and the queues.
#[derive(Debug)]
pub(super) struct Indexes {
    queues: Queues,
    ready: ReadyJobs,
    serial: SerialKeys,
    scheduled: BTreeSet<(ScheduleId, JobId)>,
    tag_lines: TagLines,
    dependents: Links,
    children: Links,
    due: Window<(Timestamp, JobId)>,
    expiring: BTreeSet<(Timestamp, JobId)>,
    reopening: BTreeSet<(Timestamp, u32)>,
    /// Queues whose plain jobs were counted anew.
    counted: BTreeSet<u32>,
    /// About so many jobs of a line are here.
    size: usize,
}

/// A line whose end may be parked.
enum Line {
    /// The ready jobs of a lane.
    Lane,
    /// Those that wait for a time, which is this for the job.
    Timetable(Timestamp),
}

/// The line in which a job stands by its state.
fn line(job: &Job) -> Option<Line> {
    if let State::Scheduled { due } = job.state {
        return Some(Line::Timetable(due));
    }
    (job.state == State::Ready).then_some(Line::Lane)
}

impl Indexes {
    /// Of a line of plain jobs about `size` are to be here.
    pub(super) fn new(size: usize) -> Self {
        Self {
            queues: Queues::default(),
            ready: ReadyJobs::new(size),
            serial: SerialKeys::default(),
            scheduled: BTreeSet::new(),
            tag_lines: TagLines::default(),
            dependents: Links::default(),
            children: Links::default(),
            due: Window::new(size),
            expiring: BTreeSet::new(),
            reopening: BTreeSet::new(),
            counted: BTreeSet::new(),
            size,
        }
    }

    /// The one place where the indexes follow a change of a job.
    ///
    /// A start is counted before the job leaves its lines and an end after it has joined them, so that nobody is
    /// offered a place which is taken.
    pub(super) fn replace(
        &mut self,
        old: Option<&Job>,
        new: &Job,
        jobs: &BTreeMap<JobId, Arc<Job>>,
        now: Timestamp,
    ) {
        let was_running = old.is_some_and(|old| old.lease().is_some());
        let is_running = new.lease().is_some();
        let number = queue_number(new.id);
        if is_running && !was_running {
            self.queues.row_mut(number).into_iter().for_each(|row| row.start(now));
            self.step(new, Step::Start, now);
        }
        if let Some(old) = old {
            self.remove(old, now);
        }
        self.add(new, jobs, now);
        match new.spec.parent {
            Some(parent) if new.state.is_final() => self.children.remove(parent, new.id),
            Some(parent) => self.children.add(parent, new.id),
            None => {}
        }
        if was_running && !is_running {
            self.step(new, Step::End, now);
        }
        if was_running != is_running {
            self.reopen(number, now);
        }
    }

    /// A job is ready as far as its serial key is concerned.
    fn join(&mut self, job: &Job, now: Timestamp) {
        if !self.step(job, Step::Join(job.id), now) {
            self.ready.insert(self.channel(job), job.id);
        }
    }

    fn leave(&mut self, job: &Job, now: Timestamp) {
        self.step(job, Step::Leave(job.id), now);
        // Even if it stands in the line of a tag: its lane may be read just now.
        self.ready.remove(self.channel(job), job.id);
    }

    /// Changes the line of a tag's value in which a job stands; answers whether there is one.
    fn step(&mut self, job: &Job, step: Step, now: Timestamp) -> bool {
        let Some(row) = self.queues.row(queue_number(job.id)) else { return false };
        let Some((name, limit)) = row.tag_limit(job) else { return false };
        let turn = self.tag_lines.step(name, limit, step, now);
        self.ready.turn(row.channel, turn);
        true
    }

    fn remove(&mut self, job: &Job, now: Timestamp) {
        self.count(job, -1);
        if let Some(origin) = &job.spec.schedule {
            self.scheduled.remove(&(origin.schedule, job.id));
        }
        if let Some(at) = job.expires_at {
            self.expiring.remove(&(at, job.id));
        }
        match &job.state {
            State::Scheduled { due } => {
                self.due.remove((*due, job.id));
            }
            State::Blocked { left, .. } => left.iter().for_each(|on| self.dependents.remove(*on, job.id)),
            State::Ready if job.spec.serial_key.is_none() => self.leave(job, now),
            State::Ready
            | State::Held
            | State::Running(_)
            | State::Succeeded { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Expired { .. } => {}
        }
    }

    fn add(&mut self, job: &Job, jobs: &BTreeMap<JobId, Arc<Job>>, now: Timestamp) {
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
            State::Ready if job.spec.serial_key.is_none() => self.join(job, now),
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
            if let Some(job) = withdrawn.and_then(|job| jobs.get(&job)) {
                self.leave(job, now);
            }
            if let Some(job) = offered.and_then(|job| jobs.get(&job)) {
                self.join(job, now);
            }
        }
    }

    fn count(&mut self, job: &Job, by: isize) {
        let number = queue_number(job.id);
        let Some(row) = self.queues.row_mut(number) else { return };
        if let Some(depth) = row.depths.of(job.state.name()) {
            *depth = depth.saturating_add_signed(by);
        }
        if job.is_plain() {
            let count =
                if job.state == State::Ready { &mut row.plain.ready } else { &mut row.plain.scheduled };
            *count = count.saturating_add_signed(by);
            self.counted.insert(number);
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

    /// Changes what holds the jobs of a queue back, and answers the queue. `running` are the jobs that run now.
    pub(super) fn limit_queue(
        &mut self,
        number: u32,
        limits: QueueLimits,
        jobs: &BTreeMap<JobId, Arc<Job>>,
        running: &[Arc<Job>],
        now: Timestamp,
    ) -> Option<Queue> {
        let row = self.queues.row_mut(number)?;
        let (channel, is_same) = (row.channel, row.queue.limits.per_tag == limits.per_tag);
        row.limit(limits);
        let queue = row.queue.clone();
        if !is_same {
            self.ready.set_whole(channel, number, queue.limits.per_tag.is_some());
            let mut ready = self.ready.of_queue(channel, number);
            for job in &ready {
                self.ready.remove(channel, *job);
            }
            ready.extend(self.tag_lines.clear(number));
            let found = running.iter().filter(|job| job.lease().is_some() && queue_number(job.id) == number);
            for job in found {
                self.step(job, Step::Found, now);
            }
            for job in ready.iter().filter_map(|job| jobs.get(job)) {
                self.join(job, now);
            }
        }
        self.reopen(number, now);
        Some(queue)
    }

    /// Opens the queues and lines whose rate allows the next start.
    pub(super) fn reopen_queues(&mut self, now: Timestamp) {
        while let Some(name) = self.tag_lines.overdue(now) {
            let Some(row) = self.queues.row(name.queue) else { break };
            let Some(limit) = &row.queue.limits.per_tag else { break };
            let turn = self.tag_lines.step(name, limit, Step::Wake, now);
            self.ready.turn(row.channel, turn);
        }
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
            .map(|(_, id)| (id, Event::ComeDue));
        due.or_else(|| self.expiring.first().filter(is_due).map(|(_, id)| (*id, Event::Expire)))
    }

    /// When something comes due next, and what.
    pub(super) fn next_time(&self) -> Option<(Timestamp, &'static str)> {
        let due = self.due.first().map(|(at, _)| (at, "a job comes due"));
        let expiring = self.expiring.first().map(|(at, _)| (*at, "a job expires"));
        let reopening =
            self.reopening.first().map(|(at, _)| (*at, "the rate of a queue allows another start"));
        [due, expiring, reopening, self.tag_lines.next_time()].into_iter().flatten().min()
    }

    pub(super) fn dependents_of(&self, job: JobId) -> BTreeSet<JobId> {
        self.dependents.of(job)
    }

    /// The live jobs of a schedule.
    pub(super) fn jobs_of(&self, schedule: ScheduleId) -> Vec<JobId> {
        let all = (schedule, JobId(0))..=(schedule, JobId(u128::MAX));
        self.scheduled.range(all).map(|(_, job)| *job).collect()
    }

    /// The live children of a job.
    pub(super) fn children_of(&self, job: JobId) -> BTreeSet<JobId> {
        self.children.of(job)
    }

    pub(super) fn count_children(&self, job: JobId) -> usize {
        self.children.count(job)
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

    /// What holds back the jobs of its queue with the same value of a tag as this one's.
    pub(super) fn tag_closed(&self, job: &Job, now: Timestamp) -> Option<Waiting> {
        let (name, limit) = self.queues.row(queue_number(job.id))?.tag_limit(job)?;
        let closed = self.tag_lines.closed(&name, limit, now)?;
        Some(Waiting::Tag { tag: limit.tag.clone(), value: name.value, closed })
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.queues
    }

    pub(super) fn restore_queue(&mut self, mut queue: Queue, now: Timestamp) {
        let number = queue.number;
        queue.limits.is_paused &= !planted(Bug::PauseForgotten);
        let is_whole = queue.limits.per_tag.is_some();
        self.queues.restore(queue);
        let channel = self.queues.row(number).map_or(0, |row| row.channel);
        self.ready.set_whole(channel, number, is_whole);
        self.reopen(number, now);
    }

    pub(super) fn check_queue(&self, channel: &str, name: &str) -> Result<(), Refusal> {
        self.queues.check(channel, name)
    }

    pub(super) fn open_queue(&mut self, channel: &str, name: &str) -> Result<(u32, Option<Queue>), Refusal> {
        self.queues.open(channel, name)
    }

    /// Parks what is too much of the line in which a job stands: answers what has left.
    pub(super) fn park(&mut self, job: &Job, jobs: &BTreeMap<JobId, Arc<Job>>) -> Vec<JobId> {
        let is_plain = |id: &JobId| jobs.get(id).is_some_and(|job| job.is_plain());
        match line(job) {
            Some(Line::Lane) => self.ready.park(self.channel(job), job.id, is_plain),
            Some(Line::Timetable(_)) => {
                let left = self.due.park(self.size, |(_, id)| is_plain(id));
                left.into_iter().map(|(_, id)| id).collect()
            }
            None => Vec::new(),
        }
    }

    /// A job that was parked stands in its line again.
    pub(super) fn admit(&mut self, job: &Job, now: Timestamp) {
        match line(job) {
            Some(Line::Lane) => self.join(job, now),
            Some(Line::Timetable(due)) => self.due.insert((due, job.id)),
            None => {}
        }
    }

    /// Whether this job, of which nothing is here, may be parked.
    pub(super) fn may_be_parked(&self, id: JobId) -> bool {
        let channel = self.queues.row(queue_number(id)).map(|row| row.channel);
        self.due.is_cut() || channel.is_some_and(|channel| self.ready.may_have(channel, id))
    }

    /// Whether a job that is not here is parked where its record says.
    pub(super) fn is_parked(&self, job: &Job) -> bool {
        match line(job) {
            Some(Line::Lane) => self.ready.may_have(self.channel(job), job.id),
            Some(Line::Timetable(due)) => self.due.may_have((due, job.id)),
            None => false,
        }
    }

    /// Whether a job that was read with its line is to be taken up.
    pub(super) fn is_new(&self, job: &Job) -> bool {
        match line(job) {
            Some(Line::Lane) => self.ready.is_new(self.channel(job), job.id),
            Some(Line::Timetable(due)) => self.due.is_new(&(due, job.id)),
            None => false,
        }
    }

    /// A part of a line was read.
    pub(super) fn loaded(&mut self, Loaded { load, jobs, is_end }: &Loaded) {
        match load.after {
            Place::Lane(above) => {
                let read: Vec<_> = jobs.iter().map(|job| job.id).collect();
                let number = queue_number(JobId(above.0 + 1));
                let Some(row) = self.queues.row(number) else { return };
                self.ready.loaded(row.channel, above, &read, *is_end);
            }
            Place::Timetable(..) => {
                let place = |job: &Arc<Job>| {
                    if let State::Scheduled { due } = job.state { Some((due, job.id)) } else { None }
                };
                let read: Vec<_> = jobs.iter().filter_map(place).collect();
                self.due.loaded(&read, *is_end);
            }
        }
    }

    /// What is to be read now.
    pub(super) fn take_loads(&mut self) -> Vec<Load> {
        let lanes = self.ready.take_loads().into_iter().map(Place::Lane);
        let timetable = self.due.load(false).map(|(at, id)| Place::Timetable(at, id));
        lanes.chain(timetable).map(|after| Load { after, jobs_max: self.size }).collect()
    }

    /// Plain jobs as a store remembers them, all of which are parked.
    pub(super) fn restore_parked(&mut self, parked: &Parked) {
        for (number, plain) in &parked.counts {
            let Some(row) = self.queues.row_mut(*number) else { continue };
            row.plain = *plain;
            row.depths.ready += plain.ready;
            row.depths.scheduled += plain.scheduled;
        }
        for (number, level) in &parked.lanes {
            let Some(row) = self.queues.row(*number) else { continue };
            self.ready.park_all(row.channel, *number, *level);
        }
        if parked.has_timetable {
            self.due.park_all((Timestamp(0), JobId(0)));
        }
    }

    /// How many plain jobs there are of the queues for which that has changed.
    pub(super) fn take_counts(&mut self) -> Vec<(u32, PlainJobs)> {
        let counted = core::mem::take(&mut self.counted).into_iter();
        counted.filter_map(|number| Some((number, self.queues.row(number)?.plain))).collect()
    }
}
