//! The owner of live jobs: takes commands and time, answers decisions.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};

use windlass_wire::{id::JobId, state::JobState};

use crate::{
    calls::WaitingCalls,
    census::Census,
    command::{Answer, AttemptEnd, CallId, Command, Refusal},
    decision::Decision,
    idempotency::{KeyRecord, Keys},
    job::{Fence, Job, State, Timestamp},
    lifecycle::{Event, next},
    limits::{CALLS_WAITING_MAX, COUNTER_BITS, SLOTS_MAX, START_BITS},
    parked::Parked,
    planted::{Bug, planted},
    queue::Queue,
    schedule::{Calendar, Schedule},
    schedules::Schedules,
    slots::Slots,
};

mod accept;
mod grant;
mod index;
mod parked;
mod queues;
mod ticks;
mod why;

use self::index::Indexes;
pub use self::{queues::QueueStatus, why::Waiting};

/// Every job that is not final, every schedule, every waiting call and every slot.
#[derive(Debug)]
pub struct Scheduler {
    /// The live jobs that are not parked.
    live: BTreeMap<JobId, Arc<Job>>,
    indexes: Indexes,
    keys: Keys,
    schedules: Schedules,
    census: Census,
    calls: WaitingCalls,
    slots: Slots,
    numbers: Counter,
    fences: Counter,
    draining: bool,
    job_is_next: bool,
    ended: VecDeque<(JobId, JobState)>,
    decisions: Vec<Decision>,
}

/// What a store remembers of the schedulers before.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Every queue.
    pub queues: Vec<Queue>,
    /// The jobs that are not final, except the plain ones.
    pub jobs: Vec<Job>,
    /// The plain ones.
    pub parked: Parked,
    /// Of the jobs that others wait for, or are children of, those that are final: their states.
    pub ended: BTreeMap<JobId, JobState>,
    /// The idempotency keys.
    pub keys: Vec<KeyRecord>,
    /// The schedules.
    pub schedules: Vec<Schedule>,
}

/// Counts within one start of the broker, so that numbers grow over all starts without being stored.
#[derive(Debug)]
struct Counter(u64);

impl Counter {
    fn new(start: u32) -> Self {
        assert!(start < 1 << START_BITS, "a start number fits its {START_BITS} bits");
        Self(u64::from(start) << COUNTER_BITS)
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        assert!(
            !self.0.is_multiple_of(1 << COUNTER_BITS),
            "a broker restarts before it counted to 2^{COUNTER_BITS}"
        );
        self.0
    }
}

impl Scheduler {
    /// Takes up what a store remembered. Jobs that were running lost their worker with the last broker.
    ///
    /// `start` is greater than at any start before. Of a line of plain jobs about `window_jobs` are kept here, of the
    /// others nothing.
    pub fn restore(
        start: u32,
        remembered: Remembered,
        window_jobs: usize,
        calendar: Box<dyn Calendar>,
        now: Timestamp,
    ) -> (Self, Vec<Decision>) {
        let mut scheduler = Self {
            live: BTreeMap::new(),
            indexes: Indexes::new(window_jobs),
            keys: Keys::default(),
            schedules: Schedules::new(calendar),
            census: Census::default(),
            calls: WaitingCalls::default(),
            slots: Slots::default(),
            numbers: Counter::new(start),
            fences: Counter::new(if planted(Bug::FenceWithoutStart) { 1 } else { start }),
            draining: false,
            job_is_next: false,
            ended: VecDeque::new(),
            decisions: Vec::new(),
        };
        remembered.queues.into_iter().for_each(|queue| scheduler.indexes.restore_queue(queue, now));
        remembered.parked.counts.iter().for_each(|(_, plain)| scheduler.census.restore(*plain));
        scheduler.indexes.restore_parked(&remembered.parked);
        remembered.keys.into_iter().for_each(|key| scheduler.keys.restore(key));
        for job in remembered.jobs {
            let (id, lease) = (job.id, job.lease());
            scheduler.put(&Arc::new(job), now);
            if let Some(lease) = lease {
                scheduler.lose_worker(id, lease.fence, now);
            }
        }
        scheduler.settle_left(&remembered.ended, &remembered.parked.awaited, now);
        remembered.schedules.into_iter().for_each(|schedule| scheduler.restore_schedule(schedule, now));
        let decisions = scheduler.take_decisions();
        (scheduler, decisions)
    }

    /// Carries out a command. The decisions are in the order in which they must be carried out, and the answer
    /// may be given once all of them are durable.
    pub fn handle(&mut self, command: Command, now: Timestamp) -> (Result<Answer, Refusal>, Vec<Decision>) {
        // Nothing may be done under a lease that has ended, even if nobody has noticed yet.
        if !planted(Bug::ExpiredLeaseStillCompletes) {
            self.end_leases(now);
        }
        let answer = self.carry_out(command, now);
        self.settle(now);
        self.fill_slots(now);
        (answer, self.take_decisions())
    }

