//! The world around the broker: clients, workers, the network between them, time, and what goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use windlass_core::{
    command::{Answer, AttemptEnd, Command, LimitChange, Refusal},
    job::{Failure, Fence, Job, Payload, Spec, State, Timestamp, WorkerId},
    parked::Loaded,
};
use windlass_wire::{code::ErrorCode, id::JobId, job::Usage, state::JobState};

mod checks;
mod clients;
mod purges;
mod schedules;

use self::purges::Prepared;
use crate::{
    broker::{Broker, Change, Disk, Effect, Target},
    chance::Chance,
    judge::{Guarantee, Verdict},
};
use schedules::Ticks;

/// Things that happen in one world before it is left to come to rest.
const STEPS: u64 = 150;
/// Slots of each worker.
const SLOTS: u32 = 2;
/// What tags have as their values.
const TAG_VALUES: [&str; 2] = ["ada", "bob"];
/// A job that does this kills its worker.
const POISON: &str = "poison";

/// What a client asked for and is not answered yet.
#[derive(Debug, Clone)]
enum Asked {
    Submit(Arc<Spec>),
    Cancel(JobId),
    Other,
}

/// A report on its way to the broker.
#[derive(Debug, Clone)]
struct Report {
    at: Timestamp,
    fence: Fence,
    end: AttemptEnd,
    /// What its broker is to keep until it is durable.
    pinned: Vec<Target>,
    start: u32,
}

/// What was read of the disk, on its way to the scheduler.
#[derive(Debug)]
enum Read {
    Line(Loaded),
    Job(JobId, Option<Arc<Job>>),
}

/// How long a worker holds what it runs, as far as the broker let it know.
#[derive(Debug, Clone, Copy)]
struct Hold {
    millis: u64,
    until: Timestamp,
}

/// Everything there is.
pub(crate) struct World {
    chance: Chance,
    /// About so many jobs of a line are not parked.
    window_jobs: usize,
    now: Timestamp,
    start: u32,
    disk: Disk,
    broker: Broker,
    verdict: Verdict,
    workers: BTreeSet<WorkerId>,
    last_worker: u64,
    /// Those of them, and of the lost ones of this start, that have leases.
    holds: BTreeMap<WorkerId, Hold>,
    /// Workers on their way to say that they live.
    extends: Vec<(Timestamp, WorkerId)>,
    is_resting: bool,
    /// What workers run, whether the broker still knows or not.
    runs: BTreeMap<Fence, (WorkerId, Arc<Job>)>,
    network: Vec<Report>,
    reads: VecDeque<Read>,
    asked: BTreeMap<u64, Asked>,
    last_request: u64,
    /// Jobs that were accepted as far as clients know, and by which key.
    accepted: BTreeSet<JobId>,
    by_key: BTreeMap<String, BTreeSet<JobId>>,
    cancelled: BTreeSet<JobId>,
    finals: BTreeMap<JobId, State>,
    /// When the limits of a queue changed last.
    limited_at: BTreeMap<String, Timestamp>,
    /// When runs were granted in this start of the broker.
    started: Vec<(Timestamp, Arc<Job>)>,
    /// The latest time any broker has seen.
    latest: Timestamp,
    /// Unanswered submissions with a key, which the client repeats.
    unknown: Vec<Arc<Spec>>,
    ticks: Ticks,
    /// Submissions whose arguments are on the disk, and that have not reached the broker.
    prepared: Vec<Prepared>,
}

