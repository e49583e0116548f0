//! The owner of live jobs: takes commands and time, answers decisions.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};

use windlass_wire::id::JobId;

use crate::{
    calls::WaitingCalls,
    census::Census,
    command::{Answer, AttemptEnd, CallId, Command, Refusal},
    decision::{Decision, QueueNumber},
    job::{Fence, Job, Lease, Spec, State, Timestamp, WorkerId, compose_id},
    lifecycle::{Event, next, retried},
    limits::{CALLS_WAITING_MAX, COUNTER_BITS, LIVE_JOBS_MAX, QUEUES_MAX, SLOTS_MAX, START_BITS},
    queue::ReadyJobs,
    slots::Slots,
};

/// Every job that is not final, every waiting call and every slot.
#[derive(Debug)]
pub struct Scheduler {
    live: BTreeMap<JobId, Arc<Job>>,
    ready: ReadyJobs,
    due: BTreeSet<(Timestamp, JobId)>,
    census: Census,
    calls: WaitingCalls,
    slots: Slots,
    queues: BTreeMap<(String, String), u32>,
    numbers: Counter,
    fences: Counter,
    draining: bool,
    job_is_next: bool,
    decisions: Vec<Decision>,
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
    /// Takes up the jobs a store remembered. Those that were running lost their worker with the last broker.
    ///
    /// `start` is greater than at any start before.
    pub fn restore(
        start: u32,
        queues: impl IntoIterator<Item = QueueNumber>,
        jobs: impl IntoIterator<Item = Job>,
        now: Timestamp,
    ) -> (Self, Vec<Decision>) {
        let mut scheduler = Self {
            live: BTreeMap::new(),
            ready: ReadyJobs::default(),
            due: BTreeSet::new(),
            census: Census::default(),
            calls: WaitingCalls::default(),
            slots: Slots::default(),
            queues: queues.into_iter().map(|queue| ((queue.channel, queue.name), queue.number)).collect(),
            numbers: Counter::new(start),
            fences: Counter::new(start),
            draining: false,
            job_is_next: false,
            decisions: Vec::new(),
        };
        for job in jobs {
            let (id, lease) = (job.id, job.lease());
            scheduler.put(Arc::new(job), now);
            if let Some(lease) = lease {
                scheduler.lose_worker(id, lease.fence, now);
            }
        }
        let decisions = core::mem::take(&mut scheduler.decisions);
        (scheduler, decisions)
    }

    /// Carries out a command. The decisions are in the order in which they must be carried out, and the answer
    /// may be given once all of them are durable.
    pub fn handle(&mut self, command: Command, now: Timestamp) -> (Result<Answer, Refusal>, Vec<Decision>) {
        let answer = self.carry_out(command, now);
        self.fill_slots(now);
        (answer, core::mem::take(&mut self.decisions))
    }

    /// Does what has come due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Decision> {
        while let Some(call) = self.calls.pop_overdue(now) {
            self.decisions.push(Decision::RefuseCall(call));
        }
        while let Some((_, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let applied = self.apply(id, Event::ComeDue, now);
            assert!(applied.is_ok(), "what stands in the timetable is scheduled");
        }
        self.fill_slots(now);
        core::mem::take(&mut self.decisions)
    }

    /// When `handle_timeout` has something to do, and what for.
    pub fn poll_timeout(&self) -> Option<(Timestamp, &'static str)> {
        let job = self.due.first().map(|(due, _)| (*due, "a job comes due"));
        let call = self.calls.next_deadline().map(|deadline| (deadline, "a call waited too long"));
        [job, call].into_iter().flatten().min()
    }