    /// Does what has come due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Decision> {
        self.end_leases(now);
        while let Some(call) = self.calls.pop_overdue(now) {
            self.decisions.push(Decision::RefuseCall(call));
        }
        while let Some(key) = self.keys.pop_overdue(now) {
            self.decisions.push(Decision::ForgetKey(key));
        }
        while let Some((id, event)) = self.indexes.next_due(now) {
            let applied = self.apply(id, event, now);
            assert!(applied.is_ok(), "what stands in a timetable waits for it");
        }
        self.tick(now);
        self.settle(now);
        self.indexes.reopen_queues(now);
        self.fill_slots(now);
        self.take_decisions()
    }

    fn take_decisions(&mut self) -> Vec<Decision> {
        let mut decisions = core::mem::take(&mut self.decisions);
        decisions.extend(self.indexes.take_loads().into_iter().map(Decision::Load));
        decisions
    }

    /// When `handle_timeout` has something to do, and what for.
    pub fn poll_timeout(&self) -> Option<(Timestamp, &'static str)> {
        let call = self.calls.next_deadline().map(|deadline| (deadline, "a call waited too long"));
        let key = self.keys.next_end().map(|end| (end, "an idempotency key is forgotten"));
        let tick = self.schedules.next_time().filter(|_| !self.draining);
        let tick = tick.map(|at| (at, "a schedule comes due"));
        let lease = self.slots.next_end().map(|end| (end, "the lease of a worker ends"));
        [self.indexes.next_time(), call, key, tick, lease].into_iter().flatten().min()
    }

    /// A live job, if it is not parked.
    pub fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.live.get(&id)
    }

    /// Jobs that are not final.
    pub fn live_jobs(&self) -> usize {
        self.census.total()
    }

    /// Live jobs by state.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Calls that wait for a slot.
    pub fn waiting_calls(&self) -> usize {
        self.calls.len()
    }

    /// Slots in which something runs.
    pub fn held_slots(&self) -> usize {
        self.slots.held()
    }

    fn carry_out(&mut self, command: Command, now: Timestamp) -> Result<Answer, Refusal> {
        match command {
            Command::Submit(submission) => return self.submit(submission, now).map(Answer::Submitted),
            Command::SubmitMany(submissions) => {
                return self.submit_many(submissions, now).map(Answer::SubmittedMany);
            }
            Command::Cancel { job, channel } => self.cancel(job, &channel, now)?,
            Command::Release { job, channel } => {
                self.owned(job, &channel)?;
                self.apply(job, Event::Release, now)?;
            }
            Command::LimitQueue { channel, name, change } => {
                self.limit_queue(&channel, &name, change, now)?;
            }
            Command::ChangeSchedule { channel, name, change } => {
                return self.change_schedule(&channel, &name, change, now);
            }
            Command::RunSchedule { schedule, tick, made } => {
                return self.run_schedule(schedule, tick, made, now);
            }
            Command::PurgeQueue { channel, name } => return self.purge_queue(&channel, &name, now),
            Command::Loaded(loaded) => self.loaded(&loaded, now),
            Command::Fetched(job) => self.fetched(&job, now),
            Command::Call { call, deadline } => self.call(call, deadline)?,
            Command::EndCall(call) => self.slots.free_call(call),
            Command::EndAttempt { fence, end } => self.end_attempt(fence, end, now)?,
            Command::Join { worker, slots, lease_millis } => {
                self.slots.join(worker, slots.min(SLOTS_MAX), lease_millis, now);
            }
            Command::Extend(worker) if self.slots.extend(worker, now) => {}
            Command::Extend(_) => return Err(Refusal::UnknownWorker),
            Command::Lose(worker) => {
                for (fence, job) in self.slots.lose(worker) {
                    self.lose_worker(job, fence, now);
                }
            }
            Command::Drain => {
                self.draining = true;
                self.decisions.extend(core::iter::from_fn(|| self.calls.pop()).map(Decision::RefuseCall));
            }
        }
        Ok(Answer::Done)
    }

    fn owned(&self, id: JobId, channel: &str) -> Result<&Arc<Job>, Refusal> {
        self.live.get(&id).filter(|job| job.spec.channel == channel).ok_or(Refusal::Unknown)
    }

    fn cancel(&mut self, id: JobId, channel: &str, now: Timestamp) -> Result<(), Refusal> {
        self.owned(id, channel)?;
        self.stop(id, None, now)
    }

    /// Cancels a job, perhaps because another one was cancelled.
    fn stop(&mut self, id: JobId, because_of: Option<JobId>, now: Timestamp) -> Result<(), Refusal> {
        let lease = self.live.get(&id).and_then(|job| job.lease());
        self.apply(id, Event::Cancel { because_of }, now)?;
        if planted(Bug::CancelOnlyInMemory) {
            self.decisions.pop();
        }
        self.decisions.extend(lease.map(|lease| Decision::Stop { worker: lease.worker, fence: lease.fence }));
        Ok(())
    }

    fn call(&mut self, call: CallId, deadline: Option<Timestamp>) -> Result<(), Refusal> {
        if self.draining {
            return Err(Refusal::Draining);
        }
        if self.calls.len() >= CALLS_WAITING_MAX {
            return Err(Refusal::Full("the limit of waiting calls"));
        }
        self.calls.push(call, deadline);
        Ok(())
    }

    fn end_attempt(&mut self, fence: Fence, end: AttemptEnd, now: Timestamp) -> Result<(), Refusal> {
        let stale =
            || planted(Bug::StaleFenceAccepted).then(|| self.live.values().find(|job| job.lease().is_some()));
        let stale = stale().flatten().map(|job| job.id);
        let id = self.slots.free_job(fence).or(stale).ok_or(Refusal::StaleFence)?;
        let event = match end {
            AttemptEnd::Completed { result, usage } => Event::Complete { fence, result, usage },
            AttemptEnd::Failed { failure, usage } => Event::Fail { fence, failure, usage },
            AttemptEnd::Stopped => Event::HandBack { fence },
        };
        self.apply(id, event, now)
    }

    /// Loses the workers that did not extend their leases in time. They may live, so they are told to stop.
    fn end_leases(&mut self, now: Timestamp) {
        while let Some(worker) = self.slots.overdue(now) {
            for (fence, job) in self.slots.lose(worker) {
                self.lose_worker(job, fence, now);
                self.decisions.push(Decision::Stop { worker, fence });
            }
        }
    }

    /// Ends a lease with its worker. A job cancelled meanwhile is no longer live: it has nothing left to lose.
    fn lose_worker(&mut self, id: JobId, fence: Fence, now: Timestamp) {
        if self.live.contains_key(&id) && !planted(Bug::LostWithWorker) {
            let applied = self.apply(id, Event::LoseWorker { fence }, now);
            assert!(applied.is_ok(), "the lease of a held slot is the lease of its job");
        }
    }

    /// Tells whoever waits for jobs that have ended, and cancels the children of those that were cancelled. One end
    /// may lead to others.
    fn settle(&mut self, now: Timestamp) {
        while let Some((ended, state)) = self.ended.pop_front() {
            let succeeded = state == JobState::Succeeded;
            for dependent in self.indexes.dependents_of(ended) {
                let applied = self.apply(dependent, Event::Settle { job: ended, succeeded }, now);
                assert!(applied.is_ok(), "a dependent is blocked");
            }
            if state != JobState::Cancelled {
                continue;
            }
            for child in self.indexes.children_of(ended) {
                let stopped = self.stop(child, Some(ended), now);
                assert!(stopped.is_ok(), "a child that is known is live");
            }
        }
    }

    /// Settles what ended just before the last broker did.
    fn settle_left(&mut self, ended: &BTreeMap<JobId, JobState>, parked: &[JobId], now: Timestamp) {
        self.settle(now);
        let parent = |job: &Job| job.spec.parent.filter(|_| !planted(Bug::OrphansAfterRestart));
        let awaited = self.live.values().flat_map(|job| job.state.left().copied().chain(parent(job)));
        let gone = awaited.filter(|job| !self.live.contains_key(job) && !parked.contains(job));
        for job in gone.collect::<BTreeSet<_>>() {
            // One that nothing is known of cannot succeed any more.
            self.ended.push_back((job, ended.get(&job).copied().unwrap_or(JobState::Expired)));
        }
        self.settle(now);
    }

    fn apply(&mut self, id: JobId, event: Event, now: Timestamp) -> Result<(), Refusal> {
        let job = self.live.get(&id).ok_or(Refusal::Unknown)?;
        let job = Arc::new(next(job, event, now)?);
        self.put(&job, now);
        self.decisions.push(Decision::Save(job));
        Ok(())
    }

    /// The only place that changes what is live.
    fn put(&mut self, job: &Arc<Job>, now: Timestamp) {
        let id = job.id;
        let old = self.live.insert(id, Arc::clone(job));
        let before = old.as_ref().map(|before| before.state.name());
        self.indexes.replace(old.as_deref(), job, &self.live, now);
        let is_kept = planted(Bug::CompleteAfterCancel) && matches!(job.state, State::Cancelled { .. });
        if job.state.is_final() && !is_kept {
            self.live.remove(&id);
            self.ended.push_back((id, job.state.name()));
        }
        self.census.count(before, job, now);
        for id in self.indexes.park(job, &self.live) {
            self.live.remove(&id);
            self.census.park(id);
        }
    }
}
