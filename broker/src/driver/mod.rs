//! The only place where the core meets the world: mailbox -> core -> store -> effects.
//!
//! One loop owns the [`Scheduler`]. It takes what waits in its mailbox as one batch, asks the core, hands the
//! records to the store's committer as one group, and carries out what follows once the group is durable. It
//! never waits for the disk: while one group is being synced the next is gathered.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tokio::sync::{broadcast, mpsc, oneshot};
use windlass_core::{
    command::{Answer, AttemptEnd, CallId, Command, Refusal},
    decision::Decision,
    job::Job,
    limits::COUNTER_BITS,
    parked::Fetches,
    schedule::{DueTick, Schedule, TickOutcome},
    scheduler::Scheduler,
};
use windlass_wire::{id::JobId, state::JobState};

mod clock;
mod effect;
mod handle;
mod reads;
mod restore;

pub use self::{
    clock::Clock,
    handle::{Handle, JobEvent, NewCall, NewJob, Refused, Stats},
};
use self::{
    effect::{Effect, Groups},
    handle::{CallRequest, Input},
    reads::{Read, Reads, Wanted},
};
pub use crate::worker::{CallError, LOCAL_WORKER};
use crate::{
    metrics::Metrics,
    store::{Change, Store, StoreError, Target, commit::Unsent},
    worker::{CallWork, JobWork, LocalWorker, Report},
};

/// Requests waiting for the driver; above it whoever asks waits.
const MAILBOX_INPUTS_MAX: usize = 4096;
/// Requests handled as one batch, and so at most in one group.
const BATCH_INPUTS_MAX: usize = 512;
/// Groups on their way to the disk.
const GROUPS_IN_FLIGHT_MAX: usize = 8;
/// Parked jobs that requests wait for; above it whoever asks waits.
const FETCHES_MAX: usize = 4096;
/// Events a subscriber may lag behind before it is told of a gap.
const EVENTS_KEPT_MAX: usize = 4096;
/// Who waits for one job at most; above it the oldest is told to look into the store.
const WAITERS_PER_JOB_MAX: usize = 1024;

/// The ticks of schedules that have come, each to be answered by [`Handle::run_schedule`]. There is one of a schedule
/// at most, and their number has a limit.
pub type Ticks = mpsc::UnboundedReceiver<DueTick>;

/// Owns live jobs and schedules. Made by [`Driver::restore`], used up by [`Driver::run`].
pub struct Driver {
    scheduler: Scheduler,
    store: Store,
    worker: Arc<LocalWorker>,
    clock: Clock,
    metrics: Arc<Metrics>,
    groups: Groups,
    unsent: Option<Vec<Change>>,
    calls: HashMap<CallId, Box<CallRequest>>,
    last_call: u64,
    ticks: mpsc::UnboundedSender<DueTick>,
    waiters: HashMap<JobId, Vec<oneshot::Sender<Option<Arc<Job>>>>>,
    events: broadcast::Sender<JobEvent>,
    last_seq: u64,
    draining: Option<oneshot::Sender<()>>,
    inputs: mpsc::Receiver<Input>,
    /// Requests about parked jobs.
    fetches: Fetches<Input>,
    reads: Reads,
    reports: mpsc::Receiver<Report>,
    durable: mpsc::Receiver<Result<(), StoreError>>,
    tell_durable: mpsc::Sender<Result<(), StoreError>>,
}