    /// A live job.
    pub fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.live.get(&id)
    }

    /// Jobs that are not final.
    pub fn live_jobs(&self) -> usize {
        self.live.len()
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
            Command::Submit { spec, due, salt } => {
                return self.submit(spec, due, salt, now).map(Answer::Submitted);
            }
            Command::Retry { spec, original, salt } => {
                return self.retry(spec, &original, salt, now).map(Answer::Submitted);
            }
            Command::Cancel { job, channel } => self.cancel(job, &channel, now)?,
            Command::Call { call, deadline } => self.call(call, deadline)?,
            Command::EndCall(call) => self.slots.free_call(call),
            Command::EndAttempt { fence, end } => self.end_attempt(fence, end, now)?,
            Command::Join { worker, slots } => self.slots.join(worker, slots.min(SLOTS_MAX)),
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

    fn submit(
        &mut self,
        spec: Arc<Spec>,
        due: Option<Timestamp>,
        salt: u32,
        now: Timestamp,
    ) -> Result<JobId, Refusal> {
        if self.draining {
            return Err(Refusal::Draining);
        }
        if self.live.len() >= LIVE_JOBS_MAX {
            return Err(Refusal::Full("the limit of live jobs"));
        }
        let queue = self.queue_number(&spec)?;
        let id = compose_id(queue, spec.priority, self.numbers.next(), salt);
        let job = Arc::new(Job::new(id, spec, due.filter(|due| *due > now)));
        self.decisions.push(Decision::Save(Arc::clone(&job)));
        self.put(job, now);
        Ok(id)
    }

    fn retry(
        &mut self,
        spec: Arc<Spec>,
        original: &Job,
        salt: u32,
        now: Timestamp,
    ) -> Result<JobId, Refusal> {
        if !original.state.is_final() {
            return Err(Refusal::WrongState(original.state.name()));
        }
        let id = self.submit(spec, None, salt, now)?;
        self.decisions.push(Decision::SaveRetried(Arc::new(retried(original, id))));
        Ok(id)
    }

    fn queue_number(&mut self, spec: &Spec) -> Result<u32, Refusal> {
        let key = (spec.channel.clone(), spec.queue.clone());
        if let Some(number) = self.queues.get(&key) {
            return Ok(*number);
        }
        let number = u32::try_from(self.queues.len()).ok().filter(|number| *number < QUEUES_MAX);
        let number = number.ok_or(Refusal::Full("the limit of queues"))?;
        let (channel, name) = key.clone();
        self.decisions.push(Decision::SaveQueue(QueueNumber { channel, name, number }));
        self.queues.insert(key, number);
        Ok(number)
    }

    fn cancel(&mut self, id: JobId, channel: &str, now: Timestamp) -> Result<(), Refusal> {
        let job = self.live.get(&id).filter(|job| job.spec.channel == channel).ok_or(Refusal::Unknown)?;
        let lease = job.lease();
        self.apply(id, Event::Cancel, now)?;
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
        let id = self.slots.free_job(fence).ok_or(Refusal::StaleFence)?;
        let event = match end {
            AttemptEnd::Completed { result, usage } => Event::Complete { fence, result, usage },
            AttemptEnd::Failed { failure, usage } => Event::Fail { fence, failure, usage },
            AttemptEnd::Stopped => Event::Release { fence },
        };
        self.apply(id, event, now)
    }

    /// Ends a lease with its worker. A job cancelled meanwhile is no longer live: it has nothing left to lose.
    fn lose_worker(&mut self, id: JobId, fence: Fence, now: Timestamp) {
        if self.live.contains_key(&id) {
            let applied = self.apply(id, Event::LoseWorker { fence }, now);
            assert!(applied.is_ok(), "the lease of a held slot is the lease of its job");
        }
    }

    /// Gives out free slots: to calls and ready jobs by turns, so that neither starves the other.
    fn fill_slots(&mut self, now: Timestamp) {
        while !self.draining
            && let Some(worker) = self.slots.roomiest()
        {
            let job_first = self.job_is_next || self.calls.is_empty();
            let granted = match if job_first { self.ready.pop() } else { None } {
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
        self.job_is_next = !self.ready.is_empty();
        true
    }

    fn apply(&mut self, id: JobId, event: Event, now: Timestamp) -> Result<(), Refusal> {
        let job = self.live.get(&id).ok_or(Refusal::Unknown)?;
        let job = Arc::new(next(job, event, now)?);
        self.decisions.push(Decision::Save(Arc::clone(&job)));
        self.put(job, now);
        Ok(())
    }

    /// The only place that touches the indexes.
    fn put(&mut self, job: Arc<Job>, now: Timestamp) {
        let id = job.id;
        let old =
            if job.state.is_final() { self.live.remove(&id) } else { self.live.insert(id, Arc::clone(&job)) };
        match old.as_ref().map(|old| &old.state) {
            Some(State::Ready) => self.ready.remove(id),
            Some(State::Scheduled { due }) => {
                self.due.remove(&(*due, id));
            }
            Some(
                State::Running(_) | State::Succeeded { .. } | State::Failed { .. } | State::Cancelled { .. },
            )
            | None => {}
        }
        match job.state {
            State::Ready => self.ready.insert(id),
            State::Scheduled { due } => {
                self.due.insert((due, id));
            }
            State::Running(_) | State::Succeeded { .. } | State::Failed { .. } | State::Cancelled { .. } => {}
        }
        let revision_if_ready = |id| {
            let job = self.live.get(&id)?;
            matches!(job.state, State::Ready).then_some(job.revision)
        };
        self.census.count(old.map(|old| old.state.name()), &job, now, revision_if_ready);
    }
}