fn is_poison(job: &Job) -> bool {
    matches!(&job.spec.args, Payload::Inline(args) if **args == *POISON)
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let now = Timestamp(1_000_000);
        let disk = Disk::default();
        let mut chance = Chance::new(seed);
        let window_jobs = usize::try_from(1 + chance.below(3)).unwrap_or(1);
        let broker = Broker::start(1, &disk, window_jobs, now);
        let mut world = Self {
            chance,
            window_jobs,
            now,
            start: 1,
            disk,
            broker,
            verdict: Verdict::default(),
            workers: BTreeSet::new(),
            last_worker: 0,
            holds: BTreeMap::new(),
            extends: Vec::new(),
            is_resting: false,
            runs: BTreeMap::new(),
            network: Vec::new(),
            reads: VecDeque::new(),
            asked: BTreeMap::new(),
            last_request: 0,
            accepted: BTreeSet::new(),
            by_key: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            finals: BTreeMap::new(),
            limited_at: BTreeMap::new(),
            started: Vec::new(),
            latest: now,
            unknown: Vec::new(),
            ticks: Ticks::default(),
            prepared: Vec::new(),
        };
        world.join();
        world.join();
        world
    }

    /// Lets the world happen and come to rest; answers what was judged, and a digest of all that is left.
    pub(crate) fn run(mut self) -> (Verdict, u64) {
        for _ in 0..STEPS {
            self.step();
            self.settle();
        }
        self.come_to_rest();
        let mut hasher = DefaultHasher::new();
        format!("{:?}", self.disk).hash(&mut hasher);
        (self.verdict, hasher.finish())
    }

    fn step(&mut self) {
        match self.chance.below(116) {
            0..24 => self.submit(),
            24..29 => self.repeat(),
            29..35 => self.cancel(),
            35..39 => self.release(),
            39..45 => self.limit(),
            45..62 => self.end_a_run(),
            62..66 => self.lose_a_worker(),
            66..70 => self.restart(),
            70..72 => self.purge_queue(),
            72..74 => self.retry(),
            74..79 => self.change_schedule(),
            79..80 => self.trigger(),
            80..83 => self.ask_prepared(),
            83..85 => self.purge_some_job(),
            85..89 => self.purge_due(),
            89..92 => self.sweep(),
            92..100 => self.extend(),
            _ => {
                let pause = self.chance.below(1200);
                self.pass(pause);
            }
        }
    }

    /// What happens by itself at this time: groups become durable sooner or later, reports arrive, time is up.
    fn settle(&mut self) {
        self.arrive();
        let overdue =
            |world: &Self| world.broker.scheduler.poll_timeout().is_some_and(|(at, _)| at <= world.now);
        if self.broker.is_open() && overdue(self) {
            let decisions = self.broker.scheduler.handle_timeout(self.now);
            self.broker.carry_out(decisions);
        }
        let is_open = self.broker.is_open();
        if is_open {
            self.take_reads();
            self.check_order();
            self.check_expired();
            self.check_leases();
        }
        self.broker.send();
        while !self.broker.writing.is_empty() && self.chance.percent(60) {
            self.commit();
        }
        self.effects();
        if is_open {
            self.check_ticks_come();
        }
        self.check_running();
        self.check_children();
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.plus_millis(millis);
        self.latest = self.latest.max(self.now);
    }

    fn join(&mut self) {
        self.last_worker += 1;
        let worker = WorkerId(self.last_worker);
        self.workers.insert(worker);
        let lease_millis =
            (!self.is_resting && self.chance.percent(40)).then(|| 500 + self.chance.below(3000));
        if let Some(millis) = lease_millis {
            self.holds.insert(worker, Hold { millis, until: self.now.plus_millis(millis) });
        }
        let joined = self.broker.tell(Command::Join { worker, slots: SLOTS, lease_millis }, self.now);
        assert_eq!(joined, Ok(Answer::Done));
    }

    /// Workers with leases say that they live; it arrives late, twice or not at all.
    fn extend(&mut self) {
        let held = self.workers.iter().filter(|worker| self.holds.contains_key(worker));
        for worker in held.copied().collect::<Vec<_>>() {
            for _ in 0..[0, 1, 1, 1, 2][usize::try_from(self.chance.below(5)).unwrap_or_default()] {
                let late = if self.chance.percent(30) { self.chance.below(3000) } else { 0 };
                self.extends.push((self.now.plus_millis(late), worker));
            }
        }
    }

    /// Whether the lease of a worker has ended.
    fn is_over(&self, worker: WorkerId) -> bool {
        self.holds.get(&worker).is_some_and(|hold| hold.until <= self.now)
    }

    /// A worker says that it lives. One whose lease has ended learns that it was given up.
    fn extended(&mut self, worker: WorkerId) {
        if !self.workers.contains(&worker) {
            return;
        }
        let in_time = !self.is_over(worker);
        let told = self.broker.tell(Command::Extend(worker), self.now);
        let story = || format!("{worker:?} was answered {told:?} at {:?}", self.now);
        self.verdict.judge(Guarantee::Leases, told.is_ok() == in_time, story);
        if let (Ok(_), Some(hold)) = (told, self.holds.get_mut(&worker)) {
            hold.until = self.now.plus_millis(hold.millis);
        } else {
            self.lose(worker);
        }
    }

    /// A run ends, and its report goes on its way: late, or twice.
    fn end_a_run(&mut self) {
        let fences: Vec<_> = self.runs.keys().copied().collect();
        if let Some(fence) = self.chance.any(fences.into_iter()) {
            self.end_run(fence);
        }
    }

    fn end_run(&mut self, fence: Fence) {
        let Some((worker, job)) = self.runs.get(&fence).cloned() else { return };
        self.runs.remove(&fence);
        if is_poison(&job) {
            if self.workers.contains(&worker) {
                self.lose(worker);
            }
            return;
        }
        let failure = Failure { code: ErrorCode::Trap, message: String::new(), detail: None };
        let usage = Usage::default();
        let end = match self.chance.below(10) {
            0..4 => AttemptEnd::Completed { result: Payload::Inline("1".into()), usage },
            4..6 => AttemptEnd::Completed { result: Payload::Blob(self.some_blob()), usage },
            6..9 => AttemptEnd::Failed { failure, usage },
            _ => AttemptEnd::Stopped,
        };
        let copies = if self.chance.percent(20) { 2 } else { 1 };
        for _ in 0..copies {
            let late = if self.chance.percent(30) { self.chance.below(5000) } else { 0 };
            let pinned = self.keep_result(&end);
            let (at, start) = (self.now.plus_millis(late), self.start);
            self.network.push(Report { at, fence, end: end.clone(), pinned, start });
        }
    }

    fn lose_a_worker(&mut self) {
        if let Some(worker) = self.chance.any(self.workers.iter().copied()) {
            self.lose(worker);
        }
    }

    /// The connection is gone, and with it what was not sent yet; some of its runs go on, unknown to anybody.
    fn lose(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
        let go_on = self.chance.percent(50);
        self.runs.retain(|_, (runs_at, job)| *runs_at != worker || go_on && !is_poison(job));
        drop(self.broker.tell(Command::Lose(worker), self.now));
        self.join();
    }

    /// Power is lost: of the groups on their way a beginning is on the disk, perhaps a part of one. The machine's
    /// clock may be wrong afterwards.
    fn restart(&mut self) {
        self.broker.send();
        while let Some(mut group) = self.broker.writing.pop_front() {
            let (whole, count) = (self.chance.percent(50), group.changes.len() as u64);
            let kept = if whole { count } else { self.chance.below(count + 1) };
            group.changes.truncate(usize::try_from(kept).unwrap_or_default());
            for change in group.changes {
                self.write(change);
            }
            if !whole {
                break;
            }
        }
        for asked in std::mem::take(&mut self.asked).into_values() {
            if let Asked::Submit(spec) = asked
                && spec.idempotency.is_some()
            {
                self.unknown.push(spec);
            }
        }
        self.prepared.clear();
        self.reads.clear();
        self.start += 1;
        self.now = match self.chance.below(4) {
            0 => Timestamp(self.now.0.saturating_sub(self.chance.below(600_000))),
            1 => self.now.plus_millis(self.chance.below(600_000)),
            _ => self.now,
        };
        self.latest = self.latest.max(self.now);
        self.limited_at.values_mut().for_each(|at| *at = self.now);
        self.started.clear();
        self.check_survivors();
        self.ticks.forget();
        self.broker = Broker::start(self.start, &self.disk, self.window_jobs, self.now);
        self.workers.clear();
        self.holds.clear();
        self.extends.clear();
        self.join();
        self.join();
    }

    fn commit(&mut self) {
        if let Some(group) = self.broker.writing.front() {
            for change in group.changes.clone() {
                self.check_written(&change);
            }
        }
        self.broker.commit(&mut self.disk);
    }

    fn write(&mut self, change: Change) {
        self.check_written(&change);
        self.disk.write(change);
    }

    /// Reports that have arrived by now. One whose lease is over must change nothing.
    fn arrive(&mut self) {
        self.run_ticks();
        let (arrived, left) =
            std::mem::take(&mut self.network).into_iter().partition(|report| report.at <= self.now);
        self.network = left;
        let (living, left) =
            std::mem::take(&mut self.extends).into_iter().partition(|(at, _)| *at <= self.now);
        self.extends = left;
        for (_, worker) in living {
            self.extended(worker);
        }
        for Report { fence, end, pinned, start, .. } in arrived {
            let leases = || self.broker.jobs.values().filter_map(|job| job.lease());
            let is_held = leases().any(|lease| lease.fence == fence && !self.is_over(lease.worker));
            let knows_it = is_held && fence.0 >> 40 == u64::from(self.start);
            // What a worker loses whose lease has just ended goes back.
            let some_end = leases().any(|lease| self.is_over(lease.worker));
            let before = self.broker.jobs.clone();
            let told = self.broker.tell(Command::EndAttempt { fence, end }, self.now);
            if start == self.start {
                self.broker.groups.after(Effect::Unpin(pinned));
            }
            if !knows_it {
                // A slot may become free and go to another job; but no job may have ended or gone back.
                let ended = |id: &JobId, job: &Arc<Job>| {
                    let now = &self.broker.jobs[id];
                    now.revision != job.revision && now.state.name() != JobState::Running
                };
                let changed = before.iter().any(|(id, job)| ended(id, job));
                let story = || format!("{fence:?} is stale and was answered {told:?}");
                let held = told.is_err() && (some_end || !changed);
                self.verdict.judge(Guarantee::StaleChangesNothing, held, story);
            }
        }
    }

    /// Some of what was read arrives, in any order.
    fn take_reads(&mut self) {
        while !self.reads.is_empty() && (self.is_resting || self.chance.percent(15)) {
            let index = self.chance.below(self.reads.len() as u64);
            let Some(read) = self.reads.remove(usize::try_from(index).unwrap_or_default()) else { return };
            match read {
                Read::Line(loaded) => drop(self.broker.tell(Command::Loaded(loaded), self.now)),
                Read::Job(id, job) => self.broker.fetched(id, job, self.now),
            }
        }
    }

    fn effects(&mut self) {
        while let Some(effect) = self.broker.effects.pop_front() {
            match effect {
                Effect::Answer(request, answer, pinned) => {
                    self.broker.unpin(pinned);
                    self.answered(request, answer);
                }
                Effect::Assign(worker, fence, job) => self.assigned(worker, fence, job),
                Effect::Stop(fence) => self.stopped(fence),
                Effect::Tick(due) => self.tick_came(due),
                Effect::Load(load) => self.reads.push_back(Read::Line(self.disk.load(load))),
                Effect::Fetch(id) => self.reads.push_back(Read::Job(id, self.disk.jobs.get(&id).cloned())),
                Effect::Unpin(pinned) => self.broker.unpin(pinned),
            }
        }
    }

    fn answered(&mut self, request: u64, answer: Result<Answer, Refusal>) {
        match (self.asked.remove(&request), answer) {
            (Some(Asked::Submit(spec)), Ok(Answer::Submitted(id))) => {
                self.accepted.insert(id);
                if let Some(asked) = &spec.idempotency {
                    let jobs = self.by_key.entry(asked.key.clone()).or_default();
                    jobs.insert(id);
                    let one = jobs.len() == 1;
                    self.verdict
                        .judge(Guarantee::OneKeyOneJob, one, || format!("`{}` became {jobs:?}", asked.key));
                }
            }
            (Some(Asked::Cancel(id)), Ok(_)) => {
                self.cancelled.insert(id);
            }
            (Some(Asked::Submit(_)), Err(Refusal::KeyTaken(_) | Refusal::Full(_))) => {
                panic!("the same key comes with the same request, and there is room");
            }
            _ => {}
        }
    }

    /// A worker gets a job, and runs it if it is still there.
    fn assigned(&mut self, worker: WorkerId, fence: Fence, job: Arc<Job>) {
        let on_disk = self.disk.jobs.contains_key(&job.id);
        self.verdict
            .judge(Guarantee::WholeOrNothing, on_disk, || format!("{} runs before it is durable", job.id));
        self.check_start(&job);
        self.check_rates(&job);
        if self.workers.contains(&worker) {
            self.runs.insert(fence, (worker, job));
        }
    }

    fn stopped(&mut self, fence: Fence) {
        if self.runs.contains_key(&fence) && self.chance.percent(80) {
            self.runs.remove(&fence);
            let (at, start, end) = (self.now, self.start, AttemptEnd::Stopped);
            self.network.push(Report { at, fence, end, pinned: Vec::new(), start });
        }
    }

    /// Faults stop: everything accepted becomes final.
    fn come_to_rest(&mut self) {
        self.is_resting = true;
        let held = self.workers.iter().filter(|worker| self.holds.contains_key(worker));
        for worker in held.copied().collect::<Vec<_>>() {
            self.lose(worker);
        }
        self.extends.clear();
        for queue in ["q0", "q1", "q2"] {
            let change = LimitChange { is_paused: Some(false), ..LimitChange::default() };
            let open = Command::LimitQueue { channel: "0".into(), name: queue.into(), change };
            drop(self.broker.tell(open, self.now));
        }
        self.delete_schedules();
        for _ in 0..3_000 {
            while !self.broker.writing.is_empty() {
                self.commit();
            }
            self.effects();
            self.release_all();
            for fence in self.runs.keys().copied().collect::<Vec<_>>() {
                self.end_run(fence);
            }
            let next = self.broker.scheduler.poll_timeout().map(|(at, _)| at);
            let arrives = self.network.iter().map(|report| report.at).min();
            // A read of the disk takes no day.
            let reads = !self.reads.is_empty() || !self.broker.fetches.is_empty();
            if let Some(at) = next.into_iter().chain(arrives).min().filter(|_| !reads) {
                self.pass(at.0.saturating_sub(self.now.0));
            }
            self.settle();
            let idle = self.broker.groups.is_empty() && self.network.is_empty() && self.runs.is_empty();
            let idle = idle && self.reads.is_empty() && self.broker.fetches.is_empty();
            // Asked anew: what has just arrived may have set a time.
            let waits = self.broker.scheduler.poll_timeout().is_some();
            let is_done = self.broker.jobs.values().all(|job| job.state.is_final());
            if idle && (is_done || !waits) {
                break;
            }
        }
        self.check_survivors();
        for id in self.accepted.clone() {
            let is_final = self.state_on_disk(id).is_some_and(JobState::is_final);
            self.verdict
                .judge(Guarantee::BecomesFinal, is_final, || format!("{:?}", self.disk.jobs.get(&id)));
        }
        self.purge_the_rest();
    }

    fn release_all(&mut self) {
        let held = |job: &Job| matches!(job.state, State::Held | State::Blocked { held: true, .. });
        let held: Vec<_> = self.broker.jobs.values().filter(|job| held(job)).map(|job| job.id).collect();
        for job in held {
            drop(self.broker.tell(Command::Release { job, channel: "0".into() }, self.now));
        }
    }
}