impl Driver {
    /// Takes up what the store remembers and offers the worker's slots. Reads the store: call it where blocking
    /// is allowed.
    pub fn restore(
        store: Store,
        worker: Arc<LocalWorker>,
        reports: mpsc::Receiver<Report>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<(Self, Handle, Ticks), StoreError> {
        let (scheduler, decisions) = restore::scheduler(&store, clock.now())?;
        let (to_driver, inputs) = mpsc::channel(MAILBOX_INPUTS_MAX);
        let (tell_durable, durable) = mpsc::channel(GROUPS_IN_FLIGHT_MAX);
        #[expect(
            clippy::disallowed_methods,
            reason = "of each schedule one tick is on its way, and those have a limit"
        )]
        let (ticks, due) = mpsc::unbounded_channel();
        let (events, _) = broadcast::channel(EVENTS_KEPT_MAX);
        let handle = Handle { inputs: to_driver, events: events.clone(), worker: Arc::clone(&worker), clock };
        let last_seq = u64::from(store.start_number()) << COUNTER_BITS;
        let slots = worker.slots();
        let mut driver = Self {
            scheduler,
            fetches: Fetches::default(),
            reads: Reads::new(store.clone()),
            store,
            worker,
            clock,
            metrics,
            groups: Groups::default(),
            unsent: None,
            calls: HashMap::new(),
            last_call: 0,
            ticks,
            waiters: HashMap::new(),
            events,
            last_seq,
            draining: None,
            inputs,
            reports,
            durable,
            tell_durable,
        };
        driver.carry_out(decisions);
        driver.tell(Command::Join { worker: LOCAL_WORKER, slots, lease_millis: None });
        Ok((driver, handle, due))
    }

    /// Drives until drained, until the last handle is gone, or until a write fails, which it answers.
    pub async fn run(mut self) -> Result<(), StoreError> {
        let (mut inputs, mut reports) = (Vec::new(), Vec::new());
        loop {
            self.send_group();
            if self.is_drained() {
                return Ok(());
            }
            let open = self.groups.in_flight() < GROUPS_IN_FLIGHT_MAX && self.unsent.is_none();
            let deadline = self.scheduler.poll_timeout().map(|(at, _)| self.clock.until(at));
            // Every branch is cancel safe: receivers lose nothing when another branch wins, and the pauses are
            // made anew in every round.
            tokio::select! {
                biased;
                Some(outcome) = self.durable.recv() => self.acknowledge(outcome)?,
                read = self.reads.next(), if open => self.take_read(read?),
                count = self.reports.recv_many(&mut reports, BATCH_INPUTS_MAX), if open => {
                    if count == 0 {
                        return Ok(());
                    }
                    for report in reports.drain(..) {
                        self.report(report);
                    }
                }
                count = self.inputs.recv_many(&mut inputs, BATCH_INPUTS_MAX), if open && self.fetches.len() < FETCHES_MAX => {
                    if count == 0 {
                        return Ok(());
                    }
                    for input in inputs.drain(..) {
                        self.input(input, BTreeSet::new());
                    }
                }
                () = pause(deadline), if open => {
                    let decisions = self.scheduler.handle_timeout(self.clock.now());
                    self.carry_out(decisions);
                }
                () = tokio::time::sleep(std::time::Duration::from_millis(1)), if self.unsent.is_some() => {}
            }
        }
    }

    /// Handles a request. About parked jobs other than those `known` not to be it is handled once they have been read.
    fn input(&mut self, input: Input, known: BTreeSet<JobId>) {
        let missing = match &input {
            Input::Command(command, ..) => self.scheduler.missing(command, &known),
            Input::Wait { job, .. } | Input::Waiting(job, _) => {
                Some(*job).filter(|job| !known.contains(job) && self.scheduler.may_be_parked(*job))
            }
            Input::Call(_) | Input::Queues { .. } | Input::Stats(_) | Input::Drain(_) | Input::Cut => None,
        };
        if let Some(job) = missing {
            if self.fetches.wait(job, input, known) {
                self.groups.after(Effect::Fetch(job));
            }
            return;
        }
        match input {
            Input::Command(Command::Submit(_) | Command::SubmitMany(_), answer, _)
                if self.store.is_behind() =>
            {
                drop(answer.send(Err(Refused::Behind)));
            }
            Input::Command(command, answer, pinned) => {
                let done = self.command(command).map_err(Refused::from);
                self.groups.after(Effect::Answer(answer, done, pinned));
            }
            Input::Wait { job, channel, answer } => self.wait(job, &channel, answer),
            Input::Call(request) => self.call(request),
            Input::Queues { channel, answer } => {
                drop(answer.send(self.scheduler.queues(&channel, self.clock.now())));
            }
            Input::Waiting(job, answer) => {
                drop(answer.send(self.scheduler.waiting(job, self.clock.now())));
            }
            Input::Stats(answer) => drop(answer.send(self.stats())),
            Input::Drain(answer) => {
                self.draining = Some(answer);
                self.tell(Command::Drain);
            }
            Input::Cut => self.worker.stop_all(),
        }
    }

    fn take_read(&mut self, read: Read) {
        match read {
            Read::Line(loaded) => self.tell(Command::Loaded(loaded)),
            Read::Job(id, job) => {
                let Some(waiting) = self.fetches.fetched(id, job.is_some()) else {
                    self.groups.after(Effect::Fetch(id));
                    return;
                };
                if let Some(job) = job {
                    self.tell(Command::Fetched(Arc::from(job)));
                }
                for (input, known) in waiting {
                    self.input(input, known);
                }
            }
        }
    }

    fn wait(&mut self, job: JobId, channel: &str, answer: oneshot::Sender<Option<Arc<Job>>>) {
        if self.scheduler.job(job).is_none_or(|job| job.spec.channel != channel) {
            self.groups.after(Effect::AnswerWait(answer));
            return;
        }
        let waiters = self.waiters.entry(job).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        if waiters.len() >= WAITERS_PER_JOB_MAX {
            drop(waiters.remove(0).send(None));
        }
        waiters.push(answer);
    }

    fn call(&mut self, request: Box<CallRequest>) {
        self.last_call += 1;
        let call = CallId(self.last_call);
        let deadline = request.deadline;
        self.calls.insert(call, request);
        if let Err(refusal) = self.command(Command::Call { call, deadline }) {
            self.answer_call(call, Err(refusal.into()));
        }
    }

    /// Answers a call that never got a slot. Whoever asked may have gone meanwhile.
    fn answer_call(&mut self, call: CallId, answer: Result<String, CallError>) {
        drop(self.calls.remove(&call).map(|request| request.answer.send(answer)));
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::CallEnded(call) => {
                self.metrics.calls_ended.inc();
                self.tell(Command::EndCall(call));
            }
            Report::AttemptEnded { fence, job, attempt, end, log, pinned } => {
                if !log.is_empty() {
                    self.record(|change| change.set_log(job, attempt, &log));
                }
                if matches!(end, AttemptEnd::Failed { .. }) {
                    self.metrics.attempts_failed.inc();
                }
                self.tell(Command::EndAttempt { fence, end });
                self.groups.after(Effect::Unpin(pinned));
            }
        }
    }

    /// A command nobody waits for: its refusal means that it came too late to change anything.
    fn tell(&mut self, command: Command) {
        if let Err(refusal) = self.command(command) {
            tracing::debug!(%refusal, "a command changed nothing");
        }
    }

    fn command(&mut self, command: Command) -> Result<Answer, Refusal> {
        let (answer, decisions) = self.scheduler.handle(command, self.clock.now());
        self.carry_out(decisions);
        answer
    }

    fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Accept { job, key, schedule } => {
                    self.groups.submitted(job.id);
                    self.record(|change| {
                        let change = change.set_job(&job)?;
                        let change = key.iter().try_fold(change, Change::set_idempotency_key)?;
                        schedule.iter().try_fold(change, |change, schedule| change.set_schedule(schedule))
                    });
                    self.metrics.ticks_submitted.inc_by(u64::from(has_tick(&job)));
                    self.groups.after(Effect::Publish(job));
                }
                Decision::Save(job) => {
                    self.fetches.changed(job.id);
                    self.record(|change| change.set_job(&job));
                    self.groups.after(Effect::Publish(job));
                }
                Decision::SaveRetried(job) => self.record(|change| change.set_job(&job)),
                Decision::SaveQueue(queue) => self.record(|change| change.set_queue(&queue)),
                Decision::ForgetKey(name) => self.record(|change| change.forget_idempotency_key(&name)),
                Decision::SaveSchedule { schedule, before } => self.record(|change| {
                    let change =
                        before.iter().try_fold(change, |change, before| change.release_args(before))?;
                    change.set_schedule(&schedule)
                }),
                Decision::ForgetSchedule(schedule) => self.record(|change| change.forget_schedule(&schedule)),
                Decision::SkipTick(schedule) => self.skip_tick(&schedule),
                Decision::Load(load) => self.groups.after(Effect::Load(load)),
                // Whoever takes ticks may be gone: then the broker goes down, and they come after its next start.
                Decision::Tick(due) => drop(self.ticks.send(due)),
                Decision::Assign { fence, job, .. } => {
                    self.metrics.leases_granted.inc();
                    let pinned = self.store.try_pin(Target::Job(job.id));
                    let work = JobWork { fence, job, pinned };
                    if self.groups.is_undurable(work.job.id) {
                        self.groups.after(Effect::Assign(work));
                    } else {
                        self.worker.start_job(work);
                    }
                }
                Decision::AssignCall { call, .. } => self.assign_call(call),
                Decision::RefuseCall(call) => {
                    let draining = self.draining.is_some();
                    let why = if draining { Refusal::Draining.into() } else { CallError::Overloaded };
                    self.answer_call(call, Err(why));
                }
                Decision::Stop { fence, .. } => self.groups.after(Effect::Stop(fence)),
            }
        }
    }

    fn skip_tick(&mut self, schedule: &Schedule) {
        self.record(|change| change.set_schedule(schedule));
        let Some(tick) = schedule.recent.first() else { return };
        let (channel, name, tick) = (&schedule.channel, &schedule.name, &tick.outcome);
        let counter = match tick {
            TickOutcome::Missed => &self.metrics.ticks_missed,
            TickOutcome::Overlap => &self.metrics.ticks_overlapped,
            TickOutcome::Refused(failure) => {
                let reason = &failure.message;
                tracing::warn!(channel, schedule = name, reason, "a tick of a schedule submitted no job");
                &self.metrics.ticks_refused
            }
            TickOutcome::Submitted(_) => return,
        };
        counter.inc();
    }

    /// Adds a record to the group. A record that cannot be written is a bug of ours, and going on without it
    /// would break a promise.
    fn record(&mut self, set: impl FnOnce(Change) -> Result<Change, StoreError>) {
        match set(Change::default()) {
            Ok(change) => self.groups.change(change),
            Err(error) => panic_on_unwritable(&error),
        }
    }

    fn assign_call(&mut self, call: CallId) {
        let Some(request) = self.calls.remove(&call) else { return };
        let CallRequest { call: work, deadline, control, answer } = *request;
        let time_left = deadline.map(|deadline| self.clock.until(deadline));
        self.worker.start_call(CallWork {
            call,
            version: work.version,
            handler: work.handler,
            args: work.args,
            time_left,
            control,
            answer,
        });
    }

    fn send_group(&mut self) {
        if self.unsent.is_none() {
            for (queue, plain) in self.scheduler.take_counts() {
                self.record(|change| change.set_plain_jobs(queue, plain));
            }
            let (changes, effects) = self.groups.close();
            self.unsent = changes;
            self.perform(effects);
        }
        let Some(changes) = self.unsent.take() else { return };
        let tell_durable = self.tell_durable.clone();
        // There is room: groups on their way are no more than the channel holds.
        let done = move |outcome| drop(tell_durable.try_send(outcome));
        match self.store.committer().submit(changes, done) {
            Ok(()) => {}
            Err(Unsent { changes, error: StoreError::Busy }) => self.unsent = Some(changes),
            Err(Unsent { error, .. }) => drop(self.tell_durable.try_send(Err(error))),
        }
    }

    fn acknowledge(&mut self, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        outcome?;
        let effects = self.groups.acknowledge();
        self.perform(effects);
        Ok(())
    }

    /// Carries out effects. Whoever asked may have gone meanwhile, so answers may go nowhere.
    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Answer(answer, done, pinned) => {
                    drop(pinned);
                    drop(answer.send(done));
                }
                Effect::AnswerWait(answer) => drop(answer.send(None)),
                Effect::Assign(work) => self.worker.start_job(work),
                Effect::Fetch(job) => self.reads.begin(Wanted::Job(job)),
                Effect::Load(load) => self.reads.begin(Wanted::Line(load)),
                Effect::Publish(job) => self.publish(job),
                Effect::Stop(fence) => self.worker.stop(fence),
                Effect::Unpin(pinned) => drop(pinned),
            }
        }
    }

    fn publish(&mut self, job: Arc<Job>) {
        self.metrics.count_job(&job);
        if job.state.is_final() {
            for waiter in self.waiters.remove(&job.id).unwrap_or_default() {
                drop(waiter.send(Some(Arc::clone(&job))));
            }
        }
        self.last_seq += 1;
        // Nobody may be listening.
        drop(self.events.send(JobEvent { seq: self.last_seq, at: self.clock.now(), job }));
    }

    fn stats(&self) -> Stats {
        let census = self.scheduler.census();
        let live = JobState::ALL.into_iter().filter(|state| !state.is_final());
        Stats {
            states: live.map(|state| (state, census.in_state(state))).collect(),
            oldest_ready: census.oldest_ready(),
            live_jobs: self.scheduler.live_jobs(),
            waiting_calls: self.scheduler.waiting_calls(),
            held_slots: self.scheduler.held_slots(),
        }
    }

    fn is_drained(&mut self) -> bool {
        let idle = self.scheduler.held_slots() == 0 && self.scheduler.waiting_calls() == 0;
        let done = idle && self.groups.is_empty() && self.unsent.is_none() && self.fetches.is_empty();
        match self.draining.take_if(|_| done) {
            Some(answer) => answer.send(()).is_ok() || done,
            None => false,
        }
    }
}

fn has_tick(job: &Job) -> bool {
    job.spec.schedule.as_ref().is_some_and(|origin| origin.tick.is_some())
}

async fn pause(duration: Option<std::time::Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::panic, reason = "the process must not go on with a state it cannot remember")]
fn panic_on_unwritable(error: &StoreError) -> ! {
    panic!("a record that should always fit could not be written: {error}")
}

#[cfg(test)]
mod tests;
